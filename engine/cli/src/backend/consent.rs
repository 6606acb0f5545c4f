//! Who decides whether states are copied to another place.

use crate::error::{Failure, Outcome};
use crate::prompt::{self, Unanswered};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// The command line: states are copied, and overwritten.
    Given,
    /// A person, who is asked.
    Asked,
    /// Nobody: states that would have to be copied are an error.
    Nobody,
}

impl Consent {
    /// What the command line and the environment let be done.
    pub(super) fn of(force: bool, may_ask: bool) -> Self {
        match (force, may_ask && prompt::is_wanted()) {
            (true, _) => Self::Given,
            (false, true) => Self::Asked,
            (false, false) => Self::Nobody,
        }
    }

    /// Whether it is wanted. The fact, in a sentence, is what is told where nobody can be asked.
    ///
    /// # Errors
    /// Nobody can be asked, or nobody answers.
    pub(super) fn to(self, question: &str, explanation: &str, fact: &str) -> Outcome<bool> {
        const ADVICE: &str =
            "Nothing was copied. Use init -force-copy to copy states without being asked.";
        match self {
            Self::Given => Ok(true),
            Self::Nobody => {
                let summary =
                    "Can't ask approval for state migration when interactive input is disabled.";
                Err(Failure::new(summary, format!("{fact} {ADVICE}")))
            }
            Self::Asked => prompt::choose(question, explanation).map_err(|unanswered| {
                let why = match unanswered {
                    Unanswered::End => "EOF",
                    Unanswered::Neither => "neither \"yes\" nor \"no\"",
                };
                let summary = format!("Error asking for confirmation: {why}");
                Failure::new(summary, ADVICE)
            }),
        }
    }
}
