//! `cargo xtask bench state`: how much of an apply is the keeping of its state.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::build;

/// How many resources are made.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// The size that the share is told of, and how often it is measured; the median counts.
const WEIGHED: usize = 10_000;
const RUNS: usize = 5;

/// Prints, for applies of `terraform_data` of several sizes, how long the whole apply took, what
/// part of that its journal and its snapshot were, and how many bytes they have per resource.
/// Without `program`, the release build is made and used.
pub(crate) fn state(root: &Path, program: Option<&str>) -> Result<()> {
    let bench = Bench {
        muster: match program {
            Some(program) => std::path::absolute(program)?,
            None => build(root)?,
        },
        dir: tempfile::tempdir()?,
    };
    println!(
        "{:<28} {:>9} {:>9} {:>9} {:>7} {:>14} {:>14}",
        "apply of terraform_data", "run", "journal", "snapshot", "share", "journal", "state"
    );
    for size in SIZES {
        let runs = if size == WEIGHED { RUNS } else { 1 };
        bench.line(&format!("{size} instances"), size, runs, &counted(size))?;
    }
    bench.line(
        &format!("{WEIGHED} blocks"),
        WEIGHED,
        RUNS,
        &blocks(WEIGHED),
    )
}

/// One block with instances.
fn counted(size: usize) -> String {
    format!(
        "resource \"terraform_data\" \"r\" {{\n  count = {size}\n  input = format(\"value %06d\", count.index)\n}}\n"
    )
}

/// A block each.
fn blocks(size: usize) -> String {
    let mut text = String::new();
    for n in 0..size {
        let _ = write!(
            text,
            "resource \"terraform_data\" \"r{n:06}\" {{\n  input = \"value {n:06}\"\n}}\n\n"
        );
    }
    text
}

struct Bench {
    muster: PathBuf,
    dir: tempfile::TempDir,
}

/// What one apply took, in seconds and bytes.
#[derive(Clone, Copy)]
struct Figures {
    run: f64,
    journal: f64,
    snapshot: f64,
    share: f64,
    journal_bytes: f64,
    state_bytes: f64,
}

impl Bench {
    fn line(&self, what: &str, size: usize, runs: usize, config: &str) -> Result<()> {
        let mut all = Vec::with_capacity(runs);
        for _ in 0..runs {
            all.push(self.apply(config)?);
        }
        all.sort_by(|a, b| a.share.total_cmp(&b.share));
        let found = all[runs / 2];
        let ms = |seconds: f64| format!("{:.1} ms", seconds * 1000.0);
        let each = |bytes: f64| format!("{:.1} B/resource", bytes / size as f64);
        println!(
            "{what:<28} {:>9} {:>9} {:>9} {:>6.1}% {:>14} {:>14}",
            ms(found.run),
            ms(found.journal),
            ms(found.snapshot),
            found.share * 100.0,
            each(found.journal_bytes),
            each(found.state_bytes),
        );
        Ok(())
    }

    /// Applies a configuration in an empty folder.
    fn apply(&self, config: &str) -> Result<Figures> {
        let folder = tempfile::tempdir_in(self.dir.path())?;
        fs::write(folder.path().join("main.tf"), config)?;
        let output = Command::new(&self.muster)
            .args(["apply", "-auto-approve", "-profile", "-json"])
            .current_dir(folder.path())
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_CONFIG_FILE", "none")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .with_context(|| format!("{} cannot be run", self.muster.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("{} apply: {error}{text}", self.muster.display());
        }
        let last = text.lines().last().unwrap_or_default();
        let document: Value = serde_json::from_str(last).context("no profile")?;
        let state = fs::metadata(folder.path().join("terraform.tfstate"))?.len();
        figures(&document["profile"], state).context("the profile does not tell of the state")
    }
}

fn figures(profile: &Value, state_bytes: u64) -> Option<Figures> {
    let phases = profile["phases"].as_array()?.iter();
    let phases: f64 = phases.filter_map(|phase| phase["seconds"].as_f64()).sum();
    let state = &profile["state"];
    let number = |name: &str| state[name].as_f64();
    let snapshot = number("snapshot_seconds")?;
    Some(Figures {
        run: phases + snapshot,
        journal: number("journal_seconds")? + number("sync_seconds")?,
        snapshot,
        share: number("share")?,
        journal_bytes: number("journal_bytes")?,
        state_bytes: state_bytes as f64,
    })
}
