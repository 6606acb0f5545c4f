//! The text of strings, heredocs and templates, up to the sequences in it.

use super::bytes::ByteSet;
use super::{Lexer, Mode, STAND_IN};
use crate::syntax::text::code_point;
use crate::syntax::token::TokenKind::*;

/// What stands for itself in a string in quotes.
static PLAIN_QUOTED: ByteSet = ByteSet::all_but(b"\"\\$%\r\n\x1a");

/// What stands for itself in any other template.
static PLAIN_LINES: ByteSet = ByteSet::all_but(b"$%\r\n\x1a");

impl Lexer<'_> {
    pub(super) fn quoted(&mut self) {
        loop {
            self.skip(&PLAIN_QUOTED);
            match self.at(0) {
                b'"' => {
                    self.text_so_far();
                    self.leave();
                    return self.take(1, CQuote);
                }
                b'\n' => return self.broken_line(),
                b'\r' if self.at(1) == b'\n' => return self.broken_line(),
                b'\r' => {
                    self.pos += 1;
                    let detail = "A carriage return cannot stand in a string. Write it as \\r.";
                    self.report("Invalid multi-line string", detail, self.pos - 1, self.pos);
                }
                b'\\' => self.escape(),
                b'$' | b'%' => {
                    if self.sequence() {
                        return;
                    }
                }
                STAND_IN if self.is_bad(0) => return self.bad_text(),
                STAND_IN => self.pos += 1,
                // The end of the text.
                _ => return self.text_so_far(),
            }
        }
    }

    fn bad_text(&mut self) {
        self.text_so_far();
        self.set_line_start(false);
        self.bad_byte();
    }

    /// A string ends where its line ends, so that one forgotten quote does not turn the rest of
    /// the file inside out.
    fn broken_line(&mut self) {
        self.text_so_far();
        self.report(
            "Invalid multi-line string",
            "A quoted string ends on the line it starts on. Write \\n for a newline, or use a heredoc for text of several lines.",
            self.pos,
            self.pos + 1,
        );
        self.leave();
    }

    fn escape(&mut self) {
        let start = self.pos;
        let selector = self.text[start + 1..].chars().next();
        let digits = match selector {
            Some('n' | 'r' | 't' | '"' | '\\') => {
                self.pos += 2;
                return;
            }
            Some('u') => 4,
            Some('U') => 8,
            Some(c) if c != '\n' && c != '\r' && !self.is_bad(1) => {
                self.pos += 1 + c.len_utf8();
                let detail = format!(
                    "A backslash cannot stand before {c:?}. The escapes are \\n, \\r, \\t, \\\", \\\\, \\uNNNN and \\UNNNNNNNN; for a backslash itself write \\\\."
                );
                return self.report("Invalid escape sequence", detail, start, self.pos);
            }
            _ => {
                self.pos += 1;
                return self.report(
                    "Invalid character",
                    "A backslash cannot be the last character of a line.",
                    start,
                    self.pos,
                );
            }
        };
        self.pos += 2;
        let hex = self.bytes[self.pos..]
            .iter()
            .take(digits)
            .take_while(|b| b.is_ascii_hexdigit());
        let found = hex.count();
        self.pos += found;
        if found < digits {
            let detail = format!("This escape needs {digits} hexadecimal digits.");
            self.report("Invalid escape sequence", detail, start, self.pos);
        } else if code_point(&self.text[start..], digits).is_none() {
            let detail = "This number does not stand for a character.";
            self.report("Invalid escape sequence", detail, start, self.pos);
        }
    }

    pub(super) fn heredoc(&mut self, marker: (u32, u32), line_start: bool) {
        if line_start && self.heredoc_end(marker) {
            return;
        }
        self.lines(false);
    }

    /// Ends the heredoc if the line holds nothing but its marker and ends with a newline.
    fn heredoc_end(&mut self, marker: (u32, u32)) -> bool {
        let rest = &self.text[self.pos..];
        let marker = &self.text[marker.0 as usize..marker.1 as usize];
        let indented = rest.trim_start_matches(|c: char| c != '\n' && c.is_whitespace());
        if !indented.starts_with(marker) {
            return false;
        }
        let Some(end) = rest.find('\n') else {
            return false;
        };
        let line = rest[..end].strip_suffix('\r').unwrap_or(&rest[..end]);
        if line.trim() != marker || line.contains('\r') {
            return false;
        }
        let end = line.len();
        self.leave();
        self.take(end, CHeredoc);
        true
    }

    pub(super) fn bare(&mut self) {
        self.lines(true);
    }

    /// Reads text up to the end of the line or to a template sequence.
    fn lines(&mut self, bare: bool) {
        loop {
            self.skip(&PLAIN_LINES);
            match self.at(0) {
                b'\n' => {
                    self.pos += 1;
                    self.emit(Text);
                    return self.set_line_start(true);
                }
                b'$' | b'%' => {
                    if self.sequence() {
                        return;
                    }
                }
                b'\r' if !bare && self.at(1) != b'\n' => {
                    self.pos += 1;
                    let detail = "A carriage return can only stand before a newline here. In text write it as \"${\"\\r\"}\".";
                    self.report("Invalid character", detail, self.pos - 1, self.pos);
                }
                b'\r' => self.pos += 1,
                STAND_IN if self.is_bad(0) => return self.bad_text(),
                STAND_IN => self.pos += 1,
                // The end of the text.
                _ => return self.text_so_far(),
            }
        }
    }

    fn set_line_start(&mut self, value: bool) {
        if let Mode::Heredoc { line_start, .. } = &mut self.mode {
            *line_start = value;
        }
    }

    fn text_so_far(&mut self) {
        if self.pos > self.token {
            self.emit(Text);
        }
    }

    /// At `$` or `%`: begins a template sequence and gives true, or moves past a doubled sign
    /// or a sign that means nothing.
    fn sequence(&mut self) -> bool {
        let sign = self.at(0);
        if self.at(1) == sign && self.at(2) == b'{' {
            self.pos += 3;
            return false;
        }
        if self.at(1) != b'{' {
            self.pos += 1;
            return false;
        }
        self.text_so_far();
        self.set_line_start(false);
        self.enter(Mode::Sequence { braces: 0 });
        let len = if self.at(2) == b'~' { 3 } else { 2 };
        self.take(len, if sign == b'$' { Interp } else { Control });
        true
    }
}
