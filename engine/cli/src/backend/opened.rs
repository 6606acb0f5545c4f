//! The state that a command works with.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_snapshot::Snapshot;
use muster_store::{
    Backend, Codec, Journaled, LocalStore, LockGuard, LockInfo, Part, Store, StoreError, Version,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::Kind;
use crate::session::data_dir;
use crate::signals;

/// The shortest time between two writes of a state that is kept elsewhere.
const SAVE_PAUSE: Duration = Duration::from_secs(10);

/// A state, wherever it is kept.
pub(crate) enum Opened {
    /// In a file, which options may say more about.
    Local(LocalStore),
    /// Anywhere else, and how bytes are made of what is kept here of it.
    Elsewhere(Box<dyn Store>, Codec),
}

impl Opened {
    /// The state, with nothing more to be said about it.
    pub(crate) fn any(self) -> Journaled {
        match self {
            Self::Local(store) => journaled(store),
            Self::Elsewhere(store, codec) => {
                let journal = journal_of(&store.describe());
                Journaled::new(store, journal, codec).saving_every(SAVE_PAUSE)
            }
        }
    }
}

/// A local store with the journal beside it.
pub(crate) fn journaled(store: LocalStore) -> Journaled {
    let journal = Journaled::path_beside(store.path());
    let codec = store.codec().clone();
    Journaled::new(Box::new(store), journal, codec)
}

/// Where the journal of a state that is kept elsewhere is. Only on this machine can it be used,
/// so that the state is also stored from time to time while a run is on.
fn journal_of(place: &str) -> PathBuf {
    let safe = |c: char| match c.is_ascii_alphanumeric() {
        true => c,
        false => '-',
    };
    // For people; the digest tells places apart that read alike, or are long.
    let name: String = place.chars().map(safe).take(60).collect();
    let digest = Sha256::digest(place.as_bytes());
    let digest: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    let file = format!("{name}-{digest}.journal");
    data_dir().join("journals").join(file)
}

/// The kinds of the places that were opened, by how their states are named to people.
static KINDS: Mutex<BTreeMap<String, &'static Kind>> = Mutex::new(BTreeMap::new());

/// The kind of the place that an error names, so that it can say what is possible there; `None` if
/// that is a file.
pub(crate) fn kind_at(place: &str) -> Option<&'static Kind> {
    let kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
    // What is locked may be a resource in it.
    let mut names = kinds.iter().filter(|(name, _)| {
        let before = place.strip_suffix(name.as_str());
        before.is_some_and(|before| before.is_empty() || before.ends_with(" in "))
    });
    names.next().map(|(_, kind)| *kind)
}

/// A backend whose answers may take long, as those of its stores.
pub(crate) struct PatientBackend {
    inner: Box<dyn Backend>,
    kind: &'static Kind,
}

impl PatientBackend {
    pub(crate) fn new(inner: Box<dyn Backend>, kind: &'static Kind) -> Self {
        Self { inner, kind }
    }
}

impl Backend for PatientBackend {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn workspaces(&self) -> Result<Vec<String>, StoreError> {
        block_in_place(|| self.inner.workspaces())
    }

    fn create(&self, workspace: &str) -> Result<(), StoreError> {
        block_in_place(|| self.inner.create(workspace))
    }

    fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
        let store = block_in_place(|| self.inner.open(workspace))?;
        let mut kinds = KINDS.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.insert(store.describe(), self.kind);
        Ok(Box::new(Patient(store.into())))
    }

    fn delete(&self, workspace: &str) -> Result<(), StoreError> {
        block_in_place(|| self.inner.delete(workspace))
    }
}

/// A store whose answers may take long. The threads that it is called from do other work in the
/// meantime, so that signals and providers are heard.
struct Patient(Arc<dyn Store>);

impl Patient {
    /// Calls what changes nothing, and does not wait for the answer any more when somebody asks
    /// for the second time to stop.
    fn ask<T: Send + 'static>(
        &self,
        action: &'static str,
        call: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (stop, store) = (signals::current(), Arc::clone(&self.0));
        let answer = tokio::task::spawn_blocking(move || call(&*store));
        let answer = async {
            tokio::select! {
                biased;
                answer = answer => answer.unwrap_or_else(|e| resume_unwind(e.into_panic())),
                () = stop.forced() => Err(StoreError::Remote {
                    place: self.describe(),
                    action,
                    reason: "it was interrupted before there was an answer".to_owned(),
                }),
            }
        };
        block_in_place(|| Handle::current().block_on(answer))
    }
}

impl Store for Patient {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        let guard = self.ask("lock", move |store| store.lock(info, timeout))?;
        Ok(guard.given_back(|unlock| block_in_place(unlock)))
    }

    fn lock_part(
        &self,
        info: LockInfo,
        part: &Part,
        timeout: Duration,
    ) -> Result<LockGuard, StoreError> {
        let part = part.clone();
        let guard = self.ask("lock", move |store| store.lock_part(info, &part, timeout))?;
        Ok(guard.given_back(|unlock| block_in_place(unlock)))
    }

    fn merge(&self, base: &Snapshot, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        block_in_place(|| self.0.merge(base, snapshot))
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        self.ask("read", |store| store.read())
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        block_in_place(|| self.0.write(snapshot))
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        block_in_place(|| self.0.replace(snapshot))
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        block_in_place(|| self.0.force_unlock(id))
    }

    fn history(&self) -> Result<Vec<Version>, StoreError> {
        self.ask("read", |store| store.history())
    }

    fn version(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.ask("read", move |store| store.version(serial))
    }

    fn version_of(&self, version: &Version) -> Result<Option<Snapshot>, StoreError> {
        let version = version.clone();
        self.ask("read", move |store| store.version_of(&version))
    }
}
