//! Provider configurations with `for_each`.

use crate::harness::Work;

/// A zone in each of some simulated worlds, and the same in a module; a provider instance for each
/// world.
fn worlds() -> Work {
    let zone = r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
resource "muster_zone" "inner" {
  name     = "inner"
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
"#;
    let work = Work::with(
        r#"
terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
variable "worlds" {
  type    = set(string)
  default = ["a", "b"]
}
variable "used" {
  type    = set(string)
  default = ["a", "b"]
}
provider "muster" {
  alias    = "in"
  for_each = var.worlds
  sim { path = "${path.root}/${each.key}.sim" }
}
resource "muster_zone" "outer" {
  for_each = var.used
  provider = muster.in[each.key]
  name     = "outer"
  type     = "edge"
  location = "here"
  capacity = { cpu = 1, memory_gb = 1 }
}
module "m" {
  source    = "./m"
  for_each  = var.used
  providers = { muster = muster.in[each.value] }
}
"#,
    );
    work.write("m/main.tf", zone);
    work.run(&["init"]).code(0);
    work
}

const ONLY_A_USED: [&str; 2] = ["-var", "used=[\"a\"]"];
const ONLY_WORLD_A: [&str; 2] = ["-var", "worlds=[\"a\"]"];

fn apply(work: &Work, variables: &[&str]) -> crate::harness::Ran {
    work.run(&[&["apply", "-auto-approve"], variables].concat())
}

#[test]
fn each_instance_manages_its_own_objects() {
    let work = worlds();
    work.run(&["validate"]).code(0);
    apply(&work, &[]).code(0).says(&["4 added"]);
    let names = |world: &str| {
        work.read(&format!("{world}.sim"))
            .matches("\"outer\"")
            .count()
    };
    assert!(names("a") > 0 && names("b") > 0, "each world has its zone");
    let state = work.read("terraform.tfstate");
    for key in ["a", "b"] {
        let provider = format!(
            r#""provider": "provider[\"registry.terraform.io/muster/muster\"].in[\"{key}\"]""#
        );
        assert_eq!(state.matches(&provider).count(), 2, "{state}");
    }
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    // Marks keep the provider.
    work.run(&["taint", "muster_zone.outer[\"b\"]"]).code(0);
    work.run(&["untaint", "muster_zone.outer[\"b\"]"]).code(0);
    work.run(&["plan", "-detailed-exitcode"]).code(0);
    work.run(&["destroy", "-auto-approve"])
        .code(0)
        .says(&["4 destroyed"]);
    assert_eq!(names("b"), 0, "nothing is left in the world");
}

#[test]
fn a_key_goes_after_its_objects() {
    let work = worlds();
    apply(&work, &[]).code(0);
    // The objects of b cannot be destroyed without their provider.
    for rest in [&[][..], &["-destroy"], &["-refresh-only"]] {
        let args = [&["plan"], rest, &ONLY_WORLD_A, &ONLY_A_USED].concat();
        work.run(&args).code(1).says(&[
            "Error: Provider instance not present",
            "muster_zone.outer[\"b\"]",
            "module.m[\"b\"].muster_zone.inner",
            ".in[\"b\"]",
        ]);
    }
    // A resource that still wants it is told which keys there are.
    let args = [&["plan"][..], &ONLY_WORLD_A].concat();
    work.run(&args).code(1).says(&[
        "Error: Invalid provider instance key",
        "no instance with the key \"b\"",
        "are: \"a\"",
    ]);
    apply(&work, &ONLY_A_USED).code(0).says(&["2 destroyed"]);
    let both = [ONLY_A_USED, ONLY_WORLD_A].concat();
    apply(&work, &both).code(0).says(&["No changes."]);
}

#[test]
fn keys_are_known_before_anything_is_planned() {
    let work = worlds();
    let unknown = "resource \"terraform_data\" \"d\" {}\nlocals { k = terraform_data.d.id }\n";
    let with = |text: &str| work.write("more.tf", format!("{unknown}{text}"));
    with("provider \"muster\" {\n  alias    = \"late\"\n  for_each = toset([local.k])\n}\n");
    work.run(&["plan"])
        .code(1)
        .says(&["Error: Invalid for_each argument", "only known after apply"]);
    with(
        r#"
data "muster_capacity" "c" {
  provider = muster.in[local.k]
  zones    = []
}
"#,
    );
    work.run(&["plan"]).code(1).says(&[
        "Error: Invalid provider instance key",
        "only known after apply",
    ]);
}
