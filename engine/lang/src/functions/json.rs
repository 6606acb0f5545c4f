//! JSON.

use std::borrow::Cow;
use std::fmt::Write;

use muster_value::{Type, Value, convert, implied_type, json_to_value};
use unicode_normalization::char::is_combining_mark;

use super::{Function, FunctionError, Param, Returns};

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
        &[Param::any("val").null().unknown()],
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

/// The value of a JSON text.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let json: serde_json::Value = serde_json::from_str(&without_lone_surrogates(text))
        .map_err(|e| format!("the text is not JSON: {e}"))?;
    json_to_value(&json, &implied_type(&json)).map_err(|e| match e.path.is_root() {
        true => e.to_string(),
        false => format!("{}: {e}", e.path),
    })
}

/// The text with U+FFFD for each escape of half a surrogate pair. These are valid JSON, but no
/// string can hold them.
fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('\\') {
        at += found;
        match (surrogate(text, at), surrogate(text, at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(_), _) => {
                clean.push_str(&text[copied..at]);
                clean.push(char::REPLACEMENT_CHARACTER);
                at += 6;
                copied = at;
            }
            // The backslash and what it escapes, which may be a backslash too.
            _ => at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8),
        }
    }
    if copied == 0 {
        return text.into();
    }
    clean.push_str(&text[copied..]);
    clean.into()
}

/// The half of a surrogate pair that is escaped at a place, as in `\ud83d`.
fn surrogate(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let code = u32::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
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
    fn half_surrogate_pairs_are_replaced() {
        let check = |text: &str, expect: &str| {
            assert_eq!(decode(text).unwrap(), Value::string(expect), "{text}");
        };
        check(r#""\ud83d\ude00""#, "\u{1f600}");
        check(r#""\ud83d""#, "\u{fffd}");
        check(r#""a\ude00\ud83db""#, "a\u{fffd}\u{fffd}b");
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}");
        check(r#""\\ud83d""#, r"\ud83d");
        check(r#""é\u00e9""#, "éé");
        assert!(decode(r#""\ud83"#).is_err());
        assert!(decode("\"\\").is_err());
    }

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
