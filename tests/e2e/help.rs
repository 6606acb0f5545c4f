//! What `-help` shows of every command.

use crate::harness::{Ran, Work};

/// The help of a command, or of the program.
#[track_caller]
fn help(work: &Work, command: &[&str]) -> Ran {
    let ran = work.run(&[command, &["-help"]].concat()).code(0);
    assert_eq!(ran.stderr, "", "{command:?}");
    ran
}

/// The names in the parts of a help whose titles end so.
fn names(help: &str, title: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_in = false;
    for line in help.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            is_in = line.ends_with(title);
        }
        let name = line.strip_prefix("  ").filter(|l| !l.starts_with(' '));
        if let Some(name) = name.filter(|_| is_in) {
            names.extend(name.split(' ').next().map(str::to_owned));
        }
    }
    names
}

/// All commands, with those that have commands of their own.
fn commands(work: &Work) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for name in names(&help(work, &[]).stdout, "ommands:") {
        for inner in names(&help(work, &[&name]).stdout, "ommands:") {
            all.push(vec![name.clone(), inner]);
        }
        all.push(vec![name]);
    }
    all
}

/// The options of a help, each as it is typed, with a value where it takes one.
fn options(help: &str) -> Vec<String> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  -"));
    let options = lines.map(|line| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let value = match name.split_once('=') {
            Some((name, kind)) => format!("{name}={}", value(kind)),
            None if words.next().is_some_and(|word| word.starts_with('\'')) => {
                format!("{name}=a=b")
            }
            None => name.to_owned(),
        };
        format!("-{value}")
    });
    options.collect()
}

/// A value of a kind.
fn value(kind: &str) -> &'static str {
    match kind {
        "BOOL" => "false",
        "N" => "3",
        "DURATION" => "1s",
        _ => "x",
    }
}

#[test]
fn every_command_explains_itself() {
    let work = Work::empty();
    let commands = commands(&work);
    assert!(commands.len() > 40, "{commands:?}");
    for command in &commands {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let text = help(&work, &command).stdout;
        for line in text.lines() {
            let words = line.split(|c: char| c.is_whitespace() || "[(".contains(c));
            let typed = words.filter(|word| word.starts_with("--"));
            assert_eq!(typed.count(), 0, "{command:?}: {line}");
            assert!(line.chars().count() <= 100, "{command:?}: {line}");
        }
        let usage = format!("Usage: muster [global options] {}", command.join(" "));
        assert!(text.starts_with(&usage), "{text}");
        let (_, examples) = text
            .split_once("Examples:\n")
            .unwrap_or_else(|| panic!("{command:?} has no examples: {text}"));
        assert!(
            examples.contains(&format!("muster {}", command[0])),
            "{text}"
        );
    }
}

#[test]
fn what_is_shown_can_be_typed() {
    let work = Work::empty();
    for command in commands(&work) {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let shown = options(&help(&work, &command).stdout);
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        // Help comes only after everything before it makes sense.
        work.run(&[&command[..], &shown, &["-help"]].concat())
            .code(0)
            .says(&["Usage: muster"]);
    }
    let names = options(&help(&work, &["plan"]).stdout);
    for name in ["-out=x", "-var=a=b", "-refresh=false", "-json"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
}

#[test]
fn help_in_every_form() {
    let work = Work::empty();
    let plan = help(&work, &["plan"]).stdout;
    for args in [
        &["plan", "--help"][..],
        &["plan", "-h"],
        &["help", "plan"],
        &["-chdir=nowhere", "plan", "-help"],
        &["plan", "-help", "-nosuch"],
    ] {
        assert_eq!(work.run(args).code(0).stdout, plan, "{args:?}");
    }
    let list = help(&work, &["state", "list"]).stdout;
    assert_eq!(work.run(&["state", "help", "list"]).code(0).stdout, list);
    // Those who name no command get help too, but nothing was done.
    let all = help(&work, &[]).stdout;
    assert_eq!(work.run(&[]).code(127).stdout, all);
    let state = help(&work, &["state"]).stdout;
    assert_eq!(work.run(&["state"]).code(1).stdout, state);
}

#[test]
fn options_without_an_effect_are_not_shown() {
    let work = Work::empty();
    help(&work, &["destroy"]).never_says(&["-refresh-only", "-replace=", "  -destroy"]);
    help(&work, &["plan"]).never_says(&["-state-out", "-backup"]);
}

#[test]
fn options_mean_what_the_command_makes_of_them() {
    let work = Work::empty();
    let meaning = |command: &[&str], option: &str| {
        let text = help(&work, command).stdout;
        let (_, rest) = text.split_once(&format!("  {option}")).unwrap();
        let mut lines = rest.lines();
        let first = lines.next();
        let more = lines.take_while(|line| line.starts_with("    "));
        let words = first
            .into_iter()
            .chain(more)
            .flat_map(str::split_whitespace);
        words.collect::<Vec<_>>().join(" ")
    };
    for (command, option, expect) in [
        (&["plan"][..], "-target=", "instance, and what it needs"),
        (&["destroy"], "-target=", "instance, and what depends on it"),
        (&["plan"], "-exclude=", "alone, and what depends on it"),
        (&["destroy"], "-exclude=", "alone, and what it needs"),
        (&["apply"], "-state-out=", "a new state is written to"),
        (
            &["state", "mv"],
            "-state-out=",
            "taken out of the one that they are in",
        ),
    ] {
        let found = meaning(command, option);
        assert!(found.contains(expect), "{command:?} {option}: {found}");
    }
}
