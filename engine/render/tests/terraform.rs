//! Compares with what Terraform printed for the same plans and states. The recorded documents
//! are in `cases`; plans are read back from their JSON form.
#![expect(
    clippy::unwrap_used,
    reason = "a record that cannot be read fails the test"
)]

use std::path::PathBuf;

use muster_addr::{InstanceAddr, ProviderAddr, ProviderConfigAddr};
use muster_plan::{Action, Change, OutputChange, Plan, Reason, RelevantAttribute};
use muster_provider::{Builtin, Provider, Schemas};
use muster_render::{PlanJson, Style};
use muster_value::{Marks, Path, PathStep, Type, Value, implied_type, json_to_value};
use serde_json::Value as Json;

fn case(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name);
    std::fs::read_to_string(path).unwrap()
}

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    schemas.insert(ProviderAddr::builtin(), Builtin::default().schema());
    schemas
}

/// A value of its three JSON documents: the known parts, what is unknown and what is sensitive.
fn value(known: &Json, unknown: &Json, sensitive: &Json) -> Value {
    let secret = sensitive == &Json::Bool(true);
    let marks = if secret {
        Marks::SENSITIVE
    } else {
        Marks::NONE
    };
    if unknown == &Json::Bool(true) {
        let ty = match sensitive {
            Json::Object(_) => Type::object::<&str>([]),
            Json::Array(_) => Type::tuple([]),
            _ => Type::Dynamic,
        };
        return Value::unknown(ty).mark(marks);
    }
    let part = |json: &Json, key: &str| json.get(key).cloned().unwrap_or(Json::Null);
    match known {
        Json::Object(members) => {
            let hidden = unknown.as_object().into_iter().flat_map(|o| o.keys());
            let keys = members.keys().chain(hidden);
            Value::object(keys.map(|key| {
                let inner = value(
                    &part(known, key),
                    &part(unknown, key),
                    &part(sensitive, key),
                );
                (key.as_str(), inner)
            }))
            .mark(marks)
        }
        Json::Array(items) => {
            let part = |json: &Json, i: usize| json.get(i).cloned().unwrap_or(Json::Null);
            let items = items.iter().enumerate();
            let items = items.map(|(i, v)| value(v, &part(unknown, i), &part(sensitive, i)));
            Value::tuple(items).mark(marks)
        }
        scalar => json_to_value(scalar, &implied_type(scalar))
            .unwrap()
            .mark(marks),
    }
}

fn action(json: &Json) -> Action {
    let names: Vec<&str> = json["actions"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(Json::as_str)
        .collect();
    match names.as_slice() {
        ["no-op"] => Action::NoOp,
        ["create"] => Action::Create,
        ["read"] => Action::Read,
        ["update"] => Action::Update,
        ["delete", "create"] => Action::DeleteThenCreate,
        ["create", "delete"] => Action::CreateThenDelete,
        ["delete"] => Action::Delete,
        ["forget"] => Action::Forget,
        other => panic!("{other:?}"),
    }
}

fn reason(name: &str) -> Reason {
    let all = [
        Reason::ReplaceBecauseTainted,
        Reason::ReplaceByRequest,
        Reason::ReplaceBecauseCannotUpdate,
        Reason::DeleteBecauseNoResourceConfig,
        Reason::DeleteBecauseCountIndex,
        Reason::DeleteBecauseEachKey,
        Reason::ReadBecauseConfigUnknown,
    ];
    *all.iter().find(|r| r.json_name() == Some(name)).unwrap()
}

fn steps(json: &Json) -> Path {
    Path(
        json.as_array()
            .unwrap()
            .iter()
            .map(|s| PathStep::Attr(s.as_str().unwrap().into()))
            .collect(),
    )
}

fn change(json: &Json) -> Change {
    let inner = &json["change"];
    let side = |name: &str, unknown: &Json| {
        value(&inner[name], unknown, &inner[format!("{name}_sensitive")])
    };
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
    Change {
        addr: text(&json["address"]).unwrap().parse().unwrap(),
        previous: text(&json["previous_address"]).map(|a| a.parse::<InstanceAddr>().unwrap()),
        deposed: None,
        provider: "provider[\"terraform.io/builtin/terraform\"]"
            .parse::<ProviderConfigAddr>()
            .unwrap(),
        action: action(inner),
        reason: text(&json["action_reason"])
            .map(|r| reason(&r))
            .unwrap_or_default(),
        before: side("before", &Json::Null),
        after: side("after", &inner["after_unknown"]),
        replace_paths: list(&inner["replace_paths"]).iter().map(steps).collect(),
        private: Default::default(),
        importing: text(&inner["importing"]["id"])
            .map(|id| muster_provider::ImportBy::Id(id.into())),
        generated_config: text(&inner["generated_config"]).map(Into::into),
        dependencies: Default::default(),
        create_before_destroy: false,
        resumes: false,
    }
}

fn plan(document: &Json) -> Plan {
    let planned = &document["planned_values"]["outputs"];
    let outputs = document["output_changes"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, json)| {
            let typed = &planned[name]["type"];
            let after = match typed.is_null() {
                true => value(&json["after"], &json["after_unknown"], &Json::Null),
                false => json_to_value(
                    &json["after"],
                    &muster_value::type_from_json(typed).unwrap(),
                )
                .unwrap(),
            };
            let change = OutputChange {
                action: action(json),
                before: value(&json["before"], &Json::Null, &Json::Null),
                after,
                sensitive: json["after_sensitive"] == Json::Bool(true),
            };
            (name.as_str().into(), change)
        });
    let empty = serde_json::Map::new();
    let variables = document["variables"].as_object().unwrap_or(&empty).iter();
    let relevant = document["relevant_attributes"]
        .as_array()
        .into_iter()
        .flatten();
    Plan {
        timestamp: document["timestamp"].as_str().unwrap().into(),
        variables: variables
            .map(|(name, v)| {
                (
                    name.as_str().into(),
                    value(&v["value"], &Json::Null, &Json::Null),
                )
            })
            .collect(),
        changes: document["resource_changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(change)
            .collect(),
        outputs: outputs.collect(),
        relevant: relevant
            .map(|r| RelevantAttribute {
                resource: r["resource"]
                    .as_str()
                    .unwrap()
                    .parse::<InstanceAddr>()
                    .unwrap(),
                path: steps(&r["attribute"]),
            })
            .collect(),
        ..Plan::default()
    }
}

/// What follows the introduction, which is worded differently.
fn actions(text: &str) -> String {
    let introductions = [
        "will perform the following actions:\n",
        "Planned, in the order of addresses:\n",
    ];
    let (_, rest) = introductions
        .iter()
        .find_map(|i| text.split_once(i))
        .unwrap();
    rest.replace("by Terraform", "by muster")
}

fn check_plan(name: &str) {
    let document: Json = serde_json::from_str(&case(&format!("{name}.json"))).unwrap();
    let plan = plan(&document);
    let text = muster_render::plan_text(&plan, &schemas(), Style::PLAIN);
    similar_asserts(
        &actions(&text),
        &actions(&case(&format!("{name}.txt"))),
        name,
    );
    let mut out = Vec::new();
    let options = PlanJson {
        terraform_version: "1.11.4",
        configuration: None,
    };
    muster_render::plan_json(&plan, &schemas(), options, &mut out).unwrap();
    let ours: Json = serde_json::from_slice(&out).unwrap();
    let left_out = ["prior_state", "configuration"];
    for (key, theirs) in document.as_object().unwrap() {
        if !left_out.contains(&key.as_str()) {
            similar_asserts(&format!("{:#}", ours[key]), &format!("{theirs:#}"), key);
        }
    }
    let keys = |json: &Json| -> Vec<String> {
        let keys = json
            .as_object()
            .unwrap()
            .keys()
            .filter(|k| !left_out.contains(&k.as_str()));
        keys.cloned().collect()
    };
    assert_eq!(keys(&ours), keys(&document));
}

/// Fails with a line diff.
fn similar_asserts(ours: &str, theirs: &str, what: &str) {
    let diff = similar::TextDiff::from_lines(theirs, ours);
    let diff = diff.unified_diff().context_radius(4).to_string();
    assert!(ours == theirs, "{what}:\n{diff}");
}

#[test]
fn created() {
    check_plan("create");
}

#[test]
fn every_kind_of_change() {
    check_plan("changes");
}

#[test]
fn strings_and_json() {
    check_plan("strings");
}

#[test]
fn lists() {
    check_plan("lists");
}

#[test]
fn state() {
    let snapshot = muster_snapshot::decode(case("state.tfstate").as_bytes()).unwrap();
    let mut text = Vec::new();
    muster_render::write_state_text(&snapshot, &schemas(), Style::PLAIN, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    similar_asserts(&text, &case("state.txt"), "text");
    let mut out = Vec::new();
    muster_render::state_json(&snapshot, &schemas(), "1.11.4", &mut out).unwrap();
    similar_asserts(
        &String::from_utf8(out).unwrap(),
        case("state.json").trim_end(),
        "json",
    );
    let one: InstanceAddr = "terraform_data.c[1]".parse().unwrap();
    let text = muster_render::instance_text(&snapshot, &one, &schemas());
    assert!(text.starts_with("# terraform_data.c[1]: (tainted)\nresource \"terraform_data\""));
    assert!(case("state.txt").contains(&text));
    assert_eq!(muster_render::state_list(&snapshot).len(), 6);
}

#[test]
fn outputs() {
    let snapshot = muster_snapshot::decode(case("state.tfstate").as_bytes()).unwrap();
    let text = muster_render::outputs_text(&snapshot.outputs);
    similar_asserts(&text, &case("outputs.txt"), "text");
    let json = muster_render::outputs_json(&snapshot.outputs);
    similar_asserts(&json, case("outputs.json").trim_end(), "json");
}
