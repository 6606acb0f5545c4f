//! Bad input: exit code 1, every error with its place, and nothing changed.

use crate::harness::Work;

/// A plan of the configuration fails and says all of it.
#[track_caller]
fn refuse(config: &str, says: &[&str]) {
    let work = Work::with(config);
    work.run(&["plan"])
        .code(1)
        .says(says)
        .never_says(&["panicked"]);
    assert!(!work.path().join("terraform.tfstate").exists());
}

const DATA: &str = "resource \"terraform_data\"";

#[test]
fn mistakes_in_the_text() {
    refuse(
        "variable \"a\" {\n  type = string\n",
        &["Unclosed configuration block", "main.tf line 1"],
    );
    refuse(
        "locals {\n  a = 1 +\n}\n",
        &["Invalid expression", "main.tf line 2"],
    );
    refuse(
        "locals {\n  a = nonsense(1)\n}\n",
        &["Call to unknown function", "main.tf line 2"],
    );
}

#[test]
fn every_error_at_once() {
    let config = format!(
        "locals {{\n  a = var.nope\n  b = local.gone\n}}\n{DATA} \"x\" {{\n  input = terraform_data.y\n}}\n"
    );
    let work = Work::with(&config);
    work.run(&["validate"]).code(1).says(&[
        "Reference to undeclared input variable",
        "Reference to undeclared local value",
        "Reference to undeclared resource",
    ]);
    work.write(
        "main.tf",
        format!("{DATA} \"x\" {{}}\n{DATA} \"x\" {{}}\noutput \"o\" {{}}\n"),
    );
    work.run(&["validate"]).code(1).says(&[
        "Duplicate resource \"terraform_data\" configuration",
        "Missing required argument",
    ]);
}

/// References that lead nowhere do not hide what schemas say of the rest, and what follows from
/// them is not said twice.
#[test]
fn references_hide_nothing() {
    let work = Work::with(&format!(
        "{DATA} \"a\" {{\n  input = terraform_data.gone.output\n}}\n{DATA} \"b\" {{\n  bogus = 1\n}}\ndata \"terraform_remote_state\" \"c\" {{}}\nlocals {{\n  x = local.nope\n  y = local.x\n}}\noutput \"o\" {{\n  value = module.m.gone\n}}\nmodule \"m\" {{\n  source = \"./m\"\n}}\n"
    ));
    work.write("m/m.tf", "output \"o\" {\n  value = upper()\n}\n");
    work.run(&["init"]);
    for command in ["validate", "plan", "apply"] {
        let ran = work.run(&[command]).code(1).says(&[
            "Reference to undeclared resource",
            "Reference to undeclared local value",
            "Unsupported argument",
            "Missing required argument",
            "Unsupported attribute",
            "Not enough function arguments",
        ]);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(all.matches("Error: ").count(), 6, "{all}");
    }
}

#[test]
fn cycles() {
    let config = format!(
        "{DATA} \"a\" {{\n  input = terraform_data.b.id\n}}\n{DATA} \"b\" {{\n  input = terraform_data.a.id\n}}\n"
    );
    refuse(&config, &["Cycle: terraform_data.a, terraform_data.b"]);
}

#[test]
fn wrong_values() {
    refuse(
        "variable \"n\" {\n  type = number\n}\n",
        &["No value for required variable"],
    );
    refuse(
        &format!("{DATA} \"a\" {{\n  count = -1\n}}\n"),
        &["Invalid count argument"],
    );
    refuse(
        &format!(
            "{DATA} \"a\" {{}}\n{DATA} \"b\" {{\n  for_each = toset([terraform_data.a.id])\n}}\n"
        ),
        &["Invalid for_each argument", "main.tf line 3"],
    );
    refuse(
        "resource \"muster_zone\" \"z\" {\n  provider = muster\n}\nterraform {\n  required_providers {\n    muster = { source = \"muster/muster\" }\n  }\n}\n",
        &["Missing required argument"],
    );
    refuse(
        "resource \"nobody_knows\" \"x\" {}\n",
        &["hashicorp/nobody"],
    );
}

#[test]
fn files_that_are_not_text() {
    let work = Work::empty();
    work.write("main.tf", b"locals {\n  a = \"\xff\xfe\"\n}\n");
    work.run(&["plan"])
        .code(1)
        .says(&["main.tf", "character encoding"]);
}

#[test]
fn deep_and_long_files() {
    let deep = format!(
        "output \"x\" {{\n  value = {}1{}\n}}\n",
        "(".repeat(10_000),
        ")".repeat(10_000)
    );
    let work = Work::with(&deep);
    let ran = work.run(&["plan"]).never_says(&["panicked", "overflow"]);
    assert!(ran.code == 0 || ran.code == 1, "{}", ran.stderr);
    let long: String = (0..10_000)
        .map(|i| format!("output \"o{i}\" {{ value = {i} }}\n\n"))
        .collect();
    Work::with(&long).run(&["apply", "-auto-approve"]).code(0);
}

#[test]
fn states_that_are_none() {
    for text in ["", "{", "not a state", "{\"version\": 99}"] {
        let work = Work::with(&format!("{DATA} \"a\" {{}}\n"));
        work.write("terraform.tfstate", text);
        let ran = work.run(&["apply", "-auto-approve"]);
        // An empty file is no state yet, as for other engines.
        if !text.is_empty() {
            ran.code(1).says(&["Error:"]);
            assert_eq!(work.read("terraform.tfstate"), text);
        }
    }
}

#[test]
fn zones_settlements_and_policies_that_cannot_be() {
    let head = "terraform {\n  required_providers {\n    muster = { source = \"muster/muster\" }\n  }\n}\n";
    let zone = |capacity: &str| {
        format!(
            "{head}resource \"muster_zone\" \"z\" {{\n  name = \"z\"\n  type = \"edge\"\n  location = \"here\"\n  capacity = {capacity}\n}}\n"
        )
    };
    refuse(
        &zone("{ cpu = -1, memory_gb = 1 }"),
        &["main.tf line 10", "cpu"],
    );
    let small = zone("{ cpu = 1, gpu = 1, memory_gb = 1 }");
    let settlement = "resource \"muster_settlement\" \"s\" {\n  contract_id = \"c\"\n  buyer_id = \"b\"\n  resource_type = \"gpu\"\n  quantity = 10\n  start_time = \"2034-01-15T10:00:00Z\"\n  duration_hours = 1\n  provider_priority = [muster_zone.z.id]\n}\n";
    refuse(&format!("{small}{settlement}"), &["quantity"]);
    let policy = |site: &str, rpo: &str| {
        format!(
            "{small}resource \"muster_dr_policy\" \"p\" {{\n  name = \"p\"\n  primary_site = muster_zone.z.id\n  dr_site = {site}\n  protects = [\"fleet-x\"]\n  rpo = \"{rpo}\"\n  rto = \"10m\"\n  backup_interval = \"1h\"\n}}\n"
        )
    };
    refuse(&policy("muster_zone.z.id", "2h"), &["dr_site"]);
    refuse(&policy("\"elsewhere\"", "5m"), &["rpo"]);
}

#[test]
fn counts_that_are_no_numbers() {
    refuse(
        &format!("{DATA} \"a\" {{\n  count = \"many\"\n}}\n"),
        &["Incorrect value type", "main.tf line 2"],
    );
}

/// Nobody knows while validating whether a message is going to be needed.
#[test]
fn mistakes_in_messages_of_conditions() {
    refuse(
        &format!(
            "{DATA} \"a\" {{\n  lifecycle {{\n    postcondition {{\n      condition     = self.id == \"x\"\n      error_message = self.gone\n    }}\n  }}\n}}\n"
        ),
        &["Unsupported attribute", "main.tf line 5"],
    );
    refuse(
        "data \"terraform_remote_state\" \"a\" {\n  backend = \"local\"\n  lifecycle {\n    postcondition {\n      condition     = self.gone == 1\n      error_message = \"m\"\n    }\n  }\n}\n",
        &["Unsupported attribute", "main.tf line 5"],
    );
}

/// What a module gets is for validation to look at, so that nothing stands in the way of installing
/// what is needed. An argument that is missing is of no value that could be wrong.
#[test]
fn mistakes_in_arguments_of_modules() {
    let work = Work::with("module \"m\" {\n  source = \"./m\"\n  gone = 1\n}\n");
    work.write(
        "m/m.tf",
        format!("variable \"n\" {{\n  type = number\n}}\n{DATA} \"a\" {{\n  count = var.n\n}}\n"),
    );
    work.run(&["init"]).code(0);
    let ran = work.run(&["validate", "-json"]).code(1);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let found = document["diagnostics"].as_array().unwrap().iter();
    let mut summaries: Vec<_> = found.map(|d| d["summary"].as_str().unwrap()).collect();
    summaries.sort_unstable();
    assert_eq!(
        summaries,
        ["Missing required argument", "Unsupported argument"]
    );
}
