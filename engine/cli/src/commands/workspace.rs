//! `muster workspace`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use muster_lang::Sources;
use muster_snapshot::Snapshot;
use muster_store::{Backend, DEFAULT_WORKSPACE, LocalStore, Store};

use crate::args;
use crate::error::{Failure, Outcome};
use crate::locking::lock;
use crate::session::{Session, TERRAFORM_VERSION, data_dir, workspace};
use crate::view::View;

/// `workspace`
#[derive(Debug, Subcommand)]
pub(crate) enum Workspace {
    /// List the workspaces; the selected one has a star.
    List,
    /// Show the name of the selected workspace.
    Show,
    /// Make a workspace and select it.
    #[command(
        after_help = "Examples:\n  muster workspace new staging\n  muster workspace new -state=old.tfstate copy"
    )]
    New(New),
    /// Select a workspace.
    #[command(
        after_help = "Examples:\n  muster workspace select staging\n  muster workspace select -or-create staging"
    )]
    Select(Select),
    /// Delete a workspace, with its state.
    #[command(after_help = "Examples:\n  muster workspace delete staging")]
    Delete(Delete),
}

/// `workspace new`
#[derive(Debug, Args)]
pub(crate) struct New {
    #[command(flatten)]
    pub locking: args::Locking,
    /// Its name.
    pub name: String,
}

/// `workspace select`
#[derive(Debug, Args)]
pub(crate) struct Select {
    /// Make it if it is not there.
    #[arg(long)]
    pub or_create: bool,
    /// Its name.
    pub name: String,
}

/// `workspace delete`
#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub locking: args::Locking,
    /// Also when its state has objects, which are then nobody's.
    #[arg(long)]
    pub force: bool,
    /// Its name.
    pub name: String,
}

/// Works on workspaces.
pub(crate) fn run(args: &Workspace) -> ExitCode {
    let result = match args {
        Workspace::Show => {
            outln!("{}", workspace());
            Ok(())
        }
        Workspace::List => list(),
        Workspace::New(args) => create(args),
        Workspace::Select(args) => select(args),
        Workspace::Delete(args) => delete(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => View::new(&args::View::default()).fail(&failure, &Sources::default()),
    }
}

/// Where states are.
fn backend() -> Outcome<Box<dyn Backend>> {
    match Session::load(Sources::default()) {
        Ok(session) => {
            let opened = session.place().and_then(|place| place.open());
            opened.map_err(|failure| failure.within(session.sources))
        }
        Err((failure, sources)) => Err(failure.within(sources)),
    }
}

/// Whether there is a workspace of this name.
fn is_there(backend: &dyn Backend, name: &str) -> Outcome<bool> {
    Ok(backend.workspaces()?.iter().any(|there| there == name))
}

fn list() -> Outcome<()> {
    let current = workspace();
    for name in backend()?.workspaces()? {
        let mark = if name == current { '*' } else { ' ' };
        outln!("{mark} {name}");
    }
    outln!("");
    Ok(())
}

/// Workspaces are named by the environment as long as that says anything.
fn refuse_override() -> Outcome<()> {
    if std::env::var_os("TF_WORKSPACE").is_none_or(|v| v.is_empty()) {
        return Ok(());
    }
    let detail = "The environment variable TF_WORKSPACE names the workspace. Unset it to select another one.";
    Err(Failure::new(
        "The selected workspace is currently overridden using the TF_WORKSPACE environment variable.",
        detail,
    ))
}

fn check_name(name: &str) -> Outcome<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:@%".contains(c);
    if !name.is_empty() && name.chars().all(allowed) && name != "." && name != ".." {
        return Ok(());
    }
    let detail =
        "A name may have letters, digits and characters that are safe in a URL, but no slash.";
    let summary = format!("The workspace name {name:?} is not allowed.");
    Err(Failure::new(summary, detail))
}

fn create(args: &New) -> Outcome<()> {
    let name = &args.name;
    check_name(name)?;
    // With the name in the environment a workspace can be made, but not selected.
    let backend = backend()?;
    if is_there(&*backend, name)? {
        let detail = "Select it with muster workspace select.";
        return Err(Failure::new(
            format!("Workspace {name:?} already exists"),
            detail,
        ));
    }
    let given = match &args.locking.state {
        Some(source) => Some(
            LocalStore::new(source)
                .with_codec(crate::encryption::state_codec())
                .read()?
                .ok_or_else(|| {
                    let detail = format!("{} holds no state.", source.display());
                    Failure::new("Failed to read state", detail)
                })?,
        ),
        None => None,
    };
    backend.create(name)?;
    if let Some(given) = given {
        let store = backend.open(name)?;
        let guard = lock(&*store, &args.locking, "workspace-new")?;
        store.replace(&given)?;
        if let Some(guard) = guard {
            guard.release()?;
        }
    }
    remember(name)?;
    outln!("Created and switched to workspace {name:?}!\n");
    outln!("You are on a new workspace with a state of its own: what other workspaces manage is");
    outln!("not seen from here.");
    Ok(())
}

fn remember(name: &str) -> Outcome<()> {
    let folder = data_dir();
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("environment"), name));
    written.map_err(|error| {
        let detail = format!("{} cannot be written: {error}.", folder.display());
        Failure::new("Failed to select workspace", detail)
    })
}

fn missing(name: &str) -> Failure {
    let detail = "Make it with muster workspace new, or with muster workspace select -or-create.";
    Failure::new(format!("Workspace {name:?} doesn't exist."), detail)
}

fn select(args: &Select) -> Outcome<()> {
    refuse_override()?;
    let name = &args.name;
    check_name(name)?;
    if *name == workspace() {
        return Ok(());
    }
    let backend = backend()?;
    if !is_there(&*backend, name)? {
        if !args.or_create {
            return Err(missing(name));
        }
        backend.create(name)?;
    }
    remember(name)?;
    outln!("Switched to workspace {name:?}.");
    Ok(())
}

fn delete(args: &Delete) -> Outcome<()> {
    let name = &args.name;
    let backend = backend()?;
    if !is_there(&*backend, name)? {
        return Err(missing(name));
    }
    if name == DEFAULT_WORKSPACE {
        let detail = "The default workspace is always there.";
        return Err(Failure::new("Cannot delete the default workspace", detail));
    }
    if *name == workspace() {
        let detail = "Select another one first.";
        return Err(Failure::new(
            format!("Workspace {name:?} is your active workspace."),
            detail,
        ));
    }
    let session =
        Session::load(Sources::default()).map_err(|(failure, sources)| failure.within(sources))?;
    let store = session.place()?.state(name)?.any();
    let guard = lock(&store, &args.locking, "state-delete")?;
    let state = store
        .read()?
        .unwrap_or_else(|| Snapshot::new(TERRAFORM_VERSION));
    let interrupted = store.in_flight()?.len();
    if (!state.resources.is_empty() || interrupted > 0) && !args.force {
        let count = state.instances().count() + interrupted;
        let detail = format!(
            "Objects in its state: {count}. Destroy them first; with -force the workspace is deleted all the same, and nothing manages them any more."
        );
        return Err(Failure::new(
            format!("Workspace {name:?} is not empty"),
            detail,
        ));
    }
    if let Some(guard) = guard {
        guard.release()?;
    }
    backend.delete(name)?;
    outln!("Deleted workspace {name:?}!");
    Ok(())
}
