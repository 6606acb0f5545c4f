//! Bytes in files, such that nothing is lost in a crash.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::disk;

/// What a file starts with while it is being written.
const INTERRUPTED: u8 = 0;

/// Whether these bytes are of a file whose writing was interrupted.
pub(super) fn is_interrupted(bytes: &[u8]) -> bool {
    bytes.first() == Some(&INTERRUPTED)
}

/// All bytes of an open file.
pub(super) fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All bytes of a file, none if it is not there, and whether nobody wrote to it meanwhile.
pub(super) fn read_settled(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), true)),
        opened => opened?,
    };
    let before = file.metadata()?;
    let bytes = read(&file)?;
    let after = file.metadata()?;
    let settled = before.len() == after.len()
        && before.modified().ok() == after.modified().ok()
        && bytes.len() as u64 == after.len();
    Ok((bytes, settled))
}

/// The first byte of an open file, if it has any.
pub(super) fn read_start(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes over an open file in place. Until all bytes are on disk it starts with a byte that
/// tells of the interruption.
pub(super) fn overwrite(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    let Some((first, rest)) = bytes.split_first() else {
        return file.set_len(0);
    };
    let was_empty = file.metadata()?.len() == 0;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[INTERRUPTED])?;
    // What was never written to a file reads as that byte, or is behind its end.
    if !was_empty {
        disk::sync_data(file)?;
    }
    file.write_all(rest)?;
    file.set_len(bytes.len() as u64)?;
    disk::sync_data(file)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[*first])?;
    disk::sync_all(file)
}
