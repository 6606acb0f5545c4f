//! What may be meant by an option that a command does not have.

use clap::{Command, CommandFactory};

use super::{find, is_shown, long};
use crate::args::Cli;

/// How many commands a message names.
const NAMED: usize = 3;

/// Names that are longer are no slips.
const LONGEST: usize = 40;

/// Advice about an option that the command does not have: one of its own that reads alike, or
/// other commands that have this one.
pub(crate) fn near(path: &[String], option: &str) -> Option<String> {
    let command = find(path);
    if let Some(similar) = similar(&command, option) {
        return Some(format!("\nDid you mean -{similar}?"));
    }
    let mut having = Vec::new();
    having_it(&Cli::command(), "muster", option, &mut having);
    let (last, others) = having.split_last()?;
    Some(match (others.is_empty(), others.len() < NAMED) {
        (true, _) => format!("\nIt is an option of {last}."),
        (false, true) => format!("\nIt is an option of {} and {last}.", others.join(", ")),
        (false, false) => format!(
            "\nIt is an option of {} and of {} other commands.",
            others[..NAMED - 1].join(", "),
            having.len() - (NAMED - 1)
        ),
    })
}

/// The option of a command whose name is a slip of the keys away, or begins so.
fn similar(command: &Command, option: &str) -> Option<String> {
    let length = option.chars().count();
    let slips = match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    if length > LONGEST {
        return None;
    }
    let shown = command.get_arguments().filter(|arg| is_shown(arg));
    let names = shown.map(long).map(|name| {
        let begins = length >= 3 && name.starts_with(option);
        let distance = if begins { 0 } else { distance(name, option) };
        (distance, name)
    });
    let close = names.filter(|(distance, _)| *distance <= slips);
    close.min().map(|(_, name)| name.to_owned())
}

/// The commands that have an option of this name.
fn having_it(command: &Command, name: &str, option: &str, found: &mut Vec<String>) {
    for inner in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        let name = format!("{name} {}", inner.get_name());
        let mut arguments = inner.get_arguments().filter(|arg| is_shown(arg));
        if arguments.any(|arg| long(arg) == option) {
            found.push(name.clone());
        }
        having_it(inner, &name, option, found);
    }
}

/// How many characters have to be put in, taken out, replaced or swapped with the next one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (last[j - 1] + same).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_alike_is_named() {
        let check = |path: &str, option: &str, expect: Option<&str>| {
            let path: Vec<String> = path.split_whitespace().map(str::to_owned).collect();
            let found = near(&path, option);
            let found = found.as_deref().map(str::trim_start);
            assert_eq!(found, expect, "{path:?} -{option}");
        };
        check("init", "foo", None);
        check("init", "upgrad", Some("Did you mean -upgrade?"));
        check("plan", "lokc", Some("Did you mean -lock?"));
        check("plan", "lock-timeou", Some("Did you mean -lock-timeout?"));
        check("plan", "pararellism", Some("Did you mean -parallelism?"));
        check("apply", "auto", Some("Did you mean -auto-approve?"));
        check("plan", "x", None);
        check("plan", &"lock".repeat(100), None);
        // What does nothing there is not recommended.
        check("plan", "state-ou", None);
        check("plan", "absent", Some("It is an option of muster recover."));
        check(
            "init",
            "allow-missing",
            Some("It is an option of muster taint and muster untaint."),
        );
        let many = near(&["fmt".to_owned()], "lock-timeout").unwrap();
        assert!(
            many.contains("muster") && many.ends_with(" other commands."),
            "{many}"
        );
    }

    #[test]
    fn distances() {
        let check = |a: &str, b: &str, expect: usize| {
            assert_eq!(distance(a, b), expect, "{a} {b}");
            assert_eq!(distance(b, a), expect, "{b} {a}");
        };
        check("", "", 0);
        check("lock", "", 4);
        check("lock", "lokc", 1);
        check("upgrade", "upgrad", 1);
        check("kitten", "sitting", 3);
    }
}
