//! What modules say of themselves to providers.

use muster_planner::Options;

use crate::lab::Lab;

const CONFIG: &str = r#"
terraform {
  provider_meta "fake" {
    note = "outer"
  }
}
resource "fake_thing" "a" {
  name = "a"
  size = 1
}
module "m" {
  source = "./m"
}
module "n" {
  source = "./n"
}
-- m/main.tf --
terraform {
  provider_meta "fake" {
    note = "inner"
  }
}
resource "fake_thing" "b" {
  name = "b"
}
-- n/main.tf --
data "fake_look" "c" {
  name = "c"
}
"#;

#[track_caller]
fn check(lab: &Lab, expect: &[&str]) {
    let mut told = std::mem::take(&mut lab.world().told);
    told.sort();
    assert_eq!(told, expect);
}

#[test]
fn every_call_about_a_resource_has_it() {
    let mut lab = Lab::default();
    lab.apply(CONFIG);
    let made = [
        "apply inner",
        "apply outer",
        "plan inner",
        "plan inner",
        "plan outer",
        "plan outer",
    ];
    check(&lab, &made);
    lab.apply(&CONFIG.replace("size = 1", "size = 2"));
    let changed = [
        "apply outer",
        "plan inner",
        "plan outer",
        "plan outer",
        "read inner",
        "read outer",
    ];
    check(&lab, &changed);
    let look = "data \"fake_look\" \"d\" {\n  name = \"d\"\n}\nmodule \"n\"";
    lab.apply(&CONFIG.replace("module \"n\"", look));
    let told = std::mem::take(&mut lab.world().told);
    assert!(told.contains(&"look outer".to_owned()), "{told:?}");
}

#[test]
fn only_what_the_provider_takes() {
    let lab = Lab::default();
    let refuse = |old: &str, new: &str, expect: &str| {
        let config = CONFIG.replacen(old, new, 1);
        lab.check_refused(&config, Options::default(), expect);
    };
    refuse("note =", "nose =", "Unsupported argument");
    refuse("\"outer\"", "upper(\"x\")", "Function calls not allowed");
    refuse("\"outer\"", "fake_thing.a.id", "Variables not allowed");
    let twice = "terraform {\n  provider_meta \"fake\" {}\n}\nterraform {";
    refuse("terraform {", twice, "Duplicate provider_meta block");
    // What is wrong in one module does not keep another one from being planned.
    check(&lab, &["plan inner"]);
}
