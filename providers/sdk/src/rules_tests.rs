use std::collections::BTreeMap;

use muster_value::{Number, Type};

use super::*;
use crate::schema::{Schema, list, map, nested, nested_list, number, string};

fn schema() -> Schema {
    Schema::builder()
        .attribute("name", string().required().forces_replace())
        .attribute("size", number().default(3i64))
        .attribute("note", string().optional())
        .attribute("id", string().computed().stable())
        .attribute("members", list(Type::String).computed().follows(["size"]))
        .attribute("count", number().computed().follows(["members"]))
        .attribute("status", string().computed())
        .attribute(
            "net",
            nested([
                ("vpc", string().required().forces_replace()),
                ("address", string().computed().stable()),
            ])
            .optional(),
        )
        .build()
}

/// An object of the schema with only these attributes set.
fn object(attributes: &[(&str, Value)]) -> Value {
    let empty = schema().block().empty_value();
    attributes.iter().fold(empty, |value, (name, new)| {
        replace_at(&value, &[PathStep::Attr((*name).into())], new)
    })
}

fn stored(extra: &[(&str, Value)]) -> Value {
    let mut all = vec![
        ("name", Value::from("a")),
        ("size", Value::int(3)),
        ("id", Value::from("i-1")),
        ("members", Value::list(Type::String, vec![Value::from("m")])),
        ("count", Value::int(1)),
        ("status", Value::from("ok")),
    ];
    all.extend_from_slice(extra);
    object(&all)
}

/// The proposed object is the engine's work; for these flat cases it is easily made here.
fn propose(prior: &Value, config: &Value) -> Value {
    if prior.is_null() {
        return config.clone();
    }
    config.map_children(|step, given| {
        let Some(PathStep::Attr(name)) = step else {
            return given.clone();
        };
        let computed = schema().block().attributes[&name].computed;
        if computed && given.is_null() {
            prior.get(&name).unwrap().clone()
        } else {
            given.clone()
        }
    })
}

fn unknowns(value: &Value) -> Vec<String> {
    let entries = value.as_entries().unwrap();
    entries
        .iter()
        .filter(|(_, v)| !v.is_known())
        .map(|(k, _)| k.to_string())
        .collect()
}

#[track_caller]
fn check(prior: &Value, config: &[(&str, Value)], unknown: &[&str], replaced: &[&str]) -> Value {
    let config = object(config);
    let planned = plan(&schema(), prior, &config, &propose(prior, &config));
    assert_eq!(unknowns(&planned), unknown);
    let paths = replacements(&schema(), prior, &planned);
    assert_eq!(
        paths.iter().map(Path::to_string).collect::<Vec<_>>(),
        replaced
    );
    planned
}

#[test]
fn a_create_knows_only_configuration_and_defaults() {
    let planned = check(
        &Value::NULL,
        &[("name", Value::from("a"))],
        &["count", "id", "members", "status"],
        &[],
    );
    assert_eq!(planned.get("size"), Some(&Value::int(3)));
}

#[test]
fn no_change_plans_the_prior_object() {
    let prior = stored(&[]);
    let planned = check(&prior, &[("name", Value::from("a"))], &[], &[]);
    assert_eq!(planned, prior);
}

#[test]
fn an_update_forgets_only_what_it_may_alter() {
    let config = [("name", Value::from("a")), ("note", Value::from("new"))];
    check(&stored(&[]), &config, &["status"], &[]);
}

#[test]
fn computed_values_follow_each_other() {
    let config = [("name", Value::from("a")), ("size", Value::int(4))];
    check(&stored(&[]), &config, &["count", "members", "status"], &[]);
}

#[test]
fn a_value_back_to_its_default_is_a_change() {
    let prior = stored(&[("size", Value::int(9))]);
    let planned = check(
        &prior,
        &[("name", Value::from("a"))],
        &["count", "members", "status"],
        &[],
    );
    assert_eq!(planned.get("size"), Some(&Value::int(3)));
}

#[test]
fn replacements_name_the_attribute() {
    let config = [("name", Value::from("b"))];
    check(&stored(&[]), &config, &["status"], &[".name"]);
    let config = [("name", Value::unknown(Type::String))];
    check(&stored(&[]), &config, &["name", "status"], &[".name"]);
}

fn net(vpc: &str, address: Option<&str>) -> Value {
    let address = address.map_or(Value::Null(Type::String), Value::from);
    Value::object([("vpc", Value::from(vpc)), ("address", address)])
}

#[test]
fn nested_objects_obey_the_same_rules() {
    let name = ("name", Value::from("a"));
    let prior = stored(&[("net", net("v1", Some("10.0.0.1")))]);
    let config = object(&[name, ("net", net("v2", None))]);
    let proposed = stored(&[("net", net("v2", Some("10.0.0.1")))]);
    let planned = plan(&schema(), &prior, &config, &proposed);
    assert_eq!(planned.get("net"), Some(&net("v2", Some("10.0.0.1"))));
    let paths = replacements(&schema(), &prior, &planned);
    assert_eq!(
        paths.iter().map(Path::to_string).collect::<Vec<_>>(),
        [".net.vpc"]
    );

    let planned = plan(&schema(), &Value::NULL, &config, &config);
    assert!(
        !planned
            .get("net")
            .unwrap()
            .get("address")
            .unwrap()
            .is_known()
    );
}

#[test]
fn elements_of_lists_are_paired_by_index() {
    let inner = nested_list([
        ("name", string().required()),
        ("id", string().computed().stable()),
    ]);
    let schema = Schema::builder()
        .attribute("items", inner.optional())
        .build();
    let elem = schema
        .ty()
        .attribute("items")
        .unwrap()
        .element()
        .unwrap()
        .clone();
    let item = |name: &str, id: Option<&str>| {
        let id = id.map_or(Value::Null(Type::String), Value::from);
        Value::object([("name", Value::from(name)), ("id", id)])
    };
    let items = |list: Vec<Value>| Value::object([("items", Value::list(elem.clone(), list))]);
    let prior = items(vec![item("a", Some("1"))]);
    let config = items(vec![item("a", None), item("b", None)]);
    let proposed = items(vec![item("a", Some("1")), item("b", None)]);
    let planned = plan(&schema, &prior, &config, &proposed);
    let planned = planned.get("items").unwrap().as_slice().unwrap().to_vec();
    assert_eq!(planned[0], item("a", Some("1")));
    assert!(!planned[1].get("id").unwrap().is_known());
}

#[test]
fn write_only_values_never_reach_the_plan() {
    let schema = Schema::builder()
        .attribute("secret", string().optional().write_only())
        .build();
    let config = Value::object([("secret", Value::from("s"))]);
    let planned = plan(&schema, &Value::NULL, &config, &config);
    assert!(planned.get("secret").unwrap().is_null());
}

#[test]
fn answers_are_brought_in_line_with_the_plan() {
    let precise = Number::parse("0.1000000000000000000001").unwrap();
    let tags = Type::map(Type::String);
    let planned = Value::object([
        ("ratio", Value::Number(precise.clone())),
        ("tags", Value::Null(tags.clone())),
        ("id", Value::unknown(Type::String)),
    ]);
    let answer = Value::object([
        ("ratio", Value::Number(Number::parse("0.1").unwrap())),
        ("tags", Value::map(Type::String, BTreeMap::new())),
        ("id", Value::from("i")),
    ]);
    let result = reconcile(&planned, &answer);
    assert_eq!(result.get("ratio"), Some(&Value::Number(precise)));
    assert_eq!(result.get("tags"), Some(&Value::Null(tags)));
    assert_eq!(result.get("id"), Some(&Value::from("i")));
    let _ = map(Type::String);
}
