//! Whether a result keeps what the plan promised.

use std::collections::BTreeSet;

use muster_value::{Path, PathStep, Refinement, Value};

use crate::body::{Body, deep, part};
use crate::check::{check_type, is_sensitive, show};
use crate::correlate::Key;
use crate::{Block, NestedBlock, Nesting, SchemaError};

/// A result keeps what the plan promised: what was known is the same, what was unknown has any
/// value that its type and refinements allow, and there are as many blocks as planned. Sets may
/// have shrunk, because elements may turn out to be equal.
///
/// This also tells whether a second plan agrees with a first one. Values may carry marks; parts
/// marked sensitive are not shown in errors.
pub fn check_applied(block: &Block, planned: &Value, actual: &Value) -> Vec<SchemaError> {
    let mut errors = Vec::new();
    check_body(block.into(), planned, actual, &Path::root(), &mut errors);
    errors
}

type Errors<'a> = &'a mut Vec<SchemaError>;

fn check_body(body: Body<'_>, planned: &Value, actual: &Value, at: &Path, errors: Errors<'_>) {
    match (planned.is_null(), actual.is_null()) {
        (true, true) => return,
        (true, false) => return errors.push(SchemaError::new(at, "was absent, but is there now")),
        (false, true) => return errors.push(SchemaError::new(at, "was there, but is absent now")),
        (false, false) => {}
    }
    for (name, attribute) in body.attributes {
        let planned = part(planned, name, || attribute.implied_type());
        let actual = part(actual, name, || attribute.implied_type());
        let path = at.attr(name.clone());
        if attribute.sensitive {
            check_hidden(&planned, &actual, &path, errors);
        } else {
            check_value(&planned, &actual, &path, errors);
        }
    }
    for (name, nested) in body.blocks() {
        let planned = part(planned, name, || nested.implied_type());
        let actual = part(actual, name, || nested.implied_type());
        deep(|| check_blocks(nested, &planned, &actual, &at.attr(name.clone()), errors));
    }
}

fn check_blocks(
    nested: &NestedBlock,
    planned: &Value,
    actual: &Value,
    at: &Path,
    errors: Errors<'_>,
) {
    let body: Body<'_> = (&nested.block).into();
    if matches!(nested.nesting, Nesting::Single | Nesting::Group) {
        // What was unknown as a whole may turn out to be no block at all.
        if planned.is_known() || !actual.is_null() {
            check_body(body, planned, actual, at, errors);
        }
        return;
    }
    let open = |v: &Value| v.is_null() || !v.is_known();
    if open(planned) || open(actual) {
        return;
    }
    if nested.nesting == Nesting::Set {
        let compare = |p: &Value, a: &Value, errors: Errors<'_>| check_body(body, p, a, at, errors);
        check_set(planned, actual, at, errors, &compare);
    } else if check_steps(planned, actual, at, "block", errors) {
        planned.for_each_child(|step, p| {
            if let Some((step, a)) = step.and_then(|s| Some((s.clone(), actual.child(&s)?))) {
                check_body(body, p, a, &at.join(step), errors);
            }
        });
    }
}

/// Compares a part that must not be shown: one error, without a word on the values.
fn check_hidden(planned: &Value, actual: &Value, at: &Path, errors: Errors<'_>) {
    let (planned, actual) = (planned.peel(), actual.peel());
    let mut inner = Vec::new();
    check_value(planned, actual, at, &mut inner);
    if !inner.is_empty() {
        errors.push(SchemaError::new(at, "a sensitive value is not as planned"));
    }
}

fn check_value(planned: &Value, actual: &Value, at: &Path, errors: Errors<'_>) {
    if is_sensitive(planned) || is_sensitive(actual) {
        return check_hidden(planned, actual, at, errors);
    }
    let (planned, actual) = (planned.peel(), actual.peel());
    let mut changed = || {
        let reason = format!("was {}, but now {}", show(planned), show(actual));
        errors.push(SchemaError::new(at, reason));
    };
    match (planned, actual) {
        (Value::Unknown(unknown), _) => {
            let before = errors.len();
            check_type(&unknown.ty, actual, at, errors);
            if errors.len() == before && !obeys(&unknown.refinement, actual) {
                let reason = format!("{} is outside of what the plan allows", show(actual));
                errors.push(SchemaError::new(at, reason));
            }
        }
        (Value::Null(_), Value::Null(_)) => {}
        (Value::Bool(a), Value::Bool(b)) if a == b => {}
        (Value::Number(a), Value::Number(b)) if a == b => {}
        (Value::String(a), Value::String(b)) if a == b => {}
        (Value::Set(_), Value::Set(_)) => {
            let compare = |p: &Value, a: &Value, errors: Errors<'_>| check_value(p, a, at, errors);
            deep(|| check_set(planned, actual, at, errors, &compare));
        }
        (Value::List(_), Value::List(_))
        | (Value::Tuple(_), Value::Tuple(_))
        | (Value::Map(_), Value::Map(_))
        | (Value::Object(_), Value::Object(_)) => {
            deep(|| check_parts(planned, actual, at, errors));
        }
        _ => changed(),
    }
}

fn check_parts(planned: &Value, actual: &Value, at: &Path, errors: Errors<'_>) {
    check_steps(planned, actual, at, "element", errors);
    planned.for_each_child(|step, p| {
        if let Some((step, a)) = step.and_then(|s| Some((s.clone(), actual.child(&s)?))) {
            check_value(p, a, &at.join(step), errors);
        }
    });
}

/// Reports elements that have vanished or appeared. `false` if there are any.
fn check_steps(planned: &Value, actual: &Value, at: &Path, what: &str, errors: Errors<'_>) -> bool {
    if let (Some(p), Some(a)) = (planned.as_slice(), actual.as_slice()) {
        if p.len() != a.len() {
            let reason = format!(
                "the number of {what}s was {}, but is now {}",
                p.len(),
                a.len()
            );
            errors.push(SchemaError::new(at, reason));
        }
        return p.len() == a.len();
    }
    let (p, a) = (steps(planned), steps(actual));
    for step in p.difference(&a) {
        let reason = format!("a planned {what} has vanished");
        errors.push(SchemaError::new(&at.join(step.clone()), reason));
    }
    for step in a.difference(&p) {
        let reason = format!("a new {what} has appeared");
        errors.push(SchemaError::new(&at.join(step.clone()), reason));
    }
    p == a
}

fn steps(value: &Value) -> BTreeSet<PathStep> {
    let mut steps = BTreeSet::new();
    value.for_each_child(|step, _| steps.extend(step));
    steps
}

type Compare<'a> = &'a dyn Fn(&Value, &Value, &mut Vec<SchemaError>);

/// Every element must go with some element on the other side. Those that are the same on both
/// sides are found by their order; only the others are compared with each other.
fn check_set(planned: &Value, actual: &Value, at: &Path, errors: Errors<'_>, compare: Compare<'_>) {
    let p = planned.as_slice().unwrap_or_default();
    let a = actual.as_slice().unwrap_or_default();
    if a.len() > p.len() {
        let reason = format!(
            "the number of elements was {}, but is now {}",
            p.len(),
            a.len()
        );
        errors.push(SchemaError::new(at, reason));
    }
    let fits = |p: &Value, a: &Value| {
        let mut found = Vec::new();
        compare(p, a, &mut found);
        found.is_empty()
    };
    let (in_p, in_a) = (keys(p), keys(a));
    let lost = |v: &&Value, others: &BTreeSet<Key>| !others.contains(&Key((*v).clone()));
    for new in a.iter().filter(|v| lost(v, &in_p)) {
        if !p.iter().any(|p| fits(p, new)) {
            let reason = format!("{} goes with no planned element", show(new));
            errors.push(SchemaError::new(at, reason));
        }
    }
    for old in p.iter().filter(|v| lost(v, &in_a)) {
        if !a.iter().any(|a| fits(old, a)) {
            let reason = format!("{} was planned, but has vanished", show(old));
            errors.push(SchemaError::new(at, reason));
        }
    }
}

fn keys(items: &[Value]) -> BTreeSet<Key> {
    items
        .iter()
        .filter(|v| v.is_wholly_known())
        .map(|v| Key(v.clone()))
        .collect()
}

/// Whether a value is one that the refinement of its placeholder leaves possible.
fn obeys(refinement: &Refinement, actual: &Value) -> bool {
    if actual.is_null() {
        return !refinement.not_null;
    }
    let prefix = match (&refinement.prefix, actual.as_str()) {
        (Some(prefix), Some(text)) => text.starts_with(&**prefix),
        _ => true,
    };
    let bounds = actual.as_number().is_none_or(|n| {
        let low = refinement.lower.as_ref();
        let high = refinement.upper.as_ref();
        low.is_none_or(|(bound, inclusive)| n > bound || (*inclusive && n == bound))
            && high.is_none_or(|(bound, inclusive)| n < bound || (*inclusive && n == bound))
    });
    let length = match actual.len() {
        Some(n) if actual.ty().is_collection() => {
            let n = n as u64;
            refinement.min_length.is_none_or(|least| n >= least)
                && refinement.max_length.is_none_or(|most| n <= most)
        }
        _ => true,
    };
    prefix && bounds && length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use muster_value::{Marks, Type};

    fn check(planned: Value, actual: Value, expect: &[&str]) {
        let b = block([("a", typed("oc", Type::Dynamic))], []);
        check_in(&b, obj([("a", planned)]), obj([("a", actual)]), expect);
    }

    fn check_in(block: &Block, planned: Value, actual: Value, expect: &[&str]) {
        let errors = check_applied(block, &planned, &actual);
        let got: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(got, expect);
    }

    #[test]
    fn known_values_stay() {
        check(s("x"), s("x"), &[]);
        check(s("x"), s("y"), &[".a: was \"x\", but now \"y\""]);
        check(s("x"), Value::int(1), &[".a: was \"x\", but now 1"]);
        check(s("x"), NULL, &[".a: was \"x\", but now null"]);
        check(NULL, s("x"), &[".a: was null, but now \"x\""]);
        check(
            s("x"),
            unknown(),
            &[".a: was \"x\", but now a value known after apply"],
        );
    }

    #[test]
    fn unknown_values_become_what_their_placeholder_allows() {
        check(unknown(), s("x"), &[]);
        check(unknown(), NULL, &[]);
        check(Value::unknown(Type::Dynamic), list([s("x")]), &[]);
        check(
            unknown(),
            Value::int(1),
            &[".a: string is required, not number"],
        );
        check(
            Value::unknown_not_null(Type::String),
            NULL,
            &[".a: null is outside of what the plan allows"],
        );
        let prefix = Refinement {
            prefix: Some("vpc-".into()),
            ..Refinement::default()
        };
        check(
            Value::refined(Type::String, prefix.clone()),
            s("vpc-1"),
            &[],
        );
        check(
            Value::refined(Type::String, prefix),
            s("x"),
            &[".a: \"x\" is outside of what the plan allows"],
        );
    }

    #[test]
    fn collections_keep_their_elements() {
        check(list([unknown()]), list([s("x")]), &[]);
        check(
            list([s("x")]),
            list([s("x"), s("y")]),
            &[".a: the number of elements was 1, but is now 2"],
        );
        check(
            map([("k", s("x")), ("l", s("y"))]),
            map([("k", s("z")), ("m", s("y"))]),
            &[
                ".a[\"l\"]: a planned element has vanished",
                ".a[\"m\"]: a new element has appeared",
                ".a[\"k\"]: was \"x\", but now \"z\"",
            ],
        );
    }

    #[test]
    fn sets_may_only_shrink_and_every_element_has_a_partner() {
        check(set([s("a"), unknown()]), set([s("a")]), &[]);
        check(set([s("a"), unknown()]), set([s("a"), s("b")]), &[]);
        check(
            set([s("a")]),
            set([s("a"), s("b")]),
            &[
                ".a: the number of elements was 1, but is now 2",
                ".a: \"b\" goes with no planned element",
            ],
        );
        check(
            set([s("a"), unknown()]),
            set([s("b")]),
            &[".a: \"a\" was planned, but has vanished"],
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let b = block([("a", leaf("os"))], []);
        let value = |v: Value| obj([("a", v)]);
        let reason = [".a: a sensitive value is not as planned"];
        check_in(&b, value(s("x")), value(s("y")), &reason);
        check(s("x").mark(Marks::SENSITIVE), s("y"), &reason);
        check(s("x").mark(Marks::SENSITIVE), s("x"), &[]);
    }

    #[test]
    fn objects_and_blocks_are_as_planned() {
        let b = block(
            [],
            [
                ("l", blocks("list", element())),
                ("one", blocks("single", element())),
                ("s", blocks("set", element())),
            ],
        );
        let value = |l: Value, one: Value, s: Value| obj([("l", l), ("one", one), ("s", s)]);
        let planned = value(
            list([el("a", unknown())]),
            NULL,
            set([el("a", unknown()), el("b", unknown())]),
        );
        let fine = value(
            list([el("a", s("1"))]),
            NULL,
            set([el("a", s("1")), el("b", s("2"))]),
        );
        check_in(&b, planned.clone(), fine, &[]);
        check_in(
            &b,
            planned.clone(),
            value(
                list([]),
                el("a", NULL),
                set([el("c", s("1")), el("b", s("2"))]),
            ),
            &[
                ".l: the number of blocks was 1, but is now 0",
                ".one: was absent, but is there now",
                ".s: an object with 2 parts goes with no planned element",
                ".s: an object with 2 parts was planned, but has vanished",
            ],
        );
        check_in(&b, planned, NULL, &["was there, but is absent now"]);
    }

    #[test]
    fn unknown_blocks_may_become_any_number() {
        let b = block(
            [],
            [
                ("l", blocks("list", element())),
                ("one", blocks("single", element())),
            ],
        );
        let planned = obj([
            ("l", Value::unknown(b.blocks["l"].implied_type())),
            ("one", Value::unknown(b.blocks["one"].implied_type())),
        ]);
        check_in(
            &b,
            planned.clone(),
            obj([("l", list([])), ("one", NULL)]),
            &[],
        );
        let some = obj([
            ("l", list([el("a", NULL), el("b", NULL)])),
            ("one", el("a", NULL)),
        ]);
        check_in(&b, planned, some, &[]);
    }
}
