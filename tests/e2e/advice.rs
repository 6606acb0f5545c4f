//! What people are told who have mistyped a name or an address.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::harness::{Ran, Work};

const CONFIG: &str = r#"
resource "terraform_data" "each" {
  for_each = toset(["x", "y"])
}
resource "terraform_data" "one" {}
resource "terraform_data" "none" {
  count = 0
}
"#;

fn applied() -> Work {
    let work = Work::with(CONFIG);
    work.run(&["apply", "-auto-approve"]).code(0);
    work
}

#[test]
fn workspaces_that_are_not_there() {
    let work = Work::with(CONFIG);
    let workspace = |args: &[&str]| work.run(&[&["workspace"], args].concat());
    workspace(&["delete", "nope"])
        .code(1)
        .says(&["The only workspace is \"default\"", "Nothing was deleted"])
        .never_says(&["workspace new", "-or-create"]);
    workspace(&["new", "there"]).code(0);
    workspace(&["select", "nope"]).code(1).says(&[
        "There are \"default\" and \"there\"",
        "muster workspace new nope",
        "-or-create",
    ]);
    workspace(&["select", ""])
        .code(1)
        .never_says(&["workspace new"]);
}

#[test]
fn moves_that_cannot_be() {
    let work = applied();
    let before = work.read("terraform.tfstate");
    let mv = |from: &str, to: &str| work.run(&["state", "mv", from, to]).code(1);
    let (one, each) = ("terraform_data.one", "terraform_data.each");
    mv(one, one)
        .says(&["Invalid target address", "nothing to move", "-to-workspace"])
        .never_says(&["another object"]);
    // That there is nothing comes before what it could not become.
    mv("nope.a", "x.b")
        .says(&["Invalid source address", "nothing at nope.a", "state list"])
        .never_says(&["types"]);
    mv("terraform_data.each[\"z\"]", "terraform_data.b").says(&[
        "Invalid source address",
        "nothing at terraform_data.each[\"z\"]",
        "terraform_data.each[\"x\"]\n",
        "terraform_data.each[\"y\"]\n",
    ]);
    mv(each, "terraform_data.b[0]").says(&["Invalid target address", "can only be one"]);
    mv("module.nope", "module.b").says(&["Invalid source address", "nothing at module.nope"]);
    mv(one, "terraform_data.each[\"x\"]").says(&["Invalid target address", "another object there"]);
    assert_eq!(work.read("terraform.tfstate"), before);
}

#[test]
fn imports_to_keys_that_are_not_there() {
    let work = Work::with(CONFIG);
    let import = |address: &str| -> Ran {
        let ran = work.run(&["import", address, "id"]).code(1);
        ran.says(&["Configuration for import target does not exist"])
    };
    for address in ["terraform_data.each[\"z\"]", "terraform_data.each"] {
        import(address).says(&[
            "'terraform_data.each[\"x\"]'",
            "'terraform_data.each[\"y\"]'",
            "for_each",
        ]);
    }
    import("terraform_data.one[0]").says(&["Import it to terraform_data.one."]);
    import("terraform_data.none[0]").says(&["no instances at all", "count"]);
    assert!(!work.path().join("terraform.tfstate").exists() || work.state_list().is_empty());
}

#[test]
fn options_that_are_not_there() {
    let work = Work::empty();
    let check = |args: &[&str], expect: &str| {
        let ran = work.run(args).code(1);
        let unknown = format!("flag provided but not defined: {}", args[args.len() - 1]);
        ran.says(&[&format!("{unknown}{expect}\n\nFor more help")]);
    };
    check(&["init", "-foo"], "");
    check(&["init", "-upgrad"], "\nDid you mean -upgrade?");
    check(
        &["taint", "x.y", "-absent"],
        "\nIt is an option of muster recover.",
    );
    work.run(&["state", "-state=x", "list"])
        .code(1)
        .says(&["stand behind it: muster state list -state"]);
    // Terraform takes these, and they say nothing.
    work.run(&["plan", "-state-out=x", "-backup=y", "-help"])
        .code(0);
    for args in [
        &["state", "rm", "-state-out=x", "a.b"][..],
        &["why", "-backup=x", "a.b"],
        &["workspace", "delete", "-state=x", "a"],
    ] {
        work.run(args).code(1).says(&["provided but not defined"]);
    }
}

#[test]
fn only_destroying_is_for_destroy() {
    let work = applied();
    for (option, summary) in [
        ("-destroy", "Invalid mode option"),
        ("-refresh-only", "Invalid mode option"),
        ("-replace=terraform_data.one", "Unsupported plan mode"),
    ] {
        let ran = work.run(&["destroy", "-auto-approve", option]).code(1);
        ran.says(&[summary]);
    }
    work.run(&["plan", "-destroy", "-out=p$HOME"]).code(0);
    let here = format!("-chdir={}", work.path().display());
    for args in [&["destroy", "p$HOME"][..], &[&here, "destroy", "p$HOME"]] {
        work.run(args).code(1).says(&[
            "Error: Destroy can't be called with a plan file",
            "muster apply 'p$HOME'",
        ]);
    }
    work.run(&["destroy", "main.tf"])
        .code(1)
        .says(&["Error: Too many command line arguments"]);
    assert_eq!(work.state_list().len(), 3);
}

#[test]
fn a_first_run_is_going_on() {
    let work = Work::with(CONFIG);
    work.run(&["state", "list"])
        .code(1)
        .says(&["No state file was found!", "an apply makes one"])
        .never_says(&["a run is at work"]);
    let mut command = work.command(&["apply"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut run = command.spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let asked = lines.any(|line| line.unwrap().contains("Only 'yes'"));
    assert!(asked);
    // It has the lock, and waits for an answer.
    work.run(&["state", "list"]).code(1).says(&[
        "No state file was found!",
        "a run is at work on it",
        "Operation: ",
    ]);
    drop(run.stdin.take());
    run.wait().unwrap();
}
