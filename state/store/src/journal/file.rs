//! The file of a journal.

use std::fs::File;
use std::path::Path;

use super::frame;
use super::record::{Intent, Record};
use super::replay::{self, Content};
use crate::{Codec, StoreError, os};

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

pub(super) fn in_use(path: &Path) -> StoreError {
    StoreError::Locked {
        place: path.display().to_string(),
        holder: None,
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
            Ok(false) => return Err(in_use(path)),
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
    let bytes = replay::bytes(path).map_err(StoreError::io("read", path))?;
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

/// Appends the frame of a record.
pub(super) fn push(
    out: &mut Vec<u8>,
    codec: &Codec,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    frame::push(out, |out| {
        let start = out.len();
        encode(out)?;
        if codec.is_sealed() {
            let plain = out.split_off(start);
            out.extend(codec.seal(plain).map_err(|e| unwritable(e.to_string()))?);
        }
        match out.len() - start {
            ..=frame::MOST => Ok(()),
            more => Err(unwritable(format!(
                "a record of {more} bytes is too long for it"
            ))),
        }
    })
}

fn unwritable(reason: String) -> StoreError {
    StoreError::Journal { reason }
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
        let record = Record::Intent(Box::new(intent.clone()));
        push(&mut bytes, codec, |out| record.encode(out))?;
    }
    os::replace(path, &bytes).map_err(StoreError::io("write", path))
}
