//! Bytes in files, such that nothing is lost in a crash.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::disk;

/// What a file starts with while it is written over.
const INTERRUPTED: u8 = 0;
/// What a file starts with while it is written for the first time. A file that a crash has filled
/// with zero bytes does not look like that.
const BEGUN: u8 = 1;

/// Whether these bytes are of a file that was being written over.
pub(super) fn is_interrupted(bytes: &[u8]) -> bool {
    bytes.first() == Some(&INTERRUPTED)
}

/// Whether these bytes are of a file that was empty, and was being written.
pub(super) fn is_begun(bytes: &[u8]) -> bool {
    bytes.first() == Some(&BEGUN)
}

/// Bytes in pieces that stand one behind the other.
pub(super) type Pieces<'a> = &'a [&'a [u8]];

/// How many bytes that is.
pub(super) fn length(pieces: Pieces<'_>) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
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
pub(super) fn overwrite(file: &File, bytes: Pieces<'_>) -> io::Result<()> {
    write_behind(INTERRUPTED, file, bytes)
}

/// Writes to an open file that is empty. Until all bytes are on disk it starts with a byte that
/// tells that there was nothing. A file that cannot be written is empty again.
pub(super) fn begin(file: &File, bytes: Pieces<'_>) -> io::Result<()> {
    write_behind(BEGUN, file, bytes).inspect_err(|_| {
        // What is left otherwise counts as nothing, too.
        let _ = file.set_len(0);
    })
}

/// Writes all bytes of a file, of which the first one is this one until the others are on disk.
fn write_behind(mark: u8, mut file: &File, bytes: Pieces<'_>) -> io::Result<()> {
    let mut pieces = bytes.iter().skip_while(|piece| piece.is_empty());
    let Some((first, rest)) = pieces.next().and_then(|piece| piece.split_first()) else {
        return file.set_len(0);
    };
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[mark])?;
    disk::sync_data(file)?;
    file.write_all(rest)?;
    pieces.try_for_each(|piece| file.write_all(piece))?;
    file.set_len(length(bytes))?;
    disk::sync_data(file)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&[*first])?;
    disk::sync_all(file)
}
