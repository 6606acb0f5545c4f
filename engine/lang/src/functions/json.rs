//! JSON.

use std::fmt::Write;

use muster_value::{Type, Value, convert};
use unicode_normalization::char::is_combining_mark;

use super::{Function, FunctionError, Param, Returns};

mod decode;

pub(super) use decode::decode;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "jsondecode",
        "The value that a JSON text stands for.",
        &[Param::string("str")],
        Returns::ANY_OR_NULL,
        |a, _| {
            let text = a[0].as_str().map_or("", |s| s);
            decode(text).map_err(FunctionError::from)
        },
    ),
    Function::new(
        "jsonencode",
        "A value as JSON text.",
        &[Param::any("val").null().unknown().untyped()],
        Returns::STRING,
        |a, _| {
            if !a[0].is_wholly_known() {
                return Ok(crate::eval::unknown_string(opening(&a[0])));
            }
            encode(&a[0]).map(Value::from).map_err(FunctionError::from)
        },
    ),
];

/// What the JSON text of a value that is not wholly known is sure to start with.
fn opening(value: &Value) -> &'static str {
    let not_null = match value {
        Value::Unknown(u) => u.refinement.not_null,
        _ => true,
    };
    match value.ty() {
        _ if !not_null => "",
        Type::List(_) | Type::Set(_) | Type::Tuple(_) => "[",
        Type::Map(_) | Type::Object(_) => "{",
        Type::String => "\"",
        _ => "",
    }
}

/// The JSON text of a wholly known value, in the one form that all versions agree on: keys in
/// order, no spaces, `<`, `>` and `&` escaped.
pub(super) fn encode(value: &Value) -> Result<String, String> {
    let mut text = String::new();
    write_value(value, &mut text)?;
    Ok(text)
}

fn write_value(value: &Value, to: &mut String) -> Result<(), String> {
    match value.peel() {
        Value::Null(_) => to.push_str("null"),
        Value::Bool(b) => to.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) if n.is_infinite() => return Err("infinity has no JSON form".into()),
        number @ Value::Number(_) => {
            let text = convert(number, &Type::String).map_err(|e| e.reason)?;
            to.push_str(text.as_str().map_or("", |s| s));
        }
        Value::String(s) => quote(s, to),
        Value::Unknown(_) => return Err("the value is not wholly known".into()),
        inner => return stacker::maybe_grow(64 * 1024, 1024 * 1024, || write_parts(inner, to)),
    }
    Ok(())
}

fn write_parts(value: &Value, to: &mut String) -> Result<(), String> {
    if let Some(entries) = value.as_entries() {
        to.push('{');
        for (i, (key, value)) in entries.iter().enumerate() {
            if i > 0 {
                to.push(',');
            }
            quote(key, to);
            to.push(':');
            write_value(value, to)?;
        }
        to.push('}');
        return Ok(());
    }
    to.push('[');
    for (i, item) in value.children().enumerate() {
        if i > 0 {
            to.push(',');
        }
        write_value(item, to)?;
    }
    to.push(']');
    Ok(())
}

/// Appends a string in quotes. A combining mark behind an escape is escaped too: strings are
/// kept in composed form, where it would become one character with the end of the escape.
pub(super) fn quote(text: &str, to: &mut String) {
    to.push('"');
    let mut escaped = false;
    for c in text.chars() {
        let short = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            _ => "",
        };
        let long = matches!(
            c,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}'
        );
        if !short.is_empty() {
            to.push_str(short);
        } else if long || escaped && is_combining_mark(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(to, "\\u{unit:04x}");
            }
        } else {
            to.push(c);
            escaped = false;
            continue;
        }
        // Quotes and backslashes take no marks.
        escaped = !matches!(c, '"' | '\\');
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_do_not_melt_into_escapes() {
        let check = |text: &str, expect: &str| {
            let Value::String(encoded) = Value::from(encode(&text.into()).unwrap()) else {
                panic!("{text}");
            };
            assert_eq!(&*encoded, expect);
            assert_eq!(decode(&encoded), Ok(text.into()));
        };
        check("<\u{327}", r#""\u003c\u0327""#);
        check("\n\u{30c}\u{301}a\u{30a}", r#""\n\u030c\u0301å""#);
        check("\u{1d165}>\u{1d165}", "\"\u{1d165}\\u003e\\ud834\\udd65\"");
        check("\"\u{301}", "\"\\\"\u{301}\"");
        check("x\u{301}\n", "\"x\u{301}\\n\"");
    }

    #[test]
    fn an_error_at_the_top_has_no_path() {
        let error = decode("1e99999999999").unwrap_err();
        assert!(!error.starts_with(':'), "{error}");
    }
}
