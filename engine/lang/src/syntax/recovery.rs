//! Where to go on after an error.

use super::parser::Parser;
use super::token::TokenKind::{self, *};

impl Parser<'_> {
    /// Skips to where an item that started at token `from` most likely ends: a newline outside
    /// of all brackets opened since, a closing brace that belongs to the block around it, or
    /// the line in column one that begins another block.
    pub(crate) fn recover(&mut self, from: usize) {
        let mut open = Open::default();
        let target = self.pos();
        let mut at = from;
        loop {
            let kind = self.kinds[at];
            let stop = match kind {
                Eof => true,
                Newline => open.none() || self.starts_block(at + 1),
                CBrace => open.count(CBrace) == 0,
                _ => false,
            };
            if stop && at >= target {
                break;
            }
            open.pass(kind);
            at += 1;
        }
        self.move_to(at);
    }

    /// Whether a line beginning with this token looks like the header of a top-level block.
    fn starts_block(&self, token: usize) -> bool {
        if self.kinds[token] != Ident {
            return false;
        }
        let next = self.kinds[token + 1..].iter().find(|k| !k.is_blank());
        matches!(next, Some(Ident | OQuote | OBrace))
    }
}

/// The brackets open at some place.
#[derive(Default)]
struct Open {
    /// What would close each of them, innermost last.
    closers: Vec<TokenKind>,
    /// How many there are of each kind, so that a stray closer costs nothing.
    counts: [usize; 4],
}

impl Open {
    fn none(&self) -> bool {
        self.closers.is_empty()
    }

    fn slot(closer: TokenKind) -> usize {
        match closer {
            CBrace => 0,
            CBrack => 1,
            CParen => 2,
            _ => 3,
        }
    }

    fn count(&self, closer: TokenKind) -> usize {
        self.counts[Self::slot(closer)]
    }

    /// Takes note of a token. A closer closes what was opened inside its bracket, too.
    fn pass(&mut self, token: TokenKind) {
        let closer = match token {
            OBrace => CBrace,
            OBrack => CBrack,
            OParen => CParen,
            Interp | Control => SeqEnd,
            CBrace | CBrack | CParen | SeqEnd => {
                while self.count(token) > 0 {
                    let Some(inner) = self.closers.pop() else {
                        return;
                    };
                    self.counts[Self::slot(inner)] -= 1;
                    if inner == token {
                        return;
                    }
                }
                return;
            }
            _ => return,
        };
        self.closers.push(closer);
        self.counts[Self::slot(closer)] += 1;
    }
}
