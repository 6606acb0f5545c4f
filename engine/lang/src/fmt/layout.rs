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
    /// Blanks to put in.
    blanks: usize,
}

/// Index of the column of an `=` that neighbours share.
const ASSIGN: usize = 0;
/// Index of the column of a trailing comment.
const COMMENT: usize = 1;

/// A line held back.
struct Line {
    /// One past its last byte in the text held back.
    end: usize,
    /// The columns it has, from left to right.
    columns: [Option<Column>; 2],
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
    /// How many more blanks there may be; `None` once there were too many.
    room: Option<usize>,
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
            room: Some(most_blanks(size)),
        }
    }

    /// Adds a token to the line.
    pub(super) fn piece(&mut self, piece: Piece<'a>) {
        self.pieces.push(piece);
    }

    /// Ends the line.
    pub(super) fn newline(&mut self, text: &str) {
        self.line(false);
        self.held.push_str(text);
        if let Some(line) = self.lines.last_mut() {
            line.end = self.held.len();
        }
    }

    /// Adds blanks at the end of the file.
    pub(super) fn trailing(&mut self, blanks: usize) {
        self.line(true);
        pad(&mut self.held, blanks, &mut self.room);
        if let Some(line) = self.lines.last_mut() {
            line.end = self.held.len();
        }
    }

    /// The whole text. `None` if it would have had more than [`most_blanks`] blanks.
    pub(super) fn finish(mut self) -> Option<String> {
        self.line(true);
        self.flush();
        self.room.map(|_| self.out)
    }

    /// Lays out the tokens read as a line.
    fn line(&mut self, is_last: bool) {
        let pieces = std::mem::take(&mut self.pieces);
        let shape = Shape::of(&pieces, is_last);
        let has = [shape.assign.is_some(), shape.comment.is_some()];
        let follows = self
            .lines
            .last()
            .is_some_and(|last| (0..2).any(|i| has[i] && last.columns[i].is_some()));
        if !follows {
            self.flush();
        }
        // A line that opens brackets is not indented by them, one that closes them is not either.
        self.close(shape.net);
        let mut line = Line {
            end: 0,
            columns: [None, None],
        };
        let mut width = 2 * self.levels.len();
        if !pieces.is_empty() {
            pad(&mut self.held, width, &mut self.room);
        }
        let mut before = Before::default();
        for (i, piece) in pieces.iter().enumerate() {
            let column = Column {
                at: self.held.len(),
                width,
                blanks: 0,
            };
            if shape.assign == Some(i) {
                line.columns[ASSIGN] = Some(column);
            } else if shape.comment == Some(i) {
                line.columns[COMMENT] = Some(column);
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
        align(&mut self.lines, ASSIGN);
        for line in &mut self.lines {
            if let [Some(assign), Some(comment)] = &mut line.columns {
                comment.width += assign.blanks;
            }
        }
        align(&mut self.lines, COMMENT);
        let mut from = 0;
        for line in self.lines.drain(..) {
            for column in line.columns.into_iter().flatten() {
                self.out.push_str(&self.held[from..column.at]);
                pad(&mut self.out, column.blanks, &mut self.room);
                from = column.at;
            }
            self.out.push_str(&self.held[from..line.end]);
            from = line.end;
        }
        self.held.clear();
    }
}

/// Brings neighbours that have a column to the width of the widest one.
fn align(lines: &mut [Line], which: usize) {
    let has = |line: &Line| line.columns[which].is_some();
    for run in lines.chunk_by_mut(|a, b| has(a) == has(b)) {
        let widths = run
            .iter()
            .filter_map(|line| Some(line.columns[which]?.width));
        let widest = widths.max().unwrap_or(0);
        for column in run
            .iter_mut()
            .filter_map(|line| line.columns[which].as_mut())
        {
            column.blanks = widest - column.width;
        }
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
    fn of(pieces: &[Piece<'_>], is_last: bool) -> Self {
        let mut net = 0;
        // The first `=` and the first heredoc, each with the brackets before it.
        let (mut assign, mut heredoc) = (None, None);
        for (i, piece) in pieces.iter().enumerate() {
            match piece.kind {
                OBrace | OBrack | OParen | Interp | Control => net += 1,
                CBrace | CBrack | CParen | SeqEnd => net -= 1,
                Equal if assign.is_none() => assign = Some((i, net)),
                OHeredoc if heredoc.is_none() => heredoc = Some((i, net)),
                _ => {}
            }
        }
        // What follows the sign must close what it opens.
        let assign = assign.filter(|&(_, before)| before == net);
        let heredoc = heredoc.filter(|&(at, _)| assign.is_none_or(|(sign, _)| at < sign));
        // Nothing comes after a comment at the end of the file, whatever its notation.
        let trails =
            |piece: &Piece<'_>| piece.kind == Comment && (is_last || !piece.text.starts_with("/*"));
        let comment = match pieces {
            [_, .., last] if trails(last) => Some(pieces.len() - 1),
            _ => None,
        };
        Self {
            assign: assign.map(|(at, _)| at),
            comment,
            net: heredoc.map_or(net, |(_, before)| before),
        }
    }
}

/// How many columns a text takes: what a reader sees as one character counts one.
fn characters(text: &str) -> usize {
    // A line end of two characters counts as one.
    match text.bytes().all(|b| b.is_ascii() && b != b'\r') {
        true => text.len(),
        false => text.graphemes(true).count(),
    }
}

/// How many blanks formatting may put into a text of that size. Nesting of many levels over many
/// lines, or one very long name among many others, would need memory out of all proportion.
pub(super) fn most_blanks(size: usize) -> usize {
    (64 << 20) + 16 * size
}

fn pad(out: &mut String, mut blanks: usize, room: &mut Option<usize>) {
    const BLANKS: &str = "                                                                ";
    *room = room.and_then(|room| room.checked_sub(blanks));
    if room.is_none() {
        return;
    }
    while blanks > 0 {
        let some = blanks.min(BLANKS.len());
        out.push_str(&BLANKS[..some]);
        blanks -= some;
    }
}
