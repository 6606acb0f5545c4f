//! `muster metadata`

use std::process::ExitCode;

use crate::args::Metadata;
use crate::refusal;

/// Describes functions.
pub(crate) fn run(args: &Metadata) -> ExitCode {
    let Metadata::Functions { json } = args;
    if !json {
        return refusal::only_json(&["metadata", "functions"]);
    }
    outln!("{}", muster_render::functions_json());
    ExitCode::SUCCESS
}
