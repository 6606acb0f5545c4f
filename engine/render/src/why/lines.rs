//! Where spans are.

use std::collections::HashMap;

use muster_lang::{FileId, Sources, Span};

/// Finds lines and texts. Each file is looked through once.
pub(super) struct Lines<'s> {
    sources: &'s Sources,
    /// Where the lines of a file begin, but for the first.
    starts: HashMap<FileId, Vec<usize>>,
}

impl<'s> Lines<'s> {
    pub(super) fn new(sources: &'s Sources) -> Self {
        Self {
            sources,
            starts: HashMap::new(),
        }
    }

    /// What stands at a span.
    pub(super) fn text(&self, span: Span) -> Option<&'s str> {
        let file = self.sources.get(span.file)?;
        file.text.get(span.start as usize..span.end as usize)
    }

    /// The file and line of a span.
    pub(super) fn place(&mut self, span: Span) -> Option<(&'s str, usize)> {
        let file = self.sources.get(span.file)?;
        let starts = self.starts.entry(span.file).or_insert_with(|| {
            let ends = file.text.match_indices('\n');
            ends.map(|(end, _)| end + 1).collect()
        });
        let before = starts.partition_point(|start| *start <= span.start as usize);
        Some((&file.name, before + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let mut sources = Sources::default();
        let file = sources.add("a.tf", "a\n\nbc\n");
        let mut lines = Lines::new(&sources);
        let mut check = |start: u32, end: u32, line: usize, text: Option<&str>| {
            let span = Span { file, start, end };
            assert_eq!(lines.place(span), Some(("a.tf", line)), "{start}");
            assert_eq!(lines.text(span), text);
        };
        check(0, 1, 1, Some("a"));
        check(1, 2, 1, Some("\n"));
        check(2, 3, 2, Some("\n"));
        check(3, 5, 3, Some("bc"));
        check(6, 6, 4, Some(""));
        check(6, 7, 4, None);
    }
}
