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
    ("muster-encryption", 4),
    ("muster-planner", 4),
    ("muster-applier", 4),
    ("muster-http", 4),
    ("muster-postgres", 4),
    ("muster-s3", 4),
    ("muster-wire", 4),
    ("muster-client", 5),
    ("muster-install", 5),
    ("muster-sdk", 5),
    ("muster-modules", 6),
    ("muster-why", 4),
    ("muster-muster", 6),
    ("muster-run", 7),
    ("muster-render", 7),
    ("muster-test", 8),
    ("muster-cli", 9),
    ("muster-fuzz", 10),
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
    for line in text.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            // Also of one platform: `[target.'cfg(unix)'.dependencies]`.
            let table = table.split(']').next().unwrap_or_default();
            let (owner, last) = table.rsplit_once('.').unwrap_or(("", table));
            inside = is_used(last);
            // A table for one dependency: `[dependencies.muster-value]`.
            if last.starts_with("muster-") && is_used(owner.rsplit('.').next().unwrap_or(owner)) {
                found.push(last);
            }
        } else if inside && line.starts_with("muster-") {
            found.extend(line.split(['.', ' ', '=']).next());
        }
    }
    found
}

fn is_used(table: &str) -> bool {
    matches!(table, "dependencies" | "build-dependencies")
}

fn check_sources(root: &Path, files: &[PathBuf], problems: &mut Vec<String>) -> Result<()> {
    // Spelled in parts, or this file would accuse itself.
    let unwanted = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[al", "low("),
    ];
    for path in files.iter().filter(|p| is_written_here(p)) {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else {
            continue;
        };
        let lines = text.lines().count();
        if lines > LONGEST && path.extension().is_some_and(|e| e == "rs") {
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

/// Sources, manifests, scripts and documents, but neither generated code nor recorded data.
fn is_written_here(path: &Path) -> bool {
    let kinds = ["rs", "toml", "md", "proto", "sh", "tf", "hcl"];
    let kind = path.extension().and_then(|e| e.to_str());
    let recorded = path
        .iter()
        .any(|part| part == "testdata" || part == "data" || part == "cases");
    !path.starts_with(codegen::FOLDER)
        && match kind {
            Some("rs") => true,
            Some(kind) => kinds.contains(&kind) && !recorded,
            None => path.starts_with(".ci"),
        }
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
    for entry in std::fs::read_dir(root.join(codegen::FOLDER))? {
        let entry = entry?;
        if !fresh.path().join(entry.file_name()).exists() {
            problems.push(format!(
                "{}: `cargo xtask codegen` does not give this file any more",
                entry.path().display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of a workspace of one crate with this manifest.
    fn floors(manifest: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = PathBuf::from("one/Cargo.toml");
        std::fs::create_dir(dir.path().join("one")).unwrap();
        std::fs::write(dir.path().join(&path), manifest).unwrap();
        let mut problems = Vec::new();
        check_floors(dir.path(), &[path], &mut problems).unwrap();
        problems
    }

    fn check(manifest: &str, expect: &[&str]) {
        let problems = floors(manifest);
        assert_eq!(problems.len(), expect.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expect) {
            assert!(problem.contains(part), "{problem}");
        }
    }

    const LINTS: &str = "[lints]\nworkspace = true\n";

    fn lang(rest: &str) -> String {
        format!("[package]\nname = \"muster-lang\"\n{LINTS}{rest}\n")
    }

    #[test]
    fn crates_use_only_what_is_below_them() {
        check(&lang("[dependencies]\nmuster-value.workspace = true"), &[]);
        let up = "muster-lang (floor 1) uses muster-config";
        check(
            &lang("[dependencies]\nmuster-config.workspace = true"),
            &[up],
        );
        check(
            &lang("[dependencies]\nmuster-config = { path = \"x\" }"),
            &[up],
        );
        check(&lang("[dependencies.muster-config]\npath = \"x\""), &[up]);
        check(&lang("[build-dependencies]\nmuster-config = \"1\""), &[up]);
        let unix = "[target.'cfg(unix)'.dependencies]\nmuster-config = \"1\"";
        check(&lang(unix), &[up]);
        check(
            &lang("[dependencies]\nmuster-schema = \"1\""),
            &["muster-schema"],
        );
        check(&lang("[dev-dependencies]\nmuster-config = \"1\""), &[]);
        check(&lang("[dev-dependencies.muster-config]\npath = \"x\""), &[]);
    }

    #[test]
    fn crates_have_a_floor_and_the_lints() {
        check("[package]\nname = \"muster-lang\"\n", &["the lints"]);
        check(
            &format!("[package]\nname = \"other\"\n{LINTS}"),
            &["no floor"],
        );
    }

    /// The problems of a workspace of one file.
    fn source(path: &str, text: &str) -> usize {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let mut problems = Vec::new();
        check_sources(dir.path(), &[path.into()], &mut problems).unwrap();
        problems.len()
    }

    #[test]
    fn nothing_is_left_in() {
        let note = concat!("// TO", "DO\n");
        assert_eq!(source("a/b.rs", note), 1);
        assert_eq!(source("a/b.rs", concat!("#[al", "low(dead_code)]\n")), 1);
        assert_eq!(source("a/b.rs", "// done\n"), 0);
        assert_eq!(source("docs/b.md", note), 1);
        assert_eq!(source(".ci/run", note), 1);
        assert_eq!(source("a/testdata/b.md", note), 0);
        assert_eq!(source("providers/wire/src/generated/b.rs", note), 0);
    }

    #[test]
    fn long_files() {
        assert_eq!(source("a/b.rs", &"\n".repeat(LONGEST)), 0);
        assert_eq!(source("a/b.rs", &"\n".repeat(LONGEST + 1)), 1);
        assert_eq!(source("a/b.proto", &"\n".repeat(LONGEST + 1)), 0);
    }
}
