//! Runs that nobody can see, or that are gone without a word.

use rustix::process::Signal;

use super::{at_the_gate, gated, wait_until_alone};
use crate::background::{Running, lives, signal, wait_until};
use crate::harness::Work;
use crate::kill::finish;

#[test]
fn a_run_that_is_killed_after_its_screen() {
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let (engine, plugins) = (run.engine(), run.plugins());
    signal(run.pid(), Signal::KILL);
    run.end().code(-1);
    wait_until_alone(&work);
    let process = format!("(process {engine})");
    work.run(&["state", "list"]).never_says(&[&process]);
    signal(engine, Signal::KILL);
    wait_until("the end of the run", || {
        !plugins.iter().chain([&engine]).any(|id| lives(*id))
    });
    gate.open();
    let named = format!("-{engine}@");
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .says(&["An earlier run was interrupted", &process])
        .says(&[
            "create muster_zone.second",
            "What it said is in .terraform/runs/",
            &named,
        ])
        .never_says(&["lost its terminal"]);
    finish(&work, "2 added, 0 changed, 0 destroyed.");
}

#[test]
fn places_that_take_no_sockets() {
    let (work, gate) = gated();
    work.write(".terraform/runs", "not a folder");
    let mut run = at_the_gate(&work, &gate, &[]);
    let engine = run.engine();
    work.run(&["attach"])
        .code(1)
        .says(&["Error: No run to attach to"]);
    // It is neither found nor has it a log, but ends in order.
    signal(run.pid(), Signal::KILL);
    run.end().code(-1);
    gate.open();
    wait_until("the end of the run", || !lives(engine));
    assert!(!work.path().join(".terraform.tfstate.journal").exists());
    assert_eq!(work.read(".terraform/runs"), "not a folder");
    work.run(&["plan", "-var", "latency=0s"])
        .code(0)
        .never_says(&["interrupted"]);
}

#[test]
fn runs_on_other_machines() {
    let work = Work::with("");
    // To this machine it leads nowhere, as one on a shared file system.
    let socket = ".terraform/runs/4711-12345678@build-3.example.sock";
    work.write(socket, "");
    let there = ["process 4711 runs on build-3.example", socket];
    for args in [&["attach"][..], &["attach", "4711"]] {
        work.run(args).code(1).says(&there);
    }
    work.run(&["attach", "4712"])
        .code(1)
        .says(&["Error: No such run"]);
    assert!(work.path().join(socket).exists(), "it is not ours");
}

#[test]
fn runs_that_are_stopped_are_waited_for() {
    let (work, gate) = gated();
    let mut run = at_the_gate(&work, &gate, &[]);
    let engine = run.engine();
    signal(engine, Signal::STOP);
    let waits = format!("Waiting for process {engine} to answer");
    let mut watching = Running::muster(&work, &["attach"]);
    let mut leaving = Running::muster(&work, &["attach", &engine.to_string()]);
    leaving.wait_for_error(&waits);
    signal(leaving.pid(), Signal::INT);
    leaving.end().code(130).never_says(&["No run that answers"]);
    watching.wait_for_error(&waits);
    // By now it may have said that there is none that answers, where everything is slow.
    signal(engine, Signal::CONT);
    gate.open();
    run.end().code(0);
    let ran = watching.end();
    match ran.code {
        0 => drop(ran.says(&["Attached to apply", "Apply complete!"])),
        _ => drop(ran.says(&["No run that answers"])),
    }
}
