//! Writing a journal.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::batch::{Batch, Entry};
use super::open::OpenIntents;
use super::record::{Intent, Record, RunInfo};
use super::{file, frame};
use crate::{Codec, StoreError, disk, os};

/// Room on the disk is taken in pieces of this size, so that a result still has its place when
/// the disk is full.
const ROOM: u64 = 4 << 20;

/// Whether there must be room for more than what is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Nothing may begin without.
    Wanted,
    /// What is left of it may be used up.
    Left,
}

/// The journal of a run. Clones are the same journal; it may be used from several threads.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    codec: Codec,
    /// The state that the run began with.
    base: Snapshot,
    writer: Mutex<Writer>,
    synced: Mutex<Synced>,
    /// Somebody has finished a sync.
    turn: Condvar,
}

#[derive(Debug)]
struct Writer {
    file: Arc<File>,
    /// Bytes of good frames.
    length: u64,
    /// Bytes that the file system has set aside.
    reserved: u64,
    /// Behind the good frames are bytes of a write that failed.
    torn: bool,
    last_id: u64,
    open: OpenIntents,
    cost: JournalCost,
}

/// What a journal has taken from a run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalCost {
    /// How many records the run has written.
    pub records: u64,
    /// How many bytes those are in the file.
    pub bytes: u64,
    /// In how many pieces they were written.
    pub writes: u64,
    /// How long it took to make and write them.
    pub writing: Duration,
    /// How often the disk was waited for.
    pub syncs: u64,
    /// How long that was; other work went on meanwhile.
    pub syncing: Duration,
}

#[derive(Debug, Default)]
struct Synced {
    /// Bytes that are on disk for sure.
    length: u64,
    /// Somebody is at it.
    busy: bool,
    /// It has failed once: the system forgets then what was to be written.
    failed: bool,
    /// How often it was done.
    count: u64,
    /// How long it took.
    time: Duration,
}

impl Journal {
    /// Begins a run in the journal file, which must not be in use. Intents that are open stay so.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn begin(
        path: &Path,
        codec: &Codec,
        run: RunInfo,
        base: Snapshot,
    ) -> Result<Self, StoreError> {
        let file = file::open_locked(path)?;
        Self::begin_in(path, codec, run, (file, base))
    }

    /// Begins a run in a journal file of its own, which is not there yet. Other runs go on at the
    /// same time; `base` is the state that this one began with.
    ///
    /// # Errors
    /// The file cannot be written, or another run has just taken it.
    pub(super) fn begin_beside(
        path: &Path,
        codec: &Codec,
        run: RunInfo,
        base: Snapshot,
    ) -> Result<Self, StoreError> {
        let file = file::open_locked(path)?;
        let length = file.metadata().map_err(StoreError::io("read", path))?.len();
        if length > 0 {
            return Err(file::in_use(path));
        }
        Self::begin_in(path, codec, run, (file, base))
    }

    fn begin_in(
        path: &Path,
        codec: &Codec,
        run: RunInfo,
        (file, base): (File, Snapshot),
    ) -> Result<Self, StoreError> {
        // What another run has left since the journal was looked at must be brought in first.
        let content = file::read(path, codec)?.unwrap_or_default();
        if content.run.is_some() || content.good < content.length {
            return Err(StoreError::Journal {
                reason: format!(
                    "{}: another run was on in the meantime. Run the command again",
                    path.display()
                ),
            });
        }
        let writer = Writer {
            file: Arc::new(file),
            length: 0,
            reserved: 0,
            torn: false,
            last_id: content.last_id,
            open: content.open.into_iter().collect(),
            cost: JournalCost::default(),
        };
        let journal = Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                codec: codec.clone(),
                base,
                writer: Mutex::new(writer),
                synced: Mutex::default(),
                turn: Condvar::new(),
            }),
        };
        journal.append_start(run)?;
        Ok(journal)
    }

    /// The first bytes of a new journal. Intents of earlier runs are written by whoever has
    /// recovered them.
    fn append_start(&self, run: RunInfo) -> Result<(), StoreError> {
        {
            let mut writer = self.writer();
            let end = (&*writer.file).seek(SeekFrom::End(0));
            writer.length = end.map_err(self.failed("read"))?;
            if writer.length == 0 {
                self.put(&mut writer, frame::MAGIC, Room::Wanted)?;
            }
        }
        self.append(&Record::Begin(run))?;
        self.sync()?;
        let folder = os::folder_of(&self.shared.path);
        os::sync_folder(folder).map_err(StoreError::io("write", folder))
    }

    /// Records that the world is about to be changed; the answer is the number of the intent.
    /// Before it is changed, [`Journal::sync`] must have said that this is on disk.
    ///
    /// # Errors
    /// The journal cannot be written: then the world must not be changed.
    pub fn intent(&self, mut intent: Intent) -> Result<u64, StoreError> {
        let mut writer = self.writer();
        let id = writer.last_id + 1;
        intent.id = id;
        let record = Record::Intent(Box::new(intent));
        self.append_to(&mut writer, &record, Room::Wanted)?;
        writer.last_id = id;
        if let Record::Intent(intent) = record {
            writer.open.insert(*intent);
        }
        Ok(id)
    }

    /// Records to write together.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// Records that intents are over, of earlier runs as well.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn close_all(&self, over: impl Fn(&Intent) -> bool) -> Result<(), StoreError> {
        let mut batch = self.batch();
        batch.close_all(over)?;
        batch.write()
    }

    /// Records that a state was stored which has everything that was recorded until now.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn saved(&self) -> Result<(), StoreError> {
        self.append(&Record::Saved {})
    }

    /// Returns when everything that was recorded before is on disk. Whoever waits here at the
    /// same time shares the cost.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&self) -> Result<(), StoreError> {
        let wanted = self.writer().length;
        let shared = &self.shared;
        let mut synced = shared.synced();
        while synced.length < wanted {
            if synced.failed {
                let lost = std::io::Error::other("an earlier write was lost");
                return Err(self.failed("write")(lost));
            }
            if synced.busy {
                let woken = shared.turn.wait(synced);
                synced = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            synced.busy = true;
            drop(synced);
            let (file, length) = {
                let writer = self.writer();
                (Arc::clone(&writer.file), writer.length)
            };
            let began = Instant::now();
            let result = disk::sync_data(&file);
            synced = shared.synced();
            synced.busy = false;
            synced.count += 1;
            synced.time += began.elapsed();
            synced.failed |= result.is_err();
            shared.turn.notify_all();
            result.map_err(self.failed("write"))?;
            synced.length = synced.length.max(length);
        }
        Ok(())
    }

    /// How many bytes the journal has.
    pub fn len(&self) -> u64 {
        self.writer().length
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls that were sent and not answered, so that nobody knows what became of them.
    pub fn open_intents(&self) -> Vec<Intent> {
        self.writer().open.iter().cloned().collect()
    }

    /// Ends the run, when its state is stored. What is open still is kept for the next command.
    ///
    /// # Errors
    /// The journal cannot be written or removed.
    pub fn finish(&self) -> Result<(), StoreError> {
        let open = self.open_intents();
        file::compact(&self.shared.path, &self.shared.codec, &open)
    }

    /// What it has taken from this run so far.
    pub fn cost(&self) -> JournalCost {
        let cost = self.writer().cost;
        let synced = self.shared.synced();
        JournalCost {
            syncs: synced.count,
            syncing: synced.time,
            ..cost
        }
    }

    /// The state that the run began with.
    pub(super) fn base(&self) -> &Snapshot {
        &self.shared.base
    }

    pub(super) fn codec(&self) -> &Codec {
        &self.shared.codec
    }

    /// The numbers of open intents.
    pub(super) fn open_ids(&self, is_wanted: impl Fn(&Intent) -> bool) -> Vec<u64> {
        let writer = self.writer();
        let wanted = writer.open.iter().filter(|intent| is_wanted(intent));
        wanted.map(|intent| intent.id).collect()
    }

    /// The numbers of open creations of an instance that were begun before an intent.
    pub(super) fn creations_before(&self, intent: u64, addr: &InstanceAddr) -> Vec<u64> {
        self.writer().open.creations_before(intent, addr)
    }

    fn append(&self, record: &Record) -> Result<(), StoreError> {
        self.append_to(&mut self.writer(), record, Room::Left)
    }

    fn append_to(
        &self,
        writer: &mut Writer,
        record: &Record,
        room: Room,
    ) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut bytes = Vec::new();
        file::push(&mut bytes, &self.shared.codec, |out| record.encode(out))?;
        self.put(writer, &bytes, room)?;
        writer.cost.add(1, &bytes, began.elapsed());
        Ok(())
    }

    /// Appends the frames of some entries, which it took so long to make.
    pub(super) fn append_frames(
        &self,
        bytes: &[u8],
        entries: &[Entry],
        encoding: Duration,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let began = Instant::now();
        self.put(&mut writer, bytes, Room::Left)?;
        let over = entries.iter().flat_map(|entry| &entry.over);
        over.for_each(|id| writer.open.remove(*id));
        let time = encoding + began.elapsed();
        let records = entries.iter().map(|entry| entry.records).sum();
        writer.cost.add(records, bytes, time);
        Ok(())
    }

    /// Appends bytes, all or none.
    fn put(&self, writer: &mut Writer, bytes: &[u8], room: Room) -> Result<(), StoreError> {
        if writer.torn {
            writer.clean().map_err(self.failed("write"))?;
        }
        let end = writer.length + bytes.len() as u64;
        if end + ROOM / 4 > writer.reserved {
            match os::reserve(&writer.file, end + ROOM) {
                Ok(()) => writer.reserved = end + ROOM,
                // What is left is for results.
                Err(error) if room == Room::Wanted => return Err(self.failed("write")(error)),
                Err(_) => {}
            }
        }
        let written = os::write_at(&writer.file, bytes, writer.length);
        if written.is_err() {
            writer.torn = true;
            // Where that fails as well, it is tried again before the next bytes.
            let _ = writer.clean();
        }
        written.map_err(self.failed("write"))?;
        writer.length = end;
        Ok(())
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Lengths are counted up only after the bytes were written.
        self.shared
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(std::io::Error) -> StoreError + use<> {
        StoreError::io(action, self.shared.path.clone())
    }
}

impl Writer {
    /// Takes away what a write that failed has left behind the good frames. Whole frames of it
    /// would follow shorter ones that are written there next, and read as a damaged journal.
    fn clean(&mut self) -> std::io::Result<()> {
        if let Err(error) = self.file.set_len(self.length) {
            self.wipe().map_err(|_| error)?;
        } else {
            // With it goes the room that was set aside.
            let room = std::mem::take(&mut self.reserved);
            if room > 0 && os::reserve(&self.file, room).is_ok() {
                self.reserved = room;
            }
        }
        self.torn = false;
        Ok(())
    }

    /// Overwrites with zeros what is behind the good frames.
    fn wipe(&self) -> std::io::Result<()> {
        let zeros = vec![0; 64 << 10];
        let end = self.file.metadata()?.len();
        let mut at = self.length;
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let some = &zeros[..zeros.len().min(left)];
            os::write_at(&self.file, some, at)?;
            at += some.len() as u64;
        }
        Ok(())
    }
}

impl JournalCost {
    fn add(&mut self, records: usize, bytes: &[u8], time: Duration) {
        self.records += records as u64;
        self.bytes += bytes.len() as u64;
        self.writes += 1;
        self.writing += time;
    }
}

impl Shared {
    fn synced(&self) -> MutexGuard<'_, Synced> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
