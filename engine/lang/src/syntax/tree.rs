//! The syntax tree: tokens that cover every byte, and nodes over ranges of tokens.

use std::sync::Arc;

use super::token::TokenKind;
use crate::{FileId, Span};

/// What a node is. Children are listed in source order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// What stands in a file or between the braces of a block: `Attribute` and `Block`.
    Body,
    /// `name = expr`; one child.
    Attribute,
    /// `type "label" { ... }`; any number of `Label`, then a `Body`.
    Block,
    /// A label of a block: a name, or a string in quotes.
    Label,
    /// Something that did not parse; reported. Its children mean nothing.
    Error,
    /// A number.
    Number,
    /// A bare word: a keyword, or the root of a reference.
    Name,
    /// `(expr)`
    Paren,
    /// `-x` or `!x`
    Unary,
    /// `a + b`
    Binary,
    /// `a ? b : c`
    Conditional,
    /// `[a, b]`
    Tuple,
    /// `{ k = v }`: `ObjectItem`s.
    Object,
    /// Key and value.
    ObjectItem,
    /// `f(a, b)`
    Call,
    /// `f(a, b...)`
    CallExpand,
    /// `base.name`
    GetAttr,
    /// `base.0`
    LegacyIndex,
    /// `base[key]`
    Index,
    /// `base[*].rest` or `base.*.rest`: the source, and the result for a `SplatItem`.
    Splat,
    /// The element a splat works on; empty.
    SplatItem,
    /// `[for ...]`: collection, value, perhaps `ForCondition`.
    ForTuple,
    /// `{for ...}`: collection, key, value, perhaps `ForGroup` and `ForCondition`.
    ForObject,
    /// The `...` of a `for` expression.
    ForGroup,
    /// `if expr`
    ForCondition,
    /// A string in quotes: one `Parts`.
    Quoted,
    /// A heredoc: one `Parts`.
    Heredoc,
    /// A template without quotes: one `Parts`.
    Bare,
    /// Text tokens, `Interpolation`, `If` and `ForDirective` in source order.
    Parts,
    /// `${expr}`
    Interpolation,
    /// `%{if}`: condition, `Parts`, perhaps another `Parts` for `%{else}`.
    If,
    /// `%{for}`: collection, `Parts`.
    ForDirective,
}

/// A node. Nodes are stored children first; a subtree is a contiguous run that ends with its root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreeNode {
    pub(crate) kind: NodeKind,
    /// First token.
    pub(crate) first: u32,
    /// One past the last token.
    pub(crate) end: u32,
    /// Number of nodes in the subtree, itself included.
    pub(crate) size: u32,
}

/// How offsets in the tree's text map to the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// The text starts at this byte of the file.
    Shift(u32),
    /// The text was unescaped: every part of it points at this range.
    Whole(u32, u32),
}

/// A parsed text.
#[derive(Debug)]
pub struct Tree {
    pub(crate) file: FileId,
    pub(crate) origin: Origin,
    pub(crate) text: Arc<str>,
    pub(crate) kinds: Vec<TokenKind>,
    pub(crate) starts: Vec<u32>,
    pub(crate) nodes: Vec<TreeNode>,
}

impl Tree {
    /// Number of nodes; the last one is the root.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node at all, which no parser leaves behind.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Index of the root.
    pub fn root(&self) -> u32 {
        self.nodes.len() as u32 - 1
    }

    /// What a node is.
    pub fn kind(&self, node: u32) -> NodeKind {
        self.nodes[node as usize].kind
    }

    /// The tokens of a node, children's included, as a range of token indexes.
    pub fn tokens(&self, node: u32) -> std::ops::Range<usize> {
        let n = &self.nodes[node as usize];
        n.first as usize..n.end as usize
    }

    /// Number of tokens in the file; the last is the empty end token.
    pub fn token_count(&self) -> usize {
        self.kinds.len()
    }

    /// What a token is.
    pub fn token_kind(&self, token: usize) -> TokenKind {
        self.kinds[token]
    }

    /// A token's text.
    pub fn token_text(&self, token: usize) -> &str {
        let (start, end) = self.token_range(token);
        &self.text[start as usize..end as usize]
    }

    /// Children in source order.
    pub fn children(&self, node: u32) -> Vec<u32> {
        let n = &self.nodes[node as usize];
        let first = node + 1 - n.size;
        let mut out = Vec::new();
        let mut at = node;
        while at > first {
            let child = at - 1;
            out.push(child);
            at = child + 1 - self.nodes[child as usize].size;
        }
        out.reverse();
        out
    }

    /// The last child.
    pub(crate) fn last_child(&self, node: u32) -> Option<u32> {
        (self.nodes[node as usize].size > 1).then(|| node - 1)
    }

    /// The child before the last one.
    pub(crate) fn second_last_child(&self, node: u32) -> Option<u32> {
        let last = self.last_child(node)?;
        let used = 1 + self.nodes[last as usize].size;
        (self.nodes[node as usize].size > used).then(|| node - used)
    }

    /// Where a node stands in its file.
    pub fn span(&self, node: u32) -> Span {
        let tokens = self.tokens(node);
        let start = self.starts[tokens.start];
        let end = match tokens.end > tokens.start {
            true => self.token_range(tokens.end - 1).1,
            false => start,
        };
        self.to_file(start, end)
    }

    /// Where a token stands in its file.
    pub fn token_span(&self, token: usize) -> Span {
        let (start, end) = self.token_range(token);
        self.to_file(start, end)
    }

    /// A range of the tree's text as a range of the file.
    pub(crate) fn to_file(&self, start: u32, end: u32) -> Span {
        let (start, end) = match self.origin {
            Origin::Shift(by) => (start + by, end + by),
            Origin::Whole(start, end) => (start, end),
        };
        Span {
            file: self.file,
            start,
            end,
        }
    }

    pub(crate) fn token_range(&self, token: usize) -> (u32, u32) {
        let end = self
            .starts
            .get(token + 1)
            .copied()
            .unwrap_or(self.text.len() as u32);
        (self.starts[token], end)
    }
}
