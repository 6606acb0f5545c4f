//! Normal forms of documents: only what is promised, in one order.

use serde_json::{Map, Value, json};

use super::words::cycle;

const CHANGE: &[&str] = &[
    "actions",
    "before",
    "after",
    "after_unknown",
    "before_sensitive",
    "after_sensitive",
    "replace_paths",
    "importing",
    "generated_config",
];
const RESOURCE_CHANGE: &[&str] = &[
    "address",
    "previous_address",
    "module_address",
    "mode",
    "type",
    "name",
    "index",
    "deposed",
    "provider_name",
    "action_reason",
];
const INSTANCE: &[&str] = &[
    "index_key",
    "status",
    "deposed",
    "schema_version",
    "attributes",
    "attributes_flat",
    "create_before_destroy",
    "private",
];
const HOOK: &[&str] = &[
    "action",
    "reason",
    "provisioner",
    "output",
    "id_key",
    "id_value",
    "importing",
];

/// A plan as `show -json` has it, with the further `parts` wanted.
pub(super) fn plan(plan: &Value, parts: &Value) -> Value {
    let mut out = json!({
        "resource_changes": sorted(each(&plan["resource_changes"], resource_change)),
        "output_changes": values(&plan["output_changes"], change),
        "resource_drift": sorted(each(&plan["resource_drift"], resource_change)),
        "checks": plan_checks(&plan["checks"]),
    });
    for key in ["applyable", "complete", "errored"] {
        out[key] = plan[key].clone();
    }
    for part in list(parts).iter().filter_map(Value::as_str) {
        out[part] = match part {
            "planned_values" => with_sorted_modules(&plan[part]),
            "prior_state" => {
                let mut prior = shown_state(&plan[part]);
                prior["checks"] = plan_checks(&plan[part]["checks"]);
                prior
            }
            "relevant_attributes" => sorted(list(&plan[part]).to_vec()),
            _ => plan[part].clone(),
        };
    }
    out
}

/// A document that a command printed, whichever it is.
pub(super) fn document(value: &Value, parts: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let has = |key| object.contains_key(key);
    if has("values") || object.keys().eq(["format_version"]) {
        shown_state(value)
    } else if has("resource_changes") {
        plan(value, parts)
    } else if has("lineage") && has("resources") {
        state(value)
    } else {
        value.clone()
    }
}

/// A state file.
pub(super) fn state(state: &Value) -> Value {
    let mut resources = each(&state["resources"], |resource| {
        let mut out = pick(resource, &["module", "mode", "type", "name", "provider"]);
        out["instances"] = sorted(each(&resource["instances"], instance));
        out
    });
    // An entry left without instances says nothing.
    resources.retain(|resource| !list(&resource["instances"]).is_empty());
    let checks = state["check_results"].as_array().map(|_| {
        sorted(each(&state["check_results"], |check| {
            with(check, "objects", |objects| {
                sorted(each(objects, |object| {
                    let mut out = object.clone();
                    out["failure_messages"] = sorted(list(&object["failure_messages"]).to_vec());
                    out
                }))
            })
        }))
    });
    let outputs = state["outputs"].as_object().cloned().unwrap_or_default();
    json!({
        "version": state["version"],
        "resources": sorted(resources),
        "outputs": outputs,
        "check_results": checks,
    })
}

/// The diagnostics of `validate -json`, or of an event stream.
pub(super) fn diagnostics(text: &str) -> Value {
    if let Ok(whole) = serde_json::from_str::<Value>(text)
        && whole.get("valid").is_some()
    {
        return json!({
            "valid": whole["valid"],
            "error_count": whole["error_count"],
            "warning_count": whole["warning_count"],
            "diagnostics": unique(each(&whole["diagnostics"], diagnostic)),
        });
    }
    let events = json_lines(text).into_iter();
    let said = events.filter(|event| event["type"] == "diagnostic");
    json!({"diagnostics": unique(said.map(|e| diagnostic(&e["diagnostic"])).collect())})
}

/// An event stream: the events of no resource in order, and those of each.
pub(super) fn events(text: &str) -> Value {
    let (mut general, mut by_resource) = (Vec::new(), Map::new());
    for event in json_lines(text) {
        let kind = event["type"].as_str().unwrap_or_default();
        if matches!(
            kind,
            "apply_progress" | "ephemeral_op_progress" | "diagnostic"
        ) {
            continue;
        }
        let body = ["hook", "change"]
            .into_iter()
            .find_map(|key| event.get(key));
        let Some(body) = body.filter(|body| body["resource"].is_object()) else {
            let key = match kind {
                "change_summary" => "changes",
                "outputs" => "outputs",
                _ => "text",
            };
            general.push(with_type(kind, pick(&event, &[key])));
            continue;
        };
        let mut item = with_type(kind, pick(body, HOOK));
        if let Some(previous) = body.get("previous_resource") {
            item["previous"] = previous["addr"].clone();
        }
        let address = body["resource"]["addr"].as_str().unwrap_or_default();
        let items = by_resource.entry(address).or_insert(json!([]));
        items.as_array_mut().unwrap().push(item);
    }
    json!({"general": general, "by_resource": by_resource})
}

/// Numbers that are compared by value: `1.0` is `1`.
pub(super) fn numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.as_i64().is_none() && float.fract() != 0.0 => json!(float),
            Some(float) if number.as_i64().is_none() && float.abs() < 1e15 => {
                json!(float.round() as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(numbers).collect(),
        Value::Object(object) => object.into_iter().map(|(k, v)| (k, numbers(v))).collect(),
        other => other,
    }
}

/// A result without the positions of its diagnostics, which are our own.
pub(super) fn without_positions(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_positions).collect(),
        Value::Object(mut object) => {
            if object.contains_key("severity") && object.contains_key("summary") {
                object.shift_remove("at");
            }
            object
                .into_iter()
                .map(|(k, v)| (k, without_positions(v)))
                .collect()
        }
        other => other,
    }
}

/// A value on many lines, with sorted keys.
pub(super) fn pretty(mut value: Value) -> String {
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).unwrap()
}

fn resource_change(resource: &Value) -> Value {
    let mut out = pick(resource, RESOURCE_CHANGE);
    if out.get("deposed").is_some() {
        out["deposed"] = "<deposed>".into();
    }
    out["change"] = change(&resource["change"]);
    out
}

fn change(change: &Value) -> Value {
    with(&pick(change, CHANGE), "replace_paths", |paths| {
        sorted(list(paths).to_vec())
    })
}

fn plan_checks(checks: &Value) -> Value {
    sorted(each(checks, |check| {
        let instances = each(&check["instances"], |instance| {
            let problems = each(&instance["problems"], |problem| problem["message"].clone());
            json!({
                "address": instance["address"]["to_display"],
                "status": instance["status"],
                "problems": sorted(problems),
            })
        });
        json!({
            "address": check["address"]["to_display"],
            "kind": check["address"]["kind"],
            "status": check["status"],
            "instances": sorted(instances),
        })
    }))
}

fn shown_state(state: &Value) -> Value {
    let mut out = with(state, "values", with_sorted_modules);
    if let Some(object) = out.as_object_mut() {
        object.shift_remove("terraform_version");
    }
    if state.get("checks").is_some() {
        out["checks"] = plan_checks(&state["checks"]);
    }
    out
}

fn with_sorted_modules(values: &Value) -> Value {
    with(values, "root_module", module)
}

fn module(values: &Value) -> Value {
    let out = with(values, "resources", |resources| {
        sorted(each(resources, |resource| {
            let mut out = with(resource, "depends_on", |on| sorted(list(on).to_vec()));
            if out.get("deposed_key").is_some() {
                out["deposed_key"] = "<deposed>".into();
            }
            out
        }))
    });
    with(&out, "child_modules", |modules| {
        sorted(each(modules, module))
    })
}

fn instance(instance: &Value) -> Value {
    let mut out = pick(instance, INSTANCE);
    if out.get("deposed").is_some() {
        out["deposed"] = "<deposed>".into();
    }
    for key in ["dependencies", "sensitive_attributes"] {
        out[key] = sorted(list(&instance[key]).to_vec());
    }
    out
}

fn diagnostic(said: &Value) -> Value {
    let mut out = json!({
        "severity": said["severity"],
        "summary": cycle(said["summary"].as_str().unwrap_or_default()),
    });
    if let Some(address) = said["address"].as_str().filter(|a| !a.is_empty()) {
        out["address"] = address.into();
    }
    if let Some(file) = said["range"]["filename"].as_str() {
        out["at"] = format!("{file}:{}", said["range"]["start"]["line"]).into();
    }
    out
}

/// The lines of an event stream; lines that are none stand for themselves.
fn json_lines(text: &str) -> Vec<Value> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let read = |line: &str| match serde_json::from_str(line) {
        Ok(event) => numbers(event),
        Err(_) => json!({"type": "NOT JSON", "text": line}),
    };
    lines.map(read).collect()
}

fn with_type(kind: &str, mut item: Value) -> Value {
    item["type"] = kind.into();
    item
}

fn pick(value: &Value, keys: &[&str]) -> Value {
    let found = keys
        .iter()
        .filter_map(|&key| Some((key.to_owned(), value.get(key)?.clone())));
    Value::Object(found.collect())
}

/// `value` with what `key` holds, if it has any, in another form.
fn with(value: &Value, key: &str, form: impl Fn(&Value) -> Value) -> Value {
    let mut out = value.clone();
    if let Some(held) = out.get_mut(key) {
        *held = form(held);
    }
    out
}

fn each(items: &Value, form: impl Fn(&Value) -> Value) -> Vec<Value> {
    list(items).iter().map(form).collect()
}

fn values(object: &Value, form: impl Fn(&Value) -> Value) -> Value {
    let pairs = object.as_object().into_iter().flatten();
    Value::Object(
        pairs
            .map(|(key, value)| (key.clone(), form(value)))
            .collect(),
    )
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Sorted by what identifies the items, then by all they say.
fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_cached_key(|item| {
        let names = [
            "address",
            "deposed",
            "module",
            "mode",
            "type",
            "name",
            "index_key",
        ];
        // Addresses without the escapes of JSON, which change their order.
        let plain = |name| match item.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let mut whole = item.clone();
        whole.sort_all_objects();
        (names.map(plain), whole.to_string())
    });
    items.into()
}

/// Sorted, each once.
fn unique(mut diagnostics: Vec<Value>) -> Value {
    diagnostics.sort_by_cached_key(|said| {
        ["severity", "summary", "address", "at"].map(|key| said[key].as_str().map(str::to_owned))
    });
    diagnostics.dedup();
    diagnostics.into()
}
