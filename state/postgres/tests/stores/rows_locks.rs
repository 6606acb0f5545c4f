//! Locks on states as rows, and changes side by side.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use muster_postgres::RowsBackend;
use muster_snapshot::{JsonText, Snapshot};
use muster_store::{Backend, Codec, LockGuard, Part, Settings, Store, StoreError};

use crate::rows::{info, open, table};
use crate::support::{Server, Session, query};

/// A last guard: tests wait for events.
pub(crate) const PATIENT: Duration = Duration::from_secs(120);

/// Waits until a statement answers something else than `f` and than nothing.
pub(crate) fn wait_for(settings: &Settings, statement: &str) {
    let started = Instant::now();
    while ["", "f"].contains(&&*query(settings, statement)) {
        assert!(started.elapsed() < PATIENT, "{statement}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the only lock is prolonged.
fn wait_for_a_beat(settings: &Settings) {
    let locks = table(settings, "locks");
    let before = query(settings, &format!("SELECT expires FROM {locks}"));
    let later = format!("SELECT expires > '{before}' FROM {locks}");
    wait_for(settings, &later);
}

/// Begins to write, and goes on with `meanwhile` when the write is in the middle of its
/// transaction.
fn write_slowly(settings: &Settings, store: &dyn Store, meanwhile: impl FnOnce()) {
    let versions = table(settings, "versions");
    let mut session = Session::start(settings);
    session.run(&format!("BEGIN; LOCK TABLE {versions} IN SHARE MODE"));
    thread::scope(|scope| {
        let writer = scope.spawn(|| store.write(&mut Snapshot::new("1")));
        let waits = format!(
            "SELECT true FROM pg_locks
             WHERE relation = '{versions}'::regclass AND NOT granted"
        );
        wait_for(settings, &waits);
        meanwhile();
        session.run("COMMIT");
        assert!(writer.join().expect("it ends").expect("it is written"));
    });
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
    wait_for_a_beat(&settings);
    lock.release().unwrap();
    let locks = table(&settings, "locks");
    let add =
        format!("INSERT INTO {locks} VALUES ('default', 'gone', '{{}}', now() + interval '1 day')");
    query(&settings, &add);
    match store.lock(info(), Duration::ZERO) {
        Err(StoreError::Locked { holder, .. }) => assert_eq!(holder.unwrap().id, "gone"),
        other => panic!("not refused as it should be: {other:?}"),
    }
    end_all(&settings);
    assert!(
        matches!(other.force_unlock("x"), Err(StoreError::NotLocked { .. })),
        "who is gone holds nothing"
    );
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    store.write(&mut Snapshot::new("1")).unwrap();
    lock.release().unwrap();
}

/// Ends all locks, as if their time were over.
fn end_all(settings: &Settings) {
    let locks = table(settings, "locks");
    let end = format!("UPDATE {locks} SET expires = clock_timestamp() - interval '1 second'");
    query(settings, &format!("SET lock_timeout = '60s'; {end}"));
}

#[test]
fn locks_are_prolonged_while_their_holders_write() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut settings = server.settings();
    settings.insert("lock_lease".to_owned(), 2.into());
    let (store, other) = (open(&settings), open(&settings));
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    write_slowly(&settings, &*store, || {
        wait_for_a_beat(&settings);
        let refused = other.lock(info(), Duration::ZERO);
        assert!(
            matches!(refused, Err(StoreError::Locked { .. })),
            "{refused:?}"
        );
    });
    lock.release().unwrap();
}

#[test]
fn locks_do_not_end_before_the_writes_that_rest_on_them() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut settings = server.settings();
    // So long that nothing is prolonged before the test is over.
    settings.insert("lock_lease".to_owned(), 100_000.into());
    let (store, other) = (open(&settings), open(&settings));
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    write_slowly(&settings, &*store, || {
        end_all(&settings);
        match other.lock(info(), Duration::ZERO) {
            Err(StoreError::Locked { holder, .. }) => {
                assert_eq!(holder.unwrap().id, lock.info().id);
            }
            other => panic!("two hold it: {other:?}"),
        }
    });
    let second = other.lock(info(), Duration::ZERO).unwrap();
    let refused = store.write(&mut Snapshot::new("2")).unwrap_err();
    assert!(refused.to_string().contains("holds one now"), "{refused}");
    second.release().unwrap();
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

/// A part that is one resource, which is changed.
fn part_of(resource: &str) -> Part {
    Part {
        writes: [resource.parse().expect("it is an address")].into(),
        reads: [].into(),
    }
}

/// What is told of the loss of a lock.
pub(crate) fn losses(lock: &LockGuard) -> Receiver<String> {
    let (tell, told) = channel();
    lock.on_loss(move |error| {
        // A test that failed listens no more.
        let _ = tell.send(error.to_string());
    });
    told
}

#[test]
fn the_loss_of_a_lock_is_noticed_without_a_write() {
    let Some(server) = Server::start() else {
        return;
    };
    for (writes, says) in [
        // Somebody else has what this run changes, or other things only.
        (
            "{x_y.b}",
            "and somebody@else (process 7) holds one now on x_y.b",
        ),
        ("{x_y.c}", "was taken away"),
    ] {
        let settings = server.settings();
        let store = open(&settings);
        let part = part_of("x_y.b");
        let lock = store.lock_part(info(), &part, Duration::ZERO).unwrap();
        let told = losses(&lock);
        lock.check().unwrap();
        let locks = table(&settings, "locks");
        query(
            &settings,
            &format!(
                "UPDATE {locks} SET id = 'theirs', writes = '{writes}',
                 info = '{{\"Who\":\"somebody@else\",\"Info\":\"process 7\"}}'"
            ),
        );
        let loss = told.recv_timeout(PATIENT).unwrap();
        assert!(loss.contains(says), "{loss}");
        assert!(matches!(lock.check(), Err(StoreError::LockLost { .. })));
        assert!(matches!(lock.release(), Err(StoreError::NotLocked { .. })));
    }
}

#[test]
fn a_lock_outlives_the_sessions_of_its_holder() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.database();
    let (store, other) = (open(&settings), open(&settings));
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    for _ in 0..2 {
        query(
            &settings,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        let refused = other.lock(info(), Duration::ZERO);
        assert!(
            matches!(refused, Err(StoreError::Locked { .. })),
            "{refused:?}"
        );
    }
    assert!(store.write(&mut Snapshot::new("1")).unwrap());
    lock.check().unwrap();
    lock.release().unwrap();
}

#[test]
fn a_workspace_that_was_deleted_does_not_come_back_by_a_write() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let backend = RowsBackend::connect(&settings, Codec::default()).unwrap();
    let store = backend.store("x");
    let mut state = Snapshot::new("1");
    assert!(store.write(&mut state).unwrap(), "the first write makes it");
    backend.delete("x").unwrap();
    state.terraform_version = "2".to_owned();
    state.checks = JsonText::parse("[1]").ok();
    for is_there in [false, true] {
        if is_there {
            backend.create("x").unwrap();
        }
        let refused = store.write(&mut state);
        assert!(
            matches!(refused, Err(StoreError::Deleted { .. })),
            "{refused:?}"
        );
        let expect = ["default", "x"];
        let expect = &expect[..1 + usize::from(is_there)];
        assert_eq!(backend.workspaces().unwrap(), expect);
    }
}
