//! One view of everything that holds attributes: blocks, and attributes with nested ones.

use indexmap::IndexMap;
use muster_value::{Type, Value};

use crate::{Attribute, Block, NestedBlock, Str};

/// Attributes and nested blocks of an object; objects of nested attributes have no blocks.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) attributes: &'a IndexMap<Str, Attribute>,
    blocks: Option<&'a IndexMap<Str, NestedBlock>>,
}

impl<'a> Body<'a> {
    /// The objects of a nested attribute.
    pub(crate) fn nested(attributes: &'a IndexMap<Str, Attribute>) -> Self {
        Self {
            attributes,
            blocks: None,
        }
    }

    /// Nested block types by name.
    pub(crate) fn blocks(self) -> impl Iterator<Item = (&'a Str, &'a NestedBlock)> {
        self.blocks.into_iter().flatten()
    }

    /// One nested block type.
    pub(crate) fn block(self, name: &str) -> Option<&'a NestedBlock> {
        self.blocks?.get(name)
    }
}

impl<'a> From<&'a Block> for Body<'a> {
    fn from(block: &'a Block) -> Self {
        Self {
            attributes: &block.attributes,
            blocks: Some(&block.blocks),
        }
    }
}

/// An attribute of an object: unknown in an unknown object, null in a null one or when the
/// value has no such attribute. The type is only asked for when it is needed.
pub(crate) fn part(value: &Value, name: &str, ty: impl FnOnce() -> Type) -> Value {
    match value.peel() {
        Value::Unknown(_) => Value::unknown(ty()),
        known => match known.get(name) {
            Some(inner) => inner.clone(),
            None => Value::Null(ty()),
        },
    }
}

/// Runs a step of a recursion over values of any depth without overflowing the stack.
pub(crate) fn deep<R>(step: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, step)
}
