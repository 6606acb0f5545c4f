//! Bools that are given to flags: `-auto-approve=true` is `-auto-approve`, and
//! `-auto-approve=false` is nothing. Programs that drive others write flags so.

use std::any::TypeId;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::args::Cli;

/// Takes the values off flags that stand alone otherwise, and writes the values of other bools as
/// the parser knows them. As always the last of a flag counts.
///
/// # Errors
/// A flag is given something that is no bool; the text names both.
pub(crate) fn without_values(args: Vec<String>) -> Result<Vec<String>, String> {
    if !args.iter().any(|arg| split(arg).is_some()) {
        return Ok(args);
    }
    let root = Cli::command();
    let mut command = &root;
    let mut plain = false;
    let mut is_value = false;
    let mut kept: Vec<String> = Vec::with_capacity(args.len());
    for arg in args {
        plain |= arg == "--";
        if !plain && !is_value {
            command = command.find_subcommand(&arg).unwrap_or(command);
        }
        is_value = find(&root, command, &arg).is_some_and(wants_a_word);
        let flag = split(&arg).filter(|_| !plain);
        let flag = flag.and_then(|(name, value)| Some((name, value, find(&root, command, name)?)));
        let Some((name, value, flag)) = flag.filter(|(_, _, flag)| is_bool(flag)) else {
            kept.push(arg);
            continue;
        };
        let alone = matches!(flag.get_action(), ArgAction::SetTrue);
        match (parse(value), alone) {
            (Some(true), true) => kept.push(name.to_owned()),
            (Some(false), true) => kept.retain(|earlier| earlier != name),
            (Some(value), false) => kept.push(format!("{name}={value}")),
            (None, _) => {
                let name = name.trim_start_matches('-');
                return Err(format!("-{name} takes true or false, and not {value:?}"));
            }
        }
    }
    Ok(kept)
}

/// Whether a flag is set by arguments that nobody has made sense of: the last of them counts.
pub(crate) fn is_set(args: &[String], flag: &str) -> bool {
    let options = args.iter().take_while(|arg| *arg != "--");
    let values = options.filter_map(|arg| match split(arg) {
        Some((name, value)) => (name == flag).then(|| parse(value).unwrap_or(false)),
        None => (arg == flag).then_some(true),
    });
    values.last().unwrap_or(false)
}

/// The name, with its dashes, and the value of a long option that has one behind `=`.
fn split(arg: &str) -> Option<(&str, &str)> {
    arg.split_once('=')
        .filter(|(name, _)| name.starts_with("--"))
}

fn parse(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The option of the command, or of all commands, that has this name with dashes.
fn find<'c>(root: &'c Command, command: &'c Command, name: &str) -> Option<&'c Arg> {
    let name = name.strip_prefix("--")?;
    let global = root.get_arguments().filter(|arg| arg.is_global_set());
    command.get_arguments().chain(global).find(|arg| {
        let aliases = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(name) || aliases.contains(&name)
    })
}

fn is_bool(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
        || arg.get_value_parser().type_id() == TypeId::of::<bool>()
}

/// Whether the word behind the option is its value.
fn wants_a_word(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &str, expect: &str) {
        let args = args.split(' ').map(str::to_owned).collect();
        let found = without_values(args).map(|args| args.join(" "));
        assert_eq!(found.unwrap_or_else(|reason| reason), expect);
    }

    #[test]
    fn flags_take_bools() {
        check(
            "muster apply --auto-approve=true p",
            "muster apply --auto-approve p",
        );
        check("muster apply --auto-approve=False p", "muster apply p");
        check(
            "muster apply --auto-approve=0 --json=1",
            "muster apply --json",
        );
        check(
            "muster providers schema --json=true",
            "muster providers schema --json",
        );
        check(
            "muster state list --no-color=T",
            "muster state list --no-color",
        );
    }

    #[test]
    fn options_take_every_form() {
        check(
            "muster plan --refresh=F --lock=1 --input=TRUE",
            "muster plan --refresh=false --lock=true --input=true",
        );
        check(
            "muster init --cloud=f --upgrade=t",
            "muster init --cloud=false --upgrade=true",
        );
    }

    #[test]
    fn the_last_counts() {
        check("muster plan --json --json=false", "muster plan");
        check("muster plan --json=false --json", "muster plan --json");
    }

    #[test]
    fn flags_are_seen_in_what_makes_no_sense() {
        let check = |args: &str, expect: bool| {
            let args: Vec<String> = args.split(' ').map(str::to_owned).collect();
            assert_eq!(is_set(&args, "--json"), expect, "{args:?}");
        };
        check("muster plan --nosuch --json", true);
        check("muster plan --json=1 --nosuch", true);
        check("muster plan --json --json=false", false);
        check("muster plan --json=maybe", false);
        check("muster plan -- --json", false);
        check("muster plan --nosuch", false);
    }

    #[test]
    fn commands_are_told_from_values() {
        check(
            "muster --chdir plan apply --auto-approve=0",
            "muster --chdir plan apply",
        );
        check(
            "muster workspace new list --lock=0",
            "muster workspace new list --lock=false",
        );
    }

    #[test]
    fn other_values_stay() {
        check("muster plan --out=true", "muster plan --out=true");
        check("muster plan --nonsense=true", "muster plan --nonsense=true");
        check("muster apply -- --json=true", "muster apply -- --json=true");
    }

    #[test]
    fn what_is_no_bool_is_refused() {
        check(
            "muster apply --auto-approve=maybe",
            "-auto-approve takes true or false, and not \"maybe\"",
        );
        check(
            "muster plan --lock=",
            "-lock takes true or false, and not \"\"",
        );
        check(
            "muster plan --refresh=tRUE",
            "-refresh takes true or false, and not \"tRUE\"",
        );
    }
}
