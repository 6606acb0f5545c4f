//! Mistakes that only a run shows, and what is not known when it is asked for.

use super::{check, module};
use crate::harness::Work;

/// What is wrong with what a run is about is told when it is its turn, and only that run fails.
#[test]
fn mistakes_wait_for_their_run() {
    let work = module(&[
        (
            "a.tftest.hcl",
            r#"
run "fine" {}
run "wrong" {
  expect_failures = [module.inner]
}
run "left_out" {}
"#,
        ),
        ("b.tftest.hcl", "\n"),
    ]);
    work.run(&["init"]).code(0);
    check(
        &work,
        &[],
        1,
        r#"
a.tftest.hcl... in progress
  run "fine"... pass
  run "wrong"... fail
  run "left_out"... skip
a.tftest.hcl... tearing down
a.tftest.hcl... fail
b.tftest.hcl... in progress
b.tftest.hcl... tearing down
b.tftest.hcl... pass

Failure! 1 passed, 1 failed, 1 skipped.
"#,
    )
    .says(&["Error: Invalid `expect_failures` reference"]);
    // So is a reference that leads nowhere.
    work.write("more.tf", "output \"more\" {\n  value = nothing.there\n}\n");
    work.run(&["init"]).code(0);
    check(
        &work,
        &["-filter=a.tftest.hcl"],
        1,
        r#"
a.tftest.hcl... in progress
  run "fine"... fail
  run "wrong"... skip
  run "left_out"... skip
a.tftest.hcl... tearing down
a.tftest.hcl... fail

Failure! 0 passed, 1 failed, 2 skipped.
"#,
    )
    .says(&["Error: Reference to undeclared resource"]);
}

#[test]
fn variables_that_only_assertions_use() {
    let run = |name: &str, condition: &str| {
        format!(
            "run \"{name}\" {{\n  command = plan\n  variables {{\n    own = \"x\"\n  }}\n  assert {{\n    condition     = {condition}\n    error_message = \"no\"\n  }}\n}}\n"
        )
    };
    let work = module(&[
        ("a.tftest.hcl", &run("used", "var.own == var.name")),
        ("b.tftest.hcl", &run("unused", "var.name == \"x\"")),
    ]);
    work.run(&["test", "-filter=a.tftest.hcl"])
        .code(0)
        .never_says(&["Value for undeclared variable"]);
    work.run(&["test", "-filter=b.tftest.hcl"])
        .code(0)
        .says(&["Warning: Value for undeclared variable"]);
}

#[test]
fn outputs_that_a_plan_does_not_know() {
    let work = module(&[(
        "a.tftest.hcl",
        r#"
run "planned" {
  command = plan
}
run "knows" {
  command   = plan
  state_key = "other"
  variables {
    name = run.planned.secret == "hidden" ? "y" : "z"
  }
  assert {
    condition     = var.name == "y"
    error_message = "a known output is not there"
  }
}
run "does_not" {
  variables {
    name = run.planned.out
  }
}
"#,
    )]);
    work.run(&["test"]).code(1).says(&[
        "  run \"knows\"... pass\n  run \"does_not\"... fail\n",
        "Error: Reference to unknown value",
        "run.planned.out",
    ]);
}

/// What the data source of a check says is an error in a test, unless the check is expected to
/// fail; and the same may be expected twice.
#[test]
fn checks_whose_data_cannot_be_read() {
    let work = Work::with(
        r#"
check "named" {
  data "terraform_remote_state" "other" {
    backend = "local"
    config  = { path = "none.tfstate" }
  }
  assert {
    condition     = data.terraform_remote_state.other.outputs.ready
    error_message = "not ready"
  }
}
"#,
    );
    let expecting = "run \"r\" {\n  expect_failures = [check.named, check.named]\n}\n";
    work.write("a.tftest.hcl", "run \"r\" {}\n");
    work.write("b.tftest.hcl", expecting);
    work.run(&["test", "-filter=a.tftest.hcl"])
        .code(1)
        .says(&["Error: Unable to find remote state", "0 passed, 1 failed"]);
    work.run(&["test", "-filter=b.tftest.hcl"])
        .code(0)
        .says(&["1 passed, 0 failed"]);
}

#[test]
fn messages_that_are_none() {
    let work = Work::with("output \"o\" {\n  value = 1\n}\n");
    let file = "run \"a\" {\n  assert {\n    condition     = output.o == 1\n    error_message = output.o == 1 ? null : \"x\"\n  }\n}\n";
    work.write("a.tftest.hcl", file);
    work.run(&["test"])
        .code(1)
        .says(&["Invalid error message", "0 passed, 1 failed."]);
}
