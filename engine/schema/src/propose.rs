//! The proposed new state: prior state and configuration merged into one object.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_value::{Value, set_value};

use crate::body::{Body, deep, part};
use crate::correlate::PriorElements;
use crate::{Attribute, AttributeType, Block, NestedBlock, Nesting, Str};

/// Prior state and configuration merged: what the provider is asked to plan.
///
/// Computed attributes that the configuration leaves out keep their prior value, so they are
/// null for an object that is to be created; making them unknown is the provider's part. All
/// other attributes and the number of blocks come from the configuration. Elements of lists and
/// maps are paired by index and key, elements of sets by everything that is not computed.
pub fn proposed_new(block: &Block, prior: &Value, config: &Value) -> Value {
    match (prior.is_null(), config.is_null()) {
        (true, true) => Value::Null(block.implied_type()),
        (true, false) => merge_block(block, &block.empty_value(), config),
        _ => merge_block(block, prior, config),
    }
}

/// The configuration with every computed attribute that it leaves out unknown: what a data
/// source is before it can be read.
pub fn unknown_computed(block: &Block, config: &Value) -> Value {
    merge_block(block, &Value::unknown(block.implied_type()), config)
}

fn merge_block(block: &Block, prior: &Value, config: &Value) -> Value {
    if config.is_null() || !config.is_known() {
        return prior.clone();
    }
    merge_body(block.into(), prior, config)
}

fn merge_body(body: Body<'_>, prior: &Value, config: &Value) -> Value {
    let attributes = body.attributes.iter().map(|(name, attribute)| {
        let prior = part(prior, name, || attribute.implied_type());
        let config = part(config, name, || attribute.implied_type());
        (name.clone(), merge_attribute(attribute, prior, config))
    });
    let blocks = body.blocks().map(|(name, nested)| {
        let prior = part(prior, name, || nested.implied_type());
        let config = part(config, name, || nested.implied_type());
        (name.clone(), merge_nested_block(nested, &prior, config))
    });
    Value::object(attributes.chain(blocks))
}

fn merge_attribute(attribute: &Attribute, prior: Value, config: Value) -> Value {
    if attribute.write_only {
        return Value::Null(attribute.implied_type());
    }
    if attribute.computed && config.is_null() {
        return if was_configured(attribute, &prior) {
            config
        } else {
            prior
        };
    }
    match &attribute.ty {
        AttributeType::Plain(_) => config,
        AttributeType::Nested {
            attributes,
            nesting,
        } => {
            let element = Element::Object(Body::nested(attributes));
            merge_collection(element, *nesting, &prior, config)
        }
    }
}

/// Whether the prior value of an optional attribute with nested ones must have come from the
/// configuration: it holds something that the provider could not have computed.
fn was_configured(attribute: &Attribute, prior: &Value) -> bool {
    match &attribute.ty {
        AttributeType::Nested { attributes, .. } if attribute.optional => {
            holds_configured(Body::nested(attributes), prior)
        }
        _ => false,
    }
}

/// `value` is an object or a collection of objects.
fn holds_configured(body: Body<'_>, value: &Value) -> bool {
    let Value::Object(object) = value.peel() else {
        return value.children().any(|v| holds_configured(body, v));
    };
    object.iter().any(|(name, value)| {
        let Some(attribute) = body.attributes.get(name) else {
            return false;
        };
        if value.is_null() {
            return false;
        }
        match &attribute.ty {
            _ if !attribute.computed => true,
            AttributeType::Plain(_) => false,
            AttributeType::Nested { attributes, .. } => {
                deep(|| holds_configured(Body::nested(attributes), value))
            }
        }
    })
}

fn merge_nested_block(nested: &NestedBlock, prior: &Value, config: Value) -> Value {
    merge_collection(Element::Block(&nested.block), nested.nesting, prior, config)
}

/// What the elements of a collection are: the two differ in how absence is read.
#[derive(Clone, Copy)]
enum Element<'a> {
    Block(&'a Block),
    Object(Body<'a>),
}

impl Element<'_> {
    fn body(&self) -> Body<'_> {
        match self {
            Self::Block(block) => (*block).into(),
            Self::Object(body) => *body,
        }
    }

    fn merge(&self, prior: &Value, config: &Value) -> Value {
        deep(|| match self {
            Self::Block(block) => proposed_new(block, prior, config),
            Self::Object(_) if config.is_null() || !config.is_known() => config.clone(),
            Self::Object(body) => merge_body(*body, prior, config),
        })
    }
}

fn merge_collection(element: Element<'_>, nesting: Nesting, prior: &Value, config: Value) -> Value {
    if !config.is_known() {
        return config;
    }
    match nesting {
        Nesting::Group => element.merge(prior, &config),
        _ if config.is_null() => config,
        Nesting::Single => element.merge(prior, &config),
        Nesting::List => merge_list(element, prior, config),
        Nesting::Map => merge_map(element, prior, config),
        Nesting::Set => merge_set(element, prior, config),
    }
}

fn merge_list(element: Element<'_>, prior: &Value, config: Value) -> Value {
    let old = prior.as_slice().unwrap_or_default();
    let merge = |(i, item): (usize, &Value)| match old.get(i) {
        Some(old) => element.merge(old, item),
        None if !prior.is_known() => element.merge(&Value::unknown(item.ty()), item),
        None => item.clone(),
    };
    let merged = |items: &[Value]| -> Vec<Value> { items.iter().enumerate().map(merge).collect() };
    match config.peel() {
        Value::List(list) => Value::list(list.elem.clone(), merged(&list.items)),
        Value::Tuple(items) => Value::tuple(merged(items)),
        _ => config,
    }
}

/// Elements without a prior one are taken as they are written, even where the prior map is
/// unknown. Sets do the same.
fn merge_map(element: Element<'_>, prior: &Value, config: Value) -> Value {
    let merge = |(key, item): (&Str, &Value)| match prior.get(key) {
        Some(old) => (key.clone(), element.merge(old, item)),
        None => (key.clone(), item.clone()),
    };
    let merged = |entries: &BTreeMap<Str, Value>| entries.iter().map(merge).collect();
    match config.peel() {
        Value::Map(map) => Value::map(map.elem.clone(), merged(&map.entries)),
        Value::Object(entries) => Value::Object(Arc::new(merged(entries).into())),
        _ => config,
    }
}

fn merge_set(element: Element<'_>, prior: &Value, config: Value) -> Value {
    let Value::Set(set) = config.peel() else {
        return config;
    };
    let unmatched = Value::Null(set.elem.clone());
    let old = match prior.peel() {
        Value::Set(old) => old.items.as_slice(),
        _ => &[],
    };
    let mut old = PriorElements::new(element.body(), old);
    let merged = set
        .items
        .iter()
        .map(|item| element.merge(old.take(item).unwrap_or(&unmatched), item))
        .collect();
    set_value(set.elem.clone(), merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(block: &Block, prior: Value, config: Value, expect: Value) {
        let got = proposed_new(block, &prior, &config);
        assert!(got.same(&expect), "got {got:#?}\nexpected {expect:#?}");
    }

    fn schema() -> Block {
        block(
            [
                ("id", leaf("c")),
                ("name", leaf("r")),
                ("size", leaf("oc")),
                ("note", leaf("o")),
            ],
            [],
        )
    }

    #[test]
    fn what_is_write_only_is_never_proposed() {
        let schema = block([("a", leaf("ow")), ("b", leaf("o"))], []);
        let config = obj([("a", s("x")), ("b", s("y"))]);
        let expect = obj([("a", NULL), ("b", s("y"))]);
        check(&schema, NULL, config.clone(), expect.clone());
        check(&schema, expect.clone(), config, expect);
    }

    #[test]
    fn computed_attributes_are_null_on_create_and_keep_the_prior_value_later() {
        let config = obj([
            ("id", NULL),
            ("name", s("n")),
            ("size", NULL),
            ("note", NULL),
        ]);
        check(&schema(), NULL, config.clone(), config.clone());
        let prior = obj([
            ("id", s("1")),
            ("name", s("m")),
            ("size", s("9")),
            ("note", s("x")),
        ]);
        let expect = obj([
            ("id", s("1")),
            ("name", s("n")),
            ("size", s("9")),
            ("note", NULL),
        ]);
        check(&schema(), prior, config, expect);
    }

    #[test]
    fn configured_values_win_even_for_computed_attributes() {
        let prior = obj([
            ("id", s("1")),
            ("name", s("m")),
            ("size", s("9")),
            ("note", NULL),
        ]);
        let config = obj([
            ("id", s("2")),
            ("name", s("m")),
            ("size", s("8")),
            ("note", NULL),
        ]);
        check(&schema(), prior, config.clone(), config);
    }

    #[test]
    fn nothing_stays_nothing_and_a_missing_configuration_keeps_the_prior_object() {
        check(&schema(), NULL, NULL, NULL);
        let prior = obj([
            ("id", s("1")),
            ("name", s("m")),
            ("size", s("9")),
            ("note", NULL),
        ]);
        check(&schema(), prior.clone(), NULL, prior);
    }

    #[test]
    fn list_blocks_pair_by_index_and_new_ones_are_taken_as_written() {
        let block = block([], [("b", blocks("list", element()))]);
        let prior = obj([("b", list([el("a", s("1"))]))]);
        let config = obj([("b", list([el("x", NULL), el("y", NULL)]))]);
        let expect = obj([("b", list([el("x", s("1")), el("y", NULL)]))]);
        check(&block, prior, config, expect);
    }

    #[test]
    fn map_blocks_pair_by_key() {
        let block = block([], [("b", blocks("map", element()))]);
        let prior = obj([(
            "b",
            map([("k", el("a", s("1"))), ("gone", el("a", s("2")))]),
        )]);
        let config = obj([("b", map([("k", el("x", NULL)), ("new", el("y", NULL))]))]);
        let expect = obj([("b", map([("k", el("x", s("1"))), ("new", el("y", NULL))]))]);
        check(&block, prior, config, expect);
    }

    #[test]
    fn set_blocks_pair_by_what_is_not_computed() {
        let block = block([], [("b", blocks("set", element()))]);
        let prior = obj([("b", set([el("a", s("1")), el("b", s("2"))]))]);
        let config = obj([("b", set([el("b", NULL), el("c", NULL)]))]);
        let expect = obj([("b", set([el("b", s("2")), el("c", NULL)]))]);
        check(&block, prior, config, expect);
    }

    #[test]
    fn a_prior_set_element_is_used_once() {
        let block = block([], [("b", blocks("set", element()))]);
        let prior = obj([("b", set([el("a", s("1"))]))]);
        let config = obj([("b", set([el("a", NULL), el("a", s("1"))]))]);
        let got = proposed_new(&block, &prior, &config);
        let items = got.get("b").and_then(Value::as_slice).unwrap();
        assert!(items.iter().any(|v| v.same(&el("a", s("1")))), "{items:?}");
    }

    #[test]
    fn single_blocks_may_be_absent_and_groups_never_are() {
        let block = block(
            [],
            [
                ("one", blocks("single", element())),
                ("all", blocks("group", element())),
            ],
        );
        let prior = obj([("one", el("a", s("1"))), ("all", el("a", s("2")))]);
        let config = obj([("one", NULL), ("all", el("z", NULL))]);
        let expect = obj([("one", NULL), ("all", el("z", s("2")))]);
        check(&block, prior, config, expect);
    }

    #[test]
    fn unknown_blocks_stay_unknown() {
        let b = block([], [("b", blocks("list", element()))]);
        let unknown = Value::unknown(b.blocks["b"].implied_type());
        let prior = obj([("b", list([el("a", s("1"))]))]);
        check(
            &b,
            prior,
            obj([("b", unknown.clone())]),
            obj([("b", unknown)]),
        );
    }

    #[test]
    fn nested_attributes_keep_computed_parts() {
        let b = block([("n", nested("o", "single", element()))], []);
        let prior = obj([("n", el("a", s("1")))]);
        check(
            &b,
            prior.clone(),
            obj([("n", el("b", NULL))]),
            obj([("n", el("b", s("1")))]),
        );
        check(&b, prior, obj([("n", NULL)]), obj([("n", NULL)]));
    }

    #[test]
    fn an_optional_and_computed_object_leaves_with_its_configuration() {
        let b = block([("n", nested("oc", "single", element()))], []);
        let config = obj([("n", NULL)]);
        let configured = obj([("n", el("a", s("1")))]);
        check(&b, configured, config.clone(), config.clone());
        let computed = obj([("n", el_null(s("1")))]);
        check(&b, computed.clone(), config, computed);
    }

    #[test]
    fn everything_computed_of_an_unread_data_source_is_unknown() {
        let b = block(
            [("id", leaf("c")), ("name", leaf("r")), ("note", leaf("o"))],
            [
                ("b", blocks("list", element())),
                ("s", blocks("set", element())),
            ],
        );
        let config = obj([
            ("id", NULL),
            ("name", s("n")),
            ("note", NULL),
            ("b", list([el("x", NULL)])),
            ("s", set([el("x", NULL)])),
        ]);
        let got = unknown_computed(&b, &config);
        let expect = obj([
            ("id", unknown()),
            ("name", s("n")),
            ("note", NULL),
            ("b", list([el("x", unknown())])),
            ("s", set([el("x", NULL)])),
        ]);
        assert!(got.same(&expect), "{got:#?}");
    }

    #[test]
    fn values_of_another_shape_do_no_harm() {
        let b = block(
            [("n", nested("o", "set", element()))],
            [("b", blocks("map", element()))],
        );
        for odd in [
            s("x"),
            list([s("x")]),
            obj([("n", s("x")), ("b", s("y"))]),
            unknown(),
        ] {
            for other in [NULL, s("x"), obj([("b", list([NULL]))])] {
                proposed_new(&b, &odd, &other);
                proposed_new(&b, &other, &odd);
            }
        }
    }
}
