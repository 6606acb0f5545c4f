//! `muster init`

use std::process::ExitCode;

use muster_lang::{Diagnostic, Diags, Sources};
use muster_store::Store;

use crate::args::Init;
use crate::error::Outcome;
use crate::install::Found;
use crate::session::Session;
use crate::view::View;

/// Checks that everything that the configuration needs is there.
pub(crate) async fn run(args: &Init) -> ExitCode {
    let view = View::new(&args.view);
    let session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let result = check(&view, &session);
    session.pool.shutdown().await;
    match result {
        Ok(()) => {
            view.diags(&session.warnings, &session.sources);
            if session.sources.files().is_empty() {
                return ExitCode::SUCCESS;
            }
            view.say("\nmuster is ready: run plan to see what would change.\n");
            ExitCode::SUCCESS
        }
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

fn check(view: &View, session: &Session) -> Outcome<()> {
    if session.sources.files().is_empty() {
        view.say("There are no configuration files in this directory yet.\n");
        return Ok(());
    }
    let mut diags = Diags::new();
    view.say("Finding provider plugins...\n");
    for addr in session
        .config
        .providers()
        .into_keys()
        .filter(|a| !a.is_builtin())
    {
        if session.plugins.is_development(&addr) {
            view.say(&format!(
                "- {} is a development build\n",
                addr.for_display()
            ));
            continue;
        }
        match session.plugins.find(&addr) {
            Ok(Found::Embedded) => {
                view.say(&format!(
                    "- {} is part of this program\n",
                    addr.for_display()
                ));
            }
            Ok(Found::Override(program)) => {
                view.say(&format!(
                    "- {} is a development build: {}\n",
                    addr.for_display(),
                    program.display()
                ));
            }
            Ok(Found::Installed { version, .. }) => {
                view.say(&format!(
                    "- {} v{version} is installed\n",
                    addr.for_display()
                ));
            }
            Err(reason) => diags.push(Diagnostic::error(
                "Failed to query available provider packages",
                reason,
            )),
        }
    }
    if diags.has_errors() {
        return Err(diags.into());
    }
    // A state that cannot be read is better known now than in the middle of a plan.
    session.store(None)?.read()?;
    Ok(())
}
