//! Options that several commands have.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

/// Options about how to show things.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct View {
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// Machine-readable output: one JSON document, or one per line.
    #[arg(long)]
    pub json: bool,
    /// What -json prints, into a file or a named pipe; people see what they always see.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    pub json_into: Option<PathBuf>,
    /// Group warnings by their summary.
    #[arg(long)]
    pub compact_warnings: bool,
}

/// Options about input.
#[derive(Clone, Debug, Args)]
pub(crate) struct Inputs {
    #[command(flatten)]
    pub given: GivenInOrder,
    /// Ask for what is missing.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub input: bool,
}

/// A value or a file that the command line names.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// NAME=VALUE, or the path of the file.
    pub text: String,
    pub is_file: bool,
}

/// The options -var and -var-file, in the order of the command line: later ones count.
#[derive(Clone, Debug, Default)]
pub(crate) struct GivenInOrder(pub Vec<Given>);

const VALUES: &str = "vars";
const FILES: &str = "var_files";

impl Args for GivenInOrder {
    fn augment_args(command: Command) -> Command {
        let option = |id, name, value| {
            let option = Arg::new(id).long(name).value_name(value);
            option.action(ArgAction::Append)
        };
        command
            .arg(
                option(VALUES, "var", "NAME=VALUE")
                    .help("Value of a variable; can be given several times"),
            )
            .arg(
                option(FILES, "var-file", "FILE").help(
                    "File with values of variables, beside terraform.tfvars and *.auto.tfvars",
                ),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for GivenInOrder {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let named = |id: &str, is_file: bool| {
            let indices = matches.indices_of(id).into_iter().flatten();
            let texts = matches.get_many::<String>(id).into_iter().flatten();
            let given = texts.map(|text| Given {
                text: text.clone(),
                is_file,
            });
            indices.zip(given).collect::<Vec<_>>()
        };
        let mut all = named(VALUES, false);
        all.extend(named(FILES, true));
        all.sort_by_key(|(index, _)| *index);
        Ok(Self(all.into_iter().map(|(_, given)| given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Where more tests are when nobody says so.
pub(crate) const DEFAULT_TESTS: &str = "tests";

/// Options about the lock on a state, for commands that know which state that is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Lock {
    /// Lock the state.
    #[arg(id = "lock", long = "lock", value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub wanted: bool,
    /// How long to try to get the lock, such as 30s.
    #[arg(
        id = "lock_timeout",
        long = "lock-timeout",
        value_name = "DURATION",
        default_value = "0s"
    )]
    pub timeout: String,
    /// Accepted: there is no remote engine whose version could be another one.
    #[arg(long, hide = true)]
    pub ignore_remote_version: bool,
}

/// Which state a command is about, and how it is locked.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateOptions {
    #[command(flatten)]
    pub lock: Lock,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

/// Options of commands that change a state where it is.
#[derive(Clone, Debug, Args)]
pub(crate) struct InPlace {
    #[command(flatten)]
    pub state_options: StateOptions,
    /// The file that the state is kept in as it was before; - for none.
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

/// Options of commands that change a state, and may write the new one elsewhere.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Locking {
    #[command(flatten)]
    pub lock: Lock,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// The file that a new state is written to, instead of the one it is read from.
    #[arg(long, value_name = "FILE")]
    pub state_out: Option<PathBuf>,
    /// The file that the state is kept in as it was before; - for none.
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
}

/// As when nobody says anything.
impl Default for Lock {
    fn default() -> Self {
        Self {
            wanted: true,
            timeout: "0s".to_owned(),
            ignore_remote_version: false,
        }
    }
}

impl Lock {
    /// Nothing is said of the state.
    pub(crate) fn locking(&self) -> Locking {
        Locking {
            lock: self.clone(),
            ..Locking::default()
        }
    }
}

impl StateOptions {
    /// What is not said here is as usual.
    pub(crate) fn locking(&self) -> Locking {
        Locking {
            state: self.state.clone(),
            ..self.lock.locking()
        }
    }
}

impl InPlace {
    /// What is not said here is as usual.
    pub(crate) fn locking(&self) -> Locking {
        Locking {
            backup: self.backup.clone(),
            ..self.state_options.locking()
        }
    }
}

/// Options about what to plan.
#[derive(Clone, Debug, Args)]
pub(crate) struct Planning {
    /// Plan to destroy everything.
    #[arg(long)]
    pub destroy: bool,
    /// Only bring the state up to date.
    #[arg(long)]
    pub refresh_only: bool,
    /// Go on without a configuration, with what is in the state.
    #[arg(skip)]
    pub only_state: bool,
    /// Look at the real objects first.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub refresh: bool,
    #[command(flatten)]
    pub scope: Scope,
    /// Replace this instance.
    #[arg(long = "replace", value_name = "ADDRESS")]
    pub replace: Vec<String>,
}

/// Options about how much to plan.
#[derive(Clone, Debug, Args)]
pub(crate) struct Scope {
    /// Only this module, resource or instance, and what it needs; can be given several times.
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<String>,
    /// Leave this module, resource or instance alone, and what depends on it.
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub excludes: Vec<String>,
    /// How many operations run at a time.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}
