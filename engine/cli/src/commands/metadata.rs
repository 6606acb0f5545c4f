//! `muster metadata`

use std::process::ExitCode;

use crate::args::Metadata;

/// Describes functions.
pub(crate) fn run(args: &Metadata) -> ExitCode {
    let Metadata::Functions { json } = args;
    if !json {
        errln!("Error: metadata functions writes JSON only; give it -json.");
        return ExitCode::FAILURE;
    }
    outln!("{}", muster_render::functions_json());
    ExitCode::SUCCESS
}
