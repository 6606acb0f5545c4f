//! Records that are written in one piece.

use std::time::{Duration, Instant};

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::file;
use super::record::{self, Record};
use super::writer::Journal;
use crate::StoreError;

/// With so many bytes a batch is written although there may be more to come. It is a small part
/// of the room that is set aside for results.
const FULL: usize = 256 << 10;

/// Records of a run that are written together. They are in the journal when [`Batch::write`] has
/// returned; those that are not written when this is dropped are lost.
///
/// In the file they stand one behind the other like others: of a batch that was cut off, the
/// records before that count.
#[derive(Debug)]
pub struct Batch {
    journal: Journal,
    /// Frames, one behind the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// How long it took to make the bytes.
    encoding: Duration,
}

/// Records that are written all or not at all.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where their bytes end.
    end: usize,
    /// How many there are.
    pub(super) records: usize,
    /// The intents that are over with them.
    pub(super) over: Vec<u64>,
}

impl Entry {
    /// One without records, behind so many bytes.
    fn starting(end: usize) -> Self {
        Self {
            end,
            records: 0,
            over: Vec::new(),
        }
    }
}

impl Batch {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            journal,
            bytes: Vec::new(),
            entries: Vec::new(),
            encoding: Duration::ZERO,
        }
    }

    /// Adds the objects of an instance as a state has them now, and that they are the result of
    /// an intent, if they are.
    ///
    /// # Errors
    /// They cannot be encrypted, or the journal cannot be written.
    pub fn objects(
        &mut self,
        state: &Snapshot,
        addr: &InstanceAddr,
        intent: Option<u64>,
    ) -> Result<(), StoreError> {
        let journal = self.journal.clone();
        self.add(intent, |out| {
            record::encode_objects(out, (journal.base(), state), addr, intent)
        })?;
        self.write_if_full()
    }

    /// Adds that the provider has told of the object of an intent, and that this was recorded.
    /// Earlier creations of the same instance, which it has gone on with, are over then: they are
    /// in the journal as such when the object is, and only then.
    ///
    /// # Errors
    /// As [`Batch::objects`].
    pub fn made(&mut self, intent: u64, addr: &InstanceAddr) -> Result<(), StoreError> {
        let earlier = self.journal.creations_before(intent, addr);
        if earlier.is_empty() {
            return Ok(());
        }
        let has_it = |entry: &Entry| entry.over.contains(&intent);
        let joins = self.entries.last().is_some_and(has_it);
        if !joins && self.entries.iter().any(has_it) {
            // Nothing may say this before the object is written.
            self.write()?;
        }
        if !joins {
            self.entries.push(Entry::starting(self.bytes.len()));
        }
        for id in earlier {
            let closed = Record::Closed { intent: id };
            self.push(Some(id), |out| closed.encode(out))?;
        }
        self.write_if_full()
    }

    /// Adds that an intent is over.
    ///
    /// # Errors
    /// As [`Batch::objects`].
    pub fn close(&mut self, intent: u64) -> Result<(), StoreError> {
        let closed = Record::Closed { intent };
        self.add(Some(intent), |out| closed.encode(out))?;
        self.write_if_full()
    }

    /// Adds that intents are over, of earlier runs as well.
    ///
    /// # Errors
    /// As [`Batch::objects`].
    pub fn close_all(&mut self, over: impl Fn(&super::Intent) -> bool) -> Result<(), StoreError> {
        let over = self.journal.open_ids(over);
        over.into_iter().try_for_each(|id| self.close(id))
    }

    /// Adds a record that is by itself.
    fn add(
        &mut self,
        over: Option<u64>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.entries.push(Entry::starting(self.bytes.len()));
        self.push(over, encode)
    }

    /// Adds a record to the last entry; nothing if that fails.
    fn push(
        &mut self,
        over: Option<u64>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        file::push(&mut self.bytes, self.journal.codec(), encode)?;
        self.encoding += began.elapsed();
        if let Some(entry) = self.entries.last_mut() {
            entry.end = self.bytes.len();
            entry.records += 1;
            entry.over.extend(over);
        }
        Ok(())
    }

    fn write_if_full(&mut self) -> Result<(), StoreError> {
        match self.bytes.len() >= FULL {
            true => self.write(),
            false => Ok(()),
        }
    }

    /// Writes what was added since the last time. Nothing waits for the disk.
    ///
    /// # Errors
    /// The journal cannot be written: then some of the records are not in it, and those are not
    /// tried again.
    pub fn write(&mut self) -> Result<(), StoreError> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let encoding = std::mem::take(&mut self.encoding);
        let mut written = self
            .journal
            .append_frames(&self.bytes, &self.entries, encoding);
        if written.is_err() && self.entries.len() > 1 {
            // There may be room for some of them.
            written = self.write_each();
        }
        self.bytes.clear();
        self.entries.clear();
        written
    }

    /// Writes each entry by itself; fails if one of them does.
    fn write_each(&self) -> Result<(), StoreError> {
        let mut result = Ok(());
        let mut start = 0;
        for entry in &self.entries {
            let bytes = &self.bytes[start..entry.end];
            let entry = std::slice::from_ref(entry);
            let written = self.journal.append_frames(bytes, entry, Duration::ZERO);
            result = result.and(written);
            start += bytes.len();
        }
        result
    }
}
