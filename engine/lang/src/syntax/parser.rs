//! The parser's machinery; the grammar is in files of its own. Nodes are written children first, so nothing is ever moved or patched.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lexer::Lexed;
use super::token::TokenKind::{self, *};
use super::tree::{NodeKind, Origin, Tree, TreeNode};
use crate::{Diagnostic, Diags, FileId, Span};

/// The rest of an expression is given up: what is wrong was reported.
pub(crate) struct Abort;

/// Result of a rule.
pub(crate) type Parse<T = ()> = Result<T, Abort>;

/// Where a node begins: tokens and nodes from here on belong to it.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) node: usize,
    pub(crate) token: usize,
}

/// A text being parsed.
pub(crate) struct Parser<'a> {
    file: FileId,
    pub(crate) text: &'a Arc<str>,
    origin: Origin,
    pub(crate) kinds: Vec<TokenKind>,
    pub(crate) starts: Vec<u32>,
    pub(crate) nodes: Vec<TreeNode>,
    /// One past the last token taken.
    pos: usize,
    /// The next token that counts in the present mode, at `pos` or behind it. Rules ask for it
    /// many times before they take it, so it is looked for once.
    ahead: usize,
    /// Inside brackets newlines mean nothing.
    skip_newlines: bool,
    diags: Diags,
    /// What the lexer found behind the place that the parser is at, and where.
    lexical: VecDeque<(u32, Diagnostic)>,
    /// Whether a string was reported to hold bytes that are no text; once is enough.
    pub(crate) told_bad: bool,
    /// Where the newlines are, once someone has asked for a line.
    newlines: Option<Vec<u32>>,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(file: FileId, text: &'a Arc<str>, origin: Origin, lexed: Lexed) -> Self {
        let Lexed {
            kinds,
            starts,
            diags,
        } = lexed;
        let lexical = diags.into_iter().map(|mut d| {
            let at = d.subject.map_or(0, |s| s.start);
            d.subject = d.subject.map(|s| place(file, origin, s.start, s.end));
            (at, d)
        });
        let nodes = Vec::with_capacity(kinds.len() / 2);
        let mut parser = Self {
            file,
            text,
            origin,
            kinds,
            starts,
            nodes,
            pos: 0,
            ahead: 0,
            skip_newlines: false,
            diags: Diags::new(),
            lexical: lexical.collect(),
            told_bad: false,
            newlines: None,
        };
        parser.move_to(0);
        parser
    }

    /// The finished tree. Its root is the last node closed.
    pub(crate) fn finish(mut self) -> (Arc<Tree>, Diags) {
        self.take_lexical(u32::MAX);
        let tree = Tree {
            file: self.file,
            origin: self.origin,
            text: self.text.clone(),
            kinds: self.kinds,
            starts: self.starts,
            nodes: self.nodes,
        };
        (Arc::new(tree), self.diags)
    }

    /// One past the last token taken.
    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// Goes on at a token, blank ones included.
    pub(crate) fn move_to(&mut self, pos: usize) {
        let mut at = pos;
        while self.kinds[at].is_blank() || (self.skip_newlines && self.kinds[at] == Newline) {
            at += 1;
        }
        self.pos = pos;
        self.ahead = at;
    }

    /// Whether newlines are skipped.
    pub(crate) fn skip_newlines(&self) -> bool {
        self.skip_newlines
    }

    /// Says whether newlines are skipped from here on, and gives what held before.
    pub(crate) fn set_skip_newlines(&mut self, skip: bool) -> bool {
        let before = std::mem::replace(&mut self.skip_newlines, skip);
        if skip != before {
            self.move_to(self.pos);
        }
        before
    }

    /// Index of the next token that counts in the present mode.
    pub(crate) fn next(&self) -> usize {
        self.ahead
    }

    pub(crate) fn peek(&self) -> TokenKind {
        self.kinds[self.ahead]
    }

    /// Takes the next token; the end of the text is never passed.
    pub(crate) fn bump(&mut self) -> usize {
        let at = self.ahead;
        self.move_to(if self.kinds[at] == Eof { at } else { at + 1 });
        at
    }

    /// The token right after the last one taken, blank ones included: in a template there is
    /// nothing to skip.
    pub(crate) fn peek_any(&self) -> TokenKind {
        self.kinds[self.pos]
    }

    /// Takes the token right after the last one taken, which is not the end of the text.
    pub(crate) fn bump_any(&mut self) {
        self.move_to(self.pos + 1);
    }

    pub(crate) fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.peek() == kind;
        if found {
            self.bump();
        }
        found
    }

    pub(crate) fn word(&self, token: usize) -> &'a str {
        let (start, end) = self.range(token);
        &self.text[start as usize..end as usize]
    }

    /// Whether the next token is this keyword.
    pub(crate) fn at_word(&self, word: &str) -> bool {
        let at = self.next();
        self.kinds[at] == Ident && self.word(at) == word
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            node: self.nodes.len(),
            token: self.next(),
        }
    }

    /// A mark right after the last token taken, blank tokens included.
    pub(crate) fn mark_here(&self) -> Mark {
        Mark {
            node: self.nodes.len(),
            token: self.pos,
        }
    }

    pub(crate) fn close(&mut self, kind: NodeKind, mark: Mark) {
        self.close_at(kind, mark, self.pos);
    }

    /// Closes a node that ends before a token.
    pub(crate) fn close_at(&mut self, kind: NodeKind, mark: Mark, end: usize) {
        self.nodes.push(TreeNode {
            kind,
            first: mark.token as u32,
            end: end.max(mark.token) as u32,
            size: (self.nodes.len() - mark.node + 1) as u32,
        });
    }

    /// A node without tokens, right after the last token taken.
    pub(crate) fn close_empty(&mut self, kind: NodeKind) -> Mark {
        let mark = self.mark_here();
        self.close(kind, mark);
        mark
    }

    fn range(&self, token: usize) -> (u32, u32) {
        let end = self
            .starts
            .get(token + 1)
            .copied()
            .unwrap_or(self.text.len() as u32);
        (self.starts[token], end)
    }

    pub(crate) fn token_span(&self, token: usize) -> Span {
        let (start, end) = self.range(token);
        place(self.file, self.origin, start, end)
    }

    /// The line of a token. The newlines are counted once for all who ask.
    pub(crate) fn line_of(&mut self, token: usize) -> usize {
        let newlines = self.newlines.get_or_insert_with(|| {
            let found = self.text.match_indices('\n');
            found.map(|(at, _)| at as u32).collect()
        });
        let start = self.starts[token];
        newlines.partition_point(|&at| at < start) + 1
    }

    /// Reports something about the next token and gives up.
    pub(crate) fn fail<T>(&mut self, summary: &str, detail: impl Into<String>) -> Parse<T> {
        let at = self.next();
        self.report(summary, detail, at);
        Err(Abort)
    }

    pub(crate) fn report(&mut self, summary: &str, detail: impl Into<String>, token: usize) {
        self.report_all(summary, detail, token, token);
    }

    /// As [`Self::report`], about all from one token to another.
    pub(crate) fn report_all(
        &mut self,
        summary: &str,
        detail: impl Into<String>,
        first: usize,
        last: usize,
    ) {
        let span = self.token_span(first).to(self.token_span(last));
        let found_at = self.range(first.max(self.next())).0;
        self.take_lexical(found_at);
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    /// How many errors there are before a token, and of the parser altogether.
    pub(crate) fn errors_before(&self, token: usize) -> usize {
        let start = self.starts[token];
        self.diags.0.len() + self.lexical.partition_point(|(at, _)| *at < start)
    }

    /// Takes over what the lexer found up to an offset, so that errors are told in the order in
    /// which a reader meets them.
    fn take_lexical(&mut self, up_to: u32) {
        while self.lexical.front().is_some_and(|(at, _)| *at <= up_to) {
            self.diags
                .0
                .extend(self.lexical.pop_front().map(|(_, d)| d));
        }
    }
}

fn place(file: FileId, origin: Origin, start: u32, end: u32) -> Span {
    match origin {
        Origin::Shift(by) => Span {
            file,
            start: start + by,
            end: end + by,
        },
        Origin::Whole(start, end) => Span { file, start, end },
    }
}
