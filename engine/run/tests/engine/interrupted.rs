//! Creations whose answer never arrived: nothing is made twice, and nothing is lost.

use muster_addr::InstanceAddr;
use muster_plan::{Action, InFlight, Mode, Plan, digests, import_ids};
use muster_planner::Options;
use muster_snapshot::{Identity, JsonText};
use muster_value::Value;

use crate::lab::{Lab, lines, same};
use crate::provider::{Fault, with};

fn thing(name: &str) -> String {
    sized(name, 1)
}

fn sized(name: &str, size: u32) -> String {
    format!("resource \"fake_thing\" \"{name}\" {{\n name = \"{name}\"\n size = {size}\n}}\n")
}

/// A world where objects have their name for an id, and the state shows it.
fn named() -> Lab {
    let mut lab = Lab::default();
    lab.world().named = true;
    lab.apply(&thing("other"));
    lab
}

/// A world where creations have tokens.
fn with_tokens() -> Lab {
    let lab = Lab::default();
    lab.world().tokens = true;
    lab
}

impl Lab {
    /// Loses the answer to a creation.
    fn interrupt(&mut self, config: &str, name: &str, fault: Fault) {
        let call = format!("create {name}");
        self.fault(&call, fault);
        assert_eq!(self.try_apply(config, Options::default()).len(), 1);
        self.heal();
        self.take_calls();
    }

    /// What a journal has of a creation.
    fn record(&self, addr: &str, name: &str) -> InFlight {
        let (planned, private) = self.world().begun[name].clone();
        let resume = muster_plan::idempotency_token(&private).map(|_| private);
        let identity = self.world().identified.map(|schema_version| Identity {
            schema_version,
            json: JsonText::parse(&format!("{{\"name\":{name:?},\"shelf\":\"top\"}}")).unwrap(),
        });
        InFlight {
            addr: addr.parse().unwrap(),
            resume,
            identity,
            ids: import_ids("fake_thing", &planned),
            salt: "salt".into(),
            digests: digests("salt", &planned),
            since: "2024-01-01T00:00:00Z".into(),
        }
    }

    /// Plans with interrupted creations: what is reported, and what is planned.
    #[track_caller]
    fn check_plan(
        &self,
        config: &str,
        mode: Mode,
        records: &[InFlight],
        diags: &str,
        changes: &str,
    ) -> Plan {
        let options = Options {
            mode,
            in_flight: records.to_vec(),
            ..Options::default()
        };
        let run = self.plan_with(config, options);
        same(&run.diags, diags);
        let plan = run.plan.unwrap();
        same(&lines(&plan), changes);
        plan
    }
}

const ADOPTED: &str = "fake_thing.a: Object of an interrupted run adopted";
const UNRESOLVED: &str = "fake_thing.a: Interrupted creation of fake_thing.a is unresolved";

#[track_caller]
fn check_resolved(plan: &Plan, expect: &[&str]) {
    let found: Vec<String> = plan.resolved.iter().map(ToString::to_string).collect();
    assert_eq!(found, expect);
}

#[test]
fn a_creation_with_a_token_is_resumed() {
    for fault in [Fault::Lost, Fault::Crash] {
        let mut lab = with_tokens();
        lab.interrupt(&thing("a"), "a", fault);
        let record = lab.record("fake_thing.a", "a");
        let plan = lab.check_plan(
            &thing("a"),
            Mode::Normal,
            std::slice::from_ref(&record),
            "",
            "Create fake_thing.a",
        );
        assert!(plan.changes[0].resumes);
        assert_eq!(Some(&plan.changes[0].private), record.resume.as_ref());
        check_resolved(&plan, &[]);
        let plan = Plan::decode(&plan.encode()).unwrap();
        same(&lab.carry_out(&thing("a"), plan), "");
        lab.check_calls("create a");
        lab.check_state("fake_thing.a a 1");
        assert_eq!(lab.world().objects.len(), 1);
        lab.check(&thing("a"), "");
    }
}

#[test]
fn without_its_record_a_creation_is_made_twice() {
    let mut lab = with_tokens();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    lab.apply(&thing("a"));
    assert_eq!(lab.world().objects.len(), 2);
}

#[test]
fn what_was_planned_otherwise_is_not_resumed() {
    let mut lab = with_tokens();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    lab.check_plan(
        &sized("a", 2),
        Mode::Normal,
        std::slice::from_ref(&record),
        UNRESOLVED,
        "",
    );
    assert!(lab.take_details().contains("other values of size"));
    // Its id is found in time.
    let id = lab.world().objects.keys().next().unwrap().clone();
    let record = InFlight {
        ids: vec![("id".into(), id.into())],
        ..record
    };
    let plan = lab.check_plan(
        &sized("a", 2),
        Mode::Normal,
        &[record],
        ADOPTED,
        "Update fake_thing.a",
    );
    check_resolved(&plan, &["fake_thing.a"]);
    lab.carry_out(&sized("a", 2), plan);
    lab.check_calls("update a");
    lab.check_state("fake_thing.a a 2");
}

#[test]
fn a_provider_that_drops_the_token_is_not_trusted() {
    let mut lab = with_tokens();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let other = lab.record("fake_thing.a", "a");
    let record = InFlight {
        resume: Some((*b"{\"idempotency_token\":\"\"}").into()),
        ..other.clone()
    };
    lab.check_plan(&thing("a"), Mode::Normal, &[record], UNRESOLVED, "");
    let mut plan = lab.check_plan(
        &thing("a"),
        Mode::Normal,
        &[other],
        "",
        "Create fake_thing.a",
    );
    plan.changes[0].private = (*b"{\"idempotency_token\":\"\"}").into();
    same(
        &lab.carry_out(&thing("a"), plan),
        "fake_thing.a: Provider produced inconsistent final plan",
    );
    lab.check_calls("");
}

#[test]
fn a_replacement_is_resumed_as_well() {
    let config = |name: &str| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n name = \"{name}\"\n lifecycle {{\n create_before_destroy = true\n }}\n}}\n"
        )
    };
    let mut lab = with_tokens();
    lab.apply(&config("x"));
    let before = lab.state.clone();
    lab.interrupt(&config("y"), "y", Fault::Lost);
    let record = lab.record("fake_thing.a", "y");
    let records = [record.clone()];
    let change = "Create fake_thing.a\nDelete fake_thing.a deposed";
    let plan = lab.check_plan(&config("y"), Mode::Normal, &records, "", change);
    assert!(plan.changes[0].resumes && !plan.changes[1].resumes);
    // Nobody has recorded that the old object was set aside.
    lab.state = before;
    let change = "CreateThenDelete fake_thing.a replace_because_cannot_update .name";
    let plan = lab.check_plan(&config("y"), Mode::Normal, &records, "", change);
    assert!(plan.changes[0].resumes);
    let unknown = InFlight {
        resume: None,
        ..record.clone()
    };
    lab.check_plan(&config("y"), Mode::Normal, &[unknown], UNRESOLVED, "");
    // It stays as it is: the object of the interrupted creation does not get lost silently.
    lab.check_plan(&config("x"), Mode::Normal, &[record], UNRESOLVED, "");
    lab.carry_out(&config("y"), plan);
    lab.check_calls("create y\ndelete x");
    lab.check_state("fake_thing.a y");
    assert_eq!(lab.world().objects.len(), 1);
}

#[test]
fn an_object_is_found_by_its_import_id() {
    let mut lab = named();
    let config = thing("other") + &thing("a");
    lab.interrupt(&config, "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    let plan = lab.check_plan(&config, Mode::Normal, &[record], ADOPTED, "");
    assert_eq!(plan.counts().import, 0);
    check_resolved(&plan, &["fake_thing.a"]);
    lab.carry_out(&config, plan);
    lab.check_calls("");
    lab.check_state("fake_thing.a a 1\nfake_thing.other other 1");
    assert_eq!(lab.world().objects.len(), 2);
    lab.check(&config, "");
}

#[test]
fn what_an_adopted_object_lacks_is_added() {
    let mut lab = named();
    let config = thing("other") + &thing("a");
    lab.interrupt(&config, "a", Fault::Lost);
    let half = with(
        &lab.world().objects["a"],
        "size",
        Value::Null(muster_value::Type::Number),
    );
    lab.world().objects.insert("a".into(), half);
    let record = lab.record("fake_thing.a", "a");
    let plan = lab.check_plan(
        &config,
        Mode::Normal,
        &[record],
        ADOPTED,
        "Update fake_thing.a",
    );
    lab.carry_out(&config, plan);
    lab.check_calls("update a");
    lab.check_state("fake_thing.a a 1\nfake_thing.other other 1");
}

#[test]
fn what_was_not_made_is_made() {
    let mut lab = named();
    let config = thing("other") + &thing("a");
    lab.interrupt(&config, "a", Fault::Crash);
    let record = lab.record("fake_thing.a", "a");
    let plan = lab.check_plan(&config, Mode::Normal, &[record], "", "Create fake_thing.a");
    assert!(plan.changes.iter().all(|c| !c.resumes));
    check_resolved(&plan, &["fake_thing.a"]);
    lab.carry_out(&config, plan);
    lab.check_calls("create a");
    assert_eq!(lab.world().objects.len(), 2);
}

#[test]
fn a_name_that_is_no_id_proves_nothing() {
    // The object is there, under an id that only the provider knows.
    let mut lab = Lab::default();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    assert_eq!(record.ids, [("name".into(), "a".into())]);
    let records = [record.clone()];
    lab.check_plan(&thing("a"), Mode::Normal, &records, UNRESOLVED, "");
    let details = lab.take_details();
    for expect in [
        "begun at 2024-01-01T00:00:00Z",
        "could make it twice",
        "by the import id \"a\" (its name): there is no such object",
        "`muster recover fake_thing.a ID`",
        "`muster recover -absent fake_thing.a`",
    ] {
        assert!(details.contains(expect), "{details}");
    }
    // As other objects show.
    lab.apply(&thing("b"));
    let config = thing("b") + &thing("a");
    lab.check_plan(&config, Mode::Normal, &records, UNRESOLVED, "");
}

#[test]
fn without_an_answer_nothing_is_made() {
    let calls = ["import a", "read a"].into_iter();
    for (call, fault) in calls.flat_map(|call| [(call, Fault::Refuse), (call, Fault::Crash)]) {
        let mut lab = named();
        let config = thing("other") + &thing("a");
        lab.interrupt(&config, "a", Fault::Lost);
        let record = lab.record("fake_thing.a", "a");
        lab.fault(call, fault);
        let config = config + "resource \"fake_thing\" \"c\" {\n name = fake_thing.a.id\n}\n";
        let records = [record.clone()];
        let plan = lab.check_plan(&config, Mode::Normal, &records, UNRESOLVED, "");
        assert!(plan.errored);
        check_resolved(&plan, &[]);
        let unnamed = InFlight {
            ids: Vec::new(),
            ..record
        };
        lab.heal();
        lab.check_plan(&config, Mode::Normal, &[unnamed], UNRESOLVED, "");
        assert!(lab.take_details().contains("what it would be known by"));
    }
}

#[test]
fn the_next_id_is_tried_when_one_fails() {
    let mut lab = named();
    let config = thing("other") + &thing("a");
    lab.interrupt(&config, "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    lab.fault("import z", Fault::Refuse);
    let ids = ["z", "y", "a"].map(|id| ("name".into(), id.into()));
    let record = InFlight {
        ids: ids.into(),
        ..record
    };
    lab.check_plan(&config, Mode::Normal, &[record], ADOPTED, "");
    assert!(lab.take_details().contains("import id \"a\""));
}

#[test]
fn objects_of_others_are_not_taken_over() {
    let mut lab = named();
    let config = thing("other") + &thing("a");
    lab.interrupt(&config, "a", Fault::Crash);
    let record = lab.record("fake_thing.a", "a");
    let theirs = with(&lab.world().objects["other"], "size", Value::int(7));
    lab.world().objects.insert(
        "a".into(),
        with(&with(&theirs, "id", "a".into()), "name", "a".into()),
    );
    lab.check_plan(
        &config,
        Mode::Normal,
        std::slice::from_ref(&record),
        UNRESOLVED,
        "",
    );
    assert!(lab.take_details().contains("not as it was planned"));
    // Nor those of another address.
    let theirs = digests("salt", &lab.world().objects["other"]);
    let record = InFlight {
        ids: vec![("name".into(), "other".into())],
        digests: theirs,
        ..record
    };
    lab.check_plan(&config, Mode::Normal, &[record], UNRESOLVED, "");
    assert!(lab.take_details().contains("in the state already"));
}

#[test]
fn an_import_block_resolves_a_creation() {
    let mut lab = Lab::default();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    let id = lab.world().objects.keys().next().unwrap().clone();
    let config = thing("a") + &format!("import {{\n to = fake_thing.a\n id = {id:?}\n}}\n");
    let plan = lab.check_plan(&config, Mode::Normal, &[record], "", "");
    check_resolved(&plan, &["fake_thing.a"]);
    assert_eq!(plan.counts().import, 1);
}

#[test]
fn what_is_no_longer_wanted_is_looked_for_to_be_destroyed() {
    let counted = |n: u32| {
        format!(
            "resource \"fake_thing\" \"a\" {{\n count = {n}\n name = \"a${{count.index}}\"\n}}\n"
        )
    };
    let mut lab = named();
    let config = thing("other") + &counted(1);
    lab.interrupt(&config, "a0", Fault::Lost);
    let record = lab.record("fake_thing.a[0]", "a0");
    let adopted = "fake_thing.a[0]: Object of an interrupted run adopted";
    for (mode, config, changes) in [
        (
            Mode::Normal,
            thing("other") + &counted(0),
            "Delete fake_thing.a[0] delete_because_count_index",
        ),
        (
            Mode::Destroy,
            config.clone(),
            "Delete fake_thing.a[0]\nDelete fake_thing.other",
        ),
        (
            Mode::Destroy,
            thing("other") + &counted(0),
            "Delete fake_thing.a[0]\nDelete fake_thing.other",
        ),
        (Mode::RefreshOnly, config, ""),
    ] {
        let plan = lab.check_plan(
            &config,
            mode,
            std::slice::from_ref(&record),
            adopted,
            changes,
        );
        check_resolved(&plan, &["fake_thing.a[0]"]);
        let addr: InstanceAddr = "fake_thing.a[0]".parse().unwrap();
        assert!(plan.prior.current(&addr).is_some());
    }
    let config = thing("other") + &counted(1);
    let plan = lab.check_plan(
        &config,
        Mode::Destroy,
        &[record],
        adopted,
        "Delete fake_thing.a[0]\nDelete fake_thing.other",
    );
    lab.carry_out(&config, plan);
    let mut calls = lab.take_calls();
    calls.retain(|call| !call.starts_with("configure"));
    calls.sort();
    same(&calls, "delete a0\ndelete other");
    assert!(lab.world().objects.is_empty());
}

#[test]
fn what_nobody_asks_for_is_named() {
    let mut lab = Lab::default();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    for (mode, config) in [
        (Mode::Destroy, thing("a")),
        (Mode::RefreshOnly, thing("a")),
        (Mode::Normal, String::new()),
        (Mode::Destroy, String::new()),
    ] {
        let plan = lab.check_plan(&config, mode, std::slice::from_ref(&record), UNRESOLVED, "");
        assert!(!plan.errored, "{mode:?}");
        check_resolved(&plan, &[]);
        assert!(plan.changes.iter().all(|c| c.action == Action::NoOp));
    }
}

/// A world where objects have ids that only the provider knows, and identities.
fn identified() -> Lab {
    let lab = Lab::default();
    lab.world().identified = Some(1);
    lab
}

#[test]
fn an_object_is_found_by_its_identity() {
    let mut lab = identified();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    let records = [record.clone()];
    let plan = lab.check_plan(&thing("a"), Mode::Normal, &records, ADOPTED, "");
    assert!(lab.take_details().contains("identity name=a,shelf=top"));
    check_resolved(&plan, &["fake_thing.a"]);
    let addr: InstanceAddr = "fake_thing.a".parse().unwrap();
    let adopted = plan.prior.current(&addr).unwrap();
    assert_eq!(adopted.identity, record.identity);
    lab.carry_out(&thing("a"), plan);
    lab.check_calls("identify a");
    assert_eq!(lab.world().objects.len(), 1);
    lab.check(&thing("a"), "");
}

#[test]
fn an_identity_that_nothing_has_proves_that_nothing_was_made() {
    let mut lab = identified();
    lab.interrupt(&thing("a"), "a", Fault::Crash);
    let record = lab.record("fake_thing.a", "a");
    let plan = lab.check_plan(
        &thing("a"),
        Mode::Normal,
        &[record],
        "",
        "Create fake_thing.a",
    );
    check_resolved(&plan, &["fake_thing.a"]);
    lab.carry_out(&thing("a"), plan);
    assert_eq!(lab.world().objects.len(), 1);
}

/// What is said of an object that is not there.
const NOT_THERE: &str = "Cannot import non-existent remote object";

#[test]
fn an_error_proves_nothing() {
    // The object is there, but this cannot be seen; who may not look says the same as who has
    // found nothing.
    for says in [NOT_THERE, "Resource Not Found", "AccessDenied", "timeout"] {
        let mut lab = identified();
        lab.interrupt(&thing("a"), "a", Fault::Lost);
        let records = [lab.record("fake_thing.a", "a")];
        lab.fault("identify a", Fault::Say(says));
        let plan = lab.check_plan(&thing("a"), Mode::Normal, &records, UNRESOLVED, "");
        check_resolved(&plan, &[]);
        let details = lab.take_details();
        assert!(details.contains(&format!("shelf=top: {says}")), "{details}");
        lab.heal();
        lab.check_plan(&thing("a"), Mode::Normal, &records, ADOPTED, "");
    }
    // Nor when it is read.
    let mut lab = named();
    let config = thing("other") + &thing("a");
    lab.interrupt(&config, "a", Fault::Lost);
    let records = [lab.record("fake_thing.a", "a")];
    lab.fault("read a", Fault::Say(NOT_THERE));
    lab.check_plan(&config, Mode::Normal, &records, UNRESOLVED, "");
}

#[test]
fn providers_with_tokens_say_what_is_not_there() {
    let mut lab = with_tokens();
    lab.world().identified = Some(1);
    lab.interrupt(&thing("a"), "a", Fault::Crash);
    let records = [lab.record("fake_thing.a", "a")];
    let check = |says: &'static str, diags: &str, changes: &str| {
        lab.fault("identify a", Fault::Say(says));
        lab.check_plan(&sized("a", 2), Mode::Normal, &records, diags, changes);
    };
    check(NOT_THERE, "", "Create fake_thing.a");
    check("AccessDenied", UNRESOLVED, "");
}

#[test]
fn tokens_of_other_providers_prove_nothing() {
    let mut lab = with_tokens();
    lab.world().identified = Some(1);
    lab.interrupt(&thing("a"), "a", Fault::Crash);
    let ours = lab.record("fake_thing.a", "a");
    let theirs = InFlight {
        resume: Some((*b"{\"idempotency_token\":\"token 1\"}").into()),
        ..ours.clone()
    };
    let check = |lab: &Lab, record: &InFlight, diags: &str, changes: &str| {
        let records = std::slice::from_ref(record);
        lab.check_plan(&sized("a", 2), Mode::Normal, records, diags, changes);
    };
    lab.fault("identify a", Fault::Say(NOT_THERE));
    check(&lab, &theirs, UNRESOLVED, "");
    check(&lab, &ours, "", "Create fake_thing.a");
    // No object and no error is no more than that.
    lab.heal();
    lab.world().silent = true;
    check(&lab, &theirs, UNRESOLVED, "");
    check(&lab, &ours, "", "Create fake_thing.a");
    let without = InFlight {
        resume: None,
        ..ours
    };
    check(&lab, &without, UNRESOLVED, "");
    // That it is gone when it is read is an answer of everybody.
    lab.world().silent = false;
    check(&lab, &without, "", "Create fake_thing.a");
}

#[test]
fn an_identity_of_another_version_is_no_help() {
    let mut lab = identified();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    lab.world().identified = Some(2);
    lab.check_plan(&thing("a"), Mode::Normal, &[record], UNRESOLVED, "");
    lab.check_calls("");
}

#[test]
fn objects_of_others_are_not_taken_over_by_their_identity() {
    let mut lab = identified();
    lab.interrupt(&thing("a"), "a", Fault::Lost);
    let record = lab.record("fake_thing.a", "a");
    let id = lab.world().objects.keys().next().unwrap().clone();
    let theirs = with(&lab.world().objects[&id], "size", Value::int(7));
    lab.world().objects.insert(id, theirs);
    lab.check_plan(&thing("a"), Mode::Normal, &[record], UNRESOLVED, "");
    assert!(lab.take_details().contains("not as it was planned"));
}
