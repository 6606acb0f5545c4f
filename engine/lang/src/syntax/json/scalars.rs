//! Numbers and strings of JSON.

/// Whether a text is a JSON number.
pub(super) fn is_number(text: &[u8]) -> bool {
    let digits = |t: &[u8]| t.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let n = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = &fraction[n..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', e @ ..] => e,
            e => e,
        };
        let n = digits(exponent);
        return n > 0 && n == exponent.len();
    }
    rest.is_empty()
}

/// How many bytes of a string that cannot be read, with its quotes, are read until that is known.
pub(super) fn text_error(token: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = token.get(at) {
        at += 1;
        if *byte != b'\\' {
            continue;
        }
        let Some(escape) = token.get(at) else {
            break;
        };
        at += 1;
        match escape {
            b'u' => {
                let digits = token[at..].iter().take(4);
                let good = digits.take_while(|b| b.is_ascii_hexdigit()).count();
                at += good;
                if good < 4 {
                    return (at + 1).min(token.len());
                }
            }
            b'n' | b't' | b'r' | b'b' | b'f' | b'"' | b'\\' | b'/' => {}
            _ => return at,
        }
    }
    token.len()
}

/// A text with the replacement character in place of each byte that belongs to none.
pub(super) fn lossy(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out
}

/// Resolves escapes; half a surrogate pair becomes the replacement character.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let c = match rest.as_bytes().get(1)? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            c @ (b'"' | b'\\' | b'/') => char::from(*c),
            b'u' => {
                let (c, len) = unicode(rest)?;
                out.push(c);
                rest = &rest[len..];
                continue;
            }
            _ => return None,
        };
        out.push(c);
        rest = &rest[2..];
    }
    out.push_str(rest);
    Some(out)
}

fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |t: &str| {
        let digits = t.strip_prefix("\\u")?.get(..4)?;
        // The parser of numbers would take a sign, too.
        let all = digits.bytes().all(|b| b.is_ascii_hexdigit());
        all.then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let first = unit(text)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = text
        .get(6..)
        .and_then(unit)
        .filter(|s| (0xdc00..0xe000).contains(s));
    match second {
        Some(second) if first < 0xdc00 => {
            let c = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            Some((char::from_u32(c)?, 12))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn escapes_by_number() {
        let check = |raw: &str, expect: Option<&str>| {
            assert_eq!(unescape(raw).as_deref(), expect, "{raw}");
        };
        check(r"\u0041", Some("A"));
        check(r"\ud83d\ude00", Some("\u{1f600}"));
        check(r"\ud83d", Some("\u{fffd}"));
        check(r"\u+041", None);
        check(r"\u004", None);
    }
}
