//! States for people and for tools.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use muster_addr::{AbsResource, InstanceAddr, Mode};
use muster_plan::CheckResults;
use muster_provider::Schemas;
use muster_snapshot::{Attributes, DeposedKey, Object, OutputValue, Resource, Snapshot, Str};
use muster_value::{Marks, Value, implied_type, json_to_value};

use crate::Style;
use crate::diff::{Canvas, Context, Forced, Shape, diff, diff_block, diff_untyped};
use crate::json::JsonWriter;
use crate::modules::{ModuleGroups, write_instance_name};
use crate::plan::write_checks;
use crate::strings::quote;
use crate::style::Paint;

/// Writes a state as the JSON document of `show -json`, on one line, which the caller ends.
///
/// # Errors
/// The sink fails.
pub fn state_json(
    snapshot: &Snapshot,
    schemas: &Schemas,
    terraform_version: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut w = JsonWriter::new(out);
    let outputs = &snapshot.outputs;
    w.object(|w| {
        write_state(w, snapshot, outputs, schemas, terraform_version);
        if let (Some(checks), false) = (&snapshot.checks, is_empty(snapshot)) {
            let checks = CheckResults::from_state(checks.as_str());
            w.key("checks").array(|w| write_checks(w, &checks));
        }
    });
    w.finish()
}

fn is_empty(snapshot: &Snapshot) -> bool {
    snapshot.resources.is_empty() && snapshot.outputs.is_empty()
}

/// An object of the state with all that names it.
#[derive(Clone, Debug)]
pub(crate) struct Item<'s> {
    pub(crate) addr: InstanceAddr,
    pub(crate) deposed: Option<&'s DeposedKey>,
    pub(crate) resource: &'s Resource,
    pub(crate) object: &'s Object,
}

/// All objects in the order of the listings: modules near the root first, data sources before
/// managed resources, current objects before deposed ones.
pub(crate) fn items(snapshot: &Snapshot) -> Vec<Item<'_>> {
    let mut resources: Vec<(&AbsResource, &Resource)> = snapshot.resources.iter().collect();
    resources.sort_by_key(|(addr, _)| {
        let id = &addr.resource;
        (
            addr.module.0.len(),
            &addr.module,
            id.mode != Mode::Data,
            &id.type_name,
            &id.name,
        )
    });
    let mut items = Vec::new();
    for (addr, resource) in resources {
        for (key, instance) in &resource.instances {
            let deposed = instance
                .deposed
                .iter()
                .map(|(key, object)| (Some(key), object));
            let objects = instance
                .current
                .iter()
                .map(|object| (None, object))
                .chain(deposed);
            items.extend(objects.map(|(deposed, object)| Item {
                addr: addr.instance(key.clone()),
                deposed,
                resource,
                object,
            }));
        }
    }
    items
}

impl Item<'_> {
    /// The object's value with everything sensitive marked. An object that does not fit its
    /// schema, or has none, is shown as it is stored.
    pub(crate) fn value(&self, schemas: &Schemas) -> Value {
        let id = &self.addr.resource.resource;
        let schema = schemas.resource(&self.resource.provider.provider, id.mode, &id.type_name);
        let fitting = schema.and_then(|schema| {
            let value = self
                .object
                .decode_marked(&schema.block.implied_type())
                .ok()?;
            Some(value.mark_paths(&schema.block.sensitive_paths(&value)))
        });
        fitting.unwrap_or_else(|| stored(self.object))
    }
}

fn stored(object: &Object) -> Value {
    let value = match &object.attributes {
        Attributes::Json(text) => text
            .to_value()
            .ok()
            .and_then(|json| json_to_value(&json, &implied_type(&json)).ok()),
        Attributes::Flatmap(flat) => {
            let entries = flat
                .iter()
                .map(|(k, v)| (k.as_str(), Value::from(v.as_str())));
            Some(Value::object(entries))
        }
    };
    let marks: Vec<_> = object
        .sensitive
        .iter()
        .map(|p| (p.clone(), Marks::SENSITIVE))
        .collect();
    value.unwrap_or(Value::NULL).mark_paths(&marks)
}

/// The members of the document, with other outputs than those of the state if need be.
pub(crate) fn write_state(
    w: &mut JsonWriter<'_>,
    snapshot: &Snapshot,
    outputs: &BTreeMap<Str, OutputValue>,
    schemas: &Schemas,
    terraform_version: &str,
) {
    w.key("format_version").string("1.0");
    if snapshot.resources.is_empty() && outputs.is_empty() {
        return;
    }
    w.key("terraform_version").string(terraform_version);
    w.key("values").object(|w| {
        if !outputs.is_empty() {
            w.key("outputs").object(|w| {
                for (name, output) in outputs {
                    w.key(name).object(|w| {
                        w.key("sensitive").bool(output.sensitive);
                        w.key("value").value(&output.value);
                        w.key("type").ty(&output.value.ty());
                    });
                }
            });
        }
        w.key("root_module").object(|w| {
            let mut groups = ModuleGroups::default();
            for item in items(snapshot) {
                let module = item.addr.resource.module.clone();
                groups.add(&module, item);
            }
            groups.write(w, &|w, item| w.object(|w| write_item(w, item, schemas)));
        });
    });
}

fn write_item(w: &mut JsonWriter<'_>, item: &Item<'_>, schemas: &Schemas) {
    let value = item.value(schemas);
    write_instance_name(w, &item.addr.to_string(), &item.addr);
    w.key("provider_name")
        .string(&item.resource.provider.provider.to_string());
    w.key("schema_version").uint(item.object.schema_version);
    w.key("values").value(&value);
    w.key("sensitive_values").sensitive(&value);
    if !item.object.dependencies.is_empty() {
        let dependencies: Vec<_> = item
            .object
            .dependencies
            .iter()
            .map(ToString::to_string)
            .collect();
        w.key("depends_on")
            .strings(dependencies.iter().map(String::as_str));
    }
    if item.object.is_tainted() {
        w.key("tainted").bool(true);
    }
    if let Some(key) = item.deposed {
        w.key("deposed_key").string(key.as_str());
    }
}

/// Writes a whole state for people, as `show` does: every object, then the outputs. It goes object
/// by object, so that a long state takes no memory.
///
/// # Errors
/// The sink fails.
pub fn write_state_text(
    snapshot: &Snapshot,
    schemas: &Schemas,
    style: Style,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    if is_empty(snapshot) {
        return writeln!(
            out,
            "The state file is empty. No resources are represented."
        );
    }
    let items = items(snapshot);
    for (i, item) in items.iter().enumerate() {
        let module = |item: &Item<'_>| item.addr.resource.module.clone();
        if i > 0 && module(&items[i - 1]) != module(item) {
            writeln!(out)?;
        }
        writeln!(out, "{}", draw_item(item, schemas, style))?;
    }
    if !snapshot.outputs.is_empty() {
        let gap = if items.is_empty() { "" } else { "\n" };
        writeln!(
            out,
            "{gap}Outputs:\n\n{}",
            draw_outputs(snapshot, style).trim_end_matches('\n')
        )?;
    }
    Ok(())
}

/// One instance for people, as `state show` does: its current object and its deposed ones.
/// Empty if the state does not have it.
pub fn instance_text(snapshot: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) -> String {
    instance(snapshot, addr, schemas).unwrap_or_default()
}

fn instance(snapshot: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) -> Option<String> {
    let resource = snapshot.resources.get(&addr.resource)?;
    let instance = resource.instances.get(&addr.key)?;
    let deposed = instance
        .deposed
        .iter()
        .map(|(key, object)| (Some(key), object));
    let objects = instance
        .current
        .iter()
        .map(|object| (None, object))
        .chain(deposed);
    let texts: Vec<String> = objects
        .map(|(deposed, object)| {
            let item = Item {
                addr: addr.clone(),
                deposed,
                resource,
                object,
            };
            draw_item(&item, schemas, Style::PLAIN)
        })
        .collect();
    Some(texts.join("\n"))
}

fn draw_item(item: &Item<'_>, schemas: &Schemas, style: Style) -> String {
    let mut canvas = Canvas::outdented(style);
    let mut title = format!("# {}:", item.addr);
    if let Some(key) = item.deposed {
        let _ = write!(title, " (deposed object {key})");
    }
    if item.object.is_tainted() {
        title.push_str(" (tainted)");
    }
    canvas.text.push_str(&style.painted(Paint::Bold, &title));
    let id = &item.addr.resource.resource;
    let keyword = if id.mode == Mode::Data {
        "data"
    } else {
        "resource"
    };
    let _ = writeln!(
        canvas.text,
        "\n{keyword} {} {} {{",
        quote(&id.type_name),
        quote(&id.name)
    );
    let value = item.value(schemas);
    let schema = schemas.resource(&item.resource.provider.provider, id.mode, &id.type_name);
    let block = match &schema {
        Some(schema) => diff_block(
            Some(&value),
            Some(&value),
            &schema.block,
            &Forced::default(),
        ),
        None => diff_untyped(Some(&value), Some(&value)),
    };
    canvas.body(
        &block,
        1,
        Context {
            null_suffix: false,
            all: true,
        },
    );
    canvas.text.push_str("}\n");
    canvas.text
}

fn draw_outputs(snapshot: &Snapshot, style: Style) -> String {
    let mut canvas = Canvas::outdented(style);
    for (name, output) in &snapshot.outputs {
        let marks = if output.sensitive {
            Marks::SENSITIVE
        } else {
            Marks::NONE
        };
        let value = output.value.clone().mark(marks);
        let node = diff(Some(&value), Some(&value), Shape::ANY, &Forced::default());
        canvas.assignment(
            name,
            0,
            &node,
            0,
            Context {
                null_suffix: false,
                all: true,
            },
        );
    }
    canvas.text
}

/// The addresses of all instances, as `state list` prints them, in the order of the listings.
pub fn state_list(snapshot: &Snapshot) -> Vec<InstanceAddr> {
    let mut addrs: Vec<InstanceAddr> = items(snapshot).into_iter().map(|item| item.addr).collect();
    addrs.dedup();
    addrs
}
