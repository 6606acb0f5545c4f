//! The state of a workspace.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use muster_snapshot::Snapshot;
use muster_store::{Codec, LockGuard, LockInfo, Store, StoreError, Version, is_change};

use crate::bridge::Bridge;
use crate::bucket::{Condition, Object, ObjectVersion, Put};
use crate::desk::Desk;
use crate::fault::Fault;
use crate::lock::{Locking, Unlocking};

/// The pause between the first two attempts to lock.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How a lock is lost.
const TAKEN_AWAY: &str = "somebody has taken it away";
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many versions of a state the history tells of: each is read for that.
const TOLD: usize = 50;
/// How many versions of a state are searched for one.
const SEARCHED: usize = 1000;
/// How many versions are read at the same time.
const AT_ONCE: usize = 4;

/// The state of a workspace.
pub(crate) struct S3Store {
    desk: Desk,
    codec: Codec,
    bridge: Arc<Bridge>,
    /// The lineage of the state that was here: if it is gone, it was deleted.
    seen: Mutex<Option<String>>,
}

impl S3Store {
    pub(crate) fn new(desk: Desk, codec: Codec, bridge: Arc<Bridge>) -> Self {
        Self {
            desk,
            codec,
            bridge,
            seen: Mutex::default(),
        }
    }

    fn run<T, F>(&self, action: &'static str, job: impl FnOnce(Desk) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        run(&self.bridge, &self.desk, action, job)
    }

    fn seen(&self) -> MutexGuard<'_, Option<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decode(&self, object: &Object) -> Result<Snapshot, StoreError> {
        self.codec
            .decode(&object.bytes)
            .map_err(|reason| StoreError::Corrupt {
                place: self.describe(),
                reason,
                backup: None,
            })
    }

    fn encode(&self, snapshot: &Snapshot) -> Result<Bytes, StoreError> {
        let bytes = self.codec.encode(snapshot);
        let bytes = bytes.map_err(|reason| StoreError::Seal {
            place: self.describe(),
            reason,
        })?;
        Ok(Bytes::from(bytes))
    }

    /// Stores bytes in the place of what is there. `false` if that has changed.
    fn store(&self, bytes: Bytes, stored: Option<&Object>) -> Result<bool, StoreError> {
        let condition = match stored {
            None => Condition::Absent,
            Some(Object {
                etag: Some(etag), ..
            }) => Condition::Unchanged(etag.clone()),
            Some(_) => Condition::Always,
        };
        self.run("write", async move |desk| {
            let put = desk.put(bytes.clone(), &condition).await;
            let is_stored = match &put {
                Ok(Put::Done) => true,
                // Perhaps it was stored, and the answer was lost.
                Ok(Put::Refused) | Err(Fault::Connection(_)) => {
                    let found = desk.object().await;
                    matches!(found, Ok(Some(object)) if object.bytes == bytes)
                }
                Err(_) => false,
            };
            if is_stored {
                desk.record(&bytes).await?;
            }
            match put {
                Err(fault) if !is_stored => Err(fault),
                _ => Ok(is_stored),
            }
        })
    }

    /// Why a state cannot be written that was made from another one than is stored now.
    fn overtaken(&self, snapshot: &Snapshot) -> StoreError {
        match self.read() {
            Err(error) => error,
            Ok(stored) => match is_change(stored.as_ref(), snapshot) {
                Err(error) => error,
                Ok(_) => StoreError::Stale {
                    stored: stored.map_or(0, |stored| stored.serial),
                    given: snapshot.serial,
                },
            },
        }
    }

    fn versions(&self, most: usize) -> Result<Vec<ObjectVersion>, StoreError> {
        let versions = self.run("list the versions of", async move |desk| {
            let bucket = &desk.lock.bucket;
            match bucket.keeps_versions().await? {
                true => bucket.versions(&desk.key, most).await.map(Some),
                false => Ok(None),
            }
        })?;
        versions.ok_or_else(|| StoreError::Unsupported {
            place: self.describe(),
            what: "keep earlier states: its bucket has no versions",
        })
    }

    /// The newest of the wanted versions that has a serial number.
    fn find(
        &self,
        serial: u64,
        is_wanted: impl Fn(&ObjectVersion) -> bool,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut versions = self.versions(SEARCHED)?;
        versions.retain(is_wanted);
        let codec = self.codec.clone();
        self.run("read the versions of", async move |desk| {
            let objects = futures::stream::iter(versions).map(|version| {
                let desk = &desk;
                async move { desk.lock.bucket.get(&desk.key, Some(&version.id)).await }
            });
            let mut objects = objects.buffered(AT_ONCE);
            while let Some(object) = objects.next().await {
                let decoded = object?.and_then(|object| codec.decode(&object.bytes).ok());
                if let Some(found) = decoded.filter(|found| found.serial == serial) {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }
}

impl Store for S3Store {
    fn describe(&self) -> String {
        self.desk.place.clone()
    }

    /// Where the block asks for no locks, as is usual with Terraform, none are taken.
    fn lock(&self, mut info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        info.path = self.desk.lock.id.clone();
        if self.desk.lock.is_none() {
            return Ok(LockGuard::new(info, || Ok(())));
        }
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let wanted = info.clone();
            let taken = self.run("lock", async move |desk| desk.lock.take(&wanted).await)?;
            let Locking::Held(holder) = taken else {
                break;
            };
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                let place = self.describe();
                return Err(StoreError::Locked { place, holder });
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let (bridge, desk, id) = (self.bridge.clone(), self.desk.clone(), info.id.clone());
        Ok(LockGuard::new(info, move || release(&bridge, &desk, id)))
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        let object = self.run("read", async move |desk| desk.get().await)?;
        let object = object.filter(|object| !object.bytes.is_empty());
        let state = object.map(|object| self.decode(&object)).transpose()?;
        if let Some(state) = &state {
            *self.seen() = Some(state.lineage.clone());
        }
        Ok(state)
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let object = self.run("read", async move |desk| desk.get().await)?;
        let stored = match &object {
            Some(object) if !object.bytes.is_empty() => Some(self.decode(object)?),
            None if self.seen().as_ref() == Some(&snapshot.lineage) => {
                let place = self.describe();
                return Err(StoreError::Deleted { place });
            }
            _ => None,
        };
        if !is_change(stored.as_ref(), snapshot)? {
            return Ok(false);
        }
        drop(stored);
        let given = snapshot.serial;
        snapshot.serial = given.saturating_add(1);
        let written = self
            .encode(snapshot)
            .and_then(|bytes| self.store(bytes, object.as_ref()));
        if let Ok(true) = written {
            *self.seen() = Some(snapshot.lineage.clone());
            return Ok(true);
        }
        snapshot.serial = given;
        written?;
        Err(self.overtaken(snapshot))
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let bytes = self.encode(snapshot)?;
        self.run("write", async move |desk| {
            desk.put(bytes.clone(), &Condition::Always).await?;
            desk.record(&bytes).await
        })
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        if self.desk.lock.is_none() {
            return Err(StoreError::NotLocked {
                place: self.describe(),
            });
        }
        unlock(&self.bridge, &self.desk, id.to_owned())
    }

    /// The newest versions of the object. Those that are no states, or cannot be decrypted, are
    /// left out.
    fn history(&self) -> Result<Vec<Version>, StoreError> {
        let versions = self.versions(TOLD)?;
        let codec = self.codec.clone();
        self.run("read the versions of", async move |desk| {
            let told = futures::stream::iter(versions).map(|version| {
                let (desk, codec) = (&desk, &codec);
                async move {
                    let bucket = &desk.lock.bucket;
                    let object = bucket.get(&desk.key, Some(&version.id)).await?;
                    Ok(object.and_then(|object| told(&object, version, codec)))
                }
            });
            let told: Vec<Result<_, Fault>> = told.buffered(AT_ONCE).collect().await;
            told.into_iter().filter_map(Result::transpose).collect()
        })
    }

    fn version(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.find(serial, |_| true)
    }

    fn version_of(&self, version: &Version) -> Result<Option<Snapshot>, StoreError> {
        self.find(version.serial, |stored| stored.modified == version.created)
    }
}

/// What the history tells of a version.
fn told(object: &Object, version: ObjectVersion, codec: &Codec) -> Option<Version> {
    let snapshot = codec.decode(&object.bytes).ok()?;
    let instances = snapshot.instances();
    Some(Version {
        serial: snapshot.serial,
        created: version.modified,
        who: object.who.clone().unwrap_or_default(),
        instances: instances.filter(|(.., i)| i.current.is_some()).count() as u64,
    })
}

fn run<T, F>(
    bridge: &Bridge,
    desk: &Desk,
    action: &'static str,
    job: impl FnOnce(Desk) -> F,
) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let result = bridge.run(job(desk.clone()));
    let result = result.unwrap_or_else(|| Err(Desk::lost()));
    result.map_err(|fault| StoreError::Remote {
        place: desk.place.clone(),
        action,
        reason: fault.to_string(),
    })
}

/// Gives back a lock that is held. Where it is not there any more, somebody has taken it away, and
/// others may have worked on the state since.
fn release(bridge: &Bridge, desk: &Desk, id: String) -> Result<(), StoreError> {
    unlock(bridge, desk, id).map_err(|error| {
        let (place, reason) = match error {
            StoreError::NotLocked { place } => (place, TAKEN_AWAY.to_owned()),
            StoreError::Locked { place, holder } => {
                let who = holder.map_or_else(|| "somebody else".to_owned(), |holder| holder.who);
                (place, format!("{TAKEN_AWAY}, and {who} holds it now"))
            }
            error => return error,
        };
        StoreError::LockLost { place, reason }
    })
}

fn unlock(bridge: &Bridge, desk: &Desk, id: String) -> Result<(), StoreError> {
    let place = desk.place.clone();
    let given = run(bridge, desk, "unlock", async move |desk| {
        desk.lock.give_back(&id).await
    })?;
    match given {
        Unlocking::Done => Ok(()),
        Unlocking::Absent => Err(StoreError::NotLocked { place }),
        Unlocking::Foreign(holder) => Err(StoreError::Locked { place, holder }),
    }
}
