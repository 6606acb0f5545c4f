//! What the language has from OpenTofu beside what Terraform knows.

use crate::harness::Work;

/// A configuration whose module and state are where variables say.
const EARLY: &str = r#"
variable "env" {}
locals {
  dir   = "./modules/${var.env}"
  state = "${var.env}.tfstate"
}
terraform {
  backend "local" { path = local.state }
}
module "m" { source = local.dir }
output "from" { value = module.m.from }
"#;

fn early() -> Work {
    let work = Work::with(EARLY);
    for env in ["dev", "prod"] {
        let text = format!(
            "resource \"terraform_data\" \"a\" {{\n  input = \"{env}\"\n}}\noutput \"from\" {{\n  value = terraform_data.a.input\n}}\n"
        );
        work.write(&format!("modules/{env}/main.tf"), text);
    }
    work
}

#[test]
fn variables_decide_where_modules_and_state_are() {
    let work = early();
    let missing = "Error: No value for required variable";
    for args in [
        &["init"][..],
        &["get"],
        &["validate"],
        &["plan", "-input=false"],
    ] {
        work.run(args).code(1).says(&[missing, "main.tf line 4"]);
    }
    work.run(&["init", "-var", "env=dev"]).code(0);
    work.run(&["validate", "-var", "env=dev"]).code(0);
    work.run(&["apply", "-auto-approve", "-var", "env=dev"])
        .code(0);
    assert!(work.path().join("dev.tfstate").exists());
    assert!(!work.path().join("terraform.tfstate").exists());
    work.run(&["plan", "-var", "env=prod"])
        .code(1)
        .says(&["Error: Module source has changed"]);
    work.write("prod.tfvars", "env = \"prod\"\n");
    work.run(&["get", "-var-file=prod.tfvars"]).code(0);
    work.run(&["plan", "-var-file=prod.tfvars"])
        .code(0)
        .says(&["+ from = \"prod\""]);
}

#[test]
fn files_and_the_environment_are_looked_at() {
    let work = early();
    let mut command = work.command(&["init"]);
    assert!(command.env("TF_VAR_env", "dev").status().unwrap().success());
    work.write("terraform.tfvars", "env = \"prod\"\n");
    work.run(&["init"]).code(0);
    work.run(&["apply", "-auto-approve"]).code(0);
    work.run(&["output", "-raw", "from"])
        .code(0)
        .says(&["prod"]);
    assert!(work.path().join("prod.tfstate").exists());
}

#[test]
fn saved_plans_keep_where_things_are() {
    let work = early();
    work.run(&["init", "-var", "env=dev"]).code(0);
    work.run(&["plan", "-var", "env=dev", "-out=p"]).code(0);
    // What is given now makes no difference.
    work.write("terraform.tfvars", "env = \"prod\"\n");
    work.run(&["show", "p"]).code(0).says(&["+ from = \"dev\""]);
    work.run(&["apply", "p"]).code(0);
    assert!(work.read("dev.tfstate").contains("\"dev\""));
    assert!(!work.path().join("prod.tfstate").exists());
}

#[test]
fn what_is_not_known_early_is_refused() {
    let check = |path: &str, summary: &str| {
        let config = format!(
            "variable \"s\" {{\n  default = \"./m\"\n  sensitive = true\n}}\nresource \"terraform_data\" \"x\" {{}}\nmodule \"m\" {{\n  source = {path}\n}}\n"
        );
        let work = Work::with(&config);
        work.write("m/main.tf", "");
        work.run(&["init"])
            .code(1)
            .says(&[summary, "main.tf line 7"]);
    };
    check("var.s", "Error: Sensitive value not allowed");
    check("terraform_data.x.id", "Error: Variables not allowed");
    let work = Work::with(
        "resource \"terraform_data\" \"x\" {}\nterraform {\n  backend \"local\" { path = terraform_data.x.id }\n}\n",
    );
    work.run(&["init"])
        .code(1)
        .says(&["Error: Variables not allowed", "main.tf line 3"]);
}

#[test]
fn disabled_and_protected() {
    let config = |on: &str, kept: &str| {
        format!(
            "resource \"terraform_data\" \"a\" {{\n  lifecycle {{\n    enabled         = {on}\n    prevent_destroy = var.kept\n  }}\n}}\nvariable \"kept\" {{ default = {kept} }}\noutput \"there\" {{ value = terraform_data.a != null }}\n"
        )
    };
    let work = Work::with("");
    work.write("main.tofu", config("true", "true"));
    work.run(&["apply", "-auto-approve"]).code(0);
    work.write("main.tofu", config("false", "true"));
    work.run(&["plan"])
        .code(1)
        .says(&["Error: Instance cannot be destroyed"]);
    work.run(&["destroy", "-auto-approve"])
        .code(1)
        .says(&["Error: Instance cannot be destroyed"]);
    work.write("main.tofu", config("false", "false"));
    work.run(&["plan", "-out=p"])
        .code(0)
        .says(&["because terraform_data.a is not enabled"]);
    work.run(&["apply", "p"]).code(0);
    work.run(&["output", "there"]).code(0).says(&["false"]);
    assert_eq!(work.state_list(), Vec::<String>::new());
}
