//! How much memory an archive of xz wants to be unpacked with. Its blocks say so themselves, and
//! the reader believes them, so that they are looked at before it is asked. Nothing is unpacked
//! here: the parts that hold data have lengths, and are passed over.

use std::io::{self, BufRead, Read};

use super::{UnpackError, damaged};

/// The most memory that a block may want for what it refers back to, in bytes. The program xz
/// takes 64 MiB at its highest level.
const MOST_WINDOW: u64 = 128 * 1024 * 1024;

/// What every stream begins with.
const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];

/// The only filter that has a window, by its number.
const LZMA2: u64 = 0x21;

/// Checks that no block wants too much memory.
///
/// # Errors
/// One does, or this is no archive of xz. What comes after a part that makes no sense is not
/// looked at.
pub(super) fn check(mut archive: impl BufRead) -> Result<(), UnpackError> {
    let archive = &mut archive;
    while let Some(first) = after_padding(archive)? {
        let check_size = stream_header(archive, first)?;
        loop {
            match byte(archive)? {
                0 => break,
                size => block(archive, size, check_size)?,
            }
        }
        index(archive)?;
        skip(archive, 12)?;
    }
    Ok(())
}

/// The first byte that is not zero, between two streams.
fn after_padding(archive: &mut impl BufRead) -> Result<Option<u8>, UnpackError> {
    let mut byte = [0];
    loop {
        match archive.read(&mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) if byte[0] != 0 => return Ok(Some(byte[0])),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(damaged(e)),
        }
    }
}

/// The length of the checksums behind the blocks of a stream.
fn stream_header(archive: &mut impl BufRead, first: u8) -> Result<u64, UnpackError> {
    let rest: [u8; 11] = bytes(archive)?;
    if first != MAGIC[0] || rest[..5] != MAGIC[1..] {
        return Err(invalid("it does not begin as one of xz does"));
    }
    // Of none, or by size: three kinds of checksums each have the same length.
    Ok(match rest[6] & 0x0f {
        0 => 0,
        kind => 4 << ((kind - 1) / 3),
    })
}

fn block(archive: &mut impl BufRead, size: u8, check_size: u64) -> Result<(), UnpackError> {
    // The byte that is read already counts.
    let mut header = vec![0; (usize::from(size) + 1) * 4 - 1];
    archive.read_exact(&mut header).map_err(damaged)?;
    window(&header)?;
    let length = 1 + header.len() as u64 + chunks(archive)?;
    skip(archive, length.next_multiple_of(4) - length + check_size)
}

/// Checks what a block says of its window.
fn window(header: &[u8]) -> Result<(), UnpackError> {
    let flags = header[0];
    let mut rest = &header[1..];
    for is_there in [flags & 0x40 != 0, flags & 0x80 != 0] {
        if is_there {
            number(&mut rest)?;
        }
    }
    for _ in 0..=(flags & 3) {
        let (id, length) = (number(&mut rest)?, number(&mut rest)?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (properties, behind) = rest.split_at_checked(length).ok_or_else(too_short)?;
        rest = behind;
        if id != LZMA2 {
            continue;
        }
        // Five bits of a logarithm in halves; the highest is the limit of the format.
        let bits = u64::from(*properties.first().ok_or_else(too_short)?);
        let window = match bits {
            0..=39 => (2 | (bits & 1)) << (bits / 2 + 11),
            _ => u64::from(u32::MAX),
        };
        if window > MOST_WINDOW {
            return Err(UnpackError::Memory {
                wanted: window >> 20,
                most: MOST_WINDOW >> 20,
            });
        }
    }
    Ok(())
}

/// Passes over the data of a block; answers its length.
fn chunks(archive: &mut impl BufRead) -> Result<u64, UnpackError> {
    let mut length = 0;
    loop {
        let control = byte(archive)?;
        length += 1;
        let data = match control {
            0 => return Ok(length),
            1 | 2 => {
                let size: [u8; 2] = bytes(archive)?;
                length += 2;
                u64::from(u16::from_be_bytes(size)) + 1
            }
            0x80.. => {
                let [_, _, high, low] = bytes(archive)?;
                length += 4;
                let has_properties = u64::from(control >= 0xc0);
                u64::from(u16::from_be_bytes([high, low])) + 1 + has_properties
            }
            _ => return Err(invalid("a part of it is of no known kind")),
        };
        skip(archive, data)?;
        length += data;
    }
}

/// Passes over the index of a stream, whose first byte is read already.
fn index(archive: &mut impl BufRead) -> Result<(), UnpackError> {
    let mut length = 1;
    let mut next = |archive: &mut _| {
        let (value, size) = stream_number(archive)?;
        length += size;
        Ok::<u64, UnpackError>(value)
    };
    for _ in 0..next(archive)? {
        next(archive)?;
        next(archive)?;
    }
    skip(archive, length.next_multiple_of(4) - length + 4)
}

/// A number of seven bits per byte, and how many bytes it has.
fn stream_number(archive: &mut impl BufRead) -> Result<(u64, u64), UnpackError> {
    let mut value = 0;
    for size in 0..9 {
        let byte = byte(archive)?;
        value |= u64::from(byte & 0x7f) << (7 * size);
        if byte & 0x80 == 0 {
            return Ok((value, size + 1));
        }
    }
    Err(invalid("a number in it is too long"))
}

fn number(text: &mut &[u8]) -> Result<u64, UnpackError> {
    Ok(stream_number(text)?.0)
}

fn byte(archive: &mut impl BufRead) -> Result<u8, UnpackError> {
    bytes(archive).map(|[byte]| byte)
}

fn bytes<const N: usize>(archive: &mut impl BufRead) -> Result<[u8; N], UnpackError> {
    let mut bytes = [0; N];
    archive.read_exact(&mut bytes).map_err(damaged)?;
    Ok(bytes)
}

fn skip(archive: &mut impl BufRead, length: u64) -> Result<(), UnpackError> {
    let mut part = archive.take(length);
    match io::copy(&mut part, &mut io::sink()).map_err(damaged)? {
        skipped if skipped == length => Ok(()),
        _ => Err(too_short()),
    }
}

fn too_short() -> UnpackError {
    invalid("it ends too early")
}

fn invalid(reason: &str) -> UnpackError {
    UnpackError::Archive(reason.to_owned())
}
