use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_snapshot::{Attributes, JsonText, Object};
use muster_value::{Type, Value};

use super::*;
use crate::{About, LocalStore, LockInfo, RemarkKind, Seal, SealError, Store, disk};

fn says(state: &mut Snapshot, addr: &str, text: &str) {
    let object = Object {
        attributes: Attributes::Json(JsonText::parse(&format!("{{\"is\":\"{text}\"}}")).unwrap()),
        ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
    };
    let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
    state.put(&addr.parse().unwrap(), &provider, object);
}

/// A state of `n` instances.
fn state_of(n: usize) -> Snapshot {
    let mut state = Snapshot::new("1.2.3");
    (0..n).for_each(|i| says(&mut state, &format!("x_y.a[{i}]"), &format!("value {i}")));
    state
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("terraform.tfstate")
    }

    fn history(&self) -> PathBuf {
        self.folder.path().join(".terraform.tfstate.history")
    }

    fn store(&self) -> LocalStore {
        LocalStore::new(self.path())
    }

    /// What is kept of damaged histories.
    fn damaged(&self) -> Vec<Vec<u8>> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let files = files.map(|e| e.unwrap().path());
        let copies = files.filter(|path| path.extension().is_some_and(|end| end == "damaged"));
        copies.map(|path| std::fs::read(path).unwrap()).collect()
    }

    fn size(&self) -> u64 {
        std::fs::metadata(self.history()).unwrap().len()
    }
}

fn serials(store: &LocalStore) -> Vec<u64> {
    store.history().unwrap().iter().map(|v| v.serial).collect()
}

/// Writes `n` more states and gives all that were written.
fn write(store: &LocalStore, state: &mut Snapshot, n: u64) -> Vec<Snapshot> {
    let mut all = Vec::new();
    for i in 0..n {
        says(state, "x_y.b", &format!("{} after {i}", state.serial));
        assert!(store.write(state).unwrap());
        all.push(state.clone());
    }
    all
}

#[test]
fn all_kept_states_come_back() {
    let place = Place::new();
    let store = place.store();
    assert_eq!(store.history().unwrap(), []);
    assert_eq!(store.version(1).unwrap(), None);
    let all = write(&store, &mut state_of(60), 130);
    let newest: Vec<_> = (81..=130).rev().collect();
    assert_eq!(serials(&store), newest);
    for state in &all {
        let kept = (newest.contains(&state.serial)).then_some(state);
        assert_eq!(store.version(state.serial).unwrap().as_ref(), kept);
    }
    let first = &store.history().unwrap()[0];
    assert_eq!(first.instances, 61);
    assert!(
        first.who.contains('@') && first.created.ends_with('Z'),
        "{first:?}"
    );
}

#[test]
fn a_small_change_takes_little_room() {
    let place = Place::new();
    let store = place.store();
    let mut state = state_of(2000);
    write(&store, &mut state, 1);
    let whole = place.size();
    write(&store, &mut state, 1);
    let change = place.size() - whole;
    assert!(change < 1000, "{change} bytes beside {whole}");
    write(&store, &mut state, 200);
    assert!(place.size() < whole * 5, "{} beside {whole}", place.size());
}

#[test]
fn what_others_wrote_is_kept_too() {
    let place = Place::new();
    let store = place.store();
    let mut state = state_of(3);
    let ours = write(&store, &mut state, 2);
    let mut theirs = state.clone();
    theirs.serial = 7;
    says(&mut theirs, "x_y.c", "theirs");
    std::fs::write(place.path(), muster_snapshot::encode(&theirs)).unwrap();
    assert_eq!(
        serials(&store),
        [7, 2, 1],
        "the present one is always there"
    );
    let present = store.history().unwrap()[0].clone();
    assert_eq!(present.who, "");
    assert_eq!(store.version_of(&present).unwrap().as_ref(), Some(&theirs));
    let mut next = theirs.clone();
    let ours_again = write(&store, &mut next, 1);
    assert_eq!(serials(&store), [8, 7, 2, 1]);
    let present = store.history().unwrap()[0].clone();
    assert_eq!(
        store.version_of(&present).unwrap(),
        Some(ours_again[0].clone())
    );
    for state in [&ours[0], &ours[1], &theirs, &ours_again[0]] {
        assert_eq!(store.version(state.serial).unwrap().as_ref(), Some(state));
    }
    std::fs::remove_file(place.path()).unwrap();
    assert_eq!(store.read().unwrap(), None);
    let remarks = store.take_remarks();
    assert!(
        matches!(&remarks[..], [one] if one.kind == RemarkKind::Missing && one.text.contains("state restore 8")),
        "{remarks:?}"
    );
    let mut anew = state_of(1);
    write(&store, &mut anew, 1);
    assert_eq!(serials(&store), [1, 8, 7, 2, 1]);
    assert_eq!(store.version(1).unwrap(), Some(anew));
}

#[test]
fn states_put_in_place_are_kept() {
    let place = Place::new();
    let store = place.store();
    let all = write(&store, &mut state_of(3), 2);
    let other = Snapshot {
        serial: 2,
        ..state_of(5)
    };
    store.replace(&other).unwrap();
    assert_eq!(serials(&store), [2, 2, 1]);
    assert_eq!(store.version(2).unwrap().as_ref(), Some(&other));
    assert_eq!(store.version(1).unwrap().as_ref(), Some(&all[0]));
    // Also those whose number another one has.
    let versions = store.history().unwrap();
    let found = versions.iter().map(|v| store.version_of(v).unwrap());
    let found: Vec<Snapshot> = found.flatten().collect();
    assert_eq!(found, [other, all[1].clone(), all[0].clone()]);
    std::fs::write(place.path(), "damaged").unwrap();
    assert_eq!(serials(&store), [2, 2, 1], "those before it can be read");
    assert_eq!(store.version(1).unwrap().as_ref(), Some(&all[0]));
    store.replace(&all[0]).unwrap();
    assert_eq!(serials(&store), [1, 2, 2, 1]);
}

#[test]
fn damage_does_not_harm_the_state() {
    let place = Place::new();
    let whole = {
        let all = write(&place.store(), &mut state_of(3), 3);
        assert_eq!(all.len(), 3);
        std::fs::read(place.history()).unwrap()
    };
    let mut bad: Vec<Vec<u8>> = (0..whole.len())
        .step_by(29)
        .map(|l| whole[..l].to_vec())
        .collect();
    bad.extend((0..whole.len()).step_by(31).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        bytes
    }));
    for bytes in bad {
        std::fs::write(place.history(), &bytes).unwrap();
        let store = place.store();
        let mut state = store.read().unwrap().unwrap();
        assert_eq!(serials(&store)[0], state.serial);
        write(&store, &mut state, 1);
        assert_eq!(store.read().unwrap().as_ref(), Some(&state));
        for serial in serials(&store) {
            let found = store.version(serial).unwrap().unwrap();
            assert_eq!(found.serial, serial);
        }
    }
}

#[test]
fn a_history_that_cannot_be_written_does_not_stop_anybody() {
    let place = Place::new();
    std::fs::create_dir(place.history()).unwrap();
    let store = place.store();
    let mut state = state_of(3);
    let lock = store
        .lock(LockInfo::new("apply", "1"), Duration::ZERO)
        .unwrap();
    write(&store, &mut state, 2);
    lock.release().unwrap();
    let remarks = store.take_remarks();
    assert!(
        matches!(&remarks[..], [one] if one.kind == RemarkKind::History && one.text.contains(".history")),
        "{remarks:?}"
    );
    assert_eq!(store.read().unwrap(), Some(state));
    assert!(store.history().is_err());
}

/// Adds a number to every byte, which is no encryption but shows who does what.
#[derive(Debug)]
struct Shift(u8);

impl Seal for Shift {
    fn seal(&self, plain: &[u8], _: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
        let sealed: Vec<u8> = plain.iter().map(|b| b.wrapping_add(self.0)).collect();
        serde_json::to_vec(&(self.0, sealed)).map_err(|e| SealError(e.to_string()))
    }

    fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
        match serde_json::from_slice::<(u8, Vec<u8>)>(stored) {
            Ok((key, sealed)) => Ok(sealed.iter().map(|b| b.wrapping_sub(key)).collect()),
            Err(_) => Ok(stored.to_vec()),
        }
    }
}

/// The bytes of all entries, inflated where they can be.
fn legible(path: &Path) -> Vec<bool> {
    let file = std::fs::read(path).unwrap();
    let found = frame::read(&file);
    assert_eq!((found.end, found.lost), (file.len(), 0));
    found
        .entries
        .iter()
        .map(|e| delta::decode_whole(e.body).is_ok() || Delta::decode(e.body).is_ok())
        .collect()
}

#[test]
fn nothing_stays_in_plain_text_once_states_are_encrypted() {
    let place = Place::new();
    let mut state = state_of(3);
    let mut all = write(&place.store(), &mut state, 3);
    assert_eq!(legible(&place.history()), [true; 3]);
    let sealed = || place.store().with_codec(Codec::sealed(Arc::new(Shift(9))));
    all.extend(write(&sealed(), &mut state, 2));
    assert_eq!(legible(&place.history()), [false; 5]);
    let check = |store: &LocalStore, expect: &[u64]| {
        assert_eq!(serials(store), expect);
        for state in &all {
            assert_eq!(store.version(state.serial).unwrap().as_ref(), Some(state));
        }
    };
    check(&sealed(), &[5, 4, 3, 2, 1]);
    let without = place.store().version(3).unwrap_err().to_string();
    assert!(without.contains("It is encrypted"), "{without}");
    let other = place.store().with_codec(Codec::sealed(Arc::new(Shift(5))));
    let before = std::fs::read(place.history()).unwrap();
    other.replace(all.last().unwrap()).unwrap();
    assert_ne!(std::fs::read(place.history()).unwrap(), before);
    check(&other, &[5, 5, 4, 3, 2, 1]);
}

/// Reads what has its own number only, and no plain text.
#[derive(Debug)]
struct Strict(u8);

impl Seal for Strict {
    fn seal(&self, plain: &[u8], about: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
        Shift(self.0).seal(plain, about)
    }

    fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
        match serde_json::from_slice::<(u8, Vec<u8>)>(stored) {
            Ok((key, _)) if key == self.0 => Shift(key).open(stored),
            _ => Err(SealError("it has another key".into())),
        }
    }
}

#[test]
fn states_that_cannot_be_read_keep_nothing_from_a_new_key() {
    let place = Place::new();
    let with = |seal: Arc<dyn Seal>| place.store().with_codec(Codec::sealed(seal));
    let mut state = state_of(3);
    write(&with(Arc::new(Strict(1))), &mut state, 2);
    // Somebody had lost the key for a while.
    std::fs::remove_file(place.path()).unwrap();
    let mut anew = state_of(3);
    anew.serial = 10;
    let all = write(&with(Arc::new(Strict(2))), &mut anew, 2);
    // Reads what has any key but the first one.
    #[derive(Debug)]
    struct From2To3;
    impl Seal for From2To3 {
        fn seal(&self, plain: &[u8], about: Option<About<'_>>) -> Result<Vec<u8>, SealError> {
            Strict(3).seal(plain, about)
        }

        fn open(&self, stored: &[u8]) -> Result<Vec<u8>, SealError> {
            Strict(3).open(stored).or_else(|_| Strict(2).open(stored))
        }
    }
    let store = with(Arc::new(From2To3));
    store.replace(all.last().unwrap()).unwrap();
    let remarks = store.take_remarks();
    let says = format!("2 of the states in {}", place.history().display());
    assert!(
        matches!(&remarks[..], [one] if one.kind == RemarkKind::Rekey && one.text.contains(&says)),
        "{remarks:?}"
    );
    let now = with(Arc::new(Strict(3)));
    for state in &all {
        assert_eq!(now.version(state.serial).unwrap().as_ref(), Some(state));
    }
    assert!(now.version(2).is_err());
    // It is there still, for whoever finds the key.
    let before = with(Arc::new(Strict(1)));
    assert_eq!(before.version(2).unwrap(), Some(state));
}

#[test]
fn a_history_that_cannot_be_encrypted_anew_is_told() {
    let place = Place::new();
    let sealed = |key| {
        place
            .store()
            .with_codec(Codec::sealed(Arc::new(Shift(key))))
    };
    let all = write(&sealed(1), &mut state_of(3), 2);
    let store = sealed(2);
    let check = |good: u32| {
        disk::faults::fail_sync_after(good);
        let replaced = store.replace(all.last().unwrap());
        assert!(disk::faults::end(), "there were no more than {good}");
        (replaced.is_ok(), store.take_remarks())
    };
    // Sooner or later it is the history that fails, and the state is stored by then.
    let told = (0..50).map(check).find(|(is_stored, _)| *is_stored);
    let (_, remarks) = told.unwrap();
    assert!(
        matches!(&remarks[..], [one] if one.kind == RemarkKind::Rekey && one.text.contains("stays as it is")),
        "{remarks:?}"
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    write(&place.store(), &mut state_of(1), 2);
    let mode = || {
        std::fs::metadata(place.history())
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(), 0o600);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.history(), open).unwrap();
    let mut state = place.store().read().unwrap().unwrap();
    write(&place.store(), &mut state, 1);
    assert_eq!(mode(), 0o600);
}

/// A state as applies leave them: outputs, several resources, values that look alike.
fn real_state() -> Snapshot {
    let mut state = state_of(12);
    for name in ["web", "db", "queue"] {
        says(
            &mut state,
            &format!("module.m.x_{name}.a"),
            &format!("i-0{name}12af"),
        );
    }
    let output = muster_snapshot::OutputValue {
        value: Value::object([("port", Value::int(8080))]),
        sensitive: true,
    };
    state.outputs.insert("address".into(), output);
    state
}

#[test]
fn no_flipped_bit_is_silent() {
    let place = Place::new();
    let states = write(&place.store(), &mut real_state(), 5);
    let stored = states.last().unwrap();
    let whole = std::fs::read(place.path()).unwrap();
    let mut seed = 1_u64;
    let (mut refused, mut told) = (0, 0);
    for _ in 0..200 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bit = usize::try_from(seed >> 33).unwrap() % (whole.len() * 8);
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(place.path(), &bytes).unwrap();
        let store = place.store();
        match store.read() {
            Err(_) => refused += 1,
            Ok(_) if !store.take_remarks().is_empty() => told += 1,
            // What names the program that wrote it says nothing of any object.
            Ok(Some(read)) => assert!(
                read.same_content(stored) && read.serial == stored.serial,
                "bit {bit} is silent: {}",
                String::from_utf8_lossy(&bytes[bit / 8 - 20..bit / 8 + 20])
            ),
            Ok(None) => panic!("bit {bit}"),
        }
    }
    assert!(refused > 150, "{refused} refused, {told} told");
    std::fs::write(place.path(), &whole).unwrap();
    assert_eq!(place.store().read().unwrap().as_ref(), Some(stored));
}

/// Puts bytes in the place of the state, and reads it.
fn read_as(place: &Place, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(place.path(), bytes).unwrap();
    let store = place.store();
    let read = store.read().map_err(|e| e.to_string());
    assert!(read.is_err() || store.take_remarks().is_empty());
    read.map(|_| ())
}

#[test]
fn what_others_write_is_no_damage() {
    let place = Place::new();
    let states = write(&place.store(), &mut state_of(3), 3);
    let [first, .., last] = &states[..] else {
        panic!("there are three");
    };
    let check = |state: &Snapshot, change: &dyn Fn(&mut Snapshot)| {
        let mut state = state.clone();
        change(&mut state);
        read_as(&place, &muster_snapshot::encode(&state)).unwrap();
    };
    check(last, &|s| {
        s.serial += 1;
        says(s, "x_y.b", "theirs");
    });
    // Changed and changed back.
    check(last, &|s| s.serial += 3);
    // Written again by a later version, which has changed nothing.
    check(last, &|s| s.terraform_version = "9.9.9".into());
    let text = String::from_utf8(muster_snapshot::encode(last)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    read_as(&place, value.to_string().as_bytes()).unwrap();
    // A backup that was put back, and one that is not known any more.
    check(first, &|_| {});
    check(first, &|s| {
        s.serial = 0;
        says(s, "x_y.b", "older");
    });
    // Another state altogether.
    check(&state_of(7), &|_| {});
    check(&Snapshot::new("1"), &|_| {});
}

#[test]
fn what_nobody_has_written_is_refused() {
    let place = Place::new();
    let states = write(&place.store(), &mut state_of(3), 3);
    let last = states.last().unwrap();
    let check = |change: &dyn Fn(&mut Snapshot), restored: u64| {
        let mut state = last.clone();
        change(&mut state);
        let error = read_as(&place, &muster_snapshot::encode(&state)).unwrap_err();
        let advice = format!("`muster state restore {restored}`");
        assert!(
            error.contains(&advice) && error.contains("state push -force"),
            "{error}"
        );
        let store = place.store();
        assert_eq!(store.version(restored).unwrap().unwrap().serial, restored);
    };
    check(&|s| says(s, "x_y.b", "by hand"), 3);
    check(&|s| s.lineage.push('x'), 3);
    check(&|s| s.serial = 0, 3);
    check(&|s| s.serial = 2, 2);
    // It can be accepted as it is.
    let mut edited = last.clone();
    says(&mut edited, "x_y.b", "by hand");
    place.store().replace(&edited).unwrap();
    assert_eq!(place.store().read().unwrap(), Some(edited));
}

#[test]
fn a_number_that_may_be_damaged_is_told() {
    let place = Place::new();
    let states = write(&place.store(), &mut state_of(3), 5);
    let renumbered = Snapshot {
        serial: 7,
        ..states.last().unwrap().clone()
    };
    std::fs::write(place.path(), muster_snapshot::encode(&renumbered)).unwrap();
    let store = place.store();
    for _ in 0..2 {
        assert_eq!(store.read().unwrap().as_ref(), Some(&renumbered));
    }
    let remarks = store.take_remarks();
    assert!(
        remarks.len() == 1
            && remarks[0].kind == RemarkKind::Damage
            && remarks[0].text.contains("stored as number 5"),
        "{remarks:?}"
    );
    assert_eq!(store.take_remarks(), []);
}

#[test]
fn damage_inside_of_a_history_is_told_and_kept() {
    let place = Place::new();
    let all = write(&place.store(), &mut state_of(3), 60);
    assert_eq!(place.store().history().map(|v| v.len()).unwrap(), KEPT);
    assert_eq!(place.store().take_remarks(), []);
    let mut bytes = std::fs::read(place.history()).unwrap();
    let found = frame::read(&bytes);
    let starts: Vec<usize> = found.entries.iter().map(|e| e.start).collect();
    let next_whole = (21..60).find(|at| found.entries[*at].head.whole).unwrap();
    // Damages number 21.
    bytes[starts[20] + 30] ^= 1;
    std::fs::write(place.history(), &bytes).unwrap();

    let store = place.store();
    let mut state = store.read().unwrap().unwrap();
    let lost = 21..=u64::try_from(next_whole).unwrap();
    let expect = |newest: u64| -> Vec<u64> {
        let all = (1..=newest).rev().filter(|n| !lost.contains(n));
        all.take(KEPT).collect()
    };
    assert_eq!(serials(&store), expect(60));
    let remarks = store.take_remarks();
    assert!(
        remarks.len() == 1
            && remarks[0].kind == RemarkKind::Damage
            && remarks[0].text.contains("states are missing"),
        "{remarks:?}"
    );
    write(&store, &mut state, 1);
    assert_eq!(serials(&store), expect(61));
    let remarks = store.take_remarks();
    assert!(
        remarks.len() == 1
            && remarks[0].kind == RemarkKind::Damage
            && remarks[0].text.contains("is kept as it was in"),
        "{remarks:?}"
    );
    for serial in [12, 20, 60] {
        let kept = store.version(serial).unwrap();
        let written = all.iter().find(|s| s.serial == serial);
        assert_eq!(kept.as_ref(), written, "{serial}");
    }
    assert_eq!(place.damaged(), [bytes]);
    // The file itself is as good as new.
    assert_eq!(place.store().take_remarks(), []);
    place.store().history().unwrap();
    assert_eq!(place.store().take_remarks(), []);
}

#[test]
fn what_is_damaged_is_kept_when_a_history_is_encrypted_anew() {
    let with = |place: &Place, key: Option<u8>| match key {
        None => place.store(),
        Some(key) => (place.store()).with_codec(Codec::sealed(Arc::new(Shift(key)))),
    };
    let check = |old: Option<u8>, damage: &dyn Fn(&mut Vec<u8>)| {
        let place = Place::new();
        let all = write(&with(&place, old), &mut state_of(3), 4);
        let mut bytes = std::fs::read(place.history()).unwrap();
        damage(&mut bytes);
        std::fs::write(place.history(), &bytes).unwrap();
        let store = with(&place, Some(9));
        store.replace(all.last().unwrap()).unwrap();
        let told = store.take_remarks();
        let says = "is kept as it was in";
        assert!(told.iter().any(|r| r.text.contains(says)), "{told:?}");
        let kept = place.damaged();
        assert_eq!(kept.len(), 1, "{old:?}");
        // None of it becomes readable by that, or stays so.
        let opened = Shift(9).open(&kept[0]).unwrap();
        assert!(kept[0] == bytes || opened == bytes, "{old:?}");
        assert_eq!(old.is_none(), kept[0] != bytes);
        store.history().unwrap();
        assert_eq!(store.take_remarks(), [], "it is as good as new");
    };
    for old in [None, Some(1)] {
        check(old, &|bytes| bytes.truncate(bytes.len() - 7));
        check(old, &|bytes| {
            let starts: Vec<_> = (frame::read(bytes).entries.iter().map(|e| e.start)).collect();
            bytes[starts[1] + 30] ^= 1;
        });
    }
}
