//! Provider configurations with `for_each`.

use std::collections::BTreeSet;

use muster_plan::Mode;
use muster_planner::Options;

use crate::desk::{Desk, Planned};

/// A thing in each zone of `used`, by the provider instance of that zone; the provider has those
/// of `zones`.
fn zones(zones: &[&str], used: &[&str]) -> String {
    format!(
        r#"
locals {{
  zones = toset({zones:?})
  used  = toset({used:?})
}}
provider "fake" {{
  alias    = "in"
  for_each = local.zones
  zone     = "${{each.key}}-${{each.value}}"
}}
resource "fake_thing" "a" {{
  for_each = local.used
  provider = fake.in[each.key]
  name     = each.value
}}
"#
    )
}

fn plan(desk: &Desk, config: &str) -> Planned {
    desk.plan(config, Options::default())
}

#[test]
fn each_object_goes_to_its_instance() {
    let mut desk = Desk::default();
    let config = zones(&["x", "y"], &["x", "y"]);
    let planned = desk.apply(&config);
    planned
        .changes(&["Create fake_thing.a[\"x\"]", "Create fake_thing.a[\"y\"]"])
        .calls(&[
            "configure fake.in[\"x\"] in x-x",
            "configure fake.in[\"y\"] in y-y",
            "plan fake_thing.a[\"x\"] by fake.in[\"x\"]",
            "plan fake_thing.a[\"y\"] by fake.in[\"y\"]",
        ]);
    plan(&desk, &config).changes(&[]);
}

#[test]
fn instances_that_nobody_uses_are_left_alone() {
    let config = zones(&["x", "y", "z"], &["y"]);
    plan(&Desk::default(), &config)
        .changes(&["Create fake_thing.a[\"y\"]"])
        .calls(&[
            "configure fake.in[\"y\"] in y-y",
            "plan fake_thing.a[\"y\"] by fake.in[\"y\"]",
        ]);
    plan(&Desk::default(), &zones(&[], &[]))
        .changes(&[])
        .calls(&[]);
}

/// One object, with the key that is written.
fn selecting(key: &str) -> String {
    let provider = zones(&["x", "y"], &[]);
    format!(
        "{provider}\nresource \"fake_late\" \"l\" {{}}\nresource \"fake_thing\" \"one\" {{\n  provider = fake.in{key}\n}}\n"
    )
}

#[test]
fn keys_that_cannot_be() {
    let check = |key: &str, expect: &[&str]| {
        plan(&Desk::default(), &selecting(key)).refused(&[expect]);
    };
    let summary = "Invalid provider instance key";
    check(
        "[\"z\"]",
        &[summary, "no instance with the key \"z\"", "\"x\", \"y\""],
    );
    check("[7]", &[summary, "no instance with the key \"7\""]);
    check("[null]", &[summary, "is null"]);
    check("[fake_late.l.id]", &[summary, "only known after apply"]);
    check("[sensitive(\"x\")]", &[summary, "sensitive"]);
    let reference = "Invalid provider configuration reference";
    check("", &[reference, "has for_each"]);
}

#[test]
fn the_keys_of_a_provider_are_known_before_anything_is_planned() {
    let check = |keys: &str, words: &[&str]| {
        let config = format!(
            r#"
resource "fake_late" "l" {{}}
provider "fake" {{
  alias    = "in"
  for_each = {keys}
  zone     = each.key
}}
resource "fake_thing" "a" {{
  provider = fake.in["x"]
}}
"#
        );
        let planned = plan(&Desk::default(), &config);
        planned.refused(&[words]);
        let by_it = |call: &&String| call.contains("fake_thing.a");
        assert_eq!(planned.calls.iter().find(by_it), None);
    };
    let summary = "Invalid for_each argument";
    check("toset([fake_late.l.id])", &[summary, "known after apply"]);
    check("{ (fake_late.l.id) = 1 }", &[summary, "known after apply"]);
    check("[\"x\"]", &[summary]);
    check("null", &[summary]);
    let set = "Invalid for_each set argument";
    check("toset([\"x\", null])", &[set, "null element"]);
    check("toset([1])", &[set]);
    check("toset([sensitive(\"x\")])", &[summary, "ensitive"]);
}

/// Values may be unknown as long as the keys are not.
#[test]
fn what_is_told_to_an_instance_may_be_unknown() {
    let config = r#"
resource "fake_late" "l" {}
provider "fake" {
  alias    = "in"
  for_each = { x = fake_late.l.id }
  zone     = each.value
}
resource "fake_thing" "a" {
  provider = fake.in["x"]
}
"#;
    plan(&Desk::default(), config).changes(&["Create fake_late.l", "Create fake_thing.a"]);
}

#[test]
fn a_key_stays_as_long_as_its_objects() {
    let mut desk = Desk::default();
    desk.apply(&zones(&["x", "y"], &["x", "y"]));
    let gone = &[
        "Provider instance not present",
        "fake_thing.a[\"y\"]",
        "fake\"].in[\"y\"]",
    ][..];
    let without_key = zones(&["x"], &["x"]);
    for mode in [Mode::Normal, Mode::Destroy, Mode::RefreshOnly] {
        let options = Options {
            mode,
            ..Options::default()
        };
        desk.plan(&without_key, options).refused(&[gone]);
    }
    // Neither without a look at the objects, nor when the resource is gone as a whole.
    let options = Options {
        refresh: false,
        ..Options::default()
    };
    desk.plan(&without_key, options).refused(&[gone]);
    let (provider, _) = without_key.split_once("resource").expect("there is one");
    plan(&desk, provider).refused(&[gone]);
    // In two steps it can go.
    desk.apply(&zones(&["x", "y"], &["x"]))
        .changes(&["Delete fake_thing.a[\"y\"]"]);
    plan(&desk, &without_key).changes(&[]);
}

#[test]
fn a_resource_that_still_wants_the_key_is_told_so() {
    let mut desk = Desk::default();
    desk.apply(&zones(&["x", "y"], &["x", "y"]));
    plan(&desk, &zones(&["x"], &["x", "y"])).refused(&[&[
        "Invalid provider instance key",
        "no instance with the key \"y\"",
    ]]);
}

/// What is stored is brought to today's schema before it is let go of, which takes the provider.
#[test]
fn objects_are_forgotten_while_the_key_is_there() {
    let mut desk = Desk::default();
    desk.apply(&zones(&["x", "y"], &["x", "y"]));
    let forgetting = |keys: &[&str]| {
        let config = zones(keys, &[]);
        let (provider, _) = config.split_once("resource").expect("there is one");
        let removed =
            "removed {\n  from = fake_thing.a\n  lifecycle {\n    destroy = false\n  }\n}\n";
        plan(&desk, &format!("{provider}{removed}"))
    };
    let planned = forgetting(&["x", "y"]);
    let plan = planned.plan.as_ref().expect("a plan without errors");
    let actions: BTreeSet<_> = plan
        .changes
        .iter()
        .map(|c| c.action)
        .map(|a| format!("{a:?}"))
        .collect();
    assert_eq!((plan.errored, plan.changes.len()), (false, 2));
    assert_eq!(actions, BTreeSet::from(["Forget".to_owned()]));
    forgetting(&["x"]).refused(&[
        &["Provider instance not present", "fake_thing.a[\"y\"]"],
        &[
            "Some objects will no longer be managed",
            "fake_thing.a[\"x\"]",
        ],
    ]);
}
