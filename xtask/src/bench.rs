//! Times the release build beside `terraform`, in one run on one machine.

mod lang;
mod measure;
mod state;

pub(crate) use lang::lang;
pub(crate) use measure::measure;
pub(crate) use state::state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs per figure; the median counts.
const RUNS: usize = 7;

/// `cargo xtask bench start`: how long the program takes before, and for, the least of work.
pub(crate) fn start(root: &Path) -> Result<()> {
    let muster = build(root)?;
    let terraform = find("terraform");
    if terraform.is_none() {
        println!("terraform is not on PATH: its columns stay empty");
    }
    let bench = Bench {
        muster,
        terraform,
        dir: tempfile::tempdir()?,
    };
    println!(
        "{:<44} {:>10} {:>10} {:>7}",
        "", "muster", "terraform", "ratio"
    );
    bench.version()?;
    bench.one_resource()?;
    bench.quickstart(root)?;
    bench.idle_provider()?;
    Ok(())
}

struct Bench {
    muster: PathBuf,
    terraform: Option<PathBuf>,
    dir: tempfile::TempDir,
}

/// Cargo as it is when somebody calls it. What `cargo run` tells this program about itself would
/// make build scripts run again, and with them most of the build.
fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(root);
    cargo
}

/// Builds the program as it is released.
pub(crate) fn build(root: &Path) -> Result<PathBuf> {
    let status = cargo(root)
        .args(["build", "--release", "-p", "muster-cli"])
        .status()
        .context("cargo cannot be run")?;
    if !status.success() {
        bail!("the release build failed");
    }
    Ok(root.join("target/release/muster"))
}

fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|p| p.is_file())
}

impl Bench {
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    fn run(
        &self,
        program: &Path,
        dir: &Path,
        args: &[&str],
        config: Option<&Path>,
    ) -> Result<Duration> {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("CHECKPOINT_DISABLE", "1");
        command.env("TF_CLI_CONFIG_FILE", config.unwrap_or(Path::new("none")));
        let begin = Instant::now();
        let output = command.stderr(Stdio::piped()).output()?;
        let elapsed = begin.elapsed();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr);
            bail!("{} {}: {error}", program.display(), args.join(" "));
        }
        Ok(elapsed)
    }

    /// The median of several runs; `before` is not timed.
    fn median(
        &self,
        program: &Path,
        dir: &Path,
        args: &[&str],
        config: Option<&Path>,
        mut before: impl FnMut() -> Result<()>,
    ) -> Result<Duration> {
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            before()?;
            times.push(self.run(program, dir, args, config)?);
        }
        times.sort();
        Ok(times[RUNS / 2])
    }

    fn line(&self, what: &str, ours: Duration, theirs: Option<Duration>) {
        let ms = |d: Duration| format!("{:.1} ms", d.as_secs_f64() * 1000.0);
        let ratio = theirs.map(|t| format!("{:.2}", ours.as_secs_f64() / t.as_secs_f64()));
        let theirs = theirs.map(ms).unwrap_or_default();
        println!(
            "{what:<44} {:>10} {theirs:>10} {:>7}",
            ms(ours),
            ratio.unwrap_or_default()
        );
    }

    fn version(&self) -> Result<()> {
        let dir = self.folder("version")?;
        let ours = self.median(&self.muster, &dir, &["version"], None, || Ok(()))?;
        let theirs = match &self.terraform {
            Some(t) => Some(self.median(t, &dir, &["version"], None, || Ok(()))?),
            None => None,
        };
        self.line("version", ours, theirs);
        Ok(())
    }

    fn one_resource(&self) -> Result<()> {
        let dir = self.folder("one")?;
        fs::write(
            dir.join("main.tf"),
            "resource \"terraform_data\" \"one\" {\n  input = 1\n}\n",
        )?;
        let ours = self.median(&self.muster, &dir, &["plan"], None, || Ok(()))?;
        let theirs = match &self.terraform {
            Some(t) => {
                self.run(t, &dir, &["init"], None)?;
                Some(self.median(t, &dir, &["plan"], None, || Ok(()))?)
            }
            None => None,
        };
        self.line("plan of one terraform_data", ours, theirs);
        Ok(())
    }

    fn quickstart(&self, root: &Path) -> Result<()> {
        let dir = self.folder("quickstart")?;
        copy(&root.join("examples/quickstart"), &dir)?;
        let clean = || {
            for name in ["terraform.tfstate", "terraform.tfstate.backup"] {
                let _ = fs::remove_file(dir.join(name));
            }
            let _ = fs::remove_dir_all(dir.join(".muster"));
            Ok(())
        };
        let apply = ["apply", "-auto-approve"];
        let ours = self.median(&self.muster, &dir, &apply, None, clean)?;
        let theirs = match (&self.terraform, self.plugin(root)?) {
            (Some(t), Some(config)) => {
                self.run(t, &dir, &["get"], Some(&config))?;
                Some(self.median(t, &dir, &apply, Some(&config), clean)?)
            }
            _ => None,
        };
        self.line("apply of examples/quickstart", ours, theirs);
        Ok(())
    }

    /// A CLI configuration that has our provider as a program of its own.
    fn plugin(&self, root: &Path) -> Result<Option<PathBuf>> {
        if self.terraform.is_none() {
            return Ok(None);
        }
        let status = cargo(root)
            .args(["build", "--release", "-p", "muster-muster", "--bins"])
            .status()?;
        if !status.success() {
            return Ok(None);
        }
        let path = self.dir.path().join("plugin.tfrc");
        let text = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"muster/muster\" = {:?}\n  }}\n  direct {{}}\n}}\n",
            root.join("target/release")
        );
        fs::write(&path, text)?;
        Ok(Some(path))
    }

    fn idle_provider(&self) -> Result<()> {
        let Some(mirror) = std::env::var_os("TF_PLUGIN_MIRROR") else {
            println!("TF_PLUGIN_MIRROR is not set: no figure for the AWS provider");
            return Ok(());
        };
        let dir = self.folder("aws")?;
        fs::write(
            dir.join("main.tf"),
            "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\n\nprovider \"aws\" {\n  region = \"us-east-1\"\n}\n\nresource \"terraform_data\" \"one\" {\n  input = 1\n}\n",
        )?;
        let config = dir.join("mirror.tfrc");
        let text = format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"
        );
        fs::write(&config, text)?;
        self.run(&self.muster, &dir, &["plan"], Some(&config))?;
        let ours = self.median(&self.muster, &dir, &["plan"], Some(&config), || Ok(()))?;
        let theirs = match &self.terraform {
            Some(t) => {
                self.run(t, &dir, &["init"], Some(&config))?;
                Some(self.median(t, &dir, &["plan"], Some(&config), || Ok(()))?)
            }
            None => None,
        };
        self.line("plan with the AWS provider, nothing of AWS", ours, theirs);
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') || name.to_string_lossy().contains("tfstate") {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
