//! `muster show`

use std::path::Path;
use std::process::ExitCode;

use muster_lang::Sources;
use muster_run::Stop;
use muster_snapshot::{Snapshot, StateError};
use muster_store::{CodecError, LocalStore, Store, StoreError};

use super::output::read;
use super::plan::schemas_of;
use crate::args::Show;
use crate::error::{Failure, Outcome};
use crate::plan_file;
use crate::session::Session;
use crate::view::View;

const UNREADABLE: &str = "Failed to read the given file as a state or plan file";

/// Shows the state or a saved plan.
pub(crate) async fn run(args: &Show) -> ExitCode {
    let view = match View::of_document(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    // What is wrong with archives is known where plans are read.
    let is_plan = |path: &&Path| plan_file::is_plan(path) || plan_file::is_archive(path);
    if let Some(path) = args.path.as_deref().filter(is_plan) {
        return show_plan(&view, path).await;
    }
    match show_state(&view, args.path.as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

async fn show_plan(view: &View, path: &Path) -> ExitCode {
    let (session, file) = match plan_file::load(path) {
        Ok(loaded) => loaded,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let schemas = schemas_of(&session, &file.plan, &Stop::default()).await;
    session.pool.shutdown().await;
    match schemas {
        Ok(schemas) => {
            view.show_plan(&file.plan, &session.config, &schemas);
            ExitCode::SUCCESS
        }
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

async fn show_state(view: &View, path: Option<&Path>) -> Outcome<()> {
    let state = match path {
        Some(path) if !path.exists() => {
            let detail = format!("There is no file {}.", path.display());
            return Err(Failure::new(UNREADABLE, detail));
        }
        Some(path) => LocalStore::new(path)
            .with_codec(crate::encryption::state_codec())
            .read()
            .map_err(|error| unreadable(path, error))?,
        None => read(None)?,
    };
    let Some(state) = state else {
        view.no_state();
        return Ok(());
    };
    let schemas = schemas(&state).await?;
    view.show_state(&state, &schemas);
    Ok(())
}

/// A file that is neither a state nor a plan may be anything: nobody wants an earlier one back.
fn unreadable(path: &Path, error: StoreError) -> Failure {
    match &error {
        StoreError::Corrupt {
            reason:
                CodecError::State(reason @ (StateError::Malformed { .. } | StateError::NotState)),
            ..
        } => {
            let path = path.display();
            let detail = format!("{path} is neither a state nor a saved plan: {reason}.");
            Failure::new(UNREADABLE, detail)
        }
        _ => error.into(),
    }
}

/// The schemas that a state needs.
pub(crate) async fn schemas(state: &Snapshot) -> Outcome<muster_provider::Schemas> {
    if state.resources.is_empty() {
        return Ok(muster_provider::Schemas::default());
    }
    match Session::load(Sources::default()) {
        Ok(session) => {
            let schemas = session.schemas(Some(state)).await;
            session.pool.shutdown().await;
            schemas
        }
        Err((failure, sources)) => Err(failure.within(sources)),
    }
}
