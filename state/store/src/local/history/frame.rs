//! The file of a history: entries with checksums, one behind the other.
//!
//! It starts with [`MAGIC`]. An entry is three numbers of four bytes, the lowest first: the length
//! of its head, the length of its body, and the checksum (CRC-32 of IEEE 802.3) of both lengths
//! and all that follows; then its head, a JSON text, and its body. Entries behind a damaged one
//! are found by what heads start with.

use serde::{Deserialize, Serialize};

use crate::local::file::{self, Pieces};

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
    pub(super) fn new(bytes: Pieces<'_>) -> Self {
        let mut sum = crc32fast::Hasher::new();
        bytes.iter().for_each(|piece| sum.update(piece));
        Self {
            size: file::length(bytes),
            sum: sum.finalize(),
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

/// What is good of a history.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    /// The entries. Behind damage they begin with one that stands for itself.
    pub(super) entries: Vec<Entry<'a>>,
    /// Where the last of them ends.
    pub(super) end: usize,
    /// How many bytes before that are damaged, or stand for nothing without those that are.
    pub(super) lost: usize,
}

impl Found<'_> {
    /// How many bytes of the file that it was found in cannot be read.
    pub(super) fn damaged(&self, file: &[u8]) -> usize {
        self.lost + file.len() - self.end
    }
}

/// What heads start with.
const HEAD: &[u8] = b"{\"serial\":";
/// How many bytes the numbers before a head have.
const NUMBERS: usize = 12;

/// Reads what is good of a file: nothing if this is no history.
pub(super) fn read(file: &[u8]) -> Found<'_> {
    let mut found = Found::default();
    // Whether the entry before is there.
    let mut is_based = file.starts_with(MAGIC);
    let mut at = match is_based {
        true => MAGIC.len(),
        false => 0,
    };
    found.end = at;
    loop {
        if let Some((head, body, after)) = file.get(at..).and_then(split) {
            let end = file.len() - after.len();
            is_based |= head.whole;
            if is_based {
                found.lost += at - found.end;
                found.end = end;
                found.entries.push(Entry {
                    head,
                    body,
                    start: at,
                });
            }
            at = end;
        } else if let Some(next) = next(file, at) {
            is_based = false;
            at = next;
        } else {
            return found;
        }
    }
}

/// Where the next entry may start behind a place where none does.
fn next(file: &[u8], from: usize) -> Option<usize> {
    let heads = file
        .windows(HEAD.len())
        .enumerate()
        .skip(from + NUMBERS + 1);
    let mut starts = heads
        .filter(|(_, bytes)| *bytes == HEAD)
        .map(|(at, _)| at - NUMBERS);
    starts.find(|start| split(&file[*start..]).is_some())
}

fn split(rest: &[u8]) -> Option<(Head, &[u8], &[u8])> {
    let (numbers, after) = rest.split_first_chunk::<NUMBERS>()?;
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
            file: Print::new(&[b"a", b"bc"]),
        }
    }

    fn file() -> Vec<u8> {
        let mut file = start();
        push(&mut file, &head(1), b"one");
        push(&mut file, &head(2), b"");
        file
    }

    fn serials(file: &[u8]) -> Vec<u64> {
        let entries = read(file).entries;
        entries.iter().map(|e| e.head.serial).collect()
    }

    #[test]
    fn gives_back_what_was_pushed() {
        let file = file();
        let found = read(&file);
        assert_eq!((found.end, found.lost), (file.len(), 0));
        let entries = found.entries;
        assert_eq!(entries[0].head, head(1));
        assert_eq!((entries[0].body, entries[1].body), (&b"one"[..], &b""[..]));
        assert_eq!(serials(&file[..entries[1].start]), [1]);
        assert_eq!(read(b"{\"version\": 4}"), Found::default());
        assert_eq!(read(b""), Found::default());
    }

    #[test]
    fn a_file_that_was_cut_off_is_good_up_to_there() {
        let file = file();
        for length in 0..file.len() {
            let found = read(&file[..length]);
            assert!(found.end <= length && found.lost == 0, "{length}");
            assert!(found.entries.len() < 2, "{length}");
        }
    }

    #[test]
    fn entries_behind_damage_are_found() {
        let mut file = start();
        let mut ends = vec![file.len()];
        // Two stand for themselves.
        for serial in [1, 2, 3, 1, 5] {
            push(&mut file, &head(serial), b"body");
            ends.push(file.len());
        }
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = read(&flipped);
            let found_serials = serials(&flipped);
            let damaged = ends.iter().take_while(|end| **end <= bit / 8).count();
            let (expect, lost): (&[u64], _) = match damaged {
                0 => (&[1, 2, 3, 1, 5], ends[0]),
                1 => (&[1, 5], ends[3] - ends[0]),
                2 => (&[1, 1, 5], ends[3] - ends[1]),
                3 => (&[1, 2, 1, 5], ends[3] - ends[2]),
                // What follows is different from what is not there.
                4 => (&[1, 2, 3], 0),
                _ => (&[1, 2, 3, 1], 0),
            };
            assert_eq!(
                (found_serials.as_slice(), found.lost),
                (expect, lost),
                "bit {bit}"
            );
        }
    }
}
