use std::fmt;

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
                for c in s.chars() {
                    match c {
                        '"' => f.write_str("\\\"")?,
                        '\\' => f.write_str("\\\\")?,
                        '\n' => f.write_str("\\n")?,
                        '\r' => f.write_str("\\r")?,
                        '\t' => f.write_str("\\t")?,
                        c => fmt::Write::write_char(f, c)?,
                    }
                }
                f.write_str("\"]")
            }
        }
    }
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
        write!(f, "{}{}", self.resource, self.key)
    }
}
