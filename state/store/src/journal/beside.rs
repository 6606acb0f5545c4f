//! Journals of runs that go on side by side, each in a file of its own.
//!
//! Such a run begins only while nothing is left of earlier ones, and its journal says of each
//! object what it was before. So its results can be brought into any later state, where nobody
//! else has changed the same objects.

use std::io;
use std::path::PathBuf;

use muster_snapshot::Snapshot;

use super::file;
use super::record::{Intent, RunInfo};
use super::store::{Shared, creations};
use super::writer::Journal;
use crate::{StoreError, os};

/// As many runs go on side by side.
const MOST: u32 = 10_000;

impl Shared {
    /// The journal file with this number.
    fn beside(&self, number: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!("-{number}"));
        name.into()
    }

    /// The journal files of runs that go on, or went on, side by side.
    pub(super) fn besides(&self) -> Result<Vec<PathBuf>, StoreError> {
        let folder = os::folder_of(&self.path);
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io("read", folder))?,
        };
        let mut start = self
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        start.push('-');
        let is_number = |rest: &str| rest.parse::<u32>().is_ok();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut found: Vec<PathBuf> = names
            .filter(|name| name.strip_prefix(&start).is_some_and(is_number))
            .map(|name| self.path.with_file_name(name))
            .collect();
        found.sort();
        Ok(found)
    }

    /// Whether nothing is left of earlier runs, so that others may go on side by side.
    pub(super) fn is_clean(&self) -> Result<bool, StoreError> {
        if self.path.exists() {
            return Ok(false);
        }
        for path in self.besides()? {
            // One without a word is of a run that is about to begin.
            let is_empty = std::fs::metadata(&path).is_ok_and(|found| found.len() == 0);
            if !is_empty && path.exists() && !file::is_in_use(&path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Begins a run beside others.
    pub(super) fn begin_beside(
        &self,
        run: &RunInfo,
        base: &Snapshot,
    ) -> Result<Journal, StoreError> {
        for number in 1..MOST {
            let path = self.beside(number);
            if path.exists() {
                continue;
            }
            match Journal::begin_beside(&path, &self.codec, run.clone(), base.clone()) {
                Err(StoreError::Locked { .. }) => {}
                begun => return begun,
            }
        }
        Err(StoreError::Locked {
            place: self.path.display().to_string(),
            holder: None,
        })
    }

    /// Puts creations that nobody knows the end of into the journal that stays.
    pub(super) fn take_over(&self, more: Vec<Intent>) -> Result<(), StoreError> {
        if more.is_empty() {
            return Ok(());
        }
        let content = file::read(&self.path, &self.codec)?.unwrap_or_default();
        let mut open = creations(content.open);
        let mut last = content.last_id;
        for intent in more {
            // This may have been done before, and then interrupted.
            if open.iter().any(|known| known.is_same_call(&intent)) {
                continue;
            }
            last += 1;
            open.push(Intent { id: last, ..intent });
        }
        file::compact(&self.path, &self.codec, &open)
    }

    /// The runs that go on side by side.
    pub(super) fn going_on(&self) -> Vec<RunInfo> {
        let paths = self.besides().unwrap_or_default().into_iter();
        let in_use = paths.filter(|path| matches!(file::is_in_use(path), Ok(true)));
        let read = in_use.filter_map(|path| file::read(&path, &self.codec).ok()??.run);
        read.collect()
    }

    /// Creations that runs have left which went on side by side.
    pub(super) fn besides_in_flight(&self) -> Result<Vec<Intent>, StoreError> {
        let mut found = Vec::new();
        for path in self.besides()? {
            if !file::is_in_use(&path)?
                && let Some(content) = file::read(&path, &self.codec)?
            {
                found.extend(creations(content.open));
            }
        }
        Ok(found)
    }
}
