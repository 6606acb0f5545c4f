//! `muster validate`

use std::process::ExitCode;
use std::sync::Arc;

use muster_lang::{Diags, Sources};
use muster_run::Stop;

use crate::args::Validate;
use crate::error::Outcome;
use crate::session::Session;
use crate::view::View;

/// Checks the configuration.
pub(crate) async fn run(args: &Validate) -> ExitCode {
    let view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    let (diags, sources) = match Session::load(Sources::default()) {
        Err((failure, sources)) => (failure.diags, sources),
        Ok(session) => {
            let diags = match check(&session).await {
                Ok(diags) => diags,
                Err(failure) => failure.diags,
            };
            session.pool.shutdown().await;
            let sources = session.sources.clone();
            // The program ends after this: taking a big configuration apart only costs time.
            std::mem::forget(session);
            (diags, sources)
        }
    };
    view.validation(&diags, &sources);
    if diags.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

async fn check(session: &Session) -> Outcome<Diags> {
    let schemas = session.schemas(None).await?;
    let context = session.context(schemas, 10, Arc::new(|_| {}), Stop::default());
    let mut diags = session.warnings.clone();
    diags.extend(crate::encryption::check());
    let found = muster_run::validate(&context).await;
    diags.extend(besides(&session.warnings, found));
    Ok(diags)
}
