//! Moves of objects from one state to another: what is moved is recorded beside both states until
//! it is done, so that whoever works with one of them next knows of it.

use std::path::{Path, PathBuf};

use muster_addr::{AbsResource, InstanceAddr, InstanceKey, ModuleInstance, ResourceId};
use muster_snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::journal::as_text;
use crate::{Journaled, StoreError, os};

/// A move of objects from one state to another.
///
/// It is recorded on both sides before anything is written, at the new place first: nobody else
/// puts anything there from then on. Then the objects are written to their new place, then taken
/// out of the old one, and the records are removed. Whoever finds a record later knows by what
/// both places have how far it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Names it, on both sides.
    pub id: String,
    /// `user@host`.
    pub who: String,
    /// When it was begun, in the form of RFC 3339.
    pub created: String,
    /// Where the objects were.
    pub source: End,
    /// Where they are moved to.
    pub destination: End,
    /// What is moved.
    pub moves: Vec<Moved>,
    /// The side that this copy of the record is kept at.
    pub side: Side,
}

/// A side of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Where the objects were.
    Source,
    /// Where they are moved to.
    Destination,
}

/// One side of a move, and how commands get to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Names the state for people.
    pub place: String,
    /// The directory that commands on it are run in.
    pub folder: PathBuf,
    /// The workspace.
    pub workspace: String,
    /// The state file, where it is not that of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// An instance that is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Its address in the old state.
    #[serde(with = "as_text")]
    pub from: InstanceAddr,
    /// Its address in the new one.
    #[serde(with = "as_text")]
    pub to: InstanceAddr,
    /// A digest of its objects in the old state.
    pub digest: String,
    /// The same in the new state, where other instances may say something else of the resource.
    pub written: String,
}

/// How far an interrupted move has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing was written: the objects are where they were.
    Begun,
    /// The objects are in the new state, and these are still in the old one, as they were.
    Written(Vec<InstanceAddr>),
    /// The objects are in neither state any more: they were moved, and somebody has done something
    /// else with them since.
    Gone,
    /// One of the states was changed since, so that nobody can tell what is right. The addresses
    /// are those in the old state that speak against it.
    Unclear(Vec<InstanceAddr>),
}

impl Transfer {
    /// The copy of the record for a side.
    #[must_use]
    pub fn at(&self, side: Side) -> Self {
        Self {
            side,
            ..self.clone()
        }
    }

    /// How far it has come, by what both states have. States that are not there yet are empty.
    pub fn progress(&self, source: &Snapshot, destination: &Snapshot) -> Progress {
        let (mut left, mut odd, mut missing) = (Vec::new(), Vec::new(), Vec::new());
        for moved in &self.moves {
            let here = digest(source, &moved.from);
            let there = digest(destination, &moved.to);
            let as_it_was = here.as_ref() == Some(&moved.digest);
            match (here.is_some(), there) {
                // Another object of the same address did not come from here.
                (true, Some(there)) if !as_it_was || there != moved.written => {
                    odd.push(moved.from.clone());
                }
                (_, None) => missing.push((moved.from.clone(), here.is_some())),
                _ => {}
            }
            if as_it_was {
                left.push(moved.from.clone());
            }
        }
        if missing.len() == self.moves.len() {
            return match missing.iter().any(|(_, is_here)| *is_here) {
                true => Progress::Begun,
                false => Progress::Gone,
            };
        }
        // All of them are written at once. Those that were taken out again since are of no concern,
        // unless the old state still has them: they would be lost.
        odd.extend(
            missing
                .into_iter()
                .filter_map(|(a, is_here)| is_here.then_some(a)),
        );
        match odd.is_empty() {
            true => Progress::Written(left),
            false => Progress::Unclear(odd),
        }
    }
}

/// A digest of the objects of an instance, wherever it is. None if the state does not have it.
pub fn digest(state: &Snapshot, addr: &InstanceAddr) -> Option<String> {
    let resource = state.resources.get(&addr.resource)?;
    let instance = resource.instances.get(&addr.key)?;
    let mut part = Snapshot::default();
    let resource = muster_snapshot::Resource {
        instances: [(InstanceKey::None, instance.clone())].into(),
        ..resource.clone()
    };
    part.resources.insert(anywhere(addr), resource);
    let digest = Sha256::digest(muster_snapshot::encode(&part));
    Some(digest[..16].iter().map(|b| format!("{b:02x}")).collect())
}

/// An address that says no more than the type.
fn anywhere(addr: &InstanceAddr) -> AbsResource {
    AbsResource {
        module: ModuleInstance::root(),
        resource: ResourceId {
            name: "moved".into(),
            ..addr.resource.resource.clone()
        },
    }
}

impl Journaled {
    /// The same store for those who make or finish moves: the lock is taken although a move of
    /// objects of the state was interrupted.
    #[must_use]
    pub fn for_transfers(self) -> Self {
        Self {
            transfers: true,
            ..self
        }
    }

    /// The file in which moves of objects of this state are recorded.
    pub fn transfer_path(&self) -> PathBuf {
        self.journal_path().with_extension("move")
    }

    /// A move that was begun and is not known to be done.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn transfer(&self) -> Result<Option<Transfer>, StoreError> {
        let path = self.transfer_path();
        let sealed = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(StoreError::io("read", &path))?,
        };
        let opened = self.shared.codec.open(sealed);
        let plain = opened.map_err(|error| damaged(&path, &error.to_string()))?;
        let read = serde_json::from_slice(&plain);
        read.map(Some)
            .map_err(|error| damaged(&path, &error.to_string()))
    }

    /// Records a move. It is on disk afterwards.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn record_transfer(&self, transfer: &Transfer) -> Result<(), StoreError> {
        let path = self.transfer_path();
        let plain = serde_json::to_vec(transfer);
        let plain = plain.map_err(|error| damaged(&path, &error.to_string()))?;
        let sealed = self.shared.codec.seal(plain);
        let sealed = sealed.map_err(|error| damaged(&path, &error.to_string()))?;
        let folder = os::folder_of(&path);
        std::fs::create_dir_all(folder).map_err(StoreError::io("make", folder))?;
        os::replace(&path, &sealed).map_err(StoreError::io("write", &path))
    }

    /// Removes the record of a move, when it is done or given up.
    ///
    /// # Errors
    /// The record cannot be removed.
    pub fn clear_transfer(&self, id: &str) -> Result<(), StoreError> {
        if self.transfer()?.is_none_or(|found| found.id != id) {
            return Ok(());
        }
        self.drop_transfer()
    }

    /// Removes the record of a move, whatever it says, also where it cannot be read.
    ///
    /// # Errors
    /// The record cannot be removed.
    pub fn drop_transfer(&self) -> Result<(), StoreError> {
        let path = self.transfer_path();
        std::fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        let folder = os::folder_of(&path);
        os::sync_folder(folder).map_err(StoreError::io("write", folder))
    }

    /// Refuses a state that a move was interrupted in, to all but those who finish it.
    pub(crate) fn check_transfers(&self) -> Result<(), StoreError> {
        if self.transfers {
            return Ok(());
        }
        match self.transfer()? {
            Some(transfer) => Err(StoreError::Moving {
                record: self.transfer_path(),
                transfer: Box::new(transfer),
            }),
            None => Ok(()),
        }
    }
}

fn damaged(path: &Path, reason: &str) -> StoreError {
    StoreError::Journal {
        reason: format!(
            "{}: the record of a move to or from another state: {reason}",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use muster_snapshot::{Attributes, JsonText, Object};
    use muster_value::{Type, Value};

    use super::*;
    use crate::{Codec, LocalStore, LockInfo, Store};

    fn put(state: &mut Snapshot, at: &str, says: &str) {
        let object = Object {
            attributes: Attributes::Json(JsonText::parse(&format!("{{\"is\":{says:?}}}")).unwrap()),
            ..Object::encode(&Value::NULL, &Type::Dynamic).unwrap()
        };
        let provider = "provider[\"example.com/x/y\"]".parse().unwrap();
        state.put(&at.parse().unwrap(), &provider, object);
    }

    fn state(objects: &[(&str, &str)]) -> Snapshot {
        let mut state = Snapshot::new("1.2.3");
        for (at, says) in objects {
            put(&mut state, at, says);
        }
        state
    }

    fn end(place: &str) -> End {
        End {
            place: place.into(),
            folder: "/work".into(),
            workspace: "default".into(),
            file: None,
        }
    }

    /// Moves `x_y.a` and `x_y.b` to `x_y.c` and `x_y.d`.
    fn transfer() -> Transfer {
        let before = state(&[("x_y.a", "one"), ("x_y.b", "two")]);
        let moved = |from: &str, to: &str| {
            let from = from.parse().unwrap();
            Moved {
                digest: digest(&before, &from).unwrap(),
                written: digest(&before, &from).unwrap(),
                to: to.parse().unwrap(),
                from,
            }
        };
        Transfer {
            id: "t".into(),
            who: "me@here".into(),
            created: "2034-01-01T00:00:00Z".into(),
            source: end("here"),
            destination: end("there"),
            moves: vec![moved("x_y.a", "x_y.c"), moved("x_y.b", "x_y.d")],
            side: Side::Source,
        }
    }

    #[test]
    fn what_both_states_have_tells_how_far_it_came() {
        let check = |source: &[(&str, &str)], destination: &[(&str, &str)], expect: Progress| {
            let found = transfer().progress(&state(source), &state(destination));
            assert_eq!(found, expect, "{source:?} {destination:?}");
        };
        let addrs = |all: &[&str]| all.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>();
        let before = [("x_y.a", "one"), ("x_y.b", "two")];
        let after = [("x_y.c", "one"), ("x_y.d", "two")];
        check(&before, &[], Progress::Begun);
        check(&before, &[("x_y.other", "z")], Progress::Begun);
        check(
            &before,
            &after,
            Progress::Written(addrs(&["x_y.a", "x_y.b"])),
        );
        check(&[], &after, Progress::Written(Vec::new()));
        // Somebody has worked on with what was moved.
        let changed = [("x_y.c", "more"), ("x_y.d", "two")];
        check(&[], &changed, Progress::Written(Vec::new()));
        check(&before[1..], &changed, Progress::Written(addrs(&["x_y.b"])));
        // The new state has an object of its own where one should go.
        check(&before, &changed, Progress::Unclear(addrs(&["x_y.a"])));
        check(
            &before,
            &changed[..1],
            Progress::Unclear(addrs(&["x_y.a", "x_y.b"])),
        );
        // They were moved, and destroyed or moved on since.
        check(&[], &[], Progress::Gone);
        check(&[("x_y.other", "z")], &[], Progress::Gone);
        // The old state was worked on with, and the new one has nothing yet.
        check(&[("x_y.a", "more")], &[], Progress::Begun);
        check(&[], &after[..1], Progress::Written(Vec::new()));
        // Or with what should not be there any more.
        check(
            &[("x_y.a", "more"), ("x_y.b", "two")],
            &after,
            Progress::Unclear(addrs(&["x_y.a"])),
        );
        check(&before, &after[..1], Progress::Unclear(addrs(&["x_y.b"])));
    }

    #[test]
    fn an_instance_has_the_same_digest_wherever_it_is() {
        let before = state(&[("x_y.a", "one"), ("x_y.b", "two")]);
        let after = state(&[("module.m.x_y.c[\"k\"]", "one")]);
        let of = |state, at: &str| digest(state, &at.parse().unwrap());
        assert_eq!(of(&before, "x_y.a"), of(&after, "module.m.x_y.c[\"k\"]"));
        assert_ne!(of(&before, "x_y.a"), of(&before, "x_y.b"));
        assert_eq!(of(&before, "x_y.z"), None);
    }

    #[test]
    fn a_state_that_something_is_moved_in_is_for_those_who_finish_it() {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let local = LocalStore::new(folder.path().join("s.tfstate"));
            Journaled::new(
                Box::new(local),
                folder.path().join(".s.journal"),
                Codec::default(),
            )
        };
        let lock = |store: &Journaled| store.lock(LockInfo::new("test", ""), Default::default());
        assert_eq!(open().transfer().unwrap(), None);
        open().record_transfer(&transfer()).unwrap();
        assert_eq!(open().transfer().unwrap(), Some(transfer()));
        match lock(&open()) {
            Err(StoreError::Moving { transfer, record }) => {
                assert_eq!((*transfer, record.exists()), (self::transfer(), true));
            }
            other => panic!("{other:?}"),
        }
        assert!(open().begin("apply", &Snapshot::default()).is_err());
        // It was not left locked.
        let store = open().for_transfers();
        let guard = lock(&store).unwrap();
        store.clear_transfer("another").unwrap();
        assert!(store.transfer().unwrap().is_some());
        store.clear_transfer("t").unwrap();
        assert_eq!(store.transfer().unwrap(), None);
        guard.release().unwrap();
        lock(&open()).unwrap().release().unwrap();
    }

    #[test]
    fn a_damaged_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalStore::new(folder.path().join("s.tfstate"));
        let journal = folder.path().join(".s.journal");
        let store = Journaled::new(Box::new(local), journal, Codec::default());
        std::fs::write(store.transfer_path(), "{").unwrap();
        let error = store.transfer().unwrap_err().to_string();
        assert!(error.contains(".s.move"), "{error}");
        store.drop_transfer().unwrap();
        assert_eq!(store.transfer().unwrap(), None);
    }
}
