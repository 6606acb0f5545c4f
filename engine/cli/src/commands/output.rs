//! `muster output`

use std::process::ExitCode;

use muster_lang::{Diagnostic, Sources};
use muster_snapshot::{OutputValue, Snapshot};
use muster_store::{LocalStore, Store};

use crate::args::Output;
use crate::backend::Opened;
use crate::error::{Failure, Outcome};
use crate::recovery;
use crate::session::Session;
use crate::view::View;

/// Shows outputs.
pub(crate) fn run(args: &Output) -> ExitCode {
    let view = match View::of_document(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    match show(args, &view) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &Sources::default()),
    }
}

fn show(args: &Output, view: &View) -> Outcome<()> {
    if args.raw && args.name.is_none() {
        let detail = "With -raw, one output is printed as it is: say which one.";
        return Err(Failure::new("Output name required", detail));
    }
    let state = read(args.state.as_deref())?.unwrap_or_default();
    if state.outputs.is_empty() && !args.raw && !view.is_json() {
        let detail =
            "The state has no outputs. They are there once they are declared and an apply has run.";
        let warning = Diagnostic::warning("No outputs found", detail);
        view.diags(&warning.into(), &Sources::default());
        return Ok(());
    }
    let Some(name) = &args.name else {
        view.outputs(&state);
        return Ok(());
    };
    let Some(output) = state.outputs.get(name.as_str()) else {
        let detail = format!(
            "The state has no output \"{name}\". An output is there once it is declared and an apply has run."
        );
        return Err(Failure::new(format!("Output \"{name}\" not found"), detail));
    };
    if args.raw {
        out!("{}", raw(name, output)?);
    } else {
        view.output(output);
    }
    Ok(())
}

fn raw(name: &str, output: &OutputValue) -> Outcome<String> {
    muster_render::output_raw(output).map_err(|error| {
        let detail = format!("The output \"{name}\" cannot be shown: {error}.");
        Failure::new("Unsupported value for raw output", detail)
    })
}

/// The state of the working directory, or of a file.
pub(crate) fn read(path: Option<&std::path::Path>) -> Outcome<Option<Snapshot>> {
    let store = match path {
        Some(path) => {
            Opened::Local(LocalStore::new(path).with_codec(crate::encryption::state_codec()))
        }
        None => Session::find_store()?,
    };
    let store = store.any();
    let state = store.read()?;
    recovery::hint(&store);
    Ok(state)
}
