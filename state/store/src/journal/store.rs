//! A store with a journal beside it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_snapshot::Snapshot;

use super::aside;
use super::file;
use super::record::{Intent, IntentAction, RunInfo};
use super::replay::{Brought, Content, Others};
use super::writer::Journal;
use crate::{Codec, LockGuard, LockInfo, Part, Remark, Store, StoreError, Version};

/// A store whose runs record what they do in a journal, a file on this machine.
///
/// Reading gives the state with everything that the journal has. Taking the lock brings what a
/// killed run has left into the store first.
pub struct Journaled {
    pub(crate) shared: Arc<Shared>,
    pub(crate) save_every: Option<Duration>,
    /// Moves of objects to and from other states are made and finished with this.
    pub(crate) transfers: bool,
}

pub(crate) struct Shared {
    pub(super) inner: Box<dyn Store>,
    pub(super) path: PathBuf,
    pub(crate) codec: Codec,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// Others may go on at the same time: the lock is on a part of the state.
    beside: bool,
    /// The journal was looked at while nobody else could write to it.
    recovered: bool,
    reports: Vec<Recovery>,
    in_flight: Vec<Intent>,
    journal: Option<Journal>,
}

/// What was found of a run that did not end well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The run; none if the journal does not tell.
    pub run: Option<RunInfo>,
    /// How many results were brought into the state.
    pub results: usize,
    /// Calls that were sent and not answered.
    pub in_flight: Vec<Intent>,
    /// Where the journal was kept as it was, because it is damaged, or belongs to a state that is
    /// not the stored one any more.
    pub kept: Option<PathBuf>,
    /// How many bytes at its end could not be read.
    pub damaged: usize,
}

impl Journaled {
    /// A store with the journal in this file.
    pub fn new(inner: Box<dyn Store>, journal: impl Into<PathBuf>, codec: Codec) -> Self {
        Self {
            shared: Arc::new(Shared {
                inner,
                path: journal.into(),
                codec,
                found: Mutex::default(),
            }),
            save_every: None,
            transfers: false,
        }
    }

    /// Says that runs store the state on the way too, with at least so much time in between:
    /// where others, who do not have the journal, go on with the state when a run is killed.
    pub fn saving_every(self, pause: Duration) -> Self {
        Self {
            save_every: Some(pause),
            ..self
        }
    }

    /// How often runs store the state on the way; not at all if there is nothing.
    pub fn save_every(&self) -> Option<Duration> {
        self.save_every
    }

    /// The journal file.
    pub fn journal_path(&self) -> &Path {
        &self.shared.path
    }

    /// The journal of a state file, beside it.
    pub fn path_beside(state: &Path) -> PathBuf {
        let name = state.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_prefix('.').unwrap_or(&name);
        state.with_file_name(format!(".{name}.journal"))
    }

    /// What was found of each run that did not end well when the state was opened; once.
    pub fn take_recoveries(&self) -> Vec<Recovery> {
        std::mem::take(&mut self.shared.found().reports)
    }

    /// Creations that earlier runs have begun, and of which nobody knows what became. While a run
    /// is on there are none: it is that run's to tell.
    ///
    /// # Errors
    /// The journal, or the state, cannot be read or written.
    pub fn in_flight(&self) -> Result<Vec<Intent>, StoreError> {
        let found = self.shared.found();
        if found.recovered {
            return Ok(found.in_flight.clone());
        }
        // Whoever does not have the lock changes nothing.
        let content = match self.shared.is_in_use()? {
            true => None,
            false => self.shared.content()?,
        };
        let mut open = content.map_or_else(Vec::new, |content| creations(content.open));
        open.extend(self.shared.besides_in_flight()?);
        Ok(open)
    }

    /// Other runs that are changing parts of the state at this moment.
    pub fn going_on(&self) -> Vec<RunInfo> {
        self.shared.going_on()
    }

    /// What each run that was killed has left, for those who do not take the lock: nothing of it
    /// is brought in. Nothing if that is known already; runs that go on are left out.
    pub fn interrupted(&self) -> Vec<Recovery> {
        let shared = &self.shared;
        if shared.found().recovered {
            return Vec::new();
        }
        let mut paths = shared.besides().unwrap_or_default();
        paths.insert(0, shared.path.clone());
        // One that is in use is of a run that goes on.
        paths.retain(|path| matches!(file::is_in_use(path), Ok(false)));
        // What is wrong with a journal is told by those who take the lock.
        let contents = paths
            .iter()
            .filter_map(|path| file::read(path, &shared.codec).ok().flatten())
            .filter(|content| content.results() > 0 || !content.open.is_empty());
        let contents: Vec<Content> = contents.collect();
        if contents.is_empty() {
            return Vec::new();
        }
        let Ok(stored) = shared.inner.read() else {
            return Vec::new();
        };
        let reports = contents.into_iter();
        let mut reports: Vec<_> = reports
            .map(|content| Recovery::of(content, stored.clone()))
            .collect();
        reports.retain(Recovery::is_news);
        reports
    }

    /// Begins a run that changes the world. `base` is the stored state, or what will be one.
    ///
    /// # Errors
    /// The journal cannot be written, or another run is using it.
    pub fn begin(&self, operation: &str, base: &Snapshot) -> Result<Journal, StoreError> {
        self.check_transfers()?;
        // Without a lock, nobody has looked yet.
        if self.shared.recover()? > 0 {
            return Err(StoreError::Journal {
                reason: format!(
                    "{}: results of an earlier run were brought into the state just now. Run the command again",
                    self.shared.path.display()
                ),
            });
        }
        let mut found = self.shared.found();
        let info = LockInfo::new(operation, "");
        let run = RunInfo {
            id: info.id,
            operation: operation.to_owned(),
            who: info.who,
            process: std::process::id(),
            created: info.created,
            lineage: base.lineage.clone(),
            serial: base.serial,
        };
        let journal = match found.beside {
            true => self.shared.begin_beside(&run, base)?,
            false => Journal::begin(&self.shared.path, &self.shared.codec, run, base.clone())?,
        };
        found.journal = Some(journal.clone());
        Ok(journal)
    }

    /// Says that creations of earlier runs are settled. Only while no run is on.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn settle(&self, settled: impl Fn(&Intent) -> bool) -> Result<(), StoreError> {
        self.shared.recover()?;
        let shared = &self.shared;
        let mut found = shared.found();
        if !shared.path.exists() {
            return Ok(());
        }
        let _file = file::open_locked(&shared.path)?;
        let content = shared.content()?.unwrap_or_default();
        if content.run.is_some() {
            return Err(shared.unreadable("another run was on in the meantime"));
        }
        let mut open = creations(content.open);
        open.retain(|intent| !settled(intent));
        file::compact(&shared.path, &shared.codec, &open)?;
        found.in_flight = open;
        Ok(())
    }
}

/// Whether an object was changed or destroyed shows when it is read again; only what was made and
/// is in no state cannot be found that way.
pub(super) fn creations(mut open: Vec<Intent>) -> Vec<Intent> {
    open.retain(|intent| intent.action == IntentAction::Create);
    open
}

impl Shared {
    fn found(&self) -> MutexGuard<'_, Found> {
        // What is in there stays valid whatever a panicking thread was doing.
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the journal says; none if there is none.
    fn content(&self) -> Result<Option<Content>, StoreError> {
        file::read(&self.path, &self.codec)
    }

    /// Whether a run is writing to the journal.
    fn is_in_use(&self) -> Result<bool, StoreError> {
        file::is_in_use(&self.path)
    }

    pub(super) fn unreadable(&self, reason: &str) -> StoreError {
        unreadable(&self.path, reason)
    }

    /// Brings what killed runs have left into the store; tells how many results that were.
    pub(super) fn recover(&self) -> Result<usize, StoreError> {
        let mut found = self.found();
        if found.recovered {
            return Ok(0);
        }
        let mut reports = Vec::new();
        for path in self.files()? {
            // Kept until the journal is as it should be: a run without the lock on the state
            // must not come in between.
            if let Some(_file) = file::open_existing(&path)? {
                let report = self.repair(&path, &reports)?;
                reports.push(report);
            }
        }
        let open = reports.iter().flat_map(|report| &report.in_flight);
        found.in_flight = creations(open.cloned().collect());
        let results = reports.iter().map(|report| report.results).sum();
        reports.retain(Recovery::is_news);
        if !reports.is_empty() {
            found.reports = reports;
        }
        found.recovered = true;
        Ok(results)
    }

    /// All journals: the one that stays first.
    fn files(&self) -> Result<Vec<PathBuf>, StoreError> {
        let mut files = vec![self.path.clone()];
        files.extend(self.besides()?);
        Ok(files)
    }

    /// Brings in what one journal has, and leaves of it what is not settled yet. Calls that were
    /// found in other journals already are not told of again.
    fn repair(&self, path: &Path, before: &[Recovery]) -> Result<Recovery, StoreError> {
        let content = file::read(path, &self.codec)?.unwrap_or_default();
        let mut report = Recovery {
            damaged: content.length - content.good,
            ..Recovery::default()
        };
        let brought = match content.results() {
            0 => Some(Brought::default()),
            _ => self.bring(path, &content)?,
        };
        match brought {
            Some(brought) if brought.conflicts == 0 => {
                report.results = brought.count;
                if report.damaged > 0 {
                    report.kept = Some(aside::keep_at(&self.path, path, aside::CUT)?);
                }
            }
            other => {
                report.results = other.unwrap_or_default().count;
                report.kept = Some(aside::keep_at(&self.path, path, "")?);
            }
        }
        let known = |intent: &Intent| {
            let mut known = before.iter().flat_map(|report| &report.in_flight);
            known.any(|other| other.is_same_call(intent))
        };
        let new = content.open.iter().filter(|intent| !known(intent));
        report.in_flight = new.cloned().collect();
        report.run = content.run;
        let open = creations(content.open);
        match *path == self.path {
            true => file::compact(path, &self.codec, &open)?,
            false => {
                self.take_over(open)?;
                file::compact(path, &self.codec, &[])?;
            }
        }
        Ok(report)
    }

    /// Brings the results of a journal into the stored state. None if they do not belong there.
    fn bring(&self, path: &Path, content: &Content) -> Result<Option<Brought>, StoreError> {
        let Some(mut state) = content.base(self.inner.read()?) else {
            return Ok(None);
        };
        let brought = merged(path, content, &mut state)?;
        if brought.count > 0 {
            self.inner.write(&mut state)?;
        }
        Ok(Some(brought))
    }

    /// A state with what all journals have.
    fn with_journals(&self, stored: Option<Snapshot>) -> Result<Option<Snapshot>, StoreError> {
        let mut stored = stored;
        for path in self.files()? {
            // One that was there just now may be gone.
            let Some(content) = file::read(&path, &self.codec)? else {
                continue;
            };
            if content.results() > 0
                && let Some(mut state) = content.base(stored.clone())
                && merged(&path, &content, &mut state)?.count > 0
            {
                stored = Some(state);
            }
        }
        Ok(stored)
    }
}

/// Brings the results of a journal into a state.
fn merged(path: &Path, content: &Content, state: &mut Snapshot) -> Result<Brought, StoreError> {
    let brought = content.bring(state, Others::Stay);
    brought.map_err(|reason| unreadable(path, &reason))
}

fn unreadable(path: &Path, reason: &str) -> StoreError {
    StoreError::Journal {
        reason: format!("{}: {reason}", path.display()),
    }
}

impl Journaled {
    /// Notes that a state was stored, if it was.
    fn stored(&self, written: Result<bool, StoreError>) -> Result<bool, StoreError> {
        let written = written?;
        let journal = self.shared.found().journal.clone();
        if let Some(journal) = journal {
            // Without the note, what it says is found out from the state.
            let _ = journal.saved();
        }
        Ok(written)
    }

    /// A lock was taken.
    fn begin_to_hold(&self, beside: bool) -> Result<(), StoreError> {
        {
            let mut found = self.shared.found();
            found.beside = beside;
            // Somebody else may have had the lock since this was done the last time.
            found.recovered = beside;
            if beside {
                found.in_flight.clear();
            }
        }
        match self.shared.recover() {
            // Whoever replaces a damaged state needs the lock. Nobody can go on with it, so that
            // the journal stays as it is until then.
            Err(StoreError::Corrupt { .. }) => Ok(()),
            recovered => recovered.map(drop),
        }
    }
}

impl Recovery {
    /// What a journal has that the stored state has not.
    fn of(content: Content, stored: Option<Snapshot>) -> Self {
        let brought = content.base(stored);
        let brought = brought.and_then(|mut state| content.bring(&mut state, Others::Stay).ok());
        Self {
            results: brought.unwrap_or_default().count,
            run: content.run,
            in_flight: content.open,
            ..Self::default()
        }
    }

    /// Whether people should be told.
    fn is_news(&self) -> bool {
        self.results > 0 || self.kept.is_some() || !self.in_flight.is_empty()
    }
}

impl Store for Journaled {
    fn describe(&self) -> String {
        self.shared.inner.describe()
    }

    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        let guard = self.shared.inner.lock(info, timeout)?;
        self.check_transfers()?;
        self.begin_to_hold(false)?;
        Ok(guard)
    }

    fn lock_part(
        &self,
        info: LockInfo,
        part: &Part,
        timeout: Duration,
    ) -> Result<LockGuard, StoreError> {
        let started = Instant::now();
        let guard = self.shared.inner.lock_part(info.clone(), part, timeout)?;
        if guard.is_shared() && !self.shared.is_clean()? {
            // What is left of earlier runs is for somebody who is alone.
            guard.release()?;
            return self.lock(info, timeout.saturating_sub(started.elapsed()));
        }
        self.check_transfers()?;
        self.begin_to_hold(guard.is_shared())?;
        Ok(guard)
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        let stored = self.shared.inner.read()?;
        match self.shared.found().beside {
            // What others are about to store is locked by them.
            true => Ok(stored),
            false => self.shared.with_journals(stored),
        }
    }

    fn merge(&self, base: &Snapshot, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let beside = self.shared.found().beside;
        match beside {
            true => self.stored(self.shared.inner.merge(base, snapshot)),
            false => self.write(snapshot),
        }
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        self.stored(self.shared.inner.write(snapshot))
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.shared.inner.replace(snapshot)
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        self.shared.inner.force_unlock(id)
    }

    fn history(&self) -> Result<Vec<Version>, StoreError> {
        self.shared.inner.history()
    }

    fn take_remarks(&self) -> Vec<Remark> {
        self.shared.inner.take_remarks()
    }

    fn version(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.shared.inner.version(serial)
    }

    fn version_of(&self, version: &Version) -> Result<Option<Snapshot>, StoreError> {
        self.shared.inner.version_of(version)
    }
}
