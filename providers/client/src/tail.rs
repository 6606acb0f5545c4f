//! The end of a plugin's log.

use std::collections::VecDeque;

/// The most bytes of a line that are kept.
const LINE: usize = 2 * 1024;
/// The most bytes that are kept in all.
const TOTAL: usize = 16 * 1024;
/// The most lines that are kept.
const LINES: usize = 40;
/// Stands where a line was cut.
const CUT: &str = " [...]";

/// The last lines that a plugin wrote, short enough to be part of an error message.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
    /// Length of all lines together.
    bytes: usize,
}

impl Tail {
    /// Keeps a line, cut if it is long, and drops the oldest ones for it.
    pub(crate) fn push(&mut self, line: &str) {
        let kept = match line.len() {
            0..=LINE => line.to_owned(),
            _ => {
                let end = line.floor_char_boundary(LINE - CUT.len());
                format!("{}{CUT}", &line[..end])
            }
        };
        self.bytes += kept.len();
        self.lines.push_back(kept);
        while self.bytes > TOTAL || self.lines.len() > LINES {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.len();
        }
    }

    /// The lines, one below the other.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(self.bytes + self.lines.len());
        for (i, line) in self.lines.iter().enumerate() {
            if i > 0 {
                text.push('\n');
            }
            text.push_str(line);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: impl IntoIterator<Item = String>, expect: impl FnOnce(&str)) {
        let mut tail = Tail::default();
        lines.into_iter().for_each(|line| tail.push(&line));
        expect(&tail.text());
    }

    #[test]
    fn the_last_lines_are_kept() {
        check(["a".to_owned(), "b".to_owned()], |t| assert_eq!(t, "a\nb"));
        let many = (0..100).map(|n| n.to_string());
        check(many, |text| {
            assert!(text.starts_with("60\n") && text.ends_with("\n99"), "{text}");
        });
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        check([format!("x{}", "ü".repeat(5000))], |text| {
            assert!(text.len() <= LINE && text.ends_with("ü [...]"), "{text}");
        });
        check(["y".repeat(LINE)], |text| assert_eq!(text.len(), LINE));
    }

    #[test]
    fn all_lines_together_are_short() {
        let long = (0..30).map(|n| format!("{n}{}", "z".repeat(1_000_000)));
        check(long, |text| {
            assert!(text.len() <= TOTAL + LINES, "{}", text.len());
            assert!(text.len() > TOTAL - LINE, "{}", text.len());
            assert_eq!(text.lines().count(), 8);
            assert!(text.starts_with("22z"));
        });
    }
}
