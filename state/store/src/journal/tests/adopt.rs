//! Journals that are brought in by hand.

use super::*;

#[test]
fn what_can_be_read_of_a_damaged_journal_is_adopted() {
    let place = Place::new();
    let (_, bytes) = damaged_inside(&place);
    let store = place.open();
    let [found] = &store.set_aside().unwrap()[..] else {
        panic!("it is listed");
    };
    assert_eq!(found.path, place.journal());
    assert!(found.damaged > 0 && found.changed.is_empty());
    let lock = Some((LockInfo::new("test", "0"), std::time::Duration::ZERO));
    let report = store.adopt(&place.journal(), lock).unwrap();
    assert_eq!(report.results, 0, "the only one is what is damaged");
    // The result is lost, so that its creation has no end, either.
    let open: Vec<_> = report
        .in_flight
        .iter()
        .map(|i| i.addr.to_string())
        .collect();
    assert_eq!(open, ["x_y.a", "x_y.b", "x_y.c"]);
    assert_eq!(fs::read(report.kept.unwrap()).unwrap(), bytes);
    assert_eq!(place.open().set_aside().unwrap(), []);
    assert_eq!(place.recover().2.len(), 2, "creations stay open");
}

#[test]
fn a_journal_that_was_set_aside_is_adopted() {
    let place = Place::new();
    let state = killed(&place);
    let mut other = Snapshot {
        serial: 7,
        ..state.clone()
    };
    put(&mut other, "x_y.a", "other");
    put(&mut other, "x_y.z", "other");
    fs::write(place.state(), muster_snapshot::encode(&other)).unwrap();
    place.recover();
    let store = place.open();
    let found = store.set_aside().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].changed, [addr("x_y.a")].into());
    let report = store.adopt(&found[0].path, None).unwrap();
    assert_eq!((report.results, report.damaged), (1, 0));
    let now = store.read().unwrap().unwrap();
    assert_eq!(now.serial, 8);
    let addrs: Vec<_> = now.instances().map(|(addr, ..)| addr.to_string()).collect();
    assert_eq!(addrs, ["x_y.a", "x_y.z"]);
    assert_eq!(store.set_aside().unwrap(), []);
    assert!(store.adopt(&place.state(), None).is_err(), "no journal");
    assert_eq!(
        store.in_flight().unwrap().len(),
        1,
        "what is in flight stays so"
    );
}

#[test]
fn a_journal_of_another_state_is_not_adopted() {
    let place = Place::new();
    killed(&place);
    let elsewhere = Place::new();
    LocalStore::new(elsewhere.state())
        .write(&mut Snapshot::new("1"))
        .unwrap();
    let before = fs::read(elsewhere.state()).unwrap();
    let refused = elsewhere.open().adopt(&place.journal(), None);
    assert!(matches!(refused, Err(crate::StoreError::Lineage { .. })));
    assert_eq!(fs::read(elsewhere.state()).unwrap(), before);
    assert!(place.journal().exists());
}

#[test]
fn a_damaged_journal_of_a_run_beside_others_is_adopted() {
    let place = Place::new();
    let mut state = Snapshot::new("1.2.3");
    put(&mut state, "x_y.old", "zero");
    place.open().write(&mut state).unwrap();
    let store = place.open();
    let part = crate::Part {
        writes: ["a", "b"]
            .map(|n| format!("x_y.{n}").parse().unwrap())
            .into(),
        reads: [].into(),
    };
    let info = || LockInfo::new("apply", "0");
    let now = std::time::Duration::ZERO;
    let guard = store.lock_part(info(), &part, now).unwrap();
    assert!(guard.is_shared());
    let journal = store.begin("apply", &state).unwrap();
    for at in ["x_y.a", "x_y.b"] {
        let id = journal.intent(intent(at, IntentAction::Create)).unwrap();
        put(&mut state, at, "one");
        journal.objects(&state, &addr(at), Some(id)).unwrap();
    }
    let other = place.open();
    assert_eq!(other.interrupted(), [], "it goes on");
    drop((journal, guard, store));
    let found = other.interrupted().pop().unwrap();
    assert_eq!((found.results, found.in_flight.len()), (2, 0));
    let mut path = place.journal().into_os_string();
    path.push("-1");
    let path = PathBuf::from(path);
    let mut bytes = fs::read(&path).unwrap();
    let sign = b"\"Objects\"";
    let at = bytes.windows(sign.len()).position(|w| w == sign).unwrap();
    bytes[at + 3] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let refused = place.open().lock(info(), now).map(|_| ()).unwrap_err();
    let advice = format!("recover -adopt {}", path.display());
    assert!(refused.to_string().contains(&advice), "{refused}");
    let report = place.open().adopt(&path, Some((info(), now))).unwrap();
    assert_eq!(report.results, 1);
    assert_eq!(fs::read(report.kept.unwrap()).unwrap(), bytes);
    assert!(!path.exists());
    let (read, _, in_flight) = place.recover();
    let addrs: Vec<_> = read.instances().map(|(a, ..)| a.to_string()).collect();
    assert_eq!(addrs, ["x_y.b", "x_y.old"]);
    assert_eq!(
        in_flight.len(),
        1,
        "what became of the other one is not known"
    );
}
