use std::fmt::{self, Write as _};

use crate::{AbsResource, Str};

/// What tells the instances of one resource or module apart.
///
/// The derived order is the order in which instances are listed: the single instance first,
/// then `count` indexes by number, then `for_each` keys by text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstanceKey {
    /// The only instance: neither `count` nor `for_each` is set.
    #[default]
    None,
    /// An index of `count`.
    Int(u64),
    /// A key of `for_each`.
    Str(Str),
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Int(n) => write!(f, "[{n}]"),
            Self::Str(s) => {
                f.write_str("[\"")?;
                write_escaped(f, s)?;
                f.write_str("\"]")
            }
        }
    }
}

/// Writes a key as the language would have it in quotes. What cannot be seen, or would move the
/// cursor of a terminal, is written as its number.
fn write_escaped(f: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let mut chars = key.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            // Else a template would begin here.
            '$' | '%' if chars.peek() == Some(&'{') => write!(f, "{c}{c}")?,
            c if c.is_control() || is_invisible(c) => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

/// Separators of lines, and what turns the direction of text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One instance of a resource: `module.net["a"].aws_subnet.main[0]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceAddr {
    /// The resource, module instance included.
    pub resource: AbsResource,
    /// Which instance of it.
    pub key: InstanceKey,
}

impl fmt::Display for InstanceAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.resource.fmt(f)?;
        self.key.fmt(f)
    }
}
