//! The configuration as `show -json` prints it beside the plan: expressions with what they refer
//! to, not their values.

mod attribute_blocks;
mod body;
mod expression;
mod providers;
mod references;

use std::collections::BTreeMap;

use muster_addr::Mode;
use muster_config::{Config, Module, ModuleCall, Output, Repetition, Resource, Variable};
use muster_lang::{Reference, Str};
use muster_provider::Schemas;

use crate::json::JsonWriter;
use body::{write_expressions, write_provisioner};
use expression::{is_blank, write_expression};
use providers::Providers;

/// Writes the members of the document's `configuration`.
pub(super) fn write_configuration(w: &mut JsonWriter<'_>, config: &Config, schemas: &Schemas) {
    let writer = Writer {
        config,
        schemas,
        providers: Providers::new(config),
    };
    if !writer.providers.is_empty() {
        w.key("provider_config")
            .object(|w| writer.providers.write(w, schemas));
    }
    w.key("root_module")
        .object(|w| writer.module(w, config.root()));
}

struct Writer<'c> {
    config: &'c Config,
    schemas: &'c Schemas,
    providers: Providers<'c>,
}

impl Writer<'_> {
    fn module(&self, w: &mut JsonWriter<'_>, module: &Module) {
        if !module.outputs.is_empty() {
            w.key("outputs").object(|w| {
                for (name, output) in &module.outputs {
                    w.key(name).object(|w| write_output(w, output));
                }
            });
        }
        if !module.resources.is_empty() {
            w.key("resources").array(|w| {
                for (address, resource) in in_order(module) {
                    w.object(|w| self.resource(w, &address, resource, module));
                }
            });
        }
        if !module.calls.is_empty() {
            w.key("module_calls").object(|w| {
                for (name, call) in &module.calls {
                    w.key(name).object(|w| self.call(w, call));
                }
            });
        }
        if !module.variables.is_empty() {
            w.key("variables").object(|w| {
                for (name, variable) in &module.variables {
                    w.key(name).object(|w| write_variable(w, variable));
                }
            });
        }
    }

    fn resource(
        &self,
        w: &mut JsonWriter<'_>,
        address: &str,
        resource: &Resource,
        module: &Module,
    ) {
        let id = &resource.id;
        w.key("address").string(address);
        w.key("mode").string(id.mode.as_str());
        w.key("type").string(&id.type_name);
        w.key("name").string(&id.name);
        w.key("provider_config_key")
            .string(&self.providers.key_of(resource, module));
        if !resource.provisioners.is_empty() {
            w.key("provisioners").array(|w| {
                for provisioner in &resource.provisioners {
                    w.object(|w| write_provisioner(w, provisioner));
                }
            });
        }
        let provider = &resource.provider.provider;
        let schema = self.schemas.resource(provider, id.mode, &id.type_name);
        if let Some(schema) = &schema {
            write_expressions(w, &resource.body, &schema.block);
        }
        w.key("schema_version")
            .uint(schema.map_or(0, |schema| schema.version));
        write_repetition(w, &resource.repetition);
        write_depends_on(w, &resource.depends_on);
    }

    fn call(&self, w: &mut JsonWriter<'_>, call: &ModuleCall) {
        w.key("source").string(&call.source);
        if !call.arguments.is_empty() {
            let sorted: BTreeMap<&Str, _> = call.arguments.iter().collect();
            w.key("expressions").object(|w| {
                for (name, expr) in sorted {
                    w.key(name).object(|w| write_expression(w, expr));
                }
            });
        }
        write_repetition(w, &call.repetition);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            let module = self.config.module(call.module);
            w.key("module").object(|w| self.module(w, module));
        });
        if !call.version.is_empty() {
            w.key("version_constraint").string(&call.version);
        }
        write_depends_on(w, &call.depends_on);
    }
}

/// Resources by kind, then by address.
fn in_order(module: &Module) -> Vec<(String, &Resource)> {
    let addressed = module.resources.values().map(|r| (r.id.to_string(), &**r));
    let mut all: Vec<(String, &Resource)> = addressed.collect();
    let kind = |resource: &Resource| match resource.id.mode {
        Mode::Managed => 0,
        Mode::Data => 1,
        Mode::Ephemeral => 2,
    };
    all.sort_by(|(a, x), (b, y)| kind(x).cmp(&kind(y)).then_with(|| a.cmp(b)));
    all
}

fn write_output(w: &mut JsonWriter<'_>, output: &Output) {
    if output.sensitive {
        w.key("sensitive").bool(true);
    }
    w.key("expression")
        .object(|w| write_expression(w, &output.expr));
    write_depends_on(w, &output.depends_on);
    if !output.description.is_empty() {
        w.key("description").string(&output.description);
    }
}

fn write_variable(w: &mut JsonWriter<'_>, variable: &Variable) {
    if let Some(default) = &variable.default {
        w.key("default").value(default);
    }
    if !variable.description.is_empty() {
        w.key("description").string(&variable.description);
    }
    if variable.sensitive {
        w.key("sensitive").bool(true);
    }
}

fn write_repetition(w: &mut JsonWriter<'_>, repetition: &Repetition) {
    let (name, expr) = match repetition {
        // The format has no word for `enabled`.
        Repetition::Single | Repetition::Enabled(_) => return,
        Repetition::Count(expr) => ("count_expression", expr),
        Repetition::ForEach(expr) => ("for_each_expression", expr),
    };
    if !is_blank(expr) {
        w.key(name).object(|w| write_expression(w, expr));
    }
}

fn write_depends_on(w: &mut JsonWriter<'_>, depends_on: &[Reference]) {
    if !depends_on.is_empty() {
        w.key("depends_on").array(|w| {
            for reference in depends_on {
                w.string(&references::object(reference));
            }
        });
    }
}
