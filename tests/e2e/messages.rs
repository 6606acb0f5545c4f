//! Messages of conditions that must not be shown.

use crate::harness::Work;

const SECRET: &str = "variable \"secret\" {\n  sensitive = true\n  default   = \"hush\"\n}\n";

/// What a plan of a configuration with such a condition says. Whatever it is, nothing that is
/// sensitive is among it.
#[track_caller]
fn check(block: &str, condition: &str, message: &str, code: i32, expect: &[&str]) {
    let condition = format!("condition     = {condition}\n      error_message = {message}\n");
    let work = Work::with(&format!("{SECRET}{}", block.replace("HERE", &condition)));
    let ran = work.run(&["plan"]).code(code).never_says(&["hush"]);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    let summaries = all.lines().filter_map(|line| {
        line.strip_prefix("Error: ")
            .or_else(|| line.strip_prefix("Warning: "))
    });
    let mut summaries: Vec<_> = summaries.collect();
    summaries.sort_unstable();
    assert_eq!(summaries, expect, "{block} {condition}\n{all}");
}

const SENSITIVE: &str = "Error message refers to sensitive values";

#[test]
fn of_objects_and_outputs() {
    let kinds = [
        (
            "resource \"terraform_data\" \"a\" {\n  input = 1\n  lifecycle {\n    precondition {\n      HERE    }\n  }\n}\n",
            "length([var.secret]) == 1",
            "length([var.secret]) == 2",
            vec![SENSITIVE, "Resource precondition failed"],
            1,
        ),
        (
            "resource \"terraform_data\" \"a\" {\n  input = 1\n  lifecycle {\n    postcondition {\n      HERE    }\n  }\n}\n",
            "self.input == 1",
            "self.input == 2",
            vec![SENSITIVE, "Resource postcondition failed"],
            1,
        ),
        (
            "output \"a\" {\n  value = 1\n  precondition {\n      HERE    }\n}\n",
            "length([var.secret]) == 1",
            "length([var.secret]) == 2",
            vec!["Module output value precondition failed"],
            1,
        ),
        (
            "check \"a\" {\n  assert {\n      HERE    }\n}\n",
            "length([var.secret]) == 1",
            "length([var.secret]) == 2",
            vec!["Check block assertion failed", SENSITIVE],
            0,
        ),
    ];
    for (block, holds, fails, failed, code) in kinds {
        check(block, holds, "\"it is ${var.secret}\"", 0, &[SENSITIVE]);
        check(block, fails, "\"it is ${var.secret}\"", code, &failed);
        check(block, holds, "[var.secret]", 1, &["Invalid error message"]);
        check(block, fails, "null", 1, &["Invalid error message"]);
        check(block, holds, "\"plain\"", 0, &[]);
    }
}

/// A rule of a variable has no message as long as it holds.
#[test]
fn of_variables() {
    let block = "variable \"a\" {\n  default = 1\n  validation {\n      HERE    }\n}\n";
    let invalid = "Invalid value for variable";
    let check = |condition: &str, message: &str, code: i32, expect: &[&str]| {
        check(block, condition, message, code, expect);
    };
    check("var.a == 1", "\"it is ${var.secret}\"", 0, &[]);
    check(
        "var.a == 2",
        "\"it is ${var.secret}\"",
        1,
        &[SENSITIVE, invalid],
    );
    check("var.a == 2", "[]", 1, &["Invalid error message", invalid]);
}

#[test]
fn ephemeral_values_are_not_shown_either() {
    let block = "variable \"token\" {\n  ephemeral = true\n  default   = \"hush\"\n}\noutput \"a\" {\n  value = 1\n  precondition {\n      HERE    }\n}\n";
    let ephemeral = "Error message refers to ephemeral values";
    check(
        block,
        "length([var.token]) == 1",
        "var.token",
        0,
        &[ephemeral],
    );
}

#[test]
fn of_conditions_that_an_apply_cannot_evaluate() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {}
check \"a\" {
  assert {
    condition     = [terraform_data.a.id][length(terraform_data.a.id)] == \"x\"
    error_message = \"wrong\"
  }
}
",
    );
    let ran = work.run(&["apply", "-auto-approve"]).code(1);
    assert!(
        ran.stderr.contains("Error: Invalid index"),
        "{}",
        ran.stderr
    );
    work.run(&["state", "list"])
        .code(0)
        .says(&["terraform_data.a"]);
}

/// Nobody has given a variable its value when a configuration is validated, but conditions may be
/// decided by types alone.
#[test]
fn of_values_that_are_not_given_yet() {
    let check = |message: &str, expect: &str, code: i32| {
        let config = format!(
            "variable \"v\" {{\n  default = \"x\"\n  type    = string\n  validation {{\n    condition     = var.v == 1\n    error_message = {message}\n  }}\n}}\n"
        );
        let work = Work::with(&config);
        work.run(&["validate"]).code(code).says(&[expect]);
        let ran = work.run(&["plan"]).code(1);
        ran.says(&["Invalid value for variable", "wrong"]);
    };
    check("\"wrong: ${var.v}\"", "Success!", 0);
    check("\"wrong\"", "Invalid value for variable", 1);
}
