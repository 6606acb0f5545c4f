//! Destroying what data sources look at, and what is in other hands by now: nothing that the state
//! has may be left over without a word.

use muster_plan::Mode;
use muster_planner::Options;

use crate::desk::{Desk, Planned};

const LOOK: &str = r#"
data "fake_look" "l" {
  name = fake_thing.a.name
}
"#;

fn destroy(desk: &Desk, config: &str) -> Planned {
    let options = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    desk.plan(config, options)
}

fn check_refused(desk: &Desk, config: &str, words: &[&str]) {
    let planned = destroy(desk, config);
    planned.refused(&[words]);
    assert_eq!(planned.errors, 1, "{:?}", planned.diags);
}

#[test]
fn an_object_that_cannot_go_is_an_error() {
    let config = format!("resource \"fake_thing\" \"a\" {{\n  name = \"x\"\n}}\n{LOOK}");
    let mut desk = Desk::default();
    desk.apply(&config);
    destroy(&desk, &config).changes(&["Delete fake_thing.a"]);
    desk.store_newer("fake_thing.a");
    let summary = "Resource instance managed by newer provider version";
    check_refused(&desk, &config, &[summary]);
}

#[test]
fn so_is_one_whose_provider_is_gone() {
    let config = |keys: &[&str], used: &str| {
        format!(
            r#"
provider "fake" {{
  alias    = "in"
  for_each = toset({keys:?})
}}
resource "fake_thing" "a" {{
  provider = fake.in["{used}"]
  name     = "x"
}}
{LOOK}"#
        )
    };
    let mut desk = Desk::default();
    desk.apply(&config(&["x", "y"], "x"));
    let gone = ["Provider instance not present", "fake_thing.a", "in[\"x\"]"];
    check_refused(&desk, &config(&["y"], "y"), &gone);
}

/// Things of one provider or of another; `zone` is an expression for the first one.
fn hands(provider: &str, count: usize, zone: &str) -> String {
    format!(
        r#"
resource "fake_thing" "p" {{
  name = "x"
}}
provider "fake" {{
  alias = "old"
  zone  = {zone}
}}
provider "fake" {{
  alias = "new"
}}
resource "fake_thing" "a" {{
  provider = fake.{provider}
  count    = {count}
  name     = "a"
}}
data "fake_look" "l" {{
  name = fake_thing.a[0].name
}}
"#
    )
}

/// What the first provider may need, until it has nothing to manage: nothing, another object, or
/// even what it has managed itself.
const ZONES: [&str; 3] = ["\"x\"", "fake_thing.p.name", "fake_thing.a[0].name"];

fn in_old_hands() -> Desk {
    let mut desk = Desk::default();
    desk.apply(&hands("old", 2, "fake_thing.p.name"));
    desk
}

#[test]
fn objects_are_destroyed_by_the_provider_that_made_them() {
    let desk = in_old_hands();
    let all = [
        "Delete fake_thing.a[0]",
        "Delete fake_thing.a[1]",
        "Delete fake_thing.p",
    ];
    for zone in ZONES {
        let planned = destroy(&desk, &hands("new", 2, zone));
        let plan = planned.changes(&all).plan.as_ref().unwrap();
        let by_old = plan.changes.iter().filter(|c| {
            let alias = c.provider.alias.as_deref();
            alias == Some("old")
        });
        assert_eq!(by_old.count(), 2, "{zone}");
    }
}

#[test]
fn what_is_left_over_goes_by_the_provider_that_made_it() {
    let desk = in_old_hands();
    for zone in ZONES {
        desk.plan(&hands("new", 1, zone), Options::default())
            .changes(&["Delete fake_thing.a[1]", "Read data.fake_look.l"]);
    }
}

#[test]
fn a_limited_plan_says_that_it_has_not_the_provider() {
    let config = hands("new", 1, "fake_thing.p.name");
    let options = Options {
        targets: vec!["fake_thing.a".parse().unwrap()],
        ..Options::default()
    };
    in_old_hands().plan(&config, options).refused(&[
        &["Provider configuration not present", "fake_thing.a[1]"],
        &["Resource targeting is in effect"],
    ]);
}
