//! What the backend block says now, compared with what the working directory was initialised with.

use std::path::Path;
use std::time::Duration;

use muster_config::Backend;
use muster_store::{LocalStore, LockInfo, Store};

use super::{Local, Record, Settings};
use crate::args::Init;
use crate::error::{Failure, Outcome};
use crate::prompt;
use crate::session::TERRAFORM_VERSION;

/// Whether the block and the record agree.
pub(crate) enum Standing {
    /// States are there.
    Settled(Local),
    /// States may still be in the old place.
    Changed {
        /// `None` if it is not a local one.
        old: Option<Local>,
        new: Local,
        reason: String,
    },
}

/// Compares a block, or its absence, with the record.
///
/// # Errors
/// The block is wrong, or the record cannot be read.
pub(crate) fn standing(backend: Option<&Backend>) -> Outcome<Standing> {
    let settings = Settings::new(backend)?;
    let new = settings.place();
    let Some(record) = Record::load()? else {
        let usual = Local::default();
        let left_behind = is_fixed(backend) && holds(&usual.path)? && !holds(&new.path)?;
        return Ok(match left_behind && usual != new {
            true => Standing::Changed {
                old: Some(usual),
                new,
                reason: "Initial configuration of the requested backend \"local\"".to_owned(),
            },
            false => Standing::Settled(new),
        });
    };
    let old = record.place();
    // The record may have a place that the command line of Terraform gave.
    if backend.is_some() && settings.record().hash == record.hash {
        return Ok(Standing::Settled(old.unwrap_or(new)));
    }
    if old.as_ref() == Some(&new) {
        return Ok(Standing::Settled(new));
    }
    let reason = match backend {
        None => format!(
            "Unsetting the previously set backend \"{}\"",
            record.type_name
        ),
        Some(_) if old.is_none() => format!(
            "Backend type changed from \"{}\" to \"local\"",
            record.type_name
        ),
        Some(_) => "Backend configuration block has changed".to_owned(),
    };
    Ok(Standing::Changed { old, new, reason })
}

/// Where variables say where the state is, another place is no surprise.
fn is_fixed(backend: Option<&Backend>) -> bool {
    backend.is_some_and(|backend| backend.early.is_empty())
}

/// Where states are, for commands that open one. The first one to do so decides what the block
/// is compared with from then on.
///
/// # Errors
/// States may still be in another place.
pub(crate) fn opened(backend: Option<&Backend>) -> Outcome<Local> {
    match standing(backend)? {
        Standing::Settled(place) => {
            if is_fixed(backend) && Record::load()?.is_none() {
                Settings::new(backend)?.record().save()?;
            }
            Ok(place)
        }
        Standing::Changed { reason, .. } => {
            let detail = format!(
                "Reason: {reason}\n\nThe state may still be in the old place, where nothing has been touched. Run init with -migrate-state to copy it to the new one, or with -reconfigure to go on with what is in the new one."
            );
            let summary = "Backend initialization required: please run \"terraform init\"";
            Err(Failure::new(summary, detail))
        }
    }
}

/// Initialises the working directory for what the block says.
///
/// # Errors
/// States may still be in another place and the arguments do not say what to do, or copying them
/// failed.
pub(crate) fn initialize(backend: Option<&Backend>, args: &Init) -> Outcome<()> {
    let accepted = &args.accepted;
    let migrate = accepted.migrate_state || accepted.force_copy;
    if migrate && accepted.reconfigure {
        let detail = "With -migrate-state states are copied to the new place, with -reconfigure they are not: choose one.";
        return Err(Failure::new("Invalid init options", detail));
    }
    match standing(backend)? {
        // What a command line gave stays, unless it is to be forgotten.
        Standing::Settled(place)
            if !accepted.reconfigure && place != Settings::new(backend)?.place() =>
        {
            return Ok(());
        }
        Standing::Settled(_) => {}
        Standing::Changed { .. } if accepted.reconfigure => {}
        Standing::Changed { old, new, .. } if migrate => {
            let Some(old) = old else {
                let detail = "States can be copied from one local place to another only. Fetch the state with terraform state pull, run init -reconfigure, and bring it in with state push.";
                return Err(Failure::new("Error migrating the state", detail));
            };
            copy_all(&old, &new, accepted.force_copy)?;
        }
        Standing::Changed { .. } => {
            let detail = "The state may still be in the old place. To copy it to the new one, use init -migrate-state. To go on with what is in the new place and leave the old one as it is, use init -reconfigure.";
            return Err(Failure::new("Backend configuration changed", detail));
        }
    }
    match is_fixed(backend) {
        true => Settings::new(backend)?.record().save(),
        false => Record::remove(),
    }
}

/// Whether there is a state with anything in it.
fn holds(path: &Path) -> Outcome<bool> {
    let state = LocalStore::new(path).read()?;
    Ok(state.is_some_and(|state| !state.is_empty()))
}

/// Copies the states of all workspaces. Either all of them may be written, or none is.
fn copy_all(old: &Local, new: &Local, force: bool) -> Outcome<()> {
    let mut copies = Vec::new();
    for workspace in workspaces(old)? {
        let (from, to) = (old.state_path(&workspace), new.state_path(&workspace));
        if is_same(&from, &to) || !holds(&from)? {
            continue;
        }
        let differs = || std::fs::read(&from).ok() != std::fs::read(&to).ok();
        if !force && holds(&to)? && differs() {
            ask(&from, &to)?;
        }
        copies.push((LocalStore::new(from), LocalStore::new(to)));
    }
    for (from, to) in copies {
        copy(&from, &to)?;
    }
    Ok(())
}

fn is_same(from: &Path, to: &Path) -> bool {
    let whole = |path: &Path| std::fs::canonicalize(path).ok();
    from == to || (whole(from).is_some() && whole(from) == whole(to))
}

/// Lets a person decide about a state that would be overwritten.
fn ask(from: &Path, to: &Path) -> Outcome<()> {
    let (from, to) = (from.display(), to.display());
    let explanation =
        format!("The state in {from} would take the place of the one in {to}, which is not empty.");
    let question = "Do you want to overwrite the state in the new backend?";
    if prompt::is_wanted() && prompt::approve(question, &explanation) == Some(true) {
        return Ok(());
    }
    let detail = format!(
        "{explanation} Nothing was copied. Use -force-copy to overwrite it without being asked."
    );
    Err(Failure::new("Error migrating the state", detail))
}

fn workspaces(place: &Local) -> Outcome<Vec<String>> {
    let mut names = vec!["default".to_owned()];
    let entries = match std::fs::read_dir(&place.workspace_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(names),
        Err(error) => {
            let detail = format!("{} cannot be read: {error}.", place.workspace_dir.display());
            return Err(Failure::new("Error migrating the state", detail));
        }
    };
    let folders = entries.flatten().filter(|e| e.path().is_dir());
    names.extend(folders.map(|e| e.file_name().to_string_lossy().into_owned()));
    Ok(names)
}

/// Copies one state while nobody else works with either.
fn copy(from: &LocalStore, to: &LocalStore) -> Outcome<()> {
    let info = || LockInfo::new("init", TERRAFORM_VERSION);
    let held = [
        from.lock(info(), Duration::ZERO)?,
        to.lock(info(), Duration::ZERO)?,
    ];
    if let Some(state) = from.read()? {
        to.replace(&state)?;
    }
    for guard in held {
        guard.release()?;
    }
    Ok(())
}
