//! A state in a local file.
//!
//! # Locks and atomic writes
//!
//! Terraform locks the state file itself, waits with the file open, and later reads and writes
//! through that open file. A rename in its place, the usual way to replace a file at once, would
//! leave a waiting Terraform with a file that has no name any more: it would read an old state
//! and write the new one into nowhere. So the file is never replaced but written in place. Where
//! there was nothing, its first byte is one that no text starts with until all others are on
//! disk, and whoever finds that byte finds nothing. Where there was a state:
//!
//! 1. The whole new state goes to a file beside it, and is on disk before anything else happens.
//!    A full disk shows here at the latest, while the old state is untouched.
//! 2. The first byte of the state file becomes a zero byte, which no JSON text starts with; then
//!    come all other bytes of the new state; then its first byte; each on disk before the next.
//! 3. The file beside it goes.
//!
//! Whoever finds a state file that starts with a zero byte takes the state from the file beside
//! it, and finishes the writing once it holds the lock. So at every moment either the old or the
//! new state is whole on disk, and it is certain which.

mod backend;
mod file;
mod history;
mod paths;
mod session;
mod shares;
mod states;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_snapshot::Snapshot;

pub use backend::LocalBackend;

use crate::{
    Codec, CodecError, LockGuard, LockInfo, Part, Remark, RemarkKind, Store, StoreError, Version,
    is_change,
};
use history::{History, Stored};
use paths::Paths;
use session::Inner;
use shares::Shares;

/// The pause between the first two attempts to lock.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a process that has ended may still have locks.
const ENDING: Duration = Duration::from_secs(20);
/// How often a state is read again while its writer adds it to the history.
const SETTLING: u32 = 200;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A state in a local file, by the rules that Terraform's local backend has for locks and
/// backups. Files it makes can be read by their owner only.
#[derive(Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
    codec: Codec,
}

impl LocalStore {
    /// The state at `path`, backed up to `path` with `.backup` added to it. Nothing is opened or
    /// made yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let state: PathBuf = path.into();
        let mut backup = state.clone().into_os_string();
        backup.push(".backup");
        Self::with_backup(state, Some(backup.into()))
    }

    /// The state at `path`, backed up to another path or not at all.
    pub fn with_backup(path: impl Into<PathBuf>, backup: Option<PathBuf>) -> Self {
        let state: PathBuf = path.into();
        let name = state
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = name.strip_prefix('.').unwrap_or(&name);
        let paths = Paths {
            lock_info: state.with_file_name(format!(".{name}.lock.info")),
            complete: state.with_file_name(format!(".{name}.new")),
            history: History {
                path: state.with_file_name(format!(".{name}.history")),
            },
            shares: Shares {
                folder: state.with_file_name(format!(".{name}.locks")),
            },
            state,
            backup,
        };
        Self {
            inner: Arc::new(Inner {
                paths,
                session: Mutex::default(),
                was_there: AtomicBool::default(),
                remarks: Mutex::default(),
            }),
            codec: Codec::default(),
        }
    }

    /// With another way to make bytes of states.
    pub fn with_codec(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    /// How bytes are made of states.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The state file.
    pub fn path(&self) -> &Path {
        &self.inner.paths.state
    }

    /// Whether somebody else holds the lock at this moment, and who, if that can be told. Nothing
    /// is made or changed.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn holder(&self) -> Result<Option<Option<LockInfo>>, StoreError> {
        let paths = &self.inner.paths;
        let is_locked = paths.is_locked()?;
        Ok(is_locked.then(|| paths.holder()))
    }
}

impl Store for LocalStore {
    fn describe(&self) -> String {
        self.path().display().to_string()
    }

    fn lock(&self, mut info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        info.path = self.describe();
        patiently(timeout, || {
            self.inner.in_folder(|| {
                Ok(match self.inner.try_lock(&info)? {
                    true => Ok(()),
                    false => Err(self.inner.paths.in_the_way()),
                })
            })
        })?;
        let inner = self.inner.clone();
        Ok(LockGuard::new(info, move || inner.unlock()))
    }

    fn lock_part(
        &self,
        mut info: LockInfo,
        part: &Part,
        timeout: Duration,
    ) -> Result<LockGuard, StoreError> {
        info.path = self.describe();
        let shared = patiently(timeout, || {
            self.inner.in_folder(|| self.inner.try_share(&info, part))
        })?;
        let inner = self.inner.clone();
        let guard = LockGuard::new(info, move || inner.unlock());
        Ok(match shared {
            true => guard.shared(),
            false => guard,
        })
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        // Who reads first and takes the lock later means this state, and no new one.
        self.inner.is_there();
        let session = self.inner.session();
        let mut read = self.read_once(&session);
        if session.alone().is_some() || !read.as_ref().is_err_and(is_altered) {
            return read;
        }
        // Who puts a state in its place adds to the history afterwards, before anybody else has
        // the lock.
        if session.share.is_some() {
            let _guard = self.inner.paths.shares.guard()?;
            return self.read_once(&session);
        }
        for _ in 0..SETTLING {
            let is_locked = self.inner.paths.is_locked()?;
            read = self.read_once(&session);
            if !is_locked || !read.as_ref().is_err_and(is_altered) {
                break;
            }
            std::thread::sleep(FIRST_PAUSE);
        }
        read
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let mut session = self.inner.session();
        let old = self.inner.paths.read(session.alone())?;
        let stored = self.parse(&old)?;
        if !is_change(stored.as_ref(), snapshot)? {
            return Ok(false);
        }
        let given = snapshot.serial;
        snapshot.serial = given.saturating_add(1);
        let written = self.succeed(&mut session, &old, stored.as_ref(), snapshot);
        if matches!(
            written,
            Err(StoreError::NotWritten { .. }
                | StoreError::Replaced { .. }
                | StoreError::Seal { .. }
                | StoreError::Deleted { .. })
        ) {
            snapshot.serial = given;
        }
        written.map(|()| true)
    }

    fn merge(&self, base: &Snapshot, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let mut session = self.inner.session();
        let Some(part) = session.share.as_ref().map(|share| share.part.clone()) else {
            drop(session);
            return self.write(snapshot);
        };
        let paths = &self.inner.paths;
        let _guard = paths.shares.guard()?;
        let old = paths.read(None)?;
        let stored = self.parse(&old)?;
        if stored.is_none() && base.serial == 0 {
            // There is nothing to merge with.
            self.check_part(&part, None, snapshot)?;
            let serial = std::mem::replace(&mut snapshot.serial, 1);
            let written = self.succeed(&mut session, &old, None, snapshot);
            written.inspect_err(|_| snapshot.serial = serial)?;
            return Ok(true);
        }
        let next = crate::merge(base, snapshot, stored.as_ref(), &self.describe())?;
        let changed = stored.is_none() || stored.as_ref().is_some_and(|s| !s.same_content(&next));
        if changed {
            self.check_part(&part, stored.as_ref(), &next)?;
            self.succeed(&mut session, &old, stored.as_ref(), &next)?;
            *snapshot = next;
        } else if let Some(stored) = stored {
            *snapshot = stored;
        }
        Ok(changed)
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut session = self.inner.session();
        let paths = &self.inner.paths;
        let old = paths.read(session.alone())?;
        paths.back_up_once(&old, &mut session)?;
        // What was there may be something else than a state.
        let stored = self.parse(&old).ok().flatten();
        let old = [old.as_slice()];
        let before = stored.as_ref().map(|state| self.stored(state, &old));
        let new = self.encode(snapshot)?;
        let new: Vec<&[u8]> = new.iter().map(Vec::as_slice).collect();
        self.put(&session, before, Stored::now(snapshot, &new))?;
        // This may be about another key.
        if self.codec.is_sealed() {
            self.reseal_history();
        }
        Ok(())
    }

    fn force_unlock(&self, _id: &str) -> Result<(), StoreError> {
        Err(StoreError::Unsupported {
            place: self.describe(),
            what: "keep the locks of processes that have ended",
        })
    }

    fn history(&self) -> Result<Vec<Version>, StoreError> {
        let history = &self.inner.paths.history;
        let versions = self.with_present(|now| history.versions(now))?;
        if let bytes @ 1.. = history.damaged()? {
            self.inner.remark(RemarkKind::Damage, format!(
                "{bytes} bytes of {} cannot be read: the file is damaged, and states are missing here.",
                history.path.display()
            ));
        }
        Ok(versions)
    }

    fn take_remarks(&self) -> Vec<Remark> {
        std::mem::take(&mut *self.inner.remarks())
    }

    fn version(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        match self.read() {
            Ok(Some(now)) if now.serial == serial => Ok(Some(now)),
            Err(error) if !matches!(error, StoreError::Corrupt { .. }) => Err(error),
            _ => self.inner.paths.history.state(&self.codec, serial),
        }
    }

    fn version_of(&self, version: &Version) -> Result<Option<Snapshot>, StoreError> {
        let history = &self.inner.paths.history;
        if let Some(state) = history.state_of(&self.codec, version)? {
            return Ok(Some(state));
        }
        // What others have written is recorded when somebody writes after it.
        self.with_present(|now| {
            let now = now.filter(|now| now.version() == *version);
            Ok(now.map(|now| now.state.clone()))
        })
    }
}

/// Tries something again for as long as `timeout`, until nobody is in the way any more. A process
/// that was killed while it wrote to the disk has its locks a little longer.
fn patiently<T>(
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<Result<T, StoreError>, StoreError>,
) -> Result<T, StoreError> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let in_the_way = match attempt()? {
            Ok(done) => return Ok(done),
            Err(in_the_way) => in_the_way,
        };
        let is_ending = match &in_the_way {
            StoreError::Locked { holder, .. } => holder
                .as_ref()
                .is_some_and(|holder| holder.is_left_behind()),
            _ => false,
        };
        let patience = if is_ending {
            timeout.max(ENDING)
        } else {
            timeout
        };
        let left = patience.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Err(in_the_way);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_altered(error: &StoreError) -> bool {
    use muster_snapshot::StateError::Altered;

    let reason = match error {
        StoreError::Corrupt { reason, .. } => reason,
        _ => return false,
    };
    matches!(reason, CodecError::State(Altered { .. }))
}
