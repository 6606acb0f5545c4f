//! What happens when the service does not do what it should.

use std::time::Duration;

use muster_snapshot::{JsonText, Snapshot};
use muster_store::{Backend as _, LockInfo, Store, StoreError, conformance};
use serde_json::json;

use super::fake::{Act, Fake};
use super::{backend, hasty};

const STATE: &str = "/states/dir/tf.state";
const LOCK: &str = "/states/dir/tf.state.tflock";

fn request(method: &str, path: &str) -> String {
    format!("{method} {path}")
}

fn open(fake: &Fake) -> Box<dyn Store> {
    backend(&fake.url, json!({})).open("default").unwrap()
}

fn info() -> LockInfo {
    LockInfo::new("apply", "0.0.0")
}

/// A store with a state whose serial number is 1.
fn filled(fake: &Fake) -> (Box<dyn Store>, Snapshot) {
    let store = open(fake);
    let mut snapshot = Snapshot::new("1.2.3");
    assert!(store.write(&mut snapshot).unwrap());
    snapshot.checks = JsonText::parse("1").ok();
    (store, snapshot)
}

/// Weak moments that pass.
fn weak() -> [Act; 4] {
    [
        Act::Refuse(500, "InternalError"),
        Act::Cut,
        Act::Refuse(503, "SlowDown"),
        Act::Refuse(409, "ConditionalRequestConflict"),
    ]
}

#[test]
fn stores_do_what_stores_must() {
    conformance::run(|case| {
        let fake = Fake::start();
        case(&|| open(&fake));
    });
}

#[test]
fn weak_moments_pass() {
    let fake = Fake::start();
    let (store, mut snapshot) = filled(&fake);
    for path in [STATE, LOCK] {
        for method in ["GET", "PUT"] {
            fake.next(&request(method, path), weak());
        }
    }
    fake.next(&request("DELETE", LOCK), weak());
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    assert!(store.write(&mut snapshot).unwrap());
    assert_eq!(store.read().unwrap().unwrap(), snapshot);
    lock.release().unwrap();
    assert_eq!(fake.object(LOCK), None);
    assert_eq!(fake.count(&request("DELETE", LOCK)), 5);
}

#[test]
fn lost_answers_do_no_harm() {
    let fake = Fake::start();
    let (store, mut snapshot) = filled(&fake);
    for request in [
        request("PUT", LOCK),
        request("PUT", STATE),
        request("DELETE", LOCK),
    ] {
        fake.next(&request, [Act::ServeAndCut]);
    }
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    assert!(store.write(&mut snapshot).unwrap());
    assert_eq!(
        (snapshot.serial, store.read().unwrap().unwrap()),
        (2, snapshot.clone())
    );
    lock.release().unwrap();
    // All answers are lost, but the state is there.
    fake.next(&request("PUT", STATE), vec![Act::ServeAndCut; 5]);
    snapshot.checks = JsonText::parse("2").ok();
    assert!(store.write(&mut snapshot).unwrap());
    assert_eq!(snapshot.serial, 3);
}

#[test]
fn a_lock_is_not_taken_from_others_when_an_answer_is_lost() {
    let fake = Fake::start();
    let store = open(&fake);
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    // The lock is free after the first request, and somebody is quick.
    let other = serde_json::to_vec(&info()).unwrap();
    let quick = Act::ServeAndPut(LOCK, other.clone());
    fake.next(&request("DELETE", LOCK), [quick]);
    lock.release().unwrap();
    assert_eq!(fake.object(LOCK), Some(other));
    assert_eq!(fake.count(&request("DELETE", LOCK)), 1);
}

#[test]
fn slow_and_broken_answers_are_asked_for_again() {
    let fake = Fake::start();
    let (_, snapshot) = filled(&fake);
    let store = hasty(&fake.url).open("default").unwrap();
    let stored = store.read().unwrap().unwrap();
    assert_ne!(stored, snapshot);
    for act in [
        Act::Half,
        Act::Delay(Duration::from_secs(3)),
        Act::Delay(Duration::from_millis(300)),
    ] {
        fake.next(&request("GET", STATE), [act]);
        assert_eq!(store.read().unwrap().unwrap(), stored);
    }
    fake.next(&request("GET", STATE), [Act::Flip]);
    let refused = store.read().unwrap_err().to_string();
    assert!(refused.contains("checksum"), "{refused}");
}

#[test]
fn what_does_not_pass_is_told() {
    let check = |acts: Vec<Act>, expect: &str| {
        let fake = Fake::start();
        let (store, mut snapshot) = filled(&fake);
        fake.next(&request("PUT", STATE), acts);
        let refused = store.write(&mut snapshot).unwrap_err().to_string();
        assert!(refused.contains(expect), "{refused}");
        assert!(!refused.contains("very-secret-key"), "{refused}");
        assert_eq!(
            (snapshot.serial, store.read().unwrap().unwrap().serial),
            (1, 1)
        );
        assert!(store.write(&mut snapshot).unwrap(), "it can be done later");
    };
    check(
        vec![Act::Refuse(500, "InternalError"); 5],
        "InternalError (status 500)",
    );
    check(vec![Act::Cut; 5], "there is no answer");
    check(
        vec![Act::Refuse(403, "AccessDenied")],
        "the credentials do not allow it",
    );
    check(
        vec![Act::Refuse(404, "NoSuchBucket")],
        "the bucket does not exist",
    );
    check(
        vec![Act::Refuse(400, "InvalidRequest")],
        "InvalidRequest (status 400): no",
    );
}

#[test]
fn a_state_that_cannot_be_seen_is_not_taken_for_none() {
    let fake = Fake::start();
    let (store, mut snapshot) = filled(&fake);
    for code in ["", "NoSuchBucket", "NotFound"] {
        fake.next(&request("GET", STATE), vec![Act::Refuse(404, code); 2]);
        for refused in [
            store.read().map(|_| ()),
            store.write(&mut snapshot).map(|_| ()),
        ] {
            assert!(
                matches!(refused, Err(StoreError::Remote { .. })),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn only_one_holds_the_lock_in_a_race() {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    const RACERS: u32 = 4;
    const WINS: u32 = 200;
    let fake = Fake::start();
    let (is_held, wins) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..RACERS {
            scope.spawn(|| {
                let store = open(&fake);
                while wins.load(Ordering::SeqCst) < WINS {
                    match store.lock(info(), Duration::ZERO) {
                        Ok(lock) => {
                            assert!(!is_held.swap(true, Ordering::SeqCst), "two hold it");
                            wins.fetch_add(1, Ordering::SeqCst);
                            assert!(is_held.swap(false, Ordering::SeqCst));
                            lock.release().unwrap();
                        }
                        Err(StoreError::Locked { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(fake.object(LOCK), None);
}

#[test]
fn a_state_that_others_wrote_is_not_overwritten() {
    let fake = Fake::start();
    let (store, mut snapshot) = filled(&fake);
    // Somebody writes between the look at the stored state and the write.
    let mut other = snapshot.clone();
    other.serial = 7;
    let bytes = muster_snapshot::encode(&other);
    fake.next(&request("PUT", STATE), [Act::After(STATE, bytes)]);
    let refused = store.write(&mut snapshot);
    assert!(
        matches!(
            refused,
            Err(StoreError::Stale {
                stored: 7,
                given: 1
            })
        ),
        "{refused:?}"
    );
    assert_eq!(snapshot.serial, 1);
    assert_eq!(store.read().unwrap().unwrap(), other);
}

#[test]
fn services_without_conditions_are_used_with_care() {
    let fake = Fake::start();
    let (store, mut snapshot) = filled(&fake);
    fake.next(&request("PUT", STATE), [Act::Refuse(501, "NotImplemented")]);
    assert!(store.write(&mut snapshot).unwrap());
    assert_eq!(store.read().unwrap().unwrap(), snapshot);
    fake.next(&request("PUT", LOCK), [Act::Refuse(501, "NotImplemented")]);
    let refused = store.lock(info(), Duration::ZERO).unwrap_err().to_string();
    assert!(refused.contains("which locks need"), "{refused}");
}

#[test]
fn bytes_that_are_no_state_are_told() {
    let fake = Fake::start();
    let (store, mut snapshot) = filled(&fake);
    let good = fake.object(STATE).unwrap();
    for bytes in [&good[..good.len() / 2], b"\0", b"{}", b"[1]", b"null"] {
        fake.put(STATE, bytes);
        for refused in [
            store.read().map(|_| ()),
            store.write(&mut snapshot).map(|_| ()),
        ] {
            assert!(
                matches!(refused, Err(StoreError::Corrupt { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(fake.object(STATE).unwrap(), bytes);
    }
    fake.put(STATE, b"");
    assert_eq!(store.read().unwrap(), None, "as Terraform has it");
}

#[test]
fn locks_that_make_no_sense_are_locks() {
    let fake = Fake::start();
    let store = open(&fake);
    fake.put(LOCK, b"junk");
    let refused = store.lock(info(), Duration::ZERO).unwrap_err();
    assert!(
        matches!(refused, StoreError::Locked { holder: None, .. }),
        "{refused:?}"
    );
    let refused = store.force_unlock("x").unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused:?}");
}

#[test]
fn locks_can_be_taken_away() {
    let fake = Fake::start();
    let store = open(&fake);
    let refused = store.force_unlock("x").unwrap_err();
    assert!(
        matches!(refused, StoreError::NotLocked { .. }),
        "{refused:?}"
    );
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    let refused = store.force_unlock("x").unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Locked {
                holder: Some(_),
                ..
            }
        ),
        "{refused:?}"
    );
    store.force_unlock(&lock.info().id.clone()).unwrap();
    let lost = lock.release().unwrap_err();
    assert!(matches!(lost, StoreError::LockLost { .. }), "{lost:?}");
    let lock = store.lock(info(), Duration::ZERO).unwrap();
    store.force_unlock(&lock.info().id.clone()).unwrap();
    let other = store.lock(info(), Duration::ZERO).unwrap();
    let lost = lock.release().unwrap_err().to_string();
    let expect = format!("and {} holds it now", other.info().who);
    assert!(lost.contains(&expect), "{lost}");
    other.release().unwrap();
}
