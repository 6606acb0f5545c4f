//! States as rows.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use muster_postgres::RowsBackend;
use muster_snapshot::Snapshot;
use muster_store::{
    About, Backend, Codec, LockInfo, Seal, SealError, Settings, Store, StoreError, conformance,
};

use crate::support::{PASSWORD, Server, query};

fn backend(settings: &Settings) -> Box<dyn Backend> {
    RowsBackend::open(settings, Codec::default()).expect("the database can be used")
}

pub(crate) fn open(settings: &Settings) -> Box<dyn Store> {
    let opened = backend(settings).open("default");
    opened.expect("it can be opened")
}

pub(crate) fn info() -> LockInfo {
    LockInfo::new("apply", "0.0.0")
}

/// A table as statements name it.
pub(crate) fn table(settings: &Settings, name: &str) -> String {
    let schema = settings["schema_name"].as_str().expect("there is one");
    format!("\"{schema}\".{name}")
}

/// Instances `x.r[N]` with these values.
pub(crate) fn state(of: &Snapshot, values: &[&str]) -> Snapshot {
    let instances: Vec<_> = (0..)
        .zip(values)
        .map(|(key, value): (u32, _)| {
            format!(
                r#"{{"index_key": {key}, "schema_version": 0, "attributes": {{"v": {value:?}}}}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"version": 4, "terraform_version": "1.11.4", "serial": {}, "lineage": {:?},
           "outputs": {{"o": {{"value": "shown", "type": "string"}}}},
           "resources": [{{"mode": "managed", "type": "x", "name": "r",
           "provider": "provider[\"example.com/x/y\"]", "instances": [{}]}}],
           "check_results": null}}"#,
        of.serial,
        of.lineage,
        instances.join(",")
    );
    muster_snapshot::decode(text.as_bytes()).expect("it is a state")
}

#[test]
fn conforms() {
    let Some(server) = Server::start() else {
        return;
    };
    conformance::run(|case| {
        let settings = server.settings();
        case(&|| open(&settings));
    });
}

#[test]
fn locks_parts() {
    let Some(server) = Server::start() else {
        return;
    };
    conformance::parts(|case| {
        let settings = server.settings();
        case(&|| open(&settings));
    });
}

#[test]
fn conforms_with_encryption() {
    let Some(server) = Server::start() else {
        return;
    };
    conformance::run(|case| {
        let settings = server.settings();
        case(&|| sealed(&settings));
    });
}

#[test]
fn workspaces_are_listed_made_and_deleted() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let backend = backend(&settings);
    for name in ["b", "a", "a"] {
        backend.create(name).unwrap();
    }
    assert_eq!(backend.workspaces().unwrap(), ["default", "a", "b"]);
    let store = backend.open("a").unwrap();
    assert_eq!(store.read().unwrap(), None);
    store
        .write(&mut state(&Snapshot::new("1"), &["1", "2"]))
        .unwrap();
    // Who deletes it holds its lock until that is done.
    let guard = store.lock(info(), Duration::ZERO).unwrap();
    backend.delete("a").unwrap();
    let other = backend.open("a").unwrap().lock(info(), Duration::ZERO);
    assert!(matches!(other, Err(StoreError::Locked { .. })), "{other:?}");
    guard.release().unwrap();
    assert_eq!(backend.workspaces().unwrap(), ["default", "b"]);
    assert_eq!(store.read().unwrap(), None);
    let rows = query(
        &settings,
        &format!("SELECT count(*) FROM {}", table(&settings, "instances")),
    );
    assert_eq!(rows, "0");
    assert!(backend.delete("default").is_err());
    assert!(
        !backend.describe().contains(PASSWORD),
        "{}",
        backend.describe()
    );
}

#[test]
fn every_state_is_kept_and_only_changes_are_written() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let (store, other) = (open(&settings), open(&settings));
    assert_eq!(store.history().unwrap(), []);
    let mut states = Vec::new();
    let mut last = Snapshot::new("1.11.4");
    for (values, store) in [
        (vec!["a", "b", "c"], &store),
        (vec!["a", "B", "c"], &store),
        (vec!["a", "B"], &other),
        (vec![], &store),
        (vec!["a", "b"], &other),
    ] {
        last = state(&last, &values);
        assert!(store.write(&mut last).unwrap());
        assert!(!store.write(&mut last).unwrap());
        states.push(last.clone());
    }
    let instances = table(&settings, "instances");
    let count = |of: &str| query(&settings, &format!("SELECT count(*) FROM {instances} {of}"));
    // Three, one that changed, one for the resource without instances, and two again.
    assert_eq!(
        (count(""), count("WHERE to_revision IS NULL")),
        ("7".into(), "2".into())
    );
    for (serial, state) in (1..).zip(&states) {
        assert_eq!(
            open(&settings).version(serial).unwrap().as_ref(),
            Some(state)
        );
    }
    assert_eq!(store.version(9).unwrap(), None);
    let history = store.history().unwrap();
    let shown: Vec<_> = history.iter().map(|v| (v.serial, v.instances)).collect();
    assert_eq!(shown, [(5, 2), (4, 0), (3, 2), (2, 3), (1, 3)]);
    assert!(
        history
            .iter()
            .all(|v| v.who == info().who && v.created.ends_with('Z'))
    );
    let mut old = states[1].clone();
    old.serial = 2;
    store.replace(&old).unwrap();
    assert_eq!(other.read().unwrap(), Some(old.clone()));
    assert_eq!(store.version(2).unwrap(), Some(old.clone()));
    assert_eq!(store.version(5).unwrap(), Some(states[4].clone()));
    let history = store.history().unwrap();
    assert_eq!(history.len(), 6);
    // Also the one whose number another one has.
    let twice: Vec<_> = history.iter().filter(|v| v.serial == 2).collect();
    let found = twice.iter().map(|v| store.version_of(v).unwrap().unwrap());
    assert_eq!(found.collect::<Vec<_>>(), [old, states[1].clone()]);
}

#[test]
fn restarts_of_the_server_lose_nothing() {
    let Some(server) = Server::start_own("") else {
        return;
    };
    let settings = server.settings();
    let store = open(&settings);
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let mut last = Snapshot::new("1");
    thread::scope(|scope| {
        let crashes = scope.spawn(|| {
            for _ in 0..4 {
                thread::sleep(Duration::from_millis(700));
                server.crash();
                server.restart();
            }
        });
        let mut written = 0u64;
        while !crashes.is_finished() {
            let value = written.to_string();
            last = state(&last, &["same", &value]);
            assert!(store.write(&mut last).unwrap(), "it is tried again");
            written += 1;
            assert_eq!(last.serial, written);
        }
    });
    assert_eq!(open(&settings).read().unwrap(), Some(last.clone()));
    assert_eq!(store.history().unwrap().len() as u64, last.serial);
    server.crash();
    let before = last.serial;
    last = state(&last, &["other"]);
    let error = store.write(&mut last).unwrap_err();
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
    assert_eq!(last.serial, before);
    server.restart();
    assert!(store.write(&mut last).unwrap());
    assert_eq!(open(&settings).read().unwrap(), Some(last));
    lock.release().unwrap();
}

#[test]
fn writers_without_locks_do_not_overwrite_each_other() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 10;
    let Some(server) = Server::start_own("default_transaction_isolation = 'serializable'") else {
        return;
    };
    let settings = server.settings();
    open(&settings).write(&mut Snapshot::new("1")).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = open(&settings);
            scope.spawn(move || {
                let mut left = ROUNDS;
                while left > 0 {
                    let value = format!("{writer} {left}");
                    let mut next = state(&store.read().unwrap().unwrap(), &[&value]);
                    match store.write(&mut next) {
                        Ok(written) => {
                            assert!(written);
                            left -= 1;
                        }
                        Err(StoreError::Stale { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let last = open(&settings).read().unwrap().unwrap();
    assert_eq!(last.serial, (1 + WRITERS * ROUNDS) as u64);
}

#[test]
fn what_was_tampered_with_is_refused() {
    let Some(server) = Server::start() else {
        return;
    };
    let check = |statement: &str, expect: &str| {
        let settings = server.settings();
        let mut good = state(&Snapshot::new("1"), &["a", "b"]);
        open(&settings).write(&mut good).unwrap();
        query(
            &settings,
            &statement.replace("instances", &table(&settings, "instances")),
        );
        let store = open(&settings);
        let error = store.read().unwrap_err().to_string();
        assert!(error.contains(expect), "{statement}: {error}");
        let mut next = state(&good, &["c"]);
        assert!(store.write(&mut next).is_err(), "{statement}");
        store.replace(&good).unwrap();
        assert_eq!(store.read().unwrap(), Some(good), "{statement}");
    };
    check(
        "DELETE FROM instances WHERE address = 'x.r[0]'",
        "1 rows of instances instead of 2",
    );
    check("UPDATE instances SET payload = '{}'", "cannot be used");
    check(
        "UPDATE instances SET payload = substr(payload, 9)",
        "cannot be used",
    );
    check(
        "UPDATE instances SET address = 'x.s'",
        "the row of x.s holds something else",
    );
}

#[test]
fn newer_layouts_are_refused() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    backend(&settings);
    let migrations = table(&settings, "migrations");
    query(
        &settings,
        &format!("INSERT INTO {migrations} (version) VALUES (99)"),
    );
    let error = RowsBackend::open(&settings, Codec::default())
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("have layout 99"), "{error}");
}

#[test]
fn many_instances_are_written_in_batches() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let values: Vec<_> = (0..5000).map(|n| format!("value {n}")).collect();
    let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut last = state(&Snapshot::new("1"), &values);
    let store = open(&settings);
    store.write(&mut last).unwrap();
    assert_eq!(open(&settings).read().unwrap(), Some(last.clone()));
    values[4000] = "another";
    last = state(&last, &values);
    store.write(&mut last).unwrap();
    let rows = query(
        &settings,
        &format!("SELECT count(*) FROM {}", table(&settings, "instances")),
    );
    assert_eq!(rows, "5001");
    assert_eq!(open(&settings).read().unwrap(), Some(last));
}

/// Turns all bits around, and takes plain text as well.
#[derive(Debug)]
struct Turned;

impl Seal for Turned {
    fn seal(&self, plain: &[u8], _: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
        Ok(plain.iter().map(|byte| !byte).collect())
    }

    fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
        match stored.first() {
            Some(b'{') => Ok(stored.to_vec()),
            _ => Ok(stored.iter().map(|byte| !byte).collect()),
        }
    }
}

fn sealed(settings: &Settings) -> Box<dyn Store> {
    let codec = Codec::sealed(Arc::new(Turned));
    let backend = RowsBackend::open(settings, codec).expect("the database can be used");
    backend.open("default").expect("it can be opened")
}

#[test]
fn rows_in_plain_text_are_encrypted_with_the_next_change() {
    let Some(server) = Server::start() else {
        return;
    };
    let settings = server.settings();
    let mut last = state(&Snapshot::new("1"), &["secret", "other"]);
    open(&settings).write(&mut last).unwrap();
    let plain = format!(
        "SELECT count(*) FROM {} WHERE to_revision IS NULL AND position('{{' IN encode(payload, 'escape')) = 1",
        table(&settings, "instances")
    );
    assert_eq!(query(&settings, &plain), "2");
    let store = sealed(&settings);
    assert_eq!(store.read().unwrap().as_ref(), Some(&last));
    last = state(&last, &["secret", "changed"]);
    assert!(store.write(&mut last).unwrap());
    assert_eq!(query(&settings, &plain), "0");
    assert_eq!(sealed(&settings).read().unwrap(), Some(last.clone()));
    assert!(open(&settings).read().is_err(), "it is encrypted");
    // The whole history goes with a state that is put in its place.
    let all = plain.replace("to_revision IS NULL AND ", "");
    assert_eq!(query(&settings, &all), "2");
    query(
        &settings,
        &format!(
            "UPDATE {} SET root = 'x' WHERE revision = 2",
            table(&settings, "versions")
        ),
    );
    store.replace(&last).unwrap();
    assert_eq!(query(&settings, &all), "0");
    assert!(store.version(1).unwrap().is_some());
}
