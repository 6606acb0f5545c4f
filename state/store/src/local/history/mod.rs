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

use crate::{Codec, StoreError, Version, os, time};
use delta::{Broken, Delta};
use frame::{Entry, Head, Print};

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
    pub(super) bytes: &'a [u8],
    /// When it was stored, if that is not now.
    pub(super) modified: Option<SystemTime>,
}

impl History {
    /// What is to be added for a state that is being stored, and for the one before it if that
    /// is not there yet. `None` if nothing can be added.
    pub(super) fn prepare(
        &self,
        codec: &Codec,
        old: Option<Stored<'_>>,
        new: Stored<'_>,
    ) -> Option<Addition> {
        // Earlier states are not worth failing for.
        self.try_prepare(codec, old, new).ok()
    }

    /// Adds what was prepared, once the state is in its place. Nobody waits for the disk: what a
    /// crash damages is found by its checksum.
    pub(super) fn add(&self, addition: Addition) {
        let _ = match addition {
            Addition::Append { good, bytes } => append(&self.path, good, &bytes),
            Addition::Anew(file) => os::replace(&self.path, &file),
        };
    }

    /// What is known of the last states, the newest first; the present one comes first even if
    /// it is not recorded.
    pub(super) fn versions(&self, now: Option<Stored<'_>>) -> Result<Vec<Version>, StoreError> {
        let file = self.read()?;
        let (entries, _) = frame::read(&file);
        let mut versions = Vec::new();
        if let Some(now) = now.filter(|now| !is_last(&entries, now)) {
            versions.push(version(now.head("", false)));
        }
        versions.extend(entries.into_iter().rev().map(|e| version(e.head)));
        versions.truncate(KEPT);
        Ok(versions)
    }

    /// The last state that was stored with a serial number.
    pub(super) fn state(&self, codec: &Codec, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        let file = self.read()?;
        let (entries, _) = frame::read(&file);
        let shown = &entries[entries.len().saturating_sub(KEPT)..];
        let Some(at) = shown.iter().rposition(|e| e.head.serial == serial) else {
            return Ok(None);
        };
        let last = entries.len() - shown.len() + at;
        let rebuilt = rebuild(codec, &entries[..=last]);
        rebuilt.map(Some).map_err(|reason| self.broken(reason))
    }

    /// Writes the file anew with the present way to encrypt.
    pub(super) fn reseal(&self, codec: &Codec) -> Result<(), StoreError> {
        let file = self.read()?;
        let (entries, _) = frame::read(&file);
        if entries.is_empty() {
            return Ok(());
        }
        let resealed = resealed(codec, &entries).map_err(|reason| self.broken(reason))?;
        os::replace(&self.path, &resealed).map_err(StoreError::io("write", &self.path))
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

    fn try_prepare(
        &self,
        codec: &Codec,
        old: Option<Stored<'_>>,
        new: Stored<'_>,
    ) -> Result<Addition, Failed> {
        let file = self.read().map_err(|_| Failed)?;
        let (entries, good) = frame::read(&file);
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
        if !exposed && !is_full && !entries.is_empty() {
            let bytes = joined(Vec::new(), &added);
            return Ok(Addition::Append { good, bytes });
        }
        let kept = kept(&entries, good);
        let resealed = exposed.then(|| resealed(codec, kept));
        Ok(Addition::Anew(match resealed {
            None => joined(copied(kept), &added),
            Some(Ok(file)) => joined(file, &added),
            // States that cannot be encrypted now are let go of.
            Some(Err(_)) => joined(frame::start(), &[new.whole(codec, &who())?]),
        }))
    }
}

/// What is to be added to a history.
#[derive(Debug)]
pub(super) enum Addition {
    /// Behind what is good of the file.
    Append { good: usize, bytes: Vec<u8> },
    /// The whole file.
    Anew(Vec<u8>),
}

fn joined(mut file: Vec<u8>, added: &[(Head, Vec<u8>)]) -> Vec<u8> {
    for (head, body) in added {
        frame::push(&mut file, head, body);
    }
    file
}

/// Nothing was recorded.
#[derive(Debug)]
struct Failed;

impl<'a> Stored<'a> {
    /// A state that is stored at this moment.
    pub(super) fn now(state: &'a Snapshot, bytes: &'a [u8]) -> Self {
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
            true => delta::encode_whole(&muster_snapshot::encode(self.state)),
            false => delta::encode_whole(self.bytes),
        };
        sealed(codec, self.head(who, true), body.map_err(|_| Failed)?)
    }
}

/// An entry as it is stored.
fn sealed(codec: &Codec, head: Head, body: Vec<u8>) -> Result<(Head, Vec<u8>), Failed> {
    let plain = codec.is_sealed().then(|| body.clone());
    let body = codec.seal(body).map_err(|_| Failed)?;
    // Some methods of encryption leave everything as it is.
    let sealed = plain.is_some_and(|plain| plain != body);
    Ok((Head { sealed, ..head }, body))
}

fn who() -> String {
    format!("{}@{}", os::user_name(), os::host_name())
}

fn instances(state: &Snapshot) -> u64 {
    let current = state.instances().filter(|(.., i)| i.current.is_some());
    current.count() as u64
}

fn version(head: Head) -> Version {
    Version {
        serial: head.serial,
        created: head.created,
        who: head.who,
        instances: head.instances,
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
            let body = delta.encode().map_err(|_| Failed)?;
            sealed(codec, new.head(&who, false), body)
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

fn resealed(codec: &Codec, entries: &[Entry<'_>]) -> Result<Vec<u8>, Broken> {
    let mut file = frame::start();
    for entry in entries {
        let sealed = sealed(codec, entry.head.clone(), opened(codec, entry)?);
        let (head, body) = sealed.map_err(|Failed| "it cannot be encrypted")?;
        frame::push(&mut file, &head, &body);
    }
    Ok(file)
}

fn opened(codec: &Codec, entry: &Entry<'_>) -> Result<Vec<u8>, Broken> {
    let body = entry.body.to_vec();
    match entry.head.sealed {
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
