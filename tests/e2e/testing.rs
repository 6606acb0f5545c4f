//! `muster test`: test files, and what is printed of them. What is expected here was recorded
//! with Terraform 1.11.4; where it is at hand, the two are compared directly as well.

mod given;
mod mistakes;

use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::background::{Running, signal, wait_until};
use crate::harness::{Ran, Work, skip};

/// A module with something of every kind that can be asserted or expected to fail.
const MODULE: &str = r#"
variable "name" {
  type    = string
  default = "x"
  validation {
    condition     = length(var.name) < 5
    error_message = "too long"
  }
}
resource "terraform_data" "a" {
  count = 2
  input = "${var.name}-${count.index}"
  lifecycle {
    postcondition {
      condition     = self.output != "post-1"
      error_message = "no post"
    }
  }
}
module "inner" {
  source = "./inner"
  in     = var.name
}
check "named" {
  assert {
    condition     = var.name != "bad"
    error_message = "a bad name"
  }
}
output "out" {
  value = terraform_data.a[0].output
  precondition {
    condition     = var.name != "out"
    error_message = "out is out"
  }
}
output "inner" {
  value = module.inner.out
}
output "secret" {
  value     = "hidden"
  sensitive = true
}
"#;

const INNER: &str = r#"
variable "in" {}
resource "terraform_data" "inner" {
  input = var.in
}
output "out" {
  value = terraform_data.inner.output
}
"#;

/// The module with test files.
fn module(files: &[(&str, &str)]) -> Work {
    let work = Work::with(MODULE);
    work.write("inner/main.tf", INNER);
    let inner = r#"{"Key":"inner","Source":"./inner","Dir":"inner"}"#;
    let record = format!(r#"{{"Modules":[{inner}]}}"#);
    work.write(".terraform/modules/modules.json", record);
    for (name, text) in files {
        work.write(name, text);
    }
    work
}

/// Runs the tests and compares all that is printed on standard output.
#[track_caller]
fn check(work: &Work, args: &[&str], code: i32, expect: &str) -> Ran {
    let ran = work.run(&[&["test"], args].concat()).code(code);
    assert_eq!(ran.stdout, expect.trim_start(), "\n{}", ran.stderr);
    ran
}

const RUNS: &str = r#"
variables {
  name = "abc"
}
run "planned" {
  command = plan
  assert {
    condition     = terraform_data.a[1].input == "abc-1"
    error_message = "wrong input"
  }
}
run "fails" {
  variables {
    name = "d"
  }
  assert {
    condition     = output.out == "d-0" && module.inner.out == var.name
    error_message = "wrong output"
  }
  assert {
    condition     = output.out == "zz"
    error_message = "wrong output ${output.out}"
  }
}
run "uses_outputs" {
  variables {
    name = run.fails.inner
  }
  assert {
    condition     = output.inner == "d"
    error_message = "wrong output"
  }
}
run "breaks" {
  variables {
    name = "toolong"
  }
}
run "left_out" {}
"#;

#[test]
fn runs_in_their_order() {
    let work = module(&[
        ("main.tftest.hcl", RUNS),
        ("tests/more.tftest.hcl", "run \"more\" {}\n"),
    ]);
    let ran = check(
        &work,
        &[],
        1,
        r#"
main.tftest.hcl... in progress
  run "planned"... pass
  run "fails"... fail
  run "uses_outputs"... pass
  run "breaks"... fail
  run "left_out"... skip
main.tftest.hcl... tearing down
main.tftest.hcl... fail
tests/more.tftest.hcl... in progress
  run "more"... pass
tests/more.tftest.hcl... tearing down
tests/more.tftest.hcl... pass

Failure! 3 passed, 2 failed, 1 skipped.
"#,
    );
    let expect = r#"
Error: Test assertion failed

  on main.tftest.hcl line 21, in run "fails":
  21:     condition     = output.out == "zz"
    ├────────────────
    │ output.out is "d-0"

wrong output d-0

Error: Invalid value for variable

  on main.tftest.hcl line 36, in run "breaks":
  36:     name = "toolong"
    ├────────────────
    │ var.name is "toolong"

too long
"#;
    assert!(ran.stderr.starts_with(expect), "{}", ran.stderr);
    assert!(!work.path().join("terraform.tfstate").exists());
}

const EXPECTED: &str = r#"
run "variable" {
  command = plan
  variables {
    name = "toolong"
  }
  expect_failures = [var.name]
}
run "check" {
  variables {
    name = "bad"
  }
  expect_failures = [check.named]
}
run "instance" {
  variables {
    name = "post"
  }
  expect_failures = [terraform_data.a[1]]
}
run "output_while_planning" {
  command = plan
  variables {
    name = "out"
  }
  expect_failures = [output.out]
}
run "output" {
  variables {
    name = "out"
  }
  expect_failures = [output.out]
}
"#;

#[test]
fn expected_failures() {
    let work = module(&[
        ("a.tftest.hcl", EXPECTED),
        (
            "b.tftest.hcl",
            "run \"missing\" {\n  expect_failures = [check.named, terraform_data.a[0]]\n}\n",
        ),
        (
            "c.tftest.hcl",
            "run \"unexpected\" {\n  variables {\n    name = \"bad\"\n  }\n}\n",
        ),
    ]);
    let ran = work.run(&["test"]).code(1).says(&[
        "  run \"variable\"... pass\n  run \"check\"... pass\n  run \"instance\"... pass\n  run \"output_while_planning\"... pass\n  run \"output\"... fail\n",
        "Warning: Expected failure while planning",
        "Error: Module output value precondition failed",
        "Error: Missing expected failure",
        "Error: Check block assertion failed",
        "Failure! 4 passed, 3 failed.",
    ]);
    assert_eq!(ran.stderr.matches("Missing expected failure").count(), 2);
}

#[test]
fn other_modules_and_states() {
    let work = module(&[(
        "a.tftest.hcl",
        r#"
run "setup" {
  module {
    source = "./inner"
  }
  variables {
    in = "zz"
  }
  assert {
    condition     = terraform_data.inner.output == output.out
    error_message = "not the module under test"
  }
}
run "main" {
  variables {
    name = run.setup.out
  }
}
run "own_state" {
  state_key = "own"
  assert {
    condition     = output.out == "x-0" && run.main.out == "zz-0"
    error_message = "states are mixed up"
  }
}
run "same_state" {
  command = plan
  plan_options {
    refresh = false
    replace = [terraform_data.a[1]]
    target  = [terraform_data.a]
  }
  variables {
    name = "zz"
  }
  assert {
    condition     = terraform_data.a[0].id != terraform_data.a[1].input
    error_message = "there is an object already"
  }
}
"#,
    )]);
    work.run(&["get"]).code(0);
    check(
        &work,
        &[],
        0,
        r#"
a.tftest.hcl... in progress
  run "setup"... pass
  run "main"... pass
  run "own_state"... pass
  run "same_state"... pass

Warning: Resource targeting is in effect

The plan is limited to what -target names and what that needs, so it may leave out changes that the configuration asks for. Run a plan without -target afterwards.

a.tftest.hcl... tearing down
a.tftest.hcl... pass

Success! 4 passed, 0 failed.
"#,
    );
}

#[test]
fn mocks_and_overrides() {
    let work = module(&[
        (
            "mocks/data.tfmock.hcl",
            "mock_resource \"terraform_data\" {\n  defaults = {\n    id = \"from-file\"\n  }\n}\n",
        ),
        (
            "a.tftest.hcl",
            r#"
mock_provider "terraform" {
  source = "./mocks"
}
override_module {
  target  = module.inner
  outputs = { out = "overridden" }
}
run "made_up" {
  override_resource {
    target = terraform_data.a[1]
    values = { output = "given" }
  }
  assert {
    condition     = terraform_data.a[0].id == "from-file" && terraform_data.a[0].output == null
    error_message = jsonencode(terraform_data.a)
  }
  assert {
    condition     = length(terraform_data.a[1].id) == 8 && terraform_data.a[1].output == "given"
    error_message = jsonencode(terraform_data.a)
  }
  assert {
    condition     = output.inner == "overridden"
    error_message = output.inner
  }
}
run "known_while_planning" {
  command   = plan
  state_key = "other"
  override_resource {
    target          = terraform_data.a
    values          = { output = "early" }
    override_during = plan
  }
  assert {
    condition     = output.out == "early"
    error_message = "not known"
  }
}
"#,
        ),
        (
            "b.tftest.hcl",
            "override_resource {\n  target = terraform_data.nope\n}\nrun \"x\" {}\n",
        ),
    ]);
    work.run(&["test"]).code(0).says(&[
        "  run \"made_up\"... pass\n  run \"known_while_planning\"... pass\n",
        "Warning: Invalid override target",
        "Success! 3 passed, 0 failed.",
    ]);
}

/// What the block of a mocked provider says of plans holds for what is described in it.
#[test]
fn made_up_values_are_known_as_early_as_they_are_described() {
    let run = |name: &str, command: &str, condition: &str| {
        format!(
            "run \"{name}\" {{\n  command = {command}\n  assert {{\n    condition     = {condition}\n    error_message = \"no\"\n  }}\n}}\n"
        )
    };
    let described = "mock_provider \"terraform\" {\n  override_during = plan\n  mock_resource \"terraform_data\" {\n    defaults = { id = \"early\" }\n  }\n}\n";
    let empty = "mock_provider \"terraform\" {\n  override_during = plan\n}\n";
    let wrong = "mock_provider \"terraform\" {\n  mock_resource \"terraform_data\" {\n    defaults = { id = [] }\n  }\n}\n";
    let is_early = "terraform_data.a[0].id == \"early\"";
    let work = module(&[
        (
            "a.tftest.hcl",
            &(described.to_owned() + &run("a", "plan", is_early)),
        ),
        (
            "b.tftest.hcl",
            &(empty.to_owned() + &run("b", "plan", is_early)),
        ),
        (
            "c.tftest.hcl",
            &(wrong.to_owned() + &run("c", "apply", is_early)),
        ),
    ]);
    work.run(&["test", "-filter=a.tftest.hcl"]).code(0);
    work.run(&["test", "-filter=b.tftest.hcl"])
        .code(1)
        .says(&["Error: Unknown condition value"]);
    // Values that do not fit are no fault of a provider.
    work.run(&["test", "-filter=c.tftest.hcl"])
        .code(1)
        .says(&["Error: Failed to compute attribute"])
        .never_says(&["inconsistent", "bug in the provider"]);
}

#[test]
fn runs_that_say_too_much() {
    let text = "run \"a\" {\n  command = plan\n  variables {\n    nope = 1\n  }\n}\n";
    let work = module(&[("a.tftest.hcl", text)]);
    work.run(&["test"]).code(0).says(&[
        "Warning: Value for undeclared variable",
        "a.tftest.hcl line 4",
    ]);
    work.write(
        "a.tftest.hcl",
        "run \"a\" {\n  plan_options {\n    mode    = refresh-only\n    refresh = false\n  }\n}\n",
    );
    work.run(&["test"])
        .code(1)
        .says(&["Error: Incompatible plan options", "a.tftest.hcl line 4"]);
}

#[test]
fn what_cannot_be_destroyed_is_named() {
    let work = Work::with(
        "resource \"terraform_data\" \"p\" {\n  provisioner \"local-exec\" {\n    when    = destroy\n    command = \"exit 3\"\n  }\n}\n",
    );
    work.write("a.tftest.hcl", "run \"x\" {}\n");
    let ran = check(
        &work,
        &[],
        1,
        r#"
a.tftest.hcl... in progress
  run "x"... pass
a.tftest.hcl... tearing down
a.tftest.hcl... fail

Failure! 1 passed, 0 failed.
"#,
    );
    ran.says(&[
        "a.tftest.hcl/x",
        "local-exec provisioner error",
        "  - terraform_data.p\n",
    ]);
}

#[test]
fn files_with_errors() {
    let work = module(&[(
        "bad.tftest.hcl",
        r#"
run "a" {
  command = foo
  bogus   = 1
  plan_options {
    mode = "x"
  }
  module {}
}
run "a" {
  assert {
    condition     = 5
    error_message = "x"
  }
}
run "9" {}
locals {}
mock_provider "aws" {}
provider "aws" {}
override_resource {
  target = data.x.y
  values = 5
}
"#,
    )]);
    let ran = work.run(&["test"]).code(1).says(&[
        "Error: Invalid \"command\" keyword",
        "Error: Unsupported argument",
        "Error: Invalid \"mode\" keyword",
        "Error: Missing \"source\" attribute for module block",
        "Error: Duplicate \"run\" block names",
        "Error: Invalid assert expression",
        "Error: Invalid run block name",
        "Error: Unsupported block type",
        "Error: Duplicate provider block",
        "Error: Invalid override target",
        "Error: Invalid values attribute",
    ]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn variables_from_everywhere() {
    let work = module(&[
        ("terraform.tfvars", "name = \"auto\"\n"),
        ("tests/terraform.tfvars", "name = \"near\"\n"),
        (
            "a.tftest.hcl",
            "variables {\n  other = \"${var.name}${var.more}\"\n}\nrun \"x\" {\n  command = plan\n  assert {\n    condition     = var.name == \"auto\" && var.other == \"auto7\"\n    error_message = \"${var.name} ${var.other}\"\n  }\n}\n",
        ),
        (
            "tests/b.tftest.hcl",
            "run \"x\" {\n  command = plan\n  assert {\n    condition     = var.name == \"near\"\n    error_message = var.name\n  }\n}\n",
        ),
    ]);
    let args = ["test", "-var", "more=7"];
    work.run(&args).code(0).says(&["2 passed, 0 failed."]);
    let one = [
        "test",
        "-filter=tests/b.tftest.hcl",
        "-filter=none.tftest.hcl",
    ];
    work.run(&one).code(0).says(&["1 passed, 0 failed."]);
    let elsewhere = [
        "test",
        "-test-directory=inner",
        "-filter=tests/b.tftest.hcl",
    ];
    work.run(&elsewhere)
        .code(0)
        .says(&["Success! 0 passed, 0 failed."]);
    work.run(&["test", "-test-directory=../x"]).code(1);
    work.run(&["test", "-cloud-run=x"])
        .code(1)
        .says(&["not supported"]);
}

/// Both runs end only when both are going on.
#[test]
fn runs_at_the_same_time() {
    let work = Work::with(
        r#"
variable "own" {}
variable "other" {}
resource "terraform_data" "a" {
  provisioner "local-exec" {
    command = "touch ${var.own}; for i in $(seq 200); do test -e ${var.other} && exit 0; sleep 0.1; done; exit 1"
  }
}
"#,
    );
    work.write(
        "a.tftest.hcl",
        r#"
test {
  parallel = true
}
run "a" {
  state_key = "a"
  variables {
    own   = "a"
    other = "b"
  }
}
run "b" {
  state_key = "b"
  variables {
    own   = "b"
    other = "a"
  }
}
run "after" {
  state_key = "c"
  variables {
    own   = run.a == null ? "c" : "d"
    other = "a"
  }
}
"#,
    );
    work.run(&["test"]).code(0).says(&["3 passed, 0 failed."]);
}

#[test]
fn an_interrupt_ends_the_tests_in_order() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" {\n    command = \"touch begun; until [ -e go ]; do sleep 0.05; done\"\n  }\n}\n",
    );
    work.write("a.tftest.hcl", "run \"a\" {}\nrun \"b\" {}\n");
    work.write("b.tftest.hcl", "run \"c\" {}\n");
    let mut run = Running::muster(&work, &["test"]);
    let begun = work.path().join("begun");
    wait_until("the first run", || begun.exists());
    signal(run.pid(), Signal::INT);
    run.wait_for_error("Interrupt received");
    work.write("go", "");
    let ran = run.end().code(0);
    let expect = r#"a.tftest.hcl... in progress
  run "a"... pass
  run "b"... skip
a.tftest.hcl... tearing down
a.tftest.hcl... pass
b.tftest.hcl... in progress
  run "c"... skip
b.tftest.hcl... tearing down
b.tftest.hcl... skip

Success! 1 passed, 0 failed, 2 skipped.
"#;
    assert_eq!(ran.stdout, expect);
}

/// The documents of a stream without what differs from run to run, or is said in other words.
fn stream(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines().map(|line| {
        let mut document: Value = serde_json::from_str(line).unwrap();
        for key in ["@timestamp", "provider_schemas"] {
            document.as_object_mut().unwrap().remove(key);
        }
        for kind in ["test_plan", "test_state"] {
            if let Some(content) = document.get_mut(kind) {
                let content = content.as_object_mut().unwrap();
                content.retain(|key, _| key != "provider_schemas" && key != "relevant_attributes");
                let text = serde_json::to_string(content).unwrap();
                document[kind] = without_ids(&text).into();
            }
        }
        match document["type"].as_str().unwrap() {
            "version" => document["@message"] = Value::Null,
            "diagnostic" => document["diagnostic"]["detail"] = Value::Null,
            "test_cleanup" => document["@message"] = Value::Null,
            _ => {}
        }
        document
    });
    lines.collect()
}

/// Every object has an id of its own, which is not the same the next time.
fn without_ids(text: &str) -> String {
    let parts = text.split("\"id\":\"");
    let parts = parts.enumerate().map(|(i, part)| match i {
        0 => part,
        _ => part.split_once('"').map_or("", |(_, rest)| rest),
    });
    parts.collect::<Vec<_>>().join("ID")
}

#[test]
fn the_same_stream_and_report_as_terraform() {
    if Command::new("terraform").arg("-version").output().is_err() {
        return skip("terraform is not on PATH");
    }
    let work = module(&[("a.tftest.hcl", RUNS), ("b.tftest.hcl", EXPECTED)]);
    let terraform = |args: &[&str]| {
        let mut command = Command::new("terraform");
        work.prepare(&mut command, args);
        Ran::new(&command.output().unwrap())
    };
    terraform(&["init"]).code(0);
    let args = ["test", "-json", "-verbose"];
    let theirs = stream(&terraform(&args).code(1));
    let ours = stream(&work.run(&args).code(1));
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(theirs, ours);
    }
    assert_eq!(theirs.len(), ours.len());
    let report = |ran: Ran| {
        ran.code(1);
        let shape = work.read("report.xml");
        let tags = shape.split('<').filter(|part| !part.starts_with('!'));
        let tags = tags.map(|tag| match tag.find(" time=") {
            Some(at) => &tag[..at],
            None => tag,
        });
        tags.map(str::trim).map(str::to_owned).collect::<Vec<_>>()
    };
    let args = ["test", "-junit-xml=report.xml"];
    assert_eq!(report(terraform(&args)), report(work.run(&args)));
}

#[test]
fn documents_of_a_suite_without_tests() {
    let work = Work::with("output \"a\" {\n  value = 1\n}\n");
    let ran = work.run(&["test", "-json"]).code(0);
    let last: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let expect = json!({"status": "pass", "passed": 0, "failed": 0, "errored": 0, "skipped": 0});
    assert_eq!(last["test_summary"], expect);
}
