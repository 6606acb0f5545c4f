//! Journals that were set aside, or are damaged, and how they are brought in after all.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::file;
use super::record::{Intent, RunInfo};
use super::replay::{self, Content, Others};
use super::store::{Journaled, Recovery, creations};
use crate::{LockInfo, StoreError, os};

/// What the name of a journal ends with whose results were brought in by hand.
const ADOPTED: &str = ".adopted";
/// What the name of a journal ends with whose results were brought in, but for its cut end.
pub(super) const CUT: &str = ".cut";
/// As many journals of the same moment are kept side by side.
const MOST: u32 = 1000;

/// A journal whose results are not in the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Its file.
    pub path: PathBuf,
    /// The run; none if the journal does not tell.
    pub run: Option<RunInfo>,
    /// The instances that it has results of.
    pub changed: BTreeSet<InstanceAddr>,
    /// Calls that it has no answer of.
    pub in_flight: Vec<Intent>,
    /// How many bytes of it cannot be read.
    pub damaged: usize,
}

/// Keeps the bytes of a file in another one beside it, under a name that was not used before and
/// ends like this.
pub(crate) fn keep(file: &Path, end: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
    let moment = crate::time::now().replace(':', "");
    keep_as(file, &moment, end, bytes)
}

/// Keeps the bytes of another journal beside this one.
pub(super) fn keep_at(journal: &Path, other: &Path, end: &str) -> Result<PathBuf, StoreError> {
    let bytes = replay::bytes(other).map_err(StoreError::io("read", other))?;
    keep(journal, end, &bytes.unwrap_or_default())
}

fn keep_as(file: &Path, moment: &str, end: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
    let mut last = None;
    for number in 0..MOST {
        let path = match number {
            0 => extended(file, &format!(".{moment}{end}")),
            number => extended(file, &format!(".{moment}-{number}{end}")),
        };
        match os::write_new(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
            written => {
                written.map_err(StoreError::io("write", &path))?;
                return Ok(path);
            }
        }
    }
    let error = last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into());
    Err(StoreError::io("write", file)(error))
}

fn extended(path: &Path, with: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(with);
    name.into()
}

impl Journaled {
    /// Journals whose results are not in the state, the oldest first: those that were set aside
    /// because others have changed the state, and the present one if it is damaged.
    ///
    /// # Errors
    /// The folder cannot be read. Files in it that cannot be read as journals are left out.
    pub fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        let own = &self.shared.path;
        let folder = os::folder_of(own);
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", folder))?,
        };
        let mut start = own
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        start.push('.');
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| name.starts_with(&start))
            .filter(|name| !name.ends_with(ADOPTED) && !name.ends_with(CUT))
            .collect();
        names.sort();
        let paths = names.into_iter().map(|name| own.with_file_name(name));
        let mut found: Vec<SetAside> = paths
            .filter_map(|path| {
                self.look_into(&path)
                    .ok()
                    .map(|content| told(path, content))
            })
            .collect();
        let present = self
            .look_into(own)
            .ok()
            .filter(|content| content.behind > 0);
        found.extend(present.map(|content| told(own.clone(), content)));
        Ok(found)
    }

    /// Brings everything that can be read of a journal into the state, also where others have
    /// changed that since. The lock is taken for it, unless `lock` is none. What was in the state
    /// is in its history, where one is kept; the journal as it was is kept beside it.
    ///
    /// # Errors
    /// [`StoreError::Locked`]; or the file is no journal of this state, or the state cannot be
    /// written.
    pub fn adopt(
        &self,
        path: &Path,
        lock: Option<(LockInfo, Duration)>,
    ) -> Result<Recovery, StoreError> {
        // The lock of this store looks at the journal, which may be the one that is damaged.
        let guard = match lock {
            Some((info, timeout)) => Some(self.shared.inner.lock(info, timeout)?),
            None => None,
        };
        let report = self.adopt_locked(path);
        let released = guard.map_or(Ok(()), crate::LockGuard::release);
        let report = report?;
        released.map(|()| report)
    }

    fn adopt_locked(&self, path: &Path) -> Result<Recovery, StoreError> {
        if is_same(path, &self.shared.path) {
            return self.adopt_own();
        }
        let mut besides = self.shared.besides()?.into_iter();
        match besides.find(|beside| is_same(path, beside)) {
            Some(beside) => self.adopt_beside(&beside),
            None => {
                self.shared.recover()?;
                self.adopt_other(path)
            }
        }
    }

    /// The journal of a run that went on beside others, which is damaged.
    fn adopt_beside(&self, path: &Path) -> Result<Recovery, StoreError> {
        let shared = &self.shared;
        let _file = file::open_locked(path)?;
        let content = self.look_into(path)?;
        let kept = keep_at(&shared.path, path, ADOPTED)?;
        let results = self.bring_all(&content)?;
        shared.take_over(creations(content.open.clone()))?;
        file::compact(path, &shared.codec, &[])?;
        Ok(report(content, results, kept))
    }

    fn adopt_own(&self) -> Result<Recovery, StoreError> {
        let shared = &self.shared;
        let _file = file::open_locked(&shared.path)?;
        let content = self.look_into(&shared.path)?;
        let bytes = replay::bytes(&shared.path).map_err(StoreError::io("read", &shared.path))?;
        let kept = keep(&shared.path, ADOPTED, &bytes.unwrap_or_default())?;
        let results = self.bring_all(&content)?;
        let open = creations(content.open.clone());
        file::compact(&shared.path, &shared.codec, &open)?;
        Ok(report(content, results, kept))
    }

    fn adopt_other(&self, path: &Path) -> Result<Recovery, StoreError> {
        let content = self.look_into(path)?;
        let results = self.bring_all(&content)?;
        // What it has in flight was taken over when it was set aside.
        let kept = done(path)?;
        Ok(report(content, results, kept))
    }

    fn look_into(&self, path: &Path) -> Result<Content, StoreError> {
        let bytes = std::fs::read(path).map_err(StoreError::io("read", path))?;
        let content = Content::salvage(&bytes, &self.shared.codec);
        let content = content.and_then(|content| match content.lost == content.length {
            true => Err("it is no journal".to_owned()),
            false => Ok(content),
        });
        content.map_err(|reason| wrong(path, &reason))
    }

    /// How many results were brought into the state.
    fn bring_all(&self, content: &Content) -> Result<usize, StoreError> {
        let stored = self.shared.inner.read()?;
        let ours = content.run.as_ref().map(|run| &run.lineage);
        let theirs = stored.as_ref().map(|state| &state.lineage);
        if let (Some(given), Some(stored)) = (ours, theirs)
            && given != stored
        {
            return Err(StoreError::Lineage {
                stored: stored.clone(),
                given: given.clone(),
            });
        }
        let start = stored.unwrap_or_else(|| Snapshot {
            lineage: ours.cloned().unwrap_or_default(),
            ..Snapshot::new("")
        });
        let mut state = start;
        let brought = content.bring(&mut state, Others::GiveWay);
        let brought = brought.map_err(|reason| self.shared.unreadable(&reason))?;
        if brought.count > 0 {
            self.shared.inner.write(&mut state)?;
        }
        Ok(brought.count)
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Gives a journal a name that tells that it was brought in.
fn done(path: &Path) -> Result<PathBuf, StoreError> {
    let to = extended(path, ADOPTED);
    std::fs::rename(path, &to).map_err(StoreError::io("rename", path))?;
    Ok(to)
}

fn wrong(path: &Path, reason: &str) -> StoreError {
    StoreError::Journal {
        reason: format!("{}: {reason}", path.display()),
    }
}

fn told(path: PathBuf, content: Content) -> SetAside {
    SetAside {
        path,
        changed: content.changed(),
        run: content.run,
        in_flight: content.open,
        damaged: content.lost,
    }
}

fn report(content: Content, results: usize, kept: PathBuf) -> Recovery {
    Recovery {
        run: content.run,
        results,
        in_flight: content.open,
        kept: Some(kept),
        damaged: content.lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_do_not_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal");
        let keep = |bytes: &[u8]| keep_as(&journal, "now", CUT, bytes).unwrap();
        let kept: Vec<_> = (0..20_u8).map(|n| (n, keep(&[n]))).collect();
        for (n, path) in kept {
            assert_eq!(std::fs::read(path).unwrap(), [n]);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 20);
    }
}
