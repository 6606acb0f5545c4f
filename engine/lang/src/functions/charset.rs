//! Character encodings by their IANA names.

mod asian;
mod single_byte;
mod stateful;

use asian::Asian;
use single_byte::SingleByte;

/// A character encoding.
pub(super) enum Charset {
    Utf8,
    /// Two bytes a unit; `true` for the low byte first.
    Utf16(bool),
    /// As above, whichever way a mark at the start says; it is the high byte first without.
    MarkedUtf16,
    Ascii,
    SingleByte(&'static SingleByte),
    Asian(Asian),
}

/// The encoding of a name, in any case.
pub(super) fn find(name: &str) -> Result<Charset, String> {
    let lower = name.trim().to_ascii_lowercase();
    let other = || {
        let single = single_byte::find(&lower).map(Charset::SingleByte);
        single.or_else(|| Asian::find(&lower).map(Charset::Asian))
    };
    Ok(match lower.as_str() {
        "utf-8" | "csutf8" => Charset::Utf8,
        "utf-16le" | "csutf16le" => Charset::Utf16(true),
        "utf-16be" | "csutf16be" => Charset::Utf16(false),
        "utf-16" | "csutf16" => Charset::MarkedUtf16,
        "us-ascii" | "us" | "iso646-us" | "iso_646.irv:1991" | "iso-ir-6" | "ansi_x3.4-1968"
        | "ansi_x3.4-1986" | "csascii" | "ibm367" | "cp367" => Charset::Ascii,
        _ => other().ok_or_else(|| {
            format!("\"{name}\" is not the name of a supported character encoding")
        })?,
    })
}

impl Charset {
    /// The bytes of a text.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u8>, String> {
        let bytes = match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Utf16(true) => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16(false) => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::MarkedUtf16 => return Self::Utf16(false).encode(&format!("\u{feff}{text}")),
            Self::Ascii => text.is_ascii().then(|| text.as_bytes().to_vec()),
            Self::SingleByte(encoding) => encoding.encode(text),
            Self::Asian(encoding) => encoding.encode(text),
        };
        bytes.ok_or_else(|| "the encoding does not have all the characters of the text".into())
    }

    /// The text of some bytes.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<String, String> {
        let text = match self {
            Self::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            Self::Utf16(little) => utf16(bytes, *little),
            Self::MarkedUtf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => utf16(rest, true),
                [0xfe, 0xff, rest @ ..] => utf16(rest, false),
                all => utf16(all, false),
            },
            Self::Ascii => bytes
                .is_ascii()
                .then(|| String::from_utf8_lossy(bytes).into()),
            Self::SingleByte(encoding) => encoding.decode(bytes),
            Self::Asian(encoding) => encoding.decode(bytes),
        };
        // The sign for what cannot be shown is taken for a mistake even where it is written.
        text.filter(|text| !text.contains(char::REPLACEMENT_CHARACTER))
            .ok_or_else(|| "the bytes are not a text in this encoding".into())
    }
}

fn utf16(bytes: &[u8], little: bool) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let read = if little {
        u16::from_le_bytes
    } else {
        u16::from_be_bytes
    };
    let text = char::decode_utf16(pairs.iter().map(|pair| read(*pair)));
    let text: Option<String> = text.map(Result::ok).collect();
    text.filter(|_| rest.is_empty())
}
