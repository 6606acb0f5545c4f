//! The canonical form of a file, byte for byte the one that `terraform fmt` gives.
//!
//! Text between two tokens on a line is decided by the tokens alone ([`spacing`]), the indent of
//! a line by the brackets open before it, and columns of `=` and of trailing comments by the lines
//! around ([`layout`]). A few notations of old are replaced by those of today ([`rewrite`]).
//! Formatting takes one pass over the tokens and holds back only lines whose columns are open.

mod indexes;
mod labels;
mod layout;
mod rewrite;
mod spacing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use layout::{Layout, Piece, most_blanks};
use rewrite::Edit;

use crate::syntax::{STAND_IN, TokenKind, Tree, parse_tree, tree_of, with_stand_ins};
use crate::{Diagnostic, Diags, FileId};

/// Gives a file in its canonical form. A file with syntax errors has none: the errors are given
/// instead.
///
/// What Terraform does to odd notations is done here too, even where it is harmful: an index that
/// is a keyword is emptied, and a comment in `"${a # b}"` may take the rest of the value out of it.
pub fn format(file: FileId, text: &Arc<str>) -> Result<String, Diags> {
    canonical(parse_tree(file, text))
}

/// As [`format()`], for a file that need not be UTF-8: other bytes can stand in comments, and stay.
pub fn format_bytes(file: FileId, bytes: &[u8]) -> Result<Vec<u8>, Diags> {
    let (text, bad) = with_stand_ins(bytes);
    let formatted = canonical(tree_of(file, &text.into(), &bad))?;
    // Comments keep their order, and so does what stands in them.
    let mut raw = bytes.iter().copied().enumerate();
    let mut next =
        || raw.find(|(at, b)| *b == STAND_IN || bad.binary_search(&(*at as u32)).is_ok());
    let mut out = formatted.into_bytes();
    for byte in out.iter_mut().filter(|b| **b == STAND_IN) {
        *byte = next().map_or(STAND_IN, |(_, raw)| raw);
    }
    Ok(out)
}

fn canonical((tree, diags): (Arc<Tree>, Diags)) -> Result<String, Diags> {
    if diags.has_errors() {
        return Err(diags);
    }
    let edits = rewrite::edits(&tree);
    Printer::new(&tree, &edits)
        .run()
        .ok_or_else(|| too_deep(tree.text.len()))
}

fn too_deep(size: usize) -> Diags {
    let detail = format!(
        "The file would get more than {} MiB of blanks, because its brackets are nested very deeply or a name is very long.",
        most_blanks(size) >> 20
    );
    Diagnostic::error("Configuration too deep to format", detail).into()
}

/// Feeds the tokens of a tree, edits applied, to the layout.
struct Printer<'a> {
    tree: &'a Tree,
    edits: std::iter::Peekable<std::slice::Iter<'a, Edit>>,
    layout: Layout<'a>,
    /// Next token.
    at: usize,
}

impl<'a> Printer<'a> {
    fn new(tree: &'a Tree, edits: &'a [Edit]) -> Self {
        Self {
            tree,
            edits: edits.iter().peekable(),
            layout: Layout::new(tree.text.len()),
            at: 0,
        }
    }

    fn run(mut self) -> Option<String> {
        while self.at + 1 < self.tree.token_count() {
            match self.edits.next_if(|edit| edit.at as usize == self.at) {
                Some(edit) => self.replace(edit),
                None => self.token(),
            }
        }
        self.layout.finish()
    }

    fn replace(&mut self, edit: &'a Edit) {
        if !edit.text.is_empty() {
            self.layout.piece(Piece {
                kind: edit.kind,
                text: &edit.text,
            });
        }
        self.at = edit.until as usize;
    }

    fn token(&mut self) {
        let kind = self.tree.token_kind(self.at);
        let text = self.tree.token_text(self.at);
        self.at += 1;
        match kind {
            // The end of a file is the one place where a formatted file keeps its blanks.
            TokenKind::Whitespace if self.at + 1 == self.tree.token_count() => {
                self.layout.trailing(blanks(text));
            }
            TokenKind::Whitespace => {}
            TokenKind::Newline => self.layout.newline(text),
            _ => self.layout.piece(Piece { kind, text }),
        }
    }
}

/// Number of blanks in white space, which may be a byte order mark.
fn blanks(text: &str) -> usize {
    text.bytes().filter(|b| matches!(b, b' ' | b'\t')).count()
}
