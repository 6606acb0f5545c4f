//! Values of JSON texts that are nested deeper than the parser of texts goes.

use serde_json::{Map, Value};

use crate::StateError;
use crate::json::token_end;

/// How deep the parser goes that is used for all others.
pub(crate) const SHALLOW: usize = 100;

/// An array or object that is not at its end.
enum Open {
    Array(Vec<Value>),
    /// With the name that the next value gets.
    Object(Map<String, Value>, Option<String>),
}

/// The value of a text that is known to be JSON.
pub(crate) fn value(text: &str) -> Result<Value, StateError> {
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        let start = at;
        at += 1;
        let mut whole = match byte {
            b'[' => {
                open.push(Open::Array(Vec::new()));
                continue;
            }
            b'{' => {
                open.push(Open::Object(Map::new(), None));
                continue;
            }
            b']' | b'}' => match open.pop() {
                Some(Open::Array(items)) => Value::Array(items),
                Some(Open::Object(attributes, _)) => Value::Object(attributes),
                None => break,
            },
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                at = token_end(text.as_bytes(), start);
                serde_json::from_str(&text[start..at])?
            }
        };
        match open.last_mut() {
            None => return Ok(whole),
            Some(Open::Array(items)) => items.push(whole),
            Some(Open::Object(attributes, name)) => match (name.take(), whole.take()) {
                (Some(name), value) => _ = attributes.insert(name, value),
                (None, Value::String(text)) => *name = Some(text),
                (None, _) => break,
            },
        }
    }
    Err(StateError::Malformed {
        line: 1,
        column: at,
        reason: "this is not JSON".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_values_that_the_other_parser_gives_them() {
        let check = |text: &str| {
            let expect: Value = serde_json::from_str(text).unwrap();
            assert_eq!(value(text), Ok(expect), "{text}");
        };
        check("1.50");
        check("\"a\\\"]\\u00e9\"");
        check("[]");
        check("{}");
        check(r#"{"a":[1,-2e3,{"b":null,"c":{}},[]],"d":"{[","":true}"#);
        check(" [ 1 , { \"a\" : false } ] ");
        check(r#"{"a":1,"a":"b"}"#);
    }
}
