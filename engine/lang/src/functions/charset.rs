//! Character encodings by their IANA names.

use encoding_rs::Encoding;

/// A character encoding.
pub(super) enum Charset {
    Utf8,
    /// Two bytes a unit; `true` for the low byte first.
    Utf16(bool),
    /// As above, whichever way a mark at the start says; it is the high byte first without.
    MarkedUtf16,
    Ascii,
    Latin1,
    Other(&'static Encoding),
}

/// The encoding of a name, in any case.
pub(super) fn find(name: &str) -> Result<Charset, String> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => Charset::Utf8,
        "utf-16le" => Charset::Utf16(true),
        "utf-16be" => Charset::Utf16(false),
        "iso-8859-1" | "latin1" | "l1" => Charset::Latin1,
        "utf-16" => Charset::MarkedUtf16,
        "us-ascii" => Charset::Ascii,
        "ascii" | "replacement" => return Err(unknown(name)),
        label => match Encoding::for_label(label.as_bytes()) {
            Some(encoding) => Charset::Other(encoding),
            None => return Err(unknown(name)),
        },
    })
}

fn unknown(name: &str) -> String {
    format!("\"{name}\" is not the name of a supported character encoding")
}

impl Charset {
    /// The bytes of a text.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u8>, String> {
        let missing = || "the encoding does not have all the characters of the text".to_owned();
        match self {
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Utf16(true) => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf16(false) => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::MarkedUtf16 => Self::Utf16(false).encode(&format!("\u{feff}{text}")),
            Self::Ascii => match text.is_ascii() {
                true => Ok(text.as_bytes().to_vec()),
                false => Err(missing()),
            },
            Self::Latin1 => {
                let byte = |c: char| u8::try_from(u32::from(c)).ok();
                text.chars()
                    .map(byte)
                    .collect::<Option<_>>()
                    .ok_or_else(missing)
            }
            Self::Other(encoding) => match encoding.encode(text) {
                (_, _, true) => Err(missing()),
                (bytes, ..) => Ok(bytes.into_owned()),
            },
        }
    }

    /// The text of some bytes.
    pub(super) fn decode(&self, bytes: &[u8]) -> Result<String, String> {
        let broken = || "the bytes are not a text in this encoding".to_owned();
        match self {
            Self::Utf8 => String::from_utf8(bytes.to_vec()).map_err(|_| broken()),
            Self::Utf16(little) => {
                if !bytes.len().is_multiple_of(2) {
                    return Err(broken());
                }
                let units = bytes.chunks_exact(2).map(|pair| match little {
                    true => u16::from_le_bytes([pair[0], pair[1]]),
                    false => u16::from_be_bytes([pair[0], pair[1]]),
                });
                char::decode_utf16(units)
                    .collect::<Result<_, _>>()
                    .map_err(|_| broken())
            }
            Self::MarkedUtf16 => match bytes {
                [0xff, 0xfe, rest @ ..] => Self::Utf16(true).decode(rest),
                [0xfe, 0xff, rest @ ..] => Self::Utf16(false).decode(rest),
                all => Self::Utf16(false).decode(all),
            },
            Self::Ascii => match bytes.is_ascii() {
                true => Self::Utf8.decode(bytes),
                false => Err(broken()),
            },
            Self::Latin1 => Ok(bytes.iter().map(|b| char::from(*b)).collect()),
            Self::Other(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(|text| text.into_owned())
                .ok_or_else(broken),
        }
    }
}
