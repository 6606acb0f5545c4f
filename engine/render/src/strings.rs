//! Strings and keys as the language writes them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A string in quotes, as people are shown it: the text and nothing else, so `${` stands for
/// itself.
pub(crate) fn quote(text: &str) -> String {
    in_quotes(text, |out, c, _| match c {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0b' => out.push_str("\\v"),
        '\x0c' => out.push_str("\\f"),
        '\n' | '\r' | '\t' => push(out, c),
        c if c.is_ascii_control() => _ = write!(out, "\\x{:02x}", u32::from(c)),
        c => push(out, c),
    })
}

/// A quoted template that gives exactly this text.
pub(crate) fn literal(text: &str) -> String {
    in_quotes(text, |out, c, next| match c {
        '$' | '%' if next == Some('{') => out.extend([c, c]),
        c => push(out, c),
    })
}

/// A key of an object, as people are shown it: in quotes if it is no identifier.
pub(crate) fn key_text(key: &str) -> Cow<'_, str> {
    match is_identifier(key) {
        true => Cow::Borrowed(key),
        false => Cow::Owned(quote(key)),
    }
}

/// A key of an object that gives exactly this text.
pub(crate) fn key_literal(key: &str) -> Cow<'_, str> {
    match is_identifier(key) {
        true => Cow::Borrowed(key),
        false => Cow::Owned(literal(key)),
    }
}

/// Puts quotes around what `write` makes of each character and the one after it.
fn in_quotes(text: &str, write: impl Fn(&mut String, char, Option<char>)) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        write(&mut out, c, rest.peek().copied());
    }
    out.push('"');
    out
}

/// A character within quotes. What has no shape of its own (control characters, and those that
/// change how their neighbours look) is written as an escape, so that nothing hides in a string.
fn push(out: &mut String, c: char) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_printable(c) => out.push(c),
        c if u32::from(c) < 0x1_0000 => _ = write!(out, "\\u{:04x}", u32::from(c)),
        c => _ = write!(out, "\\U{:08x}", u32::from(c)),
    }
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

fn is_identifier(key: &str) -> bool {
    let starts = key.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    starts && key.chars().all(goes_on)
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
        check("${a} %{b}", "\"${a} %{b}\"");
    }

    #[test]
    fn literals_have_only_escapes_of_the_language() {
        let check = |text: &str, expect: &str| assert_eq!(literal(text), expect);
        check("plain", r#""plain""#);
        check("${a} %{b} $c $", r#""$${a} %%{b} $c $""#);
        check("a\"b\\c\nd\u{8}\u{7f}", r#""a\"b\\c\nd\u0008\u007f""#);
        check("\u{200b}\u{10ffff}é", r#""\u200b\U0010ffffé""#);
    }

    #[test]
    fn keys_are_quoted_where_they_have_to_be() {
        let check = |key: &str, text: &str, literal: &str| {
            assert_eq!((&*key_text(key), &*key_literal(key)), (text, literal));
        };
        check("a-b_1", "a-b_1", "a-b_1");
        check("1a", "\"1a\"", "\"1a\"");
        check("", "\"\"", "\"\"");
        check("${a}\u{7}", "\"${a}\\a\"", "\"$${a}\\u0007\"");
    }
}
