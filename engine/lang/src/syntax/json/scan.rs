//! Where the tokens of a JSON text begin and end.

use std::borrow::Cow;

/// Goes through a text token by token.
pub(super) struct Scanner<'a> {
    /// What is looked at: it ends behind the first byte that begins no token.
    pub(super) bytes: &'a [u8],
    /// What comes next.
    pub(super) pos: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0 }
    }

    /// Skips blanks and gives the next byte, 0 at the end.
    pub(super) fn peek(&mut self) -> u8 {
        while matches!(self.bytes.get(self.pos), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    pub(super) fn at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    /// Where the character ends that a position is inside of; the position itself between two.
    pub(super) fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.bytes.len());
        let parts = self.bytes[at..].iter().take(3);
        at + parts.take_while(|b| (0x80..0xc0).contains(*b)).count()
    }

    /// Bytes that come next and are ASCII.
    pub(super) fn ascii(&self, len: usize) -> Cow<'a, str> {
        String::from_utf8_lossy(&self.bytes[self.pos..self.pos + len])
    }

    /// The length of the word that comes next.
    pub(super) fn word_len(&self) -> usize {
        let rest = self.bytes[self.pos..].iter();
        rest.take_while(|b| b.is_ascii_alphabetic() || **b == b'_')
            .count()
    }

    /// The length of what comes next and could be a number.
    pub(super) fn number_len(&self) -> usize {
        let rest = self.bytes[self.pos..].iter();
        rest.take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count()
    }

    /// Where the string that begins here ends: behind its closing quote, or before a control
    /// character, or at the end of the text.
    pub(super) fn string_end(&self) -> usize {
        let mut at = self.pos + 1;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return at + 1,
                // What is escaped may be a part of a longer character; none of its parts is a
                // quote.
                Some(b'\\') if self.bytes.get(at + 1).is_some_and(|b| *b >= 0x20) => at += 2,
                Some(0..0x20) | None => return at,
                Some(_) => at += 1,
            }
        }
    }

    /// Goes behind the end of the object or array that cannot be made sense of any more. As in
    /// Terraform, whatever comes first is skipped, and what is nested ends the search too.
    pub(super) fn recover(&mut self, open: u8, close: u8) {
        let mut depth = 1usize;
        loop {
            let next = self.peek();
            match next {
                _ if self.at_end() => return,
                b'"' => self.pos = self.string_end(),
                b'-' | b'+' | b'.' | b'0'..=b'9' => self.pos += self.number_len(),
                b'a'..=b'z' | b'A'..=b'Z' => self.pos += self.word_len(),
                b'{' | b'}' | b'[' | b']' | b',' | b':' | b'=' => self.pos += 1,
                // Nothing that JSON knows: what follows is not looked at.
                _ => self.end_here(),
            }
            if next == open {
                depth += 1;
            } else if next == close {
                depth -= 1;
                if depth <= 1 {
                    return;
                }
            }
        }
    }

    /// Makes the character that comes next the last one.
    fn end_here(&mut self) {
        self.pos = self.boundary(self.pos + 1);
        self.bytes = &self.bytes[..self.pos];
    }
}
