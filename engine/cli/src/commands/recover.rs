//! `muster recover`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use muster_addr::InstanceAddr;
use muster_lang::Sources;
use muster_store::{Intent, Journaled, LockInfo, SetAside, to_seconds};

use super::import::{self, Import};
use crate::args;
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock, lock_timeout, redirected};
use crate::recovery;
use crate::session::{Session, TERRAFORM_VERSION};
use crate::transfer;
use crate::view::{self, View};

/// At most so many addresses of a journal are listed.
const MOST_NAMED: usize = 20;

/// `recover`
#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    pub view: args::View,
    #[command(flatten)]
    pub inputs: args::Inputs,
    #[command(flatten)]
    pub in_place: args::InPlace,
    /// The object was never made: it may be created.
    #[arg(long, requires = "address", conflicts_with = "id")]
    pub absent: bool,
    /// Brings a journal into the state that was set aside, or is damaged.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["address", "absent"])]
    pub adopt: Option<PathBuf>,
    /// Gives up a move of objects from or to another state that was interrupted and cannot be
    /// finished.
    #[arg(long, conflicts_with_all = ["address", "absent", "adopt"])]
    pub drop_move: bool,
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
            locking: args.in_place.locking(),
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
    let result = match (&args.adopt, &args.address) {
        _ if args.drop_move => drop_move(&args, &view),
        (Some(path), _) => adopt(&args, path, &view),
        (None, Some(address)) => settle(&args, address, &view),
        (None, None) => list(&args, &view),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

fn store(args: &Recover) -> Outcome<Journaled> {
    let session =
        Session::load(Sources::default()).map_err(|(failure, sources)| failure.within(sources))?;
    let opened = session.store(args.in_place.state_options.state.as_deref())?;
    redirected(opened, &args.in_place.locking(), Backups::Last)
}

/// The store, with what a killed run has left brought into it.
fn open(args: &Recover, view: &View) -> Outcome<Journaled> {
    let store = store(args)?;
    let guard = lock(&store, &args.in_place.locking(), "recover")?;
    // Creations are listed, or are what the command is about.
    let told = store.in_flight()?.into_iter().map(|intent| intent.addr);
    let found = recovery::warnings_beside(&store, &told.collect());
    match args.view.json {
        // The list is one document.
        true => {
            view::warn(&found);
            recovery::were_shown(&found);
        }
        false => view.diags(&found, &Sources::default()),
    }
    if let Some(guard) = guard {
        guard.release()?;
    }
    Ok(store)
}

fn list(args: &Recover, view: &View) -> Outcome<()> {
    let store = open(args, view)?;
    let (open, aside) = (store.in_flight()?, store.set_aside()?);
    if view.is_json() {
        let listed: Vec<_> = open.iter().map(as_json).collect();
        let journals: Vec<_> = aside.iter().map(journal_json).collect();
        let document = serde_json::json!({ "interrupted": listed, "journals": journals });
        outln!("{document}");
        return Ok(());
    }
    list_creations(&open);
    list_journals(&aside);
    Ok(())
}

fn list_creations(open: &[Intent]) {
    match open {
        [] => outln!(
            "No creation was interrupted. Interrupted updates and deletions are for the next plan, which\nreads these objects again."
        ),
        _ => outln!("Nobody knows yet whether these objects were made:\n"),
    }
    for intent in open {
        outln!("{}", intent.addr);
        outln!("    begun     {}", to_seconds(&intent.created));
        outln!("    provider  {}", intent.provider.provider.for_display());
        for (name, value) in &intent.ids {
            outln!("    {name:<8}  {value}");
        }
    }
    if !open.is_empty() {
        outln!(
            "\nPlan and apply look for them before they create any again. What they cannot find out,\ntell them:"
        );
        outln!("  muster recover ADDRESS ID       the object is there, known by this id");
        outln!("  muster recover -absent ADDRESS  it was never made, or is gone");
    }
}

/// Lists journals whose results are not in the state.
fn list_journals(aside: &[SetAside]) {
    if aside.is_empty() {
        return;
    }
    outln!(
        "\nNot everything that these journals have is in the state: others have changed the same objects, or they are damaged."
    );
    for journal in aside {
        outln!("{}", journal.path.display());
        if let Some(run) = &journal.run {
            outln!(
                "    {} of {}, begun {}",
                run.operation,
                run.who,
                to_seconds(&run.created)
            );
        }
        for addr in journal.changed.iter().take(MOST_NAMED) {
            outln!("    has a result of {addr}");
        }
        if journal.changed.len() > MOST_NAMED {
            outln!("    and of {} more", journal.changed.len() - MOST_NAMED);
        }
        if journal.damaged > 0 {
            outln!("    {} bytes of it cannot be read", journal.damaged);
        }
    }
    outln!("\nTo take over what the state does not have:");
    outln!("  muster recover -adopt FILE      its results replace what the state has of them");
    outln!("What is not needed any more can be removed.");
}

/// Brings a journal into the state, whatever that is by now.
fn adopt(args: &Recover, path: &Path, view: &View) -> Outcome<()> {
    let info = LockInfo::new("recover", TERRAFORM_VERSION);
    let lock = lock_timeout(&args.in_place.locking())?.map(|timeout| (info, timeout));
    let report = store(args)?.adopt(path, lock)?;
    let results = match report.results {
        0 => "Nothing was".to_owned(),
        1 => "One result was".to_owned(),
        n => format!("{n} results were"),
    };
    let mut text = format!("{results} brought into the state.");
    if let Some(kept) = &report.kept {
        text += &format!(" The journal is kept as {}.", kept.display());
    }
    if report.damaged > 0 {
        text += &format!(
            " {} bytes of it cannot be read: compare what exists with what `muster plan` is about to do.",
            report.damaged
        );
    }
    view.say(&format!(
        "{text}{}\n",
        recovery::unanswered("\n\nThese calls were never answered:", &report.in_flight)
    ));
    Ok(())
}

/// Removes the record of a move that cannot be finished.
fn drop_move(args: &Recover, view: &View) -> Outcome<()> {
    let store = store(args)?.for_transfers();
    let guard = lock(&store, &args.in_place.locking(), "recover")?;
    let told = transfer::give_up(&store)?;
    if let Some(guard) = guard {
        guard.release()?;
    }
    view.say(&format!("{told}\n"));
    Ok(())
}

fn journal_json(journal: &SetAside) -> serde_json::Value {
    let run = journal.run.as_ref();
    let changed: Vec<String> = journal.changed.iter().map(ToString::to_string).collect();
    serde_json::json!({
        "path": journal.path.display().to_string(),
        "operation": run.map(|run| &run.operation),
        "who": run.map(|run| &run.who),
        "begun": run.map(|run| &run.created),
        "changed": changed,
        "damaged_bytes": journal.damaged,
    })
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
    let guard = lock(&store, &args.in_place.locking(), "recover")?;
    store.settle(|intent| intent.addr == addr)?;
    if let Some(guard) = guard {
        guard.release()?;
    }
    view.say(&format!("{addr} may be created again.\n"));
    Ok(())
}
