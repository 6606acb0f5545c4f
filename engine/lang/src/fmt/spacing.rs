//! Whether a blank stands between two tokens of a line.

use crate::syntax::TokenKind::{self, *};

/// What decides about the blank before a token: the kinds of the tokens before it.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    /// The token before, if there is one on the line.
    pub(super) last: Option<TokenKind>,
    /// Whether that one is a sign rather than an operator between two operands.
    sign: bool,
    /// Whether that one is the word `in` after a name, so that it stands apart from a bracket.
    word_in: bool,
}

impl Before {
    /// Moves past a token.
    pub(super) fn pass(&mut self, kind: TokenKind, text: &str) {
        self.sign = kind == Bang || (kind == Minus && self.last.is_none_or(|last| !ends(last)));
        self.word_in = kind == Ident && text == "in" && self.last == Some(Ident);
        self.last = Some(kind);
    }

    /// Whether a token is set apart from what stands before it on its line.
    pub(super) fn gap(self, next: TokenKind) -> bool {
        let Some(last) = self.last else {
            return false;
        };
        match (last, next) {
            // The text of templates is as it is.
            (OQuote | Text | OHeredoc, _) => false,
            (_, Text | CQuote | CHeredoc | Interp | Control) => false,
            (Interp | Control, _) => next == OBrace,
            (_, OBrack | CBrack | SeqEnd) if self.word_in => true,
            (_, SeqEnd) => last == CBrace,
            (Dot | OParen | OBrack, _) => false,
            (_, Comma) => false,
            (Comma, _) => true,
            (_, Dot | Ellipsis | CParen | CBrack) => false,
            (OBrace, CBrace) => false,
            (Ident, OParen | DoubleColon) | (DoubleColon, Ident) => false,
            (_, OBrack) if indexed(last) => false,
            _ => !self.sign,
        }
    }
}

/// Whether a `-` after this token is taken for an operator, though it is a sign after some.
fn ends(last: TokenKind) -> bool {
    indexed(last) || matches!(last, CQuote | Comment | Interp | Control | FatArrow)
}

/// Whether a bracket after this token is an index.
fn indexed(last: TokenKind) -> bool {
    matches!(last, Ident | Number | CHeredoc | CParen | CBrack | CBrace)
}
