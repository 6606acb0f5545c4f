//! Objects that get other addresses, are let go of, or exist already.

use muster_plan::{Action, Mode};
use muster_planner::Options;

use crate::lab::{Lab, lines, same};

fn thing(name: &str) -> String {
    format!("resource \"fake_thing\" \"{name}\" {{\n name = \"{name}\"\n}}\n")
}

fn moved(from: &str, to: &str) -> String {
    format!("moved {{\n from = {from}\n to = {to}\n}}\n")
}

/// A resource with another address than its object's name says.
fn renamed(address: &str, name: &str) -> String {
    format!("resource \"fake_thing\" \"{address}\" {{\n name = \"{name}\"\n}}\n")
}

#[test]
fn what_moves_stays_as_it_is() {
    let mut lab = Lab::default();
    lab.apply(&thing("a"));
    let config = renamed("c", "a")
        + &moved("fake_thing.b", "fake_thing.c")
        + &moved("fake_thing.a", "fake_thing.b");
    let plan = lab.plan(&config);
    same(&lines(&plan), "");
    let change = plan.changes.first().unwrap();
    assert_eq!(change.action, Action::NoOp);
    let previous = change.previous.as_ref().map(ToString::to_string);
    assert_eq!(previous.as_deref(), Some("fake_thing.a"));
    assert!(!plan.is_empty());
    lab.apply(&config);
    lab.check_calls("");
    lab.check_state("fake_thing.c a");
}

#[test]
fn whole_modules_move_with_their_keys() {
    let module = |call: &str, keys: &str| {
        format!(
            "module \"{call}\" {{\n source = \"./m\"\n for_each = toset([{keys}])\n}}\n-- m/main.tf --\nresource \"fake_thing\" \"t\" {{\n count = 2\n name = \"t${{count.index}}\"\n}}\n"
        )
    };
    let mut lab = Lab::default();
    lab.apply(&module("old", "\"x\", \"y\""));
    lab.apply(&(moved("module.old", "module.new") + &module("new", "\"x\", \"y\"")));
    lab.check_calls("");
    lab.check_state(
        "module.new[\"x\"].fake_thing.t[0] t0
         module.new[\"x\"].fake_thing.t[1] t1
         module.new[\"y\"].fake_thing.t[0] t0
         module.new[\"y\"].fake_thing.t[1] t1",
    );
    let one = moved("module.new[\"x\"]", "module.new[\"z\"]");
    lab.apply(&(one + &module("new", "\"y\", \"z\"")));
    lab.check_calls("");
    lab.check_state(
        "module.new[\"y\"].fake_thing.t[0] t0
         module.new[\"y\"].fake_thing.t[1] t1
         module.new[\"z\"].fake_thing.t[0] t0
         module.new[\"z\"].fake_thing.t[1] t1",
    );
}

#[test]
fn blocks_of_a_module_speak_of_all_its_instances() {
    let config = |inner: &str| {
        format!("module \"m\" {{\n source = \"./m\"\n count = 2\n}}\n-- m/main.tf --\n{inner}")
    };
    let mut lab = Lab::default();
    lab.apply(&config(&thing("a")));
    lab.apply(&config(
        &(renamed("b", "a") + &moved("fake_thing.a", "fake_thing.b")),
    ));
    lab.check_calls("");
    lab.check_state("module.m[0].fake_thing.b a\nmodule.m[1].fake_thing.b a");
}

#[test]
fn a_count_that_comes_and_goes_moves_the_first_instance() {
    let counted =
        |n: u32| format!("resource \"fake_thing\" \"a\" {{\n count = {n}\n name = \"a\"\n}}\n");
    let mut lab = Lab::default();
    lab.apply(&thing("a"));
    lab.apply(&counted(1));
    lab.check_calls("");
    lab.check_state("fake_thing.a[0] a");
    lab.check(&counted(2), "Create fake_thing.a[1]");
    lab.apply(&thing("a"));
    lab.check_calls("");
    lab.check_state("fake_thing.a a");
}

#[test]
fn an_address_that_is_taken_stays_so() {
    let mut lab = Lab::default();
    lab.apply(&(thing("a") + &thing("b")));
    let config = thing("b") + &moved("fake_thing.a", "fake_thing.b");
    let run = lab.plan_with(&config, Options::default());
    same(&run.diags, "Unresolved resource instance address changes");
    same(
        &lines(&run.plan.unwrap()),
        "Delete fake_thing.a delete_because_no_resource_config",
    );
}

#[test]
fn moves_that_make_no_sense_are_refused() {
    let lab = Lab::default();
    let check = |config: String, expect: &str| {
        lab.check_refused(&config, Options::default(), expect);
    };
    let (a, b, c) = ("fake_thing.a", "fake_thing.b", "fake_thing.c");
    check(thing("a") + &moved(a, b), "Moved object still exists");
    check(moved(a, a), "Redundant move statement");
    check(moved(a, c) + &moved(b, c), "Ambiguous move statements");
    check(moved(a, b) + &moved(a, c), "Ambiguous move statements");
    check(
        moved(a, b) + &moved(b, a),
        "Cyclic dependency in move statements",
    );
    let counted = "resource \"fake_thing\" \"a\" {\n count = 2\n name = \"a\"\n}\n";
    check(
        counted.to_owned() + &moved("fake_thing.a[1]", b),
        "Moved object still exists",
    );
}

#[test]
fn a_limited_plan_does_not_leave_moves_out() {
    let mut lab = Lab::default();
    lab.apply(&(thing("a") + &thing("z")));
    let config = thing("z") + &renamed("b", "a") + &moved("fake_thing.a", "fake_thing.b");
    let options = Options {
        targets: vec!["fake_thing.z".parse().unwrap()],
        ..Options::default()
    };
    lab.check_refused(
        &config,
        options,
        "Moved resource instances excluded by targeting
         Resource targeting is in effect",
    );
}

#[test]
fn removed_objects_are_forgotten_or_destroyed() {
    let removed = |destroy: bool| {
        format!("removed {{\n from = fake_thing.a\n lifecycle {{\n destroy = {destroy}\n }}\n}}\n")
    };
    let mut lab = Lab::default();
    lab.apply(&thing("a"));
    lab.check(
        &removed(true),
        "Delete fake_thing.a delete_because_no_resource_config",
    );
    let run = lab.plan_with(&removed(false), Options::default());
    same(
        &run.diags,
        "Some objects will no longer be managed by Terraform",
    );
    let plan = run.plan.unwrap();
    same(
        &lines(&plan),
        "Forget fake_thing.a delete_because_no_resource_config",
    );
    lab.take_calls();
    lab.carry_out(&removed(false), plan);
    lab.check_calls("");
    lab.check_state("");
    assert_eq!(lab.world().objects.len(), 1);
    lab.check_refused(
        &(thing("a") + &removed(false)),
        Options::default(),
        "Removed resource still exists",
    );
}

fn import(to: &str, id: &str) -> String {
    format!("import {{\n to = {to}\n id = {id}\n}}\n")
}

/// A world with an object that no state knows of, and its id.
fn found() -> (Lab, String) {
    let mut lab = Lab::default();
    lab.apply(&thing("a"));
    lab.state = muster_snapshot::Snapshot::default();
    let id = lab.world().objects.keys().next().unwrap().clone();
    (lab, id)
}

#[test]
fn an_import_takes_over_what_is_there() {
    let (mut lab, id) = found();
    let config = thing("a") + &import("fake_thing.a", &format!("{id:?}"));
    let plan = lab.plan(&config);
    same(&lines(&plan), "");
    assert_eq!(plan.counts().import, 1);
    assert!(!plan.is_empty());
    lab.apply(&config);
    lab.check_calls("");
    lab.check_state("fake_thing.a a");
    assert_eq!(lab.plan(&config).counts().import, 0);
}

#[test]
fn imports_are_repeated_and_change_what_differs() {
    let (mut lab, id) = found();
    let config = format!(
        "locals {{\n ids = {{ x = {id:?} }}\n}}
import {{
  for_each = local.ids
  to       = fake_thing.a[each.key]
  id       = each.value
}}
resource \"fake_thing\" \"a\" {{
  for_each = local.ids
  name     = \"a\"
  size     = 7
}}"
    );
    lab.check(&config, "Update fake_thing.a[\"x\"]");
    lab.apply(&config);
    lab.check_calls("update a");
    lab.check_state("fake_thing.a[\"x\"] a 7");
}

#[test]
fn what_is_not_there_to_import_is_made_where_that_is_asked_for() {
    let mut lab = Lab::default();
    let config = |id: &str| {
        let block = format!("import {{\n to = fake_thing.a\n id = {id:?}\n or_create = true\n}}\n");
        thing("a") + &block
    };
    lab.check(&config("nobody"), "Create fake_thing.a");
    lab.apply(&config("nobody"));
    lab.check_state("fake_thing.a a");
    lab.check(&config("nobody"), "");
    assert_eq!(lab.world().objects.len(), 1);
}

#[test]
fn imports_that_cannot_be_are_refused() {
    let lab = Lab::default();
    let check = |config: String, expect: &str| {
        lab.check_refused(&config, Options::default(), expect);
    };
    let a = "fake_thing.a";
    check(
        import(a, "\"x\""),
        "Configuration for import target does not exist",
    );
    check(
        thing("a") + &import(a, "\"\""),
        "Invalid import id argument",
    );
    check(
        thing("a") + &thing("b") + &import(a, "fake_thing.b.id"),
        "Invalid import id argument",
    );
    check(
        thing("a") + &import(a, "\"x\"") + &import(a, "\"y\""),
        "Duplicate import configuration for \"fake_thing.a\"",
    );
    check(
        thing("a") + &import(a, "\"nobody\""),
        "Cannot import non-existent remote object",
    );
    check(
        thing("a") + &import("fake_thing.a[5]", "\"x\""),
        "Invalid import 'to' expression",
    );
}

#[test]
fn a_user_can_ask_for_an_import() {
    let (mut lab, id) = found();
    let addr: muster_addr::InstanceAddr = "fake_thing.a".parse().unwrap();
    let options = Options {
        mode: Mode::RefreshOnly,
        refresh: false,
        targets: vec!["fake_thing.a".parse().unwrap()],
        imports: vec![(addr, id.into())],
        ..Options::default()
    };
    let run = lab.plan_with(&(thing("a") + &thing("b")), options);
    same(&run.diags, "");
    lab.state = run.plan.unwrap().prior;
    lab.check_state("fake_thing.a a");
}
