//! What a plan says of conditions, imports and triggers that it cannot make anything of.

use muster_plan::Mode;
use muster_planner::Options;

use crate::desk::Desk;

/// What planning for a configuration reports, each with words of it.
#[track_caller]
fn check(config: &str, expect: &[&[&str]]) {
    Desk::default()
        .plan(config, Options::default())
        .refused(expect);
}

#[test]
fn assertions_that_only_the_apply_decides_are_named() {
    let config = r#"
locals {
  one = 1
}
resource "fake_late" "l" {}
check "c" {
  assert {
    condition     = local.one == 2
    error_message = "wrong"
  }
  assert {
    condition     = fake_late.l.id == "x"
    error_message = "not x"
  }
}
"#;
    let planned = Desk::default().plan(config, Options::default());
    let summaries: Vec<_> = planned
        .diags
        .iter()
        .filter_map(|d| d.split(": ").next())
        .collect();
    assert_eq!(
        summaries,
        [
            "Check block assertion failed",
            "Check block assertion known after apply"
        ]
    );
    assert!(planned.plan.is_some_and(|plan| !plan.errored));
}

#[test]
fn assertions_that_cannot_be_evaluated_are_errors() {
    check(
        r#"
locals {
  one = 1
}
check "c" {
  assert {
    condition     = local.one.x == 2
    error_message = "wrong"
  }
}
"#,
        &[&["Unsupported attribute"]],
    );
}

#[test]
fn imports_have_keys_that_are_known() {
    let config = |for_each: &str| {
        format!(
            r#"
resource "fake_late" "l" {{}}
import {{
  for_each = {for_each}
  to       = fake_thing.a[each.key]
  id       = "x"
}}
resource "fake_thing" "a" {{
  for_each = toset(["x"])
}}
"#
        )
    };
    check(
        &config("toset([fake_late.l.id])"),
        &[&["Invalid for_each argument", "only known after apply"]],
    );
}

#[test]
fn imports_of_one_address() {
    let import = |to: &str| format!("import {{\n  to = {to}\n  id = \"x\"\n}}\n");
    let thing = "resource \"fake_thing\" \"a\" {\n  for_each = toset([\"k\", \"l\"])\n}\n";
    let both = |a: &str, b: &str| thing.to_owned() + &import(a) + &import(b);
    check(
        &both("fake_thing.a[\"k\"]", "fake_thing.a[\"k\"]"),
        &[&["Duplicate import configuration for \"fake_thing.a[\"k\"]\""]],
    );
    // Of others it is another matter what becomes of them: nothing can be imported here.
    let planned = Desk::default().plan(
        &both("fake_thing.a[\"k\"]", "fake_thing.a[\"l\"]"),
        Options::default(),
    );
    assert!(!planned.diags.iter().any(|d| d.starts_with("Duplicate")));
}

#[test]
fn triggers_are_taken_as_they_are() {
    let config = |trigger: &str| {
        format!(
            r#"
resource "fake_late" "l" {{}}
resource "fake_thing" "a" {{
  lifecycle {{
    replace_triggered_by = [{trigger}]
  }}
}}
"#
        )
    };
    let wrong: &[&[&str]] = &[&["Invalid replace_triggered_by expression"]];
    check(&config("upper(fake_late.l.id)"), wrong);
    check(&config("\"${fake_late.l.id}-x\""), wrong);
    for right in ["fake_late.l", "fake_late.l.id"] {
        let planned = Desk::default().plan(&config(right), Options::default());
        planned.changes(&["Create fake_late.l", "Create fake_thing.a"]);
    }
}

#[test]
fn who_waits_for_itself_does_not_wait() {
    let config = "resource \"fake_thing\" \"a\" {\n  depends_on = [fake_thing.a]\n}\n";
    let planned = Desk::default().plan(config, Options::default());
    planned.changes(&["Create fake_thing.a"]);
    let destroy = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    let mut desk = Desk::default();
    desk.apply(config);
    desk.plan(config, destroy).changes(&["Delete fake_thing.a"]);
}

/// What is ephemeral is nowhere in a plan, and not in what is reported either.
#[test]
fn messages_hide_what_is_ephemeral() {
    let config = r#"
variable "e" {
  ephemeral = true
  default   = "secret"
}
resource "fake_thing" "a" {
  lifecycle {
    precondition {
      condition     = var.e == "x"
      error_message = "It is ${var.e}."
    }
  }
}
"#;
    let planned = Desk::default().plan(config, Options::default());
    planned.refused(&[
        &["Resource precondition failed", "ephemeral"],
        &["Error message refers to ephemeral values"],
    ]);
    let plan = planned.plan.expect("a plan with errors");
    let told = format!("{:?} {:?}", planned.diags, plan.checks);
    assert!(!told.contains("secret"), "{told}");
}
