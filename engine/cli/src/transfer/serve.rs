//! A process that has one of the two states of a move: it does what it is told until its standard
//! input ends.

use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use muster_config::is_config_file;
use muster_lang::Sources;
use muster_snapshot::Snapshot;
use muster_store::{DEFAULT_WORKSPACE, Journaled, LockGuard, Store};

use super::absolute;
use super::message::{Answer, Question, Ready, hear, say};
use crate::args;
use crate::commands::state_edit;
use crate::encryption;
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock, redirected};
use crate::session::{Session, TERRAFORM_VERSION, named_workspace, workspace};

/// The arguments of such a process, which this program gives itself.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub locking: args::Locking,
}

/// Does what is asked on standard input.
pub(crate) fn serve(args: &Serve) -> ExitCode {
    let mut out = io::stdout();
    let opened = open(&args.locking);
    let store = match opened {
        Ok((store, ready)) => match say(&mut out, &Answer::Ready(ready)) {
            Ok(()) => store,
            Err(_) => return ExitCode::FAILURE,
        },
        Err(failure) => {
            // Without anybody to hear it there is nobody to tell either.
            let _ = say(&mut out, &Answer::from(failure));
            return ExitCode::FAILURE;
        }
    };
    let mut questions = BufReader::new(io::stdin());
    let mut guard = None;
    while let Ok(Some(question)) = hear(&mut questions) {
        let answer = match question {
            Question::Lock => hold(&store, &args.locking, &mut guard),
            question => answer(&store, question),
        };
        let answer = answer.unwrap_or_else(Answer::from);
        if say(&mut out, &answer).is_err() {
            break;
        }
    }
    match guard.map(LockGuard::release) {
        Some(Err(_)) => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn open(locking: &args::Locking) -> Outcome<(Journaled, Ready)> {
    check_workspace(locking.state.is_some())?;
    let opened = state_edit::store(locking.state.as_deref())?;
    let store = redirected(opened, locking, Backups::Each)?.for_transfers();
    let folder = std::env::current_dir().map_err(|error| {
        let detail = format!("The working directory cannot be told: {error}.");
        Failure::new("Failed to read the working directory", detail)
    })?;
    let ready = Ready {
        place: store.describe(),
        workspace: workspace(),
        record: absolute(&store.transfer_path()),
        is_encrypted: encryption::encrypts_states()?,
        is_bare: locking.state.is_none() && !has_configuration(&folder)?,
        folder,
    };
    Ok((store, ready))
}

/// Whether a directory has files of a configuration.
fn has_configuration(folder: &Path) -> Outcome<bool> {
    let unreadable = |error: io::Error| {
        let detail = format!(
            "The directory {} cannot be read: {error}.",
            folder.display()
        );
        Failure::new("Failed to read the working directory", detail)
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if is_config_file(&name.to_string_lossy()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hold(
    store: &Journaled,
    locking: &args::Locking,
    guard: &mut Option<LockGuard>,
) -> Outcome<Answer> {
    *guard = lock(store, locking, "state-mv")?;
    Ok(Answer::Locked(store.transfer()?.map(Box::new)))
}

/// A workspace that was named has to be there: nothing is moved to where nobody looks for it.
fn check_workspace(is_file: bool) -> Outcome<()> {
    let Some(name) = named_workspace().filter(|name| name != DEFAULT_WORKSPACE && !is_file) else {
        return Ok(());
    };
    let session = Session::load(Sources::default());
    let session = session.map_err(|(failure, sources)| failure.within(sources))?;
    let place = session.place()?;
    if place.open()?.workspaces()?.contains(&name) {
        return Ok(());
    }
    let advice = match place.kind.has_workspaces() {
        true => {
            "muster workspace list shows those that there are, and muster workspace new makes one."
                .to_owned()
        }
        false => format!(
            "In backend {:?} there can be no others than {DEFAULT_WORKSPACE:?}.",
            place.kind.name
        ),
    };
    let detail = format!("There is no workspace {name:?} there. {advice}");
    Err(Failure::new("Workspace does not exist", detail))
}

fn answer(store: &Journaled, question: Question) -> Outcome<Answer> {
    match question {
        Question::Read => {
            let text = store.read()?.map(|state| muster_snapshot::encode(&state));
            let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            return Ok(Answer::State(text));
        }
        Question::Record(transfer) => store.record_transfer(&transfer)?,
        Question::Write(text) => {
            let mut state = decode(&text)?;
            state.terraform_version = TERRAFORM_VERSION.to_owned();
            store.write(&mut state)?;
        }
        Question::Clear(id) => store.clear_transfer(&id)?,
        Question::Lock => {}
    }
    Ok(Answer::Done)
}

/// A state as it is passed on.
pub(super) fn decode(text: &str) -> Outcome<Snapshot> {
    muster_snapshot::decode(text.as_bytes()).map_err(|error| {
        let detail = format!("What was passed on is no state: {error}.");
        Failure::new("Failed to move objects between states", detail)
    })
}

/// Where the states of a move are, as a command line says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Where {
    /// The directory that commands are run in; the present one when absent.
    pub folder: Option<PathBuf>,
    /// The workspace; the one that is selected there when absent.
    pub workspace: Option<String>,
    /// The state file; that of the configuration when absent.
    pub file: Option<PathBuf>,
    /// The file that a state in a file is kept in as it was before; - for none.
    pub backup: Option<PathBuf>,
}
