//! Where values of input variables come from.

use muster_lang::{Diagnostic, Sources, Span};

use super::ENV_PREFIX;

/// Where a value comes from, lowest precedence first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Environment,
    Prompt,
    AutoFile,
    CommandFile,
    CommandLine,
    /// It was worked out before.
    Known,
}

impl Origin {
    /// `-var` and `-var-file` win over each other by their order alone.
    pub(super) fn rank(self) -> u8 {
        match self {
            Self::Environment => 0,
            Self::Prompt => 1,
            Self::AutoFile => 2,
            Self::CommandFile | Self::CommandLine | Self::Known => 3,
        }
    }

    /// Where the value of a variable was set, behind "set"; with the definition, if it stands in
    /// a file.
    pub(super) fn told(self, name: &str, span: Option<Span>, sources: &Sources) -> Option<String> {
        match self {
            Self::Environment => Some(format!("by {ENV_PREFIX}{name} in the environment")),
            Self::Prompt => Some("by the answer to the question for it".to_owned()),
            Self::CommandLine => Some(format!("with -var \"{name}=...\"")),
            Self::AutoFile | Self::CommandFile => {
                let place = place(span?, sources)?;
                Some(format!("in {place}"))
            }
            Self::Known => None,
        }
    }
}

/// A position as `FILE:LINE`.
pub(super) fn place(span: Span, sources: &Sources) -> Option<String> {
    let file = sources.get(span.file)?;
    let before = file.text.get(..span.start as usize)?;
    let line = before.matches('\n').count() + 1;
    Some(format!("{}:{line}", file.name))
}

/// A diagnostic about a value that says where that was set.
pub(super) fn with_origin(
    mut diagnostic: Diagnostic,
    name: &str,
    told: Option<&str>,
) -> Diagnostic {
    if let Some(told) = told {
        diagnostic.detail = format!(
            "{} The value of var.{name} is set {told}.",
            diagnostic.detail
        );
    }
    diagnostic
}
