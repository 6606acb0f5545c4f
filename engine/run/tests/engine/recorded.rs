//! What the journal has of the calls of an apply.

use std::sync::{Arc, Mutex};

use muster_plan::{Event, Plan};
use muster_planner::Options;
use muster_run::Keep;
use muster_store::{Codec, Intent, IntentAction, Journal, Journaled, LocalStore};
use muster_value::Value;

use crate::lab::Lab;
use crate::provider::{Fault, with};

const INVALID: &str = "fake_thing.a: Provider produced invalid object";

/// An object of this name, whose successor is made before it goes.
fn named(name: &str) -> String {
    format!(
        "resource \"fake_thing\" \"a\" {{\n name = \"{name}\"\n lifecycle {{\n create_before_destroy = true\n }}\n}}\n"
    )
}

/// A lab whose runs have a journal.
struct Recorded {
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Recorded {
    fn new(config: &str) -> Self {
        let mut lab = Lab::default();
        lab.apply(config);
        Self {
            lab,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn begin(&self) -> Journal {
        let path = |name| self.folder.path().join(name);
        let store = LocalStore::new(path("terraform.tfstate"));
        let store = Journaled::new(Box::new(store), path("journal"), Codec::default());
        store.begin("apply", &self.lab.state).unwrap()
    }

    fn apply(&mut self, journal: &Journal, config: &str) -> Vec<String> {
        let plan: Plan = self.lab.plan_with(config, Options::default()).plan.unwrap();
        let stored = self.lab.state.clone();
        let keep = Keep {
            journal: Some((journal.clone(), &stored)),
            ..Keep::default()
        };
        self.lab.carry_out_keeping(config, plan, keep)
    }
}

fn open(journal: &Journal) -> Vec<String> {
    let open = journal.open_intents();
    open.iter()
        .map(|i| format!("{:?} {}", i.action, i.addr))
        .collect()
}

/// A creation of `fake_thing.a` that an earlier run has begun.
fn earlier(lab: &Lab) -> Intent {
    let (_, _, instance) = lab.state.instances().next().unwrap();
    assert!(instance.current.is_some());
    Intent {
        id: 0,
        addr: "fake_thing.a".parse().unwrap(),
        deposed: None,
        action: IntentAction::Create,
        provider: "provider[\"registry.terraform.io/hashicorp/fake\"]"
            .parse()
            .unwrap(),
        created: "2024-01-01T00:00:00Z".into(),
        digest: String::new(),
        resume: None,
        identity: None,
        ids: Vec::new(),
        salt: String::new(),
        digests: Default::default(),
    }
}

#[test]
fn an_object_that_comes_back_settles_no_creation() {
    let mut recorded = Recorded::new(&named("one"));
    let journal = recorded.begin();
    journal.intent(earlier(&recorded.lab)).unwrap();
    recorded.lab.fault("create two", Fault::Refuse);
    let found = recorded.apply(&journal, &named("two"));
    assert_eq!(found, ["fake_thing.a: Told to fail"]);
    recorded.lab.check_state("fake_thing.a one");
    assert_eq!(open(&journal), ["Create fake_thing.a"]);
    assert_eq!(journal.open_intents()[0].id, 1, "the earlier one");
    recorded.lab.heal();
    assert_eq!(recorded.apply(&journal, &named("two")), [""; 0]);
    recorded.lab.check_state("fake_thing.a two");
    assert_eq!(open(&journal), [""; 0], "the new one has gone on with it");
}

#[test]
fn an_answer_that_the_state_cannot_take_is_none() {
    let lie: fn(Value) -> Value = |_| Value::object([("name", Value::from("a"))]);
    let mut recorded = Recorded::new("");
    let journal = recorded.begin();
    recorded.lab.fault("create one", Fault::Lie(lie));
    assert_eq!(recorded.apply(&journal, &named("one")), [INVALID]);
    recorded.lab.check_state("");
    assert_eq!(open(&journal), ["Create fake_thing.a"]);

    let mut recorded = Recorded::new(&named("one"));
    let journal = recorded.begin();
    recorded.lab.fault("create two", Fault::Lie(lie));
    assert_eq!(recorded.apply(&journal, &named("two")), [INVALID]);
    recorded.lab.check_state("fake_thing.a one deposed");
    assert_eq!(open(&journal), ["Create fake_thing.a"]);

    let mut recorded = Recorded::new(&named("one"));
    let journal = recorded.begin();
    recorded.lab.fault("delete one", Fault::Lie(lie));
    assert_eq!(recorded.apply(&journal, ""), [INVALID]);
    recorded.lab.check_state("fake_thing.a one");
    assert_eq!(open(&journal), ["Delete fake_thing.a"]);
}

#[test]
fn an_answer_that_is_false_is_one() {
    let lie: fn(Value) -> Value = |v| with(&v, "size", Value::int(9));
    let mut recorded = Recorded::new("");
    let journal = recorded.begin();
    recorded.lab.fault("create one", Fault::Lie(lie));
    assert_eq!(recorded.apply(&journal, &named("one")).len(), 1);
    recorded.lab.check_state("fake_thing.a one 9 tainted");
    assert_eq!(open(&journal), [""; 0]);
}

/// What has no process answers at once. Its results are written together, but before anything
/// else is asked for.
#[test]
fn results_that_are_there_at_once_are_written_together() {
    const COUNT: u64 = 200;
    let mut recorded = Recorded::new("");
    let journal = recorded.begin();
    let path = recorded.folder.path().join("journal");
    let read = {
        let path = path.clone();
        move || String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned()
    };
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let (telling, reading) = (Arc::clone(&told), read.clone());
    recorded.lab.watch = Some(Arc::new(move |event| match event {
        Event::Started { addr, .. } => telling.lock().unwrap().push(format!("+{addr}")),
        Event::Finished { addr, .. } => {
            let record = format!("\"addr\":{:?}", addr.to_string());
            assert!(
                reading().contains(&record),
                "{addr} is told before it is recorded"
            );
            telling.lock().unwrap().push(format!("-{addr}"));
        }
        _ => {}
    }));
    let config = format!(
        r#"resource "terraform_data" "d" {{
            count = {COUNT}
        }}
        resource "fake_thing" "a" {{
            name       = "one"
            depends_on = [terraform_data.d]
        }}"#
    );
    assert_eq!(recorded.apply(&journal, &config), [""; 0]);
    let cost = journal.cost();
    assert!(cost.records >= COUNT + 2, "{cost:?}");
    assert!(cost.writes < COUNT / 10, "{cost:?}");
    let text = read();
    let result = text.rfind("\"addr\":\"terraform_data.d[").unwrap();
    let intent = text.find("{\"Intent\":").unwrap();
    assert!(result < intent, "{result} {intent}");

    let told = std::mem::take(&mut *told.lock().unwrap());
    let at = |what: &str| told.iter().position(|told| told == what).unwrap();
    for n in 0..COUNT {
        assert!(at(&format!("+terraform_data.d[{n}]")) < at(&format!("-terraform_data.d[{n}]")));
        assert!(at(&format!("-terraform_data.d[{n}]")) < at("+fake_thing.a"));
    }
}

#[test]
fn what_changes_without_a_call_is_recorded() {
    let mut recorded = Recorded::new(&named("one"));
    let journal = recorded.begin();
    let forgets = "removed {\n from = fake_thing.a\n lifecycle {\n destroy = false\n }\n}\n";
    let before = journal.cost().records;
    recorded.apply(&journal, forgets);
    recorded.lab.check_state("");
    assert_eq!(journal.cost().records, before + 1);
}
