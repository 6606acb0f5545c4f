//! What follows from a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::frame;
use super::record::{Intent, Objects, Record, RunInfo, Saving};
use crate::Codec;

/// A journal that was read.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The last run that began.
    pub run: Option<RunInfo>,
    /// Intents without a result, the oldest first.
    pub open: Vec<Intent>,
    /// Results, each with how many states were about to be stored before it.
    objects: Vec<(usize, Objects)>,
    /// The states that were about to be stored.
    saves: Vec<Saving>,
    /// The highest number of an intent.
    pub last_id: u64,
    /// How many bytes are good.
    pub good: usize,
    /// How many bytes there are.
    pub length: usize,
    /// How many good records follow a damaged one. They are read by [`Content::salvage`] only.
    pub behind: usize,
    /// How many bytes are in no good record.
    pub lost: usize,
}

/// How a state stands to a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// So many results are to be brought into it.
    Behind(usize),
    /// It is none of those that the journal knows of.
    Foreign,
}

/// What became of the results of a run beside others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// Instances that are as the run has left them now, and were not before.
    pub count: usize,
    /// Instances that somebody else has changed.
    pub conflicts: usize,
}

impl Content {
    /// Reads what is good of a journal, up to the first damage.
    pub(super) fn read(bytes: &[u8], codec: &Codec) -> Result<Self, String> {
        let (frames, good) = frame::read(bytes);
        let (behind, lost) = frame::behind(bytes, good);
        let mut content = Self {
            good,
            length: bytes.len(),
            behind: behind.len(),
            lost,
            ..Self::default()
        };
        content.add_all(&frames, codec)?;
        Ok(content)
    }

    /// Reads everything that is good, behind damaged records as well.
    pub(super) fn salvage(bytes: &[u8], codec: &Codec) -> Result<Self, String> {
        let mut content = Self::read(bytes, codec)?;
        let (behind, _) = frame::behind(bytes, content.good);
        content.add_all(&behind, codec)?;
        Ok(content)
    }

    fn add_all(&mut self, frames: &[&[u8]], codec: &Codec) -> Result<(), String> {
        for bytes in frames {
            let plain = codec.open(bytes.to_vec()).map_err(|e| e.to_string())?;
            self.add(Record::decode(&plain)?);
        }
        Ok(())
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::Begin(run) => {
                // What was recorded before is in the state that the run began with.
                self.objects.clear();
                self.saves.clear();
                self.run = Some(run);
            }
            Record::Intent(intent) => {
                self.last_id = self.last_id.max(intent.id);
                self.open.push(*intent);
            }
            Record::Objects(objects) => {
                self.close(objects.intent);
                self.objects.push((self.saves.len(), objects));
            }
            Record::Closed { intent } => self.close(Some(intent)),
            Record::Saving(saving) => self.saves.push(saving),
        }
    }

    /// Intents are few: as many as calls at a time, and those of runs that were killed.
    fn close(&mut self, intent: Option<u64>) {
        if let Some(id) = intent {
            self.open.retain(|open| open.id != id);
        }
    }

    /// How a state that is stored now stands to the journal.
    pub(super) fn standing(&self, state: Option<&Snapshot>) -> Standing {
        let Some(run) = &self.run else {
            return Standing::Behind(0);
        };
        if self.objects.is_empty() {
            return Standing::Behind(0);
        }
        let (lineage, serial) = match state {
            Some(state) => (&*state.lineage, state.serial),
            None => (&*run.lineage, 0),
        };
        if lineage != run.lineage {
            return Standing::Foreign;
        }
        let now = state.map(Saving::new);
        let saved = self
            .saves
            .iter()
            .rposition(|save| Some(save) == now.as_ref());
        match saved {
            Some(at) => Standing::Behind(self.objects.iter().filter(|(n, _)| *n > at).count()),
            None if serial == run.serial => Standing::Behind(self.objects.len()),
            None => Standing::Foreign,
        }
    }

    /// Brings the results of a run that went on beside others into a state that these may have
    /// changed. What others have changed of the same instances stays.
    pub(super) fn bring_beside(&self, state: &mut Snapshot) -> Result<Brought, String> {
        let mut by_addr: BTreeMap<&InstanceAddr, Vec<&Objects>> = BTreeMap::new();
        for (_, objects) in &self.objects {
            by_addr.entry(&objects.addr).or_default().push(objects);
        }
        let mut brought = Brought::default();
        for (addr, results) in by_addr {
            let now = Objects::of(state, addr, None).map_err(|e| e.to_string())?;
            let (Some(first), Some(last)) = (results.first(), results.last()) else {
                continue;
            };
            if now.same(last) {
                continue;
            }
            let is_ours = first.before.as_ref() == Some(&now.digest())
                || results.iter().any(|result| result.same(&now));
            if !is_ours {
                brought.conflicts += 1;
                continue;
            }
            last.apply(state)?;
            brought.count += 1;
        }
        Ok(brought)
    }

    /// The instances that there are results of, each once.
    pub(super) fn changed(&self) -> BTreeSet<InstanceAddr> {
        self.objects.iter().map(|(_, o)| o.addr.clone()).collect()
    }

    /// How many results there are.
    pub(super) fn results(&self) -> usize {
        self.objects.len()
    }

    /// Brings so many of the last results into a state.
    pub(super) fn bring(&self, count: usize, state: &mut Snapshot) -> Result<(), String> {
        let from = self.objects.len() - count;
        self.objects[from..]
            .iter()
            .try_for_each(|(_, objects)| objects.apply(state))
    }
}

/// A journal's bytes; none if there is none.
pub(super) fn bytes(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
