//! What every store must do, as tests that each of them runs.

use std::time::Duration;

use muster_snapshot::{JsonText, Snapshot};

use crate::{LockInfo, Part, Store, StoreError};

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

/// Runs the suite of stores that can lock a part of a state, as [`run`] does.
///
/// # Panics
/// The store does something that it should not.
pub fn parts(fresh: impl Fn(&dyn Fn(Open<'_>))) {
    let cases: [&dyn Fn(Open<'_>); 6] = [
        &locks_parts_side_by_side,
        &locks_all_or_parts,
        &waits_for_a_part,
        &merges_what_many_write,
        &merges_into_a_first_state,
        &refuses_what_is_not_locked,
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

/// A part that changes `x.NAME` for each of these names, and rests on those behind a slash.
fn part(text: &str) -> Part {
    let (writes, reads) = text.split_once('/').unwrap_or((text, ""));
    let set = |text: &str| {
        let names = text.split_whitespace();
        let parsed = names.map(|name| format!("x.{name}").parse().expect("it is an address"));
        parsed.collect()
    };
    Part {
        writes: set(writes),
        reads: set(reads),
    }
}

fn lock_part(store: &dyn Store, text: &str) -> Result<crate::LockGuard, StoreError> {
    store.lock_part(info("apply"), &part(text), AT_ONCE)
}

/// Lets the object `x.NAME` say `n`.
fn let_say(snapshot: &mut Snapshot, name: &str, n: u64) {
    let text = format!(
        r#"{{"version": 4, "terraform_version": "1", "serial": 1, "lineage": "l", "outputs": {{}},
           "resources": [{{"mode": "managed", "type": "x", "name": "{name}",
             "provider": "provider[\"example.com/x/y\"]",
             "instances": [{{"schema_version": 0, "attributes": {{"v": {n}}}}}]}}],
           "check_results": null}}"#
    );
    let mut made = muster_snapshot::decode(text.as_bytes()).expect("it is a state");
    snapshot.resources.append(&mut made.resources);
}

fn refused(taken: Result<crate::LockGuard, StoreError>, at: &str) {
    match taken {
        Err(StoreError::Locked {
            place,
            holder: Some(holder),
        }) => {
            assert!(place.starts_with(at), "{place} does not start with {at}");
            assert_eq!(holder.operation, "apply");
        }
        taken => panic!("not refused as it should be: {taken:?}"),
    }
}

fn locks_parts_side_by_side(open: Open<'_>) {
    let (store, other, third) = (open(), open(), open());
    let lock = lock_part(&*store, "a b/r").expect("it is free");
    assert!(lock.is_shared());
    refused(lock_part(&*other, "b c"), "x.b in ");
    refused(lock_part(&*other, "r"), "x.r in ");
    refused(lock_part(&*other, "c/a"), "x.a in ");
    let beside = lock_part(&*other, "c/r").expect("it is free");
    refused(lock_part(&*third, "d/c"), "x.c in ");
    lock.release().expect("the lock can be given back");
    let again = lock_part(&*third, "a b").expect("it is free again");
    again.release().expect("the lock can be given back");
    beside.release().expect("the lock can be given back");
}

fn locks_all_or_parts(open: Open<'_>) {
    let (store, other, third) = (open(), open(), open());
    write(&*store, &mut Snapshot::new("1.2.3"));
    let reading = store.lock_part(info("apply"), &Part::nothing(), AT_ONCE);
    let reading = reading.expect("it is free");
    let lock = lock_part(&*other, "a").expect("nobody changes it");
    refused(third.lock(info("plan"), AT_ONCE), "");
    reading.release().expect("the lock can be given back");
    refused(third.lock(info("plan"), AT_ONCE), "");
    lock.release().expect("the lock can be given back");
    let all = third.lock(info("apply"), AT_ONCE).expect("it is free");
    assert!(!all.is_shared());
    refused(lock_part(&*other, "a"), "");
    refused(store.lock_part(info("plan"), &Part::nothing(), AT_ONCE), "");
    all.release().expect("the lock can be given back");
    lock_part(&*other, "a")
        .expect("it is free")
        .release()
        .expect("the lock can be given back");
}

fn waits_for_a_part(open: Open<'_>) {
    let (store, other) = (open(), open());
    let lock = lock_part(&*store, "a").expect("it is free");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(lock);
        });
        let lock = other.lock_part(info("apply"), &part("a"), PATIENT);
        drop(lock.expect("it becomes free"));
    });
}

fn merges_what_many_write(open: Open<'_>) {
    const WRITERS: u64 = 3;
    const ROUNDS: u64 = 6;
    let mut first = Snapshot::new("1.2.3");
    let_say(&mut first, "kept", 1);
    write(&*open(), &mut first);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, first) = (open(), &first);
            scope.spawn(move || {
                let name = format!("r{writer}");
                let lock = lock_part(&*store, &name).expect("it is free");
                let mut last = first.clone();
                for round in 0..ROUNDS {
                    let base = last.clone();
                    let_say(&mut last, &name, round);
                    let mut next = last.clone();
                    assert!(store.merge(&base, &mut next).expect("it can be written"));
                    let mut same = last.clone();
                    assert!(!store.merge(&last, &mut same).expect("it can be written"));
                }
                lock.release().expect("the lock can be given back");
            });
        }
    });
    let last = read(&*open());
    assert_eq!(last.serial, 1 + WRITERS * ROUNDS);
    let mut expect = first.clone();
    for writer in 0..WRITERS {
        let_say(&mut expect, &format!("r{writer}"), ROUNDS - 1);
    }
    assert_eq!(last.resources, expect.resources);
}

fn merges_into_a_first_state(open: Open<'_>) {
    let (store, other) = (open(), open());
    let lock = lock_part(&*store, "a").expect("it is free");
    let beside = lock_part(&*other, "b").expect("it is free");
    for (store, name) in [(&store, "a"), (&other, "b")] {
        let base = Snapshot::new("1.2.3");
        let mut next = base.clone();
        let_say(&mut next, name, 1);
        assert!(store.merge(&base, &mut next).expect("it can be written"));
    }
    lock.release().expect("the lock can be given back");
    beside.release().expect("the lock can be given back");
    let last = read(&*open());
    assert_eq!((last.serial, last.resources.len()), (2, 2));
}

fn refuses_what_is_not_locked(open: Open<'_>) {
    let store = open();
    let mut first = Snapshot::new("1.2.3");
    let_say(&mut first, "a", 1);
    write(&*store, &mut first);
    let lock = lock_part(&*store, "a/b").expect("it is free");
    for name in ["b", "c"] {
        let mut next = first.clone();
        let_say(&mut next, name, 1);
        let error = store
            .merge(&first, &mut next)
            .expect_err("it is not locked");
        let expect = format!("x.{name} is not locked");
        assert!(error.to_string().contains(&expect), "{error}");
    }
    lock.release().expect("the lock can be given back");
    assert_eq!(read(&*store), first);
}
