//! `muster show`

use std::path::Path;
use std::process::ExitCode;

use muster_lang::Sources;
use muster_run::Stop;
use muster_snapshot::Snapshot;
use muster_store::{LocalStore, Store};

use super::output::read;
use super::plan::schemas_of;
use crate::args::Show;
use crate::error::{Failure, Outcome};
use crate::plan_file;
use crate::session::Session;
use crate::view::View;

/// Shows the state or a saved plan.
pub(crate) async fn run(args: &Show) -> ExitCode {
    let view = match View::of_document(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    if let Some(path) = args.path.as_deref().filter(|p| plan_file::is_plan(p)) {
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
            return Err(Failure::new(
                "Failed to read the given file as a state or plan file",
                detail,
            ));
        }
        Some(path) => LocalStore::new(path)
            .with_codec(crate::encryption::state_codec())
            .read()?,
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
