//! Journals of runs that go on side by side, each in a file of its own.
//!
//! Such a run begins only while nothing is left of earlier ones, and its journal says of each
//! object what it was before. So its results can be brought into any later state, where nobody
//! else has changed the same objects.

use std::io;
use std::path::PathBuf;

use muster_snapshot::Snapshot;

use super::aside;
use super::record::{Intent, RunInfo};
use super::replay::Brought;
use super::store::{Recovery, Shared, creations};
use super::writer::{self, Journal};
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
            match writer::open_existing(&path) {
                Err(StoreError::Locked { .. }) | Ok(None) => {}
                opened => return opened.map(|_| false),
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

    /// Brings in what runs have left that went on side by side. Nobody may go on now.
    pub(super) fn recover_besides(&self, report: &mut Recovery) -> Result<(), StoreError> {
        for path in self.besides()? {
            let Some(_file) = writer::open_existing(&path)? else {
                continue;
            };
            let content = writer::read(&path, &self.codec)?.unwrap_or_default();
            if let Some(mut state) = self.start(content.run.as_ref(), self.inner.read()?) {
                let brought = self.bring_beside(&path, &content, &mut state)?;
                if brought.count > 0 {
                    self.inner.write(&mut state)?;
                }
                report.results += brought.count;
                if brought.conflicts > 0 {
                    report.kept = Some(aside::keep_at(&self.path, &path, "")?);
                }
            }
            if content.good < content.length {
                report.damaged += content.length - content.good;
                let kept = aside::keep_at(&self.path, &path, aside::CUT)?;
                report.kept.get_or_insert(kept);
            }
            let known = |intent: &Intent| report.in_flight.iter().any(|i| i.is_same_call(intent));
            let new = content.open.iter().filter(|intent| !known(intent));
            let new: Vec<Intent> = new.cloned().collect();
            report.in_flight.extend(new);
            report.run = content.run.clone().or(report.run.take());
            self.take_over(creations(content.open))?;
            writer::compact(&path, &self.codec, &[])?;
        }
        Ok(())
    }

    fn bring_beside(
        &self,
        path: &std::path::Path,
        content: &super::replay::Content,
        state: &mut Snapshot,
    ) -> Result<Brought, StoreError> {
        content
            .bring_beside(state)
            .map_err(|reason| StoreError::Journal {
                reason: format!("{}: {reason}", path.display()),
            })
    }

    /// Puts creations that nobody knows the end of into the journal that stays.
    pub(super) fn take_over(&self, more: Vec<Intent>) -> Result<(), StoreError> {
        if more.is_empty() {
            return Ok(());
        }
        let content = writer::read(&self.path, &self.codec)?.unwrap_or_default();
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
        writer::compact(&self.path, &self.codec, &open)
    }

    /// A state with what all runs have recorded that go on side by side, or did.
    pub(super) fn with_besides(
        &self,
        stored: Option<Snapshot>,
    ) -> Result<Option<Snapshot>, StoreError> {
        let mut stored = stored;
        for path in self.besides()? {
            // One that was there just now may be gone.
            let Some(content) = writer::read(&path, &self.codec)? else {
                continue;
            };
            if content.results() == 0 {
                continue;
            }
            if let Some(mut state) = self.start(content.run.as_ref(), stored.clone()) {
                self.bring_beside(&path, &content, &mut state)?;
                stored = Some(state);
            }
        }
        Ok(stored)
    }

    /// The state that a journal's results belong into; none if it is of another history.
    fn start(&self, run: Option<&RunInfo>, stored: Option<Snapshot>) -> Option<Snapshot> {
        let run = run?;
        match stored {
            None => Some(Snapshot {
                lineage: run.lineage.clone(),
                ..Snapshot::new("")
            }),
            // Where nothing was stored yet, another run may have been first.
            Some(stored) => (stored.lineage == run.lineage || run.serial == 0).then_some(stored),
        }
    }

    /// Creations that runs have left which went on side by side.
    pub(super) fn besides_in_flight(&self) -> Result<Vec<Intent>, StoreError> {
        let mut found = Vec::new();
        for path in self.besides()? {
            if let Ok(Some(_file)) = writer::open_existing(&path)
                && let Some(content) = writer::read(&path, &self.codec)?
            {
                found.extend(creations(content.open));
            }
        }
        Ok(found)
    }
}
