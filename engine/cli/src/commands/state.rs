//! `muster state`

use std::path::Path;
use std::process::ExitCode;

use muster_addr::{InstanceAddr, Target};
use muster_lang::Sources;

use super::output::read;
use super::show::schemas;
use super::state_edit;
use crate::args::{self, State};
use crate::error::{Failure, Outcome};
use crate::view::View;

/// Looks into the state.
pub(crate) async fn run(args: &State) -> ExitCode {
    let no_color = matches!(args, State::Show { no_color: true, .. });
    let view = View::new(&args::View {
        no_color,
        ..args::View::default()
    });
    let result = match args {
        State::List { state, addresses } => list(state.as_deref(), addresses),
        State::Mv(args) => state_edit::mv(args),
        State::Pull { state } => state_edit::pull(state.as_deref()),
        State::Push(args) => state_edit::push(args),
        State::ReplaceProvider(args) => state_edit::replace_provider(args),
        State::Rm(args) => state_edit::rm(args),
        State::Show { state, address, .. } => show(&view, state.as_deref(), address).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

fn missing() -> Failure {
    Failure::new(
        "No state file was found!",
        "There is no state here yet: an apply makes one. Another one is named with -state.",
    )
}

fn list(path: Option<&Path>, addresses: &[String]) -> Outcome<()> {
    let state = read(path)?.ok_or_else(missing)?;
    let mut targets = Vec::new();
    for text in addresses {
        let target: Target = text.parse().map_err(|error| {
            Failure::new(
                "Invalid address",
                format!("\"{text}\" is not an address: {error}"),
            )
        })?;
        targets.push(target);
    }
    for addr in muster_render::state_list(&state) {
        if targets.is_empty() || targets.iter().any(|t| t.contains(&addr)) {
            outln!("{addr}");
        }
    }
    Ok(())
}

async fn show(view: &View, path: Option<&Path>, address: &str) -> Outcome<()> {
    let state = read(path)?.ok_or_else(missing)?;
    let addr: InstanceAddr = address.parse().map_err(|error| {
        let detail = format!("\"{address}\" is not the address of an instance: {error}");
        Failure::new("Invalid address", detail)
    })?;
    if state.instance(&addr).is_none() {
        let detail = format!("The state has no {addr}. muster state list shows what is there.");
        return Err(Failure::new(
            "No instance found for the given address!",
            detail,
        ));
    }
    let schemas = schemas(&state).await?;
    view.show_instance(&state, &addr, &schemas);
    Ok(())
}
