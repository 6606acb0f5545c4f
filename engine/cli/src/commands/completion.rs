//! `muster completion`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Cli, Completion};

/// Writes a completion script.
pub(crate) fn run(args: &Completion) -> ExitCode {
    clap_complete::generate(
        args.shell,
        &mut Cli::command(),
        "muster",
        &mut std::io::stdout(),
    );
    ExitCode::SUCCESS
}
