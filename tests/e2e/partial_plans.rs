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
    let show = |name: &str, says: &[&str]| {
        let ran = work.run(&["show", name]).code(1);
        ran.says(says).never_says(&["state history"]);
    };
    show(
        "zip",
        &["Failed to load \"zip\"", "as Terraform saves plans"],
    );
    let neither = "is neither a state nor a saved plan: ";
    for name in ["junk", "main.tf"] {
        show(
            name,
            &[
                "Failed to read the given file as a state or plan file",
                neither,
            ],
        );
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

const OTHER: &str = r#"{
  "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "other",
  "outputs": {"x": {"value": "there", "type": "string"}}, "resources": []
}"#;

/// What a saved plan says of data sources: the addresses in its prior state.
fn data_in(plan: &serde_json::Value) -> Vec<&str> {
    let resources = plan["prior_state"]["values"]["root_module"]["resources"].as_array();
    let addresses = resources
        .into_iter()
        .flatten()
        .filter_map(|r| r["address"].as_str());
    addresses.filter(|a| a.starts_with("data.")).collect()
}

#[test]
fn a_destroy_reads_data_sources_but_needs_none_of_them() {
    let work = Work::with(
        r#"
resource "terraform_data" "a" { input = "other.tfstate" }
data "terraform_remote_state" "r" {
  backend = "local"
  config  = { path = terraform_data.a.output }
}
resource "terraform_data" "b" { input = data.terraform_remote_state.r.outputs.x }
"#,
    );
    work.write("other.tfstate", OTHER);
    work.run(&["apply", "-auto-approve"]).code(0);
    for args in [
        &["plan", "-destroy", "-out=p"][..],
        &["plan", "-destroy", "-out=p", "-target=terraform_data.b"],
    ] {
        let ran = work.run(args).code(0);
        // Nobody asks for an object twice.
        let refreshed = ran.stdout.matches("terraform_data.a: Refreshing").count();
        assert_eq!(refreshed, 1, "{}", ran.stdout);
        ran.says(&["data.terraform_remote_state.r: Read complete"]);
        let plan = work.json(&["show", "-json", "p"]);
        assert_eq!(data_in(&plan), ["data.terraform_remote_state.r"]);
    }
    work.run(&["plan", "-destroy", "-refresh=false"])
        .code(0)
        .never_says(&["Read complete"]);
    std::fs::remove_file(work.path().join("other.tfstate")).unwrap();
    work.run(&["destroy", "-auto-approve"]).code(0).says(&[
        "Warning: Unable to find remote state",
        "Destroy complete! Resources: 2 destroyed.",
    ]);
    assert!(work.state_list().is_empty());
}

#[test]
fn a_plan_that_only_looks_warns_of_conditions() {
    let work = Work::with(
        r#"
variable "v" { default = "1" }
resource "terraform_data" "a" {
  lifecycle {
    precondition {
      condition     = var.v == "1"
      error_message = "not one"
    }
  }
}
check "c" {
  data "terraform_remote_state" "r" {
    backend = "local"
    config  = { path = "other.tfstate" }
  }
  assert {
    condition     = data.terraform_remote_state.r.outputs.x == "there"
    error_message = "not there"
  }
}
"#,
    );
    work.write("other.tfstate", OTHER);
    work.run(&["plan", "-out=p"]).code(0);
    // What was read for a check is part of what the plan was made from.
    let plan = work.json(&["show", "-json", "p"]);
    assert_eq!(data_in(&plan), ["data.terraform_remote_state.r"]);
    work.run(&["apply", "p"]).code(0);
    work.run(&["plan", "-refresh-only", "-var=v=2", "-out=p"])
        .code(0)
        .says(&["Warning: Resource precondition failed", "not one"])
        .never_says(&["will be read"]);
    let plan = work.json(&["show", "-json", "p"]);
    assert_eq!(plan["applyable"], false);
    let status = |addr: &str| {
        let checks = plan["checks"].as_array().unwrap().iter();
        let mut found = checks.filter(|c| c["address"]["to_display"] == addr);
        found.next().unwrap()["status"].clone()
    };
    assert_eq!(status("terraform_data.a"), "fail");
    assert_eq!(status("check.c"), "pass");
}

#[test]
fn a_plan_that_only_looks_tells_of_moves() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write(
        "main.tf",
        "resource \"terraform_data\" \"b\" {}\nmoved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n",
    );
    work.run(&["plan", "-refresh-only", "-out=p"]).code(0);
    let drift = &work.json(&["show", "-json", "p"])["resource_drift"][0];
    assert_eq!(drift["change"]["actions"], serde_json::json!(["no-op"]));
    assert_eq!(drift["previous_address"], "terraform_data.a");
    // Where it goes to is of no interest to those who destroy it.
    work.run(&["plan", "-destroy", "-out=p"])
        .code(0)
        .says(&["# terraform_data.b will be destroyed"])
        .never_says(&["moved"]);
    let change = &work.json(&["show", "-json", "p"])["resource_changes"][0];
    assert_eq!(change["address"], "terraform_data.b");
    assert!(change["previous_address"].is_null(), "{change}");
    work.run(&["apply", "-refresh-only", "-auto-approve"])
        .code(0);
    assert_eq!(work.state_list(), ["terraform_data.b"]);
}

#[test]
fn objects_set_aside_are_destroyed_with_what_is_named() {
    let work = Work::with(
        "resource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\n",
    );
    work.run(&["apply", "-auto-approve"]).code(0);
    let mut state: serde_json::Value =
        serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    let instances = state["resources"][0]["instances"].as_array_mut().unwrap();
    let mut aside = instances[0].clone();
    aside["deposed"] = "aabbccdd".into();
    instances.push(aside);
    state["serial"] = 100.into();
    work.write("terraform.tfstate", state.to_string());
    let aside = "(deposed object aabbccdd) will be destroyed";
    work.run(&["plan", "-target=terraform_data.b"])
        .code(0)
        .never_says(&[aside]);
    work.run(&["plan", "-target=terraform_data.a"])
        .code(0)
        .says(&[aside]);
    work.write("main.tf", "");
    work.run(&["plan", "-out=p"]).code(0);
    let plan = work.json(&["show", "-json", "p"]);
    let changes = plan["resource_changes"].as_array().unwrap().iter();
    let reasons = changes.map(|c| (c["deposed"].as_str(), c["action_reason"].as_str()));
    let gone = Some("delete_because_no_resource_config");
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [(None, gone), (Some("aabbccdd"), None), (None, gone)]
    );
}

#[test]
fn what_an_apply_finds_out_again_is_said_once() {
    let work = Work::with(
        r#"
variable "v" { default = "1" }
resource "terraform_data" "a" {}
check "known" {
  assert {
    condition     = var.v == "2"
    error_message = "never"
  }
}
check "unknown" {
  assert {
    condition     = terraform_data.a.id == ""
    error_message = "no id"
  }
}
"#,
    );
    let failed = "Warning: Check block assertion failed";
    let open = "Warning: Check block assertion known after apply";
    work.run(&["plan"]).code(0).says(&[failed, open]);
    let ran = work.run(&["apply", "-auto-approve"]).code(0);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(said.matches(failed).count(), 2, "{said}");
    assert_eq!(said.matches(open).count(), 0, "{said}");
}

#[test]
fn a_destroy_needs_what_its_providers_need() {
    let work = Work::with(
        r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
data "terraform_remote_state" "r" {
  backend = "local"
  config  = { path = "other.tfstate" }
}
provider "muster" {
  sim {
    path = "sim-${data.terraform_remote_state.r.outputs.x}.json"
  }
}
resource "muster_zone" "a" {
  name     = "a"
  type     = "edge"
  location = "x"
  capacity = { cpu = 4, memory_gb = 4 }
}
"#,
    );
    work.write("other.tfstate", OTHER);
    work.run(&["apply", "-auto-approve"]).code(0);
    std::fs::remove_file(work.path().join("other.tfstate")).unwrap();
    work.run(&["destroy", "-auto-approve"])
        .code(1)
        .says(&["Error: Unable to find remote state"])
        .never_says(&["Warning: Unable"]);
    work.write("other.tfstate", OTHER);
    let ran = work.run(&["destroy", "-auto-approve"]).code(0);
    let read = ran.stdout.matches("Read complete").count();
    assert_eq!(read, 1, "{}", ran.stdout);
    assert!(work.state_list().is_empty());
}

#[test]
fn an_apply_that_cannot_plan_anything_counts_nothing() {
    let work = Work::with(
        r#"
variable "v" {
  default = 1
  validation {
    condition     = var.v == 1
    error_message = "not one"
  }
}
resource "terraform_data" "a" { input = var.v }
"#,
    );
    for (command, counts) in [
        (&["plan", "-json", "-var=v=2"][..], 1),
        (&["apply", "-json", "-auto-approve", "-var=v=2"], 0),
    ] {
        let ran = work.run(command).code(1);
        let found = ran.stdout.matches("\"type\":\"change_summary\"").count();
        assert_eq!(found, counts, "{}", ran.stdout);
    }
}

#[test]
fn a_destroy_is_not_complete_while_something_is_left() {
    let work = Work::with(
        r#"
resource "terraform_data" "a" { input = "other.tfstate" }
data "terraform_remote_state" "r" {
  backend = "local"
  config  = { path = terraform_data.a.output }
}
"#,
    );
    work.write("other.tfstate", OTHER);
    work.run(&["apply", "-auto-approve"]).code(0);
    let mut state: serde_json::Value =
        serde_json::from_str(&work.read("terraform.tfstate")).unwrap();
    let resources = state["resources"].as_array_mut().unwrap().iter_mut();
    let mut managed = resources.filter(|r| r["mode"] == "managed");
    managed.next().unwrap()["instances"][0]["schema_version"] = 99.into();
    state["serial"] = 100.into();
    work.write("terraform.tfstate", state.to_string());
    work.run(&["destroy", "-auto-approve"])
        .code(1)
        .says(&["Error: Resource instance managed by newer provider version"])
        .never_says(&["Destroy complete"]);
    assert!(work.state_list().contains(&"terraform_data.a".to_owned()));
}
