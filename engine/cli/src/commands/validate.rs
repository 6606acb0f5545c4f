//! `muster validate`

mod run_modules;

use std::process::ExitCode;
use std::sync::Arc;

use muster_config::testing::{TestPlace, load_tests};
use muster_lang::{DiagnosticKind, Diags, Sources, Span};
use muster_run::Stop;

use super::test::missing_directory;
use crate::args::Validate;
use crate::error::{Failure, Outcome};
use crate::session::{Disk, Session};
use crate::view::View;

/// Checks the configuration.
pub(crate) async fn run(args: &Validate) -> ExitCode {
    let view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    let (mut diags, mut sources) = match load().await {
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
    if !args.no_tests {
        let place = TestPlace {
            dir: ".",
            tests: &args.test_directory,
        };
        let (tests, found) = load_tests(place, &Disk, &mut sources);
        let are_sound = !found.has_errors();
        diags.extend(missing_directory(&args.test_directory));
        diags.extend(found);
        if are_sound {
            let found = run_modules::check(&tests, &mut sources).await;
            let news = run_modules::news(&diags, found);
            diags.extend(news);
        }
    }
    view.validation(&diags, &sources);
    if diags.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Loads the configuration of the working directory. Where references in it lead nowhere, the rest
/// is validated all the same, so that one run tells everything that is wrong.
pub(crate) async fn load() -> Result<Session, (Failure, Sources)> {
    let session = Session::load_unresolved()?;
    if !session.warnings.has_errors() {
        return Ok(session);
    }
    let diags = match check(&session).await {
        Ok(diags) => diags,
        Err(failure) => {
            let mut diags = session.warnings.clone();
            diags.extend(failure.diags);
            diags
        }
    };
    session.pool.shutdown().await;
    Err((diags.into(), session.sources))
}

async fn check(session: &Session) -> Outcome<Diags> {
    content(session, crate::encryption::check()).await
}

/// What is wrong with what a session has loaded, after `known`.
async fn content(session: &Session, known: Diags) -> Outcome<Diags> {
    let schemas = session.schemas_to_validate().await?;
    let context = session.context(schemas, 10, Arc::new(|_| {}), Stop::default());
    let mut diags = session.warnings.clone();
    diags.extend(known);
    let found = muster_run::validate(&context).await;
    diags.extend(besides(&session.warnings, found));
    Ok(diags)
}

/// What was found besides references that lead nowhere: what is wrong at the same place follows
/// from them.
fn besides(known: &Diags, found: Diags) -> Diags {
    let references = known.iter().filter(|d| d.kind == DiagnosticKind::Reference);
    let mut spans: Vec<Span> = references.filter_map(|d| d.subject).collect();
    spans.sort_unstable_by_key(|span| (span.file, span.start));
    // One may reach beyond later ones.
    let mut reaching: Option<Span> = None;
    for span in &mut spans {
        if let Some(before) = reaching.filter(|before| before.file == span.file) {
            span.end = span.end.max(before.end);
        }
        reaching = Some(*span);
    }
    let follows = |at: Span| {
        let behind =
            spans.partition_point(|s| (s.file, s.start) < (at.file, at.end.max(at.start + 1)));
        let before = spans[..behind].last();
        before.is_some_and(|s| s.file == at.file && s.end > at.start)
    };
    let found = found.into_iter();
    Diags(found.filter(|d| !d.subject.is_some_and(follows)).collect())
}
