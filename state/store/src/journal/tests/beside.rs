//! Runs side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::{LockGuard, Part, StoreError};

fn lock_part(store: &Journaled, name: &str) -> Result<LockGuard, StoreError> {
    let part = Part {
        writes: [format!("x_y.{name}").parse().unwrap()].into(),
        reads: [].into(),
    };
    store.lock_part(LockInfo::new("apply", "0"), &part, Duration::ZERO)
}

/// A state that is stored with `x_y.old`.
fn stored(place: &Place) -> Snapshot {
    let mut state = Snapshot::new("1.2.3");
    put(&mut state, "x_y.old", "zero");
    place.open().write(&mut state).unwrap();
    state
}

/// A run that sets an object to a value, as far as its journal.
fn set(journal: &Journal, state: &mut Snapshot, at: &str, value: &str) {
    let made = journal.intent(intent(at, IntentAction::Create)).unwrap();
    put(state, at, value);
    journal.objects(state, &addr(at), Some(made)).unwrap();
}

#[test]
fn a_killed_run_is_brought_in_although_another_has_stored() {
    let place = Place::new();
    let first = stored(&place);
    let (one, other) = (place.open(), place.open());
    let (killed, held) = (
        lock_part(&one, "a").unwrap(),
        lock_part(&other, "b").unwrap(),
    );
    let journal = one.begin("apply", &first).unwrap();
    set(&journal, &mut first.clone(), "x_y.a", "one");
    journal
        .intent(intent("x_y.a2", IntentAction::Create))
        .unwrap();
    journal.sync().unwrap();

    let second = other.begin("apply", &first).unwrap();
    let mut next = first.clone();
    set(&second, &mut next, "x_y.b", "two");
    assert_eq!(other.read().unwrap().unwrap(), first);
    let seen = place.open().read().unwrap().unwrap();
    assert_eq!(seen.instances().count(), 3, "who has no lock sees all");
    drop((journal, killed, one));

    assert!(other.merge(&first, &mut next).unwrap());
    second.finish().unwrap();
    assert_eq!(place.open().in_flight().unwrap().len(), 1);
    assert!(
        matches!(
            lock_part(&place.open(), "c"),
            Err(StoreError::Locked { .. })
        ),
        "what the killed run has left comes first"
    );
    held.release().unwrap();

    let (state, report, in_flight) = place.recover();
    let names: Vec<_> = state
        .instances()
        .map(|(addr, ..)| addr.to_string())
        .collect();
    assert_eq!(names, ["x_y.a", "x_y.b", "x_y.old"]);
    assert_eq!(state.serial, 3);
    let report = report.unwrap();
    assert_eq!((report.results, report.kept), (1, None));
    assert_eq!(in_flight.len(), 1);
    assert_eq!(in_flight[0].addr, addr("x_y.a2"));

    let store = place.open();
    let guard = lock_part(&store, "c").unwrap();
    assert!(!guard.is_shared(), "what is in flight is nobody's yet");
    store.settle(|_| true).unwrap();
    guard.release().unwrap();
    assert!(lock_part(&store, "c").unwrap().is_shared());
}

#[test]
fn what_others_have_changed_since_then_stays() {
    let place = Place::new();
    let first = stored(&place);
    let store = place.open();
    let held = lock_part(&store, "old").unwrap();
    let journal = store.begin("apply", &first).unwrap();
    let mut next = first.clone();
    set(&journal, &mut next, "x_y.old", "one");
    drop((journal, held, store));
    // Somebody without a journal.
    let mut theirs = first.clone();
    put(&mut theirs, "x_y.old", "theirs");
    LocalStore::new(place.state()).write(&mut theirs).unwrap();

    let (state, report, _) = place.recover();
    assert_eq!(state, theirs);
    let kept = report.unwrap().kept.unwrap();
    assert!(kept.exists());
    assert_eq!(place.open().set_aside().unwrap()[0].path, kept);
}

#[test]
fn an_interrupted_recovery_is_repeated() {
    let place = Place::new();
    let first = stored(&place);
    let store = place.open();
    let held = lock_part(&store, "a").unwrap();
    let journal = store.begin("apply", &first).unwrap();
    set(&journal, &mut first.clone(), "x_y.a", "one");
    set(&journal, &mut first.clone(), "x_y.a", "two");
    journal
        .intent(intent("x_y.b", IntentAction::Create))
        .unwrap();
    drop((journal, held, store));
    let file = place
        .journal()
        .with_file_name(".terraform.tfstate.journal-1");
    let bytes = fs::read(&file).unwrap();
    let (once, ..) = place.recover();
    // As if it had been killed before the last step.
    fs::write(&file, bytes).unwrap();
    let (twice, report, in_flight) = place.recover();
    assert_eq!((&twice, twice.serial), (&once, 2));
    assert_eq!(report.unwrap().results, 0);
    assert_eq!(in_flight.len(), 1);
    assert!(!file.exists());
}

#[test]
fn what_was_merged_and_is_gone_since_then_does_not_come_back() {
    let place = Place::new();
    let first = stored(&place);
    let store = place.open();
    let held = lock_part(&store, "a").unwrap();
    let journal = store.begin("apply", &first).unwrap();
    let mut next = first.clone();
    set(&journal, &mut next, "x_y.a", "one");
    assert!(store.merge(&first, &mut next).unwrap());
    // Killed now; then somebody destroys the object.
    drop((journal, held, store));
    let mut theirs = LocalStore::new(place.state()).read().unwrap().unwrap();
    theirs.remove_instance(&addr("x_y.a"));
    LocalStore::new(place.state()).write(&mut theirs).unwrap();
    let (state, report, _) = place.recover();
    assert_eq!(state, theirs);
    assert!(report.unwrap().kept.is_some());
}

#[test]
fn looking_at_a_journal_keeps_nobody_from_it() {
    let place = Place::new();
    let first = stored(&place);
    let store = place.open();
    let held = lock_part(&store, "a").unwrap();
    let journal = store.begin("apply", &first).unwrap();
    set(&journal, &mut first.clone(), "x_y.a", "one");
    drop((journal, held, store));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let reader = place.open();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // What is found depends on who is first; nothing may go wrong.
                reader.in_flight().unwrap();
                reader.interrupted();
            }
        });
        for _ in 0..200 {
            let store = place.open();
            let held = lock_part(&store, "b").unwrap();
            store.begin("apply", &first).unwrap().finish().unwrap();
            held.release().unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(
        place
            .open()
            .read()
            .unwrap()
            .unwrap()
            .instance(&addr("x_y.a"))
            .is_some()
    );
}

#[test]
fn what_has_moved_is_at_one_place() {
    let place = Place::new();
    let first = stored(&place);
    let store = place.open();
    let held = lock_part(&store, "a").unwrap();
    let journal = store.begin("apply", &first).unwrap();
    let mut next = first.clone();
    next.remove_instance(&addr("x_y.old"));
    put(&mut next, "x_y.a", "zero");
    for at in ["x_y.old", "x_y.a"] {
        journal.objects(&next, &addr(at), None).unwrap();
    }
    set(&journal, &mut next, "x_y.b", "made");
    drop((journal, held, store));
    let mut theirs = first.clone();
    put(&mut theirs, "x_y.old", "changed");
    LocalStore::new(place.state()).write(&mut theirs).unwrap();
    let (state, report, _) = place.recover();
    let names: Vec<_> = state
        .instances()
        .map(|(addr, ..)| addr.to_string())
        .collect();
    assert_eq!(names, ["x_y.b", "x_y.old"]);
    assert!(report.unwrap().kept.is_some());
}

#[test]
fn runs_that_were_killed_are_told_of_one_by_one() {
    let place = Place::new();
    let first = stored(&place);
    let killed: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|name| {
            let store = place.open();
            let held = lock_part(&store, name).unwrap();
            let journal = store.begin("apply", &first).unwrap();
            let made = format!("x_y.{name}");
            set(&journal, &mut first.clone(), &made, "one");
            let lost = intent(&format!("x_y.{name}2"), IntentAction::Create);
            journal.intent(lost).unwrap();
            journal.sync().unwrap();
            (journal, held, store)
        })
        .collect();
    drop(killed);
    let check = |reports: &[crate::Recovery]| {
        let of = |report: &crate::Recovery| {
            let open = report.in_flight.iter().map(|i| i.addr.to_string());
            (report.run.is_some(), report.results, open.collect())
        };
        let told: Vec<(bool, usize, Vec<String>)> = reports.iter().map(of).collect();
        let one = |name: &str| (true, 1, vec![format!("x_y.{name}2")]);
        assert_eq!(told, [one("a"), one("b")]);
    };
    check(&place.open().interrupted());
    let (counting, reads) = counted(&place);
    check(&counting.interrupted());
    assert_eq!(reads.load(Ordering::Relaxed), 1, "not once for each run");
    let store = place.open();
    let guard = store
        .lock(LockInfo::new("apply", "0"), Duration::ZERO)
        .unwrap();
    let told = store.take_recoveries();
    check(&told);
    assert_ne!(told[0].run, told[1].run);
    assert!(store.take_recoveries().is_empty());
    assert_eq!(store.in_flight().unwrap().len(), 2);
    guard.release().unwrap();
}

/// A local store that counts how often the state is read.
struct Counted {
    store: LocalStore,
    reads: Arc<AtomicUsize>,
}

/// The place with a count of how often its state is read.
fn counted(place: &Place) -> (Journaled, Arc<AtomicUsize>) {
    let reads = Arc::<AtomicUsize>::default();
    let store = Counted {
        store: LocalStore::new(place.state()),
        reads: Arc::clone(&reads),
    };
    let journaled = Journaled::new(Box::new(store), place.journal(), Codec::default());
    (journaled, reads)
}

impl Store for Counted {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        self.store.lock(info, timeout)
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.store.read()
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        self.store.write(snapshot)
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.store.replace(snapshot)
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        self.store.force_unlock(id)
    }
}
