//! Arguments that make no sense: the same words from all commands.

use crate::harness::{Ran, Work};

const FLAGS: &str = "Failed to parse command-line flags";
const TOO_MANY: &str = "Too many command line arguments";

/// Runs a command in a directory with nothing in it.
fn run(args: &str) -> Ran {
    Work::empty().run(&args.split(' ').collect::<Vec<_>>())
}

/// One error with this summary, a detail, and where to find help.
#[track_caller]
fn check(args: &str, summary: &str, details: &[&str]) {
    let ran = run(args).code(1);
    assert_eq!(ran.stdout, "", "{args}");
    let errors: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.to_lowercase().contains("error:"))
        .collect();
    assert_eq!(errors, [format!("Error: {summary}")], "{args}");
    let is_command = |word: &&str| !word.starts_with('-') && !word.starts_with("arg");
    let command = args.split(' ').take_while(is_command);
    let command: Vec<&str> = std::iter::once("muster").chain(command).collect();
    let help = format!("run:\n  {} -help\n", command.join(" "));
    ran.says(details)
        .says(&[&help])
        .never_says(&["--", "<", "\n\n\n"]);
}

#[test]
fn flags_that_nobody_knows() {
    for command in [
        "init",
        "validate",
        "plan",
        "apply",
        "destroy",
        "refresh",
        "import",
        "show",
        "output",
        "taint",
        "untaint",
        "workspace list",
        "workspace new",
        "modules",
        "state list",
        "state mv",
        "state rm",
        "test",
        "console",
        "fmt",
        "force-unlock",
        "get",
        "why",
        "graph",
        "metadata functions",
        "providers",
        "providers lock",
        "providers schema",
        "version",
        "attach",
        "recover",
    ] {
        let details = ["flag provided but not defined: -nosuch"];
        check(&format!("{command} -nosuch"), FLAGS, &details);
    }
    let near = ["not defined: -pararellism", "Did you mean -parallelism?"];
    check("plan -pararellism=3", FLAGS, &near);
}

#[test]
fn flags_on_the_wrong_side_of_the_command() {
    check(
        "plan -chdir=x",
        FLAGS,
        &["not defined: -chdir\n", "muster -chdir=DIR plan\n"],
    );
    for args in ["-json plan", "-out=x plan"] {
        run(args).code(1).says(&[
            "Error: Failed to parse command-line flags",
            "Options of a command stand behind it: muster plan -",
        ]);
    }
    run("-nosuch plan")
        .code(1)
        .never_says(&["Options of a command"]);
}

#[test]
fn a_directory_behind_no_equals_sign() {
    let summary =
        "Error: Invalid -chdir option: must include an equals sign followed by a directory path\n";
    for args in [
        "-chdir",
        "-chdir plan",
        "-chdir . apply",
        "--chdir= plan",
        "-chdir=. -chdir -help",
    ] {
        let ran = run(args).code(1);
        assert_eq!(ran.stdout, "", "{args}");
        ran.says(&[summary, "muster -chdir=DIR COMMAND"]);
    }
    let json = run("-chdir . plan -json").code(1);
    assert!(
        json.stdout.contains("Invalid -chdir option"),
        "{}",
        json.stdout
    );
}

#[test]
fn values_that_are_none() {
    check("plan -out", FLAGS, &["flag needs an argument: -out"]);
    check("plan -var", FLAGS, &["flag needs an argument: -var"]);
    check(
        "plan -parallelism=many",
        FLAGS,
        &["\"many\"", "-parallelism", "whole number"],
    );
    check(
        "plan -parallelism=-1",
        "Invalid parallelism value",
        &["\"-1\""],
    );
    check(
        "plan -refresh=maybe",
        FLAGS,
        &["-refresh takes true or false", "\"maybe\""],
    );
    check(
        "completion argyle",
        "Invalid command line argument",
        &["\"argyle\"", "bash"],
    );
}

#[test]
fn too_many_and_too_few() {
    check("plan arg", TOO_MANY, &["\"arg\"", "-chdir=DIR"]);
    check("apply arg1 arg2", TOO_MANY, &["\"arg2\"", "[PLAN]"]);
    check("validate arg", TOO_MANY, &["\"arg\""]);
    check("output arg1 arg2", "Unexpected argument", &["\"arg2\""]);
    let change = format!("{TOO_MANY}. Did you mean to use -chdir?");
    for command in ["init", "get", "graph", "console"] {
        check(&format!("{command} arg"), &change, &["\"arg\""]);
    }
    check("state mv", "Exactly two arguments expected.", &["SOURCE"]);
    check(
        "state mv arg",
        "Exactly two arguments expected.",
        &["DESTINATION"],
    );
    check(
        "state rm",
        "At least one address is required.",
        &["ADDRESS"],
    );
    check(
        "workspace new",
        "Expected a single argument: NAME.",
        &["Usage: muster [global options] workspace new [options] NAME"],
    );
    check(
        "import arg",
        "The import command expects two arguments.",
        &["ID"],
    );
    check(
        "providers mirror",
        "No output directory specified",
        &["DIRECTORY"],
    );
    check(
        "plan -lock false",
        TOO_MANY,
        &["\"false\"", "-lock=false, and not -lock false"],
    );
}

#[test]
fn options_that_exclude_each_other() {
    check(
        "output -json -raw arg",
        "Invalid output format",
        &["-json", "-raw", "cannot be given together"],
    );
    check(
        "providers lock -fs-mirror=a -net-mirror=b",
        "Invalid installation method options",
        &["-fs-mirror", "-net-mirror"],
    );
}

#[test]
fn json_is_the_only_form_of_some() {
    for command in ["providers schema", "metadata functions"] {
        let summary = format!("The `muster {command}` command requires the `-json` flag.");
        check(command, &summary, &[]);
    }
}

/// Those who read a stream of documents find what is wrong in it.
#[test]
fn documents_for_those_who_read_them() {
    for (args, summary) in [
        ("plan -json -nosuch", FLAGS),
        ("plan -nosuch -json", FLAGS),
        ("plan -json arg", TOO_MANY),
        ("apply -json=true -refresh=maybe", FLAGS),
        ("destroy -json -parallelism=x", FLAGS),
        ("refresh -json -nosuch", FLAGS),
        ("init -json -nosuch", FLAGS),
        ("apply -json", "Plan file or auto-approve required"),
        ("destroy -json", "Plan file or auto-approve required"),
    ] {
        let ran = run(args).code(1);
        assert_eq!(ran.stderr, "", "{args}");
        let documents: Vec<serde_json::Value> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(documents[0]["type"], "version", "{args}");
        assert_eq!(documents.len(), 2, "{args}");
        let diagnostic = &documents[1]["diagnostic"];
        assert_eq!(diagnostic["severity"], "error", "{args}");
        assert_eq!(diagnostic["summary"], summary, "{args}");
        assert_ne!(diagnostic["detail"], "", "{args}");
    }
    // The document of these is one, or there is none.
    for args in [
        "validate -json -nosuch",
        "output -json -nosuch",
        "show -json -nosuch",
    ] {
        check(args, FLAGS, &["-nosuch"]);
    }
}

#[test]
fn directories_that_are_not_there() {
    let ran = run("-chdir=nosuch plan").code(1);
    ran.says(&["Error: Error handling -chdir option", "nosuch"]);
}
