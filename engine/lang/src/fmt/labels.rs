//! Labels of blocks, which are written in quotes.

use crate::syntax::{TokenKind, Tree};

use super::rewrite::Edit;

/// Puts a label in quotes and takes away comments before it.
pub(super) fn label(tree: &Tree, node: u32, out: &mut Vec<Edit>) {
    let tokens = tree.tokens(node);
    let mut first = tokens.start;
    while first > 0 && tree.token_kind(first - 1).is_blank() {
        first -= 1;
    }
    let text = tree.token_text(tokens.start);
    let commented = (first..tokens.start).any(|t| tree.token_kind(t) == TokenKind::Comment);
    if tree.token_kind(tokens.start) == TokenKind::Ident {
        out.push(Edit {
            at: first as u32,
            until: tokens.end as u32,
            kind: TokenKind::CQuote,
            text: format!("\"{text}\""),
        });
    } else if commented {
        out.push(Edit {
            at: first as u32,
            until: tokens.start as u32,
            kind: TokenKind::Comment,
            text: String::new(),
        });
    }
}
