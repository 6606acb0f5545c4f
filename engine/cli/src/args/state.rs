//! `muster state`

use std::path::PathBuf;

use clap::Subcommand;

/// `state`
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Show what is different between two states of the history.
    #[command(
        after_help = "Examples:\n  muster state diff 11\n  muster state diff 11 12\n  muster state diff -json 11 12"
    )]
    Diff(crate::commands::state_history::Diff),
    /// List the states that are kept, the newest first.
    #[command(
        after_help = "Times are in UTC. States are kept beside local state files, in backend \"postgres\", and in backend \"s3\" where the bucket has versioning.\n\nExamples:\n  muster state history\n  muster state history -json"
    )]
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
        after_help = "This is about the selected workspace. To change the key, set the new one in the encryption block and name the old method in a fallback block, run this in each workspace, and take the fallback away.\n\nExamples:\n  muster state rekey\n  muster state rekey -lock-timeout=1m"
    )]
    Rekey(crate::commands::state_rekey::Rekey),
    /// Give resources another provider.
    #[command(
        after_help = "Examples:\n  muster state replace-provider hashicorp/aws registry.example.com/acme/aws"
    )]
    ReplaceProvider(crate::commands::state_edit::ReplaceProvider),
    /// Make a state of the history the present one.
    #[command(
        after_help = "Real objects stay as they are; muster plan says what is to be done with them now. The state becomes a new version, so that this can be undone in the same way.\n\nExamples:\n  muster state history\n  muster state diff 11\n  muster state restore 11"
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
