//! Frames of a journal: a length, a checksum and that many bytes.
//!
//! A journal starts with [`MAGIC`]. A frame is the length of its bytes and their checksum (CRC-32
//! of IEEE 802.3), both four bytes with the lowest first, then the bytes. A file that was cut off,
//! or has a wrong byte, is good up to the last frame before that.

/// What a journal starts with.
pub(super) const MAGIC: &[u8; 8] = b"mustrj1\n";
/// No record has more bytes: a length above it is a wrong one.
pub(super) const MOST: usize = 256 << 20;

/// Appends a frame.
pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend(checksum(length, bytes).to_le_bytes());
    out.extend(bytes);
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
    let mut frames = Vec::new();
    let Some(mut rest) = journal.strip_prefix(MAGIC) else {
        return (frames, 0);
    };
    let mut good = MAGIC.len();
    while let Some((frame, after)) = split(rest) {
        good += rest.len() - after.len();
        frames.push(frame);
        rest = after;
    }
    (frames, good)
}

fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    let size = usize::try_from(length).ok().filter(|size| *size <= MOST)?;
    let (frame, after) = after.split_at_checked(size)?;
    (checksum(length, frame) == u32::from_le_bytes(*sum)).then_some((frame, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: [&[u8]; 3] = [b"one", b"", b"three"];

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
}
