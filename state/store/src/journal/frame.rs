//! Frames of a journal: a length, a checksum and that many bytes.
//!
//! A journal starts with [`MAGIC`]. A frame is the length of its bytes and their checksum (CRC-32
//! of IEEE 802.3), both four bytes with the lowest first, then the bytes. A file that was cut off,
//! or has a wrong byte, is good up to the last frame before that; only in the second case more good
//! frames may follow.

/// What a journal starts with.
pub(super) const MAGIC: &[u8; 8] = b"mustrj1\n";
/// No record has more bytes: a length above it is a wrong one.
pub(super) const MOST: usize = 256 << 20;

/// Bytes of a length and a checksum.
const HEAD: usize = 8;

/// Appends a frame with the bytes that `fill` appends; nothing if that fails.
pub(super) fn push<E>(
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend([0; HEAD]);
    if let Err(error) = fill(out) {
        out.truncate(start);
        return Err(error);
    }
    let (head, bytes) = out[start..].split_at_mut(HEAD);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&checksum(length, bytes).to_le_bytes());
    Ok(())
}

/// The checksum is one of the length as well, so that a run of zeros is no frame.
fn checksum(length: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// The frames of a journal as far as they are good, and how many bytes that is.
pub(super) fn read(journal: &[u8]) -> (Vec<&[u8]>, usize) {
    match journal.starts_with(MAGIC) {
        true => read_from(journal, MAGIC.len()),
        false => (Vec::new(), 0),
    }
}

/// Good frames one behind the other, and where they end.
fn read_from(journal: &[u8], mut at: usize) -> (Vec<&[u8]>, usize) {
    let mut frames = Vec::new();
    while let Some((frame, after)) = journal.get(at..).and_then(split) {
        at = journal.len() - after.len();
        frames.push(frame);
    }
    (frames, at)
}

/// Good frames behind damaged ones, and how many bytes are in neither. `good` is how far the
/// journal can be read. Where a write was cut off there are none.
pub(super) fn behind(journal: &[u8], good: usize) -> (Vec<&[u8]>, usize) {
    let (mut frames, mut at, mut lost) = (Vec::new(), good, 0);
    while let Some(next) = next(journal, at) {
        let (more, end) = read_from(journal, next);
        frames.extend(more);
        lost += next - at;
        at = end;
    }
    (frames, lost + journal.len() - at)
}

/// Where the next frame with a record in it starts.
///
/// Records are JSON objects, in plain text or sealed. That has no control characters but line
/// breaks, so that hardly anything in the middle of one reads as a length, and few places have
/// their checksum computed.
fn next(journal: &[u8], from: usize) -> Option<usize> {
    let is_record =
        |frame: &[u8]| frame.starts_with(b"{") && frame.trim_ascii_end().ends_with(b"}");
    (from..journal.len()).find(|at| {
        let rest = &journal[*at..];
        framed(rest).is_some_and(|(_, frame, _)| is_record(frame)) && split(rest).is_some()
    })
}

fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sum, frame, after) = framed(rest)?;
    let length = u32::try_from(frame.len()).ok()?;
    (checksum(length, frame) == sum).then_some((frame, after))
}

/// The checksum of a frame, which may be a wrong one, its bytes and what follows.
fn framed(rest: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_le_bytes(*length)).ok();
    let (frame, after) = after.split_at_checked(size.filter(|size| *size <= MOST)?)?;
    Some((u32::from_le_bytes(*sum), frame, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: [&[u8]; 3] = [b"one", b"", b"three"];

    fn push(out: &mut Vec<u8>, bytes: &[u8]) {
        let filled: Result<(), ()> = super::push(out, |out| {
            out.extend(bytes);
            Ok(())
        });
        filled.unwrap();
    }

    fn journal() -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        RECORDS.iter().for_each(|record| push(&mut out, record));
        out
    }

    #[test]
    fn gives_back_what_was_pushed() {
        let journal = journal();
        assert_eq!(read(&journal), (RECORDS.to_vec(), journal.len()));
        assert_eq!(read(b""), (vec![], 0));
        assert_eq!(read(b"{\"version\": 4}"), (vec![], 0));
    }

    #[test]
    fn what_cannot_be_made_leaves_nothing() {
        let mut out = journal();
        let failed = super::push(&mut out, |out| {
            out.extend(b"half");
            Err("no")
        });
        assert_eq!((failed, out), (Err("no"), journal()));
    }

    #[test]
    fn is_cut_at_the_last_good_frame() {
        let journal = journal();
        for length in 0..journal.len() {
            let (frames, good) = read(&journal[..length]);
            assert!(good <= length, "{length}");
            assert_eq!(frames, RECORDS[..frames.len()], "{length}");
        }
    }

    #[test]
    fn no_flipped_bit_passes() {
        let journal = journal();
        for bit in 0..journal.len() * 8 {
            let mut flipped = journal.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (frames, good) = read(&flipped);
            assert!(good <= bit / 8, "bit {bit}");
            assert_eq!(frames, RECORDS[..frames.len()], "bit {bit}");
        }
    }

    #[test]
    fn what_follows_a_damaged_frame_is_found() {
        let records: [&[u8]; 4] = [b"{\"a\":1}", b"{\"b\":[{}]}", b"{}", b"{\"d\":\"\"}"];
        let mut journal = MAGIC.to_vec();
        let mut ends = vec![journal.len()];
        for record in records {
            push(&mut journal, record);
            ends.push(journal.len());
        }
        for bit in MAGIC.len() * 8..journal.len() * 8 {
            let mut flipped = journal.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let broken = ends.iter().rposition(|end| *end <= bit / 8).unwrap();
            let (frames, good) = read(&flipped);
            assert_eq!((frames.len(), good), (broken, ends[broken]), "bit {bit}");
            let lost = ends[broken + 1] - ends[broken];
            let expect = (records[broken + 1..].to_vec(), lost);
            assert_eq!(behind(&flipped, good), expect, "bit {bit}");
        }
        for length in 0..journal.len() {
            let cut = &journal[..length];
            let good = read(cut).1;
            assert_eq!(behind(cut, good), (vec![], length - good), "{length}");
        }
        // Without the first bytes nothing tells where it begins.
        assert_eq!(behind(&journal[1..], 0), (records.to_vec(), 7));
        // Room that was taken and never written.
        journal.extend([0; 64]);
        assert_eq!(behind(&journal, ends[4]), (vec![], 64));
    }
}
