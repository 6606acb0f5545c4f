//! The order of steps.

use muster_planner::Options;

use crate::desk::Desk;

/// The steps of a plan for a configuration, joins left out.
fn check(config: &str, expect: &[&str]) {
    let planned = Desk::default().plan(config, Options::default());
    assert!(planned.diags.is_empty(), "{:?}", planned.diags);
    let text = planned.plan.expect("a plan without errors").to_text();
    let step = |line: &str| {
        let (_, step) = line.strip_prefix("step ")?.split_once(": ")?;
        let (step, _) = step.split_once(" after ").unwrap_or((step, ""));
        (step != "join").then(|| step.to_owned())
    };
    let steps: Vec<String> = text.lines().filter_map(step).collect();
    assert_eq!(steps, expect);
}

#[test]
fn steps_that_are_free_come_in_the_order_of_their_addresses() {
    check(
        r#"
resource "fake_thing" "z" {}
resource "fake_thing" "m" {
  count = 11
}
resource "fake_late" "b" {}
"#,
        &[
            "create fake_late.b",
            "create fake_thing.m[0]",
            "create fake_thing.m[1]",
            "create fake_thing.m[2]",
            "create fake_thing.m[3]",
            "create fake_thing.m[4]",
            "create fake_thing.m[5]",
            "create fake_thing.m[6]",
            "create fake_thing.m[7]",
            "create fake_thing.m[8]",
            "create fake_thing.m[9]",
            "create fake_thing.m[10]",
            "create fake_thing.z",
        ],
    );
}

/// However the configuration is written, and whatever kind of thing they are.
#[test]
fn steps_that_wait_for_the_same_come_in_the_order_of_their_addresses() {
    check(
        r#"
resource "fake_thing" "object" {
  for_each = toset(["x", "y"])
  name     = fake_late.bucket.id
}
resource "fake_thing" "configuration" {
  name = fake_late.bucket.id
}
resource "fake_thing" "after" {
  depends_on = [fake_thing.object]
}
resource "fake_late" "bucket" {}
"#,
        &[
            "create fake_late.bucket",
            "create fake_thing.configuration",
            "create fake_thing.object[\"x\"]",
            "create fake_thing.object[\"y\"]",
            "create fake_thing.after",
        ],
    );
}
