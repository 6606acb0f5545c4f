//! Encodings that switch between sets of characters.

use encoding_rs::{EUC_JP, GBK};

use super::asian::{chinese, decoded, japanese};

/// The bytes of a text in HZ. The last switch to Chinese is not taken back.
pub(super) fn encode_hz(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut in_chinese = false;
    for c in text.chars() {
        if c == '~' {
            out.extend(b"~~");
            continue;
        }
        if in_chinese == c.is_ascii() {
            in_chinese = !in_chinese;
            out.extend(if in_chinese { b"~{" } else { b"~}" });
        }
        // GBK has it twice.
        if c == '€' {
            out.extend(b"\"c");
            continue;
        }
        match chinese(c)?[..] {
            [byte] if byte < 0x80 => out.push(byte),
            [first @ 0xa1..=0xff, second @ 0xa1..=0xff] => {
                out.extend([first & 0x7f, second & 0x7f])
            }
            _ => return None,
        }
    }
    Some(out)
}

/// The text of bytes in HZ.
pub(super) fn decode_hz(mut bytes: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(bytes.len());
    let mut in_chinese = false;
    loop {
        bytes = match bytes {
            [] => return Some(out),
            [b'~', b'{', rest @ ..] => {
                in_chinese = true;
                rest
            }
            [b'~', b'}', rest @ ..] => {
                in_chinese = false;
                rest
            }
            [b'~', b'~', rest @ ..] => {
                out.push('~');
                rest
            }
            [b'~', b'\n', rest @ ..] => rest,
            [b'~', ..] | [0x80..=0xff, ..] => return None,
            [first @ 0x21..=0x7f, second @ 0x21..=0x7f, rest @ ..] if in_chinese => {
                let text = decoded(GBK, &[first | 0x80, second | 0x80])?;
                out.extend(text.chars().filter(|c| chinese(*c).is_some()));
                rest
            }
            [byte, rest @ ..] if !in_chinese => {
                out.push(char::from(*byte));
                rest
            }
            _ => return None,
        };
    }
}

/// Sets of characters of ISO-2022-JP.
#[derive(Clone, Copy, PartialEq)]
enum Set {
    Ascii,
    Katakana,
    Jis0208,
    Jis0212,
}

/// What switches to a set. Japan's own ASCII is taken for ASCII.
const SWITCHES: [(&[u8], Set); 6] = [
    (b"\x1b(B", Set::Ascii),
    (b"\x1b(I", Set::Katakana),
    (b"\x1b$B", Set::Jis0208),
    (b"\x1b$(D", Set::Jis0212),
    (b"\x1b(J", Set::Ascii),
    (b"\x1b$@", Set::Jis0208),
];

/// The bytes of a text in ISO-2022-JP, which ends in ASCII.
pub(super) fn encode_iso_2022_jp(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut set = Set::Ascii;
    for c in text.chars() {
        let euc = japanese(c)?;
        let (wanted, bytes) = match euc[..] {
            [0x8e, _] => (Set::Katakana, &euc[1..]),
            [_, _] => (Set::Jis0208, &euc[..]),
            _ => (Set::Ascii, &euc[..]),
        };
        switch(&mut set, wanted, &mut out);
        out.extend(bytes.iter().map(|b| b & 0x7f));
    }
    switch(&mut set, Set::Ascii, &mut out);
    Some(out)
}

fn switch(set: &mut Set, wanted: Set, out: &mut Vec<u8>) {
    let switch = SWITCHES.iter().find(|(_, set)| *set == wanted);
    if let Some((bytes, _)) = switch.filter(|_| *set != wanted) {
        out.extend(*bytes);
        *set = wanted;
    }
}

/// The text of bytes in ISO-2022-JP.
pub(super) fn decode_iso_2022_jp(mut bytes: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(bytes.len());
    let mut set = Set::Ascii;
    while !bytes.is_empty() {
        let switch = SWITCHES
            .iter()
            .find(|(switch, _)| bytes.starts_with(switch));
        if let Some((switch, to)) = switch {
            set = *to;
            bytes = &bytes[switch.len()..];
            continue;
        }
        let len = if matches!(set, Set::Jis0208 | Set::Jis0212) {
            2
        } else {
            1
        };
        let (part, rest) = bytes.split_at_checked(len)?;
        if part.iter().any(|b| *b >= 0x80) || part.contains(&0x1b) {
            return None;
        }
        let high = part.iter().map(|b| b | 0x80);
        let euc: Vec<u8> = match set {
            Set::Ascii => part.to_vec(),
            Set::Katakana => [0x8e].into_iter().chain(high).collect(),
            Set::Jis0208 => high.collect(),
            Set::Jis0212 => [0x8f].into_iter().chain(high).collect(),
        };
        out.push_str(&decoded(EUC_JP, &euc)?);
        bytes = rest;
    }
    Some(out)
}
