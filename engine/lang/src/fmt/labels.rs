//! Labels of blocks, which are written in quotes.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization;

use super::rewrite::Edit;
use crate::syntax::text::unescape;
use crate::syntax::{TokenKind, Tree};

/// Puts a label in quotes, its characters in their shortest notation, and takes away comments
/// before it. A label with a dollar or percent sign among other characters is taken away as
/// Terraform does; no block has such a label, so that the file was not valid before either.
pub(super) fn label(tree: &Tree, node: u32, out: &mut Vec<Edit>) {
    let tokens = tree.tokens(node);
    let name = match tree.token_kind(tokens.start) {
        TokenKind::Ident => Cow::Owned(quote(tree.token_text(tokens.start))),
        _ => match tokens.len() {
            2 => Cow::Borrowed("\"\""),
            _ => label_in_quotes(tree, tokens.start),
        },
    };
    let mut first = tokens.start;
    while tree.token_kind(first - 1).is_blank() {
        first -= 1;
    }
    let commented = (first..tokens.start).any(|t| tree.token_kind(t) == TokenKind::Comment);
    if !commented && matches!(name, Cow::Borrowed(_)) {
        return;
    }
    out.push(Edit {
        at: first as u32,
        until: tokens.end as u32,
        kind: TokenKind::Ident,
        text: name.into_owned(),
    });
}

/// A label whose quote is this token; borrowed if it is as it should be.
fn label_in_quotes(tree: &Tree, quote_token: usize) -> Cow<'_, str> {
    let (start, _) = tree.token_range(quote_token);
    let (_, end) = tree.token_range(quote_token + 2);
    let text = tree.token_text(quote_token + 1);
    let plain = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'\\' | b'$' | b'%');
    if text.bytes().all(plain) {
        return Cow::Borrowed(&tree.text[start as usize..end as usize]);
    }
    match text {
        "$" | "%" | "$${" | "%%{" => Cow::Owned(format!("\"{text}\"")),
        _ if text.contains(['$', '%']) => Cow::Owned(String::new()),
        _ => Cow::Owned(quote(&unescape(text, true))),
    }
}

/// A text without template sequences as a string in quotes.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.nfc() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if is_printable(c) => out.push(c),
            // Writing to a string does not fail.
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
    // Only the first character of a string is escaped for being a combining mark.
    let mut buffer = [b'a'; 5];
    let len = c.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=len]).is_ok_and(|s| s.escape_debug().count() == 2)
}
