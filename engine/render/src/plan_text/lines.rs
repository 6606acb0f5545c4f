//! Lines of a diff: indentation, a symbol that says what happens, and text.

use crate::Style;
use crate::style::Paint;

/// What happens to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Same,
    Add,
    Remove,
    Change,
    RemoveAdd,
    AddRemove,
    Read,
    Forget,
}

impl Sign {
    /// Three columns wide.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Same => "   ",
            Self::Add => "  +",
            Self::Remove => "  -",
            Self::Change => "  ~",
            Self::RemoveAdd => "-/+",
            Self::AddRemove => "+/-",
            Self::Read => " <=",
            Self::Forget => "  .",
        }
    }

    pub(crate) fn painted(self, style: Style) -> String {
        match self {
            Self::Same => self.text().to_owned(),
            Self::Add => style.painted(Paint::Green, self.text()),
            Self::Remove => style.painted(Paint::Red, self.text()),
            Self::Change | Self::Forget => style.painted(Paint::Yellow, self.text()),
            Self::Read => style.painted(Paint::Cyan, self.text()),
            Self::RemoveAdd => pair(style, ("-", Paint::Red), ("+", Paint::Green)),
            Self::AddRemove => pair(style, ("+", Paint::Green), ("-", Paint::Red)),
        }
    }
}

fn pair(style: Style, first: (&str, Paint), last: (&str, Paint)) -> String {
    format!("{}/{}", style.painted(first.1, first.0), style.painted(last.1, last.0))
}

/// Text that grows line by line.
pub(crate) struct Lines {
    pub style: Style,
    pub out: String,
}

impl Lines {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, out: String::new() }
    }

    /// A line with a symbol. `depth` counts levels of four columns; the symbol stands in the
    /// three columns before the text.
    pub(crate) fn line(&mut self, depth: usize, sign: Sign, text: &str) {
        for _ in 0..depth {
            self.out.push_str("    ");
        }
        self.out.push_str(&sign.painted(self.style));
        self.out.push(' ');
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// A remark in the place of parts that are not shown.
    pub(crate) fn hidden(&mut self, depth: usize, count: usize, what: &str) {
        if count == 0 {
            return;
        }
        let plural = if count == 1 { "" } else { "s" };
        let text = format!("# ({count} unchanged {what}{plural} hidden)");
        let text = self.style.painted(Paint::Dim, &text);
        self.line(depth, Sign::Same, &text);
    }

    pub(crate) fn blank(&mut self) {
        self.out.push('\n');
    }
}
