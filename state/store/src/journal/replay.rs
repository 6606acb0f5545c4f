//! What follows from a journal.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::frame;
use super::record::{self, Intent, Objects, Record, RunInfo};
use crate::Codec;

/// A journal that was read.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// The last run that began.
    pub run: Option<RunInfo>,
    /// Intents without a result, the oldest first.
    pub open: Vec<Intent>,
    /// Results, the oldest first.
    objects: Vec<Objects>,
    /// How many of them are in a state that was stored.
    stored: usize,
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

/// What becomes of what others have changed since a run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// It stays.
    Stay,
    /// It gives way to what the run has recorded.
    GiveWay,
}

/// What became of the results of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// Instances that are as the run has left them now, and were not before.
    pub count: usize,
    /// Instances that somebody else has changed.
    pub conflicts: usize,
}

/// The last result of an instance that the state does not have.
struct Outstanding<'a> {
    last: &'a Objects,
    /// The state has what the run has seen or made, and nothing of others.
    fits: bool,
    /// A provider was asked to change it.
    was_called: bool,
}

impl Outstanding<'_> {
    /// It was only taken out of the state: it is somewhere else, or nobody's.
    fn is_gone(&self) -> bool {
        !self.was_called && self.last.part.is_none()
    }

    /// It was only put into the state: it was somewhere else, or is imported.
    fn is_new(&self) -> bool {
        !self.was_called && self.last.before.is_empty()
    }
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
        let mut closed = HashSet::new();
        for bytes in frames {
            let plain = codec.open(bytes.to_vec()).map_err(|e| e.to_string())?;
            let record = Record::decode(&plain).map_err(|reason| {
                match !codec.is_sealed() && crate::codec::is_sealed(&plain) {
                    true => crate::codec::SEALED.to_owned(),
                    false => reason,
                }
            })?;
            closed.extend(self.add(record));
        }
        // An intent comes before what closes it, and no two have one number.
        self.open.retain(|intent| !closed.contains(&intent.id));
        Ok(())
    }

    /// Adds a record; tells which intent it closes.
    fn add(&mut self, record: Record) -> Option<u64> {
        match record {
            Record::Begin(run) => {
                // What was recorded before is in the state that the run began with.
                self.objects.clear();
                self.stored = 0;
                self.run = Some(run);
            }
            Record::Intent(intent) => {
                self.last_id = self.last_id.max(intent.id);
                self.open.push(*intent);
            }
            Record::Objects(objects) => {
                let closed = objects.intent;
                self.objects.push(objects);
                return closed;
            }
            Record::Closed { intent } => return Some(intent),
            Record::Saved {} => self.stored = self.objects.len(),
        }
        None
    }

    /// Brings the results into a state that others may have changed since the run began.
    pub(super) fn bring(&self, state: &mut Snapshot, others: Others) -> Result<Brought, String> {
        let mut by_addr: BTreeMap<&InstanceAddr, Vec<(usize, &Objects)>> = BTreeMap::new();
        for (at, result) in self.objects.iter().enumerate() {
            by_addr.entry(&result.addr).or_default().push((at, result));
        }
        let mut results = Vec::new();
        for (addr, list) in by_addr {
            results.extend(self.compare(state, addr, &list));
        }
        // What has moved has left its old place as well: both, or neither.
        let is_kept_back = results.iter().any(|r| r.is_gone() && !r.fits);
        let mut brought = Brought::default();
        for result in results {
            let fits = result.fits && !(is_kept_back && result.is_new());
            match fits || others == Others::GiveWay {
                true => {
                    result.last.apply(state)?;
                    brought.count += 1;
                }
                false => brought.conflicts += 1,
            }
        }
        Ok(brought)
    }

    /// What is to be done about the results of one instance; none if nothing.
    fn compare<'a>(
        &self,
        state: &Snapshot,
        addr: &InstanceAddr,
        results: &[(usize, &'a Objects)],
    ) -> Option<Outstanding<'a>> {
        let now = record::part(state, addr);
        let (at, last) = *results.last()?;
        if now == last.part {
            return None;
        }
        // What was stored for certain, others have changed since. Where that is not certain, an
        // object too many in the state is the smaller evil: refreshing tells that it is gone.
        let is_stored = at < self.stored;
        let digest = record::digest(now.as_deref());
        let mut own = results.iter();
        let is_ours = own.any(|(_, r)| r.before == digest || r.part == now);
        Some(Outstanding {
            last,
            fits: is_ours && !is_stored,
            was_called: results.iter().any(|(_, r)| r.intent.is_some()),
        })
    }

    /// The state that the results belong into; none if it is of another history.
    pub(super) fn base(&self, stored: Option<Snapshot>) -> Option<Snapshot> {
        let run = self.run.as_ref()?;
        match stored {
            Some(stored) => {
                // Where nothing was stored yet, another run may have been first.
                let is_first = run.serial == 0;
                (stored.lineage == run.lineage || is_first).then_some(stored)
            }
            None if run.serial > 0 => None,
            None => Some(Snapshot {
                lineage: run.lineage.clone(),
                ..Snapshot::new("")
            }),
        }
    }

    /// The instances that there are results of, each once.
    pub(super) fn changed(&self) -> BTreeSet<InstanceAddr> {
        self.objects.iter().map(|o| o.addr.clone()).collect()
    }

    /// How many results there are.
    pub(super) fn results(&self) -> usize {
        self.objects.len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_journal_says_that_it_is() {
        let mut bytes = frame::MAGIC.to_vec();
        let sealed = br#"{"meta":{},"encrypted_data":"AA==","encryption_version":"v0"}"#;
        let pushed: Result<(), String> = frame::push(&mut bytes, |out| {
            out.extend(sealed);
            Ok(())
        });
        pushed.unwrap();
        let refused = Content::read(&bytes, &Codec::default()).map(drop);
        let refused = refused.unwrap_err();
        assert!(refused.contains("It is encrypted"), "{refused}");
    }
}
