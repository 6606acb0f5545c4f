//! The plan as `show -json` prints it.

use std::collections::BTreeMap;
use std::io;

use muster_addr::ModuleInstance;
use muster_config::Config;
use muster_plan::{Action, Change, OutputChange, Plan, Str};
use muster_provider::{ImportBy, Schemas};
use muster_snapshot::OutputValue;
use muster_value::{Marks, PathStep, Type, Value};

use super::checks::write_checks;
use super::configuration::write_configuration;
use crate::json::JsonWriter;
use crate::modules::{ModuleGroups, write_instance_name};
use crate::order::listed;
use crate::state::write_state;

/// What goes into the document besides the plan itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlanJson<'a> {
    /// The version that tools shall take it for.
    pub terraform_version: &'a str,
    /// The configuration that the plan was made from, if it is to be there.
    pub configuration: Option<&'a Config>,
}

/// Writes a plan as the JSON document of `show -json`, on one line, which the caller ends.
///
/// # Errors
/// The sink fails.
pub fn plan_json(
    plan: &Plan,
    schemas: &Schemas,
    options: PlanJson<'_>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut w = JsonWriter::new(out);
    w.object(|w| write_plan(w, plan, schemas, options));
    w.finish()
}

fn write_plan(w: &mut JsonWriter<'_>, plan: &Plan, schemas: &Schemas, options: PlanJson<'_>) {
    let changes = listed(&plan.changes);
    w.key("format_version").string("1.2");
    w.key("terraform_version").string(options.terraform_version);
    let variables = variables(plan, options.configuration);
    if !variables.is_empty() {
        w.key("variables").object(|w| {
            for (name, value) in variables {
                w.key(name).object(|w| w.key("value").value(value));
            }
        });
    }
    w.key("planned_values")
        .object(|w| write_planned(w, plan, schemas, &changes));
    if !plan.drift.is_empty() {
        w.key("resource_drift").array(|w| {
            for change in listed(&plan.drift) {
                write_change(w, change, schemas);
            }
        });
    }
    if !changes.is_empty() {
        w.key("resource_changes").array(|w| {
            for change in &changes {
                write_change(w, change, schemas);
            }
        });
    }
    if !plan.outputs.is_empty() {
        w.key("output_changes").object(|w| {
            for (name, output) in &plan.outputs {
                w.key(name).object(|w| write_output_change(w, output));
            }
        });
    }
    let outputs = prior_outputs(plan);
    if !plan.prior.resources.is_empty() || !outputs.is_empty() {
        w.key("prior_state").object(|w| {
            let version = options.terraform_version;
            write_state(w, &plan.prior, &outputs, schemas, version);
        });
    }
    if let Some(configuration) = options.configuration {
        w.key("configuration")
            .object(|w| write_configuration(w, configuration, schemas));
    }
    write_end(w, plan);
}

/// The root module's variables, as they were given. What was not given, or is not stored with the
/// plan as it is ephemeral, has its default, if there is one.
fn variables<'p>(plan: &'p Plan, config: Option<&'p Config>) -> BTreeMap<&'p Str, &'p Value> {
    let declared = config.map(|config| &config.root().variables);
    let defaults = declared
        .into_iter()
        .flatten()
        .filter_map(|(name, variable)| Some((name, variable.default.as_ref()?)));
    let resolved = defaults.chain(&plan.variables);
    resolved.chain(&plan.given).collect()
}

/// The outputs of the state that the plan starts from: those that are known already have their new
/// values.
fn prior_outputs(plan: &Plan) -> BTreeMap<Str, OutputValue> {
    let mut outputs = plan.prior.outputs.clone();
    for (name, change) in &plan.outputs {
        if change.action == Action::Delete || !change.after.is_wholly_known() {
            continue;
        }
        if change.after.is_null() {
            outputs.remove(name);
            continue;
        }
        let value = OutputValue {
            value: change.after.unmark_deep(),
            sensitive: change.sensitive,
        };
        outputs.insert(name.clone(), value);
    }
    outputs
}

fn write_end(w: &mut JsonWriter<'_>, plan: &Plan) {
    if !plan.relevant.is_empty() {
        w.key("relevant_attributes").array(|w| {
            for relevant in &plan.relevant {
                w.object(|w| {
                    w.key("resource").string(&relevant.resource.to_string());
                    w.key("attribute")
                        .array(|w| write_steps(w, &relevant.path.0));
                });
            }
        });
    }
    if !plan.checks.is_empty() {
        w.key("checks").array(|w| write_checks(w, &plan.checks));
    }
    w.key("timestamp").string(&plan.timestamp);
    w.key("applyable").bool(!plan.errored && !plan.is_empty());
    w.key("complete").bool(!plan.errored && !plan.is_limited());
    w.key("errored").bool(plan.errored);
}

fn write_planned(w: &mut JsonWriter<'_>, plan: &Plan, schemas: &Schemas, changes: &[&Change]) {
    let outputs = || {
        plan.outputs
            .iter()
            .filter(|(_, o)| o.action != Action::Delete)
    };
    if outputs().next().is_some() {
        w.key("outputs").object(|w| {
            for (name, output) in outputs() {
                w.key(name).object(|w| {
                    w.key("sensitive").bool(is_secret(output));
                    if output.after.is_wholly_known() {
                        // Null is of no type in a plan, whatever it was made from.
                        match output.after.is_null() {
                            true => w.key("type").ty(&Type::Dynamic),
                            false => w.key("type").ty(&output.after.ty()),
                        }
                        w.key("value").value(&output.after);
                    }
                });
            }
        });
    }
    let mut groups = ModuleGroups::default();
    for change in changes {
        if stays(change) {
            groups.add(
                &change.addr.resource.module,
                (change.addr.to_string(), *change),
            );
        }
    }
    groups.sort_by(|(a, _), (b, _)| a.cmp(b));
    w.key("root_module").object(|w| {
        groups.write(w, &|w, (address, change)| {
            let after = hidden(&change.after, change, schemas);
            w.object(|w| {
                write_instance_name(w, address, &change.addr);
                w.key("provider_name")
                    .string(&change.provider.provider.to_string());
                w.key("schema_version")
                    .uint(schema_version(change, schemas));
                if change.action == Action::Forget {
                    // Nobody says any more what it shall be.
                    w.key("sensitive_values").bool(false);
                    return;
                }
                if has_known_members(&after) {
                    w.key("values").value(&after);
                }
                w.key("sensitive_values").sensitive(&after);
            });
        });
    });
}

/// Whether there is anything to tell of an object: one of which nothing is known goes without
/// values.
fn has_known_members(object: &Value) -> bool {
    let mut members = object.peel().as_entries().into_iter().flatten();
    members.any(|(_, member)| member.is_known())
}

/// Whether there is a current object after the change, though it may not be looked after any more.
fn stays(change: &Change) -> bool {
    change.deposed.is_none()
        && match change.action {
            Action::Delete => false,
            Action::Forget => true,
            _ => !change.after.is_null(),
        }
}

fn schema_version(change: &Change, schemas: &Schemas) -> u64 {
    let id = &change.addr.resource.resource;
    let schema = schemas.resource(&change.provider.provider, id.mode, &id.type_name);
    schema.map_or(0, |schema| schema.version)
}

/// A value with everything marked that the schema calls sensitive.
fn hidden(value: &Value, change: &Change, schemas: &Schemas) -> Value {
    let id = &change.addr.resource.resource;
    match schemas.resource(&change.provider.provider, id.mode, &id.type_name) {
        Some(schema) => value.mark_paths(&schema.block.sensitive_paths(value)),
        None => value.clone(),
    }
}

fn write_change(w: &mut JsonWriter<'_>, change: &Change, schemas: &Schemas) {
    w.object(|w| {
        let address = change.addr.to_string();
        w.key("address").string(&address);
        if let Some(previous) = &change.previous {
            w.key("previous_address").string(&previous.to_string());
        }
        let module: &ModuleInstance = &change.addr.resource.module;
        if !module.is_root() {
            w.key("module_address").string(&module.to_string());
        }
        crate::modules::write_instance_parts(w, &change.addr);
        w.key("provider_name")
            .string(&change.provider.provider.to_string());
        if let Some(key) = &change.deposed {
            w.key("deposed").string(key.as_str());
        }
        w.key("change").object(|w| write_values(w, change, schemas));
        if let Some(reason) = change.reason.json_name() {
            w.key("action_reason").string(reason);
        }
    });
}

fn write_values(w: &mut JsonWriter<'_>, change: &Change, schemas: &Schemas) {
    let before = hidden(&change.before, change, schemas);
    let after = hidden(&change.after, change, schemas);
    w.key("actions")
        .strings(actions(change.action).iter().copied());
    w.key("before").value(&before);
    if after.is_known() {
        w.key("after").value(&after);
    }
    if after.is_wholly_known() {
        w.key("after_unknown").object(|_| {});
    } else {
        w.key("after_unknown").unknown(&after);
    }
    w.key("before_sensitive").sensitive(&before);
    w.key("after_sensitive").sensitive(&after);
    if !change.replace_paths.is_empty() {
        w.key("replace_paths").array(|w| {
            for path in &change.replace_paths {
                w.array(|w| write_steps(w, &path.0));
            }
        });
    }
    if let Some(by) = &change.importing {
        w.key("importing").object(|w| match by {
            ImportBy::Id(id) => w.key("id").string(id),
            ImportBy::Identity(identity) => w.key("identity").value(identity),
        });
    }
    if let Some(text) = &change.generated_config {
        w.key("generated_config").string(text);
    }
}

fn write_output_change(w: &mut JsonWriter<'_>, output: &OutputChange) {
    w.key("actions")
        .strings(actions(output.action).iter().copied());
    w.key("before").value(&output.before);
    if output.after.is_known() {
        w.key("after").value(&output.after);
    }
    if output.after.is_wholly_known() {
        w.key("after_unknown").bool(false);
    } else {
        w.key("after_unknown").unknown(&output.after);
    }
    w.key("before_sensitive").bool(is_secret(output));
    w.key("after_sensitive").bool(is_secret(output));
}

/// Whether an output is, or was, not for everybody to see.
fn is_secret(output: &OutputChange) -> bool {
    let marked = |v: &Value| v.marks().contains(Marks::SENSITIVE);
    output.sensitive || marked(&output.before) || marked(&output.after)
}

fn write_steps(w: &mut JsonWriter<'_>, steps: &[PathStep]) {
    for step in steps {
        match step {
            PathStep::Attr(name) | PathStep::Key(name) => w.string(name),
            PathStep::Index(i) => w.uint(*i),
        }
    }
}

/// What tools call an action.
fn actions(action: Action) -> &'static [&'static str] {
    match action {
        Action::NoOp => &["no-op"],
        Action::Create => &["create"],
        Action::Read => &["read"],
        Action::Update => &["update"],
        Action::DeleteThenCreate => &["delete", "create"],
        Action::CreateThenDelete => &["create", "delete"],
        Action::Delete => &["delete"],
        Action::Forget => &["forget"],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::change;
    use super::*;

    fn check(plan: &Plan, part: &str, expect: serde_json::Value) {
        let mut text = Vec::new();
        let options = PlanJson::default();
        plan_json(plan, &Schemas::default(), options, &mut text).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document.pointer(part), Some(&expect), "{document}");
    }

    #[test]
    fn objects_of_which_nothing_is_known_have_no_values() {
        let object = |input: Value| {
            let id = Value::unknown(Type::String);
            Value::object([("id", id), ("input", input)])
        };
        let plan = |after: Value| Plan {
            changes: vec![change(Action::Create, Value::NULL, after)],
            ..Plan::default()
        };
        let values = "/planned_values/root_module/resources/0";
        let rest = serde_json::json!({
            "address": "x_y.z", "mode": "managed", "type": "x_y", "name": "z", "schema_version": 0,
            "provider_name": "registry.terraform.io/hashicorp/x", "sensitive_values": {},
        });
        let unknown = Value::unknown(Type::String);
        check(&plan(object(unknown)), values, rest.clone());
        let mut known = rest;
        known["values"] = serde_json::json!({ "input": null });
        check(&plan(object(Value::Null(Type::String))), values, known);
    }

    #[test]
    fn null_outputs_are_of_no_type() {
        let plan = |after: Value| Plan {
            outputs: [(
                "o".into(),
                OutputChange {
                    action: Action::Create,
                    before: Value::NULL,
                    after,
                    sensitive: false,
                },
            )]
            .into(),
            ..Plan::default()
        };
        let output = "/planned_values/outputs/o";
        let expect = serde_json::json!({ "sensitive": false, "type": "dynamic", "value": null });
        check(&plan(Value::Null(Type::String)), output, expect);
        let expect = serde_json::json!({ "sensitive": false, "type": "string", "value": "x" });
        check(&plan("x".into()), output, expect);
    }
}
