//! `muster state mv`

use std::path::{Path, PathBuf};

use clap::Args;
use muster_addr::{
    AbsResource, ConfigResource, InstanceAddr, InstanceKey, Mode, ModuleInstance, Target,
};
use muster_snapshot::{Instance, Resource, Snapshot};
use muster_store::Store;

use super::state_edit::{missing, store, target};
use crate::args;
use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock, redirected};
use crate::session::TERRAFORM_VERSION;
use crate::transfer::{self, Where};

/// `state mv`
#[derive(Debug, Args)]
#[command(mut_arg("state_out", |arg| arg.help(OTHER_STATE)))]
pub(crate) struct Mv {
    #[command(flatten)]
    pub locking: args::Locking,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The file that the state of -state-out is kept in as it was before; - for none.
    #[arg(long, value_name = "FILE")]
    pub backup_out: Option<PathBuf>,
    /// Move them to the state of another workspace.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["state_out", "backup_out"])]
    pub to_workspace: Option<String>,
    /// Move them to the state of the configuration in another directory.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["state_out", "backup_out"])]
    pub to_dir: Option<PathBuf>,
    /// Move them although their state is encrypted and the other one is not.
    #[arg(long)]
    pub allow_unencrypted: bool,
    /// The address now.
    pub source: String,
    /// The address from now on.
    pub destination: String,
}

/// What `-state-out` means here.
const OTHER_STATE: &str =
    "Move them to the state in this file; they are taken out of the one that they are in";

/// Gives objects another address, in the same state or in another one.
pub(crate) fn mv(args: &Mv) -> Outcome<()> {
    let targets = (&target(&args.source)?, &target(&args.destination)?);
    let (locking, dry_run) = (&args.locking, args.dry_run);
    let here = args::Locking {
        state_out: None,
        ..locking.clone()
    };
    let (shown_from, shown_to) = (&args.source, &args.destination);
    if args.to_workspace.is_some() || args.to_dir.is_some() {
        let to = Where {
            folder: args.to_dir.clone(),
            workspace: args.to_workspace.clone(),
            ..Where::default()
        };
        return move_elsewhere(args, to, &here, targets);
    }
    let opened = store(locking.state.as_deref())?;
    check_backups(&opened, args)?;
    if let Some(out) = other_file(&opened, locking.state_out.as_deref()) {
        let to = Where {
            file: Some(out.to_owned()),
            backup: args.backup_out.clone(),
            ..Where::default()
        };
        return move_elsewhere(args, to, &here, targets);
    }
    move_within(opened, &here, targets, dry_run)?;
    match dry_run {
        true => outln!("Would move {shown_from:?} to {shown_to:?}"),
        false => {
            outln!("Move {shown_from:?} to {shown_to:?}\nSuccessfully moved 1 object(s).");
        }
    }
    Ok(())
}

/// Gives objects another address in the same state.
fn move_within(
    opened: Opened,
    locking: &args::Locking,
    (from, to): (&Target, &Target),
    dry_run: bool,
) -> Outcome<()> {
    let store = redirected(opened, locking, Backups::Each)?;
    let guard = lock(&store, locking, "state-mv")?;
    let mut state = store
        .read()?
        .ok_or_else(|| missing(locking.state.as_deref()))?;
    let moves = moves(&state, &state, from, to)?;
    if !dry_run {
        for (old, new) in &moves {
            let taken = take(&mut state, old);
            put(&mut state, taken, new);
        }
        if let Target::Resource(old) = from {
            forget_dependencies(&mut state, &old.resource.config());
        }
        state.terraform_version = TERRAFORM_VERSION.to_owned();
        store.write(&mut state)?;
    }
    match guard {
        Some(guard) => Ok(guard.release()?),
        None => Ok(()),
    }
}

/// What depended on a resource that has another address now depends on nothing that is known: the
/// configuration says on what, and the next plan reads it there.
fn forget_dependencies(state: &mut Snapshot, moved: &ConfigResource) {
    let resources = state.resources.values_mut();
    for instance in resources.flat_map(|resource| resource.instances.values_mut()) {
        for object in instance
            .current
            .iter_mut()
            .chain(instance.deposed.values_mut())
        {
            if object.dependencies.contains(moved) {
                object.dependencies.clear();
            }
        }
    }
}

/// Moves objects to another state, and says of each where it is now.
fn move_elsewhere(
    args: &Mv,
    to: Where,
    locking: &args::Locking,
    targets: (&Target, &Target),
) -> Outcome<()> {
    let dry_run = args.dry_run;
    let request = transfer::Request {
        from: Where {
            file: locking.state.clone(),
            backup: locking.backup.clone(),
            ..Where::default()
        },
        to,
        locking,
        targets,
        allow_unencrypted: args.allow_unencrypted,
        dry_run,
    };
    let (moves, place) = transfer::transfer(&request)?;
    let begin = if dry_run { "Would move" } else { "Move" };
    for (from, to) in &moves {
        let [from, to] = [from, to].map(ToString::to_string);
        outln!("{begin} {from:?} to {to:?} in {place}");
    }
    if !dry_run {
        outln!("Successfully moved {} object(s).", moves.len());
    }
    Ok(())
}

/// The file that objects are moved to, if it is not the one that they are in.
fn other_file<'a>(source: &Opened, out: Option<&'a Path>) -> Option<&'a Path> {
    let path = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    out.filter(|out| match source {
        Opened::Local(source) => path(source.path()) != path(out),
        Opened::Elsewhere(..) => true,
    })
}

/// Who asks for backups must not believe that there are some.
fn check_backups(source: &Opened, args: &Mv) -> Outcome<()> {
    let wanted = [
        ("-backup", &args.locking.backup),
        ("-backup-out", &args.backup_out),
    ];
    let wanted = wanted.iter().filter(|(_, path)| path.is_some());
    let wanted: Vec<&str> = wanted.map(|(name, _)| *name).collect();
    if matches!(source, Opened::Local(_)) || wanted.is_empty() {
        return Ok(());
    }
    let summary = format!("Invalid command line options: {}", wanted.join(", "));
    let detail = "Backups are made of states in local files only. Leave the options out, or name such a file with -state.";
    Err(Failure::new(summary, detail))
}

/// Which instances go where. They are taken from one state and put into another, or the same.
pub(crate) fn moves(
    state: &Snapshot,
    other: &Snapshot,
    from: &Target,
    to: &Target,
) -> Outcome<Vec<(InstanceAddr, InstanceAddr)>> {
    let found = match (from, to) {
        (Target::Module(old), Target::Module(new)) => {
            let mut places = other.resources.keys();
            if places.any(|addr| addr.module == *new) {
                let detail = format!(
                    "There is a {new} in the state already. Nothing was moved; move or remove that one first."
                );
                let summary = "Error moving state: destination module already exists";
                return Err(Failure::new(summary, detail));
            }
            module_moves(state, old, new)
        }
        (Target::Resource(old), Target::Resource(new)) => resource_moves(state, old, new)?,
        _ if !is_there(state, from) => Vec::new(),
        _ => {
            let detail =
                "A resource moves to the address of a resource, and a module to that of a module.";
            return Err(Failure::new("Invalid target address", detail));
        }
    };
    if found.is_empty() {
        return Err(nothing_at(state, from));
    }
    let whole = matches!(from, Target::Resource(old) if state.instance(old).is_none());
    let taken = found.iter().find(|(_, new)| match whole {
        // Instances of two resources do not become those of one.
        true => other.resources.contains_key(&new.resource),
        false => other.instance(new).is_some(),
    });
    if let Some((old, new)) = taken {
        let detail = match std::ptr::eq(state, other) && old == new {
            true => format!(
                "The source and the destination are both {old}, so there is nothing to move. To move it to another state, say which with -to-workspace, -to-dir or -state-out."
            ),
            false => format!(
                "Cannot move {old} to {new}: the state has another object there already. Move or remove that one first."
            ),
        };
        return Err(Failure::new("Invalid target address", detail));
    }
    Ok(found)
}

fn is_there(state: &Snapshot, address: &Target) -> bool {
    match address {
        Target::Resource(addr) => state.resources.contains_key(&addr.resource),
        Target::Module(module) => {
            let mut places = state.resources.keys();
            places.any(|addr| addr.module.starts_with(module))
        }
    }
}

/// The state has nothing at an address. It may have other instances of the same resource.
fn nothing_at(state: &Snapshot, address: &Target) -> Failure {
    /// Those who have more can have them listed.
    const SHOWN: usize = 10;
    let (address, others) = match address {
        Target::Resource(addr) => (
            addr.to_string(),
            siblings(state, &addr.resource).collect::<Vec<String>>(),
        ),
        Target::Module(module) => (module.to_string(), Vec::new()),
    };
    let mut detail = format!("The state has nothing at {address}.");
    if others.is_empty() {
        detail.push_str(" muster state list shows what is there.");
    } else {
        detail.push_str(" Of the same resource it has:");
    }
    for other in others.iter().take(SHOWN) {
        detail.push_str(&format!("\n  {other}"));
    }
    if others.len() > SHOWN {
        detail.push_str(&format!("\n  and {} more", others.len() - SHOWN));
    }
    Failure::new("Invalid source address", detail)
}

/// The instances that the state has of a resource.
fn siblings(state: &Snapshot, resource: &AbsResource) -> impl Iterator<Item = String> {
    let instances = state.resources.get(resource).map(|r| r.instances.keys());
    let instances = instances.into_iter().flatten();
    instances.map(|key| resource.instance(key.clone()).to_string())
}

fn module_moves(
    state: &Snapshot,
    old: &ModuleInstance,
    new: &ModuleInstance,
) -> Vec<(InstanceAddr, InstanceAddr)> {
    let inside = state.instances().map(|(addr, ..)| addr);
    let inside = inside.filter(|addr| addr.resource.module.starts_with(old));
    let moved = |addr: &InstanceAddr| {
        let inner = addr.resource.module.0[old.0.len()..].iter();
        let resource = AbsResource {
            module: ModuleInstance(new.0.iter().chain(inner).cloned().collect()),
            resource: addr.resource.resource.clone(),
        };
        resource.instance(addr.key.clone())
    };
    inside.map(|addr| (addr.clone(), moved(&addr))).collect()
}

fn resource_moves(
    state: &Snapshot,
    old: &InstanceAddr,
    new: &InstanceAddr,
) -> Outcome<Vec<(InstanceAddr, InstanceAddr)>> {
    if !state.resources.contains_key(&old.resource) {
        return Ok(Vec::new());
    }
    let (source, destination) = (&old.resource.resource, &new.resource.resource);
    let wrong = if source.mode != destination.mode {
        let which = |mode: Mode| match mode {
            Mode::Data => "a data source",
            Mode::Managed | Mode::Ephemeral => "none",
        };
        let (one, other) = (which(source.mode), which(destination.mode));
        Some(format!("the one is {one}, the other is {other}"))
    } else if source.type_name != destination.type_name {
        Some("they are of different types".to_owned())
    } else {
        None
    };
    if let Some(wrong) = wrong {
        let detail = format!("Cannot move {old} to {new}: {wrong}.");
        return Err(Failure::new("Invalid state move request", detail));
    }
    let is_whole = old.key == InstanceKey::None && state.instance(old).is_none();
    if is_whole && new.key != InstanceKey::None {
        let detail = format!(
            "{old} has several instances, or one with a key, and {new} can only be one. Move a single instance there, or all of them to an address without a key."
        );
        return Err(Failure::new("Invalid target address", detail));
    }
    Ok(match state.instance(old) {
        Some(_) => vec![(old.clone(), new.clone())],
        // Without a key the whole resource is meant.
        None if is_whole => {
            let all = state.instances().map(|(addr, ..)| addr);
            let ours = all.filter(|addr| addr.resource == old.resource);
            ours.map(|addr| {
                let moved = new.resource.instance(addr.key.clone());
                (addr, moved)
            })
            .collect()
        }
        None => Vec::new(),
    })
}

/// Takes an instance out of a state, with what is said of its resource.
pub(crate) fn take(state: &mut Snapshot, addr: &InstanceAddr) -> Option<(Resource, Instance)> {
    let resource = state.resources.get(&addr.resource)?;
    let instance = resource.instances.get(&addr.key)?.clone();
    let template = Resource {
        instances: Default::default(),
        ..resource.clone()
    };
    state.remove_instance(addr);
    Some((template, instance))
}

/// Puts what was taken from a state into another one, or to another address.
pub(crate) fn put(state: &mut Snapshot, taken: Option<(Resource, Instance)>, addr: &InstanceAddr) {
    if let Some((template, instance)) = taken {
        let resource = state.resources.entry(addr.resource.clone());
        let instances = &mut resource.or_insert(template).instances;
        instances.insert(addr.key.clone(), instance);
    }
}
