//! Locks on states as rows, and changes side by side.

use std::thread;
use std::time::Duration;

use muster_snapshot::Snapshot;
use muster_store::StoreError;

use crate::rows::{info, open, table};
use crate::support::{Server, query};

const PATIENT: Duration = Duration::from_secs(60);

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
