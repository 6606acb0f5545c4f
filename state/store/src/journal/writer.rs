//! Writing a journal.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use muster_addr::InstanceAddr;
use muster_snapshot::Snapshot;

use super::frame;
use super::record::{Intent, IntentAction, Objects, Record, RunInfo};
use super::replay::Content;
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
    last_id: u64,
    open: Vec<Intent>,
}

/// Opens a journal that nobody else has open for writing; none if it is not there any more.
pub(super) fn open_existing(path: &Path) -> Result<Option<File>, StoreError> {
    let opened = os::open_existing(path).map_err(StoreError::io("open", path))?;
    let Some(file) = opened else {
        return Ok(None);
    };
    if !os::try_lock(&file).map_err(StoreError::io("lock", path))? {
        return Err(in_use(path));
    }
    Ok(os::is_at(&file, path).then_some(file))
}

/// Whether a run is writing to a journal. Nobody who opens it is kept from that.
pub(super) fn is_in_use(path: &Path) -> Result<bool, StoreError> {
    let opened = os::open_existing(path).map_err(StoreError::io("open", path))?;
    match opened {
        Some(file) => os::is_locked(&file).map_err(StoreError::io("lock", path)),
        None => Ok(false),
    }
}

fn in_use(path: &Path) -> StoreError {
    StoreError::Locked {
        place: path.display().to_string(),
        holder: None,
    }
}

#[derive(Debug, Default)]
struct Synced {
    /// Bytes that are on disk for sure.
    length: u64,
    /// Somebody is at it.
    busy: bool,
    /// It has failed once: the system forgets then what was to be written.
    failed: bool,
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
        let file = open_locked(path)?;
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
        let file = open_locked(path)?;
        let length = file.metadata().map_err(StoreError::io("read", path))?.len();
        if length > 0 {
            return Err(in_use(path));
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
        let content = read(path, codec)?.unwrap_or_default();
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
            last_id: content.last_id,
            open: content.open,
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
        intent.id = writer.last_id + 1;
        let id = intent.id;
        self.append_to(
            &mut writer,
            &Record::Intent(Box::new(intent.clone())),
            Room::Wanted,
        )?;
        writer.last_id = id;
        writer.open.push(intent);
        Ok(id)
    }

    /// Records the objects of an instance as a state has them now, and that they are the result
    /// of an intent, if they are.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn objects(
        &self,
        state: &Snapshot,
        addr: &InstanceAddr,
        intent: Option<u64>,
    ) -> Result<(), StoreError> {
        let objects = Objects::new(state, addr, intent, &self.shared.base);
        self.append(&Record::Objects(objects))?;
        self.forget(intent);
        Ok(())
    }

    /// Records that the provider has told of the object of an intent, and that this was recorded.
    /// Earlier creations of the same instance, which it has gone on with, are over then.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn made(&self, intent: u64, addr: &InstanceAddr) -> Result<(), StoreError> {
        self.close_all(|open| {
            open.action == IntentAction::Create && open.id < intent && open.addr == *addr
        })
    }

    /// Records that an intent is over.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn close(&self, intent: u64) -> Result<(), StoreError> {
        self.append(&Record::Closed { intent })?;
        self.forget(Some(intent));
        Ok(())
    }

    /// Records that intents are over, of earlier runs as well.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn close_all(&self, over: impl Fn(&Intent) -> bool) -> Result<(), StoreError> {
        let open = self.open_intents();
        let mut over = open.iter().filter(|intent| over(intent));
        over.try_for_each(|intent| self.close(intent.id))
    }

    fn forget(&self, intent: Option<u64>) {
        if let Some(id) = intent {
            self.writer().open.retain(|open| open.id != id);
        }
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
            let result = disk::sync_data(&file);
            synced = shared.synced();
            synced.busy = false;
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
        self.writer().open.clone()
    }

    /// Ends the run, when its state is stored. What is open still is kept for the next command.
    ///
    /// # Errors
    /// The journal cannot be written or removed.
    pub fn finish(&self) -> Result<(), StoreError> {
        let open = self.open_intents();
        compact(&self.shared.path, &self.shared.codec, &open)
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
        let mut bytes = Vec::new();
        push(&mut bytes, &self.shared.codec, record)?;
        self.put(writer, &bytes, room)
    }

    /// Appends bytes. What is written of them when that fails is overwritten by the next ones.
    fn put(&self, writer: &mut Writer, bytes: &[u8], room: Room) -> Result<(), StoreError> {
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

impl Shared {
    fn synced(&self) -> MutexGuard<'_, Synced> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a journal that nobody else has open for writing.
pub(super) fn open_locked(path: &Path) -> Result<File, StoreError> {
    let folder = os::folder_of(path);
    std::fs::create_dir_all(folder).map_err(StoreError::io("make", folder))?;
    loop {
        let file = os::open_private(path).map_err(StoreError::io("open", path))?;
        match os::try_lock(&file) {
            Ok(true) => {}
            Ok(false) => {
                return Err(StoreError::Locked {
                    place: path.display().to_string(),
                    holder: None,
                });
            }
            // Who goes on without a lock on the state has said that nobody else is there.
            Err(error) if os::has_no_locks(&error) => {}
            Err(error) => return Err(StoreError::io("lock", path)(error)),
        }
        // Whoever had it before may have put another file in its place when it was done.
        if os::is_at(&file, path) {
            return Ok(file);
        }
    }
}

/// What a journal says; none if there is none. One that goes on behind a damaged record is
/// refused: it was not cut off, and what the record said is missing.
pub(super) fn read(path: &Path, codec: &Codec) -> Result<Option<Content>, StoreError> {
    let bytes = super::replay::bytes(path).map_err(StoreError::io("read", path))?;
    let content = bytes.map(|bytes| Content::read(&bytes, codec));
    let refused = |reason: String| StoreError::Journal {
        reason: format!("{}: {reason}", path.display()),
    };
    match content.transpose().map_err(refused)? {
        Some(content) if content.behind > 0 => Err(refused(damaged(path, &content))),
        content => Ok(content),
    }
}

fn damaged(path: &Path, content: &Content) -> String {
    let (at, behind) = (content.good, content.behind);
    let path = path.display();
    format!(
        "it is damaged at byte {at}, and {behind} whole records follow. Nothing was changed. To bring everything that can be read into the state, with a copy of the file kept, run: muster recover -adopt {path}. To go on without what it says, move it away"
    )
}

pub(super) fn push(out: &mut Vec<u8>, codec: &Codec, record: &Record) -> Result<(), StoreError> {
    let sealed = codec
        .seal(record.encode()?)
        .map_err(|reason| StoreError::Journal {
            reason: reason.to_string(),
        })?;
    if sealed.len() > frame::MOST {
        let reason = format!("a record of {} bytes is too long for it", sealed.len());
        return Err(StoreError::Journal { reason });
    }
    frame::push(out, &sealed);
    Ok(())
}

/// Replaces a journal by one that has nothing but these intents, or removes it.
pub(super) fn compact(path: &Path, codec: &Codec, open: &[Intent]) -> Result<(), StoreError> {
    if open.is_empty() {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::io("remove", path)(error));
            }
            _ => {}
        }
        let folder = os::folder_of(path);
        return os::sync_folder(folder).map_err(StoreError::io("write", folder));
    }
    let mut bytes = frame::MAGIC.to_vec();
    for intent in open {
        push(&mut bytes, codec, &Record::Intent(Box::new(intent.clone())))?;
    }
    os::replace(path, &bytes).map_err(StoreError::io("write", path))
}
