//! Literal text of templates: escapes, strip markers and the indent of heredocs.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::token::TokenKind;
use super::tree::{NodeKind, Tree};

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

    /// Reads the text of a template's `Parts`, directives included, without that of templates
    /// nested in sequences. `flush` takes off the common indent.
    pub(crate) fn read(tree: &'a Tree, parts: u32, quoted: bool, flush: bool) -> Self {
        let mut reader = Reader {
            tree,
            quoted,
            texts: Vec::new(),
            indented: Vec::new(),
            least: usize::MAX,
            line_start: true,
        };
        reader.parts(parts);
        let Reader {
            mut texts,
            indented,
            least,
            ..
        } = reader;
        if flush {
            for i in indented {
                let text = &texts[i].1;
                let cut: usize = text.graphemes(true).take(least).map(str::len).sum();
                texts[i].1 = Cow::Owned(text[cut..].to_owned());
            }
        }
        Self(texts)
    }
}

/// Goes through a template from start to end.
struct Reader<'a> {
    tree: &'a Tree,
    quoted: bool,
    texts: Vec<(usize, Cow<'a, str>)>,
    /// Which of them begin a line and have an indent to take off.
    indented: Vec<usize>,
    /// The smallest indent so far; a sequence at the start of a line makes it 0.
    least: usize,
    line_start: bool,
}

impl<'a> Reader<'a> {
    fn parts(&mut self, parts: u32) {
        let tokens = self.tree.tokens(parts);
        let mut at = tokens.start;
        for child in self.tree.children(parts) {
            let inner = self.tree.tokens(child);
            self.tokens(at..inner.start);
            self.sequence();
            if self.tree.kind(child) != NodeKind::Interpolation {
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.directive(child));
            }
            at = inner.end;
        }
        self.tokens(at..tokens.end);
    }

    fn directive(&mut self, node: u32) {
        for child in self.tree.children(node) {
            if self.tree.kind(child) == NodeKind::Parts {
                self.parts(child);
                // The word that ends this run.
                self.sequence();
            }
        }
    }

    fn sequence(&mut self) {
        if std::mem::take(&mut self.line_start) {
            self.least = 0;
        }
    }

    fn tokens(&mut self, range: std::ops::Range<usize>) {
        for token in range.filter(|&t| self.tree.token_kind(t) == TokenKind::Text) {
            let text = unescape(self.tree.token_text(token), self.quoted);
            let text = stripped(self.tree, token, text);
            let blank = text.trim_start().is_empty() && text.ends_with('\n');
            if self.line_start && !blank {
                let indent = &text[..text.len() - text.trim_start().len()];
                self.least = self.least.min(indent.graphemes(true).count());
                self.indented.push(self.texts.len());
            }
            self.line_start = text.ends_with('\n');
            self.texts.push((token, text));
        }
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
        s = match newline_apart(tree.token_text(token)) {
            Some(len) => &s[..s.len().saturating_sub(len)],
            None => s.trim_end(),
        };
    }
    Cow::Owned(s.to_owned())
}

/// Length of the newline at the end of a line that a strip marker takes alone. In Terraform a `$`
/// or `%` ties the character after it to the text before, and what follows is a text of its own.
fn newline_apart(line: &str) -> Option<usize> {
    let tied = |end: &str| {
        let mut before = line.strip_suffix(end).unwrap_or_default().chars().rev();
        before.next().is_some() && matches!(before.next(), Some('$' | '%'))
    };
    let mut ends = ["\n", "\r\n"].into_iter();
    ends.find(|end| tied(end)).map(str::len)
}
