//! Providers that fail, and providers that lie.

use muster_plan::Mode;
use muster_planner::Options;
use muster_run::Stop;
use muster_value::{Type, Value};

use crate::lab::Lab;
use crate::provider::{Fault, empty_thing, thing_type, with};

const CHAIN: &str = r#"
resource "fake_thing" "a" { name = "a" }
resource "fake_thing" "b" {
  name  = "b"
  input = [fake_thing.a.id]
}
resource "fake_thing" "c" {
  name  = "c"
  input = [fake_thing.b.id]
}
resource "fake_thing" "z" { name = "z" }
output "b" { value = fake_thing.b.id }
output "a" { value = fake_thing.a.name }
"#;

/// Applies [`CHAIN`] while the creation of `b` goes wrong.
fn check_create(fault: Fault, reported: &str, state: &str, next: &str) {
    let mut lab = Lab::default();
    lab.fault("create b", fault);
    let found = lab.try_apply(CHAIN, Options::default());
    assert_eq!(found, [format!("fake_thing.b: {reported}")]);
    lab.check_state(state);
    lab.heal();
    lab.check(CHAIN, next);
    lab.apply(CHAIN);
    lab.check(CHAIN, "");
    assert_eq!(lab.world().objects.len(), 4);
}

const WITHOUT_B: &str = "fake_thing.a a\nfake_thing.z z";
const NEXT: &str = "Create fake_thing.b\nCreate fake_thing.c\nCreate output b";
const TAINTED: &str = "fake_thing.a a\nfake_thing.b b tainted\nfake_thing.z z";
const REPLACE: &str =
    "DeleteThenCreate fake_thing.b replace_because_tainted\nCreate fake_thing.c\nCreate output b";

#[test]
fn a_failed_creation_leaves_what_there_is() {
    check_create(Fault::Refuse, "Told to fail", WITHOUT_B, NEXT);
    check_create(Fault::Crash, "Plugin did not respond", WITHOUT_B, NEXT);
    check_create(Fault::Half, "Told to fail", TAINTED, REPLACE);
}

const INCONSISTENT: &str = "Provider produced inconsistent result after apply";

#[test]
fn a_false_result_is_told_and_kept() {
    let lie: fn(Value) -> Value = |v| with(&v, "size", Value::int(9));
    check_create(
        Fault::Lie(lie),
        INCONSISTENT,
        &TAINTED.replace(" b ", " b 9 "),
        REPLACE_DRIFT,
    );
    let lie: fn(Value) -> Value = |v| with(&v, "tags", Value::unknown(Type::map(Type::String)));
    check_create(Fault::Lie(lie), INCONSISTENT, TAINTED, REPLACE);
}

const REPLACE_DRIFT: &str = "drift Update fake_thing.b
DeleteThenCreate fake_thing.b replace_because_tainted
Create fake_thing.c
Create output b";

#[test]
fn a_false_plan_is_refused() {
    let lies: [fn(Value) -> Value; 3] = [
        |v| with(&v, "size", Value::int(9)),
        |v| with(&v, "name", Value::unknown(Type::String)),
        |_| Value::Null(thing_type()),
    ];
    for lie in lies {
        let lab = Lab::default();
        lab.fault("plan b", Fault::Lie(lie));
        lab.check_refused(
            CHAIN,
            Options::default(),
            "fake_thing.b: Provider produced invalid plan",
        );
    }
}

#[test]
fn a_plan_that_changes_its_mind_is_refused() {
    let mut lab = Lab::default();
    let config = CHAIN.replace("name  = \"b\"\n", "name = \"b\"\n size = 1\n");
    let plan = lab.plan(&config);
    lab.fault(
        "plan b",
        Fault::Lie(|v| with(&v, "id", Value::string("known"))),
    );
    let found = lab.carry_out(&config, plan);
    // An id that became known is what the plan promised; the provider then gives another one.
    assert_eq!(found, [format!("fake_thing.b: {INCONSISTENT}")]);
    let mut lab = Lab::default();
    let plan = lab.plan(&config);
    lab.fault("plan b", Fault::Lie(|v| with(&v, "size", Value::int(2))));
    let found = lab.carry_out(&config, plan);
    assert_eq!(found, ["fake_thing.b: Provider produced invalid plan"]);
    lab.check_state(WITHOUT_B);
}

#[test]
fn an_object_must_be_gone_when_destroyed() {
    let mut lab = Lab::default();
    lab.apply(CHAIN);
    let lie: fn(Value) -> Value = |_| with(&empty_thing(), "id", Value::string("still"));
    lab.fault("delete b", Fault::Lie(lie));
    let without = "resource \"fake_thing\" \"a\" { name = \"a\" }";
    let found = lab.try_apply(without, Options::default());
    assert_eq!(found, [format!("fake_thing.b: {INCONSISTENT}")]);
    lab.check_state("fake_thing.a a\nfake_thing.b -");
}

#[test]
fn a_failed_update_keeps_the_object() {
    let mut lab = Lab::default();
    let sized =
        |n: u32| format!("resource \"fake_thing\" \"a\" {{\n name = \"a\"\n size = {n}\n}}");
    lab.apply(&sized(1));
    for (fault, state) in [
        (Fault::Refuse, "1"),
        (Fault::Crash, "1"),
        (Fault::Half, "2"),
    ] {
        lab.fault("update a", fault);
        let found = lab.try_apply(&sized(2), Options::default());
        assert_eq!(found.len(), 1);
        lab.check_state(&format!("fake_thing.a a {state}"));
    }
    lab.heal();
    lab.check(&sized(2), "");
}

#[test]
fn a_failed_destroy_stops_what_waits_for_it() {
    let mut lab = Lab::default();
    lab.apply(CHAIN);
    lab.fault("delete b", Fault::Refuse);
    let found = lab.try_apply("", Options::default());
    assert_eq!(found, ["fake_thing.b: Told to fail"]);
    lab.check_state("fake_thing.a a\nfake_thing.b b");
    lab.heal();
    lab.apply("");
    lab.check_state("");
}

/// Nothing is left of a run that was stopped during its last call but to look at what was done.
#[test]
fn a_stop_during_the_last_call_cancels_nothing() {
    let config = r#"
        resource "fake_thing" "a" { name = "a" }
        check "named" {
          assert {
            condition     = fake_thing.a.id != ""
            error_message = "It has no id."
          }
        }
        output "id" {
          value = fake_thing.a.id
          precondition {
            condition     = fake_thing.a.id != ""
            error_message = "It has no id."
          }
        }
    "#;
    let mut lab = Lab::default();
    let plan = lab.plan_with(config, Options::default()).plan.unwrap();
    lab.world().stop_at = Some(("create a", Stop::default()));
    assert_eq!(lab.carry_out(config, plan), [""; 0]);
    assert!(lab.state.outputs.contains_key("id"));

    // Nor has a destroy anything left.
    let destroy = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    lab.world().stop_at = None;
    let plan = lab.plan_with(config, destroy).plan.unwrap();
    lab.world().stop_at = Some(("delete a", Stop::default()));
    assert_eq!(lab.carry_out(config, plan), [""; 0]);
    assert!(lab.state.is_empty());
}
