//! Documents of the stream that `-json` gives.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use muster_addr::{InstanceAddr, InstanceKey};
use muster_plan::{Action, Change, Mode, OutputChange, Plan, Reason};
use muster_provider::ImportBy;
use muster_snapshot::{OutputValue, Str};
use muster_value::{Date, Marks, Value};
use serde_json::{Value as Json, json};

use crate::json::to_string;
use crate::order::listed;

/// Version of the stream's form.
const UI_VERSION: &str = "1.2";

/// One document of the stream that `-json` gives: `key` holds its content.
pub fn document(kind: &str, message: &str, key: &str, content: Json) -> String {
    leveled("info", kind, message, key, content)
}

/// As [`document`], of another level than `info`. Null as content leaves the key out.
pub fn leveled(level: &str, kind: &str, message: &str, key: &str, content: Json) -> String {
    let mut map = head(level, message);
    if !content.is_null() {
        map.insert(key.into(), content);
    }
    map.insert("type".into(), kind.into());
    to_string(|w| w.document(&Json::Object(map)))
}

/// The first document of a stream; `terraform_version` is what tools shall take it for.
pub fn version_document(version: &str, terraform_version: &str) -> String {
    let mut map = head("info", &format!("muster {version}"));
    map.insert("terraform".into(), terraform_version.into());
    map.insert("type".into(), "version".into());
    map.insert("ui".into(), UI_VERSION.into());
    to_string(|w| w.document(&Json::Object(map)))
}

pub(crate) fn head(level: &str, message: &str) -> serde_json::Map<String, Json> {
    let mut map = serde_json::Map::new();
    map.insert("@level".into(), level.into());
    map.insert("@message".into(), message.into());
    map.insert("@module".into(), "terraform.ui".into());
    map.insert("@timestamp".into(), timestamp(SystemTime::now()).into());
    map
}

/// RFC 3339 in UTC, to the second.
pub(crate) fn timestamp_seconds(at: SystemTime) -> String {
    let exact = timestamp(at);
    match exact.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => exact,
    }
}

/// RFC 3339 in UTC, with microseconds.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let Date { year, month, day } = Date::from_days(i64::try_from(days).unwrap_or(i64::MAX));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// A plan in the stream: what was found changed, what is planned, the summary and the outputs.
pub fn plan_stream(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for change in listed(&plan.drift) {
        // In other plans a move alone is part of what is planned.
        if change.action != Action::NoOp || plan.mode == Mode::RefreshOnly {
            let text = format!("{}: Drift detected ({})", change.addr, change_word(change));
            lines.push(document(
                "resource_drift",
                &text,
                "change",
                change_json(change),
            ));
        }
    }
    lines.extend(planned_changes(plan, true));
    lines.push(summary(plan));
    if !plan.outputs.is_empty() {
        let entries = plan.outputs.iter();
        let entries = entries.map(|(name, output)| (name.to_string(), output_change(output)));
        lines.push(outputs(entries.collect()));
    }
    lines
}

/// What is planned, in the stream; with or without what only gets another address.
pub fn planned_changes(plan: &Plan, moves: bool) -> Vec<String> {
    let real = listed(&plan.changes).into_iter();
    real.filter(|change| change_word(change) != "noop")
        .filter(|change| moves || change.action != Action::NoOp)
        .map(|change| {
            let text = format!("{}: Plan to {}", change.addr, change_word(change));
            document("planned_change", &text, "change", change_json(change))
        })
        .collect()
}

fn summary(plan: &Plan) -> String {
    let c = plan.counts();
    let import = match c.import {
        0 => String::new(),
        n => format!("{n} to import, "),
    };
    let text = format!(
        "Plan: {import}{} to add, {} to change, {} to destroy.",
        c.add, c.change, c.destroy
    );
    let changes = json!({
        "add": c.add, "change": c.change, "import": c.import, "remove": c.destroy,
        "operation": "plan",
    });
    document("change_summary", &text, "changes", changes)
}

fn output_change(output: &OutputChange) -> Json {
    let action = match output.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
        _ => "noop",
    };
    // What was a secret stays one in this plan.
    let was_sensitive = output.before.marks().contains(Marks::SENSITIVE);
    json!({ "sensitive": output.sensitive || was_sensitive, "action": action })
}

/// The outputs after an apply. Sensitive ones go without their value.
pub fn outputs_document(values: &BTreeMap<Str, OutputValue>) -> String {
    let entries = values.iter().map(|(name, output)| {
        let ty = output.value.ty();
        let mut entry =
            json!({ "sensitive": output.sensitive, "type": muster_value::type_to_json(&ty) });
        if !output.sensitive {
            // Outputs of a state are known and unmarked.
            entry["value"] = muster_value::value_to_json(&output.value, &ty).unwrap_or_default();
        }
        (name.to_string(), entry)
    });
    outputs(entries.collect())
}

fn outputs(entries: serde_json::Map<String, Json>) -> String {
    let text = format!("Outputs: {}", entries.len());
    document("outputs", &text, "outputs", Json::Object(entries))
}

fn change_json(change: &Change) -> Json {
    let mut found = json!({ "resource": resource(&change.addr) });
    if let Some(previous) = &change.previous {
        found["previous_resource"] = resource(previous);
    }
    found["action"] = change_word(change).into();
    if let Some(reason) = reason_word(change.reason) {
        found["reason"] = reason.into();
    }
    match &change.importing {
        Some(ImportBy::Id(id)) => found["importing"] = json!({ "id": &**id }),
        Some(ImportBy::Identity(identity)) => {
            found["importing"] = json!({ "identity": identity_json(identity) });
        }
        None => {}
    }
    if let Some(text) = &change.generated_config {
        found["generated_config"] = (&**text).into();
    }
    found
}

/// An identity, which is wholly known.
fn identity_json(identity: &Value) -> Json {
    muster_value::value_to_json(identity, &identity.ty()).unwrap_or_default()
}

/// The stream has had shorter names for some reasons from its beginning.
fn reason_word(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::ReplaceBecauseTainted => Some("tainted"),
        Reason::ReplaceByRequest => Some("requested"),
        Reason::ReplaceBecauseCannotUpdate => Some("cannot_update"),
        Reason::ReplaceByTriggers => Some("replace_triggered_by"),
        other => other.json_name(),
    }
}

fn change_word(change: &Change) -> &'static str {
    match change.action {
        Action::NoOp if change.previous.is_some() => "move",
        Action::NoOp if change.importing.is_some() => "import",
        Action::NoOp => "noop",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "delete",
        Action::Forget => "remove",
    }
}

/// An instance in parts.
pub(super) fn resource(addr: &InstanceAddr) -> Json {
    let id = &addr.resource.resource;
    let key = match &addr.key {
        InstanceKey::None => Json::Null,
        InstanceKey::Int(n) => (*n).into(),
        InstanceKey::Str(s) => s.to_string().into(),
    };
    json!({
        "addr": addr.to_string(),
        "module": addr.resource.module.to_string(),
        "resource": format!("{id}{}", addr.key),
        "implied_provider": id.implied_provider(),
        "resource_type": &*id.type_name,
        "resource_name": &*id.name,
        "resource_key": key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps() {
        let check = |seconds: u64, expect: &str| {
            let at = UNIX_EPOCH + Duration::new(seconds, 135_000);
            assert_eq!(timestamp(at), expect);
        };
        check(0, "1970-01-01T00:00:00.000135Z");
        check(951_782_399, "2000-02-28T23:59:59.000135Z");
        check(951_782_400, "2000-02-29T00:00:00.000135Z");
        check(4_107_542_400, "2100-03-01T00:00:00.000135Z");
        check(1_795_251_557, "2026-11-21T08:59:17.000135Z");
    }

    #[test]
    fn outputs_that_were_sensitive_still_are() {
        let check = |before: Value, expect: bool| {
            let change = OutputChange {
                action: Action::Update,
                before,
                after: "new".into(),
                sensitive: false,
            };
            assert_eq!(output_change(&change)["sensitive"], expect);
        };
        check("old".into(), false);
        check(Value::from("old").mark(Marks::SENSITIVE), true);
    }

    #[test]
    fn documents_have_terraforms_order() {
        let line = document("t", "a <b>", "hook", json!({"x": 1}));
        let (before, rest) = line.split_once("\"@timestamp\":\"").unwrap();
        let expect =
            "{\"@level\":\"info\",\"@message\":\"a \\u003cb\\u003e\",\"@module\":\"terraform.ui\",";
        assert_eq!(before, expect);
        assert!(
            rest.ends_with("Z\",\"hook\":{\"x\":1},\"type\":\"t\"}"),
            "{rest}"
        );
        assert!(
            version_document("0.1.0", "0.1.0")
                .ends_with("\"terraform\":\"0.1.0\",\"type\":\"version\",\"ui\":\"1.2\"}")
        );
    }
}
