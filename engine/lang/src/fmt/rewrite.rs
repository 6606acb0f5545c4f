//! Notations that are replaced: strings that hold one sequence and nothing else, types in quotes,
//! and labels without quotes.

use crate::syntax::{NodeKind, TokenKind, Tree};

use super::labels;

/// A replacement of tokens, or a text put before one.
pub(super) struct Edit {
    /// First token.
    pub(super) at: u32,
    /// One past the last token replaced; the first one for a text put before it.
    pub(super) until: u32,
    /// How the replacement is spaced.
    pub(super) kind: TokenKind,
    /// What stands there instead; may be empty.
    pub(super) text: String,
}

/// All replacements in a file, in its order.
pub(super) fn edits(tree: &Tree) -> Vec<Edit> {
    let mut out = Vec::new();
    let mut types = type_attributes(tree);
    let mut indexes = Indexes::default();
    for node in 0..tree.len() as u32 {
        match tree.kind(node) {
            NodeKind::Attribute if types.last() == Some(&node) => {
                types.pop();
                out.extend(type_edit(tree, node));
            }
            NodeKind::Attribute => unwrap(tree, node, &mut out),
            NodeKind::Label => labels::label(tree, node, &mut out),
            NodeKind::Index => out.extend(indexes.edit(tree, node)),
            _ => {}
        }
    }
    // Those inside a string that is unwrapped came before its own.
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

fn first_word(tree: &Tree, node: u32) -> &str {
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
fn has_open_sequence(tree: &Tree, mut tokens: std::ops::Range<usize>) -> bool {
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

/// Indexes of references that are keywords. Terraform loses them, so that `a[true]` becomes
/// `a[]`; only steps after a name and other steps of a reference are affected.
#[derive(Default)]
struct Indexes {
    /// The last such index, and whether it is a step of a reference.
    last: Option<(u32, bool)>,
}

impl Indexes {
    fn edit(&mut self, tree: &Tree, index: u32) -> Option<Edit> {
        let key = tree.last_child(index)?;
        if tree.kind(key) != NodeKind::Name || !is_keyword(first_word(tree, key)) {
            return None;
        }
        let is_step = self.is_reference(tree, tree.second_last_child(index)?);
        self.last = Some((index, is_step));
        let tokens = tree.tokens(index);
        let mut open = tree.tokens(key).start - 1;
        while tree.token_kind(open) != TokenKind::OBrack {
            open -= 1;
        }
        is_step.then(|| Edit {
            at: open as u32 + 1,
            until: tokens.end as u32 - 1,
            kind: TokenKind::Ident,
            text: String::new(),
        })
    }

    /// Whether a node is a name with steps that are known without evaluation.
    fn is_reference(&self, tree: &Tree, mut node: u32) -> bool {
        loop {
            if let Some((_, known)) = self.last.filter(|(last, _)| *last == node) {
                return known;
            }
            let base = match tree.kind(node) {
                NodeKind::Name => return !is_keyword(first_word(tree, node)),
                NodeKind::GetAttr | NodeKind::LegacyIndex => tree.last_child(node),
                NodeKind::Index => match tree.last_child(node) {
                    Some(key) if is_literal(tree, key) => tree.second_last_child(node),
                    _ => None,
                },
                _ => None,
            };
            match base {
                Some(base) => node = base,
                None => return false,
            }
        }
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "true" | "false" | "null")
}

/// Whether a key is a number, a keyword or a string without sequences.
fn is_literal(tree: &Tree, key: u32) -> bool {
    match tree.kind(key) {
        NodeKind::Number => true,
        NodeKind::Name => is_keyword(first_word(tree, key)),
        NodeKind::Quoted => tree
            .last_child(key)
            .is_some_and(|p| tree.last_child(p).is_none()),
        _ => false,
    }
}
