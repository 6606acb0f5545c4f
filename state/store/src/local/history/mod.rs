//! Earlier states of a local file, in one file beside it.
//!
//! A state is kept as what is different from the one before, and every now and then as a whole,
//! so that a state is made of few entries and old ones can be dropped. What another engine wrote
//! in between is kept as a whole, too, once somebody writes after it.
//!
//! The state never depends on its history: it is stored first, and a history that is damaged or
//! cannot be written is not an error until somebody wants to read it.

mod delta;
mod frame;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use muster_snapshot::Snapshot;

use super::file::Pieces;
use crate::{Codec, SealError, StoreError, Version, os, time};
use delta::{Broken, Delta};
use frame::{Entry, Found, Head, Print};

/// How many states are kept for sure, and shown.
const KEPT: usize = 50;
/// One of so many states is kept as a whole.
const WHOLE_EVERY: usize = 25;
/// A history with more states is cut.
const MOST: usize = KEPT + WHOLE_EVERY;
/// A history with more bytes is cut, although fewer states are left then.
const MOST_BYTES: usize = 256 << 20;

/// The history of one state.
#[derive(Debug)]
pub(super) struct History {
    pub(super) path: PathBuf,
}

/// A state and the bytes that it is stored as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    pub(super) state: &'a Snapshot,
    pub(super) bytes: Pieces<'a>,
    /// When it was stored, if that is not now.
    pub(super) modified: Option<SystemTime>,
}

impl History {
    /// Adds what was prepared, once the state is in its place. Nobody waits for the disk: what a
    /// crash damages is found by its checksum. The answer is the file in which a history that was
    /// damaged is kept as it was.
    ///
    /// # Errors
    /// That one cannot be kept, or nothing can be added. The history is as it was.
    pub(super) fn add(&self, addition: Addition) -> Result<Option<PathBuf>, Failed> {
        let Addition { change, damaged } = addition;
        let kept = damaged.map(|bytes| self.keep_damaged(&bytes));
        let kept = kept.transpose().map_err(Failed::new)?;
        let written = match change {
            Change::Append { good, bytes } => append(&self.path, good, &bytes),
            Change::Anew(file) if self.path.exists() => os::replace(&self.path, &file),
            Change::Anew(file) => {
                os::open_private(&self.path).and_then(|mut made| made.write_all(&file))
            }
        };
        let written = written.map_err(StoreError::io("write", &self.path));
        written.map(|()| kept).map_err(Failed::new)
    }

    /// Keeps what the file had, of which some is damaged.
    fn keep_damaged(&self, bytes: &[u8]) -> Result<PathBuf, StoreError> {
        crate::journal::keep(&self.path, ".damaged", bytes)
    }

    /// How many bytes of the file cannot be read.
    pub(super) fn damaged(&self) -> Result<usize, StoreError> {
        let file = self.read()?;
        Ok(frame::read(&file).damaged(&file))
    }

    /// What is known of the last states, the newest first; the present one comes first even if
    /// it is not recorded.
    pub(super) fn versions(&self, now: Option<Stored<'_>>) -> Result<Vec<Version>, StoreError> {
        let file = self.read()?;
        let entries = frame::read(&file).entries;
        let mut versions = Vec::new();
        if let Some(now) = now.filter(|now| !is_last(&entries, now)) {
            versions.push(now.version());
        }
        versions.extend(entries.into_iter().rev().map(|e| version(e.head)));
        versions.truncate(KEPT);
        Ok(versions)
    }

    /// The last state that was stored with a serial number.
    pub(super) fn state(&self, codec: &Codec, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        self.last(codec, |head| head.serial == serial)
    }

    /// A state of [`History::versions`].
    pub(super) fn state_of(
        &self,
        codec: &Codec,
        wanted: &Version,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.last(codec, |head| version(head.clone()) == *wanted)
    }

    /// The last state that is wanted.
    fn last(
        &self,
        codec: &Codec,
        is_wanted: impl Fn(&Head) -> bool,
    ) -> Result<Option<Snapshot>, StoreError> {
        let file = self.read()?;
        let entries = frame::read(&file).entries;
        let shown = &entries[entries.len().saturating_sub(KEPT)..];
        let Some(at) = shown.iter().rposition(|e| is_wanted(&e.head)) else {
            return Ok(None);
        };
        let last = entries.len() - shown.len() + at;
        let rebuilt = rebuild(codec, &entries[..=last]);
        rebuilt.map(Some).map_err(|reason| self.broken(reason))
    }

    /// Compares the present state with those that were written here.
    pub(super) fn standing(&self, codec: &Codec, now: &Stored<'_>) -> Standing {
        // The state can be used without its history.
        let Ok(file) = self.read() else {
            return Standing::Fine;
        };
        let entries = frame::read(&file).entries;
        standing(codec, &entries, now)
    }

    /// Writes the file anew with the present way to encrypt. States that cannot be read stay as
    /// they are; what is damaged is kept beside it.
    pub(super) fn reseal(&self, codec: &Codec) -> Result<Rewritten, StoreError> {
        let file = self.read()?;
        let found = frame::read(&file);
        let cannot = |reason| StoreError::Seal {
            place: self.path.display().to_string(),
            reason,
        };
        let kept = match found.damaged(&file) {
            0 => None,
            // Some of it may be in plain text.
            _ => Some(self.keep_damaged(&codec.seal(file.clone()).map_err(cannot)?)?),
        };
        let left = match found.entries.is_empty() {
            true => 0,
            false => {
                let resealed = resealed(codec, &found.entries).map_err(cannot)?;
                os::replace(&self.path, &resealed.file)
                    .map_err(StoreError::io("write", &self.path))?;
                resealed.left
            }
        };
        Ok(Rewritten { left, kept })
    }

    fn read(&self) -> Result<Vec<u8>, StoreError> {
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read.map_err(StoreError::io("read", &self.path)),
        }
    }

    fn broken(&self, reason: Broken) -> StoreError {
        StoreError::io("read", &self.path)(io::Error::new(io::ErrorKind::InvalidData, reason))
    }

    /// What is to be added for a state that is being stored, and for the one before it if that
    /// is not there yet.
    ///
    /// # Errors
    /// The history cannot be read, or states cannot be encrypted.
    pub(super) fn prepare(
        &self,
        codec: &Codec,
        old: Option<Stored<'_>>,
        new: Stored<'_>,
    ) -> Result<Addition, Failed> {
        let file = self.read().map_err(Failed::new)?;
        let found = frame::read(&file);
        let is_damaged = found.damaged(&file) > 0;
        let Found {
            entries,
            end: good,
            lost,
        } = found;
        let mut added = Vec::new();
        let missing = old.filter(|old| !is_last(&entries, old));
        if let Some(old) = missing {
            // Whoever wrote it has not told who that was.
            added.push(old.whole(codec, "")?);
        }
        let has_whole = missing.is_some() || has_recent_whole(&entries);
        added.push(next(codec, old.filter(|_| has_whole), new)?);
        // What was written before states were encrypted must not stay readable.
        let exposed =
            added.iter().any(|(head, _)| head.sealed) && entries.iter().any(|e| !e.head.sealed);
        let is_full = entries.len() >= MOST || good > MOST_BYTES;
        let damaged = match is_damaged {
            false => None,
            // What was in plain text does not stay so.
            true if exposed => Some(codec.seal(file.clone()).map_err(Failed::new)?),
            true => Some(file.clone()),
        };
        if !exposed && !is_full && lost == 0 && !entries.is_empty() {
            let bytes = joined(Vec::new(), &added);
            let change = Change::Append { good, bytes };
            return Ok(Addition { change, damaged });
        }
        let kept = kept(&entries, good);
        let resealed = exposed.then(|| resealed(codec, kept));
        let file = match resealed {
            None => joined(copied(kept), &added),
            Some(Ok(resealed)) => joined(resealed.file, &added),
            // States that cannot be encrypted now are let go of.
            Some(Err(_)) => joined(frame::start(), &[new.whole(codec, &who())?]),
        };
        let change = Change::Anew(file);
        Ok(Addition { change, damaged })
    }
}

/// What is to be added to a history.
#[derive(Debug)]
pub(super) struct Addition {
    change: Change,
    /// The file as it is, where some of it is damaged.
    damaged: Option<Vec<u8>>,
}

/// What is to be written.
#[derive(Debug)]
enum Change {
    /// Behind what is good of the file.
    Append { good: usize, bytes: Vec<u8> },
    /// The whole file, without what is damaged in it.
    Anew(Vec<u8>),
}

/// What became of a history that was written anew.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// How many states are as they were, since they cannot be read.
    pub(super) left: usize,
    /// The file as it was, where some of it was damaged.
    pub(super) kept: Option<PathBuf>,
}

fn joined(mut file: Vec<u8>, added: &[(Head, Vec<u8>)]) -> Vec<u8> {
    for (head, body) in added {
        frame::push(&mut file, head, body);
    }
    file
}

/// Why nothing was recorded.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

impl Failed {
    fn new(reason: impl std::fmt::Display) -> Self {
        Self(reason.to_string())
    }
}

impl<'a> Stored<'a> {
    /// A state that is stored at this moment.
    pub(super) fn now(state: &'a Snapshot, bytes: Pieces<'a>) -> Self {
        Self {
            state,
            bytes,
            modified: None,
        }
    }

    fn head(&self, who: &str, whole: bool) -> Head {
        Head {
            serial: self.state.serial,
            lineage: self.state.lineage.clone(),
            created: self.modified.map_or_else(time::now, time::at),
            who: who.to_owned(),
            instances: instances(self.state),
            whole,
            sealed: false,
            file: Print::new(self.bytes),
        }
    }

    fn whole(&self, codec: &Codec, who: &str) -> Result<(Head, Vec<u8>), Failed> {
        let body = match codec.is_sealed() {
            true => delta::encode_whole(&[&muster_snapshot::encode(self.state)]),
            false => delta::encode_whole(self.bytes),
        };
        let body = body.map_err(Failed::new)?;
        sealed(codec, self.head(who, true), body).map_err(Failed::new)
    }
}

/// An entry as it is stored.
fn sealed(codec: &Codec, head: Head, body: Vec<u8>) -> Result<(Head, Vec<u8>), SealError> {
    let plain = codec.is_sealed().then(|| body.clone());
    let body = codec.seal(body)?;
    // Some methods of encryption leave everything as it is.
    let sealed = plain.is_some_and(|plain| plain != body);
    Ok((Head { sealed, ..head }, body))
}

fn who() -> String {
    format!("{}@{}", os::user_name(), os::host_name())
}

fn instances(state: &Snapshot) -> u64 {
    let all = state.resources.values().flat_map(|r| r.instances.values());
    all.filter(|i| i.current.is_some()).count() as u64
}

fn version(head: Head) -> Version {
    Version {
        serial: head.serial,
        created: head.created,
        who: head.who,
        instances: head.instances,
    }
}

impl Stored<'_> {
    /// What is known of it without a history.
    pub(super) fn version(&self) -> Version {
        version(self.head("", false))
    }
}

/// Whether the last entry is this state.
fn is_last(entries: &[Entry<'_>], stored: &Stored<'_>) -> bool {
    entries.last().is_some_and(|entry| {
        let head = &entry.head;
        (head.serial, &head.lineage) == (stored.state.serial, &stored.state.lineage)
            && head.file == Print::new(stored.bytes)
    })
}

/// How a state stands to those that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is one of them, or somebody else has written it since.
    Fine,
    /// It is the one with this number, and something in it is different.
    Altered(u64),
    /// It says what the last one says, whose number this is, and has a later number.
    Renumbered(u64),
}

/// Whoever writes a state that says something else gives it a new number. So one that has the
/// number of a state that was written here, and says something else, was not written by anybody;
/// nor was one that says the same under an earlier number or with another lineage. The same under
/// a later number may have been written by others, who have changed something and changed it back.
fn standing(codec: &Codec, entries: &[Entry<'_>], now: &Stored<'_>) -> Standing {
    let (Some(last), state) = (entries.last(), now.state) else {
        return Standing::Fine;
    };
    let print = Print::new(now.bytes);
    if entries.iter().any(|entry| entry.head.file == print) {
        return Standing::Fine;
    }
    let (serial, of_last) = (last.head.serial, last.head.lineage == state.lineage);
    let is_it = |e: &Entry<'_>| e.head.serial == state.serial && e.head.lineage == state.lineage;
    if let Some(at) = entries.iter().rposition(is_it) {
        let written = rebuild(codec, &entries[..=at]);
        let differs = written.is_ok_and(|written| !written.same_content(state));
        return match differs {
            true => Standing::Altered(state.serial),
            false => Standing::Fine,
        };
    }
    let is_later = of_last && state.serial > serial;
    let suspect = match of_last {
        true => !is_later || is_one_bit(state.serial, serial),
        false => state.serial == serial,
    };
    let same = |written: Snapshot| {
        let written = Snapshot {
            lineage: state.lineage.clone(),
            ..written
        };
        !written.is_empty() && written.same_content(state)
    };
    match suspect && rebuild(codec, entries).is_ok_and(same) {
        false => Standing::Fine,
        true if is_later => Standing::Renumbered(serial),
        true => Standing::Altered(serial),
    }
}

/// Whether the text of one number becomes that of another one by a single bit.
fn is_one_bit(a: u64, b: u64) -> bool {
    let (a, b) = (a.to_string(), b.to_string());
    let bits = a.bytes().zip(b.bytes()).map(|(a, b)| (a ^ b).count_ones());
    a.len() == b.len() && bits.sum::<u32>() == 1
}

/// Whether a state of the last few is kept as a whole.
fn has_recent_whole(entries: &[Entry<'_>]) -> bool {
    let mut recent = entries.iter().rev().take(WHOLE_EVERY - 1);
    recent.any(|entry| entry.head.whole)
}

/// The entry of a new state: what is different from an old one, if that is much less than all
/// of it.
fn next(
    codec: &Codec,
    old: Option<Stored<'_>>,
    new: Stored<'_>,
) -> Result<(Head, Vec<u8>), Failed> {
    let who = who();
    let old = old.filter(|old| old.state.lineage == new.state.lineage);
    let most = usize::try_from(instances(new.state) / 2).unwrap_or(usize::MAX);
    match old.and_then(|old| Delta::new(old.state, new.state, most)) {
        None => new.whole(codec, &who),
        Some(delta) => {
            let body = delta.encode().map_err(Failed::new)?;
            sealed(codec, new.head(&who, false), body).map_err(Failed::new)
        }
    }
}

/// The entries that stay when a history is cut: enough of them, from a whole state on.
fn kept<'a, 'b>(entries: &'b [Entry<'a>], size: usize) -> &'b [Entry<'a>] {
    let mut starts = (0..entries.len()).filter(|at| entries[*at].head.whole);
    let is_enough =
        |at: &usize| entries.len() - at >= KEPT - 1 || size - entries[*at].start > MOST_BYTES / 2;
    match starts.clone().rev().find(is_enough) {
        Some(at) => &entries[at..],
        // All of it, but for what stands for nothing.
        None => starts.next().map_or(&[], |at| &entries[at..]),
    }
}

fn copied(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut file = frame::start();
    entries
        .iter()
        .for_each(|e| frame::push(&mut file, &e.head, e.body));
    file
}

/// A file whose entries are encrypted in the present way.
struct Resealed {
    file: Vec<u8>,
    /// How many of them are as they were, since they cannot be read. None of these is in plain
    /// text, which can always be read.
    left: usize,
}

fn resealed(codec: &Codec, entries: &[Entry<'_>]) -> Result<Resealed, SealError> {
    let (mut file, mut left) = (frame::start(), 0);
    for entry in entries {
        match opened(codec, entry) {
            Ok(plain) => {
                let (head, body) = sealed(codec, entry.head.clone(), plain)?;
                frame::push(&mut file, &head, &body);
            }
            Err(_) => {
                frame::push(&mut file, &entry.head, entry.body);
                left += 1;
            }
        }
    }
    Ok(Resealed { file, left })
}

fn opened(codec: &Codec, entry: &Entry<'_>) -> Result<Vec<u8>, Broken> {
    let body = entry.body.to_vec();
    match entry.head.sealed {
        true if !codec.is_sealed() => Err(crate::codec::SEALED.to_owned()),
        true => codec.open(body).map_err(|e| e.to_string()),
        false => Ok(body),
    }
}

/// The state of the last entry.
fn rebuild(codec: &Codec, entries: &[Entry<'_>]) -> Result<Snapshot, Broken> {
    let start = entries.iter().rposition(|e| e.head.whole);
    let Some((whole, deltas)) = start.and_then(|at| entries[at..].split_first()) else {
        return Err("the state that others build on is missing".into());
    };
    let mut state = delta::decode_whole(&opened(codec, whole)?)?;
    for entry in deltas {
        Delta::decode(&opened(codec, entry)?)?.apply(&mut state);
    }
    Ok(state)
}

/// Writes bytes behind what is good of a file, and takes them back if that fails.
fn append(path: &Path, good: usize, bytes: &[u8]) -> io::Result<()> {
    let mut file: File = os::open_private(path)?;
    os::make_private(&file);
    file.set_len(good as u64)?;
    file.seek(SeekFrom::Start(good as u64))?;
    let written = file.write_all(bytes);
    if written.is_err() {
        file.set_len(good as u64)?;
    }
    written
}
