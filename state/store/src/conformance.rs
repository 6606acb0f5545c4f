//! What every store must do, as tests that each of them runs.

use std::time::Duration;

use muster_snapshot::{JsonText, Snapshot};

use crate::{LockInfo, Store, StoreError};

/// Opens the same place once more.
pub type Open<'a> = &'a dyn Fn() -> Box<dyn Store>;

/// Runs the whole suite. `fresh` gets one test at a time and runs it with a way to open a place
/// that nothing was stored in yet.
///
/// # Panics
/// The store does something that it should not.
pub fn run(fresh: impl Fn(&dyn Fn(Open<'_>))) {
    let cases: [&dyn Fn(Open<'_>); 8] = [
        &stores_nothing_at_first,
        &gives_back_what_was_written,
        &counts_changes,
        &refuses_what_is_stale_or_foreign,
        &excludes_others_while_locked,
        &gives_a_dropped_lock_back,
        &waits_for_the_lock,
        &loses_no_change_of_many_writers,
    ];
    for case in cases {
        fresh(case);
    }
}

const AT_ONCE: Duration = Duration::ZERO;
const PATIENT: Duration = Duration::from_secs(60);

fn info(operation: &str) -> LockInfo {
    LockInfo::new(operation, "0.0.0")
}

/// A state that says `n`.
fn says(snapshot: &mut Snapshot, n: u64) {
    snapshot.checks = JsonText::parse(&n.to_string()).ok();
}

fn read(store: &dyn Store) -> Snapshot {
    let read = store.read().expect("the state can be read");
    read.expect("there is a state")
}

fn write(store: &dyn Store, snapshot: &mut Snapshot) -> bool {
    store.write(snapshot).expect("the state can be written")
}

fn stores_nothing_at_first(open: Open<'_>) {
    let store = open();
    assert_eq!(store.read().expect("it can be read"), None);
    let lock = store.lock(info("plan"), AT_ONCE).expect("it is free");
    assert_eq!(store.read().expect("it can be read"), None);
    lock.release().expect("the lock can be given back");
    assert_eq!(open().read().expect("it can be read"), None);
    assert!(!store.describe().is_empty());
}

fn gives_back_what_was_written(open: Open<'_>) {
    let store = open();
    let mut snapshot = Snapshot::new("1.2.3");
    says(&mut snapshot, 7);
    let lock = store.lock(info("apply"), AT_ONCE).expect("it is free");
    assert!(write(&*store, &mut snapshot));
    assert_eq!(read(&*store), snapshot);
    drop(lock);
    assert_eq!(read(&*open()), snapshot);
}

fn counts_changes(open: Open<'_>) {
    let store = open();
    let mut snapshot = Snapshot::new("1.2.3");
    assert!(write(&*store, &mut snapshot));
    assert_eq!(snapshot.serial, 1);
    assert!(!write(&*store, &mut snapshot), "nothing has changed");
    assert_eq!(snapshot.serial, 1);
    says(&mut snapshot, 1);
    assert!(write(&*store, &mut snapshot));
    assert_eq!((snapshot.serial, read(&*store).serial), (2, 2));
}

fn refuses_what_is_stale_or_foreign(open: Open<'_>) {
    let store = open();
    let mut snapshot = Snapshot::new("1.2.3");
    write(&*store, &mut snapshot);
    let mut late = snapshot.clone();
    says(&mut snapshot, 1);
    write(&*store, &mut snapshot);
    says(&mut late, 2);
    let refused = store.write(&mut late);
    assert!(
        matches!(
            refused,
            Err(StoreError::Stale {
                stored: 2,
                given: 1
            })
        ),
        "{refused:?}"
    );
    let mut foreign = Snapshot {
        serial: 2,
        ..Snapshot::new("1.2.3")
    };
    let refused = store.write(&mut foreign);
    assert!(
        matches!(refused, Err(StoreError::Lineage { .. })),
        "{refused:?}"
    );
    assert_eq!(read(&*store), snapshot);
}

fn excludes_others_while_locked(open: Open<'_>) {
    let (store, other) = (open(), open());
    let lock = store.lock(info("apply"), AT_ONCE).expect("it is free");
    match other.lock(info("plan"), AT_ONCE) {
        Err(StoreError::Locked {
            holder: Some(holder),
            ..
        }) => {
            assert_eq!(*holder, *lock.info());
            assert!(!holder.path.is_empty());
        }
        refused => panic!("not refused as it should be: {refused:?}"),
    }
    assert!(
        store.lock(info("plan"), AT_ONCE).is_err(),
        "not even to the same store"
    );
    let mut snapshot = Snapshot::new("1.2.3");
    assert!(
        write(&*store, &mut snapshot),
        "a refused lock does not disturb the holder"
    );
    assert!(
        other.lock(info("plan"), AT_ONCE).is_err(),
        "nor does a write end the lock"
    );
    assert_eq!(read(&*other), snapshot, "reading takes no lock");
}

fn gives_a_dropped_lock_back(open: Open<'_>) {
    let (store, other) = (open(), open());
    drop(store.lock(info("apply"), AT_ONCE).expect("it is free"));
    let lock = other
        .lock(info("apply"), AT_ONCE)
        .expect("it is free again");
    lock.release().expect("the lock can be given back");
    drop(
        store
            .lock(info("apply"), AT_ONCE)
            .expect("it is free again"),
    );
}

fn waits_for_the_lock(open: Open<'_>) {
    let (store, other) = (open(), open());
    let lock = store.lock(info("apply"), AT_ONCE).expect("it is free");
    let started = std::time::Instant::now();
    let short = Duration::from_millis(300);
    assert!(other.lock(info("plan"), short).is_err());
    assert!(started.elapsed() >= short, "gave up too early");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(lock);
        });
        drop(other.lock(info("plan"), PATIENT).expect("it becomes free"));
    });
}

fn loses_no_change_of_many_writers(open: Open<'_>) {
    const WRITERS: u64 = 4;
    const ROUNDS: u64 = 5;
    write(&*open(), &mut Snapshot::new("1.2.3"));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = open();
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let lock = store.lock(info("apply"), PATIENT).expect("it becomes free");
                    let mut snapshot = read(&*store);
                    says(&mut snapshot, writer * ROUNDS + round);
                    assert!(write(&*store, &mut snapshot));
                    lock.release().expect("the lock can be given back");
                }
            });
        }
    });
    assert_eq!(read(&*open()).serial, 1 + WRITERS * ROUNDS);
}
