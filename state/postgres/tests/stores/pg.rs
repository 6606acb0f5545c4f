//! States in Terraform's layout.

use std::time::Duration;

use muster_postgres::PgBackend;
use muster_snapshot::Snapshot;
use muster_store::{Backend, Codec, LockInfo, Settings, StoreError, conformance};

use crate::rows_locks::{PATIENT, losses};
use crate::support::{PASSWORD, Server, Session};

fn open(settings: &Settings) -> Box<dyn Backend> {
    PgBackend::open(settings, Codec::default()).expect("the database can be used")
}

fn info() -> LockInfo {
    LockInfo::new("apply", "0.0.0")
}

#[test]
fn conforms() {
    let Some(server) = Server::start() else {
        return;
    };
    conformance::run(|case| {
        let settings = server.database();
        case(&|| open(&settings).open("default").expect("it can be opened"));
    });
}

#[test]
fn workspaces_are_listed_made_and_deleted() {
    let Some(server) = Server::start() else {
        return;
    };
    let backend = open(&server.database());
    assert_eq!(backend.workspaces().unwrap(), ["default"]);
    backend.create("b").unwrap();
    backend.create("a").unwrap();
    backend.create("a").unwrap();
    assert_eq!(backend.workspaces().unwrap(), ["default", "a", "b"]);
    let mut state = backend.open("a").unwrap().read().unwrap().unwrap();
    assert!(state.is_empty());
    state
        .extra
        .push(("x".into(), muster_snapshot::JsonText::parse("1").unwrap()));
    assert!(backend.open("a").unwrap().write(&mut state).unwrap());
    // Who deletes it holds its lock until that is done.
    let store = backend.open("a").unwrap();
    let guard = store.lock(info(), Duration::ZERO).unwrap();
    backend.delete("a").unwrap();
    guard.release().unwrap();
    assert_eq!(backend.workspaces().unwrap(), ["default", "b"]);
    assert!(backend.delete("default").is_err());
    assert!(
        !backend.describe().contains(PASSWORD),
        "{}",
        backend.describe()
    );
}

#[test]
fn sessions_of_others_are_named_and_can_be_ended() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.database();
    let (store, other) = (
        open(&settings).open("w").unwrap(),
        open(&settings).open("w").unwrap(),
    );
    assert!(matches!(
        store.force_unlock("x"),
        Err(StoreError::NotLocked { .. })
    ));
    store.write(&mut Snapshot::new("1.2.3")).unwrap();
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    assert!(matches!(
        other.force_unlock("x"),
        Err(StoreError::Locked { .. })
    ));
    other.force_unlock(&lock.info().id).unwrap();
    let second = other.lock(info(), Duration::ZERO).unwrap();
    let mut state = store.read().unwrap().unwrap();
    state.terraform_version = "9".to_owned();
    state
        .extra
        .push(("x".into(), muster_snapshot::JsonText::parse("1").unwrap()));
    let refused = store.write(&mut state).unwrap_err().to_string();
    assert!(refused.contains("ended the lock"), "{refused}");
    lock.release().unwrap();
    assert!(
        other.write(&mut state).unwrap(),
        "the lock of another is not given back"
    );
    second.release().unwrap();
}

#[test]
fn who_makes_another_workspace_is_not_in_the_way() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.database();
    let backend = open(&settings);
    backend.create("x").unwrap();
    // There is no row of this one yet.
    let store = backend.open("default").unwrap();
    let first = store.lock(info(), Duration::ZERO).unwrap();
    let second = backend.open("x").unwrap();
    let second = second.lock(info(), Duration::ZERO).unwrap();
    let again = open(&settings).open("default").unwrap();
    assert!(matches!(
        again.lock(info(), Duration::ZERO),
        Err(StoreError::Locked { .. })
    ));
    second.release().unwrap();
    first.release().unwrap();
    // Of a session of Terraform nobody knows what it makes.
    let mut terraform = Session::start(&settings);
    terraform.run("DO $$ BEGIN PERFORM pg_advisory_lock(-1); END $$");
    let third = backend.open("x").unwrap();
    assert!(matches!(
        third.lock(info(), Duration::ZERO),
        Err(StoreError::Locked { .. })
    ));
}

#[test]
fn a_restart_in_the_middle_loses_nothing() {
    let Some(server) = Server::start_own("") else {
        return;
    };
    let settings = server.database();
    let store = open(&settings).open("default").unwrap();
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let mut state = Snapshot::new("1.2.3");
    store.write(&mut state).unwrap();
    server.crash();
    server.restart();
    state.checks = muster_snapshot::JsonText::parse("[1]").ok();
    assert!(store.write(&mut state).unwrap(), "the lock is taken again");
    assert!(
        open(&settings)
            .open("default")
            .unwrap()
            .lock(info(), Duration::ZERO)
            .is_err()
    );
    server.crash();
    state.checks = muster_snapshot::JsonText::parse("[2]").ok();
    let error = store.write(&mut state).unwrap_err();
    assert!(
        matches!(
            &error,
            StoreError::Remote {
                action: "write",
                ..
            }
        ),
        "{error}"
    );
    assert!(!error.to_string().contains(PASSWORD), "{error}");
    assert_eq!(state.serial, 2, "the new state is still to be written");
    server.restart();
    assert!(store.write(&mut state).unwrap());
    assert_eq!(store.read().unwrap(), Some(state));
    lock.release().unwrap();
}

#[test]
fn what_cannot_be_reached_is_said_without_secrets() {
    for (url, expect) in [
        (
            "postgres://u:hidden@127.0.0.1:1/d",
            "cannot prepare postgres://127.0.0.1:1/d",
        ),
        (
            "mysql://u:hidden@h/d",
            "\"conn_str\" of the backend is not a URL",
        ),
    ] {
        let mut settings = Settings::new();
        settings.insert("conn_str".to_owned(), url.into());
        let error = PgBackend::open(&settings, Codec::default())
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains(expect) && !error.contains("hidden"),
            "{error}"
        );
    }
}

#[test]
fn the_loss_of_a_lock_is_noticed_without_a_write() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.database();
    let (store, other) = (
        open(&settings).open("w").unwrap(),
        open(&settings).open("w").unwrap(),
    );
    store.write(&mut Snapshot::new("1.2.3")).unwrap();
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let told = losses(&lock);
    // Ends the session. Nobody else has the lock yet.
    other.force_unlock(&lock.info().id).unwrap();
    let second = other.lock(info(), Duration::ZERO).unwrap();
    let loss = told.recv_timeout(PATIENT).unwrap();
    let holder = format!(
        "{} ({}) holds it now",
        second.info().who,
        second.info().info
    );
    assert!(loss.contains(&holder), "{loss}");
    assert!(matches!(lock.check(), Err(StoreError::LockLost { .. })));
    lock.release().unwrap();
    second.release().unwrap();
}

#[test]
fn a_workspace_that_was_deleted_does_not_come_back_by_a_write() {
    let Some(server) = Server::start() else {
        return;
    };
    let backend = open(&server.database());
    let store = backend.open("x").unwrap();
    let mut state = Snapshot::new("1.2.3");
    assert!(store.write(&mut state).unwrap(), "the first write makes it");
    backend.delete("x").unwrap();
    state.checks = muster_snapshot::JsonText::parse("[1]").ok();
    let refused = store.write(&mut state);
    assert!(
        matches!(refused, Err(StoreError::Deleted { .. })),
        "{refused:?}"
    );
    assert_eq!(backend.workspaces().unwrap(), ["default"]);
}
