//! Lines: their indent, and the columns that they share with their neighbours.

use unicode_segmentation::UnicodeSegmentation;

use super::spacing::Before;
use crate::syntax::TokenKind::{self, *};

/// A token as it will be printed.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
}

/// A place in a line from which on it can be moved to the right.
#[derive(Clone, Copy)]
struct Column {
    /// Offset in the text held back.
    at: usize,
    /// Characters of the line before it.
    width: usize,
}

/// A line held back.
struct Line {
    /// One past its last byte in the text held back.
    end: usize,
    /// Its `=`, if it has one that neighbours share.
    assign: Option<Column>,
    /// Its trailing comment.
    comment: Option<Column>,
}

/// Takes tokens and gives text.
pub(super) struct Layout<'a> {
    out: String,
    /// The line that is being read.
    pieces: Vec<Piece<'a>>,
    /// For each level of indent, how many brackets of it are open.
    levels: Vec<usize>,
    /// Lines whose columns are open still.
    held: String,
    lines: Vec<Line>,
}

impl<'a> Layout<'a> {
    /// For a text of about that many bytes.
    pub(super) fn new(size: usize) -> Self {
        Self {
            out: String::with_capacity(size + size / 8),
            pieces: Vec::new(),
            levels: Vec::new(),
            held: String::new(),
            lines: Vec::new(),
        }
    }

    /// Adds a token to the line.
    pub(super) fn piece(&mut self, piece: Piece<'a>) {
        self.pieces.push(piece);
    }

    /// Ends the line.
    pub(super) fn newline(&mut self, text: &str) {
        self.line();
        self.held.push_str(text);
        if let Some(line) = self.lines.last_mut() {
            line.end = self.held.len();
        }
    }

    /// Adds blanks at the end of the file.
    pub(super) fn trailing(&mut self, blanks: usize) {
        self.line();
        pad(&mut self.held, blanks);
        if let Some(line) = self.lines.last_mut() {
            line.end = self.held.len();
        }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        self.line();
        self.flush();
        self.out
    }

    /// Lays out the tokens read as a line.
    fn line(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        let shape = Shape::of(&pieces);
        let follows = self.lines.last().is_some_and(|last| {
            (last.assign.is_some() && shape.assign.is_some())
                || (last.comment.is_some() && shape.comment.is_some())
        });
        if !follows {
            self.flush();
        }
        // A line that opens brackets is not indented by them, one that closes them is not either.
        self.close(shape.net);
        let mut line = Line {
            end: 0,
            assign: None,
            comment: None,
        };
        let mut width = 2 * self.levels.len();
        if !pieces.is_empty() {
            pad(&mut self.held, width);
        }
        let mut before = Before::default();
        for (i, piece) in pieces.iter().enumerate() {
            let column = Column {
                at: self.held.len(),
                width,
            };
            if shape.assign == Some(i) {
                line.assign = Some(column);
            } else if shape.comment == Some(i) {
                line.comment = Some(column);
            }
            if before.gap(piece.kind) || shape.comment == Some(i) {
                self.held.push(' ');
                width += 1;
            }
            self.held.push_str(piece.text);
            width += characters(piece.text);
            before.pass(piece.kind, piece.text);
        }
        line.end = self.held.len();
        self.lines.push(line);
        self.levels
            .extend(usize::try_from(shape.net).ok().filter(|&n| n > 0));
        self.pieces = pieces;
        self.pieces.clear();
    }

    /// Takes off the indent of brackets that are closed. Brackets opened on one line make one
    /// level, which ends with the last of them.
    fn close(&mut self, net: isize) {
        let mut closed = usize::try_from(-net).unwrap_or(0);
        while closed > 0 {
            match self.levels.last_mut() {
                Some(open) if *open > closed => {
                    *open -= closed;
                    return;
                }
                Some(open) => closed -= *open,
                None => return,
            }
            self.levels.pop();
        }
    }

    /// Settles the columns of the lines held back, and prints them.
    fn flush(&mut self) {
        let pads = Pads::of(&self.lines);
        let mut from = 0;
        for (line, (assign, comment)) in self.lines.drain(..).zip(pads.0) {
            for (column, blanks) in [(line.assign, assign), (line.comment, comment)] {
                if let Some(column) = column {
                    self.out.push_str(&self.held[from..column.at]);
                    pad(&mut self.out, blanks);
                    from = column.at;
                }
            }
            self.out.push_str(&self.held[from..line.end]);
            from = line.end;
        }
        self.held.clear();
    }
}

/// For each of a run of lines, the blanks to put in before its `=` and before its comment.
struct Pads(Vec<(usize, usize)>);

impl Pads {
    fn of(lines: &[Line]) -> Self {
        let mut pads = vec![(0, 0); lines.len()];
        runs(
            lines,
            |line| Some(line.assign?.width),
            |i, blanks| pads[i].0 = blanks,
        );
        let mut moved = vec![0; lines.len()];
        for (moved, pad) in moved.iter_mut().zip(&pads) {
            *moved = pad.0;
        }
        let mut i = 0;
        let width = |line: &Line| {
            i += 1;
            Some(line.comment?.width + moved[i - 1])
        };
        runs(lines, width, |i, blanks| pads[i].1 = blanks);
        Self(pads)
    }
}

/// Brings what neighbours share to the same column: tells for each line of a run how much is
/// missing to the widest one.
fn runs(
    lines: &[Line],
    mut width: impl FnMut(&Line) -> Option<usize>,
    mut tell: impl FnMut(usize, usize),
) {
    let widths: Vec<Option<usize>> = lines.iter().map(&mut width).collect();
    let mut at = 0;
    for run in widths.split(Option::is_none) {
        let widest = run.iter().flatten().max().copied().unwrap_or(0);
        for (i, width) in run.iter().enumerate() {
            tell(at + i, widest - width.unwrap_or(widest));
        }
        at += run.len() + 1;
    }
}

/// What a line looks like from afar.
struct Shape {
    /// Index of the `=` that can be moved.
    assign: Option<usize>,
    /// Index of the trailing comment.
    comment: Option<usize>,
    /// Brackets opened less brackets closed. Those after the `=` or the start of a heredoc do not
    /// count.
    net: isize,
}

impl Shape {
    fn of(pieces: &[Piece<'_>]) -> Self {
        let assign = pieces.iter().position(|p| p.kind == Equal);
        // What follows the sign must close what it opens.
        let assign = assign.filter(|&at| net(&pieces[at..]) == 0);
        let comment = pieces.len().checked_sub(1).filter(|&last| {
            last > 0 && pieces[last].kind == Comment && !pieces[last].text.starts_with("/*")
        });
        let lead = &pieces[..assign.unwrap_or(pieces.len())];
        let heredoc = lead.iter().position(|p| p.kind == OHeredoc);
        Self {
            assign,
            comment,
            net: net(&lead[..heredoc.unwrap_or(lead.len())]),
        }
    }
}

/// Brackets opened less brackets closed.
fn net(pieces: &[Piece<'_>]) -> isize {
    let bracket = |piece: &Piece<'_>| match piece.kind {
        OBrace | OBrack | OParen | Interp | Control => 1,
        CBrace | CBrack | CParen | SeqEnd => -1,
        _ => 0,
    };
    pieces.iter().map(bracket).sum()
}

/// How many columns a text takes: what a reader sees as one character counts one.
fn characters(text: &str) -> usize {
    // A line end of two characters counts as one.
    match text.is_ascii() && !text.contains('\r') {
        true => text.len(),
        false => text.graphemes(true).count(),
    }
}

fn pad(out: &mut String, blanks: usize) {
    out.extend(std::iter::repeat_n(' ', blanks));
}
