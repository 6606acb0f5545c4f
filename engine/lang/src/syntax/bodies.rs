//! The grammar of bodies: arguments and blocks.

use super::names::Names;
use super::parser::{Mark, Parser};
use super::token::TokenKind::*;
use super::tree::NodeKind;

const MISSING_NEWLINE: &str = "Missing newline after argument";

impl<'a> Parser<'a> {
    /// A whole file.
    pub(crate) fn file(&mut self) {
        let mark = Mark { node: 0, token: 0 };
        let mut names = Names::default();
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
            self.recover(self.pos());
        }
        self.close_at(NodeKind::Body, mark, self.kinds.len());
    }

    /// Items up to a closing brace or the end.
    fn items(&mut self, names: &mut Names<'a>) {
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

    fn item(&mut self, names: &mut Names<'a>) {
        let mark = self.mark();
        self.bump();
        match self.peek() {
            Equal => {
                self.attribute(mark, names);
                self.end_of_line(
                    MISSING_NEWLINE,
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
    fn attribute(&mut self, mark: Mark, names: &mut Names<'a>) {
        let name = self.word(mark.token);
        if let Some(first) = names.insert(name, mark.token) {
            let line = self.line_of(first);
            let detail = format!(
                "The argument \"{name}\" was set on line {line} already. It can be set only once."
            );
            self.report("Attribute redefined", detail, mark.token);
        }
        self.bump();
        let inner = self.mark();
        if self.expression().is_err() {
            self.set_skip_newlines(false);
            self.recover(inner.token);
            self.close(NodeKind::Error, inner);
        }
        self.set_skip_newlines(false);
        self.close(NodeKind::Attribute, mark);
    }

    fn end_of_line(&mut self, summary: &str, detail: &str) {
        match self.peek() {
            Newline | Eof => _ = self.bump(),
            // An expression that failed was skipped up to here.
            CBrace
                if self.nodes.len() >= 2
                    && self.nodes[self.nodes.len() - 2].kind == NodeKind::Error => {}
            found => {
                let (summary, detail) = match (found, summary) {
                    (Comma, MISSING_NEWLINE) => (
                        "Unexpected comma after argument",
                        "Arguments are separated by newlines: leave the comma out.",
                    ),
                    _ => (summary, detail),
                };
                self.report(summary, detail, self.next());
                self.recover(self.pos());
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
                    let at = self.next();
                    self.report("Invalid block definition", detail, at);
                    if found == Newline && self.brace_follows(at) {
                        break;
                    }
                    self.close_empty(NodeKind::Body);
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
                "Missing newline after block definition",
                "A block ends with its line: what follows goes on a line of its own.",
            );
        }
    }

    /// Whether the first thing behind this newline and others is an opening brace, which is next
    /// then.
    fn brace_follows(&mut self, newline: usize) -> bool {
        let behind = &self.kinds[newline..];
        let Some(at) = behind.iter().position(|k| !k.is_blank() && *k != Newline) else {
            return false;
        };
        let found = behind[at] == OBrace;
        if found {
            self.move_to(newline + at);
        }
        found
    }

    /// What follows the opening brace, and the closing one. False if the latter is missing.
    fn block_body(&mut self, open: usize) -> bool {
        let before = self.errors_before(open);
        let mark = self.mark_here();
        match self.peek() {
            Newline | Eof | CBrace => self.items(&mut Names::default()),
            _ => self.one_line(),
        }
        self.close(NodeKind::Body, mark);
        if self.eat(CBrace) {
            return true;
        }
        // What is wrong inside may have swallowed the brace.
        if self.errors_before(self.next()) > before {
            return false;
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
            let next = self.next();
            self.report_all("Argument definition required", detail, start, next);
            return self.finish_body(start);
        }
        self.attribute(mark, &mut Names::default());
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
            self.items(&mut Names::default());
        }
    }

    /// A string without template sequences.
    fn quoted_label(&mut self) {
        self.bump();
        loop {
            let at = self.pos();
            match self.peek_any() {
                Text => self.bump_any(),
                CQuote => return self.bump_any(),
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
            match self.peek_any() {
                Interp | Control => depth += 1,
                SeqEnd => depth = depth.saturating_sub(1),
                Eof => return,
                _ => {}
            }
            self.bump_any();
            if depth == 0 {
                return;
            }
        }
    }
}
