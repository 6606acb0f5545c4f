//! What `-help` shows: options as they are typed, in groups, on lines that fit.

mod near;

use std::fmt::Write;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::args::Cli;
pub(crate) use near::near;

/// How many columns text has.
const WIDTH: usize = 80;

/// The most columns that names have to the left of what they mean.
const NAMES: usize = 30;

/// Commands that have no more options than this show them in one group.
const FEW: usize = 5;

/// The commands that everybody needs, in the order in which they are needed.
const MAIN: &[&str] = &["init", "validate", "plan", "apply", "destroy"];

/// What options of many commands are about. The others are a command's own.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Planning options",
        &[
            "destroy",
            "refresh-only",
            "refresh",
            "target",
            "exclude",
            "replace",
        ],
    ),
    ("Input options", &["var", "var-file", "input"]),
    (
        "State options",
        &[
            "lock",
            "lock-timeout",
            "state",
            "state-out",
            "backup",
            "backup-out",
        ],
    ),
    (
        "Output options",
        &[
            "json",
            "json-into",
            "no-color",
            "compact-warnings",
            "profile",
        ],
    ),
];

/// The command that arguments are for, word by word; empty for the program itself. A word in
/// front that asks for help is none of it.
pub(crate) fn path(args: &[String]) -> Vec<String> {
    let mut command = Cli::command();
    let mut path = Vec::new();
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--chdir" | "-chdir" if path.is_empty() => drop(words.next()),
            "help" => {}
            flag if flag.starts_with('-') => {}
            name => {
                let Some(next) = command.find_subcommand(name).cloned() else {
                    break;
                };
                path.push(next.get_name().to_owned());
                command = next;
            }
        }
    }
    path
}

/// The help of a command.
pub(crate) fn text(path: &[String]) -> String {
    let command = find(path);
    let mut text = format!("Usage: {}\n", usage(path));
    if let Some(about) = command.get_about() {
        let about = about.to_string();
        let _ = write!(
            text,
            "\n{}",
            paragraph(&format!("{}.", about.trim_end_matches('.')), 2)
        );
    }
    for (title, entries) in sections(&command, path) {
        if !entries.is_empty() {
            let _ = write!(text, "\n{title}:\n\n{}", table(&entries));
        }
    }
    let rest = match command.get_after_help() {
        Some(rest) => rest.to_string(),
        None => format!("Examples:\n  muster {}", path.join(" ")),
    };
    text.push('\n');
    for line in rest.lines() {
        text.push_str(&match line.starts_with(' ') {
            // Examples are to be copied as they are.
            true => format!("{line}\n"),
            false => paragraph(line, 0),
        });
    }
    text
}

/// How a command is typed.
pub(crate) fn usage(path: &[String]) -> String {
    let command = find(path);
    let mut words = vec!["muster".to_owned(), "[global options]".to_owned()];
    words.extend(path.iter().cloned());
    if !path.is_empty() && command.get_arguments().any(is_shown) {
        words.push("[options]".to_owned());
    }
    if command.has_subcommands() {
        // The one that can be left out also does something alone.
        words.push(match command.is_subcommand_required_set() {
            true => "COMMAND".to_owned(),
            false => "[COMMAND]".to_owned(),
        });
    }
    words.extend(command.get_positionals().map(|arg| {
        let name = placeholder(arg);
        let several = match arg.get_action() {
            ArgAction::Append => "...",
            _ => "",
        };
        match arg.is_required_set() {
            true => format!("{name}{several}"),
            false => format!("[{name}{several}]"),
        }
    }));
    words.join(" ")
}

/// Whether a command has an option of this name.
pub(crate) fn knows(path: &[String], option: &str) -> bool {
    let command = find(path);
    command.get_arguments().any(|arg| long(arg) == option)
}

fn find(path: &[String]) -> Command {
    path.iter().fold(Cli::command(), |command, name| {
        command.find_subcommand(name).cloned().unwrap_or(command)
    })
}

/// Names, and what they mean.
type Entries = Vec<(String, String)>;

fn sections(command: &Command, path: &[String]) -> Vec<(&'static str, Entries)> {
    let shown = command.get_subcommands().filter(|c| !c.is_hide_set());
    let (mut main, mut other): (Vec<_>, Vec<_>) =
        shown.partition(|c| path.is_empty() && MAIN.contains(&c.get_name()));
    main.sort_by_key(|c| MAIN.iter().position(|name| *name == c.get_name()));
    other.sort_by_key(|c| c.get_name());
    let commands = |list: Vec<&Command>| -> Entries { list.into_iter().map(described).collect() };
    let title = match path.is_empty() {
        true => "Other commands",
        false => "Commands",
    };
    let positionals = command.get_positionals();
    let arguments = positionals.map(|arg| (placeholder(arg), meaning(arg)));
    let mut sections = vec![
        ("Main commands", commands(main)),
        (title, commands(other)),
        ("Arguments", arguments.collect()),
    ];
    sections.extend(options(command, path));
    sections
}

fn described(command: &Command) -> (String, String) {
    let about = command.get_about().map(ToString::to_string);
    (command.get_name().to_owned(), about.unwrap_or_default())
}

fn options(command: &Command, path: &[String]) -> Vec<(&'static str, Entries)> {
    let shown = command.get_arguments().filter(|arg| is_shown(arg));
    let shown: Vec<&Arg> = shown.collect();
    let entries = |belongs: &dyn Fn(&str) -> bool| -> Entries {
        let these = shown.iter().filter(|arg| belongs(long(arg)));
        these.map(|arg| (typed(arg), meaning(arg))).collect()
    };
    if path.is_empty() {
        let mut global = entries(&|_| true);
        global.push((
            "-help".to_owned(),
            "Show this, or the help of a command".into(),
        ));
        global.push(("-version".to_owned(), "As the command version".into()));
        return vec![("Global options, before the command", global)];
    }
    if shown.len() <= FEW {
        return vec![("Options", entries(&|_| true))];
    }
    let grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let own = ("Options", entries(&|name| !grouped(name)));
    let groups = GROUPS.iter();
    let groups = groups.map(|(title, names)| (*title, entries(&|name| names.contains(&name))));
    std::iter::once(own).chain(groups).collect()
}

/// Whether an argument is an option that help has.
pub(crate) fn is_shown(arg: &Arg) -> bool {
    arg.get_long().is_some() && !arg.is_hide_set()
}

fn long(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_default()
}

/// An option as it is typed.
fn typed(arg: &Arg) -> String {
    let name = long(arg);
    if !arg.get_action().takes_values() {
        return format!("-{name}");
    }
    let value = placeholder(arg);
    match value.contains('=') {
        true => format!("-{name} '{value}'"),
        false => format!("-{name}={value}"),
    }
}

/// What stands for the value of an argument.
fn placeholder(arg: &Arg) -> String {
    let name = arg.get_value_names().and_then(|names| names.first());
    name.map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string)
}

/// What an argument means, which values it may have, and which it has when nobody gives it one.
fn meaning(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let is_bool = placeholder(arg) == "BOOL";
    let values = arg.get_possible_values();
    if !values.is_empty() && !is_bool && arg.get_action().takes_values() {
        let names: Vec<&str> = values.iter().map(|value| value.get_name()).collect();
        let _ = write!(text, " (one of {})", names.join(", "));
    }
    if let [default] = arg.get_default_values()
        && arg.get_action().takes_values()
    {
        let _ = write!(text, " [default: {}]", default.to_string_lossy());
    }
    text
}

/// Names to the left, what they mean to the right.
fn table(entries: &Entries) -> String {
    let widths = entries.iter().map(|(name, _)| name.chars().count());
    let width = widths.filter(|width| *width <= NAMES).max().unwrap_or(0);
    let mut text = String::new();
    for (name, meaning) in entries {
        let meaning = paragraph(meaning, width + 4);
        if name.chars().count() > width {
            let _ = write!(text, "  {name}\n{meaning}");
        } else {
            let _ = write!(text, "  {name:width$}  {}", meaning.trim_start());
        }
    }
    text
}

/// Words on lines that fit, behind some blanks. What fits nowhere has a line of its own.
fn paragraph(words: &str, indent: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            column = 0;
        }
        match column {
            0 => {
                let _ = write!(text, "{:indent$}{word}", "");
                column = indent + length;
            }
            _ => {
                let _ = write!(text, " {word}");
                column += 1 + length;
            }
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
