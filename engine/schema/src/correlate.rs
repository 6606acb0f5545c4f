//! Which element of a prior set a configured element stands for.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use muster_value::{Value, set_order};

use crate::body::{Body, deep, part};
use crate::{AttributeType, Nesting};

/// The elements of a prior set that no configured element has taken yet.
///
/// Elements are looked up by the parts that are not computed, so that large sets do not cost a
/// comparison of each with each.
pub(crate) struct PriorElements<'a> {
    body: Body<'a>,
    unused: BTreeMap<Key, VecDeque<&'a Value>>,
}

impl<'a> PriorElements<'a> {
    pub(crate) fn new(body: Body<'a>, items: &'a [Value]) -> Self {
        let mut unused: BTreeMap<Key, VecDeque<&'a Value>> = BTreeMap::new();
        for item in items {
            let key = Key(without_computed(body, item));
            unused.entry(key).or_default().push_back(item);
        }
        Self { body, unused }
    }

    /// Takes the first prior element that the configured one could have led to.
    pub(crate) fn take(&mut self, config: &Value) -> Option<&'a Value> {
        let key = Key(without_computed(self.body, config));
        let candidates = self.unused.get_mut(&key)?;
        let found = candidates
            .iter()
            .position(|prior| stems_from(self.body, prior, config))?;
        candidates.remove(found)
    }
}

/// A value ordered as sets order their elements.
pub(crate) struct Key(pub(crate) Value);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        set_order(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// The value with computed attributes nulled. Sets inside are kept whole: they only ever match
/// as a whole.
fn without_computed(body: Body<'_>, value: &Value) -> Value {
    let Value::Object(object) = value.peel() else {
        return value.clone();
    };
    Value::object(object.iter().map(|(name, value)| {
        let key = match (body.attributes.get(name), body.block(name)) {
            (Some(attribute), _) => match &attribute.ty {
                AttributeType::Plain(_) if attribute.computed => Value::NULL,
                AttributeType::Plain(_) => value.clone(),
                AttributeType::Nested {
                    attributes,
                    nesting,
                } => keys_of(Body::nested(attributes), *nesting, value),
            },
            (None, Some(nested)) => keys_of((&nested.block).into(), nested.nesting, value),
            (None, None) => value.clone(),
        };
        (name.clone(), key)
    }))
}

fn keys_of(body: Body<'_>, nesting: Nesting, value: &Value) -> Value {
    deep(|| match (nesting, value.peel()) {
        (Nesting::Set, _) => value.clone(),
        (Nesting::Single | Nesting::Group, _) => without_computed(body, value),
        (_, Value::List(_) | Value::Tuple(_)) => {
            Value::tuple(value.children().map(|v| without_computed(body, v)))
        }
        (_, Value::Map(_) | Value::Object(_)) => Value::object(
            value
                .as_entries()
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), without_computed(body, v))),
        ),
        _ => value.clone(),
    })
}

/// Whether a prior object may be what became of a configured one: they differ at most in
/// attributes that are computed and that the configuration leaves out.
fn stems_from(body: Body<'_>, prior: &Value, config: &Value) -> bool {
    if prior.same(config) {
        return true;
    }
    let (Value::Object(_), Value::Object(_)) = (prior.peel(), config.peel()) else {
        return false;
    };
    let attributes = body.attributes.iter().all(|(name, attribute)| {
        let prior = part(prior, name, || attribute.implied_type());
        let config = part(config, name, || attribute.implied_type());
        match &attribute.ty {
            AttributeType::Plain(_) => {
                (attribute.computed && config.is_null()) || prior.same(&config)
            }
            AttributeType::Nested {
                attributes,
                nesting,
            } => all_stem_from(Body::nested(attributes), *nesting, &prior, &config),
        }
    });
    attributes
        && body.blocks().all(|(name, nested)| {
            let prior = part(prior, name, || nested.implied_type());
            let config = part(config, name, || nested.implied_type());
            all_stem_from((&nested.block).into(), nested.nesting, &prior, &config)
        })
}

fn all_stem_from(body: Body<'_>, nesting: Nesting, prior: &Value, config: &Value) -> bool {
    deep(|| match nesting {
        Nesting::Set => prior.same(config),
        Nesting::Single | Nesting::Group => stems_from(body, prior, config),
        Nesting::List => match (prior.as_slice(), config.as_slice()) {
            (Some(p), Some(c)) => {
                p.len() == c.len() && p.iter().zip(c).all(|(p, c)| stems_from(body, p, c))
            }
            _ => prior.same(config),
        },
        Nesting::Map => match (prior.as_entries(), config.as_entries()) {
            (Some(p), Some(c)) => {
                p.keys().eq(c.keys())
                    && p.values()
                        .zip(c.values())
                        .all(|(p, c)| stems_from(body, p, c))
            }
            _ => prior.same(config),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(prior: Value, config: Value, expect: bool) {
        let block = block(
            [
                ("name", leaf("o")),
                ("id", leaf("oc")),
                ("n", nested("o", "set", element())),
            ],
            [("l", blocks("list", element()))],
        );
        let mut old = [prior];
        assert_eq!(
            stems_from((&block).into(), &old[0], &config),
            expect,
            "{old:?} {config:?}"
        );
        let mut elements = PriorElements::new((&block).into(), &old);
        assert_eq!(elements.take(&config).is_some(), expect);
        assert!(elements.take(&config).is_none(), "taken twice");
        old.reverse();
    }

    fn item(id: Value, inner: Value) -> Value {
        obj([
            ("name", s("n")),
            ("id", id),
            ("n", NULL),
            ("l", list([inner])),
        ])
    }

    #[test]
    fn only_computed_parts_left_out_may_differ() {
        check(
            item(s("1"), el("a", s("2"))),
            item(NULL, el("a", NULL)),
            true,
        );
        check(
            item(s("1"), el("a", s("2"))),
            item(s("1"), el("a", NULL)),
            true,
        );
        check(
            item(s("1"), el("a", s("2"))),
            item(s("3"), el("a", NULL)),
            false,
        );
        check(
            item(s("1"), el("a", s("2"))),
            item(NULL, el("b", NULL)),
            false,
        );
    }

    #[test]
    fn sets_inside_must_agree_as_a_whole() {
        let with = |inner: Value| {
            obj([
                ("name", s("n")),
                ("id", NULL),
                ("n", set([inner])),
                ("l", list([])),
            ])
        };
        check(with(el("a", s("1"))), with(el("a", s("1"))), true);
        check(with(el("a", s("1"))), with(el("a", NULL)), false);
    }
}
