//! The exit codes that the README promises.

use rustix::process::Signal;

use crate::background::{Running, signal, wait_until};
use crate::harness::{Ran, Work, hangs_up};

const OUTPUT: &str = "output \"o\" {\n  value = 1\n}\n";

#[test]
fn of_plans() {
    let work = Work::with(OUTPUT);
    work.run(&["plan"]).code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(2);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    work.write("more.tf", "output \"p\" {\n  value = nosuch.thing\n}\n");
    work.run(&["plan"]).code(1);
    work.run(&["plan", "-detailed-exitcode"]).code(1);
}

#[test]
fn of_validation() {
    let work = Work::with(OUTPUT);
    work.run(&["validate"]).code(0);
    work.write("more.tf", "output \"p\" {\n  value = nosuch.thing\n}\n");
    for args in [&["validate"][..], &["validate", "-json"]] {
        work.run(args).code(1);
    }
}

#[test]
fn of_approval() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    // Nobody answers, and somebody says no.
    work.run(&["apply"]).code(1);
    let mut command = work.command(&["apply"]);
    command.stdin(std::process::Stdio::from(answering(&work, "no\n")));
    let refused = Ran::new(&command.output().unwrap());
    refused.code(1).says(&["Apply cancelled."]);
    work.run(&["apply", "-auto-approve"]).code(0);
    let mut command = work.command(&["destroy"]);
    command.stdin(std::process::Stdio::from(answering(&work, "no\n")));
    let refused = Ran::new(&command.output().unwrap());
    refused.code(1).says(&["Destroy cancelled."]);
    assert_eq!(work.state_list(), ["terraform_data.a"]);
}

#[test]
fn of_interrupted_questions() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    // Nobody ever writes to it.
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = work.command(&["apply"]);
    command.stdin(reader);
    let mut run = Running::start(command);
    run.wait_for("Enter a value");
    signal(run.pid(), Signal::INT);
    run.end()
        .code(1)
        .says(&["Error: error asking for approval: interrupted"]);
    drop(writer);
    // Nothing was changed, and nobody holds the lock.
    assert!(!work.path().join("terraform.tfstate").exists());
    work.run(&["apply", "-auto-approve"]).code(0);
}

#[test]
fn of_interrupts_before_anything_has_begun() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    // Whoever opens it to write waits for somebody who reads.
    let pipe = work.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        if number == Signal::HUP && !hangs_up() {
            continue;
        }
        let mut run = Running::muster(&work, &["apply", "-auto-approve", "-json-into=pipe"]);
        wait_until("the run", || is_open(&work));
        signal(run.pid(), number);
        run.end()
            .code(1)
            .says(&["Error: Interrupted", "Nothing was changed."])
            .never_says(&["is gone"]);
        assert!(!is_open(&work));
    }
    assert!(!work.path().join("terraform.tfstate").exists());
}

/// Whether somebody could attach to a run.
fn is_open(work: &Work) -> bool {
    let entries = std::fs::read_dir(work.path().join(".terraform/runs"));
    let mut names = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.file_name());
    names.any(|name| name.to_string_lossy().ends_with(".sock"))
}

/// A file that has an answer.
fn answering(work: &Work, answer: &str) -> std::fs::File {
    work.write("answer", answer);
    std::fs::File::open(work.path().join("answer")).unwrap()
}

#[test]
fn of_formatting() {
    let work = Work::with("output \"o\" {\n    value = 1\n}\n");
    work.run(&["fmt", "-check"]).code(3);
    work.run(&["fmt"]).code(0);
    work.run(&["fmt", "-check"]).code(0);
    work.write("main.tf", "output \"o\" {\n");
    work.run(&["fmt"]).code(2);
    work.run(&["fmt", "nosuch"]).code(2);
}

/// A test whose only assertion wants this value of the output.
fn wants(value: u32) -> String {
    format!(
        "run \"r\" {{\n  command = plan\n  assert {{\n    condition     = output.o == {value}\n    error_message = \"no\"\n  }}\n}}\n"
    )
}

#[test]
fn of_tests() {
    let work = Work::with(OUTPUT);
    work.run(&["test"]).code(0).says(&["0 passed, 0 failed."]);
    work.write("tests/a.tftest.hcl", wants(1));
    work.run(&["test"]).code(0).says(&["1 passed, 0 failed."]);
    work.write("tests/b.tftest.hcl", wants(2));
    work.run(&["test"]).code(1).says(&["1 passed, 1 failed."]);
    work.run(&["test", "-filter=tests/a.tftest.hcl"])
        .code(0)
        .says(&["1 passed, 0 failed."]);
    // Nothing to run is no failure, as elsewhere.
    for args in [
        &["test", "-filter=tests/missing.tftest.hcl"][..],
        &["test", "-test-directory=missing"],
    ] {
        work.run(args).code(0).says(&["0 passed, 0 failed."]);
    }
    work.write("tests/b.tftest.hcl", "run \"r\" {\n  nosuch = 1\n}\n");
    work.run(&["test"]).code(1);
}

#[test]
fn of_what_is_not_there() {
    let work = Work::with("");
    work.run(&["output"]).code(0);
    work.run(&["output", "o"]).code(0);
    work.run(&["output", "-raw", "o"]).code(1);
    work.run(&["show"]).code(0);
    work.run(&["show", "nosuch"]).code(1);
    work.run(&["state", "list"]).code(1);
    work.run(&["nosuch"]).code(1);
    work.run(&[]).code(127);
}

/// All that takes a directory of tests says when it is not there.
#[test]
fn a_directory_of_tests_that_is_not_there() {
    let work = Work::with(OUTPUT);
    for command in ["validate", "init", "get", "test"] {
        work.run(&[command, "-test-directory=nowhere"])
            .code(0)
            .says(&["Warning: Test directory does not exist", "nowhere"]);
        // Nobody has asked for the usual one.
        work.run(&[command])
            .code(0)
            .never_says(&["Test directory does not exist"]);
    }
}
