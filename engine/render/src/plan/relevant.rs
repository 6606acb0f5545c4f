//! The part of a change made outside that a plan can be traced to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_addr::InstanceAddr;
use muster_plan::{Action, Change, RelevantAttribute, Str};
use muster_value::{PathStep, Value};

/// The relevant attributes by object.
pub(super) struct Relevant<'p>(HashMap<&'p InstanceAddr, Vec<&'p [PathStep]>>);

impl<'p> Relevant<'p> {
    pub(super) fn new(attributes: &'p [RelevantAttribute]) -> Self {
        let mut paths: HashMap<&InstanceAddr, Vec<&[PathStep]>> = HashMap::new();
        for attribute in attributes {
            let of_object = paths.entry(&attribute.resource).or_default();
            of_object.push(&attribute.path.0);
        }
        Self(paths)
    }

    /// The change with everything left as it was that is not relevant; `None` when there is
    /// nothing else.
    pub(super) fn part_of(&self, change: &Change) -> Option<Change> {
        let paths = self.0.get(&change.addr)?;
        let after = match (change.before.as_entries(), change.after.is_null()) {
            // Of an object that is gone, only the relevant attributes are told.
            (Some(entries), true) if !is_whole(paths) => {
                let gone = entries.iter().map(|(name, value)| {
                    let inner = below(paths, name);
                    (name.clone(), relevant(value, &Value::NULL, &inner))
                });
                Value::object(gone)
            }
            _ => relevant(&change.before, &change.after, paths),
        };
        let shown = change.action == Action::Delete || !after.same(&change.before);
        shown.then(|| Change {
            after,
            ..change.clone()
        })
    }
}

fn is_whole(paths: &[&[PathStep]]) -> bool {
    paths.iter().any(|path| path.is_empty())
}

/// What is left of the paths that lead to an attribute or element of a name.
fn below<'p>(paths: &[&'p [PathStep]], name: &str) -> Vec<&'p [PathStep]> {
    let inner = paths.iter().filter_map(|path| match path.split_first()? {
        (PathStep::Attr(first) | PathStep::Key(first), rest) if **first == *name => Some(rest),
        _ => None,
    });
    inner.collect()
}

fn at_index<'p>(paths: &[&'p [PathStep]], index: usize) -> Vec<&'p [PathStep]> {
    let inner = paths.iter().filter_map(|path| match path.split_first()? {
        (PathStep::Index(first), rest) if *first == index as u64 => Some(rest),
        _ => None,
    });
    inner.collect()
}

/// The value afterwards where a path leads, and the one before elsewhere.
fn relevant(before: &Value, after: &Value, paths: &[&[PathStep]]) -> Value {
    if paths.is_empty() {
        return before.clone();
    }
    if is_whole(paths) {
        return after.clone();
    }
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || inside(before, after, paths))
}

fn inside(before: &Value, after: &Value, paths: &[&[PathStep]]) -> Value {
    let marks = after.marks();
    match (before.peel(), after.peel()) {
        (Value::Object(_), Value::Object(_)) => {
            let entries = members(before, after, paths);
            Value::object(entries).mark(marks)
        }
        (Value::Map(old), Value::Map(_)) => {
            let entries = members(before, after, paths);
            Value::map(old.elem.clone(), entries).mark(marks)
        }
        (Value::List(old), Value::List(_)) if before.len() == after.len() => {
            Value::list(old.elem.clone(), elements(before, after, paths)).mark(marks)
        }
        (Value::Tuple(_), Value::Tuple(_)) if before.len() == after.len() => {
            Value::tuple(elements(before, after, paths)).mark(marks)
        }
        _ => after.clone(),
    }
}

fn members(before: &Value, after: &Value, paths: &[&[PathStep]]) -> BTreeMap<Str, Value> {
    let (Some(old), Some(new)) = (before.as_entries(), after.as_entries()) else {
        return BTreeMap::new();
    };
    let names: BTreeSet<&Str> = old.keys().chain(new.keys()).collect();
    let member = |name: &Str| {
        let paths = below(paths, name);
        match (old.get(name), new.get(name)) {
            (Some(before), Some(after)) => Some(relevant(before, after, &paths)),
            // It was added or removed, which counts when it is relevant.
            (before, _) if paths.is_empty() => before.cloned(),
            (_, after) => after.cloned(),
        }
    };
    let found = names
        .into_iter()
        .map(|name| Some((name.clone(), member(name)?)));
    found.flatten().collect()
}

fn elements(before: &Value, after: &Value, paths: &[&[PathStep]]) -> Vec<Value> {
    let pairs = before.peel().children().zip(after.peel().children());
    pairs
        .enumerate()
        .map(|(i, (before, after))| relevant(before, after, &at_index(paths, i)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_value::{implied_type, json_to_value};

    fn json(text: &str) -> Value {
        let json = serde_json::from_str(text).unwrap();
        json_to_value(&json, &implied_type(&json)).unwrap()
    }

    /// The value afterwards as far as a path leads.
    #[track_caller]
    fn check(path: &[PathStep], expect: &str) {
        let before = r#"{"id": "a", "n": {"x": 1, "y": 1}, "l": [1, 1], "gone": {"k": 1}}"#;
        let after = r#"{"id": "b", "n": {"x": 2, "y": 2}, "l": [2, 2], "gone": {"j": 1}}"#;
        let found = relevant(&json(before), &json(after), &[path]);
        assert!(found.same(&json(expect)), "{found:?}");
    }

    #[test]
    fn what_no_path_leads_to_stays() {
        let attr = |name: &str| PathStep::Attr(name.into());
        check(
            &[attr("id")],
            r#"{"id": "b", "n": {"x": 1, "y": 1}, "l": [1, 1], "gone": {"k": 1}}"#,
        );
        check(
            &[attr("n"), attr("y")],
            r#"{"id": "a", "n": {"x": 1, "y": 2}, "l": [1, 1], "gone": {"k": 1}}"#,
        );
        check(
            &[attr("l"), PathStep::Index(1)],
            r#"{"id": "a", "n": {"x": 1, "y": 1}, "l": [1, 2], "gone": {"k": 1}}"#,
        );
        check(
            &[attr("gone"), PathStep::Key("k".into())],
            r#"{"id": "a", "n": {"x": 1, "y": 1}, "l": [1, 1], "gone": {}}"#,
        );
        check(
            &[attr("other")],
            r#"{"id": "a", "n": {"x": 1, "y": 1}, "l": [1, 1], "gone": {"k": 1}}"#,
        );
        check(
            &[],
            r#"{"id": "b", "n": {"x": 2, "y": 2}, "l": [2, 2], "gone": {"j": 1}}"#,
        );
    }
}
