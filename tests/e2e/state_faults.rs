//! States that are damaged, and disks that do not take what is written.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::background::Running;
use crate::harness::{Ran, Work, skip};

const APPLY: &[&str] = &["apply", "-auto-approve"];

/// Commands that look at the state, and one that would write it.
const ALL: [&[&str]; 4] = [
    &["plan"],
    APPLY,
    &["state", "list"],
    &["destroy", "-auto-approve"],
];

const ONE: &str = "resource \"terraform_data\" \"a\" {\n  input = \"one\"\n}\n";

/// A directory with a state that was damaged.
fn damaged(damage: impl Fn(&[u8]) -> Vec<u8>) -> Work {
    let work = Work::with(ONE);
    work.run(APPLY).code(0);
    work.write("main.tf", ONE.replace("one", "two"));
    work.run(APPLY).code(0);
    let whole = work.read("terraform.tfstate");
    work.write("terraform.tfstate", damage(whole.as_bytes()));
    work
}

/// Every command says so, with exit code 1, and the file stays as it is.
#[track_caller]
fn refused(work: &Work, says: &[&str]) {
    let before = std::fs::read(work.path().join("terraform.tfstate")).unwrap();
    for args in ALL {
        let ran = work.run(args).code(1);
        ran.says(says).never_says(&["panicked", "Apply complete!"]);
    }
    let after = std::fs::read(work.path().join("terraform.tfstate")).unwrap();
    assert_eq!(before, after);
}

#[test]
fn truncated_states() {
    for part in [1, 2, 3] {
        let work = damaged(|whole| whole[..whole.len() * part / 4].to_vec());
        refused(
            &work,
            &["terraform.tfstate", "cut off", "An earlier state is in"],
        );
    }
}

#[test]
fn emptied_states() {
    let work = damaged(|_| Vec::new());
    let says = [
        "terraform.tfstate",
        "the file is empty, although it had 1 resource instances at serial number 2",
        "state restore 2",
    ];
    refused(&work, &says);
    work.run(&["state", "restore", "-auto-approve", "2"])
        .code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    // Without the file people mean to begin anew.
    std::fs::remove_file(work.path().join("terraform.tfstate")).unwrap();
    work.run(&["plan"]).code(0).says(&["1 to add"]);
    assert!(!work.path().join("terraform.tfstate").exists());
}

#[test]
fn states_with_flipped_bits_in_their_structure() {
    let work = damaged(|whole| {
        let mut bytes = whole.to_vec();
        let at = bytes.iter().position(|b| *b == b':').unwrap();
        bytes[at] ^= 4;
        bytes
    });
    refused(&work, &["terraform.tfstate"]);
    let work = damaged(|whole| {
        let mut bytes = whole.to_vec();
        bytes[whole.len() / 2] ^= 0x80;
        bytes
    });
    refused(&work, &["terraform.tfstate"]);
}

#[test]
fn states_of_a_newer_version() {
    let work = damaged(|whole| {
        let text = String::from_utf8_lossy(whole);
        text.replace("\"version\": 4", "\"version\": 5")
            .into_bytes()
    });
    refused(&work, &["terraform.tfstate", "5"]);
}

#[test]
fn a_state_of_another_lineage_is_not_pushed_over_this_one() {
    let work = Work::with(ONE);
    work.run(APPLY).code(0);
    let other = Work::with(ONE);
    other.run(APPLY).code(0);
    work.write("other.tfstate", other.read("terraform.tfstate"));
    let before = work.read("terraform.tfstate");
    work.run(&["state", "push", "other.tfstate"])
        .code(1)
        .says(&["lineage"]);
    assert_eq!(work.read("terraform.tfstate"), before);
}

/// A zone, a value that the journal has no room for, and a zone that comes after it.
const FILLING: &str = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
locals {
  capacity = { cpu = 1, memory_gb = 1 }
}
resource "muster_zone" "first" {
  name     = "first"
  type     = "edge"
  location = "here"
  capacity = local.capacity
}
resource "terraform_data" "large" {
  input      = sensitive(join("", [for n in range(1000) : format("%02700d", n)]))
  depends_on = [muster_zone.first]
}
resource "muster_zone" "after" {
  name       = "after"
  type       = "edge"
  location   = "here"
  capacity   = local.capacity
  depends_on = [terraform_data.large]
}
"#;

#[test]
fn nothing_is_created_once_the_journal_has_no_room() {
    let work = Work::with(FILLING);
    // In blocks of 512 bytes. A file must not become so large; the writing fails then, as it
    // does where the disk is full.
    let limit = "ulimit -f 10240 && trap '' XFSZ && exec \"$0\" \"$@\"";
    let program = env!("CARGO_BIN_EXE_muster");
    let mut command = Command::new("sh");
    work.prepare(
        &mut command,
        &["-c", limit, program, "apply", "-auto-approve"],
    );
    Ran::new(&command.output().unwrap())
        .code(1)
        .says(&["muster_zone.first: Creation complete", "journal"])
        .never_says(&["panicked", "muster_zone.after: Creating..."]);
    assert!(!work.read(".muster/sim.json").contains("\"after\""));
    work.run(APPLY)
        .code(0)
        .says(&["2 added, 0 changed, 0 destroyed."]);
    assert_eq!(work.state_list().len(), 3);
}

/// A small file system of its own; gone when this is dropped.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts it; not without the right to.
    fn mount(path: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(path);
        let status = command.stderr(Stdio::null()).status();
        if !status.is_ok_and(|status| status.success()) {
            skip("file systems cannot be mounted");
            return None;
        }
        Some(Self { path: path.into() })
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mut command = Command::new("mount");
        command.args(["-o", &options]).arg(&self.path);
        assert!(command.status().unwrap().success());
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let filled = std::fs::write(self.path.join("filler"), vec![0; 64 << 20]);
        assert!(filled.is_err(), "there was room for everything");
    }

    fn empty(&self) {
        std::fs::remove_file(self.path.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        command.arg("-l").arg(&self.path);
        // Nothing can be done about one that stays.
        let _ = command.status();
    }
}

/// Zones one after the other, in a world outside of the folder.
fn zones(count: usize, latency: &str) -> Work {
    let work = Work::empty();
    let world = work.path().join("world.json");
    let world = world.display();
    let config = format!(
        r#"
terraform {{
  required_providers {{
    muster = {{ source = "muster/muster" }}
  }}
}}
variable "latency" {{
  default = "{latency}"
}}
provider "muster" {{
  sim {{
    path    = "{world}"
    latency = var.latency
  }}
}}
resource "muster_zone" "z" {{
  count    = {count}
  name     = "zone-${{count.index}}"
  type     = "edge"
  location = "here"
  capacity = {{ cpu = 1, memory_gb = 1 }}
}}
"#
    );
    work.write("disk/main.tf", config);
    work
}

fn on_disk(work: &Work, args: &[&str]) -> Command {
    let mut command = work.command(args);
    command.current_dir(work.path().join("disk"));
    command
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    let work = zones(60, "100ms");
    let config = work.read("disk/main.tf");
    let Some(disk) = Disk::mount(&work.path().join("disk"), "size=6m") else {
        return;
    };
    work.write("disk/main.tf", config);
    let apply = [APPLY, &["-parallelism=4"]].concat();
    let mut run = Running::start(on_disk(&work, &apply));
    run.wait_for("Creation complete");
    disk.fill();
    // The state cannot be stored; the journal has it.
    let ended = run.end().code(1).never_says(&["panicked"]);
    let made = ended.stdout.matches("Creation complete").count();
    disk.empty();
    let next = [APPLY, &["-var", "latency=0s"]].concat();
    let next = Ran::new(&on_disk(&work, &next).output().unwrap()).code(0);
    let again = next.stdout.matches("Creation complete").count();
    assert_eq!(made + again, 60, "{}", ended.stderr);
    let state = work.read("disk/terraform.tfstate");
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let instances = state["resources"][0]["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 60);
}

#[test]
fn nothing_is_created_in_a_folder_that_is_read_only() {
    let work = zones(1, "0s");
    let config = work.read("disk/main.tf");
    let Some(disk) = Disk::mount(&work.path().join("disk"), "size=6m") else {
        return;
    };
    work.write("disk/main.tf", config);
    disk.remount("ro");
    Ran::new(&on_disk(&work, APPLY).output().unwrap())
        .code(1)
        .says(&["terraform.tfstate"])
        .never_says(&["panicked", "Creating..."]);
    assert!(!work.path().join("world.json").exists());
    disk.remount("rw");
    Ran::new(&on_disk(&work, APPLY).output().unwrap()).code(0);
}
