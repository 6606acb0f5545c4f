//! The subcommands of `muster state` that change a state, and those that move it in and out.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use muster_addr::{AbsResource, InstanceAddr, ProviderAddr, Target};
use muster_encryption::looks_encrypted;
use muster_lang::Sources;
use muster_snapshot::Snapshot;
use muster_store::{Codec, DEFAULT_WORKSPACE, LocalStore, Store};

use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock, redirected};
use crate::session::{Session, TERRAFORM_VERSION, named_workspace, workspace};
use crate::{args, encryption, prompt};

/// `state rm`
#[derive(Debug, Args)]
pub(crate) struct Rm {
    #[command(flatten)]
    pub in_place: args::InPlace,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Modules, resources or instances.
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
}

/// `state push`
#[derive(Debug, Args)]
pub(crate) struct Push {
    #[command(flatten)]
    pub in_place: args::InPlace,
    /// Write it whatever is stored now.
    #[arg(long)]
    pub force: bool,
    /// A state file; - for standard input.
    #[arg(value_name = "FILE")]
    pub path: PathBuf,
}

/// `state replace-provider`
#[derive(Debug, Args)]
pub(crate) struct ReplaceProvider {
    #[command(flatten)]
    pub in_place: args::InPlace,
    /// Do not ask for approval.
    #[arg(long)]
    pub auto_approve: bool,
    /// The provider in the state.
    #[arg(value_name = "FROM")]
    pub from: String,
    /// The provider that takes its place.
    #[arg(value_name = "TO")]
    pub to: String,
}

/// The store of the working directory, or of a state file.
pub(crate) fn store(path: Option<&Path>) -> Outcome<Opened> {
    match path {
        Some(path) => Ok(Opened::Local(
            LocalStore::new(path).with_codec(encryption::state_codec()),
        )),
        None => match Session::load(Sources::default()) {
            Ok(session) => session.store(None),
            Err((failure, sources)) => Err(failure.within(sources)),
        },
    }
}

/// Changes the stored state under its lock. Nothing is written when `change` fails, or says that
/// there is nothing to write.
pub(crate) fn edit(
    locking: &args::Locking,
    backups: Backups,
    change: impl FnOnce(&mut Snapshot) -> Outcome<bool>,
) -> Outcome<()> {
    let store = redirected(store(locking.state.as_deref())?, locking, backups)?;
    let guard = lock(&store, locking, "state")?;
    let mut state = match store.read()? {
        Some(state) => state,
        None => return Err(missing(locking.state.as_deref())),
    };
    if change(&mut state)? {
        state.terraform_version = TERRAFORM_VERSION.to_owned();
        store.write(&mut state)?;
    }
    match guard {
        Some(guard) => Ok(guard.release()?),
        None => Ok(()),
    }
}

/// The summary where there is no state.
pub(crate) const NO_STATE: &str = "No state file was found!";

/// There is no state, in this file if one is named.
pub(crate) fn missing(file: Option<&Path>) -> Failure {
    let name = workspace();
    let detail = match file {
        None if name != DEFAULT_WORKSPACE => {
            let (named, other) = match named_workspace() {
                Some(_) => (
                    ", which TF_WORKSPACE names",
                    "TF_WORKSPACE can name another one",
                ),
                None => ("", "Another one is selected with `muster workspace select`"),
            };
            format!("There is no state in workspace {name:?}{named}: an apply makes one. {other}.")
        }
        _ => "There is no state here yet: an apply makes one. Another one is named with -state."
            .to_owned(),
    };
    Failure::new(NO_STATE, detail)
}

/// What an address names.
pub(crate) fn target(text: &str) -> Outcome<Target> {
    text.parse().map_err(|error| {
        let detail = format!("\"{text}\" is not an address: {error}");
        Failure::new(syntax_summary(text), detail)
    })
}

/// What is wrong with something that is no address.
pub(crate) fn syntax_summary(text: &str) -> &'static str {
    let plain = |c: char| c.is_alphanumeric() || "_-.[]\"".contains(c);
    let outside_quotes = text.split('"').step_by(2);
    if text.starts_with(|c: char| !c.is_alphabetic() && c != '_') {
        "Variable name required"
    } else if outside_quotes.flat_map(str::chars).all(plain) {
        "Invalid address"
    } else {
        "Invalid character"
    }
}

/// Takes objects out of the state; they stay as they are.
pub(crate) fn rm(args: &Rm) -> Outcome<()> {
    let targets = args.addresses.iter().map(|text| target(text));
    let targets = targets.collect::<Outcome<Vec<Target>>>()?;
    edit(&args.in_place.locking(), Backups::Each, |state| {
        let all = state.instances().map(|(addr, _, _)| addr);
        let chosen: Vec<InstanceAddr> = all
            .filter(|addr| targets.iter().any(|t| t.contains(addr)))
            .collect();
        if chosen.is_empty() {
            let detail =
                "The state has nothing at these addresses. muster state list shows what is there.";
            return Err(Failure::new("Invalid target address", detail));
        }
        for addr in &chosen {
            if args.dry_run {
                outln!("Would remove {addr}");
                continue;
            }
            state.remove_instance(addr);
            outln!("Removed {addr}");
        }
        if !args.dry_run {
            outln!(
                "Successfully removed {} resource instance(s).",
                chosen.len()
            );
        }
        Ok(!args.dry_run)
    })
}

/// Prints the state.
pub(crate) fn pull(path: Option<&Path>) -> Outcome<()> {
    if let Some(state) = store(path)?.any().read()? {
        out!(
            "{}",
            String::from_utf8_lossy(&muster_snapshot::encode(&state))
        );
    }
    Ok(())
}

/// Puts a state in the place of the stored one.
pub(crate) fn push(args: &Push) -> Outcome<()> {
    let bytes = read_all(&args.path)?;
    // What was rescued is encrypted as the state itself is; what was pulled is not.
    let codec = match looks_encrypted(&bytes) {
        true => encryption::state_codec(),
        false => Codec::default(),
    };
    let new = codec.decode(&bytes).map_err(|error| {
        let detail = format!("{} is not a state: {error}.", args.path.display());
        Failure::new("Failed to read state", detail)
    })?;
    let locking = args.in_place.locking();
    let opened = store(locking.state.as_deref())?;
    let store = redirected(opened, &locking, Backups::Last)?;
    let guard = lock(&store, &locking, "state-push")?;
    // With -force even a damaged one is no obstacle.
    let stored = match args.force {
        true => None,
        false => store.read()?,
    };
    if let Some(stored) = stored {
        let summary = "Failed to write state";
        if stored.lineage != new.lineage {
            let detail = format!(
                "The stored state has the lineage {:?} and this one {:?}: they have nothing to do with each other. With -force it is written all the same.",
                stored.lineage, new.lineage
            );
            return Err(Failure::new(summary, detail));
        }
        if new.serial == stored.serial && !stored.same_content(&new) {
            let detail = format!(
                "The stored state is another one with the same serial number, {}: it is not known which of them is newer. With -force this one is written all the same.",
                stored.serial
            );
            return Err(Failure::new(summary, detail));
        }
        if new.serial < stored.serial {
            let detail = format!(
                "The stored state is newer: it has the serial number {}, and this one {}. With -force it is written all the same.",
                stored.serial, new.serial
            );
            return Err(Failure::new(summary, detail));
        }
    }
    store.replace(&new)?;
    match guard {
        Some(guard) => Ok(guard.release()?),
        None => Ok(()),
    }
}

fn read_all(path: &Path) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().read_to_end(&mut bytes).map(|_| bytes),
        false => std::fs::read(path),
    };
    read.map_err(|error| {
        let detail = format!("{} cannot be read: {error}.", path.display());
        Failure::new("Failed to read state", detail)
    })
}

/// Gives resources another provider.
pub(crate) fn replace_provider(args: &ReplaceProvider) -> Outcome<()> {
    let provider = |text: &str| -> Outcome<ProviderAddr> {
        ProviderAddr::parse_source(text).ok_or_else(|| {
            let detail =
                format!("\"{text}\" is not the address of a provider, like hashicorp/aws.");
            Failure::new("Invalid provider", detail)
        })
    };
    let (from, to) = (provider(&args.from)?, provider(&args.to)?);
    edit(&args.in_place.locking(), Backups::Each, |state| {
        let chosen: Vec<AbsResource> = state
            .resources
            .iter()
            .filter(|(_, r)| r.provider.provider == from)
            .map(|(addr, _)| addr.clone())
            .collect();
        if chosen.is_empty() {
            outln!("No matching resources found.");
            return Ok(false);
        }
        outln!("muster will perform the following actions:\n");
        outln!("  ~ Updating provider:\n    - {from}\n    + {to}\n");
        outln!("Changing {} resources:\n", chosen.len());
        for addr in &chosen {
            outln!("  {addr}");
        }
        let question = "Do you want to make these changes? Only 'yes' will be accepted.";
        if !args.auto_approve && !prompt::confirm(question) {
            outln!("\nCancelled replacing providers.");
            return Ok(false);
        }
        for resource in state.resources.values_mut() {
            if resource.provider.provider == from {
                resource.provider.provider = to.clone();
            }
        }
        outln!(
            "\nSuccessfully replaced provider for {} resources.",
            chosen.len()
        );
        Ok(true)
    })
}
