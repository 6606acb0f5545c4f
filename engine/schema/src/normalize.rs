//! Blocks in the shape that states have them in.

use muster_value::{Type, Value, set_value};

use crate::body::deep;
use crate::{Block, NestedBlock, Nesting};

/// Blocks as they must be in a state: null lists, sets and maps become empty, null groups
/// objects of nulls, and blocks that are unknown as a whole one block of unknowns.
pub fn normalize_blocks(block: &Block, value: &Value) -> Value {
    let (inner, marks) = value.clone().unmark();
    let Value::Object(mut parts) = inner else {
        return value.clone();
    };
    if block.blocks.is_empty() {
        return value.clone();
    }
    let object = std::sync::Arc::make_mut(&mut parts);
    for (name, nested) in &block.blocks {
        let normal = match object.get(name) {
            Some(v) => deep(|| normalize(nested, v)),
            None => nested.empty_value(),
        };
        object.insert(name.clone(), normal);
    }
    Value::Object(parts).mark(marks)
}

fn normalize(nested: &NestedBlock, value: &Value) -> Value {
    if value.is_null() {
        return nested.empty_value().mark(value.marks());
    }
    if !value.is_known() {
        return unknown_blocks(nested).mark(value.marks());
    }
    match nested.nesting {
        Nesting::Single | Nesting::Group => normalize_blocks(&nested.block, value),
        _ => value.map_children(|_, v| normalize_blocks(&nested.block, v)),
    }
}

/// One block of unknowns; how many maps will have, and under which keys, cannot be told.
fn unknown_blocks(nested: &NestedBlock) -> Value {
    match nested.nesting {
        Nesting::Single | Nesting::Group => unknown_block(&nested.block),
        Nesting::Map => Value::unknown(nested.implied_type()),
        Nesting::List => {
            let one = unknown_block(&nested.block);
            match nested.implied_type() {
                Type::Dynamic => Value::tuple([one]),
                _ => Value::list(nested.block.implied_type(), vec![one]),
            }
        }
        Nesting::Set => set_value(
            nested.block.implied_type(),
            vec![unknown_block(&nested.block)],
        ),
    }
}

fn unknown_block(block: &Block) -> Value {
    let attributes = block
        .attributes
        .iter()
        .map(|(name, a)| (name.clone(), Value::unknown(a.implied_type())));
    let blocks = block
        .blocks
        .iter()
        .map(|(name, b)| (name.clone(), deep(|| unknown_blocks(b))));
    Value::object(attributes.chain(blocks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn absent_blocks_take_their_empty_form() {
        let outer = block([], [("in", blocks("list", element()))]);
        let b = block(
            [("a", leaf("o"))],
            [
                ("l", blocks("list", outer)),
                ("s", blocks("set", element())),
                ("one", blocks("single", element())),
                ("g", blocks("group", element())),
            ],
        );
        let value = obj([
            ("a", NULL),
            ("l", list([obj([("in", NULL)])])),
            ("s", NULL),
            ("one", NULL),
            ("g", NULL),
        ]);
        let got = normalize_blocks(&b, &value);
        let expect = obj([
            ("a", NULL),
            ("l", list([obj([("in", list([]))])])),
            ("s", set([])),
            ("one", NULL),
            ("g", obj([("key", NULL), ("out", NULL)])),
        ]);
        assert!(got.same(&expect), "{got:#?}");
    }

    #[test]
    fn unknown_blocks_become_one_block_of_unknowns() {
        let b = block([], [("l", blocks("list", element()))]);
        let value = obj([("l", Value::unknown(b.blocks["l"].implied_type()))]);
        let one = obj([("key", unknown()), ("out", unknown())]);
        assert!(normalize_blocks(&b, &value).same(&obj([("l", list([one]))])));
    }

    #[test]
    fn null_and_odd_values_are_left_alone() {
        let b = block([], [("l", blocks("list", element()))]);
        for value in [NULL, s("x"), unknown()] {
            assert!(normalize_blocks(&b, &value).same(&value));
        }
    }
}
