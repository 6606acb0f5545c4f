//! Ephemeral resources and write-only attributes.

use muster_plan::{Event, Operation};
use muster_planner::Options;
use muster_run::Stop;
use muster_value::{Type, Value};

use crate::lab::{Lab, same};
use crate::provider::{Fault, with};

const USED: &str = r#"
ephemeral "fake_key" "k" { name = "k" }
locals { token = ephemeral.fake_key.k.token }
resource "fake_thing" "a" {
  name = "a"
  hush = local.token
}
resource "fake_thing" "b" {
  name  = "b"
  input = [fake_thing.a.id]
}
"#;

/// The calls of a plan and of its apply.
fn check_calls(config: &str, plan: &str, apply: &str) {
    let mut lab = Lab::default();
    let planned = lab.plan(config);
    same(&sorted(lab.take_calls()), plan);
    assert_eq!(lab.carry_out(config, planned), Vec::<String>::new());
    lab.check_calls(apply);
    assert!(lab.world().open.is_empty());
}

/// Calls of a plan come in any order; how often a provider is configured does not matter.
fn sorted(mut calls: Vec<String>) -> Vec<String> {
    calls.retain(|call| !call.starts_with("configure"));
    calls
}

#[test]
fn a_key_is_open_while_it_is_used() {
    check_calls(
        USED,
        "open k\nclose k",
        "open k\ncreate a\nclose k\ncreate b",
    );
}

#[test]
fn an_unused_key_is_opened_all_the_same() {
    let unused = "ephemeral \"fake_key\" \"k\" { name = \"k\" }";
    check_calls(unused, "open k\nclose k", "open k\nclose k");
}

#[test]
fn nothing_of_a_key_is_stored() {
    let mut lab = Lab::default();
    let plan = lab.plan(USED);
    assert!(!format!("{plan:?}").contains("secret of k"));
    lab.carry_out(USED, plan);
    assert_eq!(lab.world().hushed["a"], "secret of k");
    assert!(!format!("{:?}", lab.state).contains("secret of k"));
    lab.check(USED, "");
}

#[test]
fn what_is_not_known_yet_is_opened_later() {
    let config = r#"
        resource "fake_thing" "a" { name = "a" }
        ephemeral "fake_key" "k" {
          name  = "k"
          input = [fake_thing.a.id]
        }
        resource "fake_thing" "b" {
          name = "b"
          hush = ephemeral.fake_key.k.token
        }
    "#;
    check_calls(config, "", "create a\nopen k\ncreate b\nclose k");
    let lab = Lab::default();
    lab.plan(config);
    let events = lab.take_events();
    let deferred = |e: &Event| matches!(e, Event::Deferred { .. });
    assert!(events.iter().any(deferred));
}

#[test]
fn a_key_that_needs_another_is_closed_first() {
    let config = r#"
        ephemeral "fake_key" "outer" { name = "outer" }
        ephemeral "fake_key" "inner" {
          name = "inner"
          input = [ephemeral.fake_key.outer.token]
        }
        resource "fake_thing" "a" {
          name = "a"
          hush = ephemeral.fake_key.inner.token
        }
    "#;
    check_calls(
        config,
        "open outer\nopen inner\nclose inner\nclose outer",
        "open outer\nopen inner\ncreate a\nclose inner\nclose outer",
    );
}

const PROVIDER: &str = r#"
ephemeral "fake_key" "k" { name = "k" }
provider "fake" {
  alias  = "inner"
  region = ephemeral.fake_key.k.token
}
"#;

#[test]
fn a_key_of_a_provider_is_open_while_the_provider_is_used() {
    let with_thing = format!(
        "{PROVIDER}\nresource \"fake_thing\" \"a\" {{\n name = \"a\"\n provider = fake.inner\n}}"
    );
    check_calls(&with_thing, "open k\nclose k", "open k\ncreate a\nclose k");
    // Objects that only the state has use the provider, too.
    let mut lab = Lab::default();
    lab.apply(&with_thing);
    lab.take_calls();
    let plan = lab.plan(PROVIDER);
    same(&sorted(lab.take_calls()), "open k\nclose k");
    lab.carry_out(PROVIDER, plan);
    lab.check_calls("open k\ndelete a\nclose k");
}

#[test]
fn a_destroy_opens_what_providers_need() {
    let config = format!(
        "{PROVIDER}\n{USED}\nresource \"fake_thing\" \"c\" {{\n name = \"c\"\n provider = fake.inner\n}}"
    )
    .replace("\"k\" { name = \"k\" }\nlocals", "\"l\" { name = \"l\" }\nlocals")
    .replace("token = ephemeral.fake_key.k", "token = ephemeral.fake_key.l");
    let mut lab = Lab::default();
    lab.apply(&config);
    lab.take_calls();
    let options = || Options {
        mode: muster_plan::Mode::Destroy,
        ..Options::default()
    };
    let plan = lab.plan_with(&config, options()).plan.unwrap();
    same(&sorted(lab.take_calls()), "open k\nclose k");
    lab.carry_out(&config, plan);
    let calls = sorted(lab.take_calls());
    assert!(calls.contains(&"delete c".to_owned()) && lab.world().open.is_empty());
    assert_eq!(calls.iter().filter(|c| c.ends_with(" k")).count(), 2);
    assert_eq!(calls.iter().filter(|c| c.ends_with(" l")).count(), 0);
}

#[test]
fn every_key_is_closed_whatever_fails() {
    let check = |call: &str, fault: Fault, reported: &str, calls: &str| {
        let mut lab = Lab::default();
        let plan = lab.plan(USED);
        lab.take_calls();
        lab.fault(call, fault);
        assert_eq!(lab.carry_out(USED, plan), [reported]);
        lab.check_calls(calls);
        assert!(lab.world().open.is_empty());
    };
    let thing = "fake_thing.a: Told to fail";
    check(
        "create a",
        Fault::Refuse,
        thing,
        "open k\ncreate a\nclose k",
    );
    let key = "ephemeral.fake_key.k: Told to fail";
    check("open k", Fault::Refuse, key, "open k");
    let crashed = "ephemeral.fake_key.k: Plugin did not respond";
    check("open k", Fault::Crash, crashed, "open k");
    check(
        "close k",
        Fault::Refuse,
        key,
        "open k\ncreate a\nclose k\ncreate b",
    );
    let unknown: fn(Value) -> Value = |v| with(&v, "token", Value::unknown(Type::String));
    let invalid = "ephemeral.fake_key.k: Provider produced invalid object";
    check("open k", Fault::Lie(unknown), invalid, "open k\nclose k");
}

#[test]
fn every_key_is_closed_when_planning_fails() {
    let check = |call: &str, fault: Fault, reported: &str, calls: &str| {
        let lab = Lab::default();
        lab.fault(call, fault);
        lab.check_refused(USED, Options::default(), reported);
        lab.check_calls(calls);
        assert!(lab.world().open.is_empty());
    };
    let key = "ephemeral.fake_key.k: Told to fail";
    check("open k", Fault::Refuse, key, "open k");
    check("close k", Fault::Refuse, key, "open k\nclose k");
    check(
        "plan a",
        Fault::Refuse,
        "fake_thing.a: Told to fail",
        "open k\nclose k",
    );
    let lab = Lab::default();
    let config = USED.replace(
        "{ name = \"k\" }",
        r#"{
          name = "k"
          lifecycle {
            postcondition {
              condition     = self.name != "k"
              error_message = "no"
            }
          }
        }"#,
    );
    lab.check_refused(&config, Options::default(), "Resource postcondition failed");
    lab.check_calls("open k\nclose k");
}

#[test]
fn every_key_is_closed_when_the_run_is_stopped() {
    let config = r#"
        ephemeral "fake_key" "outer" { name = "outer" }
        ephemeral "fake_key" "inner" {
          name  = "inner"
          input = [ephemeral.fake_key.outer.token]
        }
        resource "fake_thing" "a" {
          name = "a"
          hush = ephemeral.fake_key.inner.token
        }
        resource "fake_thing" "b" {
          name  = "b"
          hush  = ephemeral.fake_key.inner.token
          input = [fake_thing.a.id]
        }
    "#;
    let mut lab = Lab::default();
    let plan = lab.plan(config);
    lab.take_calls();
    lab.world().stop_at = Some(("create a", Stop::default()));
    let found = lab.carry_out(config, plan);
    assert_eq!(found, ["Apply canceled"]);
    lab.check_calls("open outer\nopen inner\ncreate a\nclose inner\nclose outer");
    lab.check_state("fake_thing.a a");
    // A plan is given up on in the same way.
    let lab = Lab::default();
    lab.world().stop_at = Some(("open inner", Stop::default()));
    let run = lab.plan_with(config, Options::default());
    assert!(run.plan.is_some_and(|plan| plan.errored));
    lab.check_calls("open outer\nopen inner\nclose inner\nclose outer");
}

#[test]
fn what_cannot_be_opened_before_what_it_needs_is_made_is_opened_later() {
    let config = r#"
        resource "fake_thing" "first" { name = "first" }
        ephemeral "fake_key" "k" {
          name       = "k"
          depends_on = [fake_thing.first]
        }
        resource "fake_thing" "a" {
          name = "a"
          hush = ephemeral.fake_key.k.token
        }
    "#;
    let mut lab = Lab::default();
    lab.fault("open k", Fault::Refuse);
    let plan = lab.plan(config);
    lab.take_calls();
    lab.heal();
    lab.carry_out(config, plan);
    lab.check_calls("create first\nopen k\ncreate a\nclose k");
}

#[test]
fn a_key_is_renewed_while_it_is_used() {
    let config = USED.replace("{ name = \"k\" }", "{\n name = \"k\"\n lasts = 0\n}");
    let mut lab = Lab::default();
    let plan = lab.plan(&config);
    lab.take_calls();
    lab.take_events();
    lab.world().slow = true;
    lab.carry_out(&config, plan);
    lab.check_calls("open k\nrenew k\ncreate a\nclose k\ncreate b");
    let events = lab.take_events();
    let renewed = |e: &Event| {
        matches!(
            e,
            Event::Finished {
                operation: Operation::Renew,
                ..
            }
        )
    };
    assert_eq!(events.iter().filter(|e| renewed(e)).count(), 1);
}

#[test]
fn a_renewal_that_fails_is_worth_a_warning() {
    let config = USED.replace("{ name = \"k\" }", "{\n name = \"k\"\n lasts = 0\n}");
    let mut lab = Lab::default();
    let plan = lab.plan(&config);
    lab.take_calls();
    lab.world().slow = true;
    lab.fault("renew k", Fault::Refuse);
    let found = lab.carry_out(&config, plan);
    assert_eq!(found, ["ephemeral.fake_key.k: Told to fail"]);
    lab.check_calls("open k\nrenew k\ncreate a\nclose k\ncreate b");
    lab.check_state("fake_thing.a a\nfake_thing.b b");
}

#[test]
fn instances_have_keys_of_their_own() {
    let config = r#"
        ephemeral "fake_key" "k" {
          count = 2
          name  = "k${count.index}"
        }
        resource "fake_thing" "a" {
          count = 2
          name  = "a${count.index}"
          hush  = ephemeral.fake_key.k[count.index].token
        }
    "#;
    let mut lab = Lab::default();
    lab.apply(config);
    assert_eq!(lab.world().hushed["a1"], "secret of k1");
    assert!(lab.world().open.is_empty());
}

#[test]
fn ephemeral_values_are_taken_only_where_nothing_is_stored() {
    let check = |rest: &str, expect: &str| {
        let lab = Lab::default();
        let config = format!("ephemeral \"fake_key\" \"k\" {{ name = \"k\" }}\n{rest}");
        lab.check_refused(&config, Options::default(), expect);
        assert!(lab.world().open.is_empty());
    };
    check(
        "resource \"fake_thing\" \"a\" { name = ephemeral.fake_key.k.token }",
        "fake_thing.a: Invalid use of ephemeral value",
    );
    check(
        "resource \"fake_thing\" \"a\" { count = length(ephemeral.fake_key.k.token) }",
        "Invalid count argument",
    );
    check(
        "output \"o\" { value = ephemeral.fake_key.k.token }",
        "Ephemeral value not allowed",
    );
    check(
        "module \"m\" { source = \"./m\" }\n-- m/main.tf --\noutput \"o\" {\n  value = 1\n  ephemeral = true\n}",
        "Value not allowed in ephemeral output",
    );
}
