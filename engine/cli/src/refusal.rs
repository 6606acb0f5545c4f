//! Arguments that make no sense: what is said about them.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Says what is wrong with the arguments, or the help that they ask for.
pub(crate) fn print(error: &clap::Error) -> ExitCode {
    // Help and the like are no errors.
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    match wording(error) {
        Some(text) => errln!("{text}"),
        None => {
            let _ = error.print();
        }
    }
    ExitCode::FAILURE
}

/// What people know from elsewhere for what nobody knows.
fn wording(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::MissingRequiredArgument => Some(expected(error, wanted(&command(error))?)),
        ErrorKind::UnknownArgument => {
            let flag = text(error, ContextKind::InvalidArg)?;
            let Some(flag) = flag.strip_prefix('-') else {
                let many = "Too many command line arguments";
                let what = wanted(&command(error)).unwrap_or(many);
                return Some(expected(error, what));
            };
            let flag = flag.trim_start_matches('-');
            let near = suggestion(error, ContextKind::SuggestedArg);
            let command = command(error);
            Some(format!(
                "Error: Failed to parse command-line flags\n\nflag provided but not defined: -{flag}{near}\n\nFor more help on using this command, run:\n  {command} -help"
            ))
        }
        ErrorKind::InvalidSubcommand => {
            let name = text(error, ContextKind::InvalidSubcommand)?;
            let near = suggestion(error, ContextKind::SuggestedSubcommand);
            let command = command(error);
            Some(format!(
                "{command} has no command named \"{name}\".{near}\n\nTo see all of its commands, run:\n  {command} -help"
            ))
        }
        _ => None,
    }
}

/// How many arguments without a name a command takes, where it takes a certain number.
fn wanted(command: &str) -> Option<&'static str> {
    Some(match command.split_once(' ')?.1 {
        "workspace new" | "workspace select" | "workspace delete" => {
            "Expected a single argument: NAME."
        }
        "state mv" | "state replace-provider" => "Exactly two arguments expected.",
        "state show" | "state push" => "Exactly one argument expected.",
        "state rm" => "At least one address is required.",
        "import" => "The import command expects two arguments.",
        "taint" => "The taint command expects exactly one argument.",
        "untaint" => "The untaint command expects exactly one argument.",
        "force-unlock" => "Expected a single argument: LOCK_ID",
        _ => return None,
    })
}

/// A refusal with the usage of the command.
fn expected(error: &clap::Error, what: &str) -> String {
    let usage = text(error, ContextKind::Usage).unwrap_or_default();
    let command = command(error);
    format!(
        "Error: {what}\n\n{}\n\nFor more help on using this command, run:\n  {command} -help",
        usage.trim().replace("--", "-")
    )
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    error.get(kind).map(ToString::to_string)
}

fn suggestion(error: &clap::Error, kind: ContextKind) -> String {
    let near = match error.get(kind) {
        Some(ContextValue::String(one)) => Some(one),
        Some(ContextValue::Strings(several)) => several.first(),
        _ => None,
    };
    let near = near.map(|name| name.replace("--", "-"));
    near.map_or_else(String::new, |name| format!("\nDid you mean {name}?"))
}

/// The command that the arguments are for, from its usage.
fn command(error: &clap::Error) -> String {
    let usage = text(error, ContextKind::Usage).unwrap_or_default();
    let words = usage.split_whitespace().skip(1);
    let plain = words.take_while(|word| !word.starts_with(['[', '<', '-']));
    plain.collect::<Vec<_>>().join(" ")
}
