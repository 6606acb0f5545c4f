//! The files of one directory to a module, before anything is known about the modules around it.

mod call;
mod context;
mod encryption;
mod lifecycle;
mod provider;
mod provisioner;
mod refactor;
mod resource;
mod type_expr;
mod variable;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use indexmap::IndexMap;
use muster_addr::{Mode, ResourceId};
use muster_lang::{Block, Body, BodySchema, Content, Diags, Expr, Sources, Span};

use crate::files::ModuleFiles;
use crate::{LocalProvider, Module, Resource, Str, overrides};

pub(crate) use call::{CallDraft, check_constraint};
pub use context::constant;
pub(crate) use context::{Decoder, schema};
pub(crate) use encryption::from_text as encryption_from_text;
pub use provider::LANGUAGE_VERSION;
pub(crate) use provider::provider as provider_block;
pub(crate) use resource::provider_ref;
pub(crate) use variable::check;

static FILE: LazyLock<BodySchema> = LazyLock::new(|| {
    let blocks: &[(&str, &[&str])] = &[
        ("terraform", &[]),
        ("provider", &["name"]),
        ("variable", &["name"]),
        ("locals", &[]),
        ("output", &["name"]),
        ("module", &["name"]),
        ("resource", &["type", "name"]),
        ("data", &["type", "name"]),
        ("ephemeral", &["type", "name"]),
        ("moved", &[]),
        ("import", &[]),
        ("removed", &[]),
        ("check", &["name"]),
    ];
    schema(&[], &[], blocks)
});

/// A provider as a module names it, and where.
#[derive(Clone, Debug)]
pub(crate) struct ProviderRef {
    pub(crate) local: LocalProvider,
    /// Which instance, where the configuration is repeated.
    pub(crate) key: Option<Expr>,
    pub(crate) span: Span,
}

/// What the files of a directory declare. The same directory can be several modules of the tree.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// Everything that does not depend on the place in the tree.
    pub(crate) module: Module,
    /// `module` blocks.
    pub(crate) calls: IndexMap<Str, CallDraft>,
    /// `provider` arguments of resources.
    pub(crate) providers: BTreeMap<ResourceId, ProviderRef>,
    /// Data sources that only their `check` block may use.
    pub(crate) scoped: BTreeMap<ResourceId, Str>,
    /// Some of the files did not parse: what seems to be missing may be there.
    pub(crate) broken: bool,
    required_providers_span: Option<Span>,
    backend_span: Option<Span>,
    encryption_span: Option<Span>,
}

/// Decodes the files of a directory.
pub(crate) fn decode(files: &ModuleFiles, sources: &Sources) -> (Draft, Diags) {
    let mut cx = Decoder::new(&files.json, sources);
    let mut blocks = blocks(&mut cx, &files.primary);
    let overriding = self::blocks(&mut cx, &files.overrides);
    let late = overrides::apply(&mut cx, &mut blocks, overriding);
    let mut draft = Draft {
        broken: files.broken,
        ..Draft::default()
    };
    for block in &blocks {
        draft.add(&mut cx, block);
    }
    draft.override_with(&mut cx, &late);
    draft.module.resources.sort_unstable_keys();
    (draft, cx.diags)
}

/// All top-level blocks.
fn blocks(cx: &mut Decoder<'_>, bodies: &[Body]) -> Vec<Block> {
    let contents = bodies.iter().map(|body| cx.take(body.content(&FILE)));
    let contents: Vec<Content> = contents.collect();
    contents
        .into_iter()
        .flat_map(|content| content.blocks)
        .collect()
}

impl Draft {
    fn add(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        match &*block.type_name {
            "terraform" => provider::terraform(cx, self, block),
            "provider" => self.add_provider(cx, block),
            "variable" => self.add_variable(cx, block),
            "locals" => self.add_locals(cx, block),
            "output" => self.add_output(cx, block),
            "module" => self.add_call(cx, block),
            "resource" => self.add_resource(cx, block, Mode::Managed),
            "data" => self.add_resource(cx, block, Mode::Data),
            "ephemeral" => self.add_resource(cx, block, Mode::Ephemeral),
            "moved" => self.module.moved.extend(refactor::moved(cx, block)),
            "import" => self.module.imports.extend(refactor::import(cx, block)),
            "removed" => self.module.removed.extend(refactor::removed(cx, block)),
            "check" => self.add_check(cx, block),
            // The schema lets nothing else through.
            _ => {}
        }
    }

    fn add_provider(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        let Some((local, block)) = provider::provider(cx, block) else {
            return;
        };
        if let Some(earlier) = self.module.provider_configs.get(&local) {
            let what = match &local.alias {
                Some(alias) => format!("provider {:?} with alias {alias:?}", &*local.name),
                None => format!("provider {:?} without an alias", &*local.name),
            };
            duplicate(
                cx,
                "Duplicate provider configuration",
                &what,
                earlier.span,
                block.span,
            );
            return;
        }
        self.module.provider_configs.insert(local, block);
    }

    fn add_variable(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        let Some(variable) = variable::variable(cx, block) else {
            return;
        };
        if let Some(earlier) = self.module.variables.get(&variable.name) {
            let what = format!("variable {:?}", &*variable.name);
            duplicate(
                cx,
                "Duplicate variable declaration",
                &what,
                earlier.span,
                variable.span,
            );
            return;
        }
        self.module
            .variables
            .insert(variable.name.clone(), variable);
    }

    fn add_locals(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        for (name, local) in variable::locals(cx, &block.body) {
            if let Some(earlier) = self.module.locals.get(&name) {
                let what = format!("local value {name:?}");
                duplicate(
                    cx,
                    "Duplicate local value definition",
                    &what,
                    earlier.span,
                    local.span,
                );
                continue;
            }
            self.module.locals.insert(name, local);
        }
    }

    fn add_output(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        let Some((name, output)) = variable::output(cx, block) else {
            return;
        };
        if let Some(earlier) = self.module.outputs.get(&name) {
            let what = format!("output {name:?}");
            duplicate(
                cx,
                "Duplicate output definition",
                &what,
                earlier.span,
                output.span,
            );
            return;
        }
        self.module.outputs.insert(name, output);
    }

    fn add_call(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        let Some(call) = call::call(cx, block) else {
            return;
        };
        if let Some(earlier) = self.calls.get(&call.name) {
            let what = format!("module call {:?}", &*call.name);
            duplicate(cx, "Duplicate module call", &what, earlier.span, call.span);
            return;
        }
        self.calls.insert(call.name.clone(), call);
    }

    fn add_resource(&mut self, cx: &mut Decoder<'_>, block: &Block, mode: Mode) {
        if let Some((resource, provider)) = resource::resource(cx, block, mode) {
            self.insert_resource(cx, resource, provider);
        }
    }

    /// Says whether the resource is new.
    fn insert_resource(
        &mut self,
        cx: &mut Decoder<'_>,
        resource: Resource,
        provider: Option<ProviderRef>,
    ) -> bool {
        let id = resource.id.clone();
        if let Some(earlier) = self.module.resources.get(&id) {
            let kind = match id.mode {
                Mode::Managed => "resource",
                Mode::Data => "data",
                Mode::Ephemeral => "ephemeral",
            };
            let summary = format!("Duplicate {kind} \"{}\" configuration", id.type_name);
            duplicate(cx, &summary, &id.to_string(), earlier.span, resource.span);
            return false;
        }
        self.module.resources.insert(id.clone(), resource.into());
        self.providers.extend(provider.map(|p| (id, p)));
        true
    }

    fn add_check(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        let Some(found) = refactor::check_block(cx, block) else {
            return;
        };
        if let Some(earlier) = self.module.checks.get(&found.name) {
            let what = format!("check {:?}", &*found.name);
            let summary = format!("Duplicate check {:?} configuration", &*found.name);
            duplicate(cx, &summary, &what, earlier.span, found.block.span);
            return;
        }
        if let Some((resource, provider)) = found.data {
            let id = resource.id.clone();
            if self.insert_resource(cx, resource, provider) {
                self.scoped.insert(id, found.name.clone());
            }
        }
        self.module.checks.insert(found.name, found.block);
    }

    /// `locals` and `terraform` blocks of override files, which replace by entry.
    fn override_with(&mut self, cx: &mut Decoder<'_>, blocks: &[Block]) {
        for block in blocks {
            if &*block.type_name == "locals" {
                self.override_locals(cx, block);
            } else {
                self.override_settings(cx, block);
            }
        }
    }

    fn override_locals(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        for (name, local) in variable::locals(cx, &block.body) {
            if let Some(base) = self.module.locals.get_mut(&name) {
                *base = local;
                continue;
            }
            let detail = format!(
                "There is no local value {name:?} in the ordinary files, so there is nothing to \
                 override."
            );
            cx.error(
                "Missing base local value definition to override",
                detail,
                local.span,
            );
        }
    }

    fn override_settings(&mut self, cx: &mut Decoder<'_>, block: &Block) {
        let mut over = Draft::default();
        provider::terraform(cx, &mut over, block);
        let (base, over) = (&mut self.module, over.module);
        base.required_providers.extend(over.required_providers);
        if !over.required_version.is_empty() {
            base.required_version = over.required_version;
        }
        base.backend = over.backend.or(base.backend.take());
        base.encryption = match (base.encryption.take(), over.encryption) {
            (Some(base), Some(over)) => Some(base.overridden_by(over)),
            (base, over) => over.or(base),
        };
    }
}

fn duplicate(cx: &mut Decoder<'_>, summary: &str, what: &str, earlier: Span, span: Span) {
    let place = cx.place(earlier);
    let detail = format!("There is a {what} at {place} already. Rename or remove one of them.");
    cx.error(summary, detail, span);
}

/// Whether nothing was there before; else an error.
fn first_wins(cx: &mut Decoder<'_>, slot: &mut Option<Span>, span: Span, summary: &str) -> bool {
    let Some(earlier) = *slot else {
        *slot = Some(span);
        return true;
    };
    let place = cx.place(earlier);
    cx.error(
        summary,
        format!("A module has one at most, and there is one at {place}."),
        span,
    );
    false
}
