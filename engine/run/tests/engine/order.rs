//! What waits for what.

use muster_plan::Mode;
use muster_planner::Options;

use crate::lab::Lab;
use crate::provider::Fault;

const CHAIN: &str = r#"
resource "fake_thing" "a" { name = "a" }
resource "fake_thing" "b" {
  name  = "b"
  input = [fake_thing.a.id]
}
resource "fake_thing" "c" {
  name       = "c"
  depends_on = [fake_thing.b]
}
"#;

#[test]
fn destroys_go_backwards() {
    let mut lab = Lab::default();
    lab.apply(CHAIN);
    lab.check_calls("create a\ncreate b\ncreate c");
    let destroy = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    let mut same = lab.plan_with(CHAIN, destroy).plan.unwrap();
    assert_eq!(same.counts().destroy, 3);
    same.prior = lab.state.clone();
    lab.take_calls();
    lab.carry_out(CHAIN, same);
    lab.check_calls("delete c\ndelete b\ndelete a");
    lab.check_state("");
    // The same when there is no configuration to tell the order.
    lab.apply(CHAIN);
    lab.apply("");
    lab.check_calls("delete c\ndelete b\ndelete a");
}

#[test]
fn what_is_destroyed_is_let_go_of_first() {
    let mut lab = Lab::default();
    lab.apply(
        r#"resource "fake_thing" "a" { name = "a" }
        resource "fake_thing" "b" {
            name  = "b"
            input = [fake_thing.a.id]
        }"#,
    );
    lab.apply("resource \"fake_thing\" \"b\" { name = \"b\" }");
    lab.check_calls("update b\ndelete a");
}

#[test]
fn a_replacement_is_made_where_dependents_wait_for_it() {
    let mut lab = Lab::default();
    lab.apply(CHAIN);
    lab.apply(&CHAIN.replace("name = \"a\"", "name = \"A\""));
    lab.check_calls("delete a\ncreate A\nupdate b");
}

/// `b` needs `a`; the names are as given, and `b` has its replacement made first.
fn first(a: &str, b: &str) -> String {
    format!(
        r#"resource "fake_thing" "a" {{ name = "{a}" }}
        resource "fake_thing" "b" {{
            name  = "{b}"
            input = [fake_thing.a.id]
            lifecycle {{ create_before_destroy = true }}
        }}"#
    )
}

#[test]
fn create_before_destroy_spreads_to_what_is_needed() {
    let mut lab = Lab::default();
    lab.apply(&first("a", "b"));
    lab.check(
        &first("A", "B"),
        "CreateThenDelete fake_thing.a replace_because_cannot_update .name
         CreateThenDelete fake_thing.b replace_because_cannot_update .name",
    );
    lab.apply(&first("A", "B"));
    lab.check_calls("create A\ncreate B\ndelete b\ndelete a");
    lab.check_state("fake_thing.a A\nfake_thing.b B");
    // Only the one below: its dependent moves over before the old one goes.
    lab.apply(&first("a2", "B"));
    lab.check_calls("create a2\nupdate B\ndelete A");
}

#[test]
fn what_could_not_be_destroyed_is_destroyed_in_the_next_run() {
    let mut lab = Lab::default();
    lab.apply(&first("a", "b"));
    lab.fault("delete b", Fault::Refuse);
    let found = lab.try_apply(&first("a", "B"), Options::default());
    assert_eq!(found, ["fake_thing.b: Told to fail"]);
    lab.check_state(
        "fake_thing.a a
         fake_thing.b B
         fake_thing.b b deposed",
    );
    lab.heal();
    lab.check(&first("a", "B"), "Delete fake_thing.b deposed");
    lab.apply(&first("a", "B"));
    lab.check_calls("delete b");
    lab.check_state("fake_thing.a a\nfake_thing.b B");
    lab.check(&first("a", "B"), "");
}

#[test]
fn what_was_set_aside_is_put_back() {
    let mut lab = Lab::default();
    lab.apply(&first("a", "b"));
    lab.fault("create B", Fault::Refuse);
    let found = lab.try_apply(&first("a", "B"), Options::default());
    assert_eq!(found.len(), 1, "{found:?}");
    lab.check_state("fake_thing.a a\nfake_thing.b b");
    lab.fault("create B", Fault::Half);
    lab.try_apply(&first("a", "B"), Options::default());
    lab.check_state(
        "fake_thing.a a
         fake_thing.b B tainted
         fake_thing.b b deposed",
    );
    lab.heal();
    lab.check(
        &first("a", "B"),
        "CreateThenDelete fake_thing.b replace_because_tainted
         Delete fake_thing.b deposed",
    );
    lab.apply(&first("a", "B"));
    lab.check_state("fake_thing.a a\nfake_thing.b B");
    assert_eq!(lab.world().objects.len(), 2);
}

#[test]
fn what_was_set_aside_stays_so_where_the_new_object_may_be_there() {
    let mut lab = Lab::default();
    lab.apply(&first("a", "b"));
    lab.fault("create B", Fault::Crash);
    let found = lab.try_apply(&first("a", "B"), Options::default());
    assert_eq!(found.len(), 1, "{found:?}");
    lab.check_state("fake_thing.a a\nfake_thing.b b deposed");
    lab.heal();
    lab.apply(&first("a", "B"));
    lab.check_state("fake_thing.a a\nfake_thing.b B");
    assert_eq!(lab.world().objects.len(), 2);
}

#[test]
fn a_data_source_waits_for_what_it_names() {
    let mut lab = Lab::default();
    let looking = |size: u32| {
        format!(
            r#"resource "fake_thing" "a" {{
                name = "a"
                size = {size}
            }}
            data "fake_look" "l" {{
                name  = fake_thing.a.name
            }}
            resource "fake_thing" "b" {{
                name  = "b"
                input = [data.fake_look.l.found]
            }}"#
        )
    };
    lab.check(
        &looking(1),
        "Create fake_thing.a
         Create fake_thing.b
         Read data.fake_look.l read_because_dependency_pending",
    );
    lab.take_calls();
    lab.apply(&looking(1));
    lab.check_calls("create a\nlook a\ncreate b");
    lab.check(&looking(1), "");
    lab.check_calls("look a");
    let depends = |size: u32| {
        looking(size).replace(
            "name  = fake_thing.a.name",
            "name = \"a\"\ndepends_on = [fake_thing.a]",
        )
    };
    lab.check(&depends(1), "");
    let run = lab.plan(&depends(2));
    assert!(
        run.changes
            .iter()
            .any(|c| c.addr.to_string() == "data.fake_look.l")
    );
}

#[test]
fn a_provider_waits_for_what_configures_it() {
    let mut lab = Lab::default();
    let config = |name: &str, count: u32| {
        format!(
            r#"resource "fake_thing" "base" {{ name = "{name}" }}
            provider "fake" {{
                alias  = "second"
                region = fake_thing.base.id
            }}
            resource "fake_thing" "a" {{
                count    = {count}
                name     = "a${{count.index}}"
                provider = fake.second
            }}
            resource "fake_thing" "user" {{
                name  = "user"
                input = fake_thing.a[*].id
            }}"#
        )
    };
    lab.apply(&config("base", 2));
    let calls = lab.take_calls();
    let at = |what: &str| calls.iter().position(|c| c.starts_with(what));
    assert!(at("configure base#1") > at("create base"), "{calls:?}");
    assert!(at("create a0") > at("configure base#1"), "{calls:?}");
    // The base gives way to a new one, one of its users goes and another one changes.
    lab.apply(&config("BASE", 1));
    let calls = lab.take_calls();
    let at = |what: &str| calls.iter().position(|c| c.starts_with(what));
    assert!(
        at("delete a1").is_some() && at("delete a1") < at("delete base"),
        "{calls:?}"
    );
    lab.check_refused("", Options::default(), "Provider configuration not present");
    lab.apply("provider \"fake\" { alias = \"second\" }");
    lab.check_state("");
}

#[test]
fn cycles_are_told() {
    let lab = Lab::default();
    lab.check_refused(
        r#"resource "fake_thing" "a" { name = fake_thing.b.name }
        resource "fake_thing" "b" { name = fake_thing.a.name }"#,
        Options::default(),
        "Cycle: fake_thing.a, fake_thing.b",
    );
}

#[test]
fn instances_must_be_known() {
    let lab = Lab::default();
    lab.check_refused(
        r#"resource "fake_thing" "a" { name = "a" }
        resource "fake_thing" "b" {
            for_each = toset([fake_thing.a.id])
            name     = each.key
        }"#,
        Options::default(),
        "Invalid for_each argument",
    );
}

#[test]
fn nothing_refers_to_itself() {
    let lab = Lab::default();
    lab.check_refused(
        "resource \"fake_thing\" \"a\" {\n name = fake_thing.a.id\n}",
        Options::default(),
        "Self-referential block",
    );
}

/// Two of `fake_thing.a`, of which `b` names one.
fn named(first: bool, size: [u32; 3]) -> String {
    let [x, y, b] = size;
    format!(
        r#"resource "fake_thing" "a" {{
            for_each = {{ x = {x}, y = {y} }}
            name     = each.key
            size     = each.value
        }}
        locals {{ id = fake_thing.a["x"].id }}
        resource "fake_thing" "b" {{
            name  = "b"
            size  = {b}
            input = [local.id]
            lifecycle {{ create_before_destroy = {first} }}
        }}"#
    )
}

#[test]
fn states_remember_which_instances_have_their_replacement_first() {
    let mut lab = Lab::default();
    let mut check = |first: bool, size: [u32; 3], expect: &str| {
        lab.apply(&named(first, size));
        let marked = ["fake_thing.a[\"x\"]", "fake_thing.a[\"y\"]", "fake_thing.b"]
            .into_iter()
            .filter(|addr| {
                let object = lab.state.current(&addr.parse().unwrap()).unwrap();
                object.create_before_destroy
            });
        let marked: Vec<&str> = marked.collect();
        assert_eq!(marked.join(" "), expect, "{first} {size:?}");
    };
    // What changes is marked when something that changes too refers to it.
    check(true, [1, 1, 1], "fake_thing.a[\"x\"] fake_thing.b");
    // What stays as it is is marked with its whole resource.
    check(
        true,
        [1, 1, 2],
        "fake_thing.a[\"x\"] fake_thing.a[\"y\"] fake_thing.b",
    );
    check(true, [2, 2, 3], "fake_thing.a[\"x\"] fake_thing.b");
    // The named one does not change, and so stands for both.
    check(
        true,
        [2, 3, 4],
        "fake_thing.a[\"x\"] fake_thing.a[\"y\"] fake_thing.b",
    );
    check(false, [2, 3, 4], "");
}

/// A resource may be given another provider while the block of the one it had is taken out.
#[test]
fn objects_of_a_provider_that_is_no_more_are_handed_over() {
    let config = |provider: &str, count: u32| {
        format!(
            r#"provider "fake" {{ alias = "{provider}" }}
            resource "fake_thing" "a" {{
                count    = {count}
                name     = "a${{count.index}}"
                provider = fake.{provider}
            }}"#
        )
    };
    let mut lab = Lab::default();
    lab.apply(&config("old", 2));
    lab.apply(&config("new", 1));
    lab.check_state("fake_thing.a[0] a0");
    let destroy = Options {
        mode: Mode::Destroy,
        ..Options::default()
    };
    assert_eq!(lab.try_apply(&config("newer", 1), destroy), [""; 0]);
    lab.check_state("");
}
