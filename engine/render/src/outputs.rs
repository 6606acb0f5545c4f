//! Values and outputs as the console shows them, and outputs for tools.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use muster_snapshot::{OutputValue, Str};
use muster_value::{Marks, Type, Value, convert};

use crate::diff::{Canvas, Context, Forced, Shape, diff};
use crate::json::{JsonWriter, indent, to_string};
use crate::strings::quote;
use crate::style::Style;

/// All outputs, one after another: `name = value`.
pub fn outputs_text(outputs: &BTreeMap<Str, OutputValue>) -> String {
    let mut out = String::new();
    for (name, output) in outputs {
        out.push_str(name);
        out.push_str(" = ");
        if output.sensitive {
            out.push_str("<sensitive>");
        } else {
            console(&mut out, &output.value, 0);
        }
        out.push('\n');
    }
    out
}

/// A value as an expression that gives it, on as many lines as it needs. With `typed`, as the
/// console shows it: lists, sets and maps are told from tuples and objects. Without, as in a
/// state.
pub fn value_text(value: &Value, typed: bool) -> String {
    if typed {
        let mut out = String::new();
        console(&mut out, value, 0);
        return out;
    }
    let mut canvas = Canvas::outdented(Style::PLAIN);
    let node = diff(Some(value), Some(value), Shape::ANY, &Forced::default());
    canvas.value(
        &node,
        0,
        Context {
            null_suffix: false,
            all: true,
        },
    );
    canvas.text
}

/// What `output -json NAME` prints: the value alone, sensitive or not.
pub fn output_json(output: &OutputValue) -> String {
    to_string(|w| w.value(&output.value))
}

/// What `output -json` prints: every output with its type, indented.
pub fn outputs_json(outputs: &BTreeMap<Str, OutputValue>) -> String {
    let write = |w: &mut JsonWriter<'_>, output: &OutputValue| {
        w.object(|w| {
            w.key("sensitive").bool(output.sensitive);
            w.key("type").ty(&output.value.ty());
            w.key("value").value(&output.value);
        });
    };
    indent(&to_string(|w| {
        w.object(|w| {
            for (name, output) in outputs {
                write(w.key(name), output);
            }
        });
    }))
}

/// Why an output has no raw form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputError {
    /// It is null.
    Null,
    /// It is not known.
    Unknown,
    /// It is no string, number or bool.
    NotPrimitive {
        /// What it is.
        ty: String,
    },
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("the value is null, which has no raw form"),
            Self::Unknown => f.write_str("the value is not known before apply"),
            Self::NotPrimitive { ty } => write!(
                f,
                "-raw prints strings, numbers and bools, and the value is {ty}; use -json for it"
            ),
        }
    }
}

impl std::error::Error for OutputError {}

/// What `output -raw NAME` prints: the text of a string, number or bool, nothing around it.
///
/// # Errors
/// The value is null, unknown or of another type.
pub fn output_raw(output: &OutputValue) -> Result<String, OutputError> {
    let value = output.value.peel();
    if value.is_null() {
        return Err(OutputError::Null);
    }
    if !value.is_known() {
        return Err(OutputError::Unknown);
    }
    match convert(value, &Type::String) {
        Ok(Value::String(text)) => Ok(text.to_string()),
        _ => Err(OutputError::NotPrimitive {
            ty: value.ty().friendly_name(),
        }),
    }
}

fn console(out: &mut String, value: &Value, depth: usize) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || draw(out, value, depth));
}

fn draw(out: &mut String, value: &Value, depth: usize) {
    if value.marks().contains(Marks::SENSITIVE) {
        return out.push_str("(sensitive value)");
    }
    if value.marks().contains(Marks::EPHEMERAL) {
        return out.push_str("(ephemeral value)");
    }
    match value.peel() {
        Value::Null(ty) => out.push_str(&null(ty)),
        Value::Unknown(_) | Value::Marked(_) => out.push_str("(known after apply)"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::String(found) => text(out, found, depth),
        Value::Tuple(items) => list(out, items, depth),
        Value::List(found) => {
            out.push_str("tolist(");
            list(out, &found.items, depth);
            out.push(')');
        }
        Value::Set(found) => {
            out.push_str("toset(");
            list(out, &found.items, depth);
            out.push(')');
        }
        Value::Object(entries) => object(out, entries, depth),
        Value::Map(found) => {
            out.push_str("tomap(");
            object(out, &found.entries, depth);
            out.push(')');
        }
    }
}

fn null(ty: &Type) -> String {
    let of = |name: &str, elem: &Type| format!("{name}(null) /* of {} */", elem.friendly_name());
    match ty {
        Type::Dynamic => "null".to_owned(),
        Type::Bool => "tobool(null)".to_owned(),
        Type::Number => "tonumber(null)".to_owned(),
        Type::String => "tostring(null)".to_owned(),
        Type::List(elem) => of("tolist", elem),
        Type::Set(elem) => of("toset", elem),
        Type::Map(elem) => of("tomap", elem),
        Type::Tuple(_) | Type::Object(_) => format!("null /* {} */", ty.friendly_name()),
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn text(out: &mut String, text: &str, depth: usize) {
    if text.contains('\n') {
        heredoc(out, text, depth);
    } else {
        out.push_str(&quote(text));
    }
}

fn heredoc(out: &mut String, text: &str, depth: usize) {
    let marker = marker(text);
    out.push_str(if depth == 0 { "<<" } else { "<<-" });
    out.push_str(&marker);
    for part in text.split('\n') {
        line(out, depth);
        out.push_str(part);
    }
    line(out, depth);
    out.push_str(&marker);
}

/// A marker that is on no line of the text.
fn marker(text: &str) -> String {
    let mut marker = "EOT".to_owned();
    let taken: HashSet<&str> = text
        .split('\n')
        .map(str::trim)
        .filter(|line| line.starts_with(&marker))
        .collect();
    while taken.contains(marker.as_str()) {
        marker.push('_');
    }
    marker
}

fn list(out: &mut String, items: &[Value], depth: usize) {
    if items.is_empty() {
        return out.push_str("[]");
    }
    out.push('[');
    for item in items {
        line(out, depth + 1);
        console(out, item, depth + 1);
        out.push(',');
    }
    line(out, depth);
    out.push(']');
}

fn object(out: &mut String, entries: &BTreeMap<Str, Value>, depth: usize) {
    if entries.is_empty() {
        return out.push_str("{}");
    }
    out.push('{');
    for (key, value) in entries {
        line(out, depth + 1);
        text(out, key, depth + 1);
        out.push_str(" = ");
        console(out, value, depth + 1);
    }
    line(out, depth);
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_value::Number;

    fn check(value: Value, expect: &str) {
        assert_eq!(value_text(&value, true), expect);
    }

    #[test]
    fn as_the_console_shows_them() {
        check(Value::string("a\"${b}\\"), "\"a\\\"${b}\\\\\"");
        check(Value::string("a\nb\n"), "<<EOT\na\nb\n\nEOT");
        let list = Value::list(Type::String, vec![Value::string("a\nb")]);
        check(list, "tolist([\n  <<-EOT\n  a\n  b\n  EOT,\n])");
        let deep = Value::tuple([Value::object([("c", Value::int(1))])]);
        check(
            Value::object([
                ("k y", deep),
                ("n", Value::NULL),
                ("t", Value::Null(Type::String)),
            ]),
            "{\n  \"k y\" = [\n    {\n      \"c\" = 1\n    },\n  ]\n  \"n\" = null\n  \"t\" = tostring(null)\n}",
        );
        check(Value::map(Type::Bool, BTreeMap::new()), "tomap({})");
        check("a\n EOT".into(), "<<EOT_\na\n EOT\nEOT_");
        check("EOT\nEOT_".into(), "<<EOT__\nEOT\nEOT_\nEOT__");
        check("a\nEOT b".into(), "<<EOT\na\nEOT b\nEOT");
        let multiline_key = Value::object([("a\nb", Value::int(1))]);
        check(multiline_key, "{\n  <<-EOT\n  a\n  b\n  EOT = 1\n}");
        check(
            Value::Null(Type::list(Type::Bool)),
            "tolist(null) /* of bool */",
        );
        check(
            Value::string("s").mark(Marks::SENSITIVE),
            "(sensitive value)",
        );
    }

    #[test]
    fn as_a_state_shows_them() {
        let value = Value::object([("a", Value::tuple([Value::int(1)])), ("long", "x".into())]);
        let expect = "{\n    a    = [\n        1,\n    ]\n    long = \"x\"\n}";
        assert_eq!(value_text(&value, false), expect);
    }

    #[test]
    fn raw_takes_primitives_only() {
        let raw = |value: Value| {
            output_raw(&OutputValue {
                value,
                sensitive: true,
            })
        };
        assert_eq!(raw("x\n".into()), Ok("x\n".to_owned()));
        assert_eq!(
            raw(Value::Number(Number::parse("1.5").unwrap())),
            Ok("1.5".to_owned())
        );
        assert_eq!(raw(true.into()), Ok("true".to_owned()));
        assert_eq!(raw(Value::NULL), Err(OutputError::Null));
        assert!(matches!(
            raw(Value::tuple([])),
            Err(OutputError::NotPrimitive { .. })
        ));
    }

    #[test]
    fn json_has_types() {
        let output = |value: Value, sensitive| OutputValue { value, sensitive };
        let outputs = BTreeMap::from([
            (Str::from("a"), output(Value::tuple([Value::int(1)]), false)),
            (Str::from("s"), output("<x>".into(), true)),
        ]);
        assert_eq!(
            outputs_json(&outputs),
            "{\n  \"a\": {\n    \"sensitive\": false,\n    \"type\": [\n      \"tuple\",\n      [\n        \"number\"\n      ]\n    ],\n    \"value\": [\n      1\n    ]\n  },\n  \"s\": {\n    \"sensitive\": true,\n    \"type\": \"string\",\n    \"value\": \"\\u003cx\\u003e\"\n  }\n}"
        );
        assert_eq!(output_json(&outputs["a"]), "[1]");
        assert_eq!(outputs_text(&outputs), "a = [\n  1,\n]\ns = <sensitive>\n");
    }
}
