//! What commands fail with, and how it is told.

use muster_lang::{Diagnostic, Diags, Sources};
use muster_snapshot::StateError;
use muster_store::{CodecError, StoreError};

use crate::backend::kind_at;

/// Why a command stops.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What to tell the user; empty when it was told already.
    pub diags: Diags,
    /// What the diagnostics point into, where the one who shows them cannot know.
    pub sources: Option<Box<Sources>>,
}

/// What commands give: the exit code, or why there is none.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Everything was told already.
    pub(crate) fn told() -> Self {
        Self {
            diags: Diags::new(),
            sources: None,
        }
    }

    /// Keeps what the diagnostics point into.
    pub(crate) fn within(self, sources: Sources) -> Self {
        Self {
            sources: Some(Box::new(sources)),
            ..self
        }
    }

    /// With one more paragraph.
    pub(crate) fn explained(mut self, why: &str) -> Self {
        for diagnostic in &mut self.diags.0 {
            diagnostic.detail = format!("{}\n\n{why}", diagnostic.detail);
        }
        self
    }

    /// All details, for those who have words around them already; without a full stop.
    pub(crate) fn reason(&self) -> String {
        let details: Vec<&str> = self.diags.iter().map(|d| d.detail.as_str()).collect();
        details.join(" ").trim_end_matches('.').to_owned()
    }

    /// One error without a position.
    pub(crate) fn new(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Diagnostic::error(summary, detail).into()
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diags: diagnostic.into(),
            sources: None,
        }
    }
}

impl From<Diags> for Failure {
    fn from(diags: Diags) -> Self {
        Self {
            diags,
            sources: None,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut chain = error.chain();
        let summary = chain.next().map(ToString::to_string).unwrap_or_default();
        let detail: Vec<String> = chain.map(ToString::to_string).collect();
        Self::new(summary, detail.join(": "))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Locked { place, holder } => {
                let detail = format!(
                    "Another run holds the lock on {place}, so that two runs cannot change the same things at the same time. Wait for it to end, or use -lock-timeout to wait here.{}",
                    holder.map(|h| format!("\n\n{h}")).unwrap_or_default()
                );
                Self::new("Error acquiring the state lock", detail)
            }
            StoreError::NoLocks { .. }
            | StoreError::Deleted { .. }
            | StoreError::Remote { action: "lock", .. } => {
                Self::new("Error acquiring the state lock", sentence(text))
            }
            StoreError::Remote {
                action: "unlock", ..
            } => {
                let advice = "Others may find the state locked still; when nobody works with it any more, force-unlock takes the lock away.";
                let text = format!("{} {advice}", sentence(text));
                Self::new("Error releasing the state lock", text)
            }
            StoreError::NotLocked { .. } => Self::new("Failed to unlock state", sentence(text)),
            StoreError::Unsupported { .. } => {
                Self::new("Not supported by the backend", sentence(text))
            }
            StoreError::Setting { .. } => {
                Self::new("Invalid backend configuration", sentence(text))
            }
            StoreError::Seal { .. } => Self::new("Failed to encrypt state", sentence(text)),
            // Nothing is damaged, and earlier states need the key as well.
            StoreError::Corrupt {
                place,
                reason: CodecError::Seal(reason),
                ..
            } => {
                let detail = format!(
                    "{} Reading it takes the key and the settings that it was written with: give them in the encryption block or in TF_ENCRYPTION.",
                    sentence(format!("{place} cannot be read: {reason}"))
                );
                Self::new("Failed to read state file", detail)
            }
            StoreError::Corrupt {
                place,
                reason: CodecError::State(reason),
                ..
            } => {
                let advice = match reason {
                    StateError::Emptied { .. } | StateError::Altered { .. } => "",
                    _ if kind_at(&place).is_some_and(|kind| !kind.has_history()) => "",
                    _ => {
                        " Where earlier states are kept, `muster state history` lists them, and `muster state restore` brings one back."
                    }
                };
                Self::new("Failed to read state file", sentence(text) + advice)
            }
            StoreError::Lineage { .. } | StoreError::Stale { .. } => {
                Self::new("Failed to save state", text)
            }
            StoreError::LockLost { .. } => Self::new("The state lock was lost", sentence(text)),
            _ => Self::new("Failed to access state", text),
        }
    }
}

/// A text with a full stop.
pub(crate) fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
