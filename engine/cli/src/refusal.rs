//! Arguments that make no sense: what is said about them.

use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use muster_addr::shell_word;
use muster_lang::Sources;

use crate::error::Failure;
use crate::view::View;
use crate::{args, bool_flags, help, plan_file};

/// Commands whose `-json` is a stream of documents, with what is wrong with arguments among them.
const STREAMS: &[&str] = &["init", "plan", "apply", "destroy", "refresh", "import"];

/// The exit code of a program that was given no command.
const NO_COMMAND: u8 = 127;

/// Why arguments make no sense.
#[derive(Debug)]
pub(crate) enum Reason {
    /// What is wrong with the flags, without a full stop.
    Flags(String),
    /// `-chdir` names no directory.
    Folder,
    /// What the parser found.
    Parser(Box<clap::Error>),
}

/// Whether `-chdir` stands before the command without a directory behind its equals sign. The next
/// word may well be the command, so that it is never taken for the directory.
pub(crate) fn names_no_folder(args: &[String]) -> bool {
    let options = args.iter().skip(1).take_while(|arg| arg.starts_with('-'));
    let mut names = options.map(|arg| arg.trim_start_matches('-'));
    names.any(|name| matches!(name, "chdir" | "chdir="))
}

/// Says what is wrong with the arguments, or the help that they ask for.
pub(crate) fn print(reason: &Reason, args: &[String]) -> ExitCode {
    let path = help::path(args);
    let error = match reason {
        Reason::Flags(detail) => return refuse(FLAGS, &format!("{detail}."), args, &path),
        Reason::Folder => {
            return refuse(NO_FOLDER, "Write muster -chdir=DIR COMMAND.", args, &path);
        }
        Reason::Parser(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            out!("{}", help::text(&path));
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            out!("{}", help::text(&path));
            match path.is_empty() {
                true => ExitCode::from(NO_COMMAND),
                false => ExitCode::FAILURE,
            }
        }
        ErrorKind::InvalidSubcommand => no_such_command(error, &path),
        _ => {
            let (summary, detail) = wording(error, args, &path);
            refuse(&summary, &detail, args, &path)
        }
    }
}

const FLAGS: &str = "Failed to parse command-line flags";
const NO_FOLDER: &str =
    "Invalid -chdir option: must include an equals sign followed by a directory path";
const TOO_MANY: &str = "Too many command line arguments";

fn refuse(summary: &str, detail: &str, args: &[String], path: &[String]) -> ExitCode {
    let has = |flag: &str| bool_flags::is_set(args, flag);
    let streams = path.first().is_some_and(|c| STREAMS.contains(&c.as_str()));
    let json = streams && has("--json");
    let view = View::new(&args::View {
        json,
        no_color: has("--no-color"),
        ..args::View::default()
    });
    let code = view.fail(&Failure::new(summary, detail), &Sources::default());
    if !json {
        let command = command(path);
        errln!("\nFor more help on using this command, run:\n  {command} -help");
    }
    code
}

/// The command knows no form of output but JSON, which it was not asked for.
pub(crate) fn only_json(command: &[&str]) -> ExitCode {
    let path: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    let name = self::command(&path);
    let summary = format!("The `{name}` command requires the `-json` flag.");
    let detail = "What it shows is for tools: JSON is its only form.";
    refuse(&summary, detail, &[], &path)
}

fn no_such_command(error: &clap::Error, path: &[String]) -> ExitCode {
    /// Commands that people know from elsewhere, and that there are none of here.
    const UNBUILT: &[&str] = &["login", "logout"];
    let name = text(error, ContextKind::InvalidSubcommand).unwrap_or_default();
    let command = command(path);
    if path.is_empty() && UNBUILT.contains(&name.as_str()) {
        errln!("Error: muster has no command \"{name}\" yet; muster -help lists what there is.");
        return ExitCode::FAILURE;
    }
    let near = suggestion(error, ContextKind::SuggestedSubcommand);
    errln!(
        "{command} has no command named \"{name}\".{near}\n\nTo see all of its commands, run:\n  {command} -help"
    );
    ExitCode::FAILURE
}

fn command(path: &[String]) -> String {
    [&["muster".to_owned()], path].concat().join(" ")
}

/// The summary that people know from elsewhere, and what is wrong here.
fn wording(error: &clap::Error, args: &[String], path: &[String]) -> (String, String) {
    let usage = help::usage(path);
    let arg = text(error, ContextKind::InvalidArg).unwrap_or_default();
    match error.kind() {
        ErrorKind::MissingRequiredArgument => {
            let missing = plain(&arg);
            let summary = wanted(path).unwrap_or("Too few command line arguments");
            let detail = format!("What is missing: {missing}.\nUsage: {usage}");
            (summary.to_owned(), detail)
        }
        ErrorKind::UnknownArgument => match arg.starts_with('-') {
            true => {
                let flag = arg.trim_start_matches('-');
                let near = misplaced(flag, args, path).or_else(|| help::near(path, flag));
                let near = near.unwrap_or_default();
                let detail = format!("flag provided but not defined: -{flag}{near}");
                (FLAGS.to_owned(), detail)
            }
            false if is_saved_plan(&arg, args, path) => saved_plan(&arg),
            false => too_many(&arg, path),
        },
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => bad_value(error, &arg),
        ErrorKind::ArgumentConflict => {
            let other = text(error, ContextKind::PriorArg).unwrap_or_default();
            let others: Vec<String> = other.split(", ").map(name).collect();
            let others = others.join(" and ");
            let detail = format!("{} cannot be given together with {others}.", name(&arg));
            (conflict(path).to_owned(), detail)
        }
        _ => (FLAGS.to_owned(), plain(&error.kind().to_string())),
    }
}

/// Advice about a flag that is right, but stands on the wrong side of the command.
fn misplaced(flag: &str, args: &[String], path: &[String]) -> Option<String> {
    let verb = path.last()?;
    let command = path.join(" ");
    if flag == "chdir" {
        return Some(format!(
            "\nThis one stands before the command: muster -chdir=DIR {command}"
        ));
    }
    let is_flag = |arg: &String| {
        let name = arg.strip_prefix("--").and_then(|a| a.split('=').next());
        name == Some(flag)
    };
    let (flag_at, verb_at) = (
        args.iter().position(is_flag)?,
        args.iter().rposition(|arg| arg == verb)?,
    );
    (flag_at < verb_at && help::knows(path, flag))
        .then(|| format!("\nOptions of a command stand behind it: muster {command} -{flag}"))
}

/// Whether `destroy` is given a saved plan.
fn is_saved_plan(arg: &str, args: &[String], path: &[String]) -> bool {
    let mut words = args.iter();
    let folder = words.find_map(|word| word.strip_prefix("--chdir="));
    let file = Path::new(folder.unwrap_or_default()).join(arg);
    path == ["destroy"] && plan_file::is_plan(&file)
}

fn saved_plan(arg: &str) -> (String, String) {
    let summary = "Destroy can't be called with a plan file";
    let detail = format!(
        "destroy makes a plan of its own. A plan that plan -destroy has saved is carried out with:\n  muster apply {}",
        shell_word(arg)
    );
    (summary.to_owned(), detail)
}

/// There is an argument that the command has no place for.
fn too_many(arg: &str, path: &[String]) -> (String, String) {
    let usage = help::usage(path);
    let summary = match path.first().map(String::as_str) {
        Some("output") => "Unexpected argument",
        Some("init" | "get" | "graph" | "console" | "providers") => {
            "Too many command line arguments. Did you mean to use -chdir?"
        }
        _ => wanted(path).unwrap_or(TOO_MANY),
    };
    let advice = match arg {
        "true" | "false" => {
            "\nBools are written behind an equals sign: -lock=false, and not -lock false."
        }
        _ => "\nTo work in another directory, write -chdir=DIR before the command.",
    };
    let detail = format!("There is no place for the argument {arg:?}.{advice}\nUsage: {usage}");
    (summary.to_owned(), detail)
}

/// A value is missing, or is none of those that there can be.
fn bad_value(error: &clap::Error, arg: &str) -> (String, String) {
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let name = name(arg);
    if value.is_empty() && name.starts_with('-') {
        return (FLAGS.to_owned(), format!("flag needs an argument: {name}"));
    }
    let source = std::error::Error::source(error);
    let reason = match (error.get(ContextKind::ValidValue), source) {
        (Some(ContextValue::Strings(valid)), _) if !valid.is_empty() => {
            format!("it can be {}", valid.join(", "))
        }
        (_, Some(source)) if source.is::<std::num::ParseIntError>() => {
            "a whole number is expected".to_owned()
        }
        (_, Some(source)) => source.to_string(),
        _ => "there is no such value".to_owned(),
    };
    let negative = value.parse::<i64>().is_ok_and(|number| number < 0);
    let summary = match name.as_str() {
        "-parallelism" if negative => "Invalid parallelism value",
        name if name.starts_with('-') => FLAGS,
        _ => "Invalid command line argument",
    };
    let detail = format!("{value:?} is no value of {name}: {reason}.");
    (summary.to_owned(), detail)
}

/// How many arguments without a name a command takes, where it takes a certain number.
fn wanted(path: &[String]) -> Option<&'static str> {
    Some(match path.join(" ").as_str() {
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
        "providers mirror" => "No output directory specified",
        _ => return None,
    })
}

/// What options that exclude each other are called.
fn conflict(path: &[String]) -> &'static str {
    match path.join(" ").as_str() {
        "output" => "Invalid output format",
        "providers lock" => "Invalid installation method options",
        _ => "Incompatible command line options",
    }
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    error.get(kind).map(ToString::to_string)
}

/// The name of an option as it is typed, without its value, or of another argument.
fn name(arg: &str) -> String {
    let name = arg.split([' ', '=', '[']).next().unwrap_or_default();
    match name.starts_with('-') {
        true => plain(name),
        false => plain(arg),
    }
}

/// What the parser writes, as it is typed here.
fn plain(text: &str) -> String {
    text.replace("--", "-").replace(['<', '>'], "")
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
