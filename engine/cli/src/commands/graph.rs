//! `muster graph`

mod dag;
mod draw;
mod operation;
mod summary;

use muster_store::Store;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use muster_lang::Sources;

use crate::args;
use crate::error::{Failure, Outcome};
use crate::plan_file;
use crate::session::Session;
use crate::view::View;

/// `graph`
#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// What an operation does: plan, plan-refresh-only, plan-destroy or apply. Without it, only
    /// which resources need each other.
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// What a saved plan does.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Accepted: a configuration with a cycle is refused with all that is in the cycle.
    #[arg(long, hide = true)]
    pub draw_cycles: bool,
    /// Accepted: modules are always shown as deep as they are.
    #[arg(long, hide = true, value_name = "N")]
    pub module_depth: Option<i64>,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
}

/// Prints a graph in the language of Graphviz.
pub(crate) fn run(args: &Graph) -> ExitCode {
    let view = View::new(&args::View {
        no_color: args.no_color,
        ..args::View::default()
    });
    let result = match (&args.plan, args.kind.as_deref()) {
        (Some(path), None | Some("apply")) => match plan_file::load(path) {
            Ok((_, file)) => Ok(operation::saved(&file.plan).to_string()),
            Err((failure, sources)) => return view.fail(&failure, &sources),
        },
        (_, kind) => match Session::load(Sources::default()) {
            Ok(session) => text(&session, kind).map_err(|f| f.within(session.sources)),
            Err((failure, sources)) => return view.fail(&failure, &sources),
        },
    };
    match result {
        Ok(text) => {
            out!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

fn text(session: &Session, kind: Option<&str>) -> Outcome<String> {
    let config = &session.config;
    let graph = || muster_planner::Graph::new(config, &Default::default());
    match kind {
        None => Ok(summary::text(config, &graph()?)),
        Some("plan" | "plan-refresh-only" | "apply") => {
            Ok(operation::configured(config, &graph()?).to_string())
        }
        Some("plan-destroy") => {
            let state = session.store(None)?.any().read()?.unwrap_or_default();
            Ok(operation::destroying(&state).to_string())
        }
        Some(other) => {
            let detail = format!(
                "\"{other}\" is no operation: choose plan, plan-refresh-only, plan-destroy or apply."
            );
            Err(Failure::new("Unsupported graph type", detail))
        }
    }
}
