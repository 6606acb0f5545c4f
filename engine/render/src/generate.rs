//! Blocks of configuration for objects that exist already.
//!
//! The text is our own: hcl-rs writes numbers as floats, and control characters with escapes that
//! the language does not have.

use std::fmt::Write as _;
use std::sync::Arc;

use indexmap::IndexMap;
use muster_addr::{AbsResource, Mode};
use muster_lang::{FileId, fmt};
use muster_schema::{Attribute, AttributeType, Block, NestedBlock, Nesting, Schema};
use muster_value::Value;
use serde_json::Value as Json;

use crate::strings::{key_literal, literal};

/// A `resource` block that describes an object as it is: everything that a configuration may say
/// of it, sorted by name, and null for what is sensitive. `provider` is the provider configuration
/// as the module names it, where it is not the one that the type's name implies.
pub fn resource_block(
    addr: &AbsResource,
    schema: &Schema,
    value: &Value,
    provider: Option<&str>,
) -> String {
    let id = &addr.resource;
    let keyword = match id.mode {
        Mode::Managed => "resource",
        Mode::Data => "data",
        Mode::Ephemeral => "ephemeral",
    };
    let mut out = format!("{keyword} \"{}\" \"{}\" {{\n", id.type_name, id.name);
    if let Some(provider) = provider {
        let _ = writeln!(out, "provider = {provider}");
    }
    for (name, attribute) in sorted(&schema.block.attributes) {
        // The id of an object is chosen by the world, even where old providers take one.
        let chosen = name == "id" && attribute.optional && attribute.computed;
        if is_settable(attribute) && !chosen {
            write_attribute(&mut out, name, attribute, value);
        }
    }
    write_blocks(&mut out, &schema.block, value);
    out.push_str("}\n");
    canonical(out)
}

/// The text as `fmt` has it.
fn canonical(text: String) -> String {
    let text: Arc<str> = text.into();
    let formatted = fmt::format(FileId(0), &text);
    formatted.map_or_else(|_| text.to_string(), |t| t.trim_end().to_owned())
}

fn sorted<T>(members: &IndexMap<Arc<str>, T>) -> impl Iterator<Item = (&str, &T)> {
    let mut all: Vec<(&str, &T)> = members.iter().map(|(k, v)| (&**k, v)).collect();
    all.sort_by_key(|(name, _)| *name);
    all.into_iter()
}

/// Whether the configuration may say something about an attribute, and should.
fn is_settable(attribute: &Attribute) -> bool {
    (attribute.required || attribute.optional) && !attribute.deprecated
}

fn write_attribute(out: &mut String, name: &str, attribute: &Attribute, owner: &Value) {
    let _ = write!(out, "{name} = ");
    if attribute.sensitive {
        out.push_str("null # sensitive\n");
        return;
    }
    if attribute.write_only {
        out.push_str("null # write-only attribute\n");
        return;
    }
    match owner.get(name) {
        // Providers of old give an empty text for what nobody has set.
        Some(value) if !attribute.required && is_empty_text(value) => out.push_str("null"),
        Some(value) => write_typed(out, &attribute.ty, value),
        None => out.push_str("null"),
    }
    out.push('\n');
}

fn is_empty_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.is_empty())
}

/// The value of an attribute: of nested ones only what the configuration may say.
fn write_typed(out: &mut String, ty: &AttributeType, value: &Value) {
    match ty {
        AttributeType::Plain(_) => write_value(out, value),
        _ if value.is_null() => out.push_str("null"),
        AttributeType::Nested {
            attributes,
            nesting: Nesting::Single | Nesting::Group,
        } => {
            out.push_str("{\n");
            for (name, attribute) in sorted(attributes) {
                if is_settable(attribute) {
                    write_attribute(out, name, attribute, value);
                }
            }
            out.push('}');
        }
        AttributeType::Nested { attributes, .. } => {
            let single = AttributeType::Nested {
                attributes: attributes.clone(),
                nesting: Nesting::Single,
            };
            write_many(out, value, |out, item| write_typed(out, &single, item));
        }
    }
}

fn write_many(out: &mut String, value: &Value, mut item: impl FnMut(&mut String, &Value)) {
    if let Some(entries) = value.as_entries() {
        out.push_str("{\n");
        for (key, value) in entries {
            let _ = write!(out, "{} = ", key_literal(key));
            item(out, value);
            out.push('\n');
        }
        out.push('}');
        return;
    }
    out.push('[');
    for (i, value) in value.children().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        item(out, value);
    }
    out.push(']');
}

fn write_value(out: &mut String, value: &Value) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value.peel() {
        Value::String(text) => write_text(out, text),
        Value::Number(number) => _ = write!(out, "{number}"),
        Value::Bool(flag) => _ = write!(out, "{flag}"),
        value if value.is_null() => out.push_str("null"),
        value => write_many(out, value, write_value),
    });
}

/// A string; a document in JSON is written as a value, which is easier to read and to edit.
fn write_text(out: &mut String, text: &str) {
    let is_document = text.starts_with(['{', '[']);
    match serde_json::from_str::<Json>(text) {
        Ok(json) if is_document && reproduces(&json, text) => {
            out.push_str("jsonencode(");
            write_json(out, &json);
            out.push(')');
        }
        _ => out.push_str(&literal(text)),
    }
}

/// Whether the value says the same as the text: neither a repeated key nor a digit is lost.
fn reproduces(json: &Json, text: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    bare(&json.to_string()) == bare(text)
}

fn write_json(out: &mut String, json: &Json) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match json {
        Json::String(text) => out.push_str(&literal(text)),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write_json(out, item);
            }
            out.push(']');
        }
        Json::Object(entries) => {
            out.push_str("{\n");
            for (key, item) in entries {
                let _ = write!(out, "{} = ", key_literal(key));
                write_json(out, item);
                out.push('\n');
            }
            out.push('}');
        }
        other => _ = write!(out, "{other}"),
    });
}

fn write_blocks(out: &mut String, block: &Block, value: &Value) {
    for (name, nested) in sorted(&block.blocks) {
        let Some(found) = value.get(name).filter(|v| !v.is_null()) else {
            continue;
        };
        match nested.nesting {
            Nesting::Single | Nesting::Group => write_block(out, name, nested, found),
            Nesting::Map => {
                for (key, item) in found.as_entries().into_iter().flatten() {
                    write_block(out, &format!("{name} {}", literal(key)), nested, item);
                }
            }
            Nesting::List | Nesting::Set => {
                found
                    .children()
                    .for_each(|item| write_block(out, name, nested, item));
            }
        }
    }
}

/// A nested block, unless it says nothing.
fn write_block(out: &mut String, header: &str, nested: &NestedBlock, value: &Value) {
    if value.is_null() || value.children().all(Value::is_null) {
        return;
    }
    let _ = writeln!(out, "{header} {{");
    for (name, attribute) in sorted(&nested.block.attributes) {
        if is_settable(attribute) {
            write_attribute(out, name, attribute, value);
        }
    }
    write_blocks(out, &nested.block, value);
    out.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let mut out = String::new();
        write_text(&mut out, text);
        assert_eq!(out, expect);
    }

    #[test]
    fn documents_are_written_as_values() {
        check(r#"{"a":[1,"x"]}"#, "jsonencode({\na = [1, \"x\"]\n})");
        check(r#"{"a:b":"${x}"}"#, "jsonencode({\n\"a:b\" = \"$${x}\"\n})");
        check("[1.00000000000001]", "jsonencode([1.00000000000001])");
    }

    #[test]
    fn documents_that_would_change_stay_text() {
        check(r#"{"a":1,"a":2}"#, r#""{\"a\":1,\"a\":2}""#);
        check("{broken", r#""{broken""#);
        check("12", r#""12""#);
    }
}
