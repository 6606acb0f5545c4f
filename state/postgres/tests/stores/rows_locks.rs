//! Locks on states as rows, and changes side by side.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use muster_addr::AbsResource;
use muster_postgres::{RowsBackend, RowsStore};
use muster_snapshot::Snapshot;
use muster_store::{Codec, Settings, Store, StoreError};

use crate::rows::{info, open, state, table};
use crate::support::{Server, query};

const PATIENT: Duration = Duration::from_secs(60);

fn connect(settings: &Settings) -> RowsStore {
    let backend = RowsBackend::connect(settings, Codec::default());
    backend.expect("the database can be used").store("default")
}

/// Renames the resource `x.r` of a state.
fn renamed(state: &Snapshot, name: &str) -> Snapshot {
    let text = String::from_utf8(muster_snapshot::encode(state)).expect("it is text");
    let text = text.replace("\"name\": \"r\"", &format!("\"name\": {name:?}"));
    muster_snapshot::decode(text.as_bytes()).expect("it is a state")
}

fn resources(names: &[&str]) -> BTreeSet<AbsResource> {
    let parsed = names.iter().map(|name| name.parse());
    parsed
        .collect::<Result<_, _>>()
        .expect("they are addresses")
}

#[test]
fn locks_end_after_their_holders() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut settings = server.settings();
    settings.insert("lock_lease".to_owned(), 2.into());
    let (store, other) = (open(&settings), open(&settings));
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    thread::sleep(Duration::from_secs(4));
    assert!(
        other.lock(info(), Duration::ZERO).is_err(),
        "it is prolonged"
    );
    lock.release().unwrap();
    let locks = table(&settings, "locks");
    query(
        &settings,
        &format!(
            "INSERT INTO {locks} VALUES ('default', 'gone', '{{}}', now() + interval '1 second')"
        ),
    );
    match store.lock(info(), Duration::ZERO) {
        Err(StoreError::Locked { holder, .. }) => assert_eq!(holder.unwrap().id, "gone"),
        other => panic!("not refused as it should be: {other:?}"),
    }
    let lock = store.lock(info(), PATIENT).unwrap();
    store.write(&mut Snapshot::new("1")).unwrap();
    lock.release().unwrap();
}

#[test]
fn who_has_lost_the_lock_writes_nothing() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let (store, other) = (open(&settings), open(&settings));
    assert!(matches!(
        other.force_unlock("x"),
        Err(StoreError::NotLocked { .. })
    ));
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let refused = other.force_unlock("x");
    assert!(
        matches!(
            refused,
            Err(StoreError::Locked {
                holder: Some(_),
                ..
            })
        ),
        "{refused:?}"
    );
    other.force_unlock(&lock.info().id).unwrap();
    let error = store
        .write(&mut Snapshot::new("1"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("was taken away"), "{error}");
    let second = other.lock(info(), Duration::ZERO).unwrap();
    let error = store
        .write(&mut Snapshot::new("1"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("holds one now"), "{error}");
    assert!(matches!(lock.release(), Err(StoreError::NotLocked { .. })));
    assert!(other.write(&mut Snapshot::new("1")).unwrap());
    second.release().unwrap();
}

#[test]
fn different_resources_are_changed_side_by_side() {
    const WRITERS: u64 = 3;
    const ROUNDS: u64 = 8;
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let mut first = Snapshot::new("1.11.4");
    open(&settings).write(&mut first).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, first) = (connect(&settings), &first);
            scope.spawn(move || {
                let name = format!("r{writer}");
                let own = resources(&[&format!("x.{name}")]);
                let lock = store.lock_resources(info(), &own, Duration::ZERO).unwrap();
                let mut last = first.clone();
                for round in 0..ROUNDS {
                    let base = last.clone();
                    let mut made = renamed(&state(&last, &[&round.to_string()]), &name);
                    last.resources.append(&mut made.resources);
                    assert!(store.merge(&base, &mut last).unwrap());
                    assert!(!store.merge(&last.clone(), &mut last).unwrap());
                }
                lock.release().unwrap();
            });
        }
    });
    let last = open(&settings).read().unwrap().unwrap();
    assert_eq!(last.serial, 1 + WRITERS * ROUNDS);
    assert_eq!(last.instances().count() as u64, WRITERS);
    let text = String::from_utf8(muster_snapshot::encode(&last)).unwrap();
    assert_eq!(
        text.matches("\"v\": \"7\"").count() as u64,
        WRITERS,
        "{text}"
    );
}

#[test]
fn locks_on_resources_are_in_the_way_of_the_same_ones() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let (store, other) = (connect(&settings), connect(&settings));
    let check = |wanted: Option<&[&str]>, expect: Result<(), &str>| {
        let taken = match wanted {
            Some(names) => other.lock_resources(info(), &resources(names), Duration::ZERO),
            None => other.lock(info(), Duration::ZERO),
        };
        match (taken, expect) {
            (Ok(lock), Ok(())) => lock.release().unwrap(),
            (Err(StoreError::Locked { place, holder }), Err(expect)) => {
                assert!(place.starts_with(expect), "{place}");
                assert_eq!(holder.unwrap().operation, "apply");
            }
            (taken, _) => panic!("{taken:?} instead of {expect:?}"),
        }
    };
    let held = resources(&["x.a", "module.m[\"k\"].x.a"]);
    let lock = store.lock_resources(info(), &held, Duration::ZERO).unwrap();
    check(Some(&["x.b", "module.m[\"l\"].x.a"]), Ok(()));
    check(Some(&["x.b", "x.a"]), Err("x.a in workspace"));
    check(
        Some(&["module.m[\"k\"].x.a"]),
        Err("module.m[\"k\"].x.a in workspace"),
    );
    check(None, Err("x.a in workspace"));
    let mut next = renamed(&state(&Snapshot::new("1"), &["1"]), "b");
    let error = store.write(&mut next).unwrap_err().to_string();
    assert!(error.contains("x.b is not locked"), "{error}");
    assert!(store.replace(&next).is_err());
    next = renamed(&state(&next, &["1"]), "a");
    assert!(store.write(&mut next).unwrap());
    lock.release().unwrap();
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    check(Some(&["x.b"]), Err("x.b in workspace"));
    check(None, Err("workspace"));
    lock.release().unwrap();
    check(None, Ok(()));
}
