//! Checks what the compiler does not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::codegen;

/// The floor of every crate: it may use only crates on lower floors.
const FLOORS: &[(&str, u8)] = &[
    ("muster-addr", 0),
    ("muster-value", 0),
    ("muster-lang", 1),
    ("muster-schema", 1),
    ("muster-config", 2),
    ("muster-provider", 2),
    ("muster-snapshot", 2),
    ("muster-eval", 3),
    ("muster-plan", 3),
    ("muster-store", 3),
    ("muster-planner", 4),
    ("muster-applier", 4),
    ("muster-wire", 4),
    ("muster-client", 5),
    ("muster-sdk", 5),
    ("muster-muster", 6),
    ("muster-run", 7),
    ("muster-render", 7),
    ("muster-cli", 9),
    ("xtask", 10),
];

/// Lines after which a file wants to be two.
const LONGEST: usize = 700;

/// Runs all checks and reports everything that is wrong.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut problems = Vec::new();
    let files = tracked(root)?;
    check_floors(root, &files, &mut problems)?;
    check_sources(root, &files, &mut problems)?;
    check_generated(root, &mut problems)?;
    if problems.is_empty() {
        return Ok(());
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    bail!("{} problems", problems.len())
}

/// All files that git knows.
fn tracked(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output();
    let output = output.context("git cannot be run")?;
    if !output.status.success() {
        bail!(
            "git ls-files: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(names
        .split('\0')
        .filter(|n| !n.is_empty())
        .map(PathBuf::from)
        .collect())
}

fn check_floors(root: &Path, files: &[PathBuf], problems: &mut Vec<String>) -> Result<()> {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    for path in files
        .iter()
        .filter(|p| p.ends_with("Cargo.toml") && p.components().count() > 1)
    {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else {
            continue;
        };
        let shown = path.display();
        let Some(name) = package_name(&text) else {
            continue;
        };
        if !text.contains("[lints]\nworkspace = true") {
            problems.push(format!("{shown}: the lints of the workspace are not used"));
        }
        let example = path.starts_with("examples");
        let floor = match floors.get(name) {
            Some(floor) => *floor,
            None if example => 8,
            None => {
                problems.push(format!(
                    "{shown}: the crate {name} has no floor in xtask/src/tidy.rs"
                ));
                continue;
            }
        };
        for used in dependencies(&text) {
            let below = floors.get(used).is_none_or(|f| *f < floor);
            if !below {
                problems.push(format!(
                    "{shown}: {name} (floor {floor}) uses {used}, which is not below it"
                ));
            }
        }
    }
    Ok(())
}

fn package_name(text: &str) -> Option<&str> {
    let line = text.lines().find(|l| l.starts_with("name = "))?;
    line.split('"').nth(1)
}

/// Crates of this workspace that the program itself uses; tests may use any.
fn dependencies(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]" || line == "[build-dependencies]";
        } else if inside && line.starts_with("muster-") {
            found.extend(line.split(['.', ' ', '=']).next());
        }
    }
    found
}

fn check_sources(root: &Path, files: &[PathBuf], problems: &mut Vec<String>) -> Result<()> {
    // Spelled in parts, or this file would accuse itself.
    let unwanted = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[al", "low("),
    ];
    for path in files
        .iter()
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
    {
        if path.starts_with(codegen::FOLDER) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root.join(path)) else {
            continue;
        };
        let lines = text.lines().count();
        if lines > LONGEST {
            problems.push(format!(
                "{}: {lines} lines; more than {LONGEST} want to be two files",
                path.display()
            ));
        }
        for (i, line) in text.lines().enumerate() {
            for word in unwanted.iter().filter(|w| line.contains(**w)) {
                problems.push(format!("{}:{}: {word} is left in", path.display(), i + 1));
            }
        }
    }
    Ok(())
}

fn check_generated(root: &Path, problems: &mut Vec<String>) -> Result<()> {
    let fresh = tempfile::tempdir().context("no temporary directory can be made")?;
    codegen::generate(root, fresh.path())?;
    for entry in std::fs::read_dir(fresh.path())? {
        let entry = entry?;
        let kept = root.join(codegen::FOLDER).join(entry.file_name());
        if std::fs::read(entry.path())? != std::fs::read(&kept).unwrap_or_default() {
            problems.push(format!(
                "{}: not what `cargo xtask codegen` gives",
                kept.display()
            ));
        }
    }
    Ok(())
}
