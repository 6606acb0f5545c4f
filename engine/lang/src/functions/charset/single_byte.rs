//! Encodings with one byte a character.

use std::collections::HashMap;
use std::sync::LazyLock;

/// An encoding with one byte a character.
pub(crate) struct SingleByte {
    /// The character of each byte, if it has one.
    decoded: [Option<char>; 256],
    /// The byte of each character.
    encoded: HashMap<char, u8>,
}

/// All of them, by their names in lower case.
static ALL: LazyLock<HashMap<&'static str, SingleByte>> = LazyLock::new(read);
/// The names of each encoding, of which the first is the one in [`ALL`].
static NAMES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let names = blocks().filter_map(|block| block.lines().next());
    names
        .flat_map(|line| {
            let first = line.split(' ').next().unwrap_or_default();
            line.split(' ').map(move |name| (name, first))
        })
        .collect()
});

/// The encoding of a name in lower case.
pub(super) fn find(name: &str) -> Option<&'static SingleByte> {
    ALL.get(NAMES.get(name)?)
}

impl SingleByte {
    /// The bytes of a text, if each character has one.
    pub(super) fn encode(&self, text: &str) -> Option<Vec<u8>> {
        text.chars()
            .map(|c| self.encoded.get(&c).copied())
            .collect()
    }

    /// The text of bytes, if each has a character.
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<String> {
        let decoded = bytes.iter().map(|b| self.decoded[usize::from(*b)]);
        decoded.collect()
    }
}

/// The parts of the table, one for each encoding.
fn blocks() -> impl Iterator<Item = &'static str> {
    let table = include_str!("single_byte.txt");
    table.split("\n\n").skip(1).map(str::trim_end)
}

fn read() -> HashMap<&'static str, SingleByte> {
    let encodings = blocks().filter_map(|block| {
        let (names, characters) = block.split_once('\n')?;
        let written = characters.split_ascii_whitespace();
        let written = written.map(|code| u32::from_str_radix(code, 16).ok());
        let written: Vec<Option<char>> =
            written.map(|code| code.and_then(char::from_u32)).collect();
        // Where the first half is not written it is ASCII.
        let mut decoded: [Option<char>; 256] = std::array::from_fn(|b| char::from_u32(b as u32));
        decoded[256 - written.len()..].copy_from_slice(&written);
        let encoded = (0..=255).zip(decoded);
        let encoded = encoded.filter_map(|(byte, c)| Some((c?, byte))).collect();
        Some((names.split(' ').next()?, SingleByte { decoded, encoded }))
    });
    encodings.collect()
}
