//! Runs whose screen goes away, and screens that come to runs.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::{Pid, Signal, getsid};

use crate::background::{Running, lives, signal, wait_until};
use crate::harness::{Ran, Work};
use crate::kill::{CHAIN, finish, in_the_middle};

/// The log that a run without a screen has left behind.
fn log(work: &Work) -> String {
    let folder = work.path().join(".terraform/runs");
    let mut files = std::fs::read_dir(&folder).unwrap().flatten();
    let file = files.next().unwrap();
    assert!(files.next().is_none(), "there is nothing but the log");
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    std::fs::read_to_string(file.path()).unwrap()
}

#[test]
fn a_screen_that_is_killed() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "8s");
    let (engine, plugins) = (run.engine(), run.plugins());
    // What is done to the terminal's processes is not done to it.
    let id = Pid::from_raw(i32::try_from(engine).unwrap());
    assert_eq!(getsid(id).ok(), id);
    signal(run.pid(), Signal::KILL);
    run.end().code(-1);
    wait_until("the end of the run", || !lives(engine));
    assert!(!plugins.iter().any(|plugin| lives(*plugin)));
    // What was in flight was finished and is recorded; nothing was begun after it.
    assert!(!work.path().join(".terraform.tfstate.journal").exists());
    assert_eq!(
        work.state_list(),
        ["muster_zone.first", "muster_zone.second"]
    );
    let log = log(&work);
    for part in [
        "muster_zone.first: Creation complete",
        "The program that showed this run has ended.",
        "muster_zone.second: Creation complete",
        "with exit code 1.",
    ] {
        assert!(log.contains(part), "{part:?} is not in:\n{log}");
    }
    work.run(&["attach"])
        .code(1)
        .says(&["No run is going on", ".terraform/runs/"]);
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .says(&["1 to add"])
        .never_says(&["interrupted"]);
    finish(&work, "1 added, 0 changed, 0 destroyed.");
}

#[test]
fn a_terminal_that_was_closed() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "8s");
    signal(run.pid(), Signal::HUP);
    run.end().code(1).never_says(&["at once.\n"]);
    let log = log(&work);
    for part in [
        "muster_zone.first: Creation complete",
        "The terminal that showed this run was closed.",
        "muster_zone.second: Creation complete",
    ] {
        assert!(log.contains(part), "{part:?} is not in:\n{log}");
    }
}

#[test]
fn a_signal_to_all_processes_counts_once() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "8s");
    let engine = run.engine();
    for process in [engine, run.pid()] {
        signal(process, Signal::TERM);
    }
    run.end()
        .code(1)
        .says(&[
            "Interrupt received",
            "muster_zone.second: Creation complete",
        ])
        .never_says(&["at once.\n"]);
}

#[test]
fn runs_that_somebody_watches() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "8s");
    let mut early = Running::muster(&work, &["attach"]);
    // What was said before, and what is said from now on.
    early.wait_for("muster_zone.second: Creating...");
    let id = run.engine().to_string();
    let mut named = Running::muster(&work, &["attach", &id]);
    named.wait_for("muster_zone.second: Creating...");
    let all = [
        "muster_zone.first: Creation complete",
        "muster_zone.third: Creation complete",
        "Apply complete! Resources: 3 added",
    ];
    let shown = run.end().code(0).says(&all);
    for mut watching in [early, named] {
        let ran = watching.end().code(0).says(&["Attached to apply"]);
        assert_eq!(ran.stdout, shown.stdout);
    }
    work.run(&["attach"])
        .code(1)
        .says(&["Error: No run to attach to"])
        .never_says(&["lost its terminal"]);
    // Nobody needs what said where the run was.
    assert!(!work.path().join(".terraform/runs").exists());
}

#[test]
fn a_run_that_lost_its_screen_is_watched_to_its_end() {
    let work = Work::with(CHAIN);
    let mut run = in_the_middle(&work, "8s");
    run.engine();
    signal(run.pid(), Signal::KILL);
    run.end().code(-1);
    let ran = work.run(&["attach"]).code(1);
    ran.says(&[
        "muster_zone.first: Creation complete",
        "muster_zone.second: Creation complete",
    ])
    .never_says(&["muster_zone.third: Creating", "is gone"]);
}

/// A zone that takes longer than any test.
const ENDLESS: &str = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
provider "muster" {
  sim { latency = "10m" }
}
variable "name" {
  type = string
}
resource "muster_zone" "z" {
  name     = var.name
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
"#;

/// An apply that makes a zone of this name, with a state of its own.
fn endless(work: &Work, name: &str) -> Running {
    let (state, name) = (
        format!("-state={name}.tfstate"),
        format!("-var=name={name}"),
    );
    let mut run = Running::muster(work, &["apply", "-auto-approve", &state, &name]);
    run.wait_for(BEGUN);
    run
}

const BEGUN: &str = "muster_zone.z: Creating...";

/// Somebody who is attached to the only run, or to the one of this process.
fn watching(work: &Work, process: Option<u32>) -> Running {
    let process = process.map(|id| id.to_string());
    let args: Vec<&str> = ["attach"].into_iter().chain(process.as_deref()).collect();
    let mut watching = Running::muster(work, &args);
    watching.wait_for(BEGUN);
    watching
}

#[test]
fn watching_changes_nothing() {
    let work = Work::with(ENDLESS);
    let mut run = endless(&work, "a");
    let mut leaving = watching(&work, None);
    signal(leaving.pid(), Signal::INT);
    leaving.end().code(130).says(&["The run goes on."]);
    assert!(run.runs());
    work.run(&["attach", "1"])
        .code(1)
        .says(&["Error: No such run"]);
    work.run(&["attach", "-json"])
        .code(1)
        .says(&["Error: The run says no JSON"]);
}

#[test]
fn runs_beside_each_other() {
    let work = Work::with(ENDLESS);
    let (mut one, mut other) = (endless(&work, "a"), endless(&work, "b"));
    let ids = [one.engine(), other.engine()];
    let choices = ids.map(|id| format!("muster attach {id} "));
    work.run(&["attach"])
        .code(1)
        .says(&["Error: More than one run", &choices[0], &choices[1]]);
    // Those who watch learn of a sudden end.
    let mut there = watching(&work, Some(ids[1]));
    signal(ids[1], Signal::KILL);
    there.end().code(1).says(&["has ended without a word"]);
    other.end().code(1);
    // What it left behind is in nobody's way.
    watching(&work, None);
    let socket = format!(".terraform/runs/{}.sock", ids[1]);
    assert!(!work.path().join(socket).exists());
}

#[test]
fn documents_of_a_run() {
    let work = Work::with(CHAIN);
    let args = ["apply", "-json", "-auto-approve", "-var", "latency=8s"];
    let mut run = Running::muster(&work, &args);
    run.wait_for("muster_zone.second: Creating...");
    let mut watching = Running::muster(&work, &["attach", "-json"]);
    let ran = watching.end().code(0);
    assert_eq!(ran.stdout, run.end().code(0).stdout);
    for line in ran.stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn output_that_nobody_reads_holds_nobody_up() {
    // More than fits into all that is between the run and who reads.
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {}\noutput \"o\" {\n  value = join(\"\", [for i in range(1000) : join(\"\", [for j in range(300) : \"abcdefgh\"])])\n}\n",
    );
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = work.command(&["apply", "-auto-approve"]);
    command.stdout(writer).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    reader.read_exact(&mut [0]).unwrap();
    let runs = work.path().join(".terraform/runs");
    let socket = std::fs::read_dir(&runs).unwrap().flatten().next().unwrap();
    let engine: u32 = socket
        .path()
        .file_stem()
        .unwrap()
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the end of the run", || !lives(engine));
    // Nobody else holds the other end.
    reader.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn approval_through_a_pipe() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    for (answer, code, says) in [
        ("no\n", 1, "Apply cancelled."),
        ("", 1, "Plan requires approval"),
        ("yes\n", 0, "Apply complete!"),
    ] {
        let mut command = work.command(&["apply"]);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answer.as_bytes()).unwrap();
        drop(stdin);
        Ran::new(&child.wait_with_output().unwrap())
            .code(code)
            .says(&["Enter a value: ", says]);
    }
}

#[test]
fn files_that_are_standard_output() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&["apply", "-auto-approve", "-json-into=/dev/stdout"])
        .code(0)
        .says(&["Apply complete!", "\"@level\":\"info\""]);
}

#[test]
fn what_only_muster_may_say() {
    let work = Work::with("");
    work.run(&["internal-owner", "apply", "-auto-approve"])
        .code(1)
        .says(&["one that muster gives to itself"]);
}
