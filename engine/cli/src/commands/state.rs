//! `muster state`

use std::path::Path;
use std::process::ExitCode;

use muster_addr::{InstanceAddr, InstanceKey, Target};
use muster_lang::{Diags, Sources};
use muster_snapshot::{Attributes, Snapshot};
use muster_store::{LocalStore, LockInfo};

use super::output::read;
use super::show::schemas;
use super::state_edit::{NO_STATE, missing, syntax_summary};
use super::{state_edit, state_history, state_mv, state_rekey};
use crate::args::{self, State};
use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::locking::watched_by;
use crate::session::Session;
use crate::transfer;
use crate::view::View;

/// Looks into the state.
pub(crate) async fn run(args: &State) -> ExitCode {
    let no_color = match args {
        State::Show { no_color, .. } => *no_color,
        State::Diff(args) => args.no_color,
        _ => false,
    };
    let view = View::new(&args::View {
        no_color,
        ..args::View::default()
    });
    let result = match args {
        State::Diff(args) => state_history::diff(&view, args).await,
        State::History(args) => state_history::history(args),
        State::List {
            state,
            id,
            addresses,
        } => list(state.as_deref(), id.as_deref(), addresses),
        State::Mv(args) => state_mv::mv(args),
        State::Peer(args) => return transfer::serve(args),
        State::Pull { state } => state_edit::pull(state.as_deref()),
        State::Push(args) => state_edit::push(args),
        State::Rekey(args) => state_rekey::run(args),
        State::ReplaceProvider(args) => state_edit::replace_provider(args),
        State::Restore(args) => state_history::restore(&view, args),
        State::Rm(args) => state_edit::rm(args),
        State::Show { state, address, .. } => show(&view, state.as_deref(), address).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

fn list(path: Option<&Path>, id: Option<&str>, addresses: &[String]) -> Outcome<()> {
    let state = present(path)?;
    let all = muster_render::state_list(&state);
    let mut found: Vec<&InstanceAddr> = Vec::new();
    if addresses.is_empty() {
        found.extend(&all);
    }
    let mut diags = Diags::new();
    for text in addresses {
        match target(text, &all) {
            Ok(target) => found.extend(all.iter().filter(|addr| target.contains(addr))),
            Err(failure) => diags.extend(failure.diags),
        }
    }
    if diags.has_errors() {
        return Err(diags.into());
    }
    for addr in found {
        if id.is_none_or(|id| has_id(&state, addr, id)) {
            outln!("{addr}");
        }
    }
    Ok(())
}

/// The state of the working directory, or of a file, which has to be there.
fn present(path: Option<&Path>) -> Outcome<Snapshot> {
    if let Some(state) = read(path)? {
        return Ok(state);
    }
    let opened = match path {
        Some(path) => Opened::Local(LocalStore::new(path)),
        None => Session::find_store()?,
    };
    match opened {
        Opened::Local(store) => Err(match store.holder()? {
            Some(holder) => not_yet(holder.as_ref()),
            None => missing(path),
        }),
        Opened::Elsewhere(..) => Err(missing(path)),
    }
}

/// The first run is going on, and has made nothing so far.
fn not_yet(holder: Option<&LockInfo>) -> Failure {
    let watched = holder.and_then(watched_by);
    let watched = watched.map(|command| format!(" {command} shows how far it is."));
    let holder = holder.map(|holder| format!("\n\n{holder}"));
    let detail = format!(
        "There is no state here yet, but a run is at work on it: what it makes is there as soon as the first object is.{}{}",
        watched.unwrap_or_default(),
        holder.unwrap_or_default()
    );
    Failure::new(NO_STATE, detail)
}

/// What an address names, if anything of it is there.
fn target(text: &str, all: &[InstanceAddr]) -> Outcome<Target> {
    let target: Target = text.parse().map_err(|error| {
        let detail = format!("\"{text}\" is not an address: {error}");
        Failure::new(syntax_summary(text), detail)
    })?;
    let (summary, is_there) = match &target {
        Target::Module(_) => (
            "Unknown module",
            all.iter().any(|addr| target.contains(addr)),
        ),
        // All instances of a module are listed with it, but a resource is in one of them.
        Target::Resource(wanted) => (
            match wanted.key {
                InstanceKey::None => "Unknown resource",
                _ => "Unknown resource instance",
            },
            all.iter()
                .any(|addr| addr.resource == wanted.resource && target.contains(addr)),
        ),
    };
    match is_there {
        true => Ok(target),
        false => {
            let detail = format!(
                "The state has nothing at {text}. What is new in the configuration, or has another count or for_each there, is in the state after the next apply."
            );
            Err(Failure::new(summary, detail))
        }
    }
}

/// Whether the object that an instance is has an id.
fn has_id(state: &Snapshot, addr: &InstanceAddr, id: &str) -> bool {
    let object = state.instance(addr).and_then(|i| i.current.as_ref());
    match object.map(|o| &o.attributes) {
        Some(Attributes::Json(text)) => {
            let value: Option<serde_json::Value> = serde_json::from_str(text.as_str()).ok();
            value.is_some_and(|v| v.get("id").and_then(|v| v.as_str()) == Some(id))
        }
        Some(Attributes::Flatmap(map)) => map.get("id").is_some_and(|found| found == id),
        None => false,
    }
}

async fn show(view: &View, path: Option<&Path>, address: &str) -> Outcome<()> {
    let state = present(path)?;
    let addr: InstanceAddr = address.parse().map_err(|error| {
        let detail = format!(
            "This is not the address of an instance: {error}\n\nmuster state list shows what is there."
        );
        let summary = format!("Error parsing instance address: {address}");
        Failure::new(summary, detail)
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
