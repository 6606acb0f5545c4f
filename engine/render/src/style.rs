//! How text looks: colour and width.

/// How text is laid out for a terminal or a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences for colour may be used.
    pub color: bool,
    /// Columns of the terminal; `None` leaves long lines alone, as for a file.
    pub width: Option<usize>,
}

/// What a piece of text is painted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Red,
    Green,
    Yellow,
    Cyan,
    Dim,
    Bold,
    Underline,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Cyan => "\x1b[36m",
            Self::Dim => "\x1b[90m",
            Self::Bold => "\x1b[1m",
            Self::Underline => "\x1b[4m",
        }
    }
}

impl Style {
    /// Neither colour nor a limit on the width.
    pub const PLAIN: Self = Self {
        color: false,
        width: None,
    };

    /// Adds painted text.
    pub(crate) fn paint(self, out: &mut String, paint: Paint, text: &str) {
        if self.color && !text.is_empty() {
            out.push_str(paint.code());
            out.push_str(text);
            out.push_str("\x1b[0m");
        } else {
            out.push_str(text);
        }
    }

    /// A text in the colour of success.
    pub fn success(self, text: &str) -> String {
        self.painted(Paint::Green, text)
    }

    /// Painted text.
    pub(crate) fn painted(self, paint: Paint, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 9);
        self.paint(&mut out, paint, text);
        out
    }
}

/// Breaks paragraphs at spaces so that no line is wider than `width` columns. Lines that start
/// with a space keep their layout: they are examples or lists.
pub(crate) fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|w| *w > 0) else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len() + 16);
    for (i, line) in text.split('\n').enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if line.starts_with(' ') {
            out.push_str(line);
        } else {
            wrap_line(&mut out, line, width);
        }
    }
    out
}

fn wrap_line(out: &mut String, line: &str, width: usize) {
    let mut column = 0;
    for word in line.split(' ') {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_paragraphs_only() {
        assert_eq!(
            wrap("aa bb cc\n  dd ee ff\n\ngg", Some(5)),
            "aa bb\ncc\n  dd ee ff\n\ngg"
        );
        assert_eq!(wrap("long-word b", Some(3)), "long-word\nb");
        assert_eq!(wrap("a b", None), "a b");
    }

    #[test]
    fn paints_only_with_color() {
        assert_eq!(Style::PLAIN.painted(Paint::Red, "x"), "x");
        let style = Style {
            color: true,
            width: None,
        };
        assert_eq!(style.painted(Paint::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
