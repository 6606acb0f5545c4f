//! `muster force-unlock`

use std::process::ExitCode;

use clap::Args;
use muster_lang::Sources;
use muster_store::{LocalStore, Store, StoreError};

use crate::args;
use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::prompt;
use crate::session::Session;
use crate::view::View;

/// `force-unlock`
#[derive(Debug, Args)]
pub(crate) struct ForceUnlock {
    /// Do not ask.
    #[arg(long)]
    pub force: bool,
    /// The lock, as the message names it that says who holds it.
    #[arg(value_name = "LOCK_ID")]
    pub lock_id: String,
}

/// Takes a lock away from whoever holds it.
pub(crate) fn run(args: &ForceUnlock) -> ExitCode {
    let view = View::new(&args::View::default());
    let failure = match Session::find_store() {
        Ok(Opened::Local(store)) => refusal(&store, args),
        Ok(Opened::Elsewhere(store, _)) => match unlock(&*store, args) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(failure) => failure,
        },
        Err(failure) => failure,
    };
    view.fail(&failure, &Sources::default())
}

fn unlock(store: &dyn Store, args: &ForceUnlock) -> Outcome<()> {
    let question = "Do you really want to force-unlock?";
    let explanation = format!(
        "The lock on {} is taken away from its holder. If that still runs, both may change the state.",
        store.describe()
    );
    if !args.force {
        match prompt::approve(question, &explanation) {
            Some(true) => {}
            Some(false) => {
                outln!("force-unlock cancelled.");
                return Err(Failure::told());
            }
            None => {
                let detail = "Nobody is there to answer. With -force nobody is asked.";
                return Err(Failure::new("Unlocking requires approval", detail));
            }
        }
    }
    store.force_unlock(&args.lock_id).map_err(not_unlocked)?;
    outln!("The state has been unlocked: new commands can take its lock now.");
    Ok(())
}

fn not_unlocked(error: StoreError) -> Failure {
    let detail = match &error {
        StoreError::Locked {
            holder: Some(holder),
            ..
        } => format!("The lock that is held now has another ID.\n\n{holder}"),
        StoreError::Locked { .. } => "The state is locked, but the lock has another ID.".to_owned(),
        error => format!("{error}."),
    };
    Failure::new("Failed to unlock state", detail)
}

/// Why a lock on a file cannot be taken away. The operating system keeps it and gives it back
/// when its holder ends, so that nobody has to be asked; it remains to say who holds it and what
/// can be done.
fn refusal(store: &LocalStore, args: &ForceUnlock) -> Failure {
    let state = match holder(store, &args.lock_id) {
        Ok(text) => text,
        Err(failure) => return failure,
    };
    let summary = match args.force {
        true => "Failed to unlock state: LocalState not locked",
        false => "Local state cannot be unlocked by another process",
    };
    let detail = format!(
        "The lock on a state file belongs to the process that took it, and ends with it: a lock that lasts means that the process still runs. {state}"
    );
    Failure::new(summary, detail)
}

/// What is known of the lock.
fn holder(store: &LocalStore, wanted: &str) -> Outcome<String> {
    Ok(match store.holder()? {
        None => "Nobody holds it now.".to_owned(),
        Some(None) => "It is held now, but its holder is not known.".to_owned(),
        Some(Some(info)) if info.id == wanted => {
            format!("Wait for that process, or stop it where it runs.\n\n{info}")
        }
        Some(Some(info)) => format!(
            "The lock that is held now has another ID, so perhaps the one you mean is gone already.\n\n{info}"
        ),
    })
}
