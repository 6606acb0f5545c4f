//! Plans that do not come to what was asked for: with errors, with requests that match nothing, or
//! with nothing to do; and files that are no plans.

use crate::harness::Work;

/// `a` changes with the variable; `p` then fails, and `dep` cannot be planned without it.
const FAILING: &str = r#"
variable "v" { default = "1" }
resource "terraform_data" "a" { input = var.v }
resource "terraform_data" "p" {
  input = var.v
  lifecycle {
    precondition {
      condition     = var.v != "2"
      error_message = "no two"
    }
  }
}
resource "terraform_data" "dep" { input = terraform_data.p.output }
output "o" { value = terraform_data.a.output }
output "p" { value = terraform_data.p.output }
"#;

const HEADING: &str = "planned the following actions, but then encountered a problem:";

#[test]
fn what_was_planned_before_an_error_is_shown() {
    let work = Work::with(FAILING);
    work.run(&["apply", "-auto-approve"]).code(0);
    for command in [
        ["plan", "-var=v=2", "-detailed-exitcode"],
        ["apply", "-var=v=2", "-auto-approve"],
    ] {
        let ran = work.run(&command).code(1);
        for part in [
            HEADING,
            "# terraform_data.a will be updated in-place",
            "Plan: 0 to add, 1 to change, 0 to destroy.",
            "~ o = \"1\" -> (known after apply)",
        ] {
            assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
        }
        assert!(!ran.stdout.contains("terraform_data.dep"), "{}", ran.stdout);
        assert_eq!(ran.stderr.matches("Error: ").count(), 1, "{}", ran.stderr);
    }
    assert_eq!(work.json(&["output", "-json"])["o"]["value"], "1");
}

#[test]
fn documents_tell_what_was_planned_before_an_error() {
    let work = Work::with(FAILING);
    work.run(&["apply", "-auto-approve"]).code(0);
    let ran = work.run(&["plan", "-json", "-var=v=2"]).code(1);
    let documents = ran.stdout.lines().map(|line| {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        document["type"].as_str().unwrap_or_default().to_owned()
    });
    let ours = ["planned_change", "change_summary", "outputs", "diagnostic"];
    let kinds: Vec<String> = documents.filter(|d| ours.contains(&d.as_str())).collect();
    assert_eq!(kinds, ours, "{}", ran.stdout);
}

#[test]
fn a_plan_with_errors_is_saved_but_not_applied() {
    let work = Work::with(FAILING);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["plan", "-var=v=2", "-out=x.plan"])
        .code(1)
        .never_says(&["Saved the plan"]);
    let plan = work.json(&["show", "-json", "x.plan"]);
    assert_eq!(plan["errored"], true);
    assert_eq!(plan["applyable"], false);
    work.run(&["show", "x.plan"]).code(0).says(&[HEADING]);
    let ran = work.run(&["apply", "x.plan"]).code(1);
    ran.says(&["Error: Cannot apply incomplete plan"]);
    assert_eq!(work.json(&["output", "-json"])["o"]["value"], "1");
}

#[test]
fn what_must_not_be_destroyed_is_shown_as_planned() {
    let work = Work::with(
        r#"
variable "v" { default = "1" }
resource "terraform_data" "p" {
  for_each         = toset(["x"])
  triggers_replace = var.v
  lifecycle { prevent_destroy = true }
}
resource "terraform_data" "dep" { input = terraform_data.p["x"].id }
"#,
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    let leave = "-exclude='terraform_data.p[\"x\"]'";
    work.run(&["plan", "-var=v=2"])
        .code(1)
        .says(&[
            HEADING,
            "# terraform_data.p[\"x\"] must be replaced",
            "Error: Instance cannot be destroyed",
            "Change the configuration so that it stays, leave it alone with",
            leave,
        ])
        .never_says(&["terraform_data.dep will"]);
    work.run(&["plan", "-replace=terraform_data.p[\"x\"]"])
        .code(1)
        .says(&["Do not ask for its replacement with -replace"])
        .never_says(&["-exclude"]);
    work.run(&["plan", "-destroy", "-target=terraform_data.p"])
        .code(1)
        .says(&["Name with -target only what does not lead to it"])
        .never_says(&["-exclude"]);
    work.run(&["destroy", "-auto-approve"])
        .code(1)
        .says(&["Leave it alone with", leave])
        .never_says(&["-target", "Change the configuration"]);
    // The advice helps.
    work.run(&[
        "destroy",
        "-auto-approve",
        "-exclude=terraform_data.p[\"x\"]",
    ])
    .code(0);
    assert_eq!(work.state_list(), ["terraform_data.p[\"x\"]"]);
}

#[test]
fn replacements_that_lack_a_key_are_warned_of() {
    const SUMMARY: &str = "Warning: Incompletely-matched force-replace resource instance";
    let work = Work::with(
        "resource \"terraform_data\" \"two\" { count = 2 }\n\
         resource \"terraform_data\" \"one\" { for_each = toset([\"k\"]) }\n\
         resource \"terraform_data\" \"none\" { count = 0 }\n\
         resource \"terraform_data\" \"single\" {}\n",
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    let plan = |addr: &str| work.run(&["plan", &format!("-replace={addr}")]);
    plan("terraform_data.two").code(0).says(&[
        SUMMARY,
        "-replace=\"terraform_data.two[0]\"",
        "-replace=\"terraform_data.two[1]\"",
    ]);
    plan("terraform_data.one")
        .code(0)
        .says(&[SUMMARY, r#"-replace="terraform_data.one[\"k\"]""#]);
    plan("terraform_data.none")
        .code(0)
        .says(&[SUMMARY, "which has no instances"]);
    for addr in ["terraform_data.two[1]", "terraform_data.single"] {
        plan(addr)
            .code(0)
            .says(&["will be replaced, as requested"])
            .never_says(&["Warning"]);
    }
    for addr in ["data.terraform_remote_state.x", "ephemeral.x.y"] {
        let summary = format!("Error: Invalid force-replace address \"{addr}\"");
        plan(addr).code(1).says(&[&summary]);
    }
}

#[test]
fn outputs_of_a_plan_that_only_looks_come_from_the_state() {
    let work = Work::with(
        r#"
variable "n" { default = 2 }
resource "terraform_data" "a" {
  count = var.n
  input = count.index
}
resource "terraform_data" "b" {
  for_each = toset([for i in range(var.n) : "k${i}"])
  input    = each.key
}
resource "terraform_data" "single" {
  input = 1
}
locals { last = terraform_data.a[var.n - 1].output }
output "all" { value = terraform_data.a[*].output }
output "keys" { value = keys(terraform_data.b) }
output "count" { value = length(terraform_data.a) }
output "one" { value = terraform_data.single.output }
output "last" { value = local.last }
"#,
    );
    // What is not there yet is unknown, or none of many.
    work.run(&["plan", "-refresh-only"]).code(0).says(&[
        "+ all   = []",
        "+ keys  = []",
        "+ one   = (known after apply)",
    ]);
    work.run(&["apply", "-auto-approve"]).code(0);
    for n in ["3", "1"] {
        let n = format!("-var=n={n}");
        let ran = work.run(&["plan", "-refresh-only", &n]).code(0);
        for name in [" all ", " keys ", " count ", " one "] {
            assert!(!ran.stdout.contains(name), "{name}: {}", ran.stdout);
        }
    }
    work.run(&["apply", "-refresh-only", "-auto-approve", "-var=n=1"])
        .code(0);
    let outputs = work.json(&["output", "-json"]);
    assert_eq!(outputs["all"]["value"], serde_json::json!([0, 1]));
    assert_eq!(outputs["last"]["value"], 0);
}

#[test]
fn an_empty_state_is_destroyed_whatever_the_blocks_say() {
    let work = Work::with(
        r#"
resource "terraform_data" "a" {
  lifecycle { replace_triggered_by = [terraform_data.nowhere] }
}
resource "terraform_data" "self" {
  input = terraform_data.self.output
}
moved {
  from = terraform_data.a
  to   = terraform_data.b
}
import {
  id = "x"
  to = terraform_data.missing
}
"#,
    );
    work.run(&["destroy", "-auto-approve"])
        .code(0)
        .says(&["Destroy complete! Resources: 0 destroyed."]);
    for args in [&["plan"][..], &["plan", "-refresh-only"]] {
        work.run(args).code(1).says(&["Error: "]);
    }
}

#[test]
fn a_plan_that_only_looks_imports_and_replaces_nothing() {
    let work = Work::with(
        r#"
resource "terraform_data" "a" {
  lifecycle { replace_triggered_by = [terraform_data.nowhere] }
}
import {
  id = "x"
  to = terraform_data.missing
}
"#,
    );
    work.run(&["plan", "-refresh-only"])
        .code(0)
        .says(&["No changes."]);
}

#[test]
fn imports_to_nowhere_are_told_after_the_plan() {
    let work = Work::with(
        r#"
resource "terraform_data" "a" {}
import {
  id = "x"
  to = terraform_data.missing
}
"#,
    );
    let ran = work.run(&["plan"]).code(1);
    assert!(ran.stdout.contains("# terraform_data.a will be created"));
    ran.says(&[
        HEADING,
        "Error: Configuration for import target does not exist",
        "5:   to = terraform_data.missing",
    ]);
}

#[test]
fn files_that_are_no_plans_are_refused() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("junk", "junk");
    work.write("empty", "");
    work.write("zip", "PK\u{3}\u{4}rest");
    work.write("dir/file", "");
    for (name, detail) in [
        ("junk", "junk is no saved plan"),
        ("empty", "empty is no saved plan"),
        ("terraform.tfstate", "is no saved plan"),
        ("zip", "as Terraform saves plans"),
        ("dir", "use -chdir=dir"),
        ("nowhere", "cannot be read"),
    ] {
        let summary = format!("Error: Failed to load \"{name}\" as a plan file");
        work.run(&["apply", name]).code(1).says(&[&summary, detail]);
    }
}

#[test]
fn what_only_looks_reads_nothing_that_it_cannot_read() {
    let work = Work::with(
        "terraform {\n  required_providers {\n    muster = { source = \"muster/muster\" }\n  }\n}\nresource \"muster_zone\" \"a\" {\n  name     = \"a\"\n  type     = \"edge\"\n  location = \"x\"\n  capacity = { cpu = 4, memory_gb = 4 }\n}\ndata \"muster_capacity\" \"c\" {\n  zones = [muster_zone.a.id]\n}\n",
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    std::fs::remove_dir_all(work.path().join(".muster")).unwrap();
    work.run(&["plan", "-refresh-only"])
        .code(0)
        .says(&["muster_zone.a"])
        .never_says(&["data.muster_capacity.c will be read"]);
    work.run(&["apply", "-refresh-only", "-auto-approve"])
        .code(0);
    // What was read before is there until it can be read again.
    assert_eq!(work.state_list(), ["data.muster_capacity.c"]);
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["1 added"]);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
}
