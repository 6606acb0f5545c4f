//! Whether the configuration and the prior state allow what a provider plans.

use std::collections::BTreeSet;

use muster_value::{Path, PathStep, Value};

use crate::body::{Body, deep, part};
use crate::check::{is_sensitive, show};
use crate::{Attribute, AttributeType, Block, NestedBlock, Nesting, SchemaError};

/// A planned value is one that the configuration and the prior state allow: what is configured
/// is planned as configured (or stays as it was, if the provider sees no real difference), and
/// only computed attributes that the configuration leaves out are the provider's to choose.
///
/// Values may carry marks; parts marked sensitive are not shown in errors.
pub fn check_planned(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &Value,
) -> Vec<SchemaError> {
    let mut errors = Vec::new();
    check_body(
        block.into(),
        &Path::root(),
        [prior, config, planned],
        &mut errors,
    );
    errors
}

/// Prior, configured and planned form of one part.
type Triple<'a> = [&'a Value; 3];

/// The same attribute of all three; null where there is no such object.
fn parts(values: Triple<'_>, name: &str) -> [Value; 3] {
    values.map(|v| part(v, name, || muster_value::Type::Dynamic))
}

fn check_body(body: Body<'_>, at: &Path, values: Triple<'_>, errors: &mut Vec<SchemaError>) {
    let [_, config, planned] = values;
    if planned.is_null() != config.is_null() {
        errors.push(SchemaError::new(at, existence(planned)));
        return;
    }
    if planned.is_null() {
        return;
    }
    if !planned.is_known() {
        if config.is_known() {
            errors.push(SchemaError::new(
                at,
                "an object that is configured cannot be unknown",
            ));
        }
        return;
    }
    for (name, attribute) in body.attributes {
        let [p, c, n] = &parts(values, name);
        deep(|| check_attribute(attribute, &at.attr(name.clone()), [p, c, n], errors));
    }
    for (name, nested) in body.blocks() {
        let [p, c, n] = &parts(values, name);
        deep(|| check_block(nested, &at.attr(name.clone()), [p, c, n], errors));
    }
}

fn existence(planned: &Value) -> &'static str {
    if planned.is_null() {
        "the configuration has it, but the plan leaves it out"
    } else {
        "the plan has it, but the configuration does not"
    }
}

fn check_attribute(
    attribute: &Attribute,
    at: &Path,
    values: Triple<'_>,
    errors: &mut Vec<SchemaError>,
) {
    let [prior, config, planned] = values;
    let unchanged = planned.same(prior) && !prior.is_null() && !config.is_null();
    let computed_only = attribute.computed && !attribute.optional;
    let free = attribute.computed && config.is_null();
    // What is write-only is in the configuration alone.
    let left_out = attribute.write_only && planned.is_null();
    if planned.same(config) || unchanged || computed_only || free || left_out {
        return;
    }
    if config.is_null() {
        errors.push(SchemaError::new(
            at,
            "it is not computed and not configured, but the plan gives it a value",
        ));
        return;
    }
    match &attribute.ty {
        AttributeType::Nested {
            attributes,
            nesting,
        } => check_nested(Body::nested(attributes), *nesting, at, values, errors),
        AttributeType::Plain(_) => {
            let hidden = attribute.sensitive || values.iter().any(|v| is_sensitive(v));
            errors.push(SchemaError::new(at, mismatch(hidden, values)));
        }
    }
}

fn mismatch(hidden: bool, [prior, config, planned]: Triple<'_>) -> String {
    let prior_too = if prior.is_null() {
        ""
    } else {
        ", nor the prior value"
    };
    if hidden {
        return format!("the planned value is not the configured one{prior_too}");
    }
    let prior_too = if prior.is_null() {
        String::new()
    } else {
        format!("{prior_too} {}", show(prior))
    };
    format!(
        "the planned value {} is not the configured one, {}{prior_too}",
        show(planned),
        show(config)
    )
}

/// A nested attribute that is configured and planned differently.
fn check_nested(
    body: Body<'_>,
    nesting: Nesting,
    at: &Path,
    values: Triple<'_>,
    errors: &mut Vec<SchemaError>,
) {
    let [_, config, planned] = values;
    if nesting == Nesting::Single || planned.is_null() || !planned.is_known() {
        return check_body(body, at, values, errors);
    }
    if nesting == Nesting::Set {
        return check_set_size(at, config, planned, errors);
    }
    check_elements(body, at, values, errors);
}

fn check_block(nested: &NestedBlock, at: &Path, values: Triple<'_>, errors: &mut Vec<SchemaError>) {
    let [_, config, planned] = values;
    if planned.same(config) {
        return;
    }
    if !config.is_known() {
        errors.push(SchemaError::new(
            at,
            "blocks that are not known yet must stay unknown in the plan",
        ));
        return;
    }
    if !planned.is_known() {
        errors.push(SchemaError::new(
            at,
            "blocks cannot be unknown, only the attributes in them",
        ));
        return;
    }
    let body = (&nested.block).into();
    if matches!(nested.nesting, Nesting::Single | Nesting::Group) {
        return check_body(body, at, values, errors);
    }
    if planned.is_null() {
        errors.push(SchemaError::new(
            at,
            "no blocks must be an empty collection, not null",
        ));
        return;
    }
    if nested.nesting == Nesting::Set {
        // Elements of a set have no identity by which to compare them: the provider is trusted.
        if planned.children().any(|v| !v.is_known()) {
            errors.push(SchemaError::new(
                at,
                "blocks cannot be unknown, only the attributes in them",
            ));
        }
        return;
    }
    check_elements(body, at, values, errors);
}

/// Elements of a list, map, tuple or object, one by one.
fn check_elements(body: Body<'_>, at: &Path, values: Triple<'_>, errors: &mut Vec<SchemaError>) {
    let [prior, config, planned] = values;
    let wanted = steps(config);
    let found = steps(planned);
    if planned.as_slice().is_some() && wanted.len() != found.len() {
        errors.push(SchemaError::new(
            at,
            format!(
                "the plan has {} of them, the configuration {}",
                found.len(),
                wanted.len()
            ),
        ));
        return;
    }
    for step in found.difference(&wanted) {
        errors.push(SchemaError::new(&at.join(step.clone()), existence(planned)));
    }
    for step in &wanted {
        let path = at.join(step.clone());
        match (config.child(step), planned.child(step)) {
            (Some(c), Some(n)) if c.same(n) => {}
            (Some(c), Some(n)) => {
                let p = prior.child(step).unwrap_or(&Value::NULL);
                check_body(body, &path, [p, c, n], errors);
            }
            _ => errors.push(SchemaError::new(&path, existence(&Value::NULL))),
        }
    }
}

fn steps(value: &Value) -> BTreeSet<PathStep> {
    let mut steps = BTreeSet::new();
    // Objects stand for maps whose elements differ in type, so their steps are made alike.
    value.for_each_child(|step, _| match step {
        Some(PathStep::Attr(name)) => steps.extend([PathStep::Key(name)]),
        step => steps.extend(step),
    });
    steps
}

/// Sets must be able to end up with equally many elements.
fn check_set_size(at: &Path, config: &Value, planned: &Value, errors: &mut Vec<SchemaError>) {
    let ((least_c, most_c), (least_n, most_n)) = (possible_size(config), possible_size(planned));
    if most_n < least_c || most_c < least_n {
        errors.push(SchemaError::new(
            at,
            format!("the plan has {most_n} elements, the configuration {most_c}"),
        ));
    }
}

/// Least and greatest number of elements once everything is known: elements that are not known
/// yet may turn out to be equal.
fn possible_size(set: &Value) -> (usize, usize) {
    match set.len() {
        Some(n) if set.is_wholly_known() => (n, n),
        Some(n) => (n.min(1), n),
        None if set.is_null() => (0, 0),
        None => (0, usize::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use muster_value::Marks;

    fn check(flags: &str, [prior, config, planned]: [Value; 3], expect: &[&str]) {
        let b = block([("a", leaf(flags))], []);
        check_in(
            &b,
            [prior, config, planned].map(|v| obj([("a", v)])),
            expect,
        );
    }

    fn check_in(block: &Block, [prior, config, planned]: [Value; 3], expect: &[&str]) {
        let errors = check_planned(block, &prior, &config, &planned);
        let got: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn configured_values_are_planned_as_configured() {
        check("o", [NULL, s("x"), s("x")], &[]);
        check("o", [NULL, unknown(), unknown()], &[]);
        let reason = ".a: the planned value \"y\" is not the configured one, \"x\"";
        check("o", [NULL, s("x"), s("y")], &[reason]);
        check("oc", [NULL, s("x"), s("y")], &[reason]);
        check(
            "o",
            [s("w"), s("x"), s("y")],
            &[
                ".a: the planned value \"y\" is not the configured one, \"x\", nor the prior value \"w\"",
            ],
        );
    }

    #[test]
    fn a_difference_without_meaning_may_be_dropped() {
        check("o", [s("X"), s("x"), s("X")], &[]);
    }

    #[test]
    fn only_computed_attributes_are_for_the_provider() {
        check("oc", [s("w"), NULL, unknown()], &[]);
        check("c", [s("w"), NULL, s("v")], &[]);
        check("c", [NULL, s("x"), s("y")], &[]);
        let reason = ".a: it is not computed and not configured, but the plan gives it a value";
        check("o", [s("w"), NULL, s("w")], &[reason]);
    }

    #[test]
    fn what_is_write_only_is_left_out() {
        check("ow", [NULL, s("x"), NULL], &[]);
        let ephemeral = s("x").mark(Marks::EPHEMERAL);
        let reason = ".a: the planned value is not the configured one";
        check("ow", [NULL, ephemeral, s("y")], &[reason]);
    }

    #[test]
    fn secrets_are_not_shown() {
        check(
            "os",
            [NULL, s("x"), s("y")],
            &[".a: the planned value is not the configured one"],
        );
        let secret = s("x").mark(Marks::SENSITIVE);
        check(
            "o",
            [NULL, secret, s("y")],
            &[".a: the planned value is not the configured one"],
        );
    }

    #[test]
    fn objects_exist_as_configured() {
        let b = block([("a", leaf("o"))], []);
        let o = obj([("a", NULL)]);
        check_in(
            &b,
            [NULL, o.clone(), NULL],
            &["the configuration has it, but the plan leaves it out"],
        );
        check_in(
            &b,
            [NULL, NULL, o.clone()],
            &["the plan has it, but the configuration does not"],
        );
        check_in(&b, [o, NULL, NULL], &[]);
    }

    #[test]
    fn blocks_keep_their_number_and_keys() {
        let b = block(
            [],
            [
                ("l", blocks("list", element())),
                ("m", blocks("map", element())),
            ],
        );
        let value = |l: Value, m: Value| obj([("l", l), ("m", m)]);
        let config = value(list([el("a", NULL)]), map([("k", el("a", NULL))]));
        let fine = value(list([el("a", unknown())]), map([("k", el("a", s("1")))]));
        check_in(&b, [NULL, config.clone(), fine], &[]);
        let wrong = value(list([]), map([("j", el("a", NULL))]));
        check_in(
            &b,
            [NULL, config.clone(), wrong],
            &[
                ".l: the plan has 0 of them, the configuration 1",
                ".m[\"j\"]: the plan has it, but the configuration does not",
                ".m[\"k\"]: the configuration has it, but the plan leaves it out",
            ],
        );
        check_in(
            &b,
            [NULL, config, value(unknown(), NULL)],
            &[
                ".l: blocks cannot be unknown, only the attributes in them",
                ".m: no blocks must be an empty collection, not null",
            ],
        );
    }

    #[test]
    fn blocks_of_a_set_are_trusted() {
        let b = block([], [("b", blocks("set", element()))]);
        let value = |v: Value| obj([("b", v)]);
        let config = value(set([el("a", NULL)]));
        check_in(
            &b,
            [NULL, config.clone(), value(set([el("z", s("1"))]))],
            &[],
        );
        let reason = ".b: blocks cannot be unknown, only the attributes in them";
        let odd = Value::unknown(b.blocks["b"].block.implied_type());
        check_in(&b, [NULL, config, value(set([odd]))], &[reason]);
    }

    #[test]
    fn unknown_blocks_stay_as_they_are() {
        let b = block([], [("b", blocks("list", element()))]);
        let config = obj([("b", Value::unknown(b.blocks["b"].implied_type()))]);
        check_in(&b, [NULL, config.clone(), config.clone()], &[]);
        let reason = ".b: blocks that are not known yet must stay unknown in the plan";
        check_in(&b, [NULL, config, obj([("b", list([]))])], &[reason]);
    }

    #[test]
    fn nested_attributes_follow_the_same_rules() {
        let b = block(
            [
                ("n", nested("o", "list", element())),
                ("s", nested("o", "set", element())),
            ],
            [],
        );
        let value = |n: Value, set: Value| obj([("n", n), ("s", set)]);
        let config = value(list([el("a", NULL)]), set([el("a", NULL)]));
        let fine = value(list([el("a", s("1"))]), set([el("b", s("1"))]));
        check_in(&b, [NULL, config.clone(), fine], &[]);
        let wrong = value(list([el("b", NULL)]), set([el("a", s("1")), el("b", NULL)]));
        check_in(
            &b,
            [NULL, config.clone(), wrong],
            &[
                ".n[0].key: the planned value \"b\" is not the configured one, \"a\"",
                ".s: the plan has 2 elements, the configuration 1",
            ],
        );
        check_in(
            &b,
            [NULL, config, value(unknown(), NULL)],
            &[
                ".n: an object that is configured cannot be unknown",
                ".s: the configuration has it, but the plan leaves it out",
            ],
        );
    }
}
