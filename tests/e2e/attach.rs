//! Runs whose screen goes away, and screens that come to runs.

mod lost;
mod upgrade;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, getsid};

use crate::background::{Running, lives, signal, wait_until};
use crate::harness::{Ran, Work, hangs_up};
use crate::kill::{CHAIN, finish};

/// Keeps plugins from making anything in a simulated world until it is opened: they take turns.
pub(crate) struct Gate {
    lock: File,
    path: PathBuf,
}

impl Gate {
    /// A closed gate before the world in this file.
    pub(crate) fn new(work: &Work, world: &str) -> Self {
        let lock = format!("{world}.lock");
        work.write(&lock, "");
        let path = work.path().join(lock).canonicalize().unwrap();
        let lock = File::options().write(true).open(&path).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        Self { lock, path }
    }

    /// Waits until a plugin of the run stands before it.
    #[track_caller]
    pub(crate) fn wait_for(&self, run: &Running) {
        wait_until("a plugin before the gate", || {
            run.plugins()
                .into_iter()
                .any(|plugin| self.has_open(plugin))
        });
    }

    fn has_open(&self, process: u32) -> bool {
        let folder = Path::new("/proc").join(process.to_string()).join("fd");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut targets = files.flat_map(|file| std::fs::read_link(file.path()));
        targets.any(|target| target == self.path)
    }

    /// Lets everybody through.
    pub(crate) fn open(self) {
        flock(&self.lock, FlockOperation::Unlock).unwrap();
    }
}

/// The chain, whose second zone is in a world behind a gate.
pub(crate) fn gated() -> (Work, Gate) {
    let slow = "sim { latency = var.latency }";
    let work = Work::with(&CHAIN.replace(slow, "sim { path = \"slow.json\" }"));
    let gate = Gate::new(&work, "slow.json");
    (work, gate)
}

/// An apply of the chain with a closed gate, which is at the second zone.
pub(crate) fn at_the_gate(work: &Work, gate: &Gate, args: &[&str]) -> Running {
    let always = ["apply", "-auto-approve", "-var", "latency=0s"];
    let mut run = Running::muster(work, &[&always, args].concat());
    run.wait_for("muster_zone.second: Creating...");
    gate.wait_for(&run);
    run
}

/// Waits until a run knows that its screen is gone.
#[track_caller]
fn wait_until_alone(work: &Work) {
    let folder = work.path().join(".terraform/runs");
    wait_until("the log", || {
        let mut files = std::fs::read_dir(&folder).unwrap().flatten();
        files.any(|file| {
            std::fs::read_to_string(file.path())
                .is_ok_and(|text| text.contains("The program that showed this run has ended."))
        })
    });
}

/// The log that a run without a screen has left behind.
fn log(work: &Work) -> String {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = work.path().join(".terraform/runs");
    let files = std::fs::read_dir(&folder).unwrap().flatten();
    let (logs, others): (Vec<PathBuf>, _) = files
        .map(|file| file.path())
        .partition(|path| path.extension().is_some_and(|end| end == "log"));
    assert_eq!((logs.len(), others.len()), (1, 1), "{logs:?} {others:?}");
    assert_eq!(others, [logs[0].with_extension("untold")]);
    assert_eq!((mode(&logs[0]), mode(&others[0])), (0o600, 0o600));
    assert_eq!(mode(&folder), 0o700);
    std::fs::read_to_string(&logs[0]).unwrap()
}

#[test]
fn a_screen_that_is_killed() {
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let (engine, plugins) = (run.engine(), run.plugins());
    // What is done to the terminal's processes is not done to it.
    let id = Pid::from_raw(i32::try_from(engine).unwrap());
    assert_eq!(getsid(id).ok(), id);
    signal(run.pid(), Signal::KILL);
    run.end().code(-1);
    wait_until_alone(&work);
    gate.open();
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
    // The next command says where to look, once.
    let lost = ["An earlier run lost its terminal", ".terraform/runs/"];
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .says(&["1 to add"])
        .says(&lost)
        .never_says(&["interrupted"]);
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .never_says(&lost[..1]);
    finish(&work, "1 added, 0 changed, 0 destroyed.");
}

#[test]
fn a_terminal_that_was_closed() {
    if !hangs_up() {
        return;
    }
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    signal(run.pid(), Signal::HUP);
    run.wait_for_error("Interrupt received");
    gate.open();
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
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let engine = run.engine();
    for process in [engine, run.pid()] {
        signal(process, Signal::TERM);
    }
    run.wait_for_error("Interrupt received");
    gate.open();
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
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let mut early = Running::muster(&work, &["attach"]);
    // What was said before, and what is said from now on.
    early.wait_for("muster_zone.second: Creating...");
    // Both processes stand for the run.
    let (engine, screen) = (run.engine().to_string(), run.pid().to_string());
    let mut watching = vec![early];
    for id in [engine, screen] {
        let mut named = Running::muster(&work, &["attach", &id]);
        named.wait_for("muster_zone.second: Creating...");
        watching.push(named);
    }
    gate.open();
    let all = [
        "muster_zone.first: Creation complete",
        "muster_zone.third: Creation complete",
        "Apply complete! Resources: 3 added",
    ];
    let shown = run.end().code(0).says(&all);
    for each in &mut watching {
        let ran = each.end().code(0).says(&["Attached to apply"]);
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
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    run.engine();
    signal(run.pid(), Signal::KILL);
    run.end().code(-1);
    let mut watching = Running::muster(&work, &["attach"]);
    watching.wait_for("muster_zone.second: Creating...");
    wait_until_alone(&work);
    gate.open();
    let ran = watching.end().code(1);
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
    let engine = run.engine();
    work.run(&["attach", "1"])
        .code(1)
        .says(&["Error: No such run", &format!("muster attach {engine} ")]);
    work.run(&["attach", "-json"])
        .code(1)
        .says(&["\"type\":\"diagnostic\"", "Error: The run says no JSON"]);
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
    assert_eq!(sockets(&work), [ids[0]]);
}

/// The processes whose sockets are there.
fn sockets(work: &Work) -> Vec<u32> {
    let entries = std::fs::read_dir(work.path().join(".terraform/runs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let sockets = names.filter(|name| name.ends_with(".sock"));
    sockets
        .map(|name| name.split('-').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn documents_of_a_run() {
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &["-json"]);
    let mut watching = Running::muster(&work, &["attach", "-json"]);
    watching.wait_for("muster_zone.second: Creating...");
    gate.open();
    let ran = watching.end().code(0);
    assert_eq!(ran.stderr, "");
    // What attach itself says comes before what the run says.
    let said: Vec<&str> = ran.stdout.split_inclusive('\n').collect();
    assert_eq!(said[2..].concat(), run.end().code(0).stdout);
    let types = documents(&ran.stdout);
    assert_eq!(types[..3], ["version", "attach_begin", "version"]);
    // There is nothing any more to attach to.
    let none = work.run(&["attach", "-json"]).code(1);
    assert_eq!(none.stderr, "");
    assert_eq!(documents(&none.stdout), ["version", "diagnostic"]);
    none.says(&["No run to attach to"]);
}

/// The types of the documents that a text consists of.
fn documents(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        document["type"].as_str().unwrap().to_owned()
    });
    lines.collect()
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
    let engine = sockets(&work)[0];
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
        ("", 1, "Error: error asking for approval: EOF"),
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
