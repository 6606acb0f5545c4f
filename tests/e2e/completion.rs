//! Completion in shells, by the scripts that the program prints.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::harness::{Ran, Work, skip};

/// A state of a provider that is nowhere, so that nothing could be started.
const STATE: &str = r#"{
  "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "x", "outputs": {},
  "resources": [
    {
      "mode": "managed", "type": "x_y", "name": "a",
      "provider": "provider[\"nowhere.example/x/y\"]",
      "instances": [
        {"index_key": "it's", "schema_version": 0, "attributes": {}},
        {"index_key": "k", "schema_version": 0, "attributes": {}}
      ]
    }
  ],
  "check_results": null
}"#;

/// A configuration that cannot be read, with a state and some workspaces.
fn work() -> Work {
    let work = Work::with("resource {{{\n");
    work.write("terraform.tfstate", STATE);
    for name in ["stable", "staging"] {
        work.write(&format!("terraform.tfstate.d/{name}/terraform.tfstate"), "");
    }
    work.write("inner/main.tf", "variable \"v\" {}\nlocals {\n  a = 1\n}\n");
    for (shell, file) in [("bash", "c.bash"), ("zsh", "c.zsh"), ("fish", "c.fish")] {
        let script = work.run(&["completion", shell]).code(0).stdout;
        work.write(file, script);
    }
    work
}

/// Runs a script in the directory; `$0` or `$argv[1]` is the program, then comes the line.
fn shell(work: &Work, arguments: &[&str], script: &str, line: &str) -> Vec<String> {
    let mut command = Command::new(arguments[0]);
    let program = env!("CARGO_BIN_EXE_muster");
    work.prepare(&mut command, &[]);
    command.args(&arguments[1..]).args([script, program, line]);
    let ran = Ran::new(&command.output().unwrap()).code(0);
    assert_eq!(ran.stderr, "", "{line}");
    let lines = ran.stdout.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// Whether a shell is there that is wanted.
fn is_there(name: &str) -> bool {
    let found = Command::new(name).arg("--version").output().is_ok();
    if !found {
        skip(&format!("{name} is not installed"));
    }
    found
}

#[test]
fn in_bash() {
    let script = r#"source c.bash
        COMP_WORDBREAKS=$' \t\n"\'><=;|&(:' COMP_LINE="$1" COMP_POINT=${#1}
        _muster "$0"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let work = work();
    let check = |line: &str, expect: &[&str]| {
        let found = shell(&work, &["bash", "--norc", "-c"], script, line);
        assert_eq!(found, expect, "{line}");
    };
    check("muster apply -auto", &["-auto-approve"]);
    check("muster state int", &[]);
    check("muster workspace select st", &["stable", "staging"]);
    check("muster workspace delete ", &["stable", "staging"]);
    check("muster state mv -to-workspace=sta", &["stable", "staging"]);
    check("muster -chdir=inner workspace select ", &["default"]);
    check(
        "muster plan -target=x_y.a\\[\\\"k",
        &["x_y.a\\[\\\"k\\\"\\]"],
    );
    check("muster plan -target='x_y.a[\"k", &["x_y.a[\"k\"]"]);
    check("muster state show \"x_y.a[\\\"k", &["x_y.a[\\\"k\\\"]"]);
    check(
        "muster taint ",
        &["x_y.a\\[\\\"it\\'s\\\"\\]", "x_y.a\\[\\\"k\\\"\\]"],
    );
    check("muster plan -out=c", &[]);
    check("muster state restore ", &["1"]);
    check("muster -chdir=inner why ", &["local.a", "var.v"]);
}

#[test]
fn in_zsh() {
    if !is_there("zsh") {
        return;
    }
    // What is added, in place of the builtins that only work while somebody types.
    let script = r#"compdef() { : }
        compset() { : }
        compadd() { print -rl -- "${(@P)@[-1]}" }
        source ./c.zsh
        words=("$0" ${(z)1#muster }) CURRENT=${#words} PREFIX=${words[-1]}
        [[ $1 == *' ' ]] && words+=('') CURRENT=${#words} PREFIX=
        _muster"#;
    let work = work();
    let check = |line: &str, expect: &[&str]| {
        let found = shell(&work, &["zsh", "-f", "-c"], script, line);
        assert_eq!(found, expect, "{line}");
    };
    check("muster apply -auto", &["-auto-approve"]);
    check("muster plan -tar", &["-target="]);
    check("muster state int", &[]);
    check("muster workspace select st", &["stable", "staging"]);
    check("muster plan -target=x_y.a\\[\\\"k", &["x_y.a[\"k\"]"]);
    check("muster taint ", &["x_y.a[\"it's\"]", "x_y.a[\"k\"]"]);
}

#[test]
fn in_fish() {
    if !is_there("fish") {
        return;
    }
    let script = r#"set -gx PATH (string replace -r '/[^/]*$' '' $argv[1]) $PATH
        source c.fish
        complete -C $argv[2]"#;
    let work = work();
    let check = |line: &str, expect: &[&str]| {
        let found = shell(&work, &["fish", "--no-config", "-c"], script, line);
        let found: Vec<&str> = found.iter().filter_map(|l| l.split('\t').next()).collect();
        assert_eq!(found, expect, "{line}");
    };
    check("muster apply -auto", &["-auto-approve"]);
    check("muster plan -tar", &["-target="]);
    check("muster state int", &[]);
    check("muster workspace select st", &["stable", "staging"]);
    check(
        "muster plan -target=x_y.a\\[\\\"k",
        &["-target=x_y.a[\"k\"]"],
    );
    check("muster taint ", &["x_y.a[\"it's\"]", "x_y.a[\"k\"]"]);
}

#[test]
fn locks_do_not_matter() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tf", "resource \"terraform_data\" \"b\" {}\n");
    let mut command = work.command(&["apply"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut run = command.spawn().unwrap();
    let mut shown = String::new();
    let mut stdout = run.stdout.take().unwrap();
    let mut byte = [0];
    while !shown.contains("Only 'yes'") {
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{shown}");
        shown.push(char::from(byte[0]));
    }
    // The run has the lock until it has its answer.
    work.run(&["taint", "terraform_data.a"]).code(1);
    let answer = work
        .run(&["internal-complete", "fish", "taint", ""])
        .code(0);
    assert_eq!(answer.stdout, "words\nterraform_data.a\t\n");
    assert_eq!(answer.stderr, "");
    run.stdin.take().unwrap().write_all(b"no\n").unwrap();
    drop(stdout);
    run.wait().unwrap();
}
