//! Automation of this workspace: `cargo xtask COMMAND`.

mod bench;
mod codegen;
mod differ;
mod tidy;
mod torture;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
Automation of this workspace.

Usage: cargo xtask COMMAND

Commands:
  bench start  Time the release build beside terraform: start-up and the least of work
  bench lang   Time parsing, fmt, validate and evaluation on big files, beside terraform
  bench state  Tell what part of big applies the keeping of their state is: bench state [PROGRAM];
               without it, the release build is made and used
  codegen      Generate the Rust code of the plugin protocols from schemas/*.proto
  differ       Compare with terraform on random input: differ KIND [--count N] [--seed S],
               where KIND is expressions, numbers, heredocs or files
  tidy         Check what the compiler does not: crate floors, generated code, file lengths
  torture      Kill applies at random moments and compare what exists with the state:
               torture [--runs N] [--seed S] [--jobs N] [--provider sim|aws] [--bin PATH]
               [--quick] [--terraform]; without --bin, the release build is made and used
  help         Show this text
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[&str]) -> Result<()> {
    match args {
        ["codegen"] => codegen::write(&root()),
        ["bench", "start"] => bench::start(&root()),
        ["bench", "lang"] => bench::lang(&root()),
        ["bench", "state"] => bench::state(&root(), None),
        ["bench", "state", program] => bench::state(&root(), Some(program)),
        ["measure", program @ ..] => bench::measure(program),
        ["tidy"] => tidy::check(&root()),
        ["torture", rest @ ..] => torture::run(&root(), rest),
        ["differ", rest @ ..] => differ::run(rest),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        other => bail!(
            "there is no command \"{}\"; see cargo xtask help",
            other.join(" ")
        ),
    }
}

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}
