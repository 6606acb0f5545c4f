//! What is told of several runs that were killed side by side.

use rustix::process::Signal;

use crate::background::{Running, lives, signal, wait_until};
use crate::harness::Work;

/// Zones that have nothing to do with each other.
const ZONES: &str = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
variable "latency" {
  default = "0s"
}
provider "muster" {
  sim { latency = var.latency }
}
resource "muster_zone" "a" {
  name     = "a"
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
resource "muster_zone" "b" {
  name     = "b"
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
"#;

/// An apply of one zone that goes on for longer than any test.
fn applying(work: &Work, zone: &str) -> Running {
    let target = format!("-target=muster_zone.{zone}");
    let args = ["apply", "-auto-approve", "-var=latency=10m", &target];
    let mut run = Running::muster(work, &args);
    run.wait_for("Creating...");
    wait_until("the record of it", || has_intent(work, zone));
    run
}

/// Whether a journal says that a zone is about to be made.
fn has_intent(work: &Work, zone: &str) -> bool {
    let files = std::fs::read_dir(work.path()).unwrap().flatten();
    let mut journals = files.filter(|file| {
        let name = file.file_name();
        name.to_string_lossy()
            .starts_with(".terraform.tfstate.journal-")
    });
    let intent = format!("{{\"Intent\":{{\"id\":1,\"addr\":\"muster_zone.{zone}\"");
    journals.any(|file| {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(&intent)
    })
}

/// Kills the part of a run that has the journal; gives how it is named.
fn kill(run: &mut Running) -> String {
    let (engine, plugins) = (run.engine(), run.plugins());
    signal(engine, Signal::KILL);
    wait_until("the end of the run", || {
        !plugins.iter().chain([&engine]).any(|id| lives(*id))
    });
    run.end();
    format!("(process {engine})")
}

#[test]
fn runs_that_were_killed_side_by_side() {
    let work = Work::with(ZONES);
    let mut runs = ["a", "b"].map(|zone| applying(&work, zone));
    let killed = runs.each_mut().map(kill);
    let ran = work.run(&["plan"]).code(0);
    let all = ran.stdout + &ran.stderr;
    assert!(all.contains("Earlier runs were interrupted"), "{all}");
    // What was in flight stands behind its run, which may be the second one.
    for (run, zone) in killed.iter().zip(["a", "b"]) {
        let (_, behind) = all.split_once(run.as_str()).unwrap();
        let (_, calls) = behind.split_once("never answered:").unwrap();
        let first = calls.split("  - ").nth(1).unwrap();
        assert!(
            first.contains(&format!("create muster_zone.{zone}")),
            "{all}"
        );
    }
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["2 added"]);
    work.run(&["plan"]).never_says(&["interrupted"]);
}

#[test]
fn what_a_killed_run_has_left_while_another_goes_on() {
    let work = Work::with(ZONES);
    let mut runs = ["a", "b"].map(|zone| applying(&work, zone));
    let on = format!("muster attach {}", runs[1].engine());
    // Nobody needs to wait for a run that goes on.
    work.run(&["plan"])
        .code(0)
        .says(&["Other runs are going on", "`muster attach` shows"]);
    let killed = kill(&mut runs[0]);
    // What is left is for somebody who is alone.
    work.run(&["plan"])
        .code(1)
        .says(&[
            "Error acquiring the state lock",
            "something is left of a run",
        ])
        .says(&["plan -lock=false", &killed]);
    work.run(&["plan", "-lock=false"])
        .code(0)
        .says(&["create muster_zone.a", &killed, &on]);
    assert!(runs[1].runs(), "none of this disturbs it");
}
