//! Literal text of templates: escapes, strip markers and the indent of heredocs.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::token::TokenKind;
use super::tree::Tree;

/// Resolves `$${` and `%%{`, and backslash escapes if the text is in quotes. Escapes that are
/// wrong were reported by the lexer and stay as they are.
pub(crate) fn unescape(raw: &str, quoted: bool) -> Cow<'_, str> {
    let special = |c: char| c == '$' || c == '%' || (quoted && c == '\\');
    if !raw.contains(special) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let len = if rest.starts_with('\\') {
            backslash(rest, &mut out)
        } else {
            sign(rest, &mut out)
        };
        rest = &rest[len..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// A dollar or percent sign, perhaps one of a pair before a brace.
fn sign(text: &str, out: &mut String) -> usize {
    let b = text.as_bytes();
    out.push(char::from(b[0]));
    if b.get(1) == Some(&b[0]) && b.get(2) == Some(&b'{') {
        out.push('{');
        return 3;
    }
    1
}

fn backslash(text: &str, out: &mut String) -> usize {
    let Some(selector) = text[1..].chars().next() else {
        out.push('\\');
        return 1;
    };
    let digits = match selector {
        'n' => return push(out, '\n'),
        'r' => return push(out, '\r'),
        't' => return push(out, '\t'),
        '"' => return push(out, '"'),
        '\\' => return push(out, '\\'),
        'u' => 4,
        'U' => 8,
        _ => 0,
    };
    match code_point(text, digits) {
        Some(c) => {
            out.push(c);
            2 + digits
        }
        None => push(out, '\\') - 1,
    }
}

fn push(out: &mut String, c: char) -> usize {
    out.push(c);
    2
}

/// The character of a `\u` or `\U` escape with so many digits.
pub(crate) fn code_point(text: &str, digits: usize) -> Option<char> {
    let hex = text.get(2..2 + digits).filter(|h| !h.is_empty())?;
    u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
}

/// Text of a template token by token, as it goes into the result.
pub(crate) struct Texts<'a>(Vec<(usize, Cow<'a, str>)>);

impl<'a> Texts<'a> {
    /// The text of a token; empty if it is not text of this template.
    pub(crate) fn get(&self, token: usize) -> &str {
        match self.0.binary_search_by_key(&token, |(t, _)| *t) {
            Ok(i) => &self.0[i].1,
            Err(_) => "",
        }
    }

    /// Reads the text tokens in a range, without those of templates nested in sequences.
    /// `flush` takes off the common indent.
    pub(crate) fn read(
        tree: &'a Tree,
        tokens: std::ops::Range<usize>,
        quoted: bool,
        flush: bool,
    ) -> Self {
        let mut texts = Vec::new();
        // Which entries begin a line, as far as the indent goes; sequences that do set it to 0.
        let mut indents: Vec<usize> = Vec::new();
        let mut least = usize::MAX;
        let (mut depth, mut line_start) = (0usize, true);
        for token in tokens {
            match tree.token_kind(token) {
                TokenKind::Interp | TokenKind::Control => {
                    if depth == 0 && std::mem::take(&mut line_start) {
                        least = 0;
                    }
                    depth += 1;
                }
                TokenKind::SeqEnd => depth = depth.saturating_sub(1),
                TokenKind::Text if depth == 0 => {
                    let text = stripped(tree, token, unescape(tree.token_text(token), quoted));
                    let blank = text.trim_start().is_empty() && text.ends_with('\n');
                    if line_start && !blank {
                        let indent = &text[..text.len() - text.trim_start().len()];
                        least = least.min(indent.graphemes(true).count());
                        indents.push(texts.len());
                    }
                    line_start = text.ends_with('\n');
                    texts.push((token, text));
                }
                _ => {}
            }
        }
        if flush {
            for i in indents {
                let text = &texts[i].1;
                let cut: usize = text.graphemes(true).take(least).map(str::len).sum();
                texts[i].1 = Cow::Owned(text[cut..].to_owned());
            }
        }
        Self(texts)
    }
}

/// Applies the strip markers next to a text token.
fn stripped<'a>(tree: &Tree, token: usize, text: Cow<'a, str>) -> Cow<'a, str> {
    let before = token.checked_sub(1).filter(|&t| {
        tree.token_kind(t) == TokenKind::SeqEnd && tree.token_text(t).starts_with('~')
    });
    let after = tree.token_text(token + 1);
    let next = tree.token_kind(token + 1);
    let after = matches!(next, TokenKind::Interp | TokenKind::Control) && after.ends_with('~');
    if before.is_none() && !after {
        return text;
    }
    let mut s: &str = &text;
    if before.is_some() {
        s = s.trim_start();
    }
    if after {
        s = s.trim_end();
    }
    Cow::Owned(s.to_owned())
}
