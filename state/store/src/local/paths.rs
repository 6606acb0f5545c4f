//! The files of one state.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::FIRST_PAUSE;
use super::file::{self, Pieces};
use super::history::History;
use super::session::Session;
use super::shares::{Share, Shares};
use crate::{LockInfo, StoreError, os};

/// How often a state that is being written is read again.
const READ_ATTEMPTS: u32 = 10;

/// The files of one state.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) state: PathBuf,
    pub(super) backup: Option<PathBuf>,
    pub(super) lock_info: PathBuf,
    /// The new state while it is being written.
    pub(super) complete: PathBuf,
    pub(super) history: History,
    pub(super) shares: Shares,
}

impl Paths {
    pub(super) fn folder(&self) -> &Path {
        os::folder_of(&self.state)
    }

    /// Opens the state file, made if it is not there, and locks it; tells whether it was made. The
    /// folder has to be there: whoever only waits does not make it again.
    /// `None` if somebody else holds the lock.
    pub(super) fn open_locked(&self) -> Result<Option<(File, bool)>, StoreError> {
        loop {
            let is_made = !self.state.exists();
            let file =
                os::open_private(&self.state).map_err(StoreError::io("open", &self.state))?;
            if !os::try_lock(&file).map_err(StoreError::io("lock", &self.state))? {
                return Ok(None);
            }
            // Whoever held the lock before may have removed an empty file when it was done.
            if os::is_at(&file, &self.state) {
                return Ok(Some((file, is_made)));
            }
        }
    }

    /// As [`Paths::open_locked`], beside others who share the lock. Also tells whether it is
    /// shared: not every system can do that.
    pub(super) fn open_shared(&self) -> Result<Option<(File, bool, bool)>, StoreError> {
        loop {
            let is_made = !self.state.exists();
            let file =
                os::open_private(&self.state).map_err(StoreError::io("open", &self.state))?;
            match os::try_share(&file).map_err(StoreError::io("lock", &self.state))? {
                None => return Ok(Some((file, is_made, false))),
                Some(false) => return Ok(None),
                Some(true) if os::is_at(&file, &self.state) => {
                    return Ok(Some((file, is_made, true)));
                }
                Some(true) => {}
            }
        }
    }

    /// Gives back a lock on a part.
    pub(super) fn unshare(
        &self,
        file: &File,
        share: Share,
        is_made: bool,
    ) -> Result<(), StoreError> {
        let guard = self.shares.guard()?;
        let other = self.shares.give_back(&guard, &share)?;
        match &other {
            Some(other) => {
                let _ = self.tell(other);
            }
            None => self.tell_nothing()?,
        }
        // Somebody else may want to write to it still.
        if is_made && os::try_lock(file).unwrap_or(false) {
            self.drop_if_empty(file);
        }
        self.shares.leave(guard)
    }

    /// Says for others who holds the lock.
    pub(super) fn tell(&self, info: &LockInfo) -> io::Result<()> {
        let text = serde_json::to_vec(info).map_err(io::Error::from)?;
        os::replace(&self.lock_info, &text)
    }

    /// Says that nobody holds the lock.
    pub(super) fn tell_nothing(&self) -> Result<(), StoreError> {
        match std::fs::remove_file(&self.lock_info) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &self.lock_info)(e))
            }
            _ => Ok(()),
        }
    }

    /// What to say while somebody holds the lock.
    pub(super) fn in_the_way(&self) -> StoreError {
        StoreError::Locked {
            place: self.state.display().to_string(),
            holder: self.holder().map(Box::new),
        }
    }

    /// Removes a state file that nothing was ever written to. A link to it stays: others may have
    /// links to the same file.
    pub(super) fn drop_if_empty(&self, file: &File) {
        let empty = file.metadata().is_ok_and(|m| m.len() == 0);
        if empty
            && os::is_at(file, &self.state)
            && let Ok(path) = std::fs::canonicalize(&self.state)
        {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Whether somebody holds the lock, alone or together with others.
    pub(super) fn is_locked(&self) -> Result<bool, StoreError> {
        let opened = os::open_existing(&self.state).map_err(StoreError::io("open", &self.state))?;
        match opened {
            Some(file) => os::is_locked(&file).map_err(StoreError::io("lock", &self.state)),
            None => Ok(false),
        }
    }

    /// Who holds the lock, as far as can be told.
    pub(super) fn holder(&self) -> Option<LockInfo> {
        serde_json::from_slice(&std::fs::read(&self.lock_info).ok()?).ok()
    }

    /// The stored bytes; none if there is no state.
    pub(super) fn read(&self, locked: Option<&File>) -> Result<Vec<u8>, StoreError> {
        Ok(self.look(locked)?.0)
    }

    /// As [`Paths::read`], and whether there are none because the first write is going on, or was
    /// interrupted.
    pub(super) fn look(&self, locked: Option<&File>) -> Result<(Vec<u8>, bool), StoreError> {
        let mut bytes = Vec::new();
        for _ in 0..READ_ATTEMPTS {
            let (read, settled) = match locked {
                Some(file) => file::read(file).map(|bytes| (bytes, true)),
                None => file::read_settled(&self.state),
            }
            .map_err(StoreError::io("read", &self.state))?;
            bytes = read;
            if file::is_begun(&bytes) && locked.is_some() {
                break;
            }
            if file::is_interrupted(&bytes) {
                if let Some(complete) = self.complete_state() {
                    return Ok((complete, false));
                }
            } else if settled && !file::is_begun(&bytes) {
                break;
            }
            // Without the lock, somebody may be writing just now.
            std::thread::sleep(FIRST_PAUSE);
        }
        Ok(match file::is_begun(&bytes) {
            true => (Vec::new(), true),
            false => (bytes, false),
        })
    }

    /// The new state of a write that was interrupted.
    pub(super) fn complete_state(&self) -> Option<Vec<u8>> {
        let bytes = std::fs::read(&self.complete).ok()?;
        is_whole(&bytes).then_some(bytes)
    }

    pub(super) fn back_up_once(&self, old: &[u8], session: &mut Session) -> Result<(), StoreError> {
        if !old.is_empty() && !session.backed_up {
            self.back_up(old)?;
        }
        session.backed_up = true;
        Ok(())
    }

    pub(super) fn back_up(&self, old: &[u8]) -> Result<(), StoreError> {
        let Some(backup) = &self.backup else {
            return Ok(());
        };
        os::replace(backup, old).map_err(StoreError::io("write", backup))
    }

    /// Writes the state. The folder has to be there.
    pub(super) fn write(&self, locked: Option<&File>, bytes: Pieces<'_>) -> Result<(), StoreError> {
        match locked {
            // What is written to a file without a name is gone as soon as the lock is.
            Some(file) if !os::is_at(file, &self.state) => Err(StoreError::Replaced {
                path: self.state.clone(),
            }),
            Some(file) => self.write_to(file, bytes),
            None => {
                let file =
                    os::open_private(&self.state).map_err(StoreError::io("open", &self.state))?;
                self.write_to(&file, bytes)?;
                // Whoever takes the lock sees to its name.
                os::sync_folder(self.folder()).map_err(StoreError::io("write", self.folder()))
            }
        }
    }

    /// Writes the state as the head of [`super`] explains.
    pub(super) fn write_to(&self, file: &File, bytes: Pieces<'_>) -> Result<(), StoreError> {
        let not_written = |source| StoreError::NotWritten {
            path: self.state.clone(),
            source,
        };
        // What an earlier write has left half done is whole only where the new state goes now.
        let start = file::read_start(file);
        let finished = start.and_then(|start| self.finish(file, &start));
        finished.map_err(not_written)?;
        let length = file::length(bytes);
        if file.metadata().is_ok_and(|m| m.len() == 0) {
            let written = os::reserve(file, length).and_then(|()| file::begin(file, bytes));
            written.map_err(not_written)?;
            os::make_private(file);
            return Ok(());
        }
        let prepared = os::replace_by(&self.complete, bytes);
        if let Err(source) = prepared.and_then(|()| os::reserve(file, length)) {
            let _ = std::fs::remove_file(&self.complete);
            return Err(not_written(source));
        }
        self.copy_complete(file, bytes)
            .map_err(|source| self.half_written(source))
    }

    /// Writes over the state what the file beside it has, which goes when that is done.
    fn copy_complete(&self, file: &File, bytes: Pieces<'_>) -> io::Result<()> {
        file::overwrite(file, bytes)?;
        os::make_private(file);
        // Left behind it does no harm: it is only looked at after an interruption.
        let _ = std::fs::remove_file(&self.complete);
        Ok(())
    }

    fn half_written(&self, source: io::Error) -> StoreError {
        StoreError::HalfWritten {
            path: self.state.clone(),
            complete: self.complete.clone(),
            source,
        }
    }

    /// Finishes a write that was interrupted; one that was the first is undone, which is told.
    pub(super) fn finish_interrupted_write(&self, file: &File) -> Result<bool, StoreError> {
        let start = file::read_start(file).map_err(StoreError::io("read", &self.state))?;
        if file::is_begun(&start) {
            let undone = file.set_len(0);
            undone.map_err(StoreError::io("write", &self.state))?;
            return Ok(true);
        }
        let finished = self.finish(file, &start);
        finished.map_err(|source| self.half_written(source))?;
        Ok(false)
    }

    /// Finishes writing over a state that starts so, if that was interrupted. Where it cannot be
    /// done the new state stays in the file beside it.
    fn finish(&self, file: &File, start: &[u8]) -> io::Result<()> {
        if !file::is_interrupted(start) {
            return Ok(());
        }
        let Some(complete) = self.complete_state() else {
            return Ok(());
        };
        os::reserve(file, complete.len() as u64)?;
        self.copy_complete(file, &[&complete])
    }
}

/// Whether the bytes of a state, in plain text or sealed, are all there: both are JSON.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}
