//! What can be said about a configuration by the schema alone, beyond what the engine checks.

use indexmap::IndexMap;
use muster_lang::Diags;
use muster_schema::{Attribute, AttributeType, Block};
use muster_value::{Path, Value};

use crate::Str;
use crate::de::deeper;
use crate::resource::error_at;
use crate::schema::{Rules, Schema};

/// Checks a configuration: nothing in attributes that only the provider may set, and every
/// check of the schema on every value that is known.
pub(crate) fn check(schema: &Schema, config: &Value) -> Diags {
    let mut diags = Diags::new();
    check_block(
        schema.block(),
        &schema.rules,
        config,
        &Path::root(),
        &mut diags,
    );
    diags
}

fn check_block(block: &Block, rules: &Rules, config: &Value, at: &Path, diags: &mut Diags) {
    check_attributes(&block.attributes, Some(rules), config, at, diags);
    for (name, nested) in &block.blocks {
        let Some(value) = config.get(name) else {
            continue;
        };
        let none = Rules::default();
        let rules = rules.blocks.get(name).unwrap_or(&none);
        each_object(value, &at.attr(name.clone()), &mut |value, at| {
            check_block(&nested.block, rules, value, at, diags);
        });
    }
}

fn check_attributes(
    attributes: &IndexMap<Str, Attribute>,
    rules: Option<&Rules>,
    config: &Value,
    at: &Path,
    diags: &mut Diags,
) {
    for (name, attribute) in attributes {
        let Some(value) = config.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let path = at.attr(name.clone());
        if !attribute.required && !attribute.optional {
            diags.push(error_at(
                path,
                "Invalid Configuration for Read-Only Attribute",
                format!("The provider itself decides on the value of {name:?}: remove it here."),
            ));
            continue;
        }
        let rule = rules.and_then(|rules| rules.attributes.get(name));
        if value.is_known() {
            for check in rule.into_iter().flat_map(|rule| &rule.checks) {
                if let Err(reason) = check(value) {
                    let detail = format!("The value of {name:?} {reason}.");
                    diags.push(error_at(path.clone(), "Invalid Attribute Value", detail));
                }
            }
        }
        if let AttributeType::Nested { attributes, .. } = &attribute.ty {
            let inner = rule.and_then(|rule| rule.nested.as_ref());
            each_object(value, &path, &mut |value, at| {
                deeper(|| check_attributes(attributes, inner, value, at, diags));
            });
        }
    }
}

/// Visits an object, or the objects of a list, set or map. Those of a set have the set's path.
fn each_object(value: &Value, at: &Path, visit: &mut dyn FnMut(&Value, &Path)) {
    match value.peel() {
        Value::Object(_) => visit(value, at),
        _ => value.for_each_child(|step, inner| match step {
            Some(step) => visit(inner, &at.join(step)),
            None => visit(inner, at),
        }),
    }
}

#[cfg(test)]
mod tests {
    use muster_value::Type;

    use super::*;
    use crate::schema::{nested, number, string};

    fn schema() -> Schema {
        Schema::builder()
            .attribute("id", string().computed())
            .attribute(
                "capacity",
                nested([("cpu", number().optional().min(0))]).required(),
            )
            .build()
    }

    #[track_caller]
    fn errors(id: Value, cpu: Value, expect: &[&str]) {
        let config = Value::object([("id", id), ("capacity", Value::object([("cpu", cpu)]))]);
        let found: Vec<String> = check(&schema(), &config)
            .iter()
            .map(|d| format!("{}: {}", d.path.clone().unwrap_or_default(), d.detail))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn errors_name_the_attribute() {
        let none = || Value::Null(Type::String);
        errors(none(), Value::int(1), &[]);
        errors(none(), Value::unknown(Type::Number), &[]);
        errors(
            none(),
            Value::int(-1),
            &[".capacity.cpu: The value of \"cpu\" must be at least 0, and is -1."],
        );
        errors(
            Value::from("x"),
            Value::int(1),
            &[".id: The provider itself decides on the value of \"id\": remove it here."],
        );
    }
}
