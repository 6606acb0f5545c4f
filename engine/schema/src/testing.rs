//! Short ways to write schemas and values in tests.

use std::collections::BTreeMap;

use muster_value::{Type, Value, set_value};

use crate::{Attribute, AttributeType, Block, NestedBlock, Nesting};

pub(crate) const NULL: Value = Value::NULL;

pub(crate) fn s(text: &str) -> Value {
    Value::string(text)
}

pub(crate) fn unknown() -> Value {
    Value::unknown(Type::String)
}

pub(crate) fn obj<const N: usize>(parts: [(&str, Value); N]) -> Value {
    Value::object(parts)
}

pub(crate) fn list<const N: usize>(items: [Value; N]) -> Value {
    Value::list(elem_type(&items), items.into())
}

pub(crate) fn set<const N: usize>(items: [Value; N]) -> Value {
    set_value(elem_type(&items), items.into())
}

pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let elem = elem_type(&entries.clone().map(|(_, v)| v));
    Value::map(elem, entries.map(|(k, v)| (k.into(), v)).into())
}

fn elem_type(items: &[Value]) -> Type {
    items.first().map_or(Type::Dynamic, Value::ty)
}

/// A string attribute; flags are any of `r`equired, `o`ptional, `c`omputed, `s`ensitive and
/// `w`rite-only.
pub(crate) fn leaf(flags: &str) -> Attribute {
    typed(flags, Type::String)
}

pub(crate) fn typed(flags: &str, ty: Type) -> Attribute {
    Attribute {
        required: flags.contains('r'),
        optional: flags.contains('o'),
        computed: flags.contains('c'),
        sensitive: flags.contains('s'),
        write_only: flags.contains('w'),
        ..Attribute::new(ty)
    }
}

pub(crate) fn nested(flags: &str, nesting: &str, body: Block) -> Attribute {
    Attribute {
        ty: AttributeType::Nested {
            attributes: body.attributes,
            nesting: self::nesting(nesting),
        },
        ..leaf(flags)
    }
}

pub(crate) fn block<const A: usize, const B: usize>(
    attributes: [(&str, Attribute); A],
    blocks: [(&str, NestedBlock); B],
) -> Block {
    Block {
        attributes: attributes.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        blocks: blocks.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        ..Block::default()
    }
}

pub(crate) fn blocks(nesting: &str, block: Block) -> NestedBlock {
    NestedBlock {
        block,
        nesting: self::nesting(nesting),
        min_items: 0,
        max_items: 0,
    }
}

/// A body with an optional `key` and a computed `out`.
pub(crate) fn element() -> Block {
    block([("key", leaf("o")), ("out", leaf("oc"))], [])
}

/// A value of [`element`].
pub(crate) fn el(key: &str, out: Value) -> Value {
    obj([("key", s(key)), ("out", out)])
}

/// A value of [`element`] without a key.
pub(crate) fn el_null(out: Value) -> Value {
    obj([("key", NULL), ("out", out)])
}

pub(crate) fn empty_map() -> Value {
    Value::map(Type::String, BTreeMap::new())
}

fn nesting(name: &str) -> Nesting {
    match name {
        "single" => Nesting::Single,
        "group" => Nesting::Group,
        "list" => Nesting::List,
        "set" => Nesting::Set,
        "map" => Nesting::Map,
        other => panic!("no nesting {other}"),
    }
}
