//! What single commands take.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    DEFAULT_TESTS, GivenInOrder, Inputs, Lock, Locking, Planning, Scope, StateOptions, View,
};

/// `init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub given: GivenInOrder,
    /// Ask for what is missing.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub input: bool,
    /// Copy this module into the working directory first, which must be empty.
    #[arg(long, value_name = "SOURCE")]
    pub from_module: Option<String>,
    /// Install modules.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub get: bool,
    /// Select the newest modules and providers that are allowed, whatever is installed or locked.
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub upgrade: bool,
    /// Leave the lock file as it is: "readonly" fails when it would have to change.
    #[arg(long, value_name = "MODE")]
    pub lockfile: Option<String>,
    /// Install providers from this directory only.
    #[arg(long = "plugin-dir", value_name = "DIRECTORY")]
    pub plugin_dirs: Vec<PathBuf>,
    /// Look at the state.
    #[arg(long, alias = "cloud", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub backend: bool,
    #[command(flatten)]
    pub place: StatePlace,
    /// The directory with more tests, whose modules and providers are installed too.
    #[arg(long, value_name = "DIRECTORY", default_value = DEFAULT_TESTS)]
    pub test_directory: String,
}

/// Options of `init` about the place that states are kept in.
#[derive(Debug, Args)]
pub(crate) struct StatePlace {
    /// A setting of the backend block that is not written in it, as KEY=VALUE, or a file with some.
    #[arg(long, value_name = "SETTING")]
    pub backend_config: Vec<String>,
    /// Go on with what is in the place that the backend block names now, and leave the states in
    /// the old one.
    #[arg(long)]
    pub reconfigure: bool,
    /// Copy the states of all workspaces to the place that the backend block names now, after asking.
    #[arg(long)]
    pub migrate_state: bool,
    /// As -migrate-state, without asking, also where states in the new place are overwritten.
    #[arg(long)]
    pub force_copy: bool,
    /// States are locked while they are copied.
    #[command(flatten)]
    pub lock: Lock,
}

/// `validate`
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub given: GivenInOrder,
    /// Leave test files alone.
    #[arg(long)]
    pub no_tests: bool,
    /// The directory with more tests.
    #[arg(long, value_name = "DIRECTORY", default_value = DEFAULT_TESTS)]
    pub test_directory: String,
}

/// `plan`
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub state_options: StateOptions,
    /// Accepted: a plan writes no state.
    #[arg(long, hide = true)]
    pub state_out: Option<PathBuf>,
    /// Accepted: a plan writes no state.
    #[arg(long, hide = true)]
    pub backup: Option<PathBuf>,
    #[command(flatten)]
    pub planning: Planning,
    /// Save the plan to a file.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write configuration for imported objects that have none to this new file.
    #[arg(long, value_name = "FILE")]
    pub generate_config_out: Option<PathBuf>,
    /// Exit code 2 when there are changes.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Print where the time went: what the run waited for, and each provider's part.
    #[arg(long)]
    pub profile: bool,
}

/// `apply`
#[derive(Debug, Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub locking: Locking,
    #[command(flatten)]
    pub planning: Planning,
    /// Do not ask for approval.
    #[arg(long)]
    pub auto_approve: bool,
    /// Print where the time went: what the run waited for, and each provider's part.
    #[arg(long)]
    pub profile: bool,
    /// A saved plan.
    #[arg(value_name = "PLAN")]
    pub plan: Option<PathBuf>,
}

/// `refresh`
#[derive(Debug, Args)]
pub(crate) struct Refresh {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub locking: Locking,
    #[command(flatten)]
    pub scope: Scope,
}

/// `destroy`
#[derive(Debug, Args)]
#[command(mut_arg("targets", |arg| arg.help(ONLY)), mut_arg("excludes", |arg| arg.help(BUT)))]
pub(crate) struct Destroy {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub locking: Locking,
    /// Look at the real objects first.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub refresh: bool,
    #[command(flatten)]
    pub scope: Scope,
    #[command(flatten)]
    pub refused: OtherModes,
    /// Do not ask for approval.
    #[arg(long)]
    pub auto_approve: bool,
    /// Print where the time went: what the run waited for, and each provider's part.
    #[arg(long)]
    pub profile: bool,
}

/// What `-target` and `-exclude` mean where objects go: none goes before those that need it.
const ONLY: &str =
    "Only this module, resource or instance, and what depends on it; can be given several times";
const BUT: &str = "Leave this module, resource or instance alone, and what it needs";

/// What `apply` can do instead of destroying. It is taken to say that it is not for `destroy`.
#[derive(Debug, Args)]
pub(crate) struct OtherModes {
    /// Refused: it always does.
    #[arg(long, hide = true)]
    pub destroy: bool,
    /// Refused.
    #[arg(long, hide = true)]
    pub refresh_only: bool,
    /// Refused.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    pub replace: Vec<String>,
}

impl OtherModes {
    /// Why `destroy` cannot do what is asked for, if another mode is.
    pub(crate) fn mode(&self) -> Option<&'static str> {
        if self.destroy {
            return Some("The command destroy does so anyway: leave -destroy out.");
        }
        self.refresh_only.then_some(
            "destroy and -refresh-only contradict each other: use apply -refresh-only to bring the state up to date.",
        )
    }
}

/// `show`
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub view: View,
    /// A saved plan or a state file; the state of this directory when absent.
    #[arg(value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// `output`
#[derive(Debug, Args)]
pub(crate) struct Output {
    #[command(flatten)]
    pub view: View,
    /// The value alone, as it is: strings, numbers and bools.
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Name of an output; all when absent.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// `console`
#[derive(Debug, Args)]
pub(crate) struct Console {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub state_options: StateOptions,
    /// Make a plan first, and evaluate against what will be.
    #[arg(long)]
    pub plan: bool,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
}

/// `metadata`
#[derive(Debug, Subcommand)]
pub(crate) enum Metadata {
    /// Describe the functions of the language.
    #[command(after_help = "Examples:\n  muster metadata functions -json")]
    Functions {
        /// As JSON, which is the only form.
        #[arg(long)]
        json: bool,
    },
}

/// `version`
#[derive(Debug, Args)]
pub(crate) struct Version {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `completion`
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell.
    pub shell: Shell,
}

/// Shells that there are scripts for.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Fish,
    Zsh,
}
