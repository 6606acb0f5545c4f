//! What is wrong with a value, and whether it has the type that its schema implies.

use std::fmt;

use muster_value::{Marks, Path, PathStep, Type, Value};

use crate::Block;
use crate::body::deep;

/// One rule broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Which part.
    pub path: Path,
    /// What is wrong with it. Parts that are sensitive by schema or by mark are not shown.
    pub reason: String,
}

impl SchemaError {
    pub(crate) fn new(path: &Path, reason: impl Into<String>) -> Self {
        Self {
            path: path.clone(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path, self.reason)
        }
    }
}

impl std::error::Error for SchemaError {}

/// The value has the schema's type: objects have exactly the schema's attributes, and every
/// part is of its type, null or unknown.
pub fn check_conforms(block: &Block, value: &Value) -> Vec<SchemaError> {
    let mut errors = Vec::new();
    check_type(&block.implied_type(), value, &Path::root(), &mut errors);
    errors
}

/// Reports every part of the value that is not of its type.
pub(crate) fn check_type(ty: &Type, value: &Value, at: &Path, errors: &mut Vec<SchemaError>) {
    deep(|| match (ty, value.peel()) {
        (Type::Dynamic, _) | (_, Value::Null(Type::Dynamic)) => {}
        (_, Value::Unknown(unknown)) if unknown.ty == Type::Dynamic => {}
        (_, Value::Null(_) | Value::Unknown(_)) if fits(ty, &value.ty()) => {}
        (Type::Bool, Value::Bool(_))
        | (Type::Number, Value::Number(_))
        | (Type::String, Value::String(_)) => {}
        (Type::List(elem), Value::List(_))
        | (Type::Set(elem), Value::Set(_))
        | (Type::Map(elem), Value::Map(_)) => value.for_each_child(|step, v| {
            check_type(elem, v, &join_opt(at, step), errors);
        }),
        (Type::Tuple(types), Value::Tuple(items)) if types.len() == items.len() => {
            for (i, (ty, v)) in (0u64..).zip(types.iter().zip(items.iter())) {
                check_type(ty, v, &at.index(i), errors);
            }
        }
        (Type::Object(object), Value::Object(parts)) => {
            for (name, ty) in &object.attributes {
                match parts.get(name) {
                    Some(v) => check_type(ty, v, &at.attr(name.clone()), errors),
                    None => errors.push(SchemaError::new(
                        at,
                        format!("the attribute {name:?} is missing"),
                    )),
                }
            }
            for name in parts.keys().filter(|n| !object.attributes.contains_key(*n)) {
                errors.push(SchemaError::new(
                    &at.attr(name.clone()),
                    "the schema has no such attribute",
                ));
            }
        }
        _ => errors.push(SchemaError::new(
            at,
            format!(
                "{} is required, not {}",
                ty.friendly_name(),
                value.ty().friendly_name()
            ),
        )),
    });
}

/// Whether a value of type `found` may stand where `wanted` is asked for without a conversion.
fn fits(wanted: &Type, found: &Type) -> bool {
    deep(|| match (wanted, found) {
        (Type::Dynamic, _) => true,
        (Type::List(a), Type::List(b))
        | (Type::Set(a), Type::Set(b))
        | (Type::Map(a), Type::Map(b)) => fits(a, b),
        (Type::Tuple(a), Type::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| fits(a, b))
        }
        (Type::Object(a), Type::Object(b)) => {
            a.attributes.keys().eq(b.attributes.keys())
                && a.attributes
                    .values()
                    .zip(b.attributes.values())
                    .all(|(a, b)| fits(a, b))
        }
        (a, b) => a == b,
    })
}

/// The path one step further in; parts without a step of their own share their parent's path.
pub(crate) fn join_opt(at: &Path, step: Option<PathStep>) -> Path {
    match step {
        Some(step) => at.join(step),
        None => at.clone(),
    }
}

/// Whether errors about this part must not show it.
pub(crate) fn is_sensitive(value: &Value) -> bool {
    let marks = value.marks();
    marks.contains(Marks::SENSITIVE) || marks.contains(Marks::EPHEMERAL)
}

/// A value in a few words, for error messages.
pub(crate) fn show(value: &Value) -> String {
    if value.is_marked_deep() {
        return "a sensitive value".into();
    }
    match value {
        Value::Null(_) => "null".into(),
        Value::Unknown(_) => "a value known after apply".into(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        Value::String(text) => match text.char_indices().nth(60) {
            Some((end, _)) => format!("{:?}...", &text[..end]),
            None => format!("{text:?}"),
        },
        other => match other.len() {
            Some(n) => format!("{} with {n} parts", article(&other.ty())),
            None => article(&other.ty()),
        },
    }
}

fn article(ty: &Type) -> String {
    let kind = match ty {
        Type::List(_) => "a list",
        Type::Set(_) => "a set",
        Type::Map(_) => "a map",
        Type::Tuple(_) => "a tuple",
        Type::Object(_) => "an object",
        _ => "a value",
    };
    kind.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(value: Value, expect: &[&str]) {
        let block = block(
            [("name", leaf("r")), ("any", typed("o", Type::Dynamic))],
            [("b", blocks("list", element()))],
        );
        let errors = check_conforms(&block, &value);
        let got: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn every_part_is_of_its_type_null_or_unknown() {
        check(
            obj([
                ("name", s("x")),
                ("any", list([s("x")])),
                ("b", list([el("k", NULL)])),
            ]),
            &[],
        );
        check(obj([("name", unknown()), ("any", NULL), ("b", NULL)]), &[]);
        check(NULL, &[]);
        check(Value::unknown(Type::Dynamic), &[]);
        check(
            obj([
                ("name", Value::int(1)),
                ("any", NULL),
                ("b", list([obj([("key", NULL)])])),
            ]),
            &[
                ".b[0]: the attribute \"out\" is missing",
                ".name: string is required, not number",
            ],
        );
    }

    #[test]
    fn objects_have_exactly_the_attributes_of_the_schema() {
        check(
            obj([("any", NULL), ("b", NULL), ("more", NULL)]),
            &[
                "the attribute \"name\" is missing",
                ".more: the schema has no such attribute",
            ],
        );
    }

    #[test]
    fn nulls_and_unknowns_of_another_type_are_refused() {
        let odd = Value::Null(Type::Number);
        check(
            obj([
                ("name", odd),
                ("any", NULL),
                ("b", Value::unknown(Type::Bool)),
            ]),
            &[
                ".b: list of object is required, not bool",
                ".name: string is required, not number",
            ],
        );
    }

    #[test]
    fn messages_show_values_briefly_and_no_secrets() {
        assert_eq!(show(&s("a\"b")), "\"a\\\"b\"");
        assert_eq!(show(&s("x").mark(Marks::SENSITIVE)), "a sensitive value");
        assert_eq!(
            show(&obj([("p", s("x").mark(Marks::SENSITIVE))])),
            "a sensitive value"
        );
        assert_eq!(show(&list([s("a"), s("b")])), "a list with 2 parts");
        assert!(show(&s(&"ä".repeat(500))).len() < 200);
    }
}
