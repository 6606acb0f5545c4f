//! What objects are known by: it is stored beside them, sent with every call, imported by, and what
//! an interrupted creation has made is found by it.

use muster_addr::InstanceAddr;
use muster_plan::{Action, Plan};
use muster_planner::Options;
use muster_provider::ImportBy;
use muster_snapshot::{Identity, JsonText};

use crate::lab::{Lab, lines, same};

fn thing(name: &str) -> String {
    sized(name, 1)
}

fn sized(name: &str, size: u32) -> String {
    format!("resource \"fake_thing\" \"a\" {{\n name = \"{name}\"\n size = {size}\n}}\n")
}

/// A world where objects have identities of a version.
fn identified(version: u64) -> Lab {
    let lab = Lab::default();
    lab.world().identified = Some(version);
    lab
}

fn addr() -> InstanceAddr {
    "fake_thing.a".parse().unwrap()
}

fn stored(lab: &Lab) -> Option<Identity> {
    lab.state.current(&addr()).unwrap().identity.clone()
}

/// An identity as it is stored.
fn known_as(version: u64, name: &str) -> Identity {
    Identity {
        schema_version: version,
        json: JsonText::parse(&format!("{{\"name\":{name:?},\"shelf\":\"top\"}}")).unwrap(),
    }
}

#[track_caller]
fn check_known(lab: &Lab, expect: &[&str]) {
    let found = std::mem::take(&mut lab.world().known_as);
    assert_eq!(found, expect);
}

#[test]
fn an_identity_is_stored_and_sent_back() {
    let mut lab = identified(3);
    lab.apply(&thing("x"));
    assert_eq!(stored(&lab), Some(known_as(3, "x")));
    check_known(&lab, &["apply x"]);
    lab.apply(&sized("x", 2));
    check_known(&lab, &["read x", "plan x", "plan x", "apply x"]);
    assert_eq!(stored(&lab), Some(known_as(3, "x")));
    // Another object is known by something else.
    lab.apply(&thing("y"));
    check_known(&lab, &["read x", "plan x", "apply x", "apply y"]);
    assert_eq!(stored(&lab), Some(known_as(3, "y")));
    lab.check(&thing("y"), "");
    lab.world().known_as.clear();
    lab.apply("");
    check_known(&lab, &["read y", "plan y", "apply y"]);
}

#[test]
fn an_object_from_before_gets_its_identity_when_it_is_read() {
    let mut lab = Lab::default();
    lab.apply(&thing("x"));
    assert_eq!(stored(&lab), None);
    lab.world().identified = Some(0);
    let plan = lab.plan(&thing("x"));
    same(&lines(&plan), "");
    lab.state = plan.prior;
    assert_eq!(stored(&lab), Some(known_as(0, "x")));
    check_known(&lab, &["plan x"]);
}

#[test]
fn a_provider_that_knows_nothing_of_identities_does_not_lose_them() {
    let mut lab = identified(1);
    lab.apply(&thing("x"));
    lab.world().identified = None;
    lab.apply(&sized("x", 5));
    assert_eq!(stored(&lab), Some(known_as(1, "x")));
}

#[test]
fn an_older_identity_is_brought_up_to_date() {
    let mut lab = identified(1);
    lab.apply(&thing("x"));
    let mut object = lab.state.current(&addr()).unwrap().clone();
    object.identity = Some(Identity {
        schema_version: 0,
        json: JsonText::parse("{\"title\":\"x\"}").unwrap(),
    });
    let provider = lab.state.resources[&addr().resource].provider.clone();
    lab.state.put(&addr(), &provider, object);
    lab.world().known_as.clear();
    lab.state = lab.plan(&thing("x")).prior;
    assert_eq!(stored(&lab), Some(known_as(1, "x")));
    check_known(&lab, &["read x", "plan x"]);
    lab.world().identified = Some(0);
    lab.check_refused(
        &thing("x"),
        Options::default(),
        "fake_thing.a: Resource instance managed by newer provider version",
    );
}

#[test]
fn another_identity_is_told() {
    let mut lab = identified(0);
    lab.apply(&thing("x"));
    let mut object = lab.state.current(&addr()).unwrap().clone();
    object.identity = Some(known_as(0, "y"));
    let provider = lab.state.resources[&addr().resource].provider.clone();
    lab.state.put(&addr(), &provider, object);
    let run = lab.plan_with(&thing("x"), Options::default());
    same(
        &run.diags,
        "fake_thing.a: Provider produced different identity",
    );
    lab.state = run.plan.unwrap().prior;
    assert_eq!(stored(&lab), Some(known_as(0, "x")));
}

fn import(attributes: &str) -> String {
    format!("import {{\n to = fake_thing.a\n identity = {attributes}\n}}\n")
}

/// A world with an object that no state knows of.
fn found() -> Lab {
    let mut lab = identified(0);
    lab.apply(&thing("x"));
    lab.state = muster_snapshot::Snapshot::default();
    lab.take_calls();
    lab
}

#[test]
fn an_object_is_imported_by_its_identity() {
    let mut lab = found();
    let config = thing("x") + &import("{ name = \"x\" }");
    let plan = lab.plan(&config);
    same(&lines(&plan), "");
    assert_eq!(plan.counts().import, 1);
    let by = plan.changes[0].importing.clone().unwrap();
    assert!(matches!(&by, ImportBy::Identity(_)));
    assert_eq!(by.to_string(), "the identity name=x");
    let again = Plan::decode(&plan.encode()).unwrap();
    assert_eq!(again.changes[0].importing, Some(by));
    lab.check_calls("identify x");
    lab.carry_out(&config, again);
    assert_eq!(stored(&lab), Some(known_as(0, "x")));
    lab.check_state("fake_thing.a x 1");
    assert_eq!(lab.plan(&config).counts().import, 0);
}

#[test]
fn imports_by_identity_are_repeated() {
    let lab = found();
    let config = "import {
  for_each = { k = \"x\" }
  to       = fake_thing.a[each.key]
  identity = { name = each.value, shelf = \"top\" }
}
resource \"fake_thing\" \"a\" {
  for_each = { k = \"x\" }
  name     = each.value
  size     = 7
}";
    let plan = lab.plan(config);
    same(&lines(&plan), "Update fake_thing.a[\"k\"]");
    assert_eq!(plan.changes[0].action, Action::Update);
    assert_eq!(plan.counts().import, 1);
}

#[test]
fn identities_that_cannot_be_are_refused() {
    let lab = found();
    lab.world().silent = true;
    let invalid = "Invalid import identity argument";
    for (attributes, expect, detail) in [
        ("{}", invalid, ".name: is required"),
        ("{ name = null }", invalid, ".name: is required"),
        ("{ name = \"x\", id = 1 }", invalid, ".id: is no attribute"),
        ("{ name = [] }", invalid, ".name:"),
        ("\"x\"", invalid, "an object"),
        ("null", invalid, "is null"),
        ("{ name = sensitive(\"x\") }", invalid, "sensitive"),
        ("{ name = fake_thing.b.id }", invalid, "known after apply"),
        (
            "{ name = \"nobody\" }",
            "fake_thing.a: Invalid import result",
            "exactly one object",
        ),
    ] {
        let other = "resource \"fake_thing\" \"b\" {\n name = \"b\"\n}\n";
        let config = thing("x") + other + &import(attributes);
        lab.check_refused(&config, Options::default(), expect);
        let details = lab.take_details();
        assert!(details.contains(detail), "{attributes}: {details}");
    }
    lab.world().identified = None;
    let config = thing("x") + &import("{ name = \"x\" }");
    lab.check_refused(&config, Options::default(), invalid);
    assert!(lab.take_details().contains("Import it by its id"));
}
