//! JSON where nothing is evaluated.

use std::collections::HashSet;

use muster_value::{Number, Type, Value};

use crate::syntax::json::{Doc, Json};
use crate::{Diagnostic, Diags};

/// The value of what is written, strings being no templates.
pub(crate) fn verbatim(doc: &Doc, node: u32, diags: &mut Diags) -> Value {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match doc.get(node) {
        Json::Invalid => Value::unknown(Type::Dynamic),
        Json::Null => Value::NULL,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(text) => match Number::parse(text) {
            Ok(number) => Value::Number(number),
            Err(error) => {
                let error = Diagnostic::error("Invalid number literal", error.to_string());
                diags.push(error.at(doc.span(node)));
                Value::unknown(Type::Number)
            }
        },
        Json::String(text, _) => Value::string_nfc(text),
        Json::Array(items) => Value::tuple(
            (items.iter())
                .map(|&item| verbatim(doc, item, diags))
                .collect::<Vec<_>>(),
        ),
        Json::Object(entries) => {
            let mut seen = HashSet::new();
            let mut attributes = Vec::with_capacity(entries.len());
            for &(key, value) in entries {
                let name = doc.text(key);
                if seen.insert(name.clone()) {
                    attributes.push((name, verbatim(doc, value, diags)));
                } else {
                    let detail = format!("The attribute \"{name}\" is defined already.");
                    let error = Diagnostic::error("Duplicate object attribute", detail);
                    diags.push(error.at(doc.span(key)));
                }
            }
            Value::object(attributes)
        }
    })
}
