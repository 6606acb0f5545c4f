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

use lexer::Start;
pub(crate) use lexer::is_ident;
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

/// Parses a file in HCL native syntax to its lossless tree, for formatting and edits.
pub fn parse_tree(file: FileId, text: &Arc<str>) -> (Arc<Tree>, Diags) {
    let (empty, too_long) = guard(file, text);
    let mut parser = Parser::new(
        file,
        empty.as_ref().unwrap_or(text),
        Origin::Shift(0),
        Start::Code,
    );
    parser.file();
    let (tree, mut diags) = parser.finish();
    diags.extend(too_long);
    (tree, diags)
}

/// Parses a file in HCL JSON syntax.
pub fn parse_json(file: FileId, text: &Arc<str>) -> (Body, Diags) {
    let (empty, too_long) = guard(file, text);
    let (doc, mut diags) = json::parse(file, empty.as_ref().unwrap_or(text));
    diags.extend(too_long);
    let (body, found) = Body::json(doc);
    diags.extend(found);
    (body, diags)
}

/// Parses a text that is one expression, such as the value of a `-var` argument.
pub fn parse_expression(file: FileId, text: &Arc<str>) -> (RawExpr, Diags) {
    let (empty, too_long) = guard(file, text);
    let (tree, mut diags) = expression_at(file, empty.as_ref().unwrap_or(text), Origin::Shift(0));
    diags.extend(too_long);
    (RawExpr::native(tree), diags)
}

/// Parses a text that is a template without quotes, such as a template file.
pub fn parse_template(file: FileId, text: &Arc<str>) -> (RawExpr, Diags) {
    let (empty, too_long) = guard(file, text);
    let (tree, mut diags) = template_at(file, empty.as_ref().unwrap_or(text), Origin::Shift(0));
    diags.extend(too_long);
    (RawExpr::native(tree), diags)
}

/// Offsets have 32 bits: a longer text is refused and an empty one parsed in its place.
fn guard(file: FileId, text: &str) -> (Option<Arc<str>>, Diags) {
    if u32::try_from(text.len()).is_ok_and(|n| n < u32::MAX) {
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
    let mut parser = Parser::new(file, text, origin, Start::Code);
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
    let mut parser = Parser::new(file, text, origin, Start::Template);
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
