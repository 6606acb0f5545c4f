use super::*;

/// All commands, with the words that lead to them.
fn all(command: &Command, path: &[String], into: &mut Vec<(Vec<String>, Command)>) {
    into.push((path.to_vec(), command.clone()));
    for next in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        let path = [path, &[next.get_name().to_owned()]].concat();
        all(next, &path, into);
    }
}

fn commands() -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    all(&Cli::command(), &[], &mut found);
    found
}

#[test]
fn the_command_is_found() {
    #[track_caller]
    fn check(args: &str, expect: &str) {
        let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
        assert_eq!(path(&args).join(" "), expect);
    }
    check("muster plan --help", "plan");
    check("muster --chdir plan apply --help", "apply");
    check("muster help state list", "state list");
    check("muster state help list", "state list");
    check("muster --help", "");
    check("muster nosuch plan", "");
    check("muster apply plan", "apply");
}

#[test]
fn options_are_typed_so() {
    let plan = text(&["plan".to_owned()]);
    for line in [
        "Usage: muster [global options] plan [options]",
        "  Show what apply would change.",
        "Planning options:",
    ] {
        assert!(plan.lines().any(|l| l == line), "{line}: {plan}");
    }
    for part in ["  -var 'NAME=VALUE'  ", "  -out=FILE ", "  -json  "] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert!(!plan.contains("-backup"));
}

#[test]
fn arguments_are_named() {
    let usage = |path: &str| {
        let path: Vec<String> = path.split(' ').map(str::to_owned).collect();
        super::usage(&path)
    };
    assert_eq!(
        usage("state mv"),
        "muster [global options] state mv [options] SOURCE DESTINATION"
    );
    assert_eq!(
        usage("state rm"),
        "muster [global options] state rm [options] ADDRESS..."
    );
    assert_eq!(
        usage("apply"),
        "muster [global options] apply [options] [PLAN]"
    );
    assert_eq!(
        usage("workspace"),
        "muster [global options] workspace COMMAND"
    );
    assert_eq!(
        usage("providers"),
        "muster [global options] providers [options] [COMMAND]"
    );
}

#[test]
fn every_name_in_the_tables_is_one() {
    let commands = commands();
    let has = |command: &Command, name: &str| {
        command
            .get_arguments()
            .any(|arg| arg.get_long() == Some(name))
    };
    for name in GROUPS.iter().flat_map(|(_, names)| *names) {
        assert!(commands.iter().any(|(_, c)| has(c, name)), "-{name}");
    }
    for name in MAIN {
        assert!(commands.iter().any(|(p, _)| p == &[*name]), "{name}");
    }
}

#[test]
fn words_go_on_lines_that_fit() {
    let words = "word ".repeat(30);
    let text = paragraph(&words, 10);
    assert!(
        text.lines()
            .all(|l| l.len() <= WIDTH && l.starts_with("          word"))
    );
    assert_eq!(text.lines().count(), 3);
    let long = "x".repeat(100);
    assert_eq!(
        paragraph(&format!("a {long} b"), 0),
        format!("a\n{long}\nb\n")
    );
}
