//! Proposals as Terraform 1.11.4 sent them to a provider that recorded what it was asked, in
//! `testdata/proposed.jsonl`: one prior state, configuration and proposal a line, `"?"` for what
//! is unknown. Lines with `data` are what Terraform plans for a data source that is read later.

use muster_value::{Path, PathStep, Type, Value, set_value};

use crate::testing::*;
use crate::{
    Attribute, Block, IgnoreChanges, NestedBlock, SchemaError, apply_ignore_changes, check_applied,
    check_planned, proposed_new, unknown_computed,
};

/// The schema of the provider that recorded.
fn schema() -> Block {
    let part = || [("key", leaf("o")), ("out", leaf("oc")), ("only", leaf("c"))];
    let body = |more: Vec<(&str, Attribute)>, inner: Option<NestedBlock>| Block {
        attributes: part()
            .into_iter()
            .chain(more)
            .map(|(k, a)| (k.into(), a))
            .collect(),
        blocks: inner.into_iter().map(|b| ("in".into(), b)).collect(),
        ..Block::default()
    };
    let plain = || body(Vec::new(), None);
    let deep = vec![
        ("l", nested("oc", "list", plain())),
        ("s", nested("o", "set", plain())),
    ];
    let set_body = body(
        vec![("n", nested("oc", "single", plain()))],
        Some(blocks("set", plain())),
    );
    block(
        [
            ("id", leaf("c")),
            ("size", leaf("oc")),
            ("note", leaf("o")),
            ("ns", nested("oc", "single", plain())),
            ("nso", nested("o", "single", plain())),
            ("nl", nested("oc", "list", plain())),
            ("nset", nested("o", "set", plain())),
            ("nsetc", nested("oc", "set", plain())),
            ("nm", nested("oc", "map", plain())),
            ("deep", nested("oc", "single", body(deep, None))),
        ],
        [
            (
                "bl",
                blocks("list", body(Vec::new(), Some(blocks("list", plain())))),
            ),
            ("bs", blocks("set", set_body)),
            ("bm", blocks("map", plain())),
            ("b1", blocks("single", plain())),
            ("bg", blocks("group", plain())),
        ],
    )
}

fn read(json: &serde_json::Value, ty: &Type) -> Value {
    use serde_json::Value as Json;
    let items = |elem: &Type| {
        json.as_array()
            .unwrap()
            .iter()
            .map(|v| read(v, elem))
            .collect()
    };
    match (json, ty) {
        (Json::Null, ty) => Value::Null(ty.clone()),
        (Json::String(text), ty) if text == "?" => Value::unknown(ty.clone()),
        (Json::String(text), Type::String) => Value::string(text.as_str()),
        (Json::Array(_), Type::List(elem)) => Value::list((**elem).clone(), items(elem)),
        (Json::Array(_), Type::Set(elem)) => set_value((**elem).clone(), items(elem)),
        (Json::Object(entries), Type::Map(elem)) => Value::map(
            (**elem).clone(),
            entries
                .iter()
                .map(|(k, v)| (k.as_str().into(), read(v, elem)))
                .collect(),
        ),
        (Json::Object(parts), Type::Object(object)) => Value::object(
            object
                .attributes
                .iter()
                .map(|(k, ty)| (k.clone(), read(&parts[&**k], ty))),
        ),
        (json, ty) => panic!("{json} is not of type {ty}"),
    }
}

/// Where two values differ. Sets are compared without regard to their order.
fn differences(a: &Value, b: &Value, at: &Path, found: &mut Vec<String>) {
    if let (Value::Set(x), Value::Set(y)) = (a, b) {
        let lost = x
            .items
            .iter()
            .filter(|v| !y.items.iter().any(|w| alike(v, w)));
        found.extend(lost.map(|v| format!("{at}: no {v:?} in {:?}", y.items)));
        if x.items.len() != y.items.len() {
            found.push(format!(
                "{at}: {} and {} elements",
                x.items.len(),
                y.items.len()
            ));
        }
        return;
    }
    if a.len() != b.len() || a.len().is_none() {
        if !a.same(b) {
            found.push(format!("{at}: {a:?} and {b:?}"));
        }
        return;
    }
    a.for_each_child(|step, v| {
        let step = step.unwrap();
        match b.child(&step) {
            Some(w) => differences(v, w, &at.join(step), found),
            None => found.push(format!("{}: gone", at.join(step))),
        }
    });
}

fn alike(a: &Value, b: &Value) -> bool {
    let mut found = Vec::new();
    differences(a, b, &Path::root(), &mut found);
    found.is_empty()
}

#[test]
fn proposals_are_those_of_terraform() {
    let schema = schema();
    let ty = schema.implied_type();
    for (number, line) in include_str!("testdata/proposed.jsonl").lines().enumerate() {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let value = |name: &str| read(&json[name], &ty);
        let got = if json["data"] == true {
            unknown_computed(&schema, &value("config"))
        } else {
            proposed_new(&schema, &value("prior"), &value("config"))
        };
        let mut found = Vec::new();
        differences(&got, &value("proposed"), &Path::root(), &mut found);
        assert_eq!(found, [""; 0], "in line {}: {line}", number + 1);
    }
}

fn path(json: &serde_json::Value) -> Path {
    let step = |step: &serde_json::Value| match step.as_str() {
        None => PathStep::Index(step.as_u64().unwrap()),
        Some(text) => match text.strip_prefix('=') {
            Some(key) => PathStep::Key(key.into()),
            None => PathStep::Attr(text.trim_start_matches('.').into()),
        },
    };
    Path(json.as_array().unwrap().iter().map(step).collect())
}

/// `testdata/ignored.jsonl` has a prior state and a configuration, and then what becomes of that
/// configuration under one `ignore_changes` after the other.
#[test]
fn what_is_ignored_is_what_terraform_ignores() {
    let schema = schema();
    let ty = schema.implied_type();
    let mut lines = include_str!("testdata/ignored.jsonl").lines();
    let first: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let (prior, config) = (read(&first["prior"], &ty), read(&first["config"], &ty));
    for line in lines {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        let paths: Vec<_> = json["ignore"]
            .as_array()
            .into_iter()
            .flatten()
            .map(path)
            .collect();
        let ignore = match &json["ignore"] {
            serde_json::Value::Null => IgnoreChanges::All,
            _ => IgnoreChanges::Paths(&paths),
        };
        let got = apply_ignore_changes(&prior, &config, ignore, &schema);
        let mut found = Vec::new();
        differences(&got, &read(&json["config"], &ty), &Path::root(), &mut found);
        assert_eq!(found, [""; 0], "ignoring {}", json["ignore"]);
    }
}

/// What is wrong with a value that a provider answers with.
type Check<'a> = &'a dyn Fn(&Value) -> Vec<SchemaError>;

/// The value on the first line, which is right, with the parts of one line replaced.
fn check_line(line: &str, right: &serde_json::Value, ty: &Type, check: Check<'_>) {
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    let mut answer = right.clone();
    for (name, part) in json["changed"].as_object().unwrap() {
        answer[name] = part.clone();
    }
    let errors = check(&read(&answer, ty));
    let case = json["case"].as_str().unwrap();
    assert_eq!(
        json["bad"] == true,
        !errors.is_empty(),
        "{case}: {errors:?}"
    );
}

/// `testdata/checked.jsonl` has two groups: plans and results of a provider that did one thing
/// wrong, or right, in each, and whether Terraform put up with it. A group starts with what was
/// asked and the right answer; the lines below have what one answer had in its place.
#[test]
fn answers_are_judged_as_terraform_judges_them() {
    let schema = schema();
    let ty = schema.implied_type();
    let mut asked = serde_json::Value::Null;
    for line in include_str!("testdata/checked.jsonl").lines() {
        if !line.starts_with("{\"bad\"") {
            asked = serde_json::from_str(line).unwrap();
            continue;
        }
        let part = |name: &str| read(&asked[name], &ty);
        if asked["actual"].is_null() {
            let (prior, config) = (part("prior"), part("config"));
            let check = |v: &Value| check_planned(&schema, &prior, &config, v);
            check_line(line, &asked["planned"], &ty, &check);
        } else {
            let planned = part("planned");
            // The engine looks for unknown values before anything else.
            let unknown = || vec![SchemaError::new(&Path::root(), "unknown after apply")];
            let check = |v: &Value| match v.is_wholly_known() {
                true => check_applied(&schema, &planned, v),
                false => unknown(),
            };
            check_line(line, &asked["actual"], &ty, &check);
        }
    }
}
