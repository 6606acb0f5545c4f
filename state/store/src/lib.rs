//! Where states live between runs: the [`Store`] interface, and the store that keeps a state in
//! a local file that Terraform can use in turn.

mod codec;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod disk;
mod error;
mod journal;
mod local;
mod lock;
mod merge;
mod os;
mod part;
mod setting;
mod temporary;
mod time;
mod transfer;

use std::collections::BTreeSet;
use std::time::Duration;

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

pub use codec::{About, Codec, CodecError, Seal, SealError};
pub use error::StoreError;
pub use journal::{
    Batch, Intent, IntentAction, Journal, JournalCost, Journaled, Recovery, RunInfo, SetAside,
};
pub use local::{LocalBackend, LocalStore};
pub use lock::{LockGuard, LockInfo, LockLoss, Unlock};
pub use merge::{differing, is_merged, merge, without_resources};
pub use part::Part;
pub use setting::{Setting, SettingKind, Settings};
pub use time::{now as timestamp, to_seconds};
pub use transfer::{End, Moved, Progress, Side, Transfer, digest as instance_digest};

/// A place that keeps one state.
///
/// Calls block; a store may be used from several threads. Two values that stand for the same
/// place exclude each other by [`Store::lock`], in one process or in several.
pub trait Store: Send + Sync {
    /// Names the place for people: a path or an address.
    fn describe(&self) -> String;

    /// Takes the lock, trying again for as long as `timeout` when somebody else holds it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with what is known of the holder, or the place cannot be reached.
    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError>;

    /// Takes a lock on a part of the state only, so that others can work on other parts at the
    /// same time; whoever holds it writes by [`Store::merge`]. A store that cannot do that locks
    /// everything, and [`LockGuard::is_shared`] tells.
    ///
    /// # Errors
    /// As [`Store::lock`]; the place in [`StoreError::Locked`] names the resource that is in the
    /// way.
    fn lock_part(
        &self,
        info: LockInfo,
        _part: &Part,
        timeout: Duration,
    ) -> Result<LockGuard, StoreError> {
        self.lock(info, timeout)
    }

    /// Reads the state; `None` if there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or the place cannot be reached.
    fn read(&self) -> Result<Option<Snapshot>, StoreError>;

    /// Writes a state that was made from the one that is stored, and gives it the next serial
    /// number. A state that says nothing new is not written: the answer is `false`.
    ///
    /// Either the whole new state is stored afterwards, or the old one still is.
    ///
    /// # Errors
    /// [`StoreError::Lineage`] and [`StoreError::Stale`] if the stored state is not the one that
    /// this was made from, or the place cannot be written.
    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError>;

    /// Writes what a state says otherwise than the one that it was made from, `base`, and keeps
    /// what others have written since then. Afterwards `snapshot` is what is stored. Whether
    /// something was written.
    ///
    /// # Errors
    /// As [`Store::write`]; also if somebody else has changed the same resources, or one that is
    /// not in the part that is locked.
    fn merge(&self, _base: &Snapshot, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        self.write(snapshot)
    }

    /// Writes a state as it is, serial number included, whatever is stored: for people who put
    /// a state in its place by hand. What was stored is backed up as by [`Store::write`].
    ///
    /// # Errors
    /// The place cannot be written.
    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// Takes a lock away from its holder, who must be gone: the id makes sure that it is the one
    /// that was meant.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if the lock has another id, [`StoreError::NotLocked`] if there is
    /// none, [`StoreError::Unsupported`] if locks end with their holders here.
    fn force_unlock(&self, id: &str) -> Result<(), StoreError>;

    /// What is known of states that were stored, the newest first, the current one included.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] if none are kept, or the place cannot be reached.
    fn history(&self) -> Result<Vec<Version>, StoreError> {
        Err(StoreError::Unsupported {
            place: self.describe(),
            what: "keep earlier states",
        })
    }

    /// What people should know of what was read or written, such as signs of damage that do not
    /// keep it from being used. Each is told once.
    fn take_remarks(&self) -> Vec<Remark> {
        Vec::new()
    }

    /// The state that was stored with this serial number; the latest one if there were several.
    /// `None` if it is not kept any more.
    ///
    /// # Errors
    /// As [`Store::history`].
    fn version(&self, _serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.history().map(|_| None)
    }

    /// A state that [`Store::history`] tells of, also where others have its serial number. `None`
    /// if it is not kept any more.
    ///
    /// # Errors
    /// As [`Store::history`].
    fn version_of(&self, _version: &Version) -> Result<Option<Snapshot>, StoreError> {
        self.history().map(|_| None)
    }
}

/// Something that people should know of a state, and that keeps nobody from using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What it is about.
    pub kind: RemarkKind,
    /// Whole sentences.
    pub text: String,
}

/// What a [`Remark`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// There are signs of damage.
    Damage,
    /// There is no state where there was one.
    Missing,
    /// A state was stored, and not added to its history.
    History,
    /// Earlier states could not be encrypted with the key that is set now.
    Rekey,
}

impl RemarkKind {
    /// What remarks of the kind are shown under: a few words without a full stop.
    pub fn title(self) -> &'static str {
        match self {
            Self::Damage => "The state may be damaged",
            Self::Missing => "The state file is missing",
            Self::History => "The history of the state cannot be written",
            Self::Rekey => "Earlier states stay under another key",
        }
    }
}

/// A state that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its serial number.
    pub serial: u64,
    /// When it was stored, in the form of RFC 3339.
    pub created: String,
    /// Who stored it: `user@host`. Empty if that was not recorded.
    pub who: String,
    /// How many resource instances it has, deposed objects not counted.
    pub instances: u64,
}

/// The workspace that is always there.
pub const DEFAULT_WORKSPACE: &str = "default";

/// A place that keeps a state for each workspace.
pub trait Backend: Send + Sync {
    /// Names the place for people, without secrets.
    fn describe(&self) -> String;

    /// All workspaces: the default one first, then the others by name.
    ///
    /// # Errors
    /// The place cannot be reached.
    fn workspaces(&self) -> Result<Vec<String>, StoreError>;

    /// Makes a workspace, without a state.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] if there is only the default one, or the place cannot be
    /// reached.
    fn create(&self, workspace: &str) -> Result<(), StoreError>;

    /// The store of a workspace, which need not be there.
    ///
    /// # Errors
    /// The workspace cannot be there.
    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError>;

    /// Deletes a workspace and its state.
    ///
    /// # Errors
    /// The place cannot be reached.
    fn delete(&self, workspace: &str) -> Result<(), StoreError>;

    /// Removes what may be left of deleted workspaces where that could not go while their locks
    /// were held. What cannot go now stays for the next time.
    fn tidy(&self) {}
}

/// Whether `new` was made from `stored`, and says something else.
/// [`StoreError::Lineage`] or [`StoreError::Stale`] if it was not.
///
/// # Errors
/// As said.
pub fn is_change(stored: Option<&Snapshot>, new: &Snapshot) -> Result<bool, StoreError> {
    let Some(stored) = stored else {
        return Ok(true);
    };
    if !stored.lineage.is_empty() && stored.lineage != new.lineage {
        return Err(StoreError::Lineage {
            stored: stored.lineage.clone(),
            given: new.lineage.clone(),
        });
    }
    if stored.serial != new.serial {
        return Err(StoreError::Stale {
            stored: stored.serial,
            given: new.serial,
        });
    }
    Ok(!stored.same_content(new))
}

/// The instances whose objects two states do not agree on.
pub fn changed_instances(old: &Snapshot, new: &Snapshot) -> BTreeSet<InstanceAddr> {
    let mut changed = BTreeSet::new();
    for (addr, provider, instance) in new.instances() {
        let before = old.resources.get(&addr.resource);
        let same = before.is_some_and(|before| {
            before.provider == *provider && before.instances.get(&addr.key) == Some(instance)
        });
        if !same {
            changed.insert(addr);
        }
    }
    let gone = old.instances().map(|(addr, ..)| addr);
    changed.extend(gone.filter(|addr| new.instance(addr).is_none()));
    changed
}

/// An id that nothing else has.
pub fn random_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
