//! Processes that die or are interrupted in the middle of an apply.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;

use crate::attach::{at_the_gate, gated};
use crate::background::{Running, lives, signal, wait_until};
use crate::harness::{Work, hangs_up};

/// A quick zone, then one that takes its time, then another quick one.
pub(crate) const CHAIN: &str = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
variable "latency" {
  type = string
}
provider "muster" {}
provider "muster" {
  alias = "slow"
  sim { latency = var.latency }
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
resource "muster_zone" "second" {
  provider = muster.slow
  name     = "second"
  type     = "edge"
  location = muster_zone.first.location
  capacity = local.capacity
}
resource "muster_zone" "third" {
  name     = "third"
  type     = "edge"
  location = muster_zone.second.location
  capacity = local.capacity
}
"#;

/// An apply of the chain that is at its second zone.
pub(crate) fn in_the_middle(work: &Work, latency: &str) -> Running {
    let latency = format!("latency={latency}");
    let mut run = Running::muster(work, &["apply", "-auto-approve", "-var", &latency]);
    run.wait_for("muster_zone.second: Creating...");
    run
}

/// Applies without interference: the rest is made, and then there is nothing to do.
#[track_caller]
pub(crate) fn finish(work: &Work, says: &str) {
    let quick = ["-var", "latency=0s"];
    work.run(&["apply", "-auto-approve", quick[0], quick[1]])
        .code(0)
        .says(&[says]);
    work.run(&["plan", "-detailed-exitcode", quick[0], quick[1]])
        .code(0);
    assert_eq!(
        work.state_list(),
        [
            "muster_zone.first",
            "muster_zone.second",
            "muster_zone.third"
        ]
    );
    work.run(&["destroy", "-auto-approve", quick[0], quick[1]])
        .code(0)
        .says(&["3 destroyed"]);
}

#[test]
fn a_plugin_that_is_killed() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "10m");
    let plugins = run.plugins();
    assert!(!plugins.is_empty());
    for plugin in plugins {
        signal(plugin, Signal::KILL);
    }
    run.end()
        .code(1)
        .says(&[
            "Plugin did not respond",
            "muster/muster",
            "muster_zone.second",
        ])
        .never_says(&["panicked", "muster_zone.third: Creating"]);
    assert_eq!(work.state_list(), ["muster_zone.first"]);
    finish(&work, "2 added, 0 changed, 0 destroyed.");
}

#[test]
fn an_engine_that_is_killed() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "10m");
    let plugins = run.plugins();
    assert!(!plugins.is_empty());
    // Nothing else ends for ten minutes: the state is written although the run only waits.
    wait_until("the state", || work.state_list() == ["muster_zone.first"]);
    signal(run.engine(), Signal::KILL);
    // They do not wait for what they are doing.
    wait_until("the end of the plugins", || {
        !plugins.iter().any(|plugin| lives(*plugin))
    });
    run.end()
        .code(1)
        .says(&["The process that carried out the run is gone", "signal 9"]);
    assert_eq!(work.state_list(), ["muster_zone.first"]);
    finish(&work, "2 added, 0 changed, 0 destroyed.");
}

#[test]
fn an_interrupt() {
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let plugins = run.plugins();
    signal(run.pid(), Signal::INT);
    run.wait_for_error("Interrupt received");
    gate.open();
    run.end()
        .code(1)
        .says(&["Interrupt received"])
        .never_says(&["panicked", "muster_zone.third: Creating", "Apply complete!"]);
    assert!(!plugins.iter().any(|plugin| lives(*plugin)));
    // What was in progress was finished, and nothing begun after it.
    assert_eq!(
        work.state_list(),
        ["muster_zone.first", "muster_zone.second"]
    );
    finish(&work, "1 added, 0 changed, 0 destroyed.");
}

#[test]
fn a_request_to_terminate() {
    stops_in_order(|run| run.pid(), &[Signal::TERM]);
}

#[test]
fn a_terminal_that_is_closed() {
    // The second time it is no second request.
    stops_in_order(|run| run.pid(), &[Signal::HUP, Signal::HUP]);
}

#[test]
fn requests_to_the_process_behind_the_one_that_was_started() {
    stops_in_order(Running::engine, &[Signal::INT]);
    stops_in_order(Running::engine, &[Signal::HUP, Signal::HUP]);
}

/// What was in progress is finished, and nothing begun after it.
#[track_caller]
fn stops_in_order(who: fn(&mut Running) -> u32, signals: &[Signal]) {
    if signals.contains(&Signal::HUP) && !hangs_up() {
        return;
    }
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let pid = who(&mut run);
    for each in signals {
        signal(pid, *each);
        // Signals of one kind are told apart only if the first was seen before the second.
        run.wait_for_error("Interrupt received");
        wait_until("the signal to be taken", || !has_pending(pid));
    }
    gate.open();
    run.end()
        .code(1)
        .never_says(&["panicked", "at once.\n", "muster_zone.third: Creating"]);
    assert_eq!(
        work.state_list(),
        ["muster_zone.first", "muster_zone.second"]
    );
    finish(&work, "1 added, 0 changed, 0 destroyed.");
}

/// Whether a process was sent signals that it has not taken yet.
fn has_pending(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = ["SigPnd:", "ShdPnd:"].map(|name| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        mask.is_some_and(|mask| mask.trim().chars().any(|digit| digit != '0'))
    });
    pending.contains(&true)
}

#[test]
fn a_second_request_to_terminate() {
    stops_at_once(|run| run.pid(), [Signal::TERM, Signal::TERM]);
}

#[test]
fn a_second_request_to_the_process_behind() {
    stops_at_once(Running::engine, [Signal::HUP, Signal::INT]);
}

#[track_caller]
fn stops_at_once(who: fn(&mut Running) -> u32, signals: [Signal; 2]) {
    if signals.contains(&Signal::HUP) && !hangs_up() {
        return;
    }
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "10m");
    let (pid, plugins) = (who(&mut run), run.plugins());
    signal(pid, signals[0]);
    run.wait_for_error("Interrupt received");
    signal(pid, signals[1]);
    run.end().code(1).says(&["Stopping at once."]);
    assert!(!plugins.iter().any(|plugin| lives(*plugin)));
    assert_eq!(work.state_list(), ["muster_zone.first"]);
    finish(&work, "2 added, 0 changed, 0 destroyed.");
}

#[test]
fn nobody_reads_what_goes_wrong() {
    let config = "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n  lifecycle {\n    postcondition {\n      condition     = self.id == \"none\"\n      error_message = \"It never is.\"\n    }\n  }\n}\n";
    let work = Work::with(config);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = work
        .command(&["apply", "-auto-approve"])
        .stdout(Stdio::null())
        .stderr(writer)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1), "it fails, but does not panic");
    assert_eq!(
        work.state_list(),
        ["terraform_data.a", "terraform_data.b"],
        "what was made is recorded"
    );
}

/// A configuration whose provider never gets ready.
fn never_ready() -> Work {
    let work = Work::with("resource \"muster_zone\" \"a\" {}\n");
    let plugin = work.path().join("plugins/terraform-provider-muster");
    let script = format!(
        "#!/bin/sh\n: > {}\nexec sleep 600\n",
        work.path().join("started").display()
    );
    work.write("plugins/terraform-provider-muster", script);
    std::fs::set_permissions(&plugin, Permissions::from_mode(0o755)).unwrap();
    let folder = plugin.parent().unwrap().display().to_string();
    work.write(
        "cli.tfrc",
        format!("provider_installation {{\n  dev_overrides {{\n    \"hashicorp/muster\" = \"{folder}\"\n  }}\n  direct {{}}\n}}\n"),
    );
    work
}

#[test]
fn an_interrupt_while_plugins_start() {
    let work = never_ready();
    let mut run = Running::muster(&work, &["plan"]);
    wait_until("the plugin", || work.path().join("started").exists());
    let plugins = run.plugins();
    assert!(!plugins.is_empty());
    // The plugin is there for longer than anybody waits here.
    signal(run.pid(), Signal::INT);
    run.end().code(1).says(&["Operation cancelled"]);
    wait_until("the end of the plugin", || {
        !plugins.iter().any(|plugin| lives(*plugin))
    });
}

#[test]
fn an_interrupt_while_another_run_has_the_lock() {
    let work = Work::with(CHAIN);
    let mut first = in_the_middle(&work, "10m");
    let destroy = ["destroy", "-lock-timeout=10m", "-var", "latency=0s"];
    let mut second = Running::muster(&work, &destroy);
    second.wait_for_error("Waiting for the lock");
    signal(second.pid(), Signal::INT);
    second
        .end()
        .code(1)
        .says(&["Error acquiring the state lock", "was stopped"]);
    assert!(first.runs());
}

#[test]
fn a_state_that_cannot_be_written() {
    let work = Work::with(&CHAIN.replace(
        "provider \"muster\" {}",
        "provider \"muster\" {\n  sim { latency = var.latency }\n}",
    ));
    let first = ["-target=muster_zone.first", "-var", "latency=0s"];
    work.run(&[&["apply", "-auto-approve"], &first[..]].concat())
        .code(0);
    // A folder in the place of the file that holds a state while it is written over.
    work.write(".terraform.tfstate.new/in/the/way", "");
    // Everything is recorded in the journal, so that the run goes on to its end.
    work.run(&["apply", "-auto-approve", "-var", "latency=0s"])
        .code(1)
        .says(&[
            "muster_zone.third: Creation complete",
            "Failed to",
            "The state is not stored yet",
            ".terraform.tfstate.journal",
        ])
        .never_says(&["Apply complete!"]);
    // Readers see it; what would change something ends before it does.
    assert_eq!(work.state_list().len(), 3);
    work.run(&["apply", "-auto-approve"])
        .code(1)
        .says(&["Failed to"])
        .never_says(&["Creating"]);
    // Once nothing is in the way, the next command brings it in.
    std::fs::remove_dir_all(work.path().join(".terraform.tfstate.new")).unwrap();
    work.run(&["plan", "-var", "latency=0s"]).code(0).says(&[
        "An earlier run was interrupted",
        "2 results that it had recorded",
        "No changes.",
    ]);
}

#[test]
fn an_interrupt_while_a_value_is_asked_for() {
    let work = Work::with("variable \"n\" {}\noutput \"n\" {\n  value = var.n\n}\n");
    // Nobody ever writes to it.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = work.command(&["plan"]);
    command.stdin(reader);
    let mut run = Running::start(command);
    run.wait_for("Enter a value");
    signal(run.pid(), Signal::TERM);
    run.end().code(1).says(&["Operation cancelled"]);
    drop(writer);
}
