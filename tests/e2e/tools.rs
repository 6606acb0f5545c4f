//! Tools that were written for Terraform and run on muster unchanged. They come from PyPI, and find
//! the program under the name that they want.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Ran, Work, root, skip};

/// What the tools work on.
const MAIN: &str = r#"
variable "names" {
  type = set(string)
  validation {
    condition     = alltrue([for name in var.names : length(name) < 3])
    error_message = "That is too long."
  }
}
resource "terraform_data" "each" {
  for_each = var.names
  input    = { name = each.key }
}
module "inner" {
  source = "./inner"
  in     = length(var.names)
}
output "names" {
  value = sort([for each in terraform_data.each : each.output.name])
}
output "hidden" {
  value     = module.inner.out
  sensitive = true
}
"#;

const INNER: &str = r#"
variable "in" {
  type = number
}
resource "terraform_data" "inner" {
  input = var.in
}
output "out" {
  value = terraform_data.inner.output
}
"#;

/// Where packages of that release are, which are installed when they are not there yet.
fn installed(package: &str, version: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools");
    let dir = tools.join(format!("{package}-{version}"));
    if dir.is_dir() {
        return Some(dir);
    }
    std::fs::create_dir_all(&tools).unwrap();
    let fresh = tempfile::tempdir_in(&tools).unwrap();
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--no-cache-dir"])
        .args(["--timeout", "10", "--retries", "1", "--target"])
        .arg(fresh.path())
        .arg(format!("{package}=={version}"));
    let done = pip.output().is_ok_and(|output| output.status.success());
    if !done {
        skip(&format!(
            "{package} {version} cannot be installed with python3 -m pip"
        ));
        return None;
    }
    // Whole or not at all. Another run may have been faster, which is as good.
    let _ = std::fs::rename(fresh.keep(), &dir);
    Some(dir)
}

/// What a tool saw of the engine, as the script that drives it tells.
#[track_caller]
fn drive(script: &str, packages: &Path, engine: &Path) -> Value {
    let work = Work::empty();
    work.write("work/main.tf", MAIN);
    work.write("work/inner/main.tf", INNER);
    work.write("bin/.keep", "");
    std::os::unix::fs::symlink(engine, work.path().join("bin/terraform")).unwrap();
    let mut command = Command::new("python3");
    let script = root().join("tests/e2e/tools").join(script);
    let dir = work.path().join("work");
    work.prepare(&mut command, &[]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let bin = std::iter::once(work.path().join("bin"));
    let path = std::env::join_paths(bin.chain(std::env::split_paths(&path))).unwrap();
    command
        .arg(script)
        .arg(dir)
        .env("PATH", path)
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CHECKPOINT_DISABLE", "1");
    let ran = Ran::new(&command.output().unwrap()).code(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// What a tool sees of our engine, which is what it sees of the other where that is at hand.
#[track_caller]
fn seen(script: &str, packages: &Path) -> Value {
    let ours = drive(script, packages, Path::new(env!("CARGO_BIN_EXE_muster")));
    match terraform() {
        Some(terraform) => assert_eq!(ours, drive(script, packages, &terraform)),
        None => skip("terraform is not on PATH"),
    }
    ours
}

fn terraform() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|dir| dir.join("terraform"));
    found.into_iter().find(|program| program.is_file())
}

#[test]
fn tftest() {
    let Some(packages) = installed("tftest", "1.8.8") else {
        return;
    };
    let seen = seen("drive_tftest.py", &packages);
    assert_eq!(seen["planned"]["input"], 2);
    let outputs = json!({ "hidden": 2, "names": ["a", "b"] });
    assert_eq!(seen["applied"]["outputs"], outputs);
    assert_eq!(seen["refused"], true);
    assert_eq!(seen["left"], json!([]));
}

#[test]
fn python_terraform() {
    let Some(packages) = installed("python-terraform", "0.10.1") else {
        return;
    };
    let seen = seen("drive_python_terraform.py", &packages);
    assert_eq!(seen["plan"], 2);
    assert_eq!(seen["apply"], 0);
    assert_eq!(seen["outputs"]["names"]["value"], json!(["a", "b"]));
    assert_eq!(seen["workspaces"], json!([0, "other", 0, 0]));
    assert_eq!(seen["left"], "");
}
