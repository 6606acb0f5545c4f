//! Records that are written in one piece.

use std::time::{Duration, Instant};

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::file;
use super::record::{self, IntentAction, Record};
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
    records: Vec<Entry>,
    /// How long it took to make the bytes.
    encoding: Duration,
}

/// A record of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Where its bytes end.
    end: usize,
    /// The intent that is over with it.
    pub(super) over: Option<u64>,
}

impl Batch {
    pub(super) fn new(journal: Journal) -> Self {
        Self {
            journal,
            bytes: Vec::new(),
            records: Vec::new(),
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
        })
    }

    /// Adds that the provider has told of the object of an intent, and that this was recorded.
    /// Earlier creations of the same instance, which it has gone on with, are over then.
    ///
    /// # Errors
    /// As [`Batch::objects`].
    pub fn made(&mut self, intent: u64, addr: &InstanceAddr) -> Result<(), StoreError> {
        self.close_all(|open| {
            open.action == IntentAction::Create && open.id < intent && open.addr == *addr
        })
    }

    /// Adds that an intent is over.
    ///
    /// # Errors
    /// As [`Batch::objects`].
    pub fn close(&mut self, intent: u64) -> Result<(), StoreError> {
        let closed = Record::Closed { intent };
        self.add(Some(intent), |out| closed.encode(out))
    }

    /// Adds that intents are over, of earlier runs as well.
    ///
    /// # Errors
    /// As [`Batch::objects`].
    pub fn close_all(&mut self, over: impl Fn(&super::Intent) -> bool) -> Result<(), StoreError> {
        let over = self.journal.open_ids(over);
        over.into_iter().try_for_each(|id| self.close(id))
    }

    fn add(
        &mut self,
        over: Option<u64>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        file::push(&mut self.bytes, self.journal.codec(), encode)?;
        self.records.push(Entry {
            end: self.bytes.len(),
            over,
        });
        self.encoding += began.elapsed();
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
        if self.records.is_empty() {
            return Ok(());
        }
        let encoding = std::mem::take(&mut self.encoding);
        let mut written = self
            .journal
            .append_frames(&self.bytes, &self.records, encoding);
        if written.is_err() && self.records.len() > 1 {
            // There may be room for some of them.
            written = self.write_each();
        }
        self.bytes.clear();
        self.records.clear();
        written
    }

    /// Writes each record by itself; fails if one of them does.
    fn write_each(&self) -> Result<(), StoreError> {
        let mut result = Ok(());
        let mut start = 0;
        for record in &self.records {
            let bytes = &self.bytes[start..record.end];
            let record = std::slice::from_ref(record);
            let written = self.journal.append_frames(bytes, record, Duration::ZERO);
            result = result.and(written);
            start += bytes.len();
        }
        result
    }
}
