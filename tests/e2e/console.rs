//! Expressions through standard input, and what tools learn about functions.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Ran, Work, skip};

const CONFIG: &str = r#"
variable "who" {}
variable "password" {
  default   = "hunter2"
  sensitive = true
}
locals {
  greeting = "hello ${var.who}"
  hidden   = "p-${var.password}"
}
resource "terraform_data" "one" {
  input = { n = 5, password = var.password }
}
resource "terraform_data" "many" {
  count = 2
  input = count.index
}
module "child" {
  source = "./child"
  name   = terraform_data.one.output.n
}
"#;

const CHILD: &str = r#"
variable "name" {}
output "named" {
  value = "child-${var.name}"
}
"#;

/// Pipes lines into the console.
pub(crate) fn console(work: &Work, args: &[&str], input: &str) -> Ran {
    let mut command = work.command(&["console"]);
    command.args(args).stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    Ran::new(&child.wait_with_output().unwrap())
}

fn project() -> Work {
    let work = Work::with(CONFIG);
    work.write("child/main.tf", CHILD);
    work.run(&["init"]).code(0);
    work
}

fn applied() -> Work {
    let work = project();
    work.run(&["apply", "-auto-approve", "-var=who=world"])
        .code(0);
    work
}

#[test]
fn values_come_from_the_state() {
    let work = applied();
    let check = |input: &str, expect: &str| {
        let ran = console(&work, &["-var=who=you"], input).code(0);
        assert_eq!(ran.stdout, format!("{expect}\n"), "{}", ran.stderr);
    };
    check("local.greeting\n", "\"hello you\"");
    check("terraform_data.one.output.n * 2", "10");
    check("terraform_data.many[*].output", "[\n  0,\n  1,\n]");
    check("module.child", "{\n  \"named\" = \"child-5\"\n}");
    check("local.hidden", "(sensitive value)");
    check(
        "terraform_data.one.input",
        "{\n  \"n\" = 5\n  \"password\" = (sensitive value)\n}",
    );
    check("type(terraform_data.many[0].input)", "number");
    check("1\n2", "2");
    let ran = console(&work, &[], "exit").code(0);
    assert_eq!(ran.stdout, "");
    // Nothing but looking was done, and no lock is left.
    assert!(!work.path().join(".terraform.tfstate.lock.info").exists());
}

#[test]
fn what_is_not_there_yet_is_not_known() {
    let work = project();
    let check = |args: &[&str], input: &str, expect: &str| {
        let ran = console(&work, args, input).code(0);
        assert_eq!(ran.stdout, format!("{expect}\n"), "{}", ran.stderr);
    };
    check(&[], "var.who", "(known after apply)");
    check(&[], "terraform_data.one", "(known after apply)");
    check(&[], "terraform_data.many[*].id", "(known after apply)");
    check(
        &["-plan", "-var=who=x"],
        "terraform_data.many[*].input",
        "[\n  0,\n  1,\n]",
    );
    check(
        &["-plan", "-var=who=x"],
        "terraform_data.one.id",
        "(known after apply)",
    );
    assert!(!work.path().join("terraform.tfstate").exists());
}

#[test]
fn what_cannot_be_evaluated_is_told() {
    let work = project();
    let refuse = |input: &str, summary: &str| {
        let ran = console(&work, &[], input).code(1).says(&[summary]);
        assert_eq!(ran.stdout, "", "{input}");
    };
    refuse("1\nlocal.nothing\n2", "Reference to undeclared local value");
    refuse(
        "true ? 1 : var.nothing",
        "Reference to undeclared input variable",
    );
    refuse("1 +", "Missing expression");
    refuse("terraform_data.many.id", "Missing resource instance key");
    refuse("terraform_data.one.nothing", "Unsupported attribute");
    refuse("[type(1)]", "Invalid use of type function");
}

#[test]
fn what_never_ends_is_told() {
    let work = Work::with("locals {\n  a = local.b\n  b = local.a\n}\n");
    let ran = console(&work, &[], "1").code(1);
    ran.says(&["Cycle: local.a, local.b"]);
}

#[test]
fn failures_elsewhere_are_told_and_unknown() {
    let work = Work::with("locals {\n  bad  = tonumber(\"x\")\n  good = 1\n}\n");
    let ran = console(&work, &[], "[local.bad, local.good]").code(0);
    let expect = "[\n  (known after apply),\n  1,\n]\n";
    assert!(ran.stdout.ends_with(expect), "{}", ran.stdout);
    ran.says(&["Invalid function argument", "main.tf line 2"]);
}

#[test]
fn functions_are_described_as_by_terraform() {
    let args = ["metadata", "functions", "-json"];
    let ours = signatures(Work::empty().json(&args));
    let Ok(output) = Command::new("terraform").args(args).output() else {
        skip("terraform is not on PATH");
        return;
    };
    let theirs = signatures(serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(ours, theirs);
}

/// A document without the words that are for people.
fn signatures(mut document: Value) -> Value {
    let functions = document["function_signatures"].as_object_mut().unwrap();
    for function in functions.values_mut() {
        let function = function.as_object_mut().unwrap();
        function.remove("description");
        if let Some(param) = function.get_mut("variadic_parameter") {
            param.as_object_mut().unwrap().remove("description");
        }
        let fixed = function.get_mut("parameters").and_then(Value::as_array_mut);
        for param in fixed.into_iter().flatten() {
            param.as_object_mut().unwrap().remove("description");
        }
    }
    document
}
