//! The parser's machinery and the grammar of bodies. Expressions and templates are in their own
//! files. Nodes are written children first, so nothing is ever moved or patched.

use std::collections::HashMap;
use std::sync::Arc;

use super::lexer::{self, Lexed, Start};
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
    text: &'a Arc<str>,
    origin: Origin,
    pub(crate) kinds: Vec<TokenKind>,
    starts: Vec<u32>,
    nodes: Vec<TreeNode>,
    /// Next token, blank ones included.
    pub(crate) pos: usize,
    /// Inside brackets newlines mean nothing.
    pub(crate) skip_newlines: bool,
    pub(crate) diags: Diags,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(file: FileId, text: &'a Arc<str>, origin: Origin, start: Start) -> Self {
        let Lexed {
            kinds,
            starts,
            mut diags,
        } = lexer::lex(file, text, start);
        for d in &mut diags.0 {
            d.subject = d.subject.map(|s| place(file, origin, s.start, s.end));
        }
        let nodes = Vec::with_capacity(kinds.len() / 4);
        Self {
            file,
            text,
            origin,
            kinds,
            starts,
            nodes,
            pos: 0,
            skip_newlines: false,
            diags,
        }
    }

    /// The finished tree. Its root is the last node closed.
    pub(crate) fn finish(self) -> (Arc<Tree>, Diags) {
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

    /// Index of the next token that counts in the present mode.
    pub(crate) fn next(&self) -> usize {
        let mut at = self.pos;
        while self.kinds[at].is_blank() || (self.skip_newlines && self.kinds[at] == Newline) {
            at += 1;
        }
        at
    }

    pub(crate) fn peek(&self) -> TokenKind {
        self.kinds[self.next()]
    }

    /// Takes the next token; the end of the text is never passed.
    pub(crate) fn bump(&mut self) -> usize {
        let at = self.next();
        self.pos = if self.kinds[at] == Eof { at } else { at + 1 };
        at
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

    pub(crate) fn close(&mut self, kind: NodeKind, mark: Mark) {
        let size = (self.nodes.len() - mark.node + 1) as u32;
        let end = self.pos.max(mark.token) as u32;
        self.nodes.push(TreeNode {
            kind,
            first: mark.token as u32,
            end,
            size,
        });
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

    /// Reports something about the next token and gives up.
    pub(crate) fn fail<T>(&mut self, summary: &str, detail: impl Into<String>) -> Parse<T> {
        let at = self.next();
        self.report(summary, detail, at);
        Err(Abort)
    }

    pub(crate) fn report(&mut self, summary: &str, detail: impl Into<String>, token: usize) {
        let span = self.token_span(token);
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    /// A whole file.
    pub(crate) fn file(&mut self) {
        let mark = Mark { node: 0, token: 0 };
        let mut names = HashMap::new();
        loop {
            self.items(&mut names);
            if self.peek() == Eof {
                break;
            }
            self.report(
                "Argument or block definition required",
                "This closing brace closes nothing.",
                self.next(),
            );
            self.bump();
            self.recover(self.pos);
        }
        self.pos = self.kinds.len();
        self.close(NodeKind::Body, mark);
        self.pos = self.kinds.len() - 1;
    }

    /// Items up to a closing brace or the end.
    fn items(&mut self, names: &mut HashMap<&'a str, usize>) {
        loop {
            match self.peek() {
                Newline => _ = self.bump(),
                Eof | CBrace => return,
                Ident => self.item(names),
                OQuote => {
                    let start = self.next();
                    self.report(
                        "Invalid argument name",
                        "The name of an argument is written without quotes.",
                        start,
                    );
                    self.recover(start);
                }
                _ => {
                    let start = self.next();
                    self.report(
                        "Argument or block definition required",
                        "An argument, name = value, or a block is expected here.",
                        start,
                    );
                    self.bump();
                    self.recover(start);
                }
            }
        }
    }

    fn item(&mut self, names: &mut HashMap<&'a str, usize>) {
        let mark = self.mark();
        self.bump();
        match self.peek() {
            Equal => {
                self.attribute(mark, names);
                self.end_of_line(
                    mark,
                    "Missing newline after argument",
                    "An argument ends with its line: the next one goes on a line of its own.",
                );
            }
            Ident | OQuote | OBrace => self.block(mark),
            _ => {
                let detail =
                    "An argument or a block is expected here. An argument is written name = value.";
                self.report("Argument or block definition required", detail, mark.token);
                self.recover(mark.token);
            }
        }
    }

    /// From the equals sign on; the name was taken.
    fn attribute(&mut self, mark: Mark, names: &mut HashMap<&'a str, usize>) {
        let name = self.word(mark.token);
        if let Some(&first) = names.get(name) {
            let line = self.line_of(first);
            let detail = format!(
                "The argument \"{name}\" was set on line {line} already. It can be set only once."
            );
            self.report("Attribute redefined", detail, mark.token);
        } else {
            names.insert(name, mark.token);
        }
        self.bump();
        let inner = Mark {
            node: self.nodes.len(),
            token: self.next(),
        };
        if self.expression().is_err() {
            self.skip_newlines = false;
            self.recover(inner.token);
            self.close(NodeKind::Error, inner);
        }
        self.skip_newlines = false;
        self.close(NodeKind::Attribute, mark);
    }

    fn line_of(&self, token: usize) -> usize {
        let start = self.starts[token] as usize;
        1 + self.text.as_bytes()[..start]
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
    }

    fn end_of_line(&mut self, mark: Mark, summary: &str, detail: &str) {
        match self.peek() {
            Newline | Eof => _ = self.bump(),
            // An expression that failed was skipped up to here.
            CBrace
                if self.nodes.len() >= 2
                    && self.nodes[self.nodes.len() - 2].kind == NodeKind::Error => {}
            _ => {
                self.report(summary, detail, self.next());
                self.recover(mark.token);
            }
        }
    }

    /// From the first label or brace on; the type was taken.
    fn block(&mut self, mark: Mark) {
        loop {
            let label = self.mark();
            match self.peek() {
                Ident => {
                    self.bump();
                    self.close(NodeKind::Label, label);
                }
                OQuote => {
                    self.quoted_label();
                    self.close(NodeKind::Label, label);
                }
                OBrace => break,
                found => {
                    let detail = match found {
                        Equal => "A block has no equals sign; an argument has one name only.",
                        _ => "A block needs an opening brace on the line of its header.",
                    };
                    self.report("Invalid block definition", detail, self.next());
                    let body = self.mark();
                    self.close_empty(NodeKind::Body, body);
                    self.close(NodeKind::Block, mark);
                    return self.recover(mark.token);
                }
            }
        }
        let open = self.bump();
        let closed = stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.block_body(open));
        self.close(NodeKind::Block, mark);
        if closed {
            self.end_of_line(
                mark,
                "Missing newline after block definition",
                "A block ends with its line: what follows goes on a line of its own.",
            );
        }
    }

    fn close_empty(&mut self, kind: NodeKind, mark: Mark) {
        let at = mark.token as u32;
        self.nodes.push(TreeNode {
            kind,
            first: at,
            end: at,
            size: 1,
        });
    }

    /// What follows the opening brace, and the closing one. False if the latter is missing.
    fn block_body(&mut self, open: usize) -> bool {
        let mark = Mark {
            node: self.nodes.len(),
            token: self.pos,
        };
        match self.peek() {
            Newline | Eof | CBrace => self.items(&mut HashMap::new()),
            _ => self.one_line(),
        }
        self.close(NodeKind::Body, mark);
        if self.eat(CBrace) {
            return true;
        }
        self.report(
            "Unclosed configuration block",
            "The file ends before this block is closed. A brace may be missing here or in a block inside it.",
            open,
        );
        false
    }

    /// The one argument of a block on one line.
    fn one_line(&mut self) {
        let mark = self.mark();
        let start = mark.token;
        if self.peek() != Ident {
            self.report(
                "Argument or block definition required",
                "An argument is expected here.",
                start,
            );
            self.bump();
            return self.finish_body(start);
        }
        self.bump();
        if self.peek() != Equal {
            let detail = "A block on one line can hold one argument, name = value, and no block. Put its content on lines of its own.";
            self.report("Argument definition required", detail, start);
            return self.finish_body(start);
        }
        self.attribute(mark, &mut HashMap::new());
        if self.peek() == CBrace {
            return;
        }
        let failed =
            self.nodes.len() >= 2 && self.nodes[self.nodes.len() - 2].kind == NodeKind::Error;
        if !failed {
            let detail = match self.peek() {
                Newline => {
                    "A block that starts its content on the line of its brace must be closed on that line."
                }
                _ => {
                    "A block on one line can hold only one argument. Put the arguments on lines of their own."
                }
            };
            self.report(
                "Invalid single-argument block definition",
                detail,
                self.next(),
            );
        }
        self.finish_body(start);
    }

    /// Reads on as in a body of several lines, after an error in a block on one line.
    fn finish_body(&mut self, start: usize) {
        self.recover(start);
        if self.peek() != CBrace {
            self.items(&mut HashMap::new());
        }
    }

    /// A string without template sequences.
    fn quoted_label(&mut self) {
        self.bump();
        loop {
            let at = self.pos;
            match self.kinds[at] {
                Text => self.pos += 1,
                CQuote => {
                    self.pos += 1;
                    return;
                }
                Interp | Control => {
                    self.report(
                        "Invalid string literal",
                        "A label is plain text. For a literal \"${\" write \"$${\".",
                        at,
                    );
                    self.skip_sequence();
                }
                _ => return,
            }
        }
    }

    /// Passes a template sequence without looking into it.
    fn skip_sequence(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.kinds[self.pos] {
                Interp | Control => depth += 1,
                SeqEnd => depth = depth.saturating_sub(1),
                Eof => return,
                _ => {}
            }
            self.pos += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips to where an item that started at token `from` most likely ends: a newline outside
    /// of all brackets opened since, a closing brace that belongs to the block around it, or
    /// the line in column one that begins another block.
    fn recover(&mut self, from: usize) {
        let mut open = Vec::new();
        let target = self.pos;
        let mut at = from;
        loop {
            let kind = self.kinds[at];
            if at >= target {
                match kind {
                    Eof => break,
                    Newline if open.is_empty() || self.starts_block(at + 1) => break,
                    CBrace if open.is_empty() || !open.contains(&CBrace) => break,
                    _ => {}
                }
            }
            match kind {
                OBrace => open.push(CBrace),
                OBrack => open.push(CBrack),
                OParen => open.push(CParen),
                Interp | Control => open.push(SeqEnd),
                CBrace | CBrack | CParen | SeqEnd => {
                    if let Some(i) = open.iter().rposition(|&k| k == kind) {
                        open.truncate(i);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.pos = at;
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
