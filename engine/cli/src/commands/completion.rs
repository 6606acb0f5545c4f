//! `muster completion`

use std::process::ExitCode;

use clap::CommandFactory;

use crate::args::{Cli, Completion};

/// Writes a completion script.
pub(crate) fn run(args: &Completion) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "muster", &mut script);
    out!("{}", String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}
