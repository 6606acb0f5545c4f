//! The builtin functions, described for tools.

use std::collections::BTreeMap;

use muster_lang::functions::{self, Function, Param};

use crate::json::{JsonWriter, to_string};

/// What `metadata functions -json` prints: every function under its short name and its name in
/// the namespace `core`.
pub fn functions_json() -> String {
    let mut named = BTreeMap::new();
    for function in functions::all() {
        named.insert(function.name.to_owned(), *function);
        named.insert(format!("core::{}", function.name), *function);
    }
    to_string(|w| {
        w.object(|w| {
            w.key("format_version").string("1.0");
            w.key("function_signatures").object(|w| {
                for (name, function) in &named {
                    write(w.key(name), function);
                }
            });
        });
    })
}

fn write(w: &mut JsonWriter<'_>, function: &Function) {
    w.object(|w| {
        w.key("description").string(function.description);
        w.key("return_type").ty(&(function.returns.ty)(&[]));
        if !function.params.is_empty() {
            w.key("parameters").array(|w| {
                for param in function.params {
                    write_param(w, param, takes_null(function, param));
                }
            });
        }
        if let Some(param) = &function.variadic {
            write_param(
                w.key("variadic_parameter"),
                param,
                takes_null(function, param),
            );
        }
    });
}

/// Terraform describes two functions as if they took no null, and takes one all the same.
fn takes_null(function: &Function, param: &Param) -> bool {
    param.allow_null && !matches!(function.name, "can" | "try")
}

fn write_param(w: &mut JsonWriter<'_>, param: &Param, takes_null: bool) {
    w.object(|w| {
        w.key("name").string(param.name);
        if takes_null {
            w.key("is_nullable").bool(true);
        }
        w.key("type").ty(&(param.ty)());
    });
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Recorded from Terraform, without descriptions and without the second names.
    #[test]
    fn signatures_are_as_recorded() {
        let recorded: Value = serde_json::from_str(include_str!("functions.json")).unwrap();
        let mut written: Value = serde_json::from_str(&functions_json()).unwrap();
        let found = written["function_signatures"].as_object_mut().unwrap();
        assert_eq!(found.len(), 2 * recorded.as_object().unwrap().len());
        for (name, signature) in recorded.as_object().unwrap() {
            for name in [name.clone(), format!("core::{name}")] {
                let found = found[&name].as_object_mut().unwrap();
                let description = found.remove("description");
                let sentence = description.as_ref().and_then(Value::as_str).unwrap_or("");
                assert!(sentence.ends_with('.'), "{name}: {sentence:?}");
                assert_eq!(Value::Object(found.clone()), *signature, "{name}");
            }
        }
    }
}
