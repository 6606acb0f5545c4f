use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_snapshot::{Attributes, JsonText, Object};
use muster_value::{Type, Value};

use super::*;
use crate::{About, LocalStore, LockInfo, Seal, SealError, Store};

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
    assert_eq!(store.history().unwrap()[0].who, "");
    let mut next = theirs.clone();
    let ours_again = write(&store, &mut next, 1);
    assert_eq!(serials(&store), [8, 7, 2, 1]);
    for state in [&ours[0], &ours[1], &theirs, &ours_again[0]] {
        assert_eq!(store.version(state.serial).unwrap().as_ref(), Some(state));
    }
    std::fs::remove_file(place.path()).unwrap();
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
    let (entries, good) = frame::read(&file);
    assert_eq!(good, file.len());
    entries
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
    let other = place.store().with_codec(Codec::sealed(Arc::new(Shift(5))));
    let before = std::fs::read(place.history()).unwrap();
    other.replace(all.last().unwrap()).unwrap();
    assert_ne!(std::fs::read(place.history()).unwrap(), before);
    check(&other, &[5, 5, 4, 3, 2, 1]);
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
