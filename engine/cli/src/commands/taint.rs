//! `muster taint` and `muster untaint`

use std::process::ExitCode;

use clap::Args;
use muster_addr::{InstanceAddr, Mode};
use muster_lang::{Diagnostic, Diags, Sources};
use muster_snapshot::Status;

use super::state_edit::edit;
use crate::args;
use crate::error::{Failure, Outcome};
use crate::locking::Backups;
use crate::view::View;

/// `taint` and `untaint`
#[derive(Debug, Args)]
pub(crate) struct Taint {
    #[command(flatten)]
    pub locking: args::Locking,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// An instance that is not there is no error.
    #[arg(long)]
    pub allow_missing: bool,
    /// The instance.
    #[arg(value_name = "ADDRESS")]
    pub address: String,
}

/// Marks an instance: the next plan replaces it.
pub(crate) fn taint(args: &Taint) -> ExitCode {
    run(args, Status::Tainted)
}

/// Takes the mark away.
pub(crate) fn untaint(args: &Taint) -> ExitCode {
    run(args, Status::Ready)
}

fn run(args: &Taint, status: Status) -> ExitCode {
    let view = View::new(&args::View {
        no_color: args.no_color,
        ..args::View::default()
    });
    match mark(args, status, &view) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

fn mark(args: &Taint, status: Status, view: &View) -> Outcome<()> {
    let text = &args.address;
    let addr: InstanceAddr = text.parse().map_err(|error| {
        let detail = format!("\"{text}\" is not the address of an instance: {error}");
        Failure::new("Invalid address", detail)
    })?;
    if addr.resource.resource.mode != Mode::Managed {
        let detail = "Only managed resources can be replaced, so only they can be marked for it.";
        return Err(Failure::new("Invalid address", detail));
    }
    let missing = |detail: String| {
        let d = match args.allow_missing {
            true => Diagnostic::warning("No such resource instance", detail),
            false => Diagnostic::error("No such resource instance", detail),
        };
        Diags::from(d)
    };
    let detail = format!("The state has no {addr}. muster state list shows what is there.");
    let result = edit(&args.locking, Backups::Last, |state| {
        let resource = state.resources.get(&addr.resource);
        let object = resource
            .and_then(|r| r.instances.get(&addr.key))
            .and_then(|i| i.current.clone());
        let (Some(resource), Some(mut object)) = (resource, object) else {
            return match args.allow_missing {
                true => {
                    view.diags(&missing(detail.clone()), &Sources::default());
                    Ok(false)
                }
                false => Err(missing(detail.clone()).into()),
            };
        };
        let provider = resource.provider_of(&addr.key);
        match status {
            Status::Tainted => outln!("Resource instance {addr} has been marked as tainted."),
            _ if !object.is_tainted() => {
                let detail = format!("{addr} is not tainted, so there is no mark to take away.");
                let summary = "Resource instance is not tainted";
                return Err(Failure::new(summary, detail));
            }
            _ => outln!("Resource instance {addr} has been successfully untainted."),
        }
        object.status = status;
        state.put(&addr, &provider, object);
        Ok(true)
    });
    match result {
        Err(_)
            if args.allow_missing
                && super::output::read(args.locking.state.as_deref())?.is_none() =>
        {
            view.diags(&missing(detail), &Sources::default());
            Ok(())
        }
        result => result,
    }
}
