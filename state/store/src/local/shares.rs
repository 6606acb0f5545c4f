//! Locks on parts of a state.
//!
//! Whoever locks a part holds a shared lock on the state file, which keeps away those who want all
//! of it, Terraform among them, and an entry in a folder beside it: a file of its own, locked for
//! as long as its process lives, that says which part. Entries come and go, and states are
//! written, only while the guard in that folder is locked.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_addr::ConfigResource;
use serde::{Deserialize, Serialize};

use crate::{LockInfo, Part, StoreError, os};

/// What the guard is called.
const GUARD: &str = "guard";
/// How long to wait for the guard, which is held for as long as a state is written.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks at the guard.
const PAUSE: Duration = Duration::from_millis(2);

/// The locks on parts of one state.
#[derive(Debug)]
pub(super) struct Shares {
    pub(super) folder: PathBuf,
}

/// A lock on a part.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) part: Part,
    path: PathBuf,
    /// Locked; that goes with the process, too.
    _entry: File,
}

/// Nobody else changes the locks, or writes, while this is there.
pub(super) struct Guard {
    file: File,
    path: PathBuf,
}

/// Who is in the way.
pub(super) struct Conflict {
    pub(super) holder: LockInfo,
    pub(super) resource: ConfigResource,
}

/// What an entry says.
#[derive(Serialize, Deserialize)]
struct Entry {
    info: LockInfo,
    writes: Vec<String>,
    reads: Vec<String>,
}

impl Entry {
    fn new(info: &LockInfo, part: &Part) -> Self {
        let texts = |set: &std::collections::BTreeSet<ConfigResource>| {
            set.iter().map(ToString::to_string).collect()
        };
        Self {
            info: info.clone(),
            writes: texts(&part.writes),
            reads: texts(&part.reads),
        }
    }

    fn part(&self) -> io::Result<Part> {
        let set = |texts: &[String]| -> io::Result<_> {
            let parsed = texts.iter().map(|text| text.parse());
            parsed
                .collect::<Result<_, _>>()
                .map_err(|e: muster_addr::AddrError| io::Error::other(e))
        };
        Ok(Part {
            writes: set(&self.writes)?,
            reads: set(&self.reads)?,
        })
    }
}

impl Shares {
    /// Locks the guard.
    pub(super) fn guard(&self) -> Result<Guard, StoreError> {
        let path = self.folder.join(GUARD);
        let started = Instant::now();
        loop {
            match self.try_guard(&path) {
                Ok(Some(file)) => return Ok(Guard { file, path }),
                Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Ok(None) => {
                    return Err(StoreError::Locked {
                        place: path.display().to_string(),
                        holder: None,
                    });
                }
                Err(error) => return Err(StoreError::io("lock", &path)(error)),
            }
        }
    }

    fn try_guard(&self, path: &Path) -> io::Result<Option<File>> {
        match os::make_private_folder(&self.folder) {
            // It was removed while it was looked at, unless it is something else than a folder.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return match std::fs::metadata(&self.folder) {
                    Ok(found) if !found.is_dir() => Err(io::Error::new(
                        io::ErrorKind::NotADirectory,
                        format!("{} is not a folder; move it away", self.folder.display()),
                    )),
                    _ => Ok(None),
                };
            }
            made => made?,
        }
        let file = match os::open_private(path) {
            // Whoever was last has removed the folder just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let is_held = os::try_lock(&file)? && os::is_at(&file, path);
        Ok(is_held.then_some(file))
    }

    /// Takes a lock on a part, unless somebody is in the way.
    pub(super) fn take(
        &self,
        _guard: &Guard,
        info: &LockInfo,
        part: &Part,
    ) -> Result<Result<Share, Conflict>, StoreError> {
        for entry in self.living()? {
            let theirs = entry.part();
            let theirs = theirs.map_err(StoreError::io("read", &self.folder))?;
            if let Some(resource) = part.conflict(&theirs) {
                let resource = resource.clone();
                let holder = entry.info;
                return Ok(Err(Conflict { holder, resource }));
            }
        }
        let path = self.folder.join(&info.id);
        let entry = self.write(&path, &Entry::new(info, part));
        let entry = entry.map_err(StoreError::io("write", &path))?;
        Ok(Ok(Share {
            part: part.clone(),
            path,
            _entry: entry,
        }))
    }

    fn write(&self, path: &Path, entry: &Entry) -> io::Result<File> {
        let mut file = os::open_private(path)?;
        let written = serde_json::to_vec(entry)
            .map_err(io::Error::from)
            .and_then(|text| file.write_all(&text))
            .and_then(|()| os::try_lock(&file));
        match written {
            Ok(true) => Ok(file),
            failed => {
                let _ = std::fs::remove_file(path);
                Err(failed.err().unwrap_or(io::ErrorKind::WouldBlock.into()))
            }
        }
    }

    /// The entries of processes that live. Those of others are removed.
    fn living(&self) -> Result<Vec<Entry>, StoreError> {
        let failed = |error| StoreError::io("read", &self.folder)(error);
        let mut living = Vec::new();
        for found in std::fs::read_dir(&self.folder).map_err(failed)? {
            let path = found.map_err(failed)?.path();
            if path.file_name().is_some_and(|name| name == GUARD) {
                continue;
            }
            living.extend(self.look(&path).map_err(StoreError::io("read", &path))?);
        }
        Ok(living)
    }

    fn look(&self, path: &Path) -> io::Result<Option<Entry>> {
        let file = File::options().read(true).write(true).open(path)?;
        if os::try_lock(&file)? {
            std::fs::remove_file(path)?;
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&std::fs::read(path)?)?))
    }

    /// Gives a lock back; the answer is somebody who holds another one.
    pub(super) fn give_back(
        &self,
        _guard: &Guard,
        share: &Share,
    ) -> Result<Option<LockInfo>, StoreError> {
        match std::fs::remove_file(&share.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", &share.path)(error));
            }
            _ => {}
        }
        let mut living = self.living()?.into_iter();
        Ok(living.next().map(|entry| entry.info))
    }

    /// Lets go of the guard, and leaves nothing behind if nobody holds a lock.
    pub(super) fn leave(&self, guard: Guard) -> Result<(), StoreError> {
        if self.living()?.is_empty() {
            // Whoever waits for it sees that its name is gone.
            let _ = std::fs::remove_file(&guard.path);
            let _ = std::fs::remove_dir(&self.folder);
        }
        drop(guard.file);
        Ok(())
    }
}
