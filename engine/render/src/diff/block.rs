//! What changes in a body with attributes and nested blocks.

use std::collections::{BTreeMap, BTreeSet};

use muster_schema as schema;
use muster_schema::{NestedBlock, Nesting};
use muster_value::{Str, Value};

use super::{Act, Forced, Node, Shape, act_of, diff, is_sensitive, pair, present, write_only};

/// A body and what happens to it.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) act: Act,
    /// It forces the object to be replaced.
    pub(crate) replace: bool,
    pub(crate) body: Body<'a>,
}

#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// Not shown.
    Sensitive,
    /// Known after apply.
    Unknown,
    Fields {
        /// Those that are not null.
        attributes: BTreeMap<Str, Node<'a>>,
        /// Blocks by type, with their label if they have one.
        blocks: BTreeMap<Str, Vec<(Option<Str>, Block<'a>)>>,
    },
}

/// What changes in a body.
pub(crate) fn diff_block<'a>(
    before: Option<&Value>,
    after: Option<&Value>,
    schema: &'a schema::Block,
    forced: &Forced<'_>,
) -> Block<'a> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        let (before, after) = (present(before), present(after));
        let get = |name: &str| {
            (
                before.and_then(|v| v.get(name)),
                after.and_then(|v| v.get(name)),
            )
        };
        let attributes = schema.attributes.iter().filter_map(|(name, attribute)| {
            let (old, new) = get(name);
            if attribute.write_only {
                return Some((name.clone(), write_only(before, after)));
            }
            present(old).or(present(new))?;
            let shape = Shape::of(attribute);
            Some((name.clone(), diff(old, new, shape, &forced.name(name))))
        });
        let attributes = attributes.collect();
        let blocks = schema.blocks.iter().map(|(name, nested)| {
            let (old, new) = get(name);
            (
                name.clone(),
                diff_nested(old, new, nested, &forced.name(name)),
            )
        });
        finish(before, after, forced, attributes, blocks.collect())
    })
}

/// What changes in an object that there is no schema for.
pub(crate) fn diff_untyped(before: Option<&Value>, after: Option<&Value>) -> Block<'static> {
    let (before, after) = (present(before), present(after));
    let entries = [before, after]
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_entries());
    let keys: BTreeSet<Str> = entries.flat_map(|e| e.keys().cloned()).collect();
    let none = Forced::default();
    let attributes = keys.into_iter().filter_map(|key| {
        let old = before.and_then(|v| v.get(&key));
        let new = after.and_then(|v| v.get(&key));
        present(old).or(present(new))?;
        Some((key, diff(old, new, Shape::ANY, &none)))
    });
    finish(before, after, &none, attributes.collect(), BTreeMap::new())
}

fn finish<'a>(
    before: Option<&Value>,
    after: Option<&Value>,
    forced: &Forced<'_>,
    attributes: BTreeMap<Str, Node<'a>>,
    blocks: BTreeMap<Str, Vec<(Option<Str>, Block<'a>)>>,
) -> Block<'a> {
    let changed = attributes.values().any(|a| a.act != Act::NoOp)
        || blocks.values().flatten().any(|(_, b)| b.act != Act::NoOp);
    let act = match act_of(before, after) {
        Act::Update if !changed => Act::NoOp,
        act => act,
    };
    Block {
        act,
        replace: forced.here(),
        body: Body::Fields { attributes, blocks },
    }
}

fn diff_nested<'a>(
    before: Option<&Value>,
    after: Option<&Value>,
    nested: &'a NestedBlock,
    forced: &Forced<'_>,
) -> Vec<(Option<Str>, Block<'a>)> {
    let (old, new) = (present(before), present(after));
    let whole = |act, body| {
        vec![(
            None,
            Block {
                act,
                replace: forced.here(),
                body,
            },
        )]
    };
    if is_sensitive(before) || is_sensitive(after) {
        let same = matches!((before, after), (Some(b), Some(a)) if b.same(a));
        let act = if same {
            Act::NoOp
        } else {
            act_of(before, after)
        };
        return whole(act, Body::Sensitive);
    }
    if new.is_some_and(|v| !v.is_known()) {
        return whole(act_of(before, after), Body::Unknown);
    }
    match nested.nesting {
        Nesting::Single | Nesting::Group => match (old, new) {
            (None, None) => Vec::new(),
            _ => vec![(None, diff_block(old, new, &nested.block, forced))],
        },
        Nesting::Map => diff_labelled(old, new, nested, forced),
        Nesting::List | Nesting::Set => {
            let items = |v: Option<&Value>| -> Vec<Value> {
                v.map(|v| v.children().cloned().collect())
                    .unwrap_or_default()
            };
            let (old, new) = (items(old), items(new));
            let (a, b): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
            let is_list = nested.nesting == Nesting::List;
            let pairs = if is_list {
                pair::list(&a, &b)
            } else {
                pair::set(&a, &b)
            };
            let blocks = pairs.into_iter().map(|(o, n)| {
                let mut inner = match n.or(o) {
                    Some(index) if is_list => forced.index(index),
                    _ => Forced::default(),
                };
                inner
                    .0
                    .extend(forced.0.iter().filter(|path| path.is_empty()));
                let block = diff_block(o.map(|i| a[i]), n.map(|i| b[i]), &nested.block, &inner);
                (None, block)
            });
            blocks.collect()
        }
    }
}

fn diff_labelled<'a>(
    old: Option<&Value>,
    new: Option<&Value>,
    nested: &'a NestedBlock,
    forced: &Forced<'_>,
) -> Vec<(Option<Str>, Block<'a>)> {
    let entries = [old, new]
        .into_iter()
        .flatten()
        .filter_map(|v| v.as_entries());
    let keys: BTreeSet<Str> = entries.flat_map(|e| e.keys().cloned()).collect();
    let blocks = keys.into_iter().map(|key| {
        let (o, n) = (old.and_then(|v| v.get(&key)), new.and_then(|v| v.get(&key)));
        let block = diff_block(o, n, &nested.block, &forced.name(&key));
        (Some(key), block)
    });
    blocks.collect()
}

#[cfg(test)]
mod tests {
    use muster_schema::Attribute;
    use muster_value::Type;

    use super::super::Kind;
    use super::*;

    #[test]
    fn what_is_write_only_comes_and_goes_with_its_object() {
        let attribute = Attribute {
            optional: true,
            write_only: true,
            ..Attribute::new(Type::String)
        };
        let schema = schema::Block {
            attributes: [("hush".into(), attribute)].into_iter().collect(),
            ..schema::Block::default()
        };
        let object = Value::object([("hush", Value::Null(Type::String))]);
        let check = |before: Option<&Value>, after: Option<&Value>, expect: Act| {
            let block = diff_block(before, after, &schema, &Forced::default());
            assert_eq!(block.act, expect);
            let Body::Fields { attributes, .. } = &block.body else {
                panic!("{block:?}");
            };
            let node = &attributes["hush"];
            assert_eq!(node.act, expect);
            assert!(matches!(node.kind, Kind::WriteOnly));
        };
        check(None, Some(&object), Act::Create);
        check(Some(&object), Some(&object), Act::NoOp);
        check(Some(&object), None, Act::Delete);
    }
}
