//! The file of a history: entries with checksums, one behind the other.
//!
//! It starts with [`MAGIC`]. An entry is three numbers of four bytes, the lowest first: the length
//! of its head, the length of its body, and the checksum (CRC-32 of IEEE 802.3) of both lengths
//! and all that follows; then its head, a JSON text, and its body. A file that was cut off or
//! damaged is good up to the last entry before that.

use serde::{Deserialize, Serialize};

/// What a history starts with.
const MAGIC: &[u8; 8] = b"mustrh1\n";

/// What is known of a stored state without looking into it. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Its serial number.
    pub(super) serial: u64,
    /// Its lineage.
    pub(super) lineage: String,
    /// When it was stored.
    pub(super) created: String,
    /// Who stored it.
    pub(super) who: String,
    /// How many instances it has.
    pub(super) instances: u64,
    /// The body stands for itself, not for what is different from the entry before.
    pub(super) whole: bool,
    /// The body is encrypted.
    pub(super) sealed: bool,
    /// The state file that had it.
    pub(super) file: Print,
}

/// Tells one state file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Print {
    size: u64,
    sum: u32,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) head: Head,
    pub(super) body: &'a [u8],
    /// Where it starts in the file.
    pub(super) start: usize,
}

impl Print {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self {
            size: bytes.len() as u64,
            sum: crc32fast::hash(bytes),
        }
    }
}

/// A file without entries.
pub(super) fn start() -> Vec<u8> {
    MAGIC.to_vec()
}

/// Appends an entry, unless it is too long for one.
pub(super) fn push(out: &mut Vec<u8>, head: &Head, body: &[u8]) {
    // Texts and numbers are always JSON.
    let head = serde_json::to_vec(head).unwrap_or_default();
    let lengths = [u32::try_from(head.len()), u32::try_from(body.len())];
    let [Ok(head_length), Ok(body_length)] = lengths else {
        return;
    };
    out.extend(head_length.to_le_bytes());
    out.extend(body_length.to_le_bytes());
    out.extend(checksum(head_length, body_length, &head, body).to_le_bytes());
    out.extend(head);
    out.extend(body);
}

fn checksum(head_length: u32, body_length: u32, head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head_length.to_le_bytes());
    hasher.update(&body_length.to_le_bytes());
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

/// The entries as far as they are good, and how many bytes that is: none if this is no history.
pub(super) fn read(file: &[u8]) -> (Vec<Entry<'_>>, usize) {
    let mut entries = Vec::new();
    let Some(mut rest) = file.strip_prefix(MAGIC) else {
        return (entries, 0);
    };
    let mut start = MAGIC.len();
    while let Some((head, body, after)) = split(rest) {
        entries.push(Entry { head, body, start });
        start += rest.len() - after.len();
        rest = after;
    }
    (entries, start)
}

fn split(rest: &[u8]) -> Option<(Head, &[u8], &[u8])> {
    let (numbers, after) = rest.split_first_chunk::<12>()?;
    let number = |at: usize| {
        let bytes = [
            numbers[at],
            numbers[at + 1],
            numbers[at + 2],
            numbers[at + 3],
        ];
        u32::from_le_bytes(bytes)
    };
    let (head_length, body_length) = (number(0), number(4));
    let (head, after) = after.split_at_checked(usize::try_from(head_length).ok()?)?;
    let (body, after) = after.split_at_checked(usize::try_from(body_length).ok()?)?;
    let is_good = checksum(head_length, body_length, head, body) == number(8);
    let head = serde_json::from_slice(head).ok().filter(|_| is_good)?;
    Some((head, body, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(serial: u64) -> Head {
        Head {
            serial,
            lineage: "l".into(),
            created: "now".into(),
            who: "me".into(),
            instances: 3,
            whole: serial == 1,
            sealed: false,
            file: Print::new(b"abc"),
        }
    }

    fn file() -> Vec<u8> {
        let mut file = start();
        push(&mut file, &head(1), b"one");
        push(&mut file, &head(2), b"");
        file
    }

    fn serials(file: &[u8]) -> Vec<u64> {
        read(file).0.iter().map(|e| e.head.serial).collect()
    }

    #[test]
    fn gives_back_what_was_pushed() {
        let file = file();
        let (entries, good) = read(&file);
        assert_eq!(good, file.len());
        assert_eq!(entries[0].head, head(1));
        assert_eq!((entries[0].body, entries[1].body), (&b"one"[..], &b""[..]));
        assert_eq!(serials(&file[..entries[1].start]), [1]);
        assert_eq!(read(b"{\"version\": 4}"), (vec![], 0));
    }

    #[test]
    fn is_good_up_to_the_damage() {
        let file = file();
        for length in 0..file.len() {
            let good = read(&file[..length]).1;
            assert!(
                good <= length && serials(&file[..length]).len() < 2,
                "{length}"
            );
        }
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).1 <= bit / 8, "bit {bit}");
        }
    }
}
