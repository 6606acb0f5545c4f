//! Strings and keys as the language writes them.

use std::fmt::Write as _;

/// A string in quotes. What has no shape of its own (control characters, and those that change
/// how their neighbours look) is written as an escape, so that nothing hides in a string.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            c if c.is_ascii_control() => _ = write!(out, "\\x{:02x}", u32::from(c)),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) < 0x1_0000 => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => _ = write!(out, "\\U{:08x}", u32::from(c)),
        }
    }
    out.push('"');
    out
}

/// Whether a character is a letter, a mark, a digit, a sign or the space.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // Of a string, only the first character may be escaped for being a combining mark.
    let mut buffer = [b'a'; 5];
    let len = c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=len]).is_ok_and(|s| s.escape_debug().count() == 2)
}

/// A key of an object: in quotes if it is no identifier.
pub(crate) fn key_text(key: &str) -> String {
    let starts = key.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if starts
        && key
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    {
        key.to_owned()
    } else {
        quote(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from Terraform.
    #[test]
    fn what_has_no_shape_is_escaped() {
        let check = |text: &str, expect: &str| assert_eq!(quote(text), expect);
        check("a\"\\\n\r\t", r#""a\"\\\n\r\t""#);
        check("\0\u{1}\u{7f}\u{85}", r#""\x00\x01\x7f\u0085""#);
        check("\u{7}\u{8}\u{b}\u{c}", r#""\a\b\v\f""#);
        check(
            "\u{2028}\u{a0}\u{200b}\u{feff}",
            r#""\u2028\u00a0\u200b\ufeff""#,
        );
        check("\u{10ffff}\u{200d}", r#""\U0010ffff\u200d""#);
        check(
            "e\u{301} \u{212b} \u{65e5} \u{1f44d}",
            "\"e\u{301} \u{212b} \u{65e5} \u{1f44d}\"",
        );
        check("\u{301}", "\"\u{301}\"");
    }
}
