//! One value, or the difference of two, as an expression would have it.

use muster_value::{Marks, Path, PathStep, Value};
use similar::{Algorithm, ChangeTag, DiffTag, TextDiff, capture_diff_slices};

use super::lines::{Lines, Sign};
use crate::style::Paint;

/// What stands around a value: the text before it, and what is known of the place.
pub(crate) struct Place<'a> {
    /// `name = ` or nothing, padding included.
    pub label: &'a str,
    /// After the value: a comma in lists.
    pub tail: &'a str,
    pub depth: usize,
    pub path: &'a Path,
    /// Paths that force a replacement.
    pub forces: &'a [Path],
}

impl Place<'_> {
    fn note(&self, lines: &Lines) -> String {
        if self.forces.contains(self.path) {
            format!(" {}", lines.style.painted(Paint::Red, "# forces replacement"))
        } else {
            String::new()
        }
    }
}

/// The symbol of a change from one value to another.
pub(crate) fn sign(before: &Value, after: &Value) -> Sign {
    match (before.is_null(), after.is_null()) {
        (true, true) => Sign::Same,
        (true, false) => Sign::Add,
        (false, true) => Sign::Remove,
        (false, false) if before.same(after) && marks(before) == marks(after) => Sign::Same,
        (false, false) => Sign::Change,
    }
}

fn marks(value: &Value) -> Marks {
    value.marks_deep()
}

/// Draws the change of one value.
pub(crate) fn draw(lines: &mut Lines, place: &Place<'_>, before: &Value, after: &Value) {
    let sign = sign(before, after);
    draw_as(lines, place, before, after, sign);
}

fn draw_as(lines: &mut Lines, place: &Place<'_>, before: &Value, after: &Value, sign: Sign) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        let secret = |v: &Value| v.marks().contains(Marks::SENSITIVE);
        if secret(before) || secret(after) {
            return simple(lines, place, sign, "(sensitive value)".into());
        }
        let (before, after) = (before.peel(), after.peel());
        if !after.is_known() {
            let text = match before.is_null() {
                true => "(known after apply)".to_owned(),
                false if before.is_known() && !is_nested(before) => {
                    format!("{} -> (known after apply)", short(before))
                }
                false => return opened(lines, place, before, sign, " -> (known after apply)"),
            };
            return simple(lines, place, sign, text);
        }
        match sign {
            Sign::Same => one(lines, place, after, sign, ""),
            Sign::Add => one(lines, place, after, sign, ""),
            Sign::Remove => one(lines, place, before, sign, if place.label.is_empty() { "" } else { " -> null" }),
            _ => changed(lines, place, before, after),
        }
    });
}

fn simple(lines: &mut Lines, place: &Place<'_>, sign: Sign, text: String) {
    let note = place.note(lines);
    lines.line(place.depth, sign, &format!("{}{text}{}{note}", place.label, place.tail));
}

/// A nested value that gives way to something unknown.
fn opened(lines: &mut Lines, place: &Place<'_>, value: &Value, sign: Sign, end: &str) {
    nested(lines, place, value, sign, Sign::Remove, end);
}

/// One value as a whole.
fn one(lines: &mut Lines, place: &Place<'_>, value: &Value, sign: Sign, end: &str) {
    match value {
        Value::String(text) if text.contains('\n') => text_block(lines, place, text, sign, end),
        value if is_nested(value) => nested(lines, place, value, sign, sign, end),
        value => simple(lines, place, sign, format!("{}{end}", short(value))),
    }
}

fn is_nested(value: &Value) -> bool {
    value.len().is_some_and(|n| n > 0)
}

/// Brackets around a nested value.
fn brackets(value: &Value) -> (char, char) {
    if value.as_entries().is_some() { ('{', '}') } else { ('[', ']') }
}

fn nested(lines: &mut Lines, place: &Place<'_>, value: &Value, sign: Sign, inner: Sign, end: &str) {
    let (open, close) = brackets(value);
    let note = place.note(lines);
    lines.line(place.depth, sign, &format!("{}{open}{note}", place.label));
    let nothing = Value::NULL;
    let pick = |v: &Value| match inner {
        Sign::Remove => (v.clone(), nothing.clone()),
        Sign::Same => (v.clone(), v.clone()),
        _ => (nothing.clone(), v.clone()),
    };
    if let Some(entries) = value.as_entries() {
        let width = key_width(value, entries.keys());
        for (key, item) in entries {
            if item.is_null() && matches!(value, Value::Object(_)) {
                continue;
            }
            let label = format!("{:<width$} = ", key_text(value, key));
            let path = place.path.join(step(value, key));
            let at = Place { label: &label, tail: "", depth: place.depth + 1, path: &path, forces: place.forces };
            let (a, b) = pick(item);
            draw_as(lines, &at, &a, &b, inner);
        }
    } else {
        for (i, item) in value.as_slice().unwrap_or_default().iter().enumerate() {
            let path = place.path.index(i as u64);
            let at = Place { label: "", tail: ",", depth: place.depth + 1, path: &path, forces: place.forces };
            if item.is_null() {
                lines.line(at.depth, inner, "null,");
                continue;
            }
            let (a, b) = pick(item);
            draw_as(lines, &at, &a, &b, inner);
        }
    }
    lines.line(place.depth, Sign::Same, &format!("{close}{end}{}", place.tail));
}

fn changed(lines: &mut Lines, place: &Place<'_>, before: &Value, after: &Value) {
    match (before, after) {
        (Value::String(a), Value::String(b)) => strings(lines, place, a, b),
        _ if before.as_entries().is_some() && after.as_entries().is_some() => {
            entries(lines, place, before, after);
        }
        (Value::Set(_), Value::Set(_)) => items(lines, place, before, after, true),
        _ if before.as_slice().is_some() && after.as_slice().is_some() => {
            items(lines, place, before, after, false);
        }
        _ if is_nested(before) || is_nested(after) => {
            nested_or_short(lines, place, before, Sign::Remove);
            nested_or_short(lines, place, after, Sign::Add);
        }
        _ => simple(lines, place, Sign::Change, format!("{} -> {}", short(before), short(after))),
    }
}

fn nested_or_short(lines: &mut Lines, place: &Place<'_>, value: &Value, sign: Sign) {
    one(lines, place, value, sign, "");
}

fn entries(lines: &mut Lines, place: &Place<'_>, before: &Value, after: &Value) {
    let empty = Default::default();
    let (a, b) = (before.as_entries().unwrap_or(&empty), after.as_entries().unwrap_or(&empty));
    let note = place.note(lines);
    lines.line(place.depth, Sign::Change, &format!("{}{{{note}", place.label));
    let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
    let nothing = Value::NULL;
    let shown: Vec<_> = keys
        .iter()
        .filter(|k| sign(a.get(**k).unwrap_or(&nothing), b.get(**k).unwrap_or(&nothing)) != Sign::Same)
        .collect();
    let width = key_width(after, shown.iter().map(|k| **k));
    for key in &shown {
        let label = format!("{:<width$} = ", key_text(after, key));
        let path = place.path.join(step(after, key));
        let at = Place { label: &label, tail: "", depth: place.depth + 1, path: &path, forces: place.forces };
        draw(lines, &at, a.get(**key).unwrap_or(&nothing), b.get(**key).unwrap_or(&nothing));
    }
    let what = if matches!(after, Value::Map(_)) { "element" } else { "attribute" };
    lines.hidden(place.depth + 1, keys.len() - shown.len(), what);
    lines.line(place.depth, Sign::Same, &format!("}}{}", place.tail));
}

fn items(lines: &mut Lines, place: &Place<'_>, before: &Value, after: &Value, set: bool) {
    let (a, b) = (before.as_slice().unwrap_or_default(), after.as_slice().unwrap_or_default());
    let note = place.note(lines);
    lines.line(place.depth, Sign::Change, &format!("{}[{note}", place.label));
    let keys = |items: &[Value]| -> Vec<String> { items.iter().map(|v| format!("{v:?}")).collect() };
    let mut hidden = 0;
    let nothing = Value::NULL;
    for op in capture_diff_slices(Algorithm::Myers, &keys(a), &keys(b)) {
        let (tag, old, new) = op.as_tag_tuple();
        if tag == DiffTag::Equal {
            hidden += old.len();
            continue;
        }
        lines.hidden(place.depth + 1, std::mem::take(&mut hidden), "element");
        let path = place.path.index(old.start as u64);
        let at = Place { label: "", tail: ",", depth: place.depth + 1, path: &path, forces: place.forces };
        let pairs = if set { 0 } else { old.len().min(new.len()) };
        for (x, y) in old.clone().zip(new.clone()).take(pairs) {
            if is_nested(&a[x]) || is_nested(&b[y]) {
                draw(lines, &at, &a[x], &b[y]);
            } else {
                draw(lines, &at, &a[x], &nothing);
                draw(lines, &at, &nothing, &b[y]);
            }
        }
        for x in old.skip(pairs) {
            draw(lines, &at, &a[x], &nothing);
        }
        for y in new.skip(pairs) {
            draw(lines, &at, &nothing, &b[y]);
        }
    }
    lines.hidden(place.depth + 1, hidden, "element");
    lines.line(place.depth, Sign::Same, &format!("]{}", place.tail));
}

fn strings(lines: &mut Lines, place: &Place<'_>, before: &str, after: &str) {
    if let (Some(a), Some(b)) = (json(before), json(after)) {
        let note = place.note(lines);
        lines.line(place.depth, Sign::Change, &format!("{}jsonencode({note}", place.label));
        let at = Place { label: "", tail: "", depth: place.depth + 1, path: place.path, forces: &[] };
        draw(lines, &at, &a, &b);
        lines.line(place.depth, Sign::Same, &format!("){}", place.tail));
        return;
    }
    if !before.contains('\n') && !after.contains('\n') {
        let text = format!("{} -> {}", quoted(before), quoted(after));
        return simple(lines, place, Sign::Change, text);
    }
    let note = place.note(lines);
    lines.line(place.depth, Sign::Change, &format!("{}<<-EOT{note}", place.label));
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => Sign::Same,
            ChangeTag::Delete => Sign::Remove,
            ChangeTag::Insert => Sign::Add,
        };
        let text = change.value().trim_end_matches('\n').to_owned();
        lines.line(place.depth + 1, sign, &text);
    }
    lines.line(place.depth, Sign::Same, &format!("EOT{}", place.tail));
}

fn text_block(lines: &mut Lines, place: &Place<'_>, text: &str, sign: Sign, end: &str) {
    let note = place.note(lines);
    lines.line(place.depth, sign, &format!("{}<<-EOT{note}", place.label));
    for line in text.trim_end_matches('\n').split('\n') {
        lines.line(place.depth + 1, Sign::Same, line);
    }
    lines.line(place.depth, Sign::Same, &format!("EOT{end}{}", place.tail));
}

/// Strings that hold a JSON object or array are compared by what they say.
fn json(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let parsed: serde_json::Value = serde_json::from_str(text).ok()?;
    muster_value::json_to_value(&parsed, &muster_value::implied_type(&parsed)).ok()
}

fn step(value: &Value, key: &std::sync::Arc<str>) -> PathStep {
    match value {
        Value::Map(_) => PathStep::Key(key.clone()),
        _ => PathStep::Attr(key.clone()),
    }
}

fn key_width<'k>(value: &Value, keys: impl Iterator<Item = &'k std::sync::Arc<str>>) -> usize {
    keys.map(|k| key_text(value, k).chars().count()).max().unwrap_or(0)
}

fn key_text(value: &Value, key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if matches!(value, Value::Map(_)) || !key.chars().all(plain) || key.is_empty() {
        quoted(key)
    } else {
        key.to_owned()
    }
}

/// A value on one line.
pub(crate) fn short(value: &Value) -> String {
    match value {
        Value::Null(_) => "null".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => quoted(s),
        Value::Unknown(_) => "(known after apply)".into(),
        Value::Marked(m) if m.marks.contains(Marks::SENSITIVE) => "(sensitive value)".into(),
        Value::Marked(m) => short(&m.value),
        other if other.as_entries().is_some() => "{}".into(),
        _ => "[]".into(),
    }
}

/// A string as the language writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
