use std::fs;
use std::path::PathBuf;

use muster_addr::InstanceAddr;
use muster_snapshot::{Object, Snapshot};
use muster_value::{Type, Value};

use super::*;
use crate::disk::faults;
use crate::{Codec, LocalStore, LockInfo, Store};

mod adopt;
mod batch;
mod beside;

impl Journal {
    /// A batch of one.
    fn objects(
        &self,
        state: &Snapshot,
        addr: &InstanceAddr,
        intent: Option<u64>,
    ) -> Result<(), crate::StoreError> {
        let mut batch = self.batch();
        batch.objects(state, addr, intent)?;
        batch.write()
    }

    fn made(&self, intent: u64, addr: &InstanceAddr) -> Result<(), crate::StoreError> {
        let mut batch = self.batch();
        batch.made(intent, addr)?;
        batch.write()
    }
}

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
        (
            state,
            store.take_recoveries().pop(),
            store.in_flight().unwrap(),
        )
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
        identity: Some((1, "{\"name\":\"a\"}".into())),
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
        id
    };
    // The object that is there may be the one that was set aside for it.
    put(&mut state, "x_y.b", "old");
    again(&state);
    assert_eq!(journal.open_intents().len(), 1, "it has made nothing");
    put(&mut state, "x_y.b", "two");
    let id = again(&state);
    journal.made(id, &addr("x_y.a")).unwrap();
    assert_eq!(journal.open_intents().len(), 1, "that is another instance");
    journal.made(id, &addr("x_y.b")).unwrap();
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
fn what_others_have_changed_is_left_alone() {
    let place = Place::new();
    let state = killed(&place);
    let mut other = Snapshot {
        serial: 7,
        ..state.clone()
    };
    put(&mut other, "x_y.a", "other");
    fs::write(place.state(), muster_snapshot::encode(&other)).unwrap();
    let (read, report, in_flight) = place.recover();
    assert_eq!(read, other);
    let report = report.unwrap();
    assert_eq!(report.results, 0);
    assert!(report.kept.is_some_and(|kept| kept.exists()));
    assert_eq!(in_flight.len(), 1, "what is in flight stays so");
}

#[test]
fn results_are_brought_in_beside_what_others_have_changed() {
    let place = Place::new();
    let state = killed(&place);
    let mut other = Snapshot {
        serial: 7,
        ..state.clone()
    };
    other.resources.clear();
    put(&mut other, "x_y.z", "other");
    fs::write(place.state(), muster_snapshot::encode(&other)).unwrap();
    let (read, report, _) = place.recover();
    let addrs: Vec<_> = read
        .instances()
        .map(|(addr, ..)| addr.to_string())
        .collect();
    assert_eq!(
        (&*addrs, read.serial),
        (&["x_y.a".into(), "x_y.z".into()][..], 8)
    );
    let report = report.unwrap();
    assert_eq!((report.results, report.kept), (1, None));
}

#[test]
fn what_was_stored_and_is_gone_since_then_does_not_come_back() {
    let place = Place::new();
    let store = place.open();
    let mut state = Snapshot::new("1.2.3");
    let journal = store.begin("apply", &state).unwrap();
    put(&mut state, "x_y.a", "one");
    journal.objects(&state, &addr("x_y.a"), None).unwrap();
    assert!(store.write(&mut state).unwrap());
    // Killed now, before the journal is removed; then somebody destroys the object.
    drop((journal, store));
    state.resources.clear();
    LocalStore::new(place.state()).write(&mut state).unwrap();
    let (read, report, _) = place.recover();
    assert_eq!(read, state);
    assert!(report.unwrap().kept.is_some(), "a person may look at it");
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
fn a_refused_state_is_brought_in_beside_that_of_others() {
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
    let addrs: Vec<_> = read
        .instances()
        .map(|(addr, ..)| addr.to_string())
        .collect();
    assert_eq!(addrs, ["x_y.a", "x_y.z"], "nothing is lost");
    assert_eq!(report.map(|r| (r.results, r.kept)), Some((1, None)));
}

#[test]
fn whoever_does_not_have_the_lock_changes_nothing() {
    let place = Place::new();
    killed(&place);
    let before = fs::read(place.journal()).unwrap();
    let store = place.open();
    assert_eq!(store.in_flight().unwrap().len(), 1);
    let found = store.interrupted().pop().unwrap();
    assert_eq!((found.results, found.in_flight.len()), (1, 2));
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

/// The journal of a killed run with one byte changed in its first result, which others follow.
fn damaged_inside(place: &Place) -> (Snapshot, Vec<u8>) {
    let state = killed(place);
    let mut bytes = fs::read(place.journal()).unwrap();
    let sign = b"\"Objects\"";
    let at = bytes.windows(sign.len()).position(|w| w == sign).unwrap();
    bytes[at + 3] ^= 1;
    fs::write(place.journal(), &bytes).unwrap();
    (state, bytes)
}

#[test]
fn damage_inside_of_a_journal_is_no_end() {
    let place = Place::new();
    let (_, bytes) = damaged_inside(&place);
    let store = place.open();
    let info = LockInfo::new("test", "0");
    let refusals = [
        store.read().map(|_| ()).unwrap_err(),
        store.in_flight().map(|_| ()).unwrap_err(),
        store
            .begin("apply", &Snapshot::new("1"))
            .map(|_| ())
            .unwrap_err(),
        store
            .lock(info, std::time::Duration::ZERO)
            .map(|_| ())
            .unwrap_err(),
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        let path = place.journal().display().to_string();
        assert!(text.contains("2 whole records follow"), "{text}");
        assert!(text.contains(&format!("recover -adopt {path}")), "{text}");
    }
    assert_eq!(fs::read(place.journal()).unwrap(), bytes);
    assert!(!place.state().exists());
    // The lock that was refused is free again.
    let state = LocalStore::new(place.state());
    drop(
        state
            .lock(LockInfo::new("test", "0"), std::time::Duration::ZERO)
            .unwrap(),
    );
}

#[test]
fn a_damaged_state_is_replaced_although_there_is_a_journal() {
    let place = Place::new();
    let mut state = Snapshot::new("1.2.3");
    LocalStore::new(place.state()).write(&mut state).unwrap();
    let store = place.open();
    let journal = store.begin("apply", &state).unwrap();
    let mut changed = state.clone();
    put(&mut changed, "x_y.a", "one");
    journal.objects(&changed, &addr("x_y.a"), None).unwrap();
    drop((journal, store));
    fs::write(place.state(), "{\"version\": 4, \"ser").unwrap();
    let before = fs::read(place.journal()).unwrap();

    let store = place.open();
    let info = LockInfo::new("state-restore", "0");
    let guard = store.lock(info, std::time::Duration::ZERO).unwrap();
    assert!(store.begin("apply", &state).is_err());
    assert_eq!(fs::read(place.journal()).unwrap(), before);
    state.serial = 9;
    store.replace(&state).unwrap();
    guard.release().unwrap();
    let (read, report, _) = place.recover();
    assert_eq!((read.resources, read.serial), (changed.resources, 10));
    assert_eq!(report.unwrap().results, 1);
}

#[test]
fn nothing_may_be_done_after_a_sync_that_failed() {
    let place = Place::new();
    let store = place.open();
    let mut state = Snapshot::new("1.2.3");
    let journal = store.begin("apply", &state).unwrap();
    journal
        .intent(intent("x_y.a", IntentAction::Create))
        .unwrap();
    faults::fail_sync_after(0);
    assert!(journal.sync().is_err());
    assert!(faults::end());
    // The system forgets what it could not write: a later sync that goes well says nothing.
    for _ in 0..2 {
        journal
            .intent(intent("x_y.b", IntentAction::Create))
            .unwrap();
        assert!(journal.sync().is_err());
    }
    // The state is stored all the same.
    put(&mut state, "x_y.c", "three");
    journal.objects(&state, &addr("x_y.c"), None).unwrap();
    assert!(store.write(&mut state).unwrap());
    assert_eq!(place.open().read().unwrap().unwrap(), state);
}

/// Lets every sync fail in turn while something is done to a copy of a place, and looks at what
/// that has left.
fn with_each_failing_sync(
    fresh: &dyn Fn() -> Place,
    act: &dyn Fn(&Place) -> bool,
    look: &dyn Fn(&Place),
) {
    for good in 0.. {
        let place = fresh();
        faults::fail_sync_after(good);
        let done = act(&place);
        if !faults::end() {
            assert!(done && good > 0, "{good} syncs go well");
            return look(&place);
        }
        look(&place);
    }
}

#[test]
fn a_recovery_whose_sync_fails_is_done_again() {
    let fresh = || {
        let place = Place::new();
        killed(&place);
        place
    };
    let act = |place: &Place| {
        let info = LockInfo::new("test", "0");
        let store = place.open();
        store.lock(info, std::time::Duration::ZERO).is_ok()
    };
    let look = |place: &Place| {
        let (state, _, in_flight) = place.recover();
        let addrs: Vec<_> = state.instances().map(|(a, ..)| a.to_string()).collect();
        assert_eq!(addrs, ["x_y.a"]);
        assert_eq!(in_flight.len(), 1);
        assert_eq!(state.serial, 1, "it is brought in once");
    };
    with_each_failing_sync(&fresh, &act, &look);
}

#[test]
fn the_clock_may_go_back_between_runs() {
    let place = Place::new();
    killed(&place);
    crate::time::tests::set_back(std::time::Duration::from_secs(100_000));
    let (mut state, report, in_flight) = place.recover();
    assert_eq!((state.serial, report.unwrap().results), (1, 1));
    assert!(in_flight[0].created.as_str() > "2034");
    let store = place.open();
    let guard = store
        .lock(LockInfo::new("apply", "0"), std::time::Duration::ZERO)
        .unwrap();
    let journal = store.begin("apply", &state).unwrap();
    put(&mut state, "x_y.b", "two");
    journal.objects(&state, &addr("x_y.b"), None).unwrap();
    store.write(&mut state).unwrap();
    journal.finish().unwrap();
    guard.release().unwrap();
    assert_eq!(state.serial, 2);
    let history = place.open().history().unwrap();
    let serials: Vec<_> = history.iter().map(|v| v.serial).collect();
    assert_eq!(
        serials,
        [2, 1],
        "they are in the order in which they were stored"
    );
    assert_eq!(place.recover().0, state);
}

#[test]
fn without_locks_there_is_a_journal() {
    let place = Place::new();
    faults::without_locks(true);
    let store = place.open();
    let info = LockInfo::new("apply", "0");
    let refused = store.lock(info, std::time::Duration::ZERO).map(|_| ());
    let text = refused.unwrap_err().to_string();
    assert!(
        text.contains("has no locks") && text.contains("-lock=false"),
        "{text}"
    );
    // Who goes on without the lock loses nothing.
    let state = killed(&place);
    assert_eq!(place.open().in_flight().unwrap().len(), 1);
    let mut seen = place.open().read().unwrap().unwrap();
    assert_eq!(seen.resources, state.resources);
    put(&mut seen, "x_y.c", "three");
    assert!(
        place.open().begin("apply", &seen).is_err(),
        "it is brought in first"
    );
    assert!(place.state().exists());
    faults::without_locks(false);
    assert_eq!(place.recover().0.resources, state.resources);
}
