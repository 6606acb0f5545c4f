//! The subcommands of `muster state` that change a state, and those that move it in and out.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use muster_addr::{AbsResource, InstanceAddr, Mode, ModuleInstance, ProviderAddr, Target};
use muster_encryption::looks_encrypted;
use muster_lang::Sources;
use muster_snapshot::{Instance, Resource, Snapshot};
use muster_store::{Codec, LocalStore, Store};

use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock, redirected};
use crate::session::{Session, TERRAFORM_VERSION};
use crate::{args, encryption, prompt};

/// Options of all commands that change a state.
#[derive(Debug, Args)]
pub(crate) struct Editing {
    #[command(flatten)]
    pub locking: args::Locking,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// `state mv`
#[derive(Debug, Args)]
pub(crate) struct Mv {
    #[command(flatten)]
    pub editing: Editing,
    /// The address now.
    pub source: String,
    /// The address from now on.
    pub destination: String,
}

/// `state rm`
#[derive(Debug, Args)]
pub(crate) struct Rm {
    #[command(flatten)]
    pub editing: Editing,
    /// Modules, resources or instances.
    #[arg(value_name = "ADDRESS", required = true)]
    pub addresses: Vec<String>,
}

/// `state push`
#[derive(Debug, Args)]
pub(crate) struct Push {
    #[command(flatten)]
    pub locking: args::Locking,
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
    pub locking: args::Locking,
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
        None => {
            let detail =
                "There is no state here yet: an apply makes one. Another one is named with -state.";
            return Err(Failure::new("No state file was found!", detail));
        }
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

pub(crate) fn target(text: &str) -> Outcome<Target> {
    text.parse().map_err(|error| {
        let detail = format!("\"{text}\" is not an address: {error}");
        Failure::new("Invalid address", detail)
    })
}

/// Takes objects out of the state; they stay as they are.
pub(crate) fn rm(args: &Rm) -> Outcome<()> {
    let targets = args.addresses.iter().map(|text| target(text));
    let targets = targets.collect::<Outcome<Vec<Target>>>()?;
    edit(&args.editing.locking, Backups::Each, |state| {
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
            if args.editing.dry_run {
                outln!("Would remove {addr}");
                continue;
            }
            state.remove_instance(addr);
            outln!("Removed {addr}");
        }
        if !args.editing.dry_run {
            outln!(
                "Successfully removed {} resource instance(s).",
                chosen.len()
            );
        }
        Ok(!args.editing.dry_run)
    })
}

/// Gives objects another address.
pub(crate) fn mv(args: &Mv) -> Outcome<()> {
    if args.editing.locking.state_out.is_some() {
        let detail = "Objects are moved within one state. To bring them into another one, let go of them with removed blocks or state rm, and import them there.";
        return Err(Failure::new("Unsupported option -state-out", detail));
    }
    let (from, to) = (target(&args.source)?, target(&args.destination)?);
    edit(&args.editing.locking, Backups::Each, |state| {
        let moves = moves(state, &from, &to)?;
        let (shown_from, shown_to) = (&args.source, &args.destination);
        if args.editing.dry_run {
            outln!("Would move {shown_from:?} to {shown_to:?}");
            return Ok(false);
        }
        for (old, new) in moves {
            carry(state, &old, &new);
        }
        outln!("Move {shown_from:?} to {shown_to:?}\nSuccessfully moved 1 object(s).");
        Ok(true)
    })
}

/// Which instances go where.
fn moves(
    state: &Snapshot,
    from: &Target,
    to: &Target,
) -> Outcome<Vec<(InstanceAddr, InstanceAddr)>> {
    let invalid = |summary: &str, detail: String| Err(Failure::new(summary, detail));
    let found: Vec<(InstanceAddr, InstanceAddr)> = match (from, to) {
        (Target::Module(old), Target::Module(new)) => state
            .instances()
            .filter(|(addr, ..)| addr.resource.module.starts_with(old))
            .map(|(addr, ..)| {
                let inner = addr.resource.module.0[old.0.len()..].iter();
                let module = ModuleInstance(new.0.iter().chain(inner).cloned().collect());
                let resource = AbsResource {
                    module,
                    resource: addr.resource.resource.clone(),
                };
                let moved = resource.instance(addr.key.clone());
                (addr, moved)
            })
            .collect(),
        (Target::Resource(old), Target::Resource(new)) => {
            if old.resource.resource.mode != new.resource.resource.mode {
                let detail =
                    format!("Cannot move {old} to {new}: one is a data source, the other is not.");
                return invalid("Invalid target address", detail);
            }
            match state.instance(old) {
                Some(_) => vec![(old.clone(), new.clone())],
                // Without a key the whole resource is meant.
                None if old.key == muster_addr::InstanceKey::None => state
                    .instances()
                    .filter(|(addr, ..)| addr.resource == old.resource)
                    .map(|(addr, ..)| {
                        let moved = new.resource.instance(addr.key.clone());
                        (addr, moved)
                    })
                    .collect(),
                None => Vec::new(),
            }
        }
        _ => {
            let detail =
                "A resource moves to the address of a resource, and a module to that of a module.";
            return invalid("Invalid target address", detail.to_owned());
        }
    };
    if found.is_empty() {
        let detail =
            "The state has nothing at the source address. muster state list shows what is there.";
        return invalid("Invalid source address", detail.to_owned());
    }
    let taken = found.iter().find(|(_, new)| state.instance(new).is_some());
    if let Some((old, new)) = taken {
        let detail = format!(
            "Cannot move {old} to {new}: the state has another object there already. Move or remove that one first."
        );
        return invalid("Invalid target address", detail);
    }
    Ok(found)
}

fn carry(state: &mut Snapshot, old: &InstanceAddr, new: &InstanceAddr) {
    let Some(resource) = state.resources.get(&old.resource) else {
        return;
    };
    let template = Resource {
        instances: Default::default(),
        ..resource.clone()
    };
    let instance: Option<Instance> = resource.instances.get(&old.key).cloned();
    state.remove_instance(old);
    let resource = state
        .resources
        .entry(new.resource.clone())
        .or_insert(template);
    resource
        .instances
        .extend(instance.map(|i| (new.key.clone(), i)));
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
    let store = redirected(
        store(args.locking.state.as_deref())?,
        &args.locking,
        Backups::Last,
    )?;
    let guard = lock(&store, &args.locking, "state-push")?;
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
        if new.serial < stored.serial || (new.serial == stored.serial && !stored.same_content(&new))
        {
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
    edit(&args.locking, Backups::Each, |state| {
        let chosen: Vec<AbsResource> = state
            .resources
            .iter()
            .filter(|(addr, r)| r.provider.provider == from && addr.resource.mode == Mode::Managed)
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
