//! The program at a terminal, and at the end of a pipe that nobody reads.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::harness::{Ran, Work};

/// A terminal: what a person has before them, and what programs are given. Its size is unknown.
struct Terminal {
    person: File,
    program: File,
}

impl Terminal {
    fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let program = rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).unwrap();
        Self {
            person: File::from(person),
            program: File::from(program),
        }
    }

    fn end(&self) -> Stdio {
        Stdio::from(OwnedFd::from(self.program.try_clone().unwrap()))
    }

    fn shows_what_is_typed(&self) -> bool {
        let modes = tcgetattr(&self.program).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    /// What is on the screen up to this text.
    fn screen_until(&mut self, end: &str) -> String {
        until(&mut self.person, end)
    }
}

fn until(from: &mut impl Read, end: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(end.as_bytes()) {
        assert_eq!(from.read(&mut byte).unwrap(), 1, "no {end:?}: {seen:?}");
        seen.extend(byte);
    }
    String::from_utf8(seen).unwrap()
}

fn with_variable(settings: &str) -> Work {
    Work::with(&format!(
        "variable \"v\" {{\n{settings}}}\noutput \"o\" {{\n  value = \"${{nonsensitive(length(var.v))}} letters\"\n}}\n"
    ))
}

/// Commands that ask: in the first one the process that was started does all, in the second one it
/// only shows what another one does.
const COMMANDS: [&[&str]; 2] = [&["plan"], &["apply", "-auto-approve"]];

/// A command that asks for the variable, and has asked.
fn asking(work: &Work, args: &[&str], terminal: &Terminal) -> Child {
    let mut command = work.command(args);
    command.stdin(terminal.end());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    until(child.stdout.as_mut().unwrap(), "Enter a value: ");
    child
}

#[test]
fn answers_that_are_secret_are_not_shown() {
    let shown = [("", "hunter2\r\n"), ("  sensitive = true\n", "\r\n")];
    for (args, (settings, screen)) in COMMANDS.iter().flat_map(|args| shown.map(|s| (args, s))) {
        let work = with_variable(settings);
        let mut terminal = Terminal::new();
        let child = asking(&work, args, &terminal);
        terminal.person.write_all(b"hunter2\n").unwrap();
        let ran = Ran::new(&child.wait_with_output().unwrap()).code(0);
        ran.says(&["7 letters"]);
        assert!(terminal.shows_what_is_typed(), "{settings}");
        terminal.person.write_all(b"end").unwrap();
        let seen = terminal.screen_until("end");
        assert_eq!(seen, format!("{screen}end"), "{settings}");
    }
}

#[test]
fn an_interrupted_question_leaves_the_terminal_as_it_was() {
    for args in COMMANDS {
        let work = with_variable("  sensitive = true\n");
        let terminal = Terminal::new();
        let child = asking(&work, args, &terminal);
        assert!(!terminal.shows_what_is_typed());
        let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        kill_process(id, Signal::INT).unwrap();
        Ran::new(&child.wait_with_output().unwrap()).code(1);
        assert!(terminal.shows_what_is_typed());
    }
}

#[test]
fn approval() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    let mut terminal = Terminal::new();
    let mut command = work.command(&["apply"]);
    command.stdin(terminal.end());
    command.stdout(terminal.end()).stderr(terminal.end());
    let mut child = command.spawn().unwrap();
    terminal.screen_until("Enter a value: ");
    terminal.person.write_all(b"yes\n").unwrap();
    terminal.screen_until("yes\r\n\r\nterraform_data.a: Creating...");
    terminal.screen_until("Apply complete! Resources: 1 added");
    assert!(child.wait().unwrap().success());
}

#[test]
fn approval_that_is_not_given() {
    let answers: [(&[u8], &str); 4] = [
        (b"no\n", "Apply cancelled."),
        (b"\n", "Apply cancelled."),
        // Control-D ends the input.
        (b"\x04", "Error: error asking for approval: EOF"),
        (b"ye", "Error: error asking for approval: interrupted"),
    ];
    for (answer, says) in answers {
        let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
        let mut terminal = Terminal::new();
        let mut child = asking(&work, &["apply"], &terminal);
        terminal.person.write_all(answer).unwrap();
        if says.ends_with("interrupted") {
            // It does not have this terminal as its own, which would make it of Control-C.
            let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            kill_process(id, Signal::INT).unwrap();
        }
        let mut rest = String::new();
        let out = child.stdout.as_mut().unwrap();
        out.read_to_string(&mut rest).unwrap();
        let mut ran = Ran::new(&child.wait_with_output().unwrap()).code(1);
        ran.stdout += &rest;
        ran.says(&[says]).never_says(&["in progress", "Creating"]);
        assert!(work.state_list().is_empty(), "{says}");
    }
}

#[test]
fn lines_are_whole_where_the_width_is_unknown() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    let mut terminal = Terminal::new();
    let mut command = work.command(&["plan"]);
    let mut child = command.stdout(terminal.end()).spawn().unwrap();
    let screen = terminal.screen_until("1 to add");
    let line = "This is what apply will do to each object. The symbols mean:";
    assert!(screen.contains(line), "{screen}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn readers_that_go_away_early() {
    let work = Work::empty();
    for shell in ["bash", "zsh", "fish"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = work.command(&["completion", shell]);
        let output = command.stdout(writer).output().unwrap();
        Ran::new(&output).code(0).never_says(&["panicked"]);
        let ran = work.run(&["completion", shell]).code(0);
        assert!(ran.stdout.contains("muster"), "{shell}");
    }
}
