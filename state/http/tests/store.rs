//! States behind a server of the test's own, also when it misbehaves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod server;

use std::time::{Duration, Instant};

use muster_http::HttpBackend;
use muster_snapshot::Snapshot;
use muster_store::{Backend, Codec, LockInfo, Settings, Store, StoreError, conformance};
use serde_json::json;

use server::{Fault, Server};

/// The usual settings for a server, with more of them.
fn settings(server: &Server, more: serde_json::Value) -> Settings {
    let address = &server.address;
    let mut settings = json!({
        "address": format!("{address}/state"),
        "lock_address": format!("{address}/lock"),
        "unlock_address": format!("{address}/lock"),
        "retry_wait_min": 0,
    });
    let all = settings.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    all.clone()
}

fn backend(server: &Server, more: serde_json::Value) -> Box<dyn Backend> {
    HttpBackend::open(&settings(server, more), Codec::default()).unwrap()
}

fn store(server: &Server, more: serde_json::Value) -> Box<dyn Store> {
    backend(server, more).open("default").unwrap()
}

fn lock(store: &dyn Store) -> Result<muster_store::LockGuard, StoreError> {
    store.lock(LockInfo::new("OperationTypeApply", "1"), Duration::ZERO)
}

#[test]
fn does_what_every_store_does() {
    conformance::run(|case| {
        let server = Server::start();
        case(&|| store(&server, json!({})));
    });
}

#[test]
fn requests_are_those_of_terraform() {
    let server = Server::start();
    let more = json!({
        "address": format!("{}/state?x=1", server.address),
        "update_method": "PUT",
        "username": "me",
        "password": "secret",
    });
    let store = store(&server, more);
    let guard = lock(&*store).unwrap();
    let id = guard.info().id.clone();
    store.write(&mut Snapshot::new("1.2.3")).unwrap();
    guard.release().unwrap();
    let seen = server.inside().seen.clone();
    let put = seen.iter().find(|s| s.method == "PUT").unwrap();
    assert_eq!(put.header("content-type"), Some("application/json"));
    assert_eq!(put.header("authorization"), Some("Basic bWU6c2VjcmV0"));
    assert_eq!(put.header("content-md5").map(str::len), Some(24));
    assert_eq!(seen[0].body, seen.last().unwrap().body);
    let expect = [
        "LOCK /lock".to_owned(),
        "GET /state?x=1".to_owned(),
        format!("PUT /state?ID={id}&x=1"),
        "UNLOCK /lock".to_owned(),
    ];
    assert_eq!(server.asked(), expect);
    assert!(!store.describe().contains("x=1"), "{}", store.describe());
}

#[test]
fn tokens_and_headers_are_sent() {
    let server = Server::start();
    let check = |more: serde_json::Value, name: &str, expect: Option<&str>| {
        store(&server, more).read().unwrap();
        let seen = server.inside().seen.pop().unwrap();
        assert_eq!(seen.header(name), expect);
    };
    check(json!({"token": "t"}), "authorization", Some("Bearer t"));
    check(json!({"headers": {"X-Who": "me"}}), "x-who", Some("me"));
    check(json!({}), "authorization", None);
    let address = server.address.replace("//", "//a%40b:c@");
    let more = json!({"address": address});
    assert!(!store(&server, more.clone()).describe().contains('@'));
    check(more, "authorization", Some("Basic YUBiOmM="));
}

#[test]
fn a_state_without_lock_address_is_not_locked() {
    let server = Server::start();
    let store = store(&server, json!({"lock_address": null}));
    let (one, other) = (lock(&*store).unwrap(), lock(&*store).unwrap());
    store.write(&mut Snapshot::new("1.2.3")).unwrap();
    drop((one, other));
    assert_eq!(server.asked(), ["GET /state", "POST /state"]);
    let refused = store.force_unlock("x");
    assert!(matches!(refused, Err(StoreError::Unsupported { .. })));
}

#[test]
fn there_is_only_the_default_workspace() {
    let server = Server::start();
    let backend = backend(&server, json!({}));
    assert_eq!(backend.workspaces().unwrap(), ["default"]);
    assert!(matches!(
        backend.open("x").err(),
        Some(StoreError::Unsupported { .. })
    ));
    assert!(matches!(
        backend.create("x"),
        Err(StoreError::Unsupported { .. })
    ));
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn locks_are_taken_away_by_id_only() {
    let server = Server::start();
    let (ours, theirs) = (store(&server, json!({})), store(&server, json!({})));
    let guard = lock(&*theirs).unwrap();
    let id = guard.info().id.clone();
    let refused = ours.force_unlock("x");
    assert!(
        matches!(&refused, Err(StoreError::Locked { holder: Some(h), .. }) if h.id == id),
        "{refused:?}"
    );
    ours.force_unlock(&id).unwrap();
    assert!(server.inside().lock.is_none());
    let refused = ours.force_unlock(&id);
    assert!(
        matches!(refused, Err(StoreError::NotLocked { .. })),
        "{refused:?}"
    );
    assert!(server.inside().lock.is_none());
    assert!(guard.release().is_err());
    let guard = lock(&*theirs).unwrap();
    ours.force_unlock(&guard.info().id.clone()).unwrap();
    let other = lock(&*ours).unwrap();
    let lost = guard.release();
    assert!(
        matches!(&lost, Err(StoreError::LockLost { reason, .. }) if reason.contains(&other.info().who)),
        "{lost:?}"
    );
    other.release().unwrap();
}

#[test]
fn weak_moments_pass() {
    let check = |fault: Fault| {
        let server = Server::start();
        let store = store(&server, json!({}));
        let mut snapshot = Snapshot::new("1.2.3");
        // The first request of each kind: lock, read, write, read again, unlock.
        server.fail([fault.clone()]);
        let guard = lock(&*store).unwrap();
        server.fail([fault.clone()]);
        assert_eq!(store.read().unwrap(), None, "{fault:?}");
        server.fail([Fault::Slow(Duration::ZERO), fault.clone()]);
        assert!(store.write(&mut snapshot).unwrap(), "{fault:?}");
        server.fail([fault.clone()]);
        assert_eq!(store.read().unwrap().as_ref(), Some(&snapshot), "{fault:?}");
        server.fail([fault.clone()]);
        guard.release().unwrap_or_else(|e| panic!("{fault:?}: {e}"));
        assert!(server.inside().lock.is_none(), "{fault:?}");
        assert!(lock(&*store).is_ok(), "{fault:?}");
    };
    check(Fault::Status(500));
    check(Fault::Status(503));
    check(Fault::Status(429));
    check(Fault::Cut);
    check(Fault::LoseAnswer);
    check(Fault::Garbage);
    check(Fault::WrongSum);
    check(Fault::Slow(Duration::from_millis(300)));
}

#[test]
fn half_an_answer_is_none() {
    let server = Server::start();
    let store = store(&server, json!({}));
    let mut snapshot = Snapshot::new("1.2.3");
    store.write(&mut snapshot).unwrap();
    server.fail([Fault::CutAnswer, Fault::CutAnswer]);
    assert_eq!(store.read().unwrap().as_ref(), Some(&snapshot));
    server.fail([Fault::CutAnswer, Fault::CutAnswer, Fault::CutAnswer]);
    assert!(matches!(store.read(), Err(StoreError::Remote { .. })));
}

#[test]
fn a_state_that_was_stored_without_an_answer_is_stored() {
    let server = Server::start();
    let store = store(&server, json!({"retry_max": 0}));
    let mut snapshot = Snapshot::new("1.2.3");
    server.fail([Fault::Slow(Duration::ZERO), Fault::LoseAnswer]);
    assert!(store.write(&mut snapshot).unwrap());
    assert_eq!(snapshot.serial, 1);
    server.fail([Fault::Slow(Duration::ZERO), Fault::Cut]);
    snapshot.checks = muster_snapshot::JsonText::parse("1").ok();
    assert!(matches!(
        store.write(&mut snapshot),
        Err(StoreError::Remote { .. })
    ));
    assert_eq!(snapshot.serial, 1);
    assert!(store.write(&mut snapshot).unwrap());
}

#[test]
fn refusals_are_told() {
    let server = Server::start();
    let store = store(
        &server,
        json!({"retry_max": 1, "password": "secret", "username": "u"}),
    );
    let check = |faults: &[Fault], expect: &str, requests: usize| {
        server.asked();
        server.fail(faults.iter().cloned());
        let text = match store.read() {
            Err(error) => error.to_string(),
            Ok(state) => panic!("{faults:?}: {state:?}"),
        };
        assert!(text.contains(expect), "{faults:?}: {text}");
        assert!(text.contains(&store.describe()), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(server.asked().len(), requests, "{faults:?}");
    };
    check(
        &[Fault::Status(401)],
        "other credentials (status 401): so it is",
        1,
    );
    check(&[Fault::Status(403)], "other credentials (status 403)", 1);
    check(&[Fault::Status(400)], "status 400", 1);
    check(&[Fault::Status(501)], "status 501", 1);
    check(
        &[Fault::Status(500), Fault::Status(503)],
        "status 503: so it is, 2 times",
        2,
    );
    check(&[Fault::Cut, Fault::Cut], "cannot read", 2);
    check(&[Fault::Body("<html>")], "cannot be used", 1);
    check(&[Fault::Body("{\"version\": 99}")], "cannot be used", 1);
    server.fail([Fault::Body("")]);
    assert_eq!(store.read().unwrap(), None);
    let gone = Server::start().address.replace("127.0.0.1", "127.0.0.2");
    let gone = self::store(&server, json!({"address": gone, "retry_max": 0}));
    assert!(matches!(
        gone.read(),
        Err(StoreError::Remote { action: "read", .. })
    ));
}

#[test]
fn a_lock_that_says_nothing_is_still_one() {
    let server = Server::start();
    let store = store(&server, json!({}));
    for status in [409, 423] {
        server.fail([Fault::Status(status)]);
        let refused = lock(&*store);
        assert!(
            matches!(refused, Err(StoreError::Locked { holder: None, .. })),
            "{refused:?}"
        );
    }
    // Somebody else's lock refuses writes, too.
    server.inside().lock = Some(br#"{"ID":"x","Who":"them"}"#.to_vec());
    let refused = store.write(&mut Snapshot::new("1.2.3"));
    assert!(
        matches!(&refused, Err(StoreError::Locked { holder: Some(h), .. }) if h.who == "them"),
        "{refused:?}"
    );
    assert!(refused.is_err_and(|refusal| refusal.is_overtaken()));
    assert!(server.inside().state.is_none());
}

#[test]
fn redirects_keep_what_is_asked() {
    let (server, target) = (Server::start(), Server::start());
    let store = store(
        &server,
        json!({"username": "u", "password": "p", "lock_address": null}),
    );
    let there = || format!("{}/there", target.address);
    let mut snapshot = Snapshot::new("1.2.3");
    server.fail([Fault::Redirect(302, there()), Fault::Redirect(307, there())]);
    store.write(&mut snapshot).unwrap();
    assert!(target.inside().state.is_some());
    let secrets = target
        .inside()
        .seen
        .iter()
        .filter_map(|s| s.header("authorization"))
        .count();
    assert_eq!(secrets, 0, "another server does not learn who asks");
    assert_eq!(target.asked(), ["GET /there", "POST /there"]);
    snapshot.checks = muster_snapshot::JsonText::parse("1").ok();
    server.inside().state = target.inside().state.clone();
    server.fail([Fault::Slow(Duration::ZERO), Fault::Redirect(302, there())]);
    assert!(store.write(&mut snapshot).is_err());
    assert_eq!(target.asked(), [""; 0], "it would have stored nothing");
}

#[test]
fn waits_as_long_as_the_server_says() {
    let server = Server::start();
    let store = store(&server, json!({"retry_wait_min": 1, "retry_wait_max": 1}));
    let started = Instant::now();
    server.fail([Fault::Status(503), Fault::Status(503)]);
    assert_eq!(store.read().unwrap(), None);
    assert!(started.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn works_inside_of_a_runtime() {
    let server = Server::start();
    let store = store(&server, json!({}));
    let guard = lock(&*store).unwrap();
    assert!(store.write(&mut Snapshot::new("1.2.3")).unwrap());
    drop(guard);
    drop(store);
}

#[test]
fn wrong_settings_are_named() {
    let server = Server::start();
    let check = |more: serde_json::Value, expect: &str| {
        let settings = settings(&server, more.clone());
        match HttpBackend::open(&settings, Codec::default()) {
            Err(StoreError::Setting { name, .. }) => assert_eq!(name, expect, "{more}"),
            other => panic!("{more}: {:?}", other.err()),
        }
    };
    check(json!({"address": null}), "address");
    check(json!({"address": ""}), "address");
    check(json!({"address": "ftp://x"}), "address");
    check(json!({"lock_address": "x"}), "lock_address");
    check(json!({"lock_method": "A B"}), "lock_method");
    check(json!({"retry_max": -1}), "retry_max");
    check(json!({"retry_wait_min": 1.5}), "retry_wait_min");
    check(json!({"username": "u", "token": "t"}), "token");
    check(json!({"token": "a\nb"}), "token");
    check(json!({"headers": {"a b": "c"}}), "headers");
    check(json!({"headers": {"content-type": "c"}}), "headers");
    check(
        json!({"token": "t", "headers": {"Authorization": "c"}}),
        "headers",
    );
    check(
        json!({"client_ca_certificate_pem": "c"}),
        "client_ca_certificate_pem",
    );
    check(
        json!({"client_certificate_pem": "c"}),
        "client_private_key_pem",
    );
    check(
        json!({"client_private_key_pem": "c"}),
        "client_certificate_pem",
    );
}
