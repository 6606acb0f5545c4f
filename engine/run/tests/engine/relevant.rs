//! What plans can be traced to.

use muster_planner::Options;

use crate::lab::Lab;

const CONFIG: &str = r#"
variable "v" { default = "1" }
locals {
  both = { a = fake_thing.s["la"].id, b = fake_thing.s["lb"].id }
}
resource "fake_thing" "s" {
  for_each = toset(["la", "lb", "t", "dep", "pre", "trigger", "arg", "key", "each", "unused"])
  name     = each.key
}
resource "fake_thing" "t" {
  name  = "t"
  input = [fake_thing.s["t"].id]
}
resource "fake_thing" "u" {
  name  = var.v
  input = [local.both.a, fake_thing.t.input[0]]
  depends_on = [fake_thing.s["dep"]]
  lifecycle {
    replace_triggered_by = [fake_thing.s["trigger"].size]
    precondition {
      condition     = fake_thing.s["pre"].id != ""
      error_message = "no"
    }
  }
}
resource "fake_thing" "e" {
  for_each = { e = fake_thing.s["each"].id }
  name     = "e${var.v}"
  input    = [each.value]
}
module "m" {
  source = "./m"
  v      = var.v
  args   = [fake_thing.s["arg"].id]
}
output "all" {
  value     = fake_thing.t
  sensitive = true
}
-- m/main.tf --
variable "v" {}
variable "args" {}
resource "fake_thing" "i" {
  name  = "i${var.v}"
  input = var.args
}
output "o" { value = fake_thing.i.name }
output "none" { value = fake_thing.i.tags == null ? null : 1 }
"#;

/// The attributes that a plan can be traced to, one a line.
#[track_caller]
fn check(lab: &Lab, config: &str, options: Options, expect: &str) {
    let plan = lab.plan_with(config, options).plan.unwrap();
    let found: Vec<String> = plan
        .relevant
        .iter()
        .map(|relevant| format!("{}{}", relevant.resource, relevant.path))
        .collect();
    let expect: Vec<&str> = expect.lines().map(str::trim).collect();
    assert_eq!(found, expect);
}

#[test]
fn changes_are_traced_through_everything_that_they_refer_to() {
    let mut lab = Lab::default();
    lab.apply(CONFIG);
    // Nothing changes; outputs of modules are new in every plan.
    check(
        &lab,
        CONFIG,
        Options::default(),
        "module.m.fake_thing.i.name",
    );
    let changed = CONFIG.replace("default = \"1\"", "default = \"2\"");
    check(
        &lab,
        &changed,
        Options::default(),
        "fake_thing.s[\"arg\"].id
         fake_thing.s[\"each\"].id
         fake_thing.s[\"la\"].id
         fake_thing.s[\"lb\"].id
         fake_thing.s[\"t\"].id
         fake_thing.t.input[0]
         module.m.fake_thing.i.name",
    );
}

#[test]
fn outputs_that_change_are_traced() {
    let mut lab = Lab::default();
    lab.apply(CONFIG);
    let changed = CONFIG.replace("= fake_thing.t\n", "= [fake_thing.t, module.m]\n");
    check(
        &lab,
        &changed,
        Options::default(),
        "fake_thing.s[\"t\"].id
         fake_thing.t
         module.m.fake_thing.i.name
         module.m.fake_thing.i.tags",
    );
}
