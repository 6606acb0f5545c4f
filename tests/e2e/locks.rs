//! Two runs at once on one state.

use rustix::process::Signal;

use crate::background::{Running, signal};
use crate::console::console;
use crate::harness::Work;

/// A configuration whose provider takes its time.
const PROVIDER: &str = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
variable "latency" {
  default = "LATENCY"
}
provider "muster" {
  sim { latency = var.latency }
}
"#;
const ZONE: &str = r#"
resource "muster_zone" "NAME" {
  name     = "NAME"
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
output "NAME" {
  value = muster_zone.NAME.name
}
"#;

/// Zones that take their time.
fn slow_zones(latency: &str, names: &[&str]) -> Work {
    let zones: String = names
        .iter()
        .map(|name| ZONE.replace("NAME", name))
        .collect();
    Work::with(&(PROVIDER.replace("LATENCY", latency) + &zones))
}

/// A zone that takes its time.
fn slow_zone(latency: &str) -> Work {
    slow_zones(latency, &["slow"])
}

/// An apply that has the lock and is at work.
fn applying(work: &Work) -> Running {
    let mut first = Running::muster(work, &["apply", "-auto-approve"]);
    first.wait_for("muster_zone.slow: Creating...");
    first
}

#[test]
fn the_second_run_is_told_who_holds_the_lock() {
    // Longer than the test; the run is killed at its end.
    let work = slow_zone("10m");
    let mut first = applying(&work);
    for args in [
        &["apply", "-auto-approve"][..],
        &["apply", "-auto-approve", "-lock-timeout=200ms"],
        &["state", "rm", "muster_zone.slow"],
    ] {
        work.run(args).code(1).says(&[
            "Error acquiring the state lock",
            "terraform.tfstate",
            "OperationTypeApply",
            "@",
            "Version:   1.11.4",
            &format!("`muster attach {}` shows how far it is", first.engine()),
        ]);
    }
    work.run(&["apply", "-auto-approve"])
        .code(1)
        .says(&["muster_zone.slow in terraform.tfstate"]);
    // Whoever changes nothing plans what the first has not finished.
    for args in [&["plan"][..], &["plan", "-lock=false"]] {
        work.run(args)
            .code(0)
            .says(&["Plan: 1 to add, 0 to change, 0 to destroy."]);
    }
    work.run(&["why", "muster_zone.slow"])
        .code(0)
        .says(&["muster_zone.slow will be created"]);
    console(&work, &["-plan"], "muster_zone.slow.name\n")
        .code(0)
        .says(&["\"slow\""]);
    assert!(first.runs(), "none of this disturbs the first run");
}

#[test]
fn a_run_waits_for_the_lock_as_long_as_it_is_told() {
    let work = slow_zone("3s");
    let mut first = applying(&work);
    let mut second = Running::muster(&work, &["apply", "-auto-approve", "-lock-timeout=5m"]);
    second.end().code(0).says(&["No changes."]);
    first.end().code(0).says(&["1 added"]);
    assert_eq!(work.state_list(), ["muster_zone.slow"]);
}

#[test]
fn other_resources_are_changed_at_the_same_time() {
    // Longer than the test; what waits for it is killed at its end.
    let work = slow_zones("10m", &["slow", "quick"]);
    let mut first = Running::muster(
        &work,
        &["apply", "-auto-approve", "-target=muster_zone.slow"],
    );
    first.wait_for("muster_zone.slow: Creating...");
    let quick = [
        "-auto-approve",
        "-target=muster_zone.quick",
        "-var=latency=0s",
    ];
    work.run(&[&["apply"], &quick[..]].concat())
        .code(0)
        .says(&["1 added"]);
    assert_eq!(work.state_list(), ["muster_zone.quick"]);
    work.run(&[&["destroy"], &quick[..]].concat())
        .code(0)
        .says(&["1 destroyed"]);
    work.run(&["apply", "-auto-approve", "-target=muster_zone.slow"])
        .code(1)
        .says(&["muster_zone.slow in terraform.tfstate"]);
    assert!(first.runs(), "none of this disturbs the first run");
    // What it leaves when it is killed is for somebody who is alone.
    signal(first.engine(), Signal::KILL);
    first.end();
    work.run(&[&["apply"], &quick[..]].concat())
        .code(0)
        .says(&["muster_zone.slow", "1 added"]);
}

#[test]
fn nobody_overwrites_what_others_store() {
    let work = slow_zones("2s", &["a", "b", "c"]);
    let apply = |name: &str| {
        let target = format!("-target=muster_zone.{name}");
        let mut run = Running::muster(&work, &["apply", "-auto-approve", &target]);
        run.wait_for("Creating...");
        run
    };
    let runs: Vec<_> = ["a", "b", "c"].into_iter().map(apply).collect();
    for mut run in runs {
        run.end().code(0).says(&["1 added"]);
    }
    assert_eq!(
        work.state_list(),
        ["muster_zone.a", "muster_zone.b", "muster_zone.c"]
    );
    work.run(&["plan", "-detailed-exitcode", "-var=latency=0s"])
        .code(0);
    let state: serde_json::Value = serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    assert_eq!(state["serial"], 3);
    assert_eq!(state["outputs"].as_object().unwrap().len(), 3);
}

#[test]
fn timeouts_that_are_none() {
    let work = slow_zone("0s");
    work.run(&["plan", "-lock-timeout=soon"])
        .code(1)
        .says(&["Failed to parse command-line flags", "soon"]);
}
