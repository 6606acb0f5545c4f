//! Two runs at once on one state.

use crate::background::Running;
use crate::harness::Work;

/// A zone that takes its time.
fn slow_zone(latency: &str) -> Work {
    let config = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
provider "muster" {
  sim { latency = "LATENCY" }
}
resource "muster_zone" "slow" {
  name     = "slow"
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
"#;
    Work::with(&config.replace("LATENCY", latency))
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
        &["plan"],
        &["destroy", "-auto-approve"],
        &["plan", "-lock-timeout=200ms"],
    ] {
        work.run(args).code(1).says(&[
            "Error acquiring the state lock",
            "terraform.tfstate",
            "OperationTypeApply",
            "@",
        ]);
    }
    // The one that asks for no lock plans what the first has not finished.
    work.run(&["plan", "-lock=false"])
        .code(0)
        .says(&["Plan: 1 to add, 0 to change, 0 to destroy."]);
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
fn timeouts_that_are_none() {
    let work = slow_zone("0s");
    work.run(&["plan", "-lock-timeout=soon"])
        .code(1)
        .says(&["Invalid -lock-timeout", "soon"]);
}
