//! What follows from a journal.

use std::path::Path;

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
}

/// How a state stands to a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// So many results are to be brought into it.
    Behind(usize),
    /// It is none of those that the journal knows of.
    Foreign,
}

impl Content {
    /// Reads what is good of a journal.
    pub(super) fn read(bytes: &[u8], codec: &Codec) -> Result<Self, String> {
        let (frames, good) = frame::read(bytes);
        let mut content = Self {
            good,
            length: bytes.len(),
            ..Self::default()
        };
        for bytes in frames {
            let plain = codec.open(bytes.to_vec()).map_err(|e| e.to_string())?;
            content.add(Record::decode(&plain)?);
        }
        Ok(content)
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
