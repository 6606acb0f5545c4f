/// Why a provider could not answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProviderError {
    /// The plugin process is gone.
    #[error("the plugin process ended in the middle of {call}: {status}{}", stderr_tail(.stderr))]
    Crashed {
        /// Name of the call.
        call: &'static str,
        /// Exit status or signal, as text.
        status: String,
        /// The last lines it wrote, a panic message as a rule.
        stderr: String,
    },
    /// The plugin does not have this call.
    #[error("the plugin does not support {call}")]
    Unsupported {
        /// Name of the call.
        call: &'static str,
    },
    /// The call was cancelled by a stop.
    #[error("{call} was cancelled")]
    Cancelled {
        /// Name of the call.
        call: &'static str,
    },
    /// The answer does not make sense.
    #[error("the plugin's answer to {call} is not valid: {reason}")]
    Invalid {
        /// Name of the call.
        call: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The call was not sent, because that it would be could not be recorded.
    #[error("it was not asked, because that could not be recorded: {0}")]
    NotSent(String),
    /// The plugin could not be started.
    #[error("{0}")]
    Start(String),
    /// Anything else the transport reports.
    #[error("{call} failed: {reason}")]
    Transport {
        /// Name of the call.
        call: &'static str,
        /// What the transport says.
        reason: String,
    },
}

impl ProviderError {
    /// Whether the call may have had its effect although there is no answer.
    pub fn may_have_been_done(&self) -> bool {
        !matches!(
            self,
            Self::NotSent(_) | Self::Start(_) | Self::Unsupported { .. }
        )
    }

    /// What to tell the user.
    pub fn diagnostic(&self, provider: &muster_addr::ProviderAddr) -> muster_lang::Diagnostic {
        let name = provider.for_display();
        let (summary, detail) = match self {
            Self::Crashed { .. } => (
                "Plugin did not respond",
                format!(
                    "The provider {name}: {self}. What was finished before is in the state; run the command again when the cause is mended."
                ),
            ),
            Self::Unsupported { .. } => (
                "Unsupported provider operation",
                format!("The provider {name}: {self}. A newer version of the provider may."),
            ),
            Self::Cancelled { .. } => (
                "Operation canceled",
                format!("The provider {name}: {self}."),
            ),
            Self::NotSent(_) => (
                "Failed to record a change",
                format!(
                    "The provider {name}: {self}. Nothing was done; free the disk, or mend what is wrong with the file, and run the command again."
                ),
            ),
            Self::Start(_) => (
                "Failed to load plugin",
                format!("The provider {name} could not be started: {self}"),
            ),
            Self::Invalid { .. } | Self::Transport { .. } => {
                ("Plugin error", format!("The provider {name}: {self}."))
            }
        };
        muster_lang::Diagnostic::error(summary, detail)
    }
}

fn stderr_tail(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("\n\n{stderr}")
    }
}
