//! The piece of source text that a diagnostic is about.

use muster_lang::Span;
use unicode_segmentation::UnicodeSegmentation;

/// Where lines and top-level blocks of a file begin.
#[derive(Debug)]
pub(super) struct FileIndex {
    lines: Vec<usize>,
    /// First byte, byte past the end, header.
    blocks: Vec<(usize, usize, String)>,
}

impl FileIndex {
    pub(super) fn new(text: &str) -> Self {
        let mut lines = vec![0];
        lines.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i + 1),
        );
        let mut blocks: Vec<(usize, usize, String)> = Vec::new();
        let mut open = false;
        for (i, start) in lines.iter().enumerate() {
            let end = lines.get(i + 1).copied().unwrap_or(text.len());
            let line = text[*start..end].trim_end();
            if open && line.starts_with('}') {
                open = false;
                if let Some(block) = blocks.last_mut() {
                    block.1 = start + 1;
                }
            } else if let Some(header) = header(line) {
                blocks.push((*start, text.len(), header));
                open = !line.ends_with('}') || line.ends_with("${}");
                if !open && let Some(block) = blocks.last_mut() {
                    block.1 = start + line.len();
                }
            }
        }
        // A block that nobody closed ends where the next one begins.
        for i in 1..blocks.len() {
            let next = blocks[i].0;
            blocks[i - 1].1 = blocks[i - 1].1.min(next);
        }
        Self { lines, blocks }
    }

    /// Line of a byte, counted from zero.
    fn line(&self, byte: usize) -> usize {
        self.lines
            .partition_point(|start| *start <= byte)
            .saturating_sub(1)
    }

    fn block(&self, byte: usize) -> Option<&str> {
        let i = self
            .blocks
            .partition_point(|(start, ..)| *start <= byte)
            .checked_sub(1)?;
        let (_, end, header) = &self.blocks[i];
        (byte < *end).then_some(header)
    }
}

/// The header of the block that a line opens, labels in quotes: `resource "a" "b"`.
fn header(line: &str) -> Option<String> {
    let head = line.split_once('{')?.0.trim_end();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if !head.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let mut quoted = false;
    for c in head.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\t' => {}
            c if quoted || is_word(c) => {}
            _ => return None,
        }
    }
    (!quoted).then(|| with_quotes(head))
}

/// A header with its labels in quotes, where they are none.
fn with_quotes(head: &str) -> String {
    let Some((kind, labels)) = head.split_once([' ', '\t', '"']) else {
        return head.to_owned();
    };
    let labels = match labels.contains('"') {
        // What stands between quotes may have spaces in it.
        true => return head.to_owned(),
        false => labels.split_whitespace(),
    };
    labels.fold(kind.to_owned(), |text, label| format!("{text} \"{label}\""))
}

/// A position as people count: lines and columns (grapheme clusters) from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) byte: usize,
}

/// The piece of source text.
#[derive(Debug)]
pub(super) struct Snippet<'s> {
    pub(super) filename: &'s str,
    pub(super) start: Position,
    pub(super) end: Position,
    /// The block around it.
    pub(super) context: Option<String>,
    /// Whole lines, without the last newline.
    pub(super) code: &'s str,
    /// Line of the first of them.
    pub(super) start_line: usize,
    /// Bytes of `code` that are the subject.
    pub(super) highlight: (usize, usize),
}

impl<'s> Snippet<'s> {
    pub(super) fn new(
        filename: &'s str,
        text: &'s str,
        index: &FileIndex,
        subject: Span,
        context: Span,
    ) -> Self {
        let floor = |at: u32| text.floor_char_boundary(at as usize);
        let (start, end) = (floor(subject.start), floor(subject.end.max(subject.start)));
        let first = index.line(floor(context.start));
        // Something that ends with a line reaches to the next, unless there is nothing in that.
        let end_of = |line: usize| index.lines.get(line + 1).copied().unwrap_or(text.len());
        let reached = index.line(floor(context.end));
        let is_empty = text[index.lines[reached]..end_of(reached)]
            .trim_end()
            .is_empty();
        let last = match is_empty && reached > first {
            true => reached - 1,
            false => reached.max(first),
        };
        let from = index.lines[first];
        let to = end_of(last);
        let code = text[from..to].trim_end_matches('\n').trim_end_matches('\r');
        let inside = |at: usize| at.saturating_sub(from).min(code.len());
        Self {
            filename,
            start: position(text, index, start),
            end: position(text, index, end),
            // A header stands in no block, not even in its own.
            context: (start.checked_sub(1))
                .and_then(|before| index.block(before))
                .map(str::to_owned),
            code,
            start_line: first + 1,
            highlight: (inside(start), inside(end)),
        }
    }
}

fn position(text: &str, index: &FileIndex, byte: usize) -> Position {
    let line = index.line(byte);
    let before = &text[index.lines[line]..byte];
    Position {
        line: line + 1,
        column: before.graphemes(true).count() + 1,
        byte,
    }
}
