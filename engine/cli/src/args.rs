//! Arguments, as they are typed. Nothing is resolved here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Plans and applies declared infrastructure through provider plugins.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    bin_name = "muster",
    disable_version_flag = true,
    arg_required_else_help = true,
    args_override_self = true,
    after_help = "Flags are accepted with one dash or two.\n\nExamples:\n  muster init\n  muster plan -out=tfplan && muster apply tfplan\n  muster -chdir=examples/quickstart apply"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options before the command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Work in another directory.
    #[arg(long, value_name = "DIR")]
    pub chdir: Option<PathBuf>,
    /// No colour, even on a terminal.
    #[arg(long, global = true, hide = true)]
    pub no_color: bool,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prepare the working directory: install the modules and providers that are needed.
    #[command(
        after_help = "Examples:\n  muster init\n  muster init -upgrade\n  muster init -backend-config=production.hcl\n  muster init -migrate-state\n  muster init -from-module=github.com/example/network"
    )]
    Init(Init),
    /// Check the configuration, without looking at state or the world.
    #[command(after_help = "Examples:\n  muster validate\n  muster validate -json")]
    Validate(Validate),
    /// Show what apply would change.
    #[command(
        after_help = "Exit codes with -detailed-exitcode: 0 no changes, 1 error, 2 changes.\n\nExamples:\n  muster plan\n  muster plan -out=tfplan\n  muster plan -destroy -target=muster_zone.edge"
    )]
    Plan(Plan),
    /// Make the world as the configuration says, or carry out a saved plan.
    #[command(
        after_help = "Examples:\n  muster apply\n  muster apply -auto-approve -var 'size=3'\n  muster apply tfplan"
    )]
    Apply(Apply),
    /// Bring the state up to date with the world, and change nothing else.
    #[command(after_help = "Examples:\n  muster refresh")]
    Refresh(Refresh),
    /// Destroy everything that is managed here.
    #[command(
        after_help = "Examples:\n  muster destroy\n  muster destroy -target=muster_settlement.cs_123"
    )]
    Destroy(Destroy),
    /// Show a run that is going on in this directory: what it has said, and what it says until it
    /// is over.
    #[command(
        after_help = "Exit codes: that of the run; 1 when there is none, 130 when you leave before its end.\n\nAn interrupt (Ctrl-C) leaves the run alone: it goes on. To stop it, send an interrupt to its process.\n\nExamples:\n  muster attach\n  muster attach 4711\n  muster attach -json"
    )]
    Attach(crate::commands::attach::Attach),
    /// Take an object that exists already into the state.
    #[command(
        after_help = "Examples:\n  muster import muster_zone.edge zone-1\n  muster import 'aws_instance.web[\"a\"]' i-0123456789abcdef0"
    )]
    Import(crate::commands::import::Import),
    /// List creations that were interrupted, and say what became of them.
    #[command(
        after_help = "Examples:\n  muster recover\n  muster recover aws_vpc.main vpc-0123456789abcdef0\n  muster recover -absent aws_vpc.main\n  muster recover -drop-move"
    )]
    Recover(crate::commands::recover::Recover),
    /// Show the state or a saved plan.
    #[command(after_help = "Examples:\n  muster show\n  muster show -json tfplan")]
    Show(Show),
    /// Show outputs of the root module.
    #[command(
        after_help = "Examples:\n  muster output\n  muster output -raw zone_id\n  muster output -json"
    )]
    Output(Output),
    /// Mark an instance, so that the next plan replaces it.
    #[command(after_help = "Examples:\n  muster taint 'aws_instance.web[0]'")]
    Taint(crate::commands::taint::Taint),
    /// Take away the mark that an instance is to be replaced.
    #[command(after_help = "Examples:\n  muster untaint 'aws_instance.web[0]'")]
    Untaint(crate::commands::taint::Taint),
    /// Work with workspaces: each has a state of its own.
    #[command(
        subcommand,
        after_help = "Examples:\n  muster workspace list\n  muster workspace new staging"
    )]
    Workspace(crate::commands::workspace::Workspace),
    /// List the modules that the configuration calls.
    #[command(after_help = "Examples:\n  muster modules -json")]
    Modules(crate::commands::modules::Modules),
    /// Look into the state.
    #[command(
        subcommand,
        after_help = "Examples:\n  muster state list\n  muster state show 'muster_zone.main[\"edge\"]'"
    )]
    State(State),
    /// Run the tests of the configuration: *.tftest.hcl files here and in tests/.
    #[command(
        after_help = "Exit codes: 0 all tests passed, 1 some did not.\n\nExamples:\n  muster test\n  muster test -filter=tests/zones.tftest.hcl -verbose\n  muster test -json -junit-xml=report.xml"
    )]
    Test(crate::commands::test::Test),
    /// Evaluate expressions.
    #[command(
        after_help = "Examples:\n  muster console\n  echo 'length(local.zones)' | muster console -var 'size=3'"
    )]
    Console(Console),
    /// Bring configuration files into canonical form.
    #[command(
        after_help = "Exit codes: 0 done, 2 error, 3 not formatted (with -check).\n\nExamples:\n  muster fmt\n  muster fmt -check -recursive\n  muster fmt -diff -write=false main.tf modules/edge\n  muster fmt - < main.tf"
    )]
    Fmt(crate::commands::fmt::Fmt),
    /// Release a lock that its holder left behind.
    #[command(after_help = "Examples:\n  muster force-unlock 3674b9bc-9f99-c2dd-9264-411d1430afca")]
    ForceUnlock(crate::commands::force_unlock::ForceUnlock),
    /// Install the modules that the configuration calls.
    #[command(after_help = "Examples:\n  muster get\n  muster get -update")]
    Get(crate::commands::get::Get),
    /// Say why something is planned as it is: what the change, the replacement or the unknown
    /// value comes from, back to the lines of the source.
    #[command(
        after_help = "Examples:\n  muster why aws_instance.web\n  muster why 'aws_instance.web[0]' user_data\n  muster why -json -plan=tfplan module.edge.muster_zone.main"
    )]
    Why(crate::commands::why::Why),
    /// Print which resources need each other, as a graph for Graphviz.
    #[command(
        after_help = "Examples:\n  muster graph | dot -Tsvg > graph.svg\n  muster graph -type=plan"
    )]
    Graph(crate::commands::graph::Graph),
    /// Describe what this program knows, for tools.
    #[command(
        subcommand,
        after_help = "Examples:\n  muster metadata functions -json"
    )]
    Metadata(Metadata),
    /// Show which providers the configuration and the state need.
    #[command(after_help = "Examples:\n  muster providers\n  muster providers lock")]
    Providers(Providers),
    /// Show the version.
    #[command(after_help = "Examples:\n  muster version\n  muster version -json")]
    Version(Version),
    /// Write a completion script for a shell.
    #[command(after_help = "Examples:\n  muster completion bash > /etc/bash_completion.d/muster")]
    Completion(Completion),
}

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
    /// Value of a variable; can be given several times.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
    /// File with values of variables, beside terraform.tfvars and *.auto.tfvars.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<String>,
    /// Ask for what is missing.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub input: bool,
}

/// Values of variables, for commands that need them only to find modules and the state.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Variables {
    /// Value of a variable that a module source or the backend uses.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub vars: Vec<String>,
    /// File with values of such variables.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<String>,
}

/// Where more tests are when nobody says so.
pub(crate) const DEFAULT_TESTS: &str = "tests";

/// Options about the state.
#[derive(Clone, Debug, Args)]
pub(crate) struct Locking {
    /// Lock the state.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub lock: bool,
    /// How long to try to get the lock, such as 30s.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// The file that a new state is written to, instead of the one it is read from.
    #[arg(long, value_name = "FILE")]
    pub state_out: Option<PathBuf>,
    /// The file that the state is kept in as it was before; - for none.
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
    /// Accepted: there is no remote engine whose version could be another one.
    #[arg(long, hide = true)]
    pub ignore_remote_version: bool,
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
    /// Only this module, resource or instance, and what it needs; can be given several times.
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<String>,
    /// Leave this module, resource or instance alone, and what depends on it.
    #[arg(long = "exclude", value_name = "ADDRESS")]
    pub excludes: Vec<String>,
    /// Replace this instance.
    #[arg(long = "replace", value_name = "ADDRESS")]
    pub replace: Vec<String>,
    /// How many operations run at a time.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

/// `init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub variables: Variables,
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
    /// Copy the states of all workspaces to the place that the backend block names now.
    #[arg(long)]
    pub migrate_state: bool,
    /// As -migrate-state, and overwrite states in the new place without asking.
    #[arg(long)]
    pub force_copy: bool,
    /// Lock the states while they are copied.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub lock: bool,
    /// How long to try to get the locks, such as 30s.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
    /// Accepted: there is no remote engine whose version could be another one.
    #[arg(long, hide = true)]
    pub ignore_remote_version: bool,
}

/// `providers`
#[derive(Debug, Args)]
pub(crate) struct Providers {
    #[command(subcommand)]
    pub command: Option<ProvidersCommand>,
    /// Accepted: providers that only tests need are not listed.
    #[arg(long, hide = true, value_name = "DIRECTORY")]
    pub test_directory: Option<PathBuf>,
}

/// `providers ...`
#[derive(Debug, Subcommand)]
pub(crate) enum ProvidersCommand {
    /// Record checksums of the providers in the lock file, for this and other platforms.
    #[command(
        after_help = "Examples:\n  muster providers lock -platform=linux_amd64 -platform=darwin_arm64"
    )]
    Lock(ProvidersLock),
    /// Copy the packages of the providers into a directory that serves as a mirror.
    #[command(after_help = "Examples:\n  muster providers mirror -platform=linux_amd64 ./mirror")]
    Mirror(ProvidersMirror),
    /// Show the schemas of the providers.
    #[command(after_help = "Examples:\n  muster providers schema -json")]
    Schema(ProvidersSchema),
}

/// `providers lock`
#[derive(Debug, Args)]
pub(crate) struct ProvidersLock {
    /// A directory to look in, instead of the registries.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "net_mirror")]
    pub fs_mirror: Option<PathBuf>,
    /// The address of a network mirror to ask, instead of the registries.
    #[arg(long, value_name = "URL")]
    pub net_mirror: Option<String>,
    /// A platform to record checksums for; this one if none is given.
    #[arg(long = "platform", value_name = "OS_ARCH")]
    pub platforms: Vec<String>,
    /// Accepted: packages are always held against what their source promises.
    #[arg(long, hide = true)]
    pub enable_plugin_cache: bool,
    /// Only these providers.
    #[arg(value_name = "PROVIDER")]
    pub providers: Vec<String>,
}

/// `providers mirror`
#[derive(Debug, Args)]
pub(crate) struct ProvidersMirror {
    /// A platform to copy packages for; this one if none is given.
    #[arg(long = "platform", value_name = "OS_ARCH")]
    pub platforms: Vec<String>,
    /// Take the versions that are locked.
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub lock_file: bool,
    /// The directory.
    #[arg(value_name = "DIRECTORY")]
    pub directory: PathBuf,
}

/// `providers schema`
#[derive(Debug, Args)]
pub(crate) struct ProvidersSchema {
    /// As JSON, the only form there is.
    #[arg(long)]
    pub json: bool,
}

/// `validate`
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub view: View,
    #[command(flatten)]
    pub variables: Variables,
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
    pub locking: Locking,
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

/// `destroy`
#[derive(Debug, Args)]
pub(crate) struct Destroy {
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

/// `state`
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Show what is different between two states of the history.
    #[command(
        after_help = "Examples:\n  muster state diff 11\n  muster state diff 11 12\n  muster state diff -json 11 12"
    )]
    Diff(crate::commands::state_history::Diff),
    /// List the states that are kept, the newest first.
    #[command(after_help = "Examples:\n  muster state history\n  muster state history -json")]
    History(crate::commands::state_history::History),
    /// List what is in the state.
    #[command(after_help = "Examples:\n  muster state list\n  muster state list module.edge")]
    List {
        /// The state file, instead of terraform.tfstate.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        /// Only what has this id.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
        /// Only below these addresses.
        #[arg(value_name = "ADDRESS")]
        addresses: Vec<String>,
    },
    /// Give objects another address.
    #[command(
        after_help = "Examples:\n  muster state mv muster_zone.a muster_zone.b\n  muster state mv module.old 'module.new[\"x\"]'\n  muster state mv -state-out=../other/terraform.tfstate module.shared module.shared\n  muster state mv -to-workspace=staging muster_zone.a muster_zone.a\n  muster state mv -to-dir=../network module.network 'module.net[\"x\"]'"
    )]
    Mv(crate::commands::state_mv::Mv),
    /// Has a state under its lock for another process of this program.
    #[command(hide = true, name = "internal-peer")]
    Peer(crate::transfer::Serve),
    /// Print the state.
    #[command(after_help = "Examples:\n  muster state pull > copy.tfstate")]
    Pull {
        /// The state file, instead of terraform.tfstate.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// Put a state in the place of the stored one.
    #[command(after_help = "Examples:\n  muster state push copy.tfstate")]
    Push(crate::commands::state_edit::Push),
    /// Write the state again with the key that is set now.
    #[command(
        after_help = "Examples:\n  muster state rekey\n  muster state rekey -lock-timeout=1m"
    )]
    Rekey(crate::commands::state_rekey::Rekey),
    /// Give resources another provider.
    #[command(
        after_help = "Examples:\n  muster state replace-provider hashicorp/aws registry.example.com/acme/aws"
    )]
    ReplaceProvider(crate::commands::state_edit::ReplaceProvider),
    /// Make a state of the history the present one.
    #[command(
        after_help = "Examples:\n  muster state history\n  muster state diff 11\n  muster state restore 11"
    )]
    Restore(crate::commands::state_history::Restore),
    /// Take objects out of the state; they stay as they are.
    #[command(after_help = "Examples:\n  muster state rm muster_zone.old module.gone")]
    Rm(crate::commands::state_edit::Rm),
    /// Show one instance with all its attributes.
    #[command(after_help = "Examples:\n  muster state show 'muster_zone.main[\"edge\"]'")]
    Show {
        /// No colour, even on a terminal.
        #[arg(long)]
        no_color: bool,
        /// The state file, instead of terraform.tfstate.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        /// Its address.
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
}

/// `console`
#[derive(Debug, Args)]
pub(crate) struct Console {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub locking: Locking,
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
    pub shell: clap_complete::Shell,
}

/// Long flags with one dash get the second one: `-out=x` and `--out=x` are the same. What
/// follows `--` is left alone, and so are values: only words that begin with a dash and a letter
/// and are longer than one letter are flags here, for muster has no bundled short flags.
pub(crate) fn normalize(args: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut plain = false;
    args.into_iter()
        .enumerate()
        .map(|(i, arg)| {
            if i == 1 && matches!(arg.as_str(), "-v" | "-version" | "--version") {
                return "version".to_owned();
            }
            plain |= arg == "--";
            let mut chars = arg.chars();
            let flag = chars.next() == Some('-')
                && chars.next().is_some_and(char::is_alphabetic)
                && chars.next().is_some();
            if flag && !plain {
                format!("-{arg}")
            } else {
                arg
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &[&str], expect: &[&str]) {
        let typed = typed.iter().map(|s| (*s).to_owned());
        assert_eq!(normalize(typed), expect);
    }

    #[test]
    fn one_dash_is_two() {
        check(
            &["muster", "-chdir=x", "plan", "-out=p"],
            &["muster", "--chdir=x", "plan", "--out=p"],
        );
        check(&["muster", "--json", "-h"], &["muster", "--json", "-h"]);
        check(
            &["muster", "apply", "--", "-odd"],
            &["muster", "apply", "--", "-odd"],
        );
        check(&["muster", "-var", "a=-5"], &["muster", "--var", "a=-5"]);
        check(&["muster", "-version"], &["muster", "version"]);
    }

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn bools_take_values() {
        let args =
            normalize(["muster", "plan", "-refresh=false", "-input=false"].map(String::from));
        let Command::Plan(plan) = Cli::try_parse_from(args).unwrap().command else {
            panic!()
        };
        assert!(!plan.planning.refresh);
        assert!(!plan.inputs.input);
        assert!(plan.locking.lock);
    }
}
