//! What is planned for an object, and why.

use muster_plan::Mode;
use muster_planner::Options;
use muster_value::Value;

use crate::lab::{Lab, lines, same};
use crate::provider::with;

#[test]
fn create_update_replace_and_nothing() {
    let mut lab = Lab::default();
    let a = |name: &str, size: u32| {
        format!("resource \"fake_thing\" \"a\" {{\n name = \"{name}\"\n size = {size}\n}}")
    };
    lab.check(&a("a", 1), "Create fake_thing.a");
    lab.apply(&a("a", 1));
    lab.check_calls("create a");
    lab.check(&a("a", 1), "");
    lab.check(&a("a", 2), "Update fake_thing.a");
    lab.check(
        &a("b", 2),
        "DeleteThenCreate fake_thing.a replace_because_cannot_update .name",
    );
    lab.apply(&a("b", 2));
    lab.check_calls("delete a\ncreate b");
    lab.check_state("fake_thing.a b 2");
    lab.check("", "Delete fake_thing.a delete_because_no_resource_config");
    lab.apply("");
    lab.check_calls("delete b");
    lab.check_state("");
}

const THING: &str = "resource \"fake_thing\" \"a\"";

/// The one resource `fake_thing.a` with this body.
fn a(body: &str) -> String {
    format!("{} {{\n name = \"a\"\n {body}\n}}\n", THING)
}

#[test]
fn count_grows_and_shrinks() {
    let mut lab = Lab::default();
    let counted = |n: u32| {
        format!(
            "{} {{\n count = {n}\n name = \"a${{count.index}}\"\n}}",
            THING
        )
    };
    lab.apply(&counted(3));
    lab.check(&counted(4), "Create fake_thing.a[3]");
    lab.check(
        &counted(1),
        "Delete fake_thing.a[1] delete_because_count_index
         Delete fake_thing.a[2] delete_because_count_index",
    );
    lab.apply(&counted(1));
    lab.check_state("fake_thing.a[0] a0");
    lab.check(&a("").replace("\"a\"\n", "\"a0\"\n"), "");
    lab.apply(&a("").replace("\"a\"\n", "\"a0\"\n"));
    lab.check_state("fake_thing.a a0");
}

#[test]
fn for_each_grows_and_shrinks() {
    let mut lab = Lab::default();
    let each = |keys: &str| {
        format!(
            "{} {{\n for_each = toset([{keys}])\n name = each.key\n}}",
            THING
        )
    };
    lab.apply(&each("\"x\", \"y\""));
    lab.check_state(
        "fake_thing.a[\"x\"] x
         fake_thing.a[\"y\"] y",
    );
    lab.check(
        &each("\"y\", \"z\""),
        "Delete fake_thing.a[\"x\"] delete_because_each_key
         Create fake_thing.a[\"z\"]",
    );
    lab.check(&each("\"y\", \"x\""), "");
}

const MODULE: &str = r#"
-- m/main.tf --
variable "name" { type = string }
resource "fake_thing" "in" { name = var.name }
output "id" { value = fake_thing.in.id }
"#;

#[test]
fn modules_come_and_go() {
    let mut lab = Lab::default();
    let modules = |keys: &str| {
        format!(
            "module \"m\" {{\n source = \"./m\"\n for_each = toset([{keys}])\n name = each.key\n}}\n{MODULE}"
        )
    };
    lab.apply(&modules("\"x\", \"y\""));
    lab.check(
        &modules("\"y\""),
        "Delete module.m[\"x\"].fake_thing.in delete_because_no_module",
    );
    lab.apply(&modules("\"y\""));
    lab.check_state("module.m[\"y\"].fake_thing.in y");
    lab.check(
        "",
        "Delete module.m[\"y\"].fake_thing.in delete_because_no_resource_config",
    );
    lab.apply("");
    lab.check_state("");
}

#[test]
fn replacement_on_request_and_by_trigger() {
    let mut lab = Lab::default();
    let triggered = |on: &str, size: u32| {
        format!(
            r#"resource "fake_thing" "base" {{
                name = "base"
                size = {size}
            }}
            resource "fake_thing" "a" {{
                name = "a"
                lifecycle {{ replace_triggered_by = [fake_thing.base{on}] }}
            }}"#
        )
    };
    lab.check(
        &triggered("", 1),
        "Create fake_thing.a\nCreate fake_thing.base",
    );
    lab.apply(&triggered("", 1));
    let update = "DeleteThenCreate fake_thing.a replace_by_triggers\nUpdate fake_thing.base";
    lab.check(&triggered("", 2), update);
    lab.check(&triggered(".size", 2), update);
    lab.check(&triggered(".tags", 2), "Update fake_thing.base");
    let options = Options {
        replace: vec!["fake_thing.base".parse().unwrap()],
        ..Options::default()
    };
    lab.check_with(
        &triggered(".id", 1),
        options,
        "DeleteThenCreate fake_thing.a replace_by_triggers
         DeleteThenCreate fake_thing.base replace_by_request",
    );
}

#[test]
fn ignored_changes_are_not_planned() {
    let mut lab = Lab::default();
    let ignoring = |what: &str, size: u32, tags: &str| {
        a(&format!(
            "size = {size}\n tags = {{ {tags} }}\n lifecycle {{ ignore_changes = {what} }}"
        ))
    };
    lab.apply(&ignoring("[size]", 1, "k = 1"));
    lab.check(&ignoring("[size]", 2, "k = 1"), "");
    lab.check(&ignoring("[size]", 2, "k = 2"), "Update fake_thing.a");
    lab.check(&ignoring("[size, tags[\"k\"]]", 2, "k = 2"), "");
    lab.check(
        &ignoring("[size, tags[\"k\"]]", 2, "k = 2, l = 1"),
        "Update fake_thing.a",
    );
    lab.check(&ignoring("all", 2, "k = 2, l = 1"), "");
    lab.apply(&ignoring("[size]", 2, "k = 2"));
    lab.check_state("fake_thing.a a 1");
}

#[test]
fn what_may_not_be_destroyed_is_not() {
    let mut lab = Lab::default();
    let kept = a("lifecycle { prevent_destroy = true }");
    lab.apply(&kept);
    let refused = "Instance cannot be destroyed";
    lab.check_refused(
        &kept.replace("\"a\"\n", "\"b\"\n"),
        Options::default(),
        refused,
    );
    let destroy = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    lab.check_refused(&kept, destroy, refused);
    lab.check("", "Delete fake_thing.a delete_because_no_resource_config");
}

#[test]
fn drift_is_found_unless_nobody_looks() {
    let mut lab = Lab::default();
    lab.apply(&a("size = 1"));
    let id = lab.world().objects.keys().next().unwrap().clone();
    let grown = with(&lab.world().objects[&id], "size", Value::int(5));
    lab.world().objects.insert(id.clone(), grown);
    lab.check(
        &a("size = 1"),
        "drift Update fake_thing.a\nUpdate fake_thing.a",
    );
    lab.check(&a("size = 5"), "drift Update fake_thing.a");
    let blind = Options {
        refresh: false,
        ..Options::default()
    };
    lab.check_with(&a("size = 1"), blind, "");
    let only = || Options {
        mode: Mode::RefreshOnly,
        ..Options::default()
    };
    lab.check_with(&a("size = 7"), only(), "drift Update fake_thing.a");
    assert_eq!(lab.try_apply(&a("size = 7"), only()), Vec::<String>::new());
    lab.check_calls("");
    lab.check_state("fake_thing.a a 5");
    lab.world().objects.clear();
    lab.check_with(&a("size = 7"), only(), "drift Delete fake_thing.a");
    lab.check(
        &a("size = 7"),
        "drift Delete fake_thing.a\nCreate fake_thing.a",
    );
    assert_eq!(lab.try_apply(&a("size = 7"), only()), Vec::<String>::new());
    lab.check_state("");
}

const THREE: &str = r#"
resource "fake_thing" "a" { name = "a" }
resource "fake_thing" "b" {
  name  = "b"
  input = [fake_thing.a.id]
}
resource "fake_thing" "c" {
  name  = "c"
  input = [fake_thing.b.id]
}
resource "fake_thing" "other" { name = "other" }
"#;

fn targets(mode: Mode, target: &str) -> Options {
    Options {
        mode,
        targets: vec![target.parse().unwrap()],
        ..Options::default()
    }
}

#[test]
fn targets_bring_what_they_need() {
    let mut lab = Lab::default();
    let plan = lab.plan_with(THREE, targets(Mode::Normal, "fake_thing.b"));
    same(
        &lines(&plan.plan.unwrap()),
        "Create fake_thing.a\nCreate fake_thing.b",
    );
    lab.apply(THREE);
    let plan = lab.plan_with(THREE, targets(Mode::Destroy, "fake_thing.b"));
    same(
        &lines(&plan.plan.unwrap()),
        "Delete fake_thing.b\nDelete fake_thing.c",
    );
}

#[test]
fn outputs_change_with_what_they_show() {
    let mut lab = Lab::default();
    let shown = |size: u32| {
        format!(
            "{}\noutput \"size\" {{ value = fake_thing.a.size }}",
            a(&format!("size = {size}"))
        )
    };
    lab.check(&shown(1), "Create fake_thing.a\nCreate output size");
    lab.apply(&shown(1));
    lab.check(&shown(1), "");
    lab.check(&shown(2), "Update fake_thing.a\nUpdate output size");
    lab.check(&a("size = 1"), "Delete output size");
    lab.apply(&a("size = 1"));
    assert!(lab.state.outputs.is_empty());
}

#[test]
fn what_is_sensitive_stays_so() {
    let mut lab = Lab::default();
    let hidden = |word: &str| {
        format!(
            "variable \"v\" {{\n default = \"x\"\n {word}\n}}\n{}\noutput \"o\" {{\n value = fake_thing.a.secret\n sensitive = true\n}}",
            a("tags = { k = var.v }\n secret = \"s\"")
        )
    };
    lab.apply(&hidden("sensitive = true"));
    let object = lab.state.current(&"fake_thing.a".parse().unwrap()).unwrap();
    let paths: Vec<String> = object.sensitive.iter().map(ToString::to_string).collect();
    assert_eq!(paths, [".secret", ".tags[\"k\"]"]);
    assert!(lab.state.outputs["o"].sensitive);
    lab.check(&hidden("sensitive = true"), "");
    // Only the marks differ: an update that the provider does not hear of.
    lab.check(&hidden(""), "Update fake_thing.a");
    lab.take_calls();
    lab.apply(&hidden(""));
    lab.check_calls("");
    lab.check(&hidden(""), "");
}
