//! Names that can be completed.

use std::collections::BTreeSet;

use muster_addr::Mode;
use muster_eval::Evaluator;
use muster_lang::functions;

/// Functions, and everything that the root module declares, sorted.
pub(super) fn all(eval: &Evaluator) -> Vec<String> {
    let config = eval.config();
    let root = config.root();
    let mut names: BTreeSet<String> = [
        "path.cwd",
        "path.module",
        "path.root",
        "terraform.workspace",
        "type(",
    ]
    .map(String::from)
    .into();
    names.extend(functions::all().iter().map(|f| format!("{}(", f.name)));
    names.extend(root.variables.keys().map(|name| format!("var.{name}")));
    names.extend(root.locals.keys().map(|name| format!("local.{name}")));
    for (name, call) in &root.calls {
        names.insert(format!("module.{name}"));
        if call.repetition.expr().is_none() {
            let outputs = config.module(call.module).outputs.keys();
            names.extend(outputs.map(|output| format!("module.{name}.{output}")));
        }
    }
    // There is no value of what exists only while a run goes on.
    let lasting = root
        .resources
        .keys()
        .filter(|id| id.mode != Mode::Ephemeral);
    names.extend(lasting.map(ToString::to_string));
    names.into_iter().collect()
}

/// The names that begin as the text ends, and where in the text they begin.
pub(super) fn complete<'a>(names: &'a [String], text: &str) -> (usize, &'a [String]) {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut start = text
        .char_indices()
        .rev()
        .take_while(|(_, c)| is_part(*c))
        .last()
        .map_or(text.len(), |(at, _)| at);
    loop {
        let found = beginning_with(names, &text[start..]);
        // A hyphen may be a part of a name, or a minus before one.
        match text[start..].find('-') {
            Some(minus) if found.is_empty() => start += minus + 1,
            _ if start == text.len() => return (start, &[]),
            _ => return (start, found),
        }
    }
}

fn beginning_with<'a>(names: &'a [String], prefix: &str) -> &'a [String] {
    let from = names.partition_point(|name| name.as_str() < prefix);
    let len = names[from..].partition_point(|name| name.starts_with(prefix));
    &names[from..from + len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed() {
        let names = ["local.a-b", "local.ab", "log(", "lower(", "var.x"].map(String::from);
        let check = |text: &str, start: usize, expect: &[&str]| {
            let expect: &[String] = &expect.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (at, found) = complete(&names, text);
            assert_eq!((at, found), (start, expect), "{text}");
        };
        check("lo", 0, &["local.a-b", "local.ab", "log(", "lower("]);
        check("[local.", 1, &["local.a-b", "local.ab"]);
        check("local.a-", 0, &["local.a-b"]);
        check("1-va", 2, &["var.x"]);
        check("é + va", 5, &["var.x"]);
        check("nothing", 0, &[]);
        check("1 + ", 4, &[]);
        check("", 0, &[]);
    }
}
