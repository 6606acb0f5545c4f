//! The lock on a state, and what a process knows while it holds it.

use std::fs::File;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::paths::Paths;
use super::shares::Share;
use crate::{LockInfo, Part, Remark, RemarkKind, StoreError, os};

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) paths: Paths,
    pub(super) session: Mutex<Session>,
    /// The folder of the state was there once.
    pub(super) was_there: AtomicBool,
    /// See [`crate::Store::take_remarks`].
    pub(super) remarks: Mutex<Vec<Remark>>,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    /// The state file while it is locked.
    pub(super) locked: Option<File>,
    /// The lock on a part, if that is all that is locked.
    pub(super) share: Option<Share>,
    /// The state file was made by taking the lock.
    pub(super) is_made: bool,
    /// The backup of this run is made.
    pub(super) backed_up: bool,
}

impl Session {
    /// The state file, if nobody else may write to it.
    pub(super) fn alone(&self) -> Option<&File> {
        self.locked.as_ref().filter(|_| self.share.is_none())
    }
}

impl Inner {
    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        // What is in there stays valid whatever a panicking thread was doing.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remarks(&self) -> MutexGuard<'_, Vec<Remark>> {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps something for people, once.
    pub(super) fn remark(&self, kind: RemarkKind, text: String) {
        let mut remarks = self.remarks();
        let remark = Remark { kind, text };
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }

    /// Whether the folder of the state is there, which is remembered.
    pub(super) fn is_there(&self) -> bool {
        let found = std::fs::metadata(self.paths.folder());
        let is_gone = found.is_err_and(|error| error.kind() == ErrorKind::NotFound);
        if !is_gone {
            self.was_there.store(true, Ordering::Relaxed);
        }
        !is_gone
    }

    /// Tries to take a lock, or to write without one. A folder that is not there yet is made; one
    /// that was there once, and is not any more, was deleted with its workspace, which is not to
    /// come back by that.
    pub(super) fn in_folder<T>(
        &self,
        attempt: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.is_there() {
            if self.was_there.swap(true, Ordering::Relaxed) {
                return Err(self.deleted());
            }
            let folder = self.paths.folder();
            std::fs::create_dir_all(folder).map_err(StoreError::io("make", folder))?;
        }
        match attempt() {
            // It was deleted just now.
            Err(StoreError::Io { .. } | StoreError::NotWritten { .. }) if !self.is_there() => {
                Err(self.deleted())
            }
            tried => tried,
        }
    }

    fn deleted(&self) -> StoreError {
        StoreError::Deleted {
            place: self.paths.state.display().to_string(),
        }
    }

    pub(super) fn try_lock(&self, info: &LockInfo) -> Result<bool, StoreError> {
        let paths = &self.paths;
        if self.session().locked.is_some() {
            return Ok(false);
        }
        let Some((file, is_made)) = paths.open_locked()? else {
            return Ok(false);
        };
        let is_made = paths.finish_interrupted_write(&file)? || is_made;
        if let Err(source) = paths.tell(info) {
            if is_made {
                paths.drop_if_empty(&file);
            }
            return Err(StoreError::io("write", &paths.lock_info)(source));
        }
        let mut session = self.session();
        session.locked = Some(file);
        session.is_made = is_made;
        Ok(true)
    }

    /// Takes a lock on a part: `true` if it is one, `false` if everything had to be locked, or
    /// who is in the way.
    pub(super) fn try_share(
        &self,
        info: &LockInfo,
        part: &Part,
    ) -> Result<Result<bool, StoreError>, StoreError> {
        let paths = &self.paths;
        if self.session().locked.is_some() {
            return Ok(Err(paths.in_the_way()));
        }
        let guard = paths.shares.guard()?;
        let Some((file, is_made, shared)) = paths.open_shared()? else {
            paths.shares.leave(guard)?;
            return Ok(Err(paths.in_the_way()));
        };
        if !shared {
            paths.shares.leave(guard)?;
            if is_made {
                paths.drop_if_empty(&file);
            }
            drop(file);
            return Ok(match self.try_lock(info)? {
                true => Ok(false),
                false => Err(paths.in_the_way()),
            });
        }
        let is_made = paths.finish_interrupted_write(&file)? || is_made;
        let share = match paths.shares.take(&guard, info, part)? {
            Ok(share) => share,
            Err(conflict) => {
                return Ok(Err(StoreError::Locked {
                    place: format!("{} in {}", conflict.resource, self.paths.state.display()),
                    holder: Some(Box::new(conflict.holder)),
                }));
            }
        };
        // For those who want everything; whoever wants another part reads the entries.
        let _ = paths.tell(info);
        let mut session = self.session();
        session.locked = Some(file);
        session.is_made = is_made;
        session.share = Some(share);
        Ok(Ok(true))
    }

    pub(super) fn unlock(&self) -> Result<(), StoreError> {
        let (locked, share, is_made) = {
            let mut session = self.session();
            (session.locked.take(), session.share.take(), session.is_made)
        };
        let Some(file) = locked else {
            return Ok(());
        };
        if let Some(share) = share {
            return self.paths.unshare(&file, share, is_made);
        }
        // A workspace that was made since then, with this name, has files of its own.
        if !os::is_at(&file, &self.paths.state) && self.paths.state.exists() {
            return Ok(());
        }
        // One that was empty before tells that something has gone wrong.
        if is_made {
            self.paths.drop_if_empty(&file);
        }
        self.paths.tell_nothing()
        // The lock itself goes with the file, which is closed here.
    }
}
