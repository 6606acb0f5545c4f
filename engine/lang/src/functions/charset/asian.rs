//! Encodings with several bytes a character: what `encoding_rs` has, but for the characters and
//! sequences that only browsers know.

use std::collections::HashMap;
use std::sync::LazyLock;

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS};

use super::stateful;

/// An encoding with several bytes a character.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Asian {
    Big5,
    EucJp,
    EucKr,
    Gb18030,
    Gbk,
    Hz,
    Iso2022Jp,
    ShiftJis,
}

impl Asian {
    /// The encoding of a name in lower case.
    pub(super) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "big5" | "csbig5" => Self::Big5,
            "euc-jp" | "cseucpkdfmtjapanese" | "extended_unix_code_packed_format_for_japanese" => {
                Self::EucJp
            }
            "euc-kr" | "cseuckr" => Self::EucKr,
            "gb18030" | "csgb18030" => Self::Gb18030,
            "gbk" | "csgbk" | "cp936" | "ms936" | "windows-936" => Self::Gbk,
            "hz-gb-2312" => Self::Hz,
            "iso-2022-jp" | "csiso2022jp" => Self::Iso2022Jp,
            "shift_jis" | "csshiftjis" | "ms_kanji" => Self::ShiftJis,
            _ => return None,
        })
    }

    /// The bytes of a text, if each character has some.
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hz => return stateful::encode_hz(text),
            Self::Iso2022Jp => return stateful::encode_iso_2022_jp(text),
            _ => {}
        }
        let mut out = Vec::with_capacity(text.len());
        for c in text.chars() {
            match self {
                Self::Big5 if !c.is_ascii() => out.extend(BIG5_BYTES.get(&c)?),
                Self::EucJp => match japanese(c) {
                    Some(bytes) => out.extend(bytes),
                    None => out.extend(JIS_0212_BYTES.get(&c)?),
                },
                Self::EucKr => out.extend(bytes(EUC_KR, c)?),
                Self::Gb18030 => out.extend(bytes(GB18030, c)?),
                Self::Gbk => out.extend(chinese(c)?),
                Self::ShiftJis => out.extend(shifted(&japanese(c)?)),
                _ => out.push(u8::try_from(c).ok()?),
            }
        }
        Some(out)
    }

    /// The text of bytes, if all of them stand for something.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<String> {
        let encoding = match self {
            Self::Big5 => BIG5,
            Self::EucJp => EUC_JP,
            Self::EucKr => EUC_KR,
            Self::Gb18030 => GB18030,
            Self::Gbk => GBK,
            Self::ShiftJis => SHIFT_JIS,
            Self::Hz => return stateful::decode_hz(bytes),
            Self::Iso2022Jp => return stateful::decode_iso_2022_jp(bytes),
        };
        let text = decoded(encoding, bytes)?;
        let known = match self {
            Self::Gbk => text.chars().all(|c| chinese(c).is_some()),
            Self::ShiftJis => !text.contains(is_private),
            _ => true,
        };
        known.then_some(text)
    }
}

/// Characters that the standard encodings do not have but are free to all.
fn is_private(c: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&c)
}

/// The text of bytes in an encoding of browsers.
pub(super) fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Option<String> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(|text| text.into_owned())
}

/// The bytes of a character in an encoding of browsers.
fn bytes(encoding: &'static Encoding, c: char) -> Option<Vec<u8>> {
    let mut buffer = [0; 4];
    let (bytes, _, missing) = encoding.encode(c.encode_utf8(&mut buffer));
    (!missing).then(|| bytes.into_owned())
}

/// The bytes of a character in GBK, as it was before characters were added to it in 2005.
pub(super) fn chinese(c: char) -> Option<Vec<u8>> {
    let added = matches!(c, '\u{1e3f}' | '\u{9fb4}'..='\u{9fbb}' | '\u{fe10}'..='\u{fe19}');
    if added || is_private(c) {
        return None;
    }
    bytes(GBK, c)
}

/// The bytes of a character in EUC-JP, without those of JIS X 0212.
pub(super) fn japanese(c: char) -> Option<Vec<u8>> {
    // Browsers write others for these, that look the same.
    if matches!(c, '\u{a5}' | '\u{203e}' | '\u{2212}') {
        return None;
    }
    bytes(EUC_JP, c)
}

/// The bytes of Shift JIS for those of EUC-JP.
fn shifted(euc: &[u8]) -> Vec<u8> {
    match *euc {
        [0x8e, katakana] => vec![katakana],
        [first, second] => {
            let (row, cell) = (first - 0xa1, second - 0xa1);
            let lead = row / 2 + if row < 62 { 0x81 } else { 0xc1 };
            let trail = match row % 2 {
                0 if cell < 63 => cell + 0x40,
                0 => cell + 0x41,
                _ => cell + 0x9f,
            };
            vec![lead, trail]
        }
        _ => euc.to_vec(),
    }
}

/// Bytes of each character of Big5 that has two; the last where there are several.
static BIG5_BYTES: LazyLock<HashMap<char, [u8; 2]>> = LazyLock::new(|| {
    let pairs = (0x81..=0xfe).flat_map(|a| (0x40..=0xfe).map(move |b| [a, b]));
    pairs
        .filter_map(|pair| Some((single(BIG5, &pair)?, pair)))
        .collect()
});

/// Bytes of each character that EUC-JP has from JIS X 0212.
static JIS_0212_BYTES: LazyLock<HashMap<char, [u8; 3]>> = LazyLock::new(|| {
    let pairs = (0xa1..=0xfe).flat_map(|a| (0xa1..=0xfe).map(move |b| [0x8f, a, b]));
    pairs
        .filter_map(|bytes| Some((single(EUC_JP, &bytes)?, bytes)))
        .collect()
});

/// The character of some bytes, if it is one.
fn single(encoding: &'static Encoding, bytes: &[u8]) -> Option<char> {
    let text = decoded(encoding, bytes)?;
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}
