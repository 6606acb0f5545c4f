//! `muster providers`

use std::process::ExitCode;

use muster_lang::Sources;
use muster_store::Store;

use crate::args;
use crate::error::Outcome;
use crate::session::Session;
use crate::view::View;

/// Shows which providers are needed.
pub(crate) fn run() -> ExitCode {
    let view = View::new(&args::View::default());
    let session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    match list(&session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

fn list(session: &Session) -> Outcome<()> {
    outln!("Providers required by configuration:");
    for (addr, requirements) in session.config.providers() {
        for requirement in requirements {
            let path = &session.config.module(requirement.module).path;
            let place = if path.is_root() {
                ".".to_owned()
            } else {
                path.to_string()
            };
            outln!("  {place}: provider[{addr}] {}", requirement.version);
        }
    }
    if let Some(state) = session.store(None)?.read()? {
        let mut used: Vec<String> = state
            .resources
            .values()
            .map(|r| r.provider.provider.to_string())
            .collect();
        used.sort();
        used.dedup();
        outln!("\nProviders required by state:");
        for addr in used {
            outln!("  provider[{addr}]");
        }
    }
    Ok(())
}
