use std::fmt;
use std::ops::{BitOr, BitOrAssign};

use crate::Marked;

/// What is known about the use of a value, apart from the value itself.
///
/// Marks travel through every operation: a result carries the marks of all that went into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Marks(u8);

impl Marks {
    /// No mark.
    pub const NONE: Self = Self(0);
    /// Must not be shown to people or written to logs.
    pub const SENSITIVE: Self = Self(1);
    /// Must not be stored in plan or state.
    pub const EPHEMERAL: Self = Self(2);
    /// Is the name of a type, which only a console shows: nothing else can be made of it.
    pub const TYPE: Self = Self(4);

    /// Whether there is no mark.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all marks of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The marks without those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// What is sensitive is in no message of a panic, nor in a log.
impl fmt::Debug for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut marked = f.debug_struct("Marked");
        match self.marks.contains(Marks::SENSITIVE) {
            true => marked.field("value", &format_args!("(sensitive value)")),
            false => marked.field("value", &self.value),
        };
        marked.field("marks", &self.marks).finish()
    }
}

impl BitOr for Marks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Marks {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
