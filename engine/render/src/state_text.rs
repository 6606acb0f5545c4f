//! States and outputs for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use muster_addr::{InstanceAddr, Mode};
use muster_plan::Str;
use muster_provider::Schemas;
use muster_schema::{Block, Nesting};
use muster_snapshot::{Object, OutputValue, Snapshot};
use muster_value::{Marks, Value};

use crate::plan_text::quoted;

/// Everything in a state.
pub fn state_text(state: &Snapshot, schemas: &Schemas) -> String {
    let mut out = String::new();
    for (addr, _, instance) in state.instances() {
        if let Some(object) = &instance.current {
            out.push_str(&object_text(state, &addr, None, object, schemas));
            out.push('\n');
        }
        for (key, object) in &instance.deposed {
            out.push_str(&object_text(state, &addr, Some(key.as_str()), object, schemas));
            out.push('\n');
        }
    }
    if !state.outputs.is_empty() {
        let _ = write!(out, "\nOutputs:\n\n{}", outputs_text(&state.outputs));
    }
    if out.is_empty() {
        out.push_str("The state is empty: no objects are managed here.\n");
    }
    out
}

/// One instance of a state; empty when it has no object.
pub fn instance_text(state: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) -> String {
    match state.current(addr) {
        Some(object) => object_text(state, addr, None, object, schemas),
        None => String::new(),
    }
}

fn object_text(
    state: &Snapshot,
    addr: &InstanceAddr,
    deposed: Option<&str>,
    object: &Object,
    schemas: &Schemas,
) -> String {
    let id = &addr.resource.resource;
    let mut out = format!("# {addr}:");
    if let Some(key) = deposed {
        let _ = write!(out, " (deposed object {key})");
    } else if object.is_tainted() {
        out.push_str(" (tainted)");
    }
    let word = if id.mode == Mode::Data { "data" } else { "resource" };
    let _ = writeln!(out, "\n{word} {} {} {{", quoted(&id.type_name), quoted(&id.name));
    let provider = state.resources.get(&addr.resource).map(|r| &r.provider.provider);
    let schema = provider.and_then(|p| schemas.resource(p, id.mode, &id.type_name));
    if let Some(schema) = schema {
        match object.decode_marked(&schema.block.implied_type()) {
            Ok(value) => {
                let sensitive = schema.block.sensitive_paths(&value.unmark_deep());
                body(&mut out, &schema.block, &value.mark_paths(&sensitive), 1);
            }
            Err(error) => {
                let _ = writeln!(out, "    # The attributes cannot be shown: {error}");
            }
        }
    }
    out.push_str("}\n");
    out
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("    ");
    }
}

fn body(out: &mut String, block: &Block, value: &Value, depth: usize) {
    let mut names: Vec<_> = block.attributes.keys().collect();
    names.sort();
    let part = |name: &str| value.peel().get(name).filter(|v| !v.is_null());
    let shown: Vec<_> = names.into_iter().filter_map(|n| Some((n, part(n)?))).collect();
    let width = shown.iter().map(|(n, _)| n.chars().count()).max().unwrap_or(0);
    for (name, value) in &shown {
        indent(out, depth);
        let _ = write!(out, "{name:<width$} = ");
        expression(out, value, depth, false);
        out.push('\n');
    }
    let mut some = !shown.is_empty();
    let mut names: Vec<_> = block.blocks.keys().collect();
    names.sort();
    for name in names {
        let (Some(nested), Some(value)) = (block.blocks.get(name), part(name)) else { continue };
        for (key, value) in bodies(nested.nesting, value.peel()) {
            if std::mem::replace(&mut some, true) {
                out.push('\n');
            }
            indent(out, depth);
            let label = key.map(|k| format!(" {}", quoted(&k))).unwrap_or_default();
            let _ = writeln!(out, "{name}{label} {{");
            body(out, &nested.block, &value, depth + 1);
            indent(out, depth);
            out.push_str("}\n");
        }
    }
}

fn bodies(nesting: Nesting, value: &Value) -> Vec<(Option<Str>, Value)> {
    match nesting {
        Nesting::Single | Nesting::Group => vec![(None, value.clone())],
        Nesting::Map => {
            let entries = value.as_entries().cloned().unwrap_or_default();
            entries.into_iter().map(|(k, v)| (Some(k), v)).collect()
        }
        Nesting::List | Nesting::Set => {
            value.as_slice().unwrap_or_default().iter().map(|v| (None, v.clone())).collect()
        }
    }
}

/// All outputs, one after another.
pub fn outputs_text(outputs: &BTreeMap<Str, OutputValue>) -> String {
    let mut out = String::new();
    for (name, output) in outputs {
        let _ = write!(out, "{name} = ");
        if output.sensitive {
            out.push_str("<sensitive>");
        } else {
            expression(&mut out, &output.value, 0, true);
        }
        out.push('\n');
    }
    out
}

/// A value as an expression that gives it, on as many lines as it needs. With `typed`, lists,
/// sets and maps are told from tuples and objects.
pub fn value_text(value: &Value, typed: bool) -> String {
    let mut out = String::new();
    expression(&mut out, value, 0, typed);
    out
}

fn expression(out: &mut String, value: &Value, depth: usize, typed: bool) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        if value.marks().contains(Marks::SENSITIVE) {
            out.push_str("(sensitive value)");
            return;
        }
        match value.peel() {
            Value::Null(_) => out.push_str("null"),
            Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Value::Number(n) => out.push_str(&n.to_string()),
            Value::String(s) if s.contains('\n') => heredoc(out, s, depth),
            Value::String(s) => out.push_str(&quoted(s)),
            Value::Unknown(_) => out.push_str("(known after apply)"),
            Value::List(l) => wrapped(out, "tolist", typed, |out| items(out, &l.items, depth, typed)),
            Value::Set(s) => wrapped(out, "toset", typed, |out| items(out, &s.items, depth, typed)),
            Value::Tuple(t) => items(out, t, depth, typed),
            Value::Map(m) => {
                wrapped(out, "tomap", typed, |out| entries(out, &m.entries, true, depth, typed));
            }
            Value::Object(o) => entries(out, o, typed, depth, typed),
            // `peel` takes marks off.
            Value::Marked(_) => {}
        }
    });
}

fn wrapped(out: &mut String, name: &str, typed: bool, inner: impl FnOnce(&mut String)) {
    if typed {
        let _ = write!(out, "{name}(");
    }
    inner(out);
    if typed {
        out.push(')');
    }
}

fn items(out: &mut String, items: &[Value], depth: usize, typed: bool) {
    if items.is_empty() {
        out.push_str("[]");
        return;
    }
    out.push_str("[\n");
    for item in items {
        inner_indent(out, depth, typed);
        expression(out, item, depth + 1, typed);
        out.push_str(",\n");
    }
    outer_indent(out, depth, typed);
    out.push(']');
}

fn entries(out: &mut String, entries: &BTreeMap<Str, Value>, quote: bool, depth: usize, typed: bool) {
    if entries.is_empty() {
        out.push_str("{}");
        return;
    }
    let plain = |k: &str| !k.is_empty() && k.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let text = |k: &str| if quote || !plain(k) { quoted(k) } else { k.to_owned() };
    // Only state is aligned; outputs are as the console shows them.
    let width = match typed {
        true => 0,
        false => entries.keys().map(|k| text(k).chars().count()).max().unwrap_or(0),
    };
    out.push_str("{\n");
    for (key, item) in entries {
        inner_indent(out, depth, typed);
        let _ = write!(out, "{:<width$} = ", text(key));
        expression(out, item, depth + 1, typed);
        out.push('\n');
    }
    outer_indent(out, depth, typed);
    out.push('}');
}

/// The console indents by two columns, states by four.
fn inner_indent(out: &mut String, depth: usize, typed: bool) {
    if typed { out.push_str(&"  ".repeat(depth + 1)) } else { indent(out, depth + 1) }
}

fn outer_indent(out: &mut String, depth: usize, typed: bool) {
    if typed { out.push_str(&"  ".repeat(depth)) } else { indent(out, depth) }
}

fn heredoc(out: &mut String, text: &str, depth: usize) {
    out.push_str("<<-EOT\n");
    for line in text.trim_end_matches('\n').split('\n') {
        indent(out, depth + 1);
        out.push_str(line);
        out.push('\n');
    }
    indent(out, depth);
    out.push_str("EOT");
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_value::Type;

    fn check(value: Value, typed: bool, expect: &str) {
        assert_eq!(value_text(&value, typed), expect);
    }

    #[test]
    fn as_the_console_shows_them() {
        check(Value::string("a\"b"), true, "\"a\\\"b\"");
        let list = Value::list(Type::String, vec![Value::string("x")]);
        check(list.clone(), true, "tolist([\n  \"x\",\n])");
        check(list.clone(), false, "[\n    \"x\",\n]");
        check(Value::object([("k", list)]), true, "{\n  \"k\" = tolist([\n    \"x\",\n  ])\n}");
        check(Value::tuple([]), true, "[]");
        check(Value::string("s").mark(Marks::SENSITIVE), true, "(sensitive value)");
    }
}
