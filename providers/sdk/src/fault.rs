use std::fmt;

use muster_lang::Diagnostic;
use muster_value::{Path, PathStep};

/// Why a value and a Rust type do not fit together, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Steps to the part, innermost first: they are added while the error travels outwards.
    steps: Vec<PathStep>,
    reason: String,
}

impl Fault {
    /// An error about the value itself.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            reason: reason.into(),
        }
    }

    /// The same error seen from one step further out.
    #[must_use]
    pub(crate) fn inside(mut self, step: PathStep) -> Self {
        self.steps.push(step);
        self
    }

    /// The part that does not fit.
    pub fn path(&self) -> Path {
        Path(self.steps.iter().rev().cloned().collect())
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path(), self.reason)
        }
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::ser::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        let mut diagnostic = Diagnostic::error("Value Conversion Error", fault.reason.clone());
        diagnostic.path = Some(fault.path());
        diagnostic
    }
}
