//! What is said of `import` blocks before anything is planned.

use crate::harness::Work;

/// What is reported of a resource and a block that imports it: summary, and the text it points to.
#[track_caller]
fn check(resource: &str, import: &str, expect: &[(&str, &str)]) {
    let config = format!("{resource}\nimport {{\n{import}\n}}\n");
    let work = Work::with(&config);
    let ran = work.run(&["validate", "-json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let empty = Vec::new();
    let found = report["diagnostics"].as_array().unwrap_or(&empty).iter();
    let found = found.map(|d| {
        let at = |end: &str| d["range"][end]["byte"].as_u64().unwrap_or_default() as usize;
        let summary = d["summary"].as_str().unwrap_or_default();
        (summary, &config[at("start")..at("end")])
    });
    assert_eq!(found.collect::<Vec<_>>(), expect, "{config}");
    assert_eq!(ran.code, i32::from(!expect.is_empty()));
    // It is wrong for every command, as what is wrong with any other block.
    if !expect.is_empty() {
        let ran = work.run(&["plan", "-refresh-only"]).code(1);
        assert!(ran.stderr.contains(expect[0].0), "{}", ran.stderr);
    }
}

const SINGLE: &str = "resource \"terraform_data\" \"a\" {}";
const COUNT: &str = "resource \"terraform_data\" \"a\" { count = 2 }";
const FOR_EACH: &str = "resource \"terraform_data\" \"a\" { for_each = toset([\"x\"]) }";

#[test]
fn ids_are_known_to_be_wrong() {
    let id = |id: &str| format!("id = {id}\nto = terraform_data.a");
    let summary = "Invalid import id argument";
    for wrong in ["null", "\"\"", "true ? null : \"x\""] {
        check(SINGLE, &id(wrong), &[(summary, wrong)]);
    }
    let own = "terraform_data.a.id";
    check(SINGLE, &id(own), &[(summary, "terraform_data.a")]);
    check(SINGLE, &id("{}"), &[("Incorrect value type", "{}")]);
    check(SINGLE, &id("12"), &[]);
    let variable = format!("variable \"x\" {{ default = \"\" }}\n{SINGLE}");
    check(&variable, &id("var.x"), &[]);
}

#[test]
fn keys_fit_their_resources() {
    let summary = "Invalid import 'to' expression";
    for (resource, right, wrong) in [
        (SINGLE, &[""][..], &["[0]", "[\"k\"]"][..]),
        (COUNT, &["[0]", "[7]"], &["", "[\"k\"]"]),
        (FOR_EACH, &["[\"x\"]", "[\"k\"]"], &["", "[0]"]),
    ] {
        let block = |key: &str| format!("id = \"x\"\nto = terraform_data.a{key}");
        for key in right {
            check(resource, &block(key), &[]);
        }
        for key in wrong {
            let to = format!("terraform_data.a{key}");
            check(resource, &block(key), &[(summary, &to)]);
        }
    }
    let each = "for_each = { k = 1 }\nid = each.key\nto = terraform_data.a[each.key]";
    check(FOR_EACH, each, &[]);
    check(SINGLE, each, &[(summary, "terraform_data.a[each.key]")]);
    let nulls = "for_each = { k = null }\nid = each.value\nto = terraform_data.a[each.key]";
    check(
        FOR_EACH,
        nulls,
        &[("Invalid import id argument", "each.value")],
    );
}

#[test]
fn only_the_root_module_may_lack_a_target() {
    check(SINGLE, "id = \"x\"\nto = terraform_data.new", &[]);
    let to = "module.none.terraform_data.a";
    let summary = "Configuration for import target does not exist";
    check(SINGLE, &format!("id = \"x\"\nto = {to}"), &[(summary, to)]);
}

#[test]
fn written_configuration_is_told_of_where_the_plan_fails() {
    let work = Work::with(
        "import {
  to = terraform_data.i
  id = \"x\"
}
variable \"v\" {
  default = \"a\"
}
output \"o\" {
  value = tonumber(var.v)
}
",
    );
    work.run(&["plan", "-generate-config-out=made.tf"])
        .code(1)
        .says(&[
            "Wrote configuration for the imported objects to made.tf",
            "Invalid function argument",
        ]);
    assert!(work.path().join("made.tf").exists());
}

#[test]
fn a_block_has_one_complaint() {
    let work = Work::with(
        "import {
  for_each = toset([\"a\", \"b\", \"c\"])
  to       = terraform_data.i[each.key]
  id       = each.key
}
resource \"terraform_data\" \"i\" {
  for_each = toset([\"c\"])
}
",
    );
    let ran = work.run(&["plan"]).code(1);
    let summary = "Configuration for import target does not exist";
    assert_eq!(ran.stderr.matches(summary).count(), 1, "{}", ran.stderr);
    ran.says(&[
        "and none at [\"a\"]",
        "1 more target",
        "terraform_data.i[\"b\"]",
    ]);
}

#[test]
fn a_plan_leaves_imports_alone_that_it_is_not_about() {
    let work = Work::with(
        "import {
  for_each = toset([\"a\", \"b\"])
  to       = terraform_data.i[each.key]
  id       = each.key
}
import {
  for_each = null
  to       = terraform_data.i[each.key]
  id       = each.key
}
resource \"terraform_data\" \"i\" {
  for_each = toset([\"a\", \"b\"])
}
",
    );
    for limit in [
        "-target=terraform_data.i[\"a\"]",
        "-exclude=terraform_data.i[\"b\"]",
    ] {
        work.run(&["plan", limit])
            .code(0)
            .says(&["Plan: 1 to import, 0 to add"]);
    }
    work.run(&["apply", "-auto-approve"])
        .code(0)
        .says(&["2 imported"]);
}

#[test]
fn a_destroy_imports_nothing() {
    let work = Work::with("resource \"terraform_data\" \"a\" {}\n");
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write(
        "main.tf",
        r#"
resource "terraform_data" "a" {}
resource "terraform_data" "i" {}
import {
  id = "x"
  to = terraform_data.i
}
data "terraform_remote_state" "r" {
  backend = "local"
  config  = { path = terraform_data.i.id }
}
"#,
    );
    work.run(&["destroy", "-auto-approve"])
        .code(0)
        .says(&["Destroy complete! Resources: 1 destroyed."])
        .never_says(&["import", "Warning"]);
}

#[test]
fn written_configuration_is_told_of_where_there_is_no_plan() {
    let work = Work::with(
        "import {
  to = terraform_data.i
  id = \"x\"
}
resource \"terraform_data\" \"p\" {
  input = timestamp(\"x\")
}
",
    );
    let plan = ["plan", "-generate-config-out=made.tf"];
    let told = "Wrote configuration for the imported objects to made.tf";
    work.run(&plan)
        .code(1)
        .says(&[told, "Error: Too many function arguments"]);
    // From then on it is in the way, and nothing is written.
    work.run(&plan)
        .code(1)
        .says(&["Target generated file already exists"])
        .never_says(&[told]);
}

#[test]
fn written_configuration_is_in_the_plan_but_was_not_there_before() {
    let work = Work::with(
        "import {
  to = terraform_data.i
  id = \"x\"
}
resource \"terraform_data\" \"a\" {
  input = \"a\"
}
",
    );
    work.run(&["plan", "-generate-config-out=made.tf", "-out=p"])
        .code(0);
    let plan = work.json(&["show", "-json", "p"]);
    let addresses = |list: &serde_json::Value| {
        let list = list.as_array().unwrap().iter();
        let addresses = list.map(|r| r["address"].as_str().unwrap().to_owned());
        addresses.collect::<Vec<_>>()
    };
    let configured = addresses(&plan["configuration"]["root_module"]["resources"]);
    assert_eq!(configured, ["terraform_data.a"]);
    let changed = addresses(&plan["resource_changes"]);
    assert_eq!(changed, ["terraform_data.a", "terraform_data.i"]);
    work.run(&["apply", "p"]).code(0).says(&["1 imported"]);
}
