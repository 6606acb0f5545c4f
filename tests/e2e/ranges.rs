//! Where errors are said to be, as editors show them.

use crate::harness::Work;

/// Asserts what `validate -json` finds: summaries, and the text that each is about.
#[track_caller]
fn check(config: &str, expect: &[(&str, &str)]) {
    let work = Work::with(config);
    let ran = work.run(&["validate", "-json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = document["diagnostics"].as_array().unwrap();
    let text = |diagnostic: &serde_json::Value| {
        let range = &diagnostic["range"];
        let at = |end: &str| range[end]["byte"].as_u64().unwrap() as usize;
        config[at("start")..at("end")].to_owned()
    };
    let found = found.iter();
    let mut found: Vec<_> = found
        .map(|d| (d["summary"].as_str().unwrap(), text(d)))
        .collect();
    let expect = expect.iter();
    let mut expect: Vec<_> = expect.map(|(s, t)| (*s, (*t).to_owned())).collect();
    found.sort_unstable();
    expect.sort_unstable();
    assert_eq!(found, expect);
}

#[test]
fn declarations() {
    check(
        r#"variable "a" {
  type        = list(string, number)
  description = var.x.y
  sensitive   = "maybe"
}
variable "b" {
  type = map()
}
output "o" {
  value = 1
  postcondition {
    condition     = true
    error_message = "no"
  }
}
removed {
  from = terraform_data.c[0]
}
resource "terraform_data" "d" {
  lifecycle {
    ignore_changes = ["*"]
  }
  provisioner "local-exec" {
    command    = "x"
    on_failure = "explode"
  }
}
"#,
        &[
            ("Invalid type specification", "number"),
            ("Variables not allowed", "var"),
            ("Unsuitable value type", "maybe"),
            ("Invalid type specification", "()"),
            ("Postconditions are not allowed", "postcondition"),
            ("Resource instance keys not allowed", "[0]"),
            ("Invalid ignore_changes wildcard", "[\"*\"]"),
            ("Quoted keywords are deprecated", "\"explode\""),
            ("Invalid \"on_failure\" keyword", "\"explode\""),
        ],
    );
}

#[test]
fn references() {
    check(
        r#"locals {
  own = local.own
}
resource "terraform_data" "a" {
  count      = length(terraform_data.a.id)
  depends_on = [each.key]
}
resource "terraform_data" "b" {
  depends_on = [terraform_data.a.id]
  lifecycle {
    precondition {
      condition     = terraform_data.b.id != ""
      error_message = "no"
    }
  }
}
output "c" {
  value = [terraform_data.a.id, terraform_data.b[0].id, module.d.e]
}
"#,
        &[
            ("Invalid depends_on reference", ".id"),
            ("Self-referencing local value", "local.own"),
            ("Missing resource instance key", "terraform_data.a"),
            ("Unexpected resource instance key", "terraform_data.b[0]"),
            ("Reference to undeclared module", "module.d.e"),
            ("Missing resource instance key", "terraform_data.a"),
            (
                "Reference to \"each\" in context without for_each",
                "each.key",
            ),
            (
                "Invalid reference in precondition",
                "terraform_data.b.id != \"\"",
            ),
        ],
    );
}

#[test]
fn schemas() {
    check(
        r#"resource "terraform_nothing" "a" {}
resource "terraform_data" "b" {
  dynamic "part" {
    for_each = []
  }
}
output "c" {
  value = sensitive(1)
}
output "d" {
  value = provider::terraform::nothing(1)
}
variable "e" {
  validation {
    condition     = [var.e]
    error_message = "no"
  }
}
"#,
        &[
            ("Unknown provider function", "provider::terraform::nothing"),
            ("Output refers to sensitive values", "output \"c\""),
            ("Unsupported block type", "\"part\""),
            ("Invalid resource type", "\"terraform_nothing\""),
            ("Invalid variable validation result", "[var.e]"),
        ],
    );
}

#[test]
fn the_end_of_a_file() {
    let work = Work::with("locals {\n  a =");
    let ran = work.run(&["validate", "-json"]).code(1);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let range = &document["diagnostics"][0]["range"];
    assert_eq!(range["start"]["byte"], 14);
    assert_eq!(range["end"]["byte"], 15);
}

#[test]
fn what_repeats_itself() {
    // Who counts what it repeats never comes to an end.
    for expr in ["terraform_data.a[0].id", "length(terraform_data.a)"] {
        let config = format!("resource \"terraform_data\" \"a\" {{\n  count = {expr}\n}}\n");
        let work = Work::with(&config);
        work.run(&["plan"])
            .code(1)
            .says(&["Self-referential block"]);
        work.run(&["validate"]);
    }
}

#[test]
fn provider_blocks_that_nothing_uses() {
    let block = "provider \"terraform\" {\n  nothing = 1\n}\n";
    check(block, &[]);
    let used = format!("{block}resource \"terraform_data\" \"a\" {{}}\n");
    check(&used, &[("Unsupported argument", "nothing")]);
}

#[test]
fn what_no_function_hides() {
    check(
        "resource \"terraform_data\" \"a\" {}
resource \"terraform_data\" \"b\" {
  count = 1
}
output \"a\" {
  value = try(terraform_data.a.nope, 1)
}
output \"b\" {
  value = can(terraform_data.b[0].nope.a)
}
output \"c\" {
  value = try(terraform_data.a.id.b, 1)
}
output \"d\" {
  value = try(terraform_data.a.id[\"b\"], terraform_data.a.input.b, 1)
}
",
        &[
            ("Unsupported attribute", ".nope"),
            ("Unsupported attribute", ".nope"),
            ("Unsupported attribute", ".b"),
            ("Invalid index", ".id[\"b\"]"),
        ],
    );
    check(
        "resource \"terraform_data\" \"a\" {
  count = 1
}
output \"a\" {
  value = try(terraform_data.a[0.5], 1)
}
",
        &[("Invalid index key", "[0.5]")],
    );
}

#[test]
fn what_is_ignored_in_vain() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {
  lifecycle {
    ignore_changes = [output]
  }
}
",
    );
    let redundant = "Redundant ignore_changes element";
    let ran = work.run(&["plan"]).code(0);
    assert_eq!(ran.stdout.matches(redundant).count(), 1, "{}", ran.stdout);
}

#[test]
fn what_is_known_of_unknown_objects_decides_how_many_there_are() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {
  count = 2
}
resource \"terraform_data\" \"b\" {
  count = try(length(terraform_data.a), 0)
}
",
    );
    work.run(&["plan"]).code(0).says(&["4 to add"]);
}

#[test]
fn imports_of_what_refers_to_itself() {
    check(
        "locals {
  a = local.a
}
resource \"terraform_data\" \"a\" {}
import {
  to = terraform_data.a
  id = local.a
}
",
        &[("Self-referencing local value", "local.a")],
    );
}
