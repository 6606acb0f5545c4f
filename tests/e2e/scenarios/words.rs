//! Text for people: what of it is compared, and names in place of what is random.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

static UUID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b").unwrap()
});
static ANSI: LazyLock<Regex> = LazyLock::new(|| Regex::new("\x1b\\[[0-9;]*[A-Za-z]").unwrap());
static SUMMARY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(Plan:|Apply complete!|Destroy complete!|No changes\.|Changes to Outputs:|Success!|Apply cancelled|Import successful!|Resource instance )",
    )
    .unwrap()
});
static DIAGNOSTIC: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:│ )?((?:Error|Warning): .*?)\s*$").unwrap());

/// Names for random ids, in the order in which these appear: the same id has the same name all
/// through a scenario.
#[derive(Default)]
pub(super) struct Tokens {
    seen: HashMap<String, String>,
}

impl Tokens {
    /// `text` with names in place of ids.
    pub(super) fn text(&mut self, text: &str) -> String {
        let name = |found: &Captures<'_>| {
            let next = format!("<uuid-{}>", self.seen.len() + 1);
            self.seen.entry(found[0].to_owned()).or_insert(next).clone()
        };
        UUID.replace_all(text, name).into_owned()
    }

    /// `value` with names in place of ids, in keys too.
    pub(super) fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(object) => {
                let mut keys: Vec<&String> = object.keys().collect();
                keys.sort();
                let pairs = keys.into_iter().map(|key| {
                    let value = self.value(&object[key]);
                    (self.text(key), value)
                });
                Value::Object(pairs.collect())
            }
            other => other.clone(),
        }
    }
}

/// The lines of a text, without colours, trailing blanks and empty lines around.
pub(super) fn lines(text: &str) -> Vec<String> {
    let text = clean(text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let filled = |line: &&str| !line.is_empty();
    let start = lines.iter().position(filled).unwrap_or(lines.len());
    let end = lines
        .iter()
        .rposition(filled)
        .map_or(start, |last| last + 1);
    lines[start..end]
        .iter()
        .map(|&line| line.to_owned())
        .collect()
}

/// The lines that sum up what a command did.
pub(super) fn summary(text: &str) -> Vec<String> {
    let text = clean(text);
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| SUMMARY.is_match(line))
        .map(str::to_owned)
        .collect()
}

/// The summaries of diagnostics, sorted and each once: lines at the top of a box or after an
/// empty line.
pub(super) fn errors(stdout: &str, stderr: &str) -> Vec<String> {
    let text = clean(&format!("{stdout}\n\n{stderr}"));
    let mut found = Vec::new();
    let mut before = "";
    for line in text.lines() {
        let starts = matches!(before.trim(), "" | "╷");
        if let Some(summary) = DIAGNOSTIC.captures(line).filter(|_| starts)
            && !line.contains("encountered problems during init")
        {
            found.push(cycle(&summary[1]));
        }
        before = line;
    }
    found.sort();
    found.dedup();
    found
}

/// A summary, with the nodes of a cycle sorted: these come in any order, and some carry notes.
pub(super) fn cycle(summary: &str) -> String {
    let Some((before, nodes)) = summary.split_once("Cycle: ") else {
        return summary.to_owned();
    };
    let strip = |node: &str| match node.trim().split_once(" (") {
        Some((node, _)) => node.to_owned(),
        None => node.trim().to_owned(),
    };
    let mut nodes: Vec<String> = nodes.split(',').map(strip).collect();
    nodes.sort();
    format!("{before}Cycle: {}", nodes.join(", "))
}

fn clean(text: &str) -> String {
    ANSI.replace_all(text, "").replace("\r\n", "\n")
}
