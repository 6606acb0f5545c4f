//! The body of an object: attributes aligned, then blocks.

use std::collections::HashSet;

use muster_schema::{Block, NestedBlock, Nesting};
use muster_value::{Path, Value};

use super::lines::{Lines, Sign};
use super::value::{Place, draw, sign};

/// Attributes that tell which object it is: shown even when they stay as they are.
const IDENTIFYING: &[&str] = &["id", "name", "tags"];

/// Where a body stands.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub depth: usize,
    pub path: &'a Path,
    pub forces: &'a [Path],
    /// The whole object is changed, not made or destroyed.
    pub update: bool,
    /// The object as a whole, not a block in it.
    pub top: bool,
}

/// Draws what changes in a body.
pub(crate) fn draw_body(lines: &mut Lines, block: &Block, at: At<'_>, before: &Value, after: &Value) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        let some = attributes(lines, block, at, before, after);
        blocks(lines, block, at, before, after, some);
    });
}

fn part(value: &Value, name: &str) -> Value {
    value.peel().get(name).cloned().unwrap_or(Value::NULL)
}

/// Whether anything was drawn.
fn attributes(lines: &mut Lines, block: &Block, at: At<'_>, before: &Value, after: &Value) -> bool {
    let mut names: Vec<_> = block.attributes.keys().collect();
    names.sort();
    let mut shown = Vec::new();
    let mut hidden = 0;
    for name in names {
        let (a, b) = (part(before, name), part(after, name));
        let sign = sign(&a, &b);
        if a.is_null() && b.is_null() {
            continue;
        }
        if sign == Sign::Same && at.update && !(at.top && IDENTIFYING.contains(&&**name)) {
            hidden += 1;
        } else {
            shown.push((name, a, b));
        }
    }
    let width = shown.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    for (name, a, b) in &shown {
        let label = format!("{name:<width$} = ");
        let path = at.path.attr((*name).clone());
        let place = Place { label: &label, tail: "", depth: at.depth, path: &path, forces: at.forces };
        draw(lines, &place, a, b);
    }
    lines.hidden(at.depth, hidden, "attribute");
    hidden > 0 || !shown.is_empty()
}

fn blocks(lines: &mut Lines, block: &Block, at: At<'_>, before: &Value, after: &Value, mut some: bool) {
    let mut names: Vec<_> = block.blocks.keys().collect();
    names.sort();
    let mut hidden = 0;
    for name in names {
        let Some(nested) = block.blocks.get(name) else { continue };
        let (a, b) = (part(before, name), part(after, name));
        let path = at.path.attr(name.clone());
        let inner = At { path: &path, ..at };
        if !b.is_known() {
            gap(lines, &mut some);
            let sign = if a.len().unwrap_or(0) == 0 { Sign::Add } else { Sign::Change };
            lines.line(at.depth, sign, &format!("{name} (known after apply)"));
            continue;
        }
        for (key, x, y) in pairs(nested, &a, &b) {
            let sign = sign(&x, &y);
            if x.is_null() && y.is_null() {
                continue;
            }
            if sign == Sign::Same && at.update {
                hidden += 1;
                continue;
            }
            gap(lines, &mut some);
            one_block(lines, name, key.as_deref(), nested, inner, (&x, &y, sign));
        }
    }
    if hidden > 0 {
        gap(lines, &mut some);
        lines.hidden(at.depth, hidden, "block");
    }
}

fn gap(lines: &mut Lines, some: &mut bool) {
    if *some {
        lines.blank();
    }
    *some = true;
}

fn one_block(
    lines: &mut Lines,
    name: &str,
    key: Option<&str>,
    nested: &NestedBlock,
    at: At<'_>,
    (before, after, sign): (&Value, &Value, Sign),
) {
    let label = key.map(|k| format!(" {}", super::value::quoted(k))).unwrap_or_default();
    let forces = if at.forces.contains(at.path) { " # forces replacement" } else { "" };
    lines.line(at.depth, sign, &format!("{name}{label} {{{forces}"));
    let secret = muster_value::Marks::SENSITIVE;
    if before.marks().contains(secret) || after.marks().contains(secret) {
        lines.line(at.depth + 1, Sign::Same, "# At least one attribute in this block is (or was) sensitive,");
        lines.line(at.depth + 1, Sign::Same, "# so its contents will not be displayed.");
    } else {
        let update = at.update && sign == Sign::Change;
        let inner = At { depth: at.depth + 1, update, top: false, ..at };
        draw_body(lines, &nested.block, inner, before, after);
    }
    lines.line(at.depth, Sign::Same, "}");
}

/// Blocks before and after, side by side.
fn pairs(nested: &NestedBlock, before: &Value, after: &Value) -> Vec<(Option<String>, Value, Value)> {
    let marks = before.marks() | after.marks();
    let (before, after) = (before.peel(), after.peel());
    let nothing = || Value::NULL;
    let found = match nested.nesting {
        Nesting::Single | Nesting::Group => vec![(None, before.clone(), after.clone())],
        Nesting::Map => {
            let empty = Default::default();
            let (a, b) = (before.as_entries().unwrap_or(&empty), after.as_entries().unwrap_or(&empty));
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            keys.into_iter()
                .map(|k| {
                    let pick = |m: &std::collections::BTreeMap<_, Value>| m.get(k).cloned();
                    (Some(k.to_string()), pick(a).unwrap_or_else(nothing), pick(b).unwrap_or_else(nothing))
                })
                .collect()
        }
        Nesting::List => {
            let (a, b) = (before.as_slice().unwrap_or_default(), after.as_slice().unwrap_or_default());
            (0..a.len().max(b.len()))
                .map(|i| {
                    let pick = |items: &[Value]| items.get(i).cloned().unwrap_or_else(nothing);
                    (None, pick(a), pick(b))
                })
                .collect()
        }
        Nesting::Set => {
            let (a, b) = (before.as_slice().unwrap_or_default(), after.as_slice().unwrap_or_default());
            let text = |v: &Value| format!("{v:?}");
            let old: HashSet<String> = a.iter().map(text).collect();
            let kept: HashSet<String> = b.iter().map(text).collect();
            let gone = a.iter().filter(|v| !kept.contains(&text(v)));
            let gone = gone.map(|v| (None, v.clone(), nothing()));
            let new = b.iter().map(|v| match old.contains(&text(v)) {
                true => (None, v.clone(), v.clone()),
                false => (None, nothing(), v.clone()),
            });
            gone.chain(new).collect()
        }
    };
    found.into_iter().map(|(k, a, b)| (k, remark(a, marks), remark(b, marks))).collect()
}

fn remark(value: Value, marks: muster_value::Marks) -> Value {
    if value.is_null() { value } else { value.mark(marks) }
}
