//! Whether a blank stands between two tokens of a line.

use crate::syntax::TokenKind::{self, *};

/// What decides about the blank before a token: the kinds of the tokens before it.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    /// The token before, if there is one on the line.
    pub(super) last: Option<TokenKind>,
    /// Whether that one is a sign rather than an operator between two operands.
    sign: bool,
    /// Whether that one is the word `in`, after which a bracket begins a list.
    word_in: bool,
}

impl Before {
    /// Moves past a token.
    pub(super) fn pass(&mut self, kind: TokenKind, text: &str) {
        self.sign = kind == Bang || (kind == Minus && self.last.is_none_or(|last| !operand(last)));
        self.word_in = kind == Ident && text == "in";
        self.last = Some(kind);
    }

    /// Whether a token is set apart from what stands before it on its line.
    pub(super) fn gap(self, next: TokenKind) -> bool {
        let Some(last) = self.last else {
            return false;
        };
        match (last, next) {
            // The text of templates is as it is.
            (OQuote | Text | Interp | Control | OHeredoc, _) => false,
            (_, Text | CQuote | CHeredoc | SeqEnd | Interp | Control) => false,
            (Dot | DoubleColon | OParen | OBrack, _) => false,
            (_, Dot | DoubleColon | Comma | Ellipsis | CParen | CBrack) => false,
            (OBrace, CBrace) => false,
            (Ident, OParen) => false,
            (_, OBrack) if operand(last) => self.word_in,
            _ => !self.sign,
        }
    }
}

/// Whether a token can be the last of an operand.
fn operand(kind: TokenKind) -> bool {
    matches!(
        kind,
        Ident | Number | CQuote | CHeredoc | CParen | CBrack | CBrace
    )
}
