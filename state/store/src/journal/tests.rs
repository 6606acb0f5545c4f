use std::fs;
use std::path::PathBuf;

use muster_addr::InstanceAddr;
use muster_snapshot::{Object, Snapshot};
use muster_value::{Type, Value};

use super::*;
use crate::{Codec, LocalStore, LockInfo, Store};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("terraform.tfstate")
    }

    fn journal(&self) -> PathBuf {
        Journaled::path_beside(&self.state())
    }

    fn open(&self) -> Journaled {
        let store = LocalStore::new(self.state());
        Journaled::new(Box::new(store), self.journal(), Codec::default())
    }

    /// What a command does first: the state with what was recovered, and what is told of that.
    fn recover(&self) -> (Snapshot, Option<Recovery>, Vec<Intent>) {
        let store = self.open();
        let info = LockInfo::new("test", "0");
        let guard = store.lock(info, std::time::Duration::ZERO).unwrap();
        let state = store.read().unwrap().unwrap_or_default();
        guard.release().unwrap();
        (state, store.take_recovery(), store.in_flight().unwrap())
    }
}

fn addr(text: &str) -> InstanceAddr {
    text.parse().unwrap()
}

fn put(state: &mut Snapshot, at: &str, value: &str) {
    let ty = Type::object([("name", Type::String)]);
    let value = Value::object([("name", Value::from(value))]);
    let object = Object::encode(&value, &ty).unwrap();
    let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
    state.put(&addr(at), &provider, object);
}

fn intent(at: &str, action: IntentAction) -> Intent {
    Intent {
        id: 0,
        addr: addr(at),
        deposed: None,
        action,
        provider: "provider[\"example.com/x/y\"]".parse().unwrap(),
        created: "2034-01-01T00:00:00Z".into(),
        digest: "d".into(),
        resume: Some(vec![0, 255]),
        ids: vec![("name".into(), "a".into())],
        salt: "s".into(),
        digests: [("name".into(), "e".into())].into(),
    }
}

/// A run that makes `x_y.a`, is about to make `x_y.b`, and is killed.
fn killed(place: &Place) -> Snapshot {
    let store = place.open();
    let mut state = Snapshot::new("1.2.3");
    let journal = store.begin("apply", &state).unwrap();
    let made = journal
        .intent(intent("x_y.a", IntentAction::Create))
        .unwrap();
    journal.sync().unwrap();
    put(&mut state, "x_y.a", "one");
    journal.objects(&state, &addr("x_y.a"), Some(made)).unwrap();
    journal
        .intent(intent("x_y.b", IntentAction::Create))
        .unwrap();
    journal
        .intent(intent("x_y.c", IntentAction::Delete))
        .unwrap();
    journal.sync().unwrap();
    state
}

#[test]
fn what_a_killed_run_has_done_is_not_lost() {
    let place = Place::new();
    let state = killed(&place);
    let seen = place.open().read().unwrap().unwrap();
    assert_eq!(seen.resources, state.resources, "a reader sees it");
    assert!(!place.state().exists(), "and changes nothing");

    let (recovered, report, in_flight) = place.recover();
    assert_eq!(recovered.resources, state.resources);
    assert_eq!((recovered.lineage, recovered.serial), (state.lineage, 1));
    let report = report.unwrap();
    assert_eq!((report.results, report.damaged, report.kept), (1, 0, None));
    let open: Vec<_> = report
        .in_flight
        .iter()
        .map(|i| i.addr.to_string())
        .collect();
    assert_eq!(open, ["x_y.b", "x_y.c"]);
    let wanted = Intent {
        id: 2,
        ..intent("x_y.b", IntentAction::Create)
    };
    assert_eq!(in_flight.first(), Some(&wanted), "creations stay open");

    let (_, report, in_flight) = place.recover();
    assert_eq!(
        report.map(|r| r.results),
        Some(0),
        "told again, brought in once"
    );
    assert_eq!(in_flight, [wanted]);
}

#[test]
fn creations_stay_open_until_they_are_settled() {
    let place = Place::new();
    killed(&place);
    let (mut state, ..) = place.recover();
    let store = place.open();
    let journal = store.begin("apply", &state).unwrap();
    let other = journal
        .intent(intent("x_y.d", IntentAction::Create))
        .unwrap();
    assert_eq!(other, 3, "numbers are not used twice");
    put(&mut state, "x_y.d", "four");
    journal
        .objects(&state, &addr("x_y.d"), Some(other))
        .unwrap();
    store.write(&mut state).unwrap();
    journal.finish().unwrap();
    let (_, _, in_flight) = place.recover();
    assert_eq!(in_flight.len(), 1);
    let store = place.open();
    store.settle(|intent| intent.addr == addr("x_y.b")).unwrap();
    assert!(!place.journal().exists());
    assert_eq!(place.recover().1, None);
}

#[test]
fn a_creation_that_has_gone_on_with_another_ends_it() {
    let place = Place::new();
    killed(&place);
    let (mut state, ..) = place.recover();
    let store = place.open();
    let journal = store.begin("apply", &state).unwrap();
    let again = |state: &Snapshot| {
        let id = journal
            .intent(intent("x_y.b", IntentAction::Create))
            .unwrap();
        journal.objects(state, &addr("x_y.b"), Some(id)).unwrap();
    };
    again(&state);
    assert_eq!(journal.open_intents().len(), 1, "it has made nothing");
    put(&mut state, "x_y.b", "two");
    again(&state);
    assert!(journal.open_intents().is_empty());
    // Nor is it found when the run is killed here.
    drop((journal, store));
    let (read, _, in_flight) = place.recover();
    assert!(in_flight.is_empty());
    assert_eq!(read.resources, state.resources);
}

#[test]
fn a_run_that_ends_well_leaves_nothing() {
    let place = Place::new();
    let store = place.open();
    let mut state = Snapshot::new("1.2.3");
    let journal = store.begin("apply", &state).unwrap();
    let id = journal
        .intent(intent("x_y.a", IntentAction::Create))
        .unwrap();
    put(&mut state, "x_y.a", "one");
    journal.objects(&state, &addr("x_y.a"), Some(id)).unwrap();
    assert!(journal.open_intents().is_empty());
    store.write(&mut state).unwrap();
    journal.finish().unwrap();
    assert!(!place.journal().exists());
    let (read, report, _) = place.recover();
    assert_eq!((read, report), (state, None));
}

#[test]
fn a_state_that_was_stored_on_the_way_has_what_came_before() {
    let place = Place::new();
    let store = place.open();
    let mut state = Snapshot::new("1.2.3");
    let journal = store.begin("apply", &state).unwrap();
    put(&mut state, "x_y.a", "one");
    journal.objects(&state, &addr("x_y.a"), None).unwrap();
    store.write(&mut state).unwrap();
    state.remove(&addr("x_y.a"));
    journal.objects(&state, &addr("x_y.a"), None).unwrap();
    put(&mut state, "x_y.b", "two");
    journal.objects(&state, &addr("x_y.b"), None).unwrap();
    drop((journal, store));
    let (read, report, _) = place.recover();
    assert_eq!(read.resources, state.resources);
    assert_eq!(report.map(|r| r.results), Some(2));
}

#[test]
fn a_state_that_others_have_changed_is_left_alone() {
    let place = Place::new();
    let state = killed(&place);
    let mut other = Snapshot {
        serial: 7,
        ..state.clone()
    };
    other.resources.clear();
    put(&mut other, "x_y.z", "other");
    fs::write(place.state(), muster_snapshot::encode(&other)).unwrap();
    let (read, report, in_flight) = place.recover();
    assert_eq!(read, other);
    let report = report.unwrap();
    assert_eq!(report.results, 0);
    assert!(report.kept.is_some_and(|kept| kept.exists()));
    assert_eq!(in_flight.len(), 1, "what is in flight stays so");
}

#[test]
fn a_damaged_journal_is_good_up_to_there() {
    let place = Place::new();
    killed(&place);
    let whole = fs::read(place.journal()).unwrap();
    for cut in (0..whole.len()).step_by(7) {
        let place = Place::new();
        fs::write(place.journal(), &whole[..cut]).unwrap();
        let (read, report, _) = place.recover();
        assert!(read.resources.len() <= 1, "{cut}");
        if let Some(kept) = report.and_then(|r| r.kept) {
            assert_eq!(fs::read(kept).unwrap(), &whole[..cut]);
        }
    }
}

#[test]
fn nobody_else_writes_to_it_meanwhile() {
    let place = Place::new();
    let store = place.open();
    let state = Snapshot::new("1.2.3");
    let journal = store.begin("apply", &state).unwrap();
    assert!(matches!(
        place.open().begin("apply", &state),
        Err(crate::StoreError::Locked { .. })
    ));
    drop((journal, store));
    place.open().begin("apply", &state).unwrap();
}

#[test]
fn many_wait_for_one_sync() {
    let place = Place::new();
    let journal = place.open().begin("apply", &Snapshot::new("1")).unwrap();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let journal = journal.clone();
            scope.spawn(move || {
                for i in 0..20 {
                    let at = format!("x_y.r{n}_{i}");
                    journal.intent(intent(&at, IntentAction::Create)).unwrap();
                    journal.sync().unwrap();
                }
            });
        }
    });
    assert_eq!(journal.open_intents().len(), 160);
    drop(journal);
    assert_eq!(place.recover().2.len(), 160);
}

#[test]
fn a_state_of_others_with_the_same_serial_is_not_taken_for_ours() {
    let place = Place::new();
    let store = place.open();
    let mut state = Snapshot::new("1.2.3");
    store.write(&mut state).unwrap();
    let journal = store.begin("apply", &state).unwrap();
    let mut other = state.clone();
    put(&mut state, "x_y.a", "one");
    journal.objects(&state, &addr("x_y.a"), None).unwrap();
    // Somebody else, without the lock, is faster.
    put(&mut other, "x_y.z", "other");
    LocalStore::new(place.state()).write(&mut other).unwrap();
    assert!(store.write(&mut state).is_err());
    drop((journal, store));
    let (read, report, _) = place.recover();
    assert_eq!(read.resources, other.resources);
    let report = report.unwrap();
    assert!(
        report.kept.is_some_and(|kept| kept.exists()),
        "nothing is lost"
    );
}

#[test]
fn whoever_does_not_have_the_lock_changes_nothing() {
    let place = Place::new();
    killed(&place);
    let before = fs::read(place.journal()).unwrap();
    let store = place.open();
    assert_eq!(store.in_flight().unwrap().len(), 1);
    assert!(!place.state().exists());
    assert_eq!(fs::read(place.journal()).unwrap(), before);
    // What was read before the results were brought in is no base for a run.
    let state = store.read().unwrap().unwrap();
    assert!(store.begin("apply", &state).is_err());
    assert_eq!(place.recover().0.resources, state.resources);
}

#[test]
fn a_run_in_the_meantime_is_not_forgotten() {
    let place = Place::new();
    let first = place.open();
    let info = || LockInfo::new("test", "0");
    let held = first.lock(info(), std::time::Duration::ZERO).unwrap();
    // Another run takes the lock by force, and is killed.
    let state = killed(&place);
    assert!(first.begin("apply", &Snapshot::new("1")).is_err());
    assert!(first.settle(|_| true).is_err());
    held.release().unwrap();
    assert_eq!(place.recover().0.resources, state.resources);
}
