//! `muster workspace`

use std::process::ExitCode;

use clap::{Args, Subcommand};
use muster_addr::{InstanceAddr, Mode};
use muster_lang::Sources;
use muster_store::{
    Backend, DEFAULT_WORKSPACE, Journaled, LocalStore, LockGuard, Store, StoreError,
};

use crate::args;
use crate::backend::Place;
use crate::error::{Failure, Outcome};
use crate::locking::lock;
use crate::session::{Session, data_dir, is_workspace_name, named_workspace, workspace};
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
        after_help = "With -state the workspace begins with a copy of that state.\n\nExamples:\n  muster workspace new staging\n  muster workspace new -state=old.tfstate copy"
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
    pub state_options: args::StateOptions,
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
    pub lock: args::Lock,
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
    backend_of(|_| ()).map(|(backend, ())| backend)
}

/// As [`backend`], with something about the place.
fn backend_of<T>(ask: impl FnOnce(&Place) -> T) -> Outcome<(Box<dyn Backend>, T)> {
    match Session::load(Sources::default()) {
        Ok(session) => {
            let opened = session.place();
            let opened = opened.and_then(|place| Ok((place.open()?, ask(&place))));
            opened.map_err(|failure| failure.within(session.sources))
        }
        Err((failure, sources)) => Err(failure.within(sources)),
    }
}

fn list() -> Outcome<()> {
    let current = workspace();
    for name in backend()?.workspaces()? {
        let mark = if name == current { '*' } else { ' ' };
        outln!("{mark} {name}");
    }
    outln!("");
    if named_workspace().is_some() {
        outln!(
            "The environment variable TF_WORKSPACE names the workspace that commands work with,"
        );
        outln!("whichever is selected.\n");
    }
    Ok(())
}

/// Workspaces are named by the environment as long as that says anything.
fn refuse_override() -> Outcome<()> {
    if named_workspace().is_none() {
        return Ok(());
    }
    Err(Failure::new(
        "The selected workspace is currently overridden using the TF_WORKSPACE environment variable.",
        "Unset it to select another workspace, or let it name that one.",
    ))
}

fn check_name(name: &str) -> Outcome<()> {
    if is_workspace_name(name) {
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
    // One that is made is selected, which the environment would hide.
    if named_workspace().is_some_and(|named| named != *name) {
        let summary = "The workspace is currently overridden using the TF_WORKSPACE environment variable. You cannot create a new workspace when using this setting.";
        let detail = "Unset it, or let it name the workspace that is to be made.";
        return Err(Failure::new(summary, detail));
    }
    let backend = backend()?;
    if backend.workspaces()?.contains(name) {
        let detail = "Select it with muster workspace select.";
        return Err(Failure::new(
            format!("Workspace {name:?} already exists"),
            detail,
        ));
    }
    let given = match &args.state_options.state {
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
        let guard = lock(&*store, &args.state_options.locking(), "workspace-new")?;
        store.replace(&given)?;
        if let Some(guard) = guard {
            guard.release()?;
        }
    }
    remember(name)?;
    tell_created(name);
    Ok(())
}

fn tell_created(name: &str) {
    outln!("Created and switched to workspace {name:?}!\n");
    outln!("You are on a new workspace with a state of its own: what other workspaces manage is");
    outln!("not seen from here.");
}

/// Selects a workspace, whether or not it is there.
///
/// # Errors
/// That cannot be noted in the working directory.
pub(crate) fn remember(name: &str) -> Outcome<()> {
    let folder = data_dir();
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("environment"), name));
    written.map_err(|error| {
        let detail = format!("{} cannot be written: {error}.", folder.display());
        Failure::new("Failed to select workspace", detail)
    })
}

/// There is no workspace of this name, for which there is some advice. Others there are.
fn missing(name: &str, others: &[String], advice: &str) -> Failure {
    /// Those who have more can have them listed.
    const SHOWN: usize = 20;
    let shown = others.iter().take(SHOWN).map(|other| format!("{other:?}"));
    let mut shown: Vec<String> = shown.collect();
    if others.len() > SHOWN {
        shown.push(format!("{} more", others.len() - SHOWN));
    }
    let last = shown.pop().unwrap_or_default();
    let there = match shown.is_empty() {
        true => format!("The only workspace is {last}."),
        false => format!("There are {} and {last}.", shown.join(", ")),
    };
    let summary = format!("Workspace {name:?} doesn't exist.");
    Failure::new(summary, format!("{there}{advice}"))
}

fn select(args: &Select) -> Outcome<()> {
    refuse_override()?;
    let name = &args.name;
    if !name.is_empty() {
        check_name(name)?;
    }
    if *name == workspace() {
        return Ok(());
    }
    let (backend, kind) = backend_of(|place| place.kind)?;
    let there = backend.workspaces()?;
    let is_there = there.contains(name);
    if !is_there {
        if !args.or_create {
            let advice = match name.is_empty() {
                true => String::new(),
                false if !kind.has_workspaces() => {
                    format!(" In backend {:?} there can be no others.", kind.name)
                }
                false => format!(
                    " To make this one, run muster workspace new {name}, or select it with -or-create."
                ),
            };
            return Err(missing(name, &there, &advice));
        }
        check_name(name)?;
        backend.create(name)?;
    }
    remember(name)?;
    match is_there {
        true => outln!("Switched to workspace {name:?}."),
        false => tell_created(name),
    }
    Ok(())
}

/// Why the default workspace stays, whatever it has.
const UNDELETABLE: &str = "The default workspace is always there: it cannot be deleted. What it has is destroyed with `muster destroy`.";

fn delete(args: &Delete) -> Outcome<()> {
    let name = &args.name;
    let backend = backend()?;
    let there = backend.workspaces()?;
    if !there.contains(name) {
        return Err(missing(name, &there, " Nothing was deleted."));
    }
    if *name == workspace() {
        let summary = format!("Workspace {name:?} is your active workspace.");
        let advice = match (&**name, named_workspace()) {
            (DEFAULT_WORKSPACE, _) => UNDELETABLE,
            (_, Some(_)) => {
                "The environment variable TF_WORKSPACE names it: let that name another one, or unset it where another one is selected."
            }
            (_, None) => "Select another one first.",
        };
        return Err(Failure::new(summary, advice));
    }
    if name == DEFAULT_WORKSPACE {
        return Err(Failure::new("cannot delete default state", UNDELETABLE));
    }
    let session =
        Session::load(Sources::default()).map_err(|(failure, sources)| failure.within(sources))?;
    let store = session.place()?.state(name)?.any();
    let guard = lock(&store, &args.lock.locking(), "state-delete")?;
    let held = delete_held(&*backend, name, &store, guard, args.force)?;
    outln!("Deleted workspace {name:?}!");
    if !held.is_empty() {
        outln!("WARNING: {name:?} was non-empty.");
        outln!("What its state had may still exist, and nothing manages it any more.");
    }
    Ok(())
}

/// Deletes a workspace whose lock is held, if one is wanted, and tells what its state had. The
/// lock is given back only afterwards, so that nobody puts anything there in between.
fn delete_held(
    backend: &dyn Backend,
    name: &str,
    store: &Journaled,
    guard: Option<LockGuard>,
    force: bool,
) -> Outcome<Vec<String>> {
    if guard.is_none() {
        // Who takes the lock has brought in by that what interrupted runs have left.
        store.settle(|_| false)?;
    }
    let held = held(store)?;
    if !held.is_empty() && !force {
        return Err(not_empty(name, &held));
    }
    let deleted = backend.delete(name);
    if deleted.is_ok() {
        // Another workspace of the same name knows nothing of what this one has begun.
        store.settle(|_| true)?;
    }
    let released = guard.map_or(Ok(()), LockGuard::release);
    // From here on the name may be that of a new workspace, which others have made.
    deleted?;
    backend.tidy();
    match released {
        // It went with the workspace.
        Ok(()) | Err(StoreError::NotLocked { .. }) => Ok(held),
        Err(error) => Err(error.into()),
    }
}

/// What a state manages, and what an interrupted run may have made for it.
fn held(store: &Journaled) -> Outcome<Vec<String>> {
    let state = store.read()?;
    let managed = |addr: &InstanceAddr| addr.resource.resource.mode == Mode::Managed;
    let instances = state.iter().flat_map(|state| state.instances());
    let instances = instances.map(|(addr, ..)| addr).filter(managed);
    let mut held: Vec<String> = instances.map(|addr| addr.to_string()).collect();
    let interrupted = store.in_flight()?.into_iter();
    held.extend(interrupted.map(|intent| format!("{} (interrupted)", intent.addr)));
    Ok(held)
}

fn not_empty(name: &str, held: &[String]) -> Failure {
    const SHOWN: usize = 20;
    let mut detail = format!("The state of workspace {name:?} has objects that muster manages:\n");
    for what in held.iter().take(SHOWN) {
        detail.push_str(&format!("  - {what}\n"));
    }
    if held.len() > SHOWN {
        detail.push_str(&format!("  - and {} more\n", held.len() - SHOWN));
    }
    detail.push_str(
        "\nDestroy them first. With -force the workspace is deleted all the same, and nothing manages them any more.",
    );
    Failure::new("Workspace is not empty", detail)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use muster_snapshot::Snapshot;
    use muster_store::{LocalBackend, LockInfo};
    use tempfile::TempDir;

    use super::*;
    use crate::backend::journaled;

    /// Deletes a workspace in its own way.
    type Delete = fn(&LocalBackend, &str) -> Result<(), StoreError>;

    /// A place where something happens while a workspace is being deleted.
    struct Eventful {
        files: LocalBackend,
        delete: Delete,
    }

    impl Backend for Eventful {
        fn describe(&self) -> String {
            self.files.describe()
        }

        fn workspaces(&self) -> Result<Vec<String>, StoreError> {
            self.files.workspaces()
        }

        fn create(&self, workspace: &str) -> Result<(), StoreError> {
            self.files.create(workspace)
        }

        fn open(&self, workspace: &str) -> Result<Box<dyn Store>, StoreError> {
            self.files.open(workspace)
        }

        fn delete(&self, workspace: &str) -> Result<(), StoreError> {
            (self.delete)(&self.files, workspace)
        }
    }

    /// Deletes the workspace `x` of a place of its own, under its lock, with a state that has
    /// nothing if one is wanted.
    fn deleted(delete: Delete, with_state: bool) -> (TempDir, Eventful, Outcome<Vec<String>>) {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalBackend {
            path: folder.path().join("terraform.tfstate"),
            workspace_dir: folder.path().join("terraform.tfstate.d"),
            ..LocalBackend::default()
        };
        let backend = Eventful { files, delete };
        backend.create("x").unwrap();
        let store = journaled(backend.files.store("x"));
        let guard = store.lock(LockInfo::new("test", ""), Duration::ZERO);
        if with_state {
            store.write(&mut Snapshot::new("1.2.3")).unwrap();
        }
        let held = delete_held(&backend, "x", &store, Some(guard.unwrap()), false);
        (folder, backend, held)
    }

    #[test]
    fn nobody_gets_the_lock_of_a_workspace_before_it_is_gone() {
        let watched: Delete = |files, workspace| {
            let other = files.store(workspace);
            let taken = other.lock(LockInfo::new("test", ""), Duration::ZERO);
            assert!(matches!(taken, Err(StoreError::Locked { .. })), "{taken:?}");
            files.delete(workspace)
        };
        let (folder, backend, held) = deleted(watched, true);
        assert!(held.unwrap_or_else(|_| panic!("it is empty")).is_empty());
        assert_eq!(backend.workspaces().unwrap(), [DEFAULT_WORKSPACE]);
        assert!(!folder.path().join("terraform.tfstate.d/x").exists());
    }

    #[test]
    fn what_others_make_under_the_name_is_theirs() {
        // They make it anew at once, and some of the old one stays.
        let contended: Delete = |files, workspace| {
            files.delete(workspace)?;
            files.create(workspace)?;
            let theirs = &mut Snapshot::new("1.2.3");
            assert!(files.store(workspace).write(theirs)?);
            Err(StoreError::Io {
                action: "remove",
                path: files.workspace_dir.clone(),
                source: std::io::ErrorKind::DirectoryNotEmpty.into(),
            })
        };
        let (_folder, backend, held) = deleted(contended, false);
        assert!(held.is_err());
        assert!(backend.files.store("x").read().unwrap().is_some());
    }

    #[test]
    fn others_are_named_where_one_is_missing() {
        let told = |others: &[&str]| {
            let others: Vec<String> = others.iter().map(|name| (*name).to_owned()).collect();
            missing("x", &others, "").reason()
        };
        let check = |others: &[&str], expect: &str| assert_eq!(told(others), expect);
        check(&["default"], "The only workspace is \"default\"");
        check(&["default", "a"], "There are \"default\" and \"a\"");
        check(
            &["default", "a", "b"],
            "There are \"default\", \"a\" and \"b\"",
        );
        let many: Vec<String> = (0..30).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(
            told(&many).ends_with("\"19\" and 10 more"),
            "{}",
            told(&many)
        );
    }
}
