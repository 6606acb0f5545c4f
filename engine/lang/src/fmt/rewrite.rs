//! Notations that are replaced: strings that hold one sequence and nothing else, types in quotes,
//! and labels without quotes.

use std::ops::Range;

use crate::syntax::{NodeKind, TokenKind, Tree};

use super::{indexes, labels};

/// A replacement of tokens.
pub(super) struct Edit {
    /// First token.
    pub(super) at: u32,
    /// One past the last token; there is at least one.
    pub(super) until: u32,
    /// How the replacement is spaced.
    pub(super) kind: TokenKind,
    /// What stands there instead; may be empty.
    pub(super) text: String,
}

impl Edit {
    /// Takes tokens away.
    pub(super) fn remove(tokens: Range<usize>) -> Self {
        Self {
            at: tokens.start as u32,
            until: tokens.end as u32,
            kind: TokenKind::Whitespace,
            text: String::new(),
        }
    }
}

/// All replacements in a file, in its order.
pub(super) fn edits(tree: &Tree) -> Vec<Edit> {
    let mut out = Vec::new();
    let mut types = type_attributes(tree);
    let mut keyword_indexes = Vec::new();
    for node in 0..tree.len() as u32 {
        match tree.kind(node) {
            NodeKind::Attribute if types.last() == Some(&node) => {
                types.pop();
                out.extend(type_edit(tree, node));
            }
            NodeKind::Attribute => unwrap(tree, node, &mut out),
            NodeKind::Label => labels::label(tree, node, &mut out),
            NodeKind::Index if indexes::is_keyword_index(tree, node) => keyword_indexes.push(node),
            _ => {}
        }
    }
    if !keyword_indexes.is_empty() {
        indexes::empty(tree, &keyword_indexes, &mut out);
    }
    out.sort_by_key(|edit| edit.at);
    out
}

/// The nodes of all `type` arguments of `variable` blocks, the first one last.
fn type_attributes(tree: &Tree) -> Vec<u32> {
    let mut out = Vec::new();
    for block in backwards(tree, tree.root()) {
        let is_variable =
            tree.kind(block) == NodeKind::Block && first_word(tree, block) == "variable";
        let body = tree.last_child(block).filter(|_| is_variable);
        let Some(body) = body else { continue };
        out.extend(backwards(tree, body).filter(|&node| {
            tree.kind(node) == NodeKind::Attribute && first_word(tree, node) == "type"
        }));
    }
    out
}

/// Children, the last one first.
fn backwards(tree: &Tree, node: u32) -> impl Iterator<Item = u32> + '_ {
    let first = node + 1 - tree.nodes[node as usize].size;
    let mut at = node;
    std::iter::from_fn(move || {
        let child = at.checked_sub(1).filter(|_| at > first)?;
        at = child + 1 - tree.nodes[child as usize].size;
        Some(child)
    })
}

/// The text of a node's first token.
pub(super) fn first_word(tree: &Tree, node: u32) -> &str {
    tree.token_text(tree.tokens(node).start)
}

/// The type of a variable in a notation of old.
fn type_edit(tree: &Tree, attribute: u32) -> Option<Edit> {
    let value = tree.last_child(attribute)?;
    let tokens = tree.tokens(value);
    let text = match tree.kind(value) {
        NodeKind::Name => match tree.token_text(tokens.start) {
            "list" => "list(any)",
            "map" => "map(any)",
            "set" => "set(any)",
            _ => return None,
        },
        NodeKind::Quoted if tokens.len() == 3 => match tree.token_text(tokens.start + 1) {
            "string" => "string",
            "list" => "list(string)",
            "map" => "map(string)",
            _ => return None,
        },
        _ => return None,
    };
    Some(Edit {
        at: tokens.start as u32,
        until: tokens.end as u32,
        kind: TokenKind::Ident,
        text: text.to_owned(),
    })
}

/// Takes the quotes off a string that is one interpolation. A value of several lines gets
/// parentheses, without which it would end with its first line.
fn unwrap(tree: &Tree, attribute: u32, out: &mut Vec<Edit>) {
    let Some(quoted) = tree.last_child(attribute).filter(|&n| is_wrapped(tree, n)) else {
        return;
    };
    let tokens = tree.tokens(quoted);
    let (mut first, mut end) = (tokens.start + 2, tokens.end - 2);
    while is_break(tree, first) || tree.token_kind(first) == TokenKind::Whitespace {
        first += 1;
    }
    while end > first
        && (is_break(tree, end - 1) || tree.token_kind(end - 1) == TokenKind::Whitespace)
    {
        end -= 1;
    }
    let in_parens = tree.token_kind(first) == TokenKind::OParen
        && tree.token_kind(end - 1) == TokenKind::CParen;
    let (open, close) = match !in_parens && (first..end).any(|token| is_break(tree, token)) {
        true => ("(", ")"),
        false => ("", ""),
    };
    let edit = |at: usize, until: usize, kind, text: &str| Edit {
        at: at as u32,
        until: until as u32,
        kind,
        text: text.to_owned(),
    };
    out.push(edit(tokens.start, first, TokenKind::OParen, open));
    out.push(edit(end, tokens.end, TokenKind::CParen, close));
}

/// Whether a node is a string that consists of one interpolation.
fn is_wrapped(tree: &Tree, node: u32) -> bool {
    let tokens = tree.tokens(node);
    let Some(parts) = tree.last_child(node) else {
        return false;
    };
    let Some(part) = tree.last_child(parts) else {
        return false;
    };
    tree.kind(node) == NodeKind::Quoted
        && tree.kind(part) == NodeKind::Interpolation
        && tree.tokens(part) == (tokens.start + 1..tokens.end - 1)
        && !has_open_sequence(tree, tokens.start + 2..tokens.end - 2)
}

/// Whether there is a template sequence that is not inside quotes: one of a heredoc.
fn has_open_sequence(tree: &Tree, mut tokens: Range<usize>) -> bool {
    let mut quotes = 0usize;
    tokens.any(|token| {
        match tree.token_kind(token) {
            TokenKind::OQuote => quotes += 1,
            TokenKind::CQuote => quotes = quotes.saturating_sub(1),
            TokenKind::Interp | TokenKind::Control => return quotes == 0,
            _ => {}
        }
        false
    })
}

/// Whether a token is a line end of its own, rather than that of a comment.
fn is_break(tree: &Tree, token: usize) -> bool {
    let ends_comment = || {
        token.checked_sub(1).is_some_and(|before| {
            tree.token_kind(before) == TokenKind::Comment
                && !tree.token_text(before).starts_with("/*")
        })
    };
    tree.token_kind(token) == TokenKind::Newline && !ends_comment()
}
