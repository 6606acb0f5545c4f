//! Text to tokens. One pass with a stack of modes instead of recursion, so nesting costs no
//! stack; every byte ends up in exactly one token.

mod bytes;
mod strings;

use bytes::ByteSet;
use unicode_ident::{is_xid_continue, is_xid_start};

use super::token::TokenKind::{self, *};
use crate::{Diagnostic, Diags, FileId, Span};

/// The tokens of a text.
pub(crate) struct Lexed {
    /// Kind of each token; the last is `Eof`.
    pub(crate) kinds: Vec<TokenKind>,
    /// First byte of each token; a token ends where the next one starts.
    pub(crate) starts: Vec<u32>,
    /// Characters and escapes that are not part of the language.
    pub(crate) diags: Diags,
}

/// Where a text begins: as a file or expression, or as a template without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// A file or an expression.
    Code,
    /// A template.
    Template,
}

/// Splits a text into tokens. The caller makes sure that offsets fit into 32 bits. `bad` are the
/// places, in order, where [`STAND_IN`] stands for a byte that is no text.
pub(crate) fn lex(file: FileId, text: &str, start: Start, bad: &[u32]) -> Lexed {
    let mut lexer = Lexer {
        file,
        text,
        bad,
        told_bad: false,
        bytes: text.as_bytes(),
        pos: 0,
        token: 0,
        mode: Mode::Code,
        around: Vec::new(),
        no_comment_end: false,
        told: Vec::new(),
        out: Lexed {
            kinds: Vec::with_capacity(text.len() / 2 + 2),
            starts: Vec::with_capacity(text.len() / 2 + 2),
            diags: Diags::new(),
        },
    };
    match start {
        Start::Template => lexer.mode = Mode::Bare,
        Start::Code if text.starts_with('\u{feff}') => {
            lexer.pos = '\u{feff}'.len_utf8();
            lexer.emit(Whitespace);
        }
        Start::Code => {}
    }
    lexer.run();
    lexer.out
}

/// What the lexer is inside of.
#[derive(Clone, Copy)]
enum Mode {
    /// A file or an expression.
    Code,
    /// An interpolation or directive; counts the braces open in it.
    Sequence { braces: u32 },
    /// A string in quotes.
    Quoted,
    /// A heredoc; the marker's bytes, and whether the next token begins a line.
    Heredoc {
        marker: (u32, u32),
        line_start: bool,
    },
    /// A template that ends with the text.
    Bare,
}

/// What stands for a byte that is no text. It has no meaning outside of strings and comments
/// itself.
pub(crate) const STAND_IN: u8 = 0x1a;

/// What whitespace is made of.
static BLANKS: ByteSet = ByteSet::of(b" \t");

/// The ASCII characters that a name can have behind the first one.
static ASCII_IDENT: ByteSet =
    ByteSet::of(b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    bytes: &'a [u8],
    /// Where bytes that are no text were.
    bad: &'a [u32],
    /// Whether that was reported; once is enough.
    told_bad: bool,
    pos: usize,
    /// Start of the token being read.
    token: usize,
    mode: Mode,
    /// The modes around the present one, innermost last.
    around: Vec<Mode>,
    /// Set once a search for `*/` came back empty, so that it is not repeated.
    no_comment_end: bool,
    /// Invalid characters reported already; each is told once.
    told: Vec<char>,
    out: Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while self.pos < self.bytes.len() {
            match self.mode {
                Mode::Code | Mode::Sequence { .. } => self.code(),
                Mode::Quoted => self.quoted(),
                Mode::Heredoc { marker, line_start } => self.heredoc(marker, line_start),
                Mode::Bare => self.bare(),
            }
        }
        self.emit(Eof);
    }

    fn enter(&mut self, mode: Mode) {
        self.around.push(std::mem::replace(&mut self.mode, mode));
    }

    fn leave(&mut self) {
        self.mode = self.around.pop().unwrap_or(Mode::Code);
    }

    fn emit(&mut self, kind: TokenKind) {
        self.out.kinds.push(kind);
        self.out.starts.push(self.token as u32);
        self.token = self.pos;
    }

    /// The byte `n` after the current one, or 0 at the end.
    fn at(&self, n: usize) -> u8 {
        self.bytes.get(self.pos + n).copied().unwrap_or(0)
    }

    /// Moves past the bytes of a set.
    fn skip(&mut self, set: &ByteSet) {
        self.pos += set.prefix_len(&self.bytes[self.pos..]);
    }

    fn take(&mut self, len: usize, kind: TokenKind) {
        self.pos += len;
        self.emit(kind);
    }

    fn code(&mut self) {
        let c = self.at(0);
        match c {
            b' ' | b'\t' => {
                self.skip(&BLANKS);
                self.emit(Whitespace);
            }
            b'\n' => self.take(1, Newline),
            b'\r' if self.at(1) == b'\n' => self.take(2, Newline),
            b'#' => self.line_comment(),
            b'/' if self.at(1) == b'/' => self.line_comment(),
            b'/' if self.at(1) == b'*' => self.block_comment(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.ident(),
            b'0'..=b'9' => self.number(),
            b'"' => {
                self.enter(Mode::Quoted);
                self.take(1, OQuote);
            }
            b'{' | b'}' | b'~' => self.brace(c),
            b'<' if self.at(1) == b'<' => self.heredoc_start(),
            0x80.. => self.foreign(),
            _ => self.operator(c),
        }
    }

    fn line_comment(&mut self) {
        let rest = &self.text[self.pos..];
        let line = match rest.split_once('\n') {
            Some((line, _)) => line.strip_suffix('\r').unwrap_or(line),
            None => rest,
        };
        self.take(line.len(), Comment);
    }

    fn block_comment(&mut self) {
        let end = match self.no_comment_end {
            true => None,
            false => self.text[self.pos + 2..].find("*/"),
        };
        match end {
            Some(len) => self.take(len + 4, Comment),
            None => {
                self.no_comment_end = true;
                self.take(1, Slash);
            }
        }
    }

    fn ident(&mut self) {
        self.skip(&ASCII_IDENT);
        if !self.at(0).is_ascii() {
            self.pos += ident_len(&self.text[self.pos..]);
        }
        self.emit(Ident);
    }

    /// Digits, points and exponents in any order, as long as the last byte is not a point:
    /// whether that makes a number is checked when the literal is parsed.
    fn number(&mut self) {
        let mut end = self.pos + 1;
        let mut at = end;
        loop {
            let next = |n: usize| self.bytes.get(at + n).copied().unwrap_or(0);
            match next(0) {
                b'0'..=b'9' => at += 1,
                b'.' => {
                    at += 1;
                    continue;
                }
                b'e' | b'E' if next(1).is_ascii_digit() => at += 2,
                b'e' | b'E' if matches!(next(1), b'+' | b'-') && next(2).is_ascii_digit() => {
                    at += 3;
                }
                _ => break,
            }
            end = at;
        }
        self.pos = end;
        self.emit(Number);
    }

    fn brace(&mut self, c: u8) {
        let ends_sequence = matches!(self.mode, Mode::Sequence { braces: 0 });
        match c {
            b'}' if ends_sequence => {
                self.leave();
                self.take(1, SeqEnd);
            }
            b'~' if ends_sequence && self.at(1) == b'}' => {
                self.leave();
                self.take(2, SeqEnd);
            }
            b'~' => self.operator(c),
            _ => {
                if let Mode::Sequence { braces } = &mut self.mode {
                    *braces = if c == b'{' { *braces + 1 } else { *braces - 1 };
                }
                self.take(1, if c == b'{' { OBrace } else { CBrace });
            }
        }
    }

    fn heredoc_start(&mut self) {
        let dash = usize::from(self.at(2) == b'-');
        let name = self.pos + 2 + dash;
        let len = match self.text[name..].chars().next() {
            Some(c) if is_ident_start(c) => ident_len(&self.text[name..]),
            _ => 0,
        };
        let end = name + len;
        let newline = match &self.bytes[end..] {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        if len == 0 || newline == 0 {
            return self.take(1, Less);
        }
        self.enter(Mode::Heredoc {
            marker: (name as u32, end as u32),
            line_start: true,
        });
        self.pos = end + newline;
        self.emit(OHeredoc);
    }

    fn operator(&mut self, c: u8) {
        let (len, kind) = match c {
            b'.' if self.at(1) == b'.' && self.at(2) == b'.' => (3, Ellipsis),
            b'=' if self.at(1) == b'=' => (2, EqualEqual),
            b'=' if self.at(1) == b'>' => (2, FatArrow),
            b'!' if self.at(1) == b'=' => (2, NotEqual),
            b'<' if self.at(1) == b'=' => (2, LessEq),
            b'>' if self.at(1) == b'=' => (2, GreaterEq),
            b'&' if self.at(1) == b'&' => (2, AndAnd),
            b'|' if self.at(1) == b'|' => (2, OrOr),
            b':' if self.at(1) == b':' => (2, DoubleColon),
            b'.' => (1, Dot),
            b'=' => (1, Equal),
            b'!' => (1, Bang),
            b'<' => (1, Less),
            b'>' => (1, Greater),
            b':' => (1, Colon),
            b',' => (1, Comma),
            b'?' => (1, Question),
            b'[' => (1, OBrack),
            b']' => (1, CBrack),
            b'(' => (1, OParen),
            b')' => (1, CParen),
            b'+' => (1, Plus),
            b'-' => (1, Minus),
            b'*' => (1, Star),
            b'/' => (1, Slash),
            b'%' => (1, Percent),
            STAND_IN if self.is_bad(0) => return self.bad_byte(),
            _ => return self.invalid(char::from(c)),
        };
        self.take(len, kind);
    }

    fn foreign(&mut self) {
        match self.text[self.pos..].chars().next() {
            Some(c) if is_ident_start(c) => self.ident(),
            Some(c) => self.invalid(c),
            None => self.emit(Eof),
        }
    }

    fn invalid(&mut self, c: char) {
        let start = self.pos;
        self.take(c.len_utf8(), Invalid);
        if self.told.contains(&c) || self.told.len() > 16 {
            return;
        }
        self.told.push(c);
        let (summary, detail) = match c {
            '&' => ("Unsupported operator", "There are no bitwise operators. Use \"&&\" for the logical \"and\".".into()),
            '|' => ("Unsupported operator", "There are no bitwise operators. Use \"||\" for the logical \"or\".".into()),
            '^' | '~' => ("Unsupported operator", "There are no bitwise operators.".into()),
            '\'' => ("Invalid character", "Strings are written in double quotes, not in single quotes.".into()),
            '`' => ("Invalid character", "A backquote has no meaning here. For text of several lines use a heredoc that starts with <<EOT.".into()),
            ';' => ("Invalid character", "A semicolon has no meaning here. Arguments and blocks are separated by newlines, items of a collection by commas.".into()),
            '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' => ("Invalid character", "This is a typographic quotation mark, often put in by a word processor. Write a plain double quote instead.".into()),
            _ => ("Invalid character", format!("The character {c:?} has no meaning here.")),
        };
        self.report(summary, detail, start, self.pos);
    }

    /// Whether the byte `n` after the current one stands for one that is no text.
    fn is_bad(&self, n: usize) -> bool {
        self.bad.binary_search(&((self.pos + n) as u32)).is_ok()
    }

    fn bad_byte(&mut self) {
        let start = self.pos;
        self.take(1, Invalid);
        if !std::mem::replace(&mut self.told_bad, true) {
            let detail = "Here is a byte that is not valid UTF-8. Configuration files are UTF-8 \
                          text: save the file in that encoding.";
            self.report("Invalid character encoding", detail, start, self.pos);
        }
    }

    fn report(&mut self, summary: &str, detail: impl Into<String>, start: usize, end: usize) {
        let span = Span {
            file: self.file,
            start: start as u32,
            end: end as u32,
        };
        self.out
            .diags
            .push(Diagnostic::error(summary, detail).at(span));
    }
}

/// Whether a name may start with it.
pub(crate) fn is_ident_start(c: char) -> bool {
    c == '_' || is_xid_start(c)
}

/// What Unicode lets stand in names since version 15.1, and Terraform does not: signs that are not
/// seen, or look like others.
const JOINERS: [char; 4] = ['\u{200c}', '\u{200d}', '\u{30fb}', '\u{ff65}'];

/// How many bytes at the start of a text can stand in a name behind its first character.
fn ident_len(text: &str) -> usize {
    text.find(|c: char| !(c == '-' || is_xid_continue(c) && !JOINERS.contains(&c)))
        .unwrap_or(text.len())
}

/// Whether a text is exactly one name.
pub(crate) fn is_ident(text: &str) -> bool {
    text.chars().next().is_some_and(is_ident_start) && ident_len(text) == text.len()
}
