//! `muster recover`

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use muster_addr::InstanceAddr;
use muster_lang::{Diags, Sources};
use muster_store::{Intent, Journaled};

use super::import::{self, Import};
use crate::args;
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock, redirected};
use crate::recovery;
use crate::session::Session;
use crate::view::View;

/// `recover`
#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    pub view: args::View,
    #[command(flatten)]
    pub inputs: args::Inputs,
    #[command(flatten)]
    pub locking: args::Locking,
    /// The object was never made: it may be created.
    #[arg(long, requires = "address", conflicts_with = "id")]
    pub absent: bool,
    /// The instance whose creation was interrupted; all of them are listed without it.
    #[arg(value_name = "ADDRESS")]
    pub address: Option<String>,
    /// What the provider knows the object by: it becomes that instance.
    #[arg(value_name = "ID", requires = "address")]
    pub id: Option<String>,
}

/// Settles creations that were interrupted.
pub(crate) async fn run(args: Recover) -> ExitCode {
    if let (Some(address), Some(id)) = (args.address.clone(), args.id.clone()) {
        // An import settles what was interrupted at its address.
        return import::run(&Import {
            view: args.view,
            inputs: args.inputs,
            locking: args.locking,
            config: None,
            parallelism: 10,
            address,
            id,
        })
        .await;
    }
    let view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    let result = match &args.address {
        None => list(&args, &view),
        Some(address) => settle(&args, address, &view),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

/// The store, with what a killed run has left brought into it.
fn open(args: &Recover, view: &View) -> Outcome<Journaled> {
    let session =
        Session::load(Sources::default()).map_err(|(failure, sources)| failure.within(sources))?;
    let opened = session.store(args.locking.state.as_deref())?;
    let store = redirected(opened, &args.locking, Backups::Last)?;
    let guard = lock(&store, &args.locking, "recover")?;
    let found = recovery::warnings(&store);
    match args.view.json {
        // The list is one document.
        true => errln!("{}", plain(&found)),
        false => view.diags(&found, &Sources::default()),
    }
    if let Some(guard) = guard {
        guard.release()?;
    }
    Ok(store)
}

fn list(args: &Recover, view: &View) -> Outcome<()> {
    let open = open(args, view)?.in_flight()?;
    if view.is_json() {
        let listed: Vec<_> = open.iter().map(as_json).collect();
        outln!("{}", serde_json::json!({ "interrupted": listed }));
        return Ok(());
    }
    if open.is_empty() {
        outln!("No creation was interrupted.");
    }
    for intent in &open {
        outln!("{}", intent.addr);
        outln!("    begun     {}", intent.created);
        outln!("    provider  {}", intent.provider.provider.for_display());
        for (name, value) in &intent.ids {
            outln!("    {name:<8}  {value}");
        }
    }
    if !open.is_empty() {
        outln!(
            "\nThe next plan looks for these objects before it creates any. What it cannot find"
        );
        outln!("out is told it by:");
        outln!("  muster recover ADDRESS ID       the object is there, known by this id");
        outln!("  muster recover -absent ADDRESS  it was never made, or is gone");
    }
    Ok(())
}

/// What was found, for people who look at a log.
fn plain(found: &Diags) -> String {
    let texts = found.iter().map(|d| format!("{}: {}", d.summary, d.detail));
    texts.collect::<Vec<_>>().join("\n")
}

fn as_json(intent: &Intent) -> serde_json::Value {
    let ids = intent.ids.iter().cloned();
    let ids: BTreeMap<String, String> = ids.collect();
    serde_json::json!({
        "address": intent.addr.to_string(),
        "provider": intent.provider.provider.to_string(),
        "begun": intent.created,
        "ids": ids,
    })
}

fn settle(args: &Recover, address: &str, view: &View) -> Outcome<()> {
    let addr: InstanceAddr = address.parse().map_err(|error| {
        let detail = format!("\"{address}\" is not the address of an instance: {error}");
        Failure::new("Invalid address", detail)
    })?;
    let store = open(args, view)?;
    if !store.in_flight()?.iter().any(|intent| intent.addr == addr) {
        let detail =
            format!("No creation of {addr} was interrupted. muster recover lists those that were.");
        return Err(Failure::new("Nothing to recover", detail));
    }
    if !args.absent {
        let detail = "Say what became of it: give the id that the provider knows the object by, or -absent if it was never made.";
        return Err(Failure::new("Nothing said about the object", detail));
    }
    let guard = lock(&store, &args.locking, "recover")?;
    store.settle(|intent| intent.addr == addr)?;
    if let Some(guard) = guard {
        guard.release()?;
    }
    view.say(&format!("{addr} may be created again.\n"));
    Ok(())
}
