//! Text to syntax trees, in both syntaxes.

mod bodies;
mod expression;
mod for_expr;
pub(crate) mod json;
mod lexer;
mod names;
mod parser;
mod recovery;
mod steps;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod token;
mod tree;

use std::sync::Arc;

pub(crate) use lexer::{STAND_IN, is_ident};
use lexer::{Start, lex};
use parser::Parser;
pub use token::TokenKind;
pub(crate) use tree::Origin;
pub use tree::{NodeKind, Tree};

use crate::{Body, Diagnostic, Diags, FileId, RawExpr, Span};

/// Parses a file in HCL native syntax. Always gives a body: what did not parse is left out and
/// reported.
pub fn parse_native(file: FileId, text: &Arc<str>) -> (Body, Diags) {
    let (tree, diags) = parse_tree(file, text);
    (Body::native(tree), diags)
}

/// Parses a file in HCL native syntax that need not be UTF-8: other bytes can stand in comments.
pub fn parse_native_bytes(file: FileId, text: &[u8]) -> (Body, Diags) {
    let (text, bad) = with_stand_ins(text);
    let (tree, diags) = tree_of(file, &text.into(), &bad);
    (Body::native(tree), diags)
}

/// What people see of a file that need not be UTF-8: a question mark for each byte that is no
/// text, so that positions are right.
pub fn shown(text: &[u8]) -> String {
    replaced(text, '?', |_| {})
}

/// Parses a file in HCL native syntax to its lossless tree, for formatting and edits.
pub fn parse_tree(file: FileId, text: &Arc<str>) -> (Arc<Tree>, Diags) {
    tree_of(file, text, &[])
}

/// A text with [`STAND_IN`] in place of each byte that is no text, and where these are.
pub(crate) fn with_stand_ins(text: &[u8]) -> (String, Vec<u32>) {
    let mut bad = Vec::new();
    let out = replaced(text, char::from(STAND_IN), |at| bad.push(at as u32));
    (out, bad)
}

fn replaced(text: &[u8], with: char, mut at: impl FnMut(usize)) -> String {
    let mut out = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        out.push_str(chunk.valid());
        for _ in chunk.invalid() {
            at(out.len());
            out.push(with);
        }
    }
    out
}

pub(crate) fn tree_of(file: FileId, text: &Arc<str>, bad: &[u32]) -> (Arc<Tree>, Diags) {
    let (empty, too_long) = guard(file, text.len());
    let text = empty.as_ref().unwrap_or(text);
    let lexed = lex(file, text, Start::Code, bad);
    let mut parser = Parser::new(file, text, Origin::Shift(0), lexed);
    parser.file();
    let (tree, mut diags) = parser.finish();
    diags.extend(too_long);
    (tree, diags)
}

/// Parses a file in HCL JSON syntax.
pub fn parse_json(file: FileId, text: &Arc<str>) -> (Body, Diags) {
    parse_json_bytes(file, text.as_bytes())
}

/// Parses a file in HCL JSON syntax that need not be UTF-8: inside of strings, each byte that is
/// no part of a character stands for U+FFFD.
pub fn parse_json_bytes(file: FileId, text: &[u8]) -> (Body, Diags) {
    let (empty, too_long) = guard(file, text.len());
    let (doc, mut diags) = json::parse(file, empty.as_ref().map_or(text, |t| t.as_bytes()));
    diags.extend(too_long);
    let (body, found) = Body::json(doc);
    diags.extend(found);
    (body, diags)
}

/// Parses a text that is one expression, such as the value of a `-var` argument.
pub fn parse_expression(file: FileId, text: &Arc<str>) -> (RawExpr, Diags) {
    let (empty, too_long) = guard(file, text.len());
    let (tree, mut diags) = expression_at(file, empty.as_ref().unwrap_or(text), Origin::Shift(0));
    diags.extend(too_long);
    (RawExpr::native(tree), diags)
}

/// Parses a text that is a template without quotes, such as a template file.
pub fn parse_template(file: FileId, text: &Arc<str>) -> (RawExpr, Diags) {
    let (empty, too_long) = guard(file, text.len());
    let (tree, mut diags) = template_at(file, empty.as_ref().unwrap_or(text), Origin::Shift(0));
    diags.extend(too_long);
    (RawExpr::native(tree), diags)
}

/// Offsets have 32 bits: a longer text is refused and an empty one parsed in its place.
fn guard(file: FileId, len: usize) -> (Option<Arc<str>>, Diags) {
    if u32::try_from(len).is_ok_and(|n| n < u32::MAX) {
        return (None, Diags::new());
    }
    let d = Diagnostic::error(
        "Configuration file too large",
        "A file can have 4 GiB at most.",
    );
    (
        Some("".into()),
        d.at(Span {
            file,
            start: 0,
            end: 0,
        })
        .into(),
    )
}

/// An expression inside another file.
pub(crate) fn expression_at(file: FileId, text: &Arc<str>, origin: Origin) -> (Arc<Tree>, Diags) {
    let mut parser = Parser::new(file, text, origin, lex(file, text, Start::Code, &[]));
    parser.set_skip_newlines(true);
    let parsed = parser.expression();
    if parsed.is_ok() && parser.peek() != TokenKind::Eof {
        let at = parser.next();
        parser.report(
            "Extra characters after expression",
            "The expression ends before this.",
            at,
        );
    }
    close_all(parser, parsed.is_ok())
}

/// A template inside another file.
pub(crate) fn template_at(file: FileId, text: &Arc<str>, origin: Origin) -> (Arc<Tree>, Diags) {
    let mut parser = Parser::new(file, text, origin, lex(file, text, Start::Template, &[]));
    let parsed = parser.bare();
    close_all(parser, parsed.is_ok())
}

fn close_all(mut parser: Parser<'_>, parsed: bool) -> (Arc<Tree>, Diags) {
    if !parsed {
        let mark = parser::Mark { node: 0, token: 0 };
        parser.close_at(NodeKind::Error, mark, parser.kinds.len());
    }
    parser.finish()
}
