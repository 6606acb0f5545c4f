//! Values brought into the shape of their schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_value::{Path, PathStep, Type, Value, convert, set_value};

use crate::body::{Body, deep};
use crate::check::{join_opt, show};
use crate::{Attribute, AttributeType, Block, NestedBlock, Nesting, SchemaError, Str};

/// An object as a value of the schema's implied type: attributes converted, missing ones null,
/// missing blocks empty. Null and unknown stay what they are, with the implied type; marks stay
/// where they are.
///
/// Reports every part that does not convert and every attribute the schema does not have.
/// Whether required attributes and blocks are there is not looked at.
pub fn coerce(block: &Block, value: &Value) -> Result<Value, Vec<SchemaError>> {
    let mut errors = Vec::new();
    let coerced = coerce_body(block.into(), value, &Path::root(), &mut errors);
    if errors.is_empty() {
        Ok(coerced)
    } else {
        Err(errors)
    }
}

type Errors<'a> = &'a mut Vec<SchemaError>;

fn body_type(body: Body<'_>) -> Type {
    let attributes = body
        .attributes
        .iter()
        .map(|(k, a)| (k.clone(), a.implied_type()));
    let blocks = body.blocks().map(|(k, b)| (k.clone(), b.implied_type()));
    Type::object(attributes.chain(blocks))
}

fn coerce_body(body: Body<'_>, value: &Value, at: &Path, errors: Errors<'_>) -> Value {
    let parts = match value.peel() {
        Value::Null(_) => return Value::Null(body_type(body)).mark(value.marks()),
        Value::Unknown(u) => {
            return Value::refined(body_type(body), u.refinement.clone()).mark(value.marks());
        }
        Value::Object(parts) => parts,
        Value::Map(map) => &map.entries,
        other => {
            errors.push(SchemaError::new(
                at,
                format!("an object is required, not {}", show(other)),
            ));
            return Value::Null(body_type(body));
        }
    };
    for name in parts.keys() {
        if !body.attributes.contains_key(name) && body.block(name).is_none() {
            let reason = "the schema has no such attribute";
            errors.push(SchemaError::new(&at.attr(name.clone()), reason));
        }
    }
    let mut coerced = BTreeMap::new();
    for (name, attribute) in body.attributes {
        let v = match parts.get(name) {
            Some(v) => coerce_attribute(attribute, v, &at.attr(name.clone()), errors),
            None => Value::Null(attribute.implied_type()),
        };
        coerced.insert(name.clone(), v);
    }
    for (name, nested) in body.blocks() {
        let v = match parts.get(name) {
            Some(v) => deep(|| coerce_blocks(nested, v, &at.attr(name.clone()), errors)),
            None => nested.empty_value(),
        };
        coerced.insert(name.clone(), v);
    }
    Value::Object(Arc::new(coerced.into())).mark(value.marks())
}

fn coerce_attribute(attribute: &Attribute, value: &Value, at: &Path, errors: Errors<'_>) -> Value {
    match &attribute.ty {
        AttributeType::Plain(ty) => convert(value, ty).unwrap_or_else(|e| {
            let path = Path(at.0.iter().chain(&e.path.0).cloned().collect());
            errors.push(SchemaError::new(&path, e.reason));
            Value::Null(ty.clone())
        }),
        AttributeType::Nested {
            attributes,
            nesting,
        } => {
            let shape = Shape {
                body: Body::nested(attributes),
                nesting: *nesting,
                mixed: false,
            };
            if value.is_null() || !value.is_known() {
                return retyped(value, attribute.implied_type());
            }
            deep(|| coerce_collection(shape, value, at, errors))
        }
    }
}

fn coerce_blocks(nested: &NestedBlock, value: &Value, at: &Path, errors: Errors<'_>) -> Value {
    if value.is_null() {
        return nested.empty_value().mark(value.marks());
    }
    if !value.is_known() {
        return retyped(value, nested.implied_type());
    }
    let shape = Shape {
        body: (&nested.block).into(),
        nesting: nested.nesting,
        mixed: nested.implied_type() == Type::Dynamic,
    };
    coerce_collection(shape, value, at, errors)
}

/// A null or unknown value as one of another type.
fn retyped(value: &Value, ty: Type) -> Value {
    let plain = match value.peel() {
        Value::Unknown(u) => Value::refined(ty, u.refinement.clone()),
        _ => Value::Null(ty),
    };
    plain.mark(value.marks())
}

/// What a known value is coerced to.
#[derive(Clone, Copy)]
struct Shape<'a> {
    body: Body<'a>,
    nesting: Nesting,
    /// Elements may differ in type: a tuple or an object instead of a list or a map.
    mixed: bool,
}

fn coerce_collection(shape: Shape<'_>, value: &Value, at: &Path, errors: Errors<'_>) -> Value {
    if matches!(shape.nesting, Nesting::Single | Nesting::Group) {
        return coerce_body(shape.body, value, at, errors);
    }
    let coerced = if shape.nesting == Nesting::Map {
        value.as_entries().map(|entries| {
            let entries = entries.iter().map(|(key, v)| {
                let path = at.join(PathStep::Key(key.clone()));
                (key.clone(), coerce_body(shape.body, v, &path, errors))
            });
            collect_map(shape, entries)
        })
    } else {
        value.as_slice().map(|items| {
            let items = (0u64..).zip(items).map(|(i, v)| {
                let step = (shape.nesting == Nesting::List).then_some(PathStep::Index(i));
                coerce_body(shape.body, v, &join_opt(at, step), errors)
            });
            collect_sequence(shape, items)
        })
    };
    coerced.map(|v| v.mark(value.marks())).unwrap_or_else(|| {
        let wanted = match shape.nesting {
            Nesting::Map => "a map of objects",
            Nesting::Set => "a set of objects",
            _ => "a list of objects",
        };
        errors.push(SchemaError::new(
            at,
            format!("{wanted} is required, not {}", show(value)),
        ));
        Value::NULL
    })
}

fn collect_map(shape: Shape<'_>, entries: impl Iterator<Item = (Str, Value)>) -> Value {
    if shape.mixed {
        Value::object(entries)
    } else {
        Value::map(body_type(shape.body), entries.collect())
    }
}

fn collect_sequence(shape: Shape<'_>, items: impl Iterator<Item = Value>) -> Value {
    match shape.nesting {
        Nesting::Set => set_value(body_type(shape.body), items.collect()),
        _ if shape.mixed => Value::tuple(items),
        _ => Value::list(body_type(shape.body), items.collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_conforms;
    use crate::testing::*;
    use muster_value::Marks;

    fn schema() -> Block {
        let any = block([("v", typed("o", Type::Dynamic))], []);
        block(
            [("name", leaf("r")), ("n", nested("o", "map", element()))],
            [
                ("l", blocks("list", element())),
                ("s", blocks("set", element())),
                ("any", blocks("list", any)),
            ],
        )
    }

    fn check(value: Value, expect: Value) {
        let got = coerce(&schema(), &value).unwrap();
        assert!(got.same(&expect), "{got:#?}");
        assert_eq!(check_conforms(&schema(), &got), []);
    }

    #[test]
    fn what_is_missing_becomes_null_or_empty() {
        let full = obj([
            ("name", s("x")),
            ("n", NULL),
            ("l", list([])),
            ("s", set([])),
            ("any", Value::tuple([])),
        ]);
        check(obj([("name", s("x"))]), full.clone());
        check(obj([("name", s("x")), ("l", NULL), ("s", NULL)]), full);
        assert_eq!(
            coerce(&schema(), &NULL),
            Ok(Value::Null(schema().implied_type()))
        );
    }

    #[test]
    fn tuples_and_objects_become_lists_and_maps() {
        let part = || obj([("key", s("k"))]);
        check(
            obj([
                ("name", s("x")),
                ("n", obj([("a", part())])),
                ("l", Value::tuple([part()])),
                ("s", Value::tuple([part(), part()])),
                (
                    "any",
                    Value::tuple([obj([("v", s("1"))]), obj([("v", Value::int(1))])]),
                ),
            ]),
            obj([
                ("name", s("x")),
                ("n", map([("a", el("k", NULL))])),
                ("l", list([el("k", NULL)])),
                ("s", set([el("k", NULL)])),
                (
                    "any",
                    Value::tuple([obj([("v", s("1"))]), obj([("v", Value::int(1))])]),
                ),
            ]),
        );
    }

    #[test]
    fn marks_stay() {
        let value = obj([("name", s("x").mark(Marks::SENSITIVE))]);
        let got = coerce(&schema(), &value).unwrap();
        assert_eq!(got.get("name").unwrap().marks(), Marks::SENSITIVE);
    }

    #[test]
    fn every_part_that_does_not_fit_is_reported() {
        let value = obj([
            ("nope", s("x")),
            ("name", list([s("x")])),
            ("n", s("x")),
            ("l", Value::tuple([s("x")])),
        ]);
        let errors = coerce(&schema(), &value).unwrap_err();
        let at: Vec<_> = errors.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(at, [".nope", ".name", ".n", ".l[0]"]);
        assert!(coerce(&schema(), &s("x")).is_err());
    }
}
