//! Arguments, as they are typed. Nothing is resolved here.

mod providers;
mod shared;
mod state;
mod verbs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use providers::{
    Providers, ProvidersCommand, ProvidersLock, ProvidersMirror, ProvidersSchema,
};
pub(crate) use shared::{
    DEFAULT_TESTS, GivenInOrder, InPlace, Inputs, Lock, Locking, Planning, Scope, StateOptions,
    View,
};
pub(crate) use state::State;
pub(crate) use verbs::{
    Apply, Completion, Console, Destroy, Init, Metadata, Output, Plan, Refresh, Shell, Show,
    Validate, Version,
};

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
    /// Look into the state and its history, and edit it.
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
    #[command(
        after_help = "Locks in backend \"s3\", \"http\" and, for a time, \"postgres\" outlive a run that was killed. Make sure that it does not go on, where the message says that it ran. Locks on local files end with their process, and cannot be released.\n\nExamples:\n  muster force-unlock 3674b9bc-9f99-c2dd-9264-411d1430afca"
    )]
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
    #[command(
        after_help = "Addresses and outputs are those of the state on this machine. A state that is kept elsewhere, or is encrypted, is not read: that may take long, or need a key. Serial numbers of state diff and state restore are known of encrypted states as well, and why also takes what the configuration declares.\n\nExamples:\n  muster completion bash > /etc/bash_completion.d/muster\n  muster completion zsh > /usr/local/share/zsh/site-functions/_muster\n  muster completion fish > ~/.config/fish/completions/muster.fish"
    )]
    Completion(Completion),
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
        assert!(plan.state_options.lock.wanted);
    }
}
