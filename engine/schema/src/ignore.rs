//! `ignore_changes`: parts of the configuration that give way to what is there already.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_value::{Path, PathStep, Type, Value};

use crate::body::{Body, deep};
use crate::{AttributeType, Block, Nesting, Str};

/// What `ignore_changes` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IgnoreChanges<'a> {
    /// `all`: the object is only ever created and destroyed.
    All,
    /// These parts; a path may end in the key of a map.
    Paths(&'a [Path]),
}

/// The configuration with everything that is to be ignored replaced by its prior value. With
/// `all` that is the whole prior object save what only the provider sets. Nothing is ignored
/// when there is no prior object or no configuration.
///
/// Of a map, single keys may be ignored: the key is as it was before, or absent if it was. Where
/// a path ends in a key and what it is put to is no map, it means the whole of that.
/// Paths that are not in both values, and keys of a map that is not known yet, are passed over.
pub fn apply_ignore_changes(
    prior: &Value,
    config: &Value,
    ignore: IgnoreChanges<'_>,
    block: &Block,
) -> Value {
    match ignore {
        IgnoreChanges::All if !prior.is_null() && !config.is_null() => {
            without_computed_only(block.into(), prior)
        }
        ignore => keep_ignored(prior, config, ignore),
    }
}

/// The planned value of a provider that cannot keep to the rules, with everything that is to be
/// ignored put back to its prior value.
pub fn keep_ignored(prior: &Value, planned: &Value, ignore: IgnoreChanges<'_>) -> Value {
    if prior.is_null() || planned.is_null() {
        return planned.clone();
    }
    match ignore {
        IgnoreChanges::All => prior.clone(),
        IgnoreChanges::Paths(paths) => paths.iter().fold(planned.clone(), |value, path| {
            restore(prior, &value, &path.0).unwrap_or(value)
        }),
    }
}

/// `value` with the part at the path as it is in `prior`; `None` if it has no such part.
fn restore(prior: &Value, value: &Value, steps: &[PathStep]) -> Option<Value> {
    let Some((first, rest)) = steps.split_first() else {
        return Some(prior.clone());
    };
    // Only a map is taken apart by a last key; of anything else all is as it was.
    if let ([], PathStep::Key(_)) = (rest, first)
        && !is_map(value)
    {
        return Some(prior.clone());
    }
    if !leads_into(first, prior) && !leads_into(first, value) {
        return None;
    }
    if let ([], PathStep::Key(key)) = (rest, first)
        && let Some(restored) = restore_key(prior, value, key)
    {
        return Some(restored);
    }
    let inner = deep(|| restore(prior.child(first)?, value.child(first)?, rest))?;
    with_child(value, first, inner)
}

/// Whether a value is of a map type, null and unknown ones included.
fn is_map(value: &Value) -> bool {
    matches!(value.peel().ty(), Type::Map(_))
}

/// Whether a step is of the kind that the value has: names lead into objects only, and keys into
/// maps only. `tags.name` ignores nothing, as it does in Terraform; `tags["name"]` does.
fn leads_into(step: &PathStep, value: &Value) -> bool {
    matches!(
        (step, value.peel()),
        (PathStep::Attr(_), Value::Object(_))
            | (PathStep::Key(_), Value::Map(_))
            | (PathStep::Index(_), Value::List(_) | Value::Tuple(_))
    )
}

/// A map with one key as it is in the prior map. `None` if the two are not maps.
fn restore_key(prior: &Value, value: &Value, key: &Str) -> Option<Value> {
    let (elem, mut entries) = match (prior.peel(), value.peel()) {
        (_, Value::Map(map)) => (map.elem.clone(), map.entries.clone()),
        (Value::Map(map), Value::Null(_)) => (map.elem.clone(), BTreeMap::new()),
        _ => return None,
    };
    let old = match prior.peel() {
        Value::Map(old) => old.entries.get(key),
        Value::Null(_) => None,
        _ => return None,
    };
    match old {
        Some(old) => entries.insert(key.clone(), old.clone()),
        None => entries.remove(key),
    };
    if entries.is_empty() && value.is_null() {
        return Some(value.clone());
    }
    Some(Value::map(elem, entries).mark(value.marks()))
}

/// `value` with one part replaced. Only the containers on the way are copied.
fn with_child(value: &Value, step: &PathStep, child: Value) -> Option<Value> {
    let (inner, marks) = value.clone().unmark();
    let changed = match (inner, step) {
        (Value::Object(mut object), PathStep::Attr(name) | PathStep::Key(name)) => {
            Arc::make_mut(&mut object).insert(name.clone(), child);
            Value::Object(object)
        }
        (Value::Map(mut map), PathStep::Attr(key) | PathStep::Key(key)) => {
            Arc::make_mut(&mut map).entries.insert(key.clone(), child);
            Value::Map(map)
        }
        (Value::List(mut list), PathStep::Index(i)) => {
            let at = usize::try_from(*i).ok()?;
            *Arc::make_mut(&mut list).items.get_mut(at)? = child;
            Value::List(list)
        }
        (Value::Tuple(items), PathStep::Index(i)) => {
            let mut items = items.to_vec();
            *items.get_mut(usize::try_from(*i).ok()?)? = child;
            Value::tuple(items)
        }
        _ => return None,
    };
    Some(changed.mark(marks))
}

/// The prior object as if it had been configured: without what only the provider sets.
fn without_computed_only(body: Body<'_>, value: &Value) -> Value {
    let (inner, marks) = value.clone().unmark();
    let Value::Object(object) = inner else {
        return value.clone();
    };
    let parts = object.iter().map(|(name, v)| {
        let v = match (body.attributes.get(name), body.block(name)) {
            (Some(a), _) if a.computed && !a.optional => Value::Null(a.implied_type()),
            (Some(attribute), _) => match &attribute.ty {
                AttributeType::Plain(_) => v.clone(),
                AttributeType::Nested {
                    attributes,
                    nesting,
                } => each_without(Body::nested(attributes), *nesting, v),
            },
            (None, Some(nested)) => each_without((&nested.block).into(), nested.nesting, v),
            (None, None) => v.clone(),
        };
        (name.clone(), v)
    });
    Value::object(parts).mark(marks)
}

fn each_without(body: Body<'_>, nesting: Nesting, value: &Value) -> Value {
    deep(|| match nesting {
        Nesting::Single | Nesting::Group => without_computed_only(body, value),
        _ => value.map_children(|_, v| without_computed_only(body, v)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(path: &Path, prior: Value, config: Value, expect: Value) {
        let paths = [path.clone()];
        let got = apply_ignore_changes(
            &prior,
            &config,
            IgnoreChanges::Paths(&paths),
            &block([], []),
        );
        assert!(got.same(&expect), "{got:?}");
    }

    fn tags(v: Value) -> Value {
        obj([("name", s("n")), ("tags", v)])
    }

    #[test]
    fn ignored_parts_keep_their_prior_value() {
        let path = Path::root().attr("name");
        let (a, b) = (
            obj([("name", s("a")), ("x", s("1"))]),
            obj([("name", s("b")), ("x", s("2"))]),
        );
        check(&path, a, b, obj([("name", s("a")), ("x", s("2"))]));
        check(
            &path,
            NULL,
            obj([("name", s("b"))]),
            obj([("name", s("b"))]),
        );
        check(&path, obj([("name", s("b"))]), NULL, NULL);
    }

    #[test]
    fn single_keys_of_a_map_may_be_ignored() {
        let key = Path::root().attr("tags").key("k");
        let one = |v: &str| map([("k", s(v)), ("l", s("1"))]);
        check(&key, tags(one("old")), tags(one("new")), tags(one("old")));
        check(
            &key,
            tags(map([("l", s("0"))])),
            tags(one("new")),
            tags(map([("l", s("1"))])),
        );
        let none = || Value::Null(Type::map(Type::String));
        check(
            &key,
            tags(one("old")),
            tags(none()),
            tags(map([("k", s("old"))])),
        );
        check(&key, tags(none()), tags(none()), tags(none()));
        check(
            &key,
            tags(NULL),
            tags(map([("k", s("x"))])),
            tags(empty_map()),
        );
        let unknown = || Value::unknown(Type::map(Type::String));
        check(&key, tags(one("old")), tags(unknown()), tags(unknown()));
    }

    #[test]
    fn a_key_of_what_is_no_map_stands_for_all_of_it() {
        let key = Path::root().attr("tags").key("k");
        let object = |k: &str, l: &str| obj([("k", s(k)), ("l", s(l))]);
        check(
            &key,
            tags(object("1", "1")),
            tags(object("2", "2")),
            tags(object("1", "1")),
        );
        let old = map([("k", s("1")), ("l", s("1"))]);
        for new in [
            NULL,
            unknown(),
            s("x"),
            list([s("x")]),
            obj([("l", s("2"))]),
        ] {
            check(&key, tags(old.clone()), tags(new), tags(old.clone()));
        }
        // Further down, a key leads into maps only.
        let deeper = Path::root().attr("tags").key("k").key("x");
        let nested = |v: &str| tags(obj([("k", obj([("x", s(v))]))]));
        check(&deeper, nested("1"), nested("2"), nested("2"));
        // A map that comes where none was stays as it is written.
        check(&key, tags(s("x")), tags(old.clone()), tags(old));
    }

    #[test]
    fn parts_of_blocks_may_be_ignored() {
        let path = Path::root().attr("b").index(1).attr("key");
        let value = |x: &str, y: &str| obj([("b", list([el(x, NULL), el(y, NULL)]))]);
        check(&path, value("a", "b"), value("c", "d"), value("c", "b"));
        let short = obj([("b", list([el("a", NULL)]))]);
        check(&path, short, value("c", "d"), value("c", "d"));
    }

    #[test]
    fn all_is_the_prior_object_without_what_the_provider_sets() {
        let inner = block([("key", leaf("o")), ("id", leaf("c"))], []);
        let b = block(
            [("id", leaf("c")), ("size", leaf("oc")), ("name", leaf("r"))],
            [("b", blocks("list", inner))],
        );
        let value = |id: Value, name: &str, inner: Value| {
            let part = obj([("key", s("k")), ("id", inner)]);
            obj([
                ("id", id),
                ("size", s("9")),
                ("name", s(name)),
                ("b", list([part])),
            ])
        };
        let prior = value(s("1"), "a", s("2"));
        let config = value(NULL, "b", NULL);
        let got = apply_ignore_changes(&prior, &config, IgnoreChanges::All, &b);
        assert!(got.same(&value(NULL, "a", NULL)), "{got:?}");
        assert!(apply_ignore_changes(&NULL, &config, IgnoreChanges::All, &b).same(&config));
        assert!(keep_ignored(&prior, &config, IgnoreChanges::All).same(&prior));
    }
}
