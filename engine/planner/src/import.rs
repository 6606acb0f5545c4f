//! `import` blocks: objects that exist already and get an address.

mod check;
mod missing;

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};
use muster_addr::{
    AbsResource, ConfigResource, InstanceAddr, InstanceKey, ModuleInstance, ModuleStep,
};
use muster_config::{Config, Import, ImportKey, ModuleId};
use muster_eval::{Evaluator, ModuleInst, Repeat};
use muster_lang::{Diagnostic, Diags, Expr, Scope, Span, eval};
use muster_plan::{Mode, Operation};
use muster_provider::{ImportBy, Imported, Read, Request};
use muster_schema::{check_conforms, normalize_blocks};
use muster_value::{Marks, Type, Value, convert};

use crate::task::{Stage, Task};
use crate::{Options, Planner, ReadImport, Str};
pub(crate) use check::check;
use check::check_key;
use missing::no_target;

/// What is said of an object that does not exist, by providers too.
pub(crate) const NOT_THERE: &str = "Cannot import non-existent remote object";

/// The blocks of a configuration by the resource they speak of, and what they came to.
#[derive(Default)]
pub(crate) struct Imports {
    blocks: HashMap<ConfigResource, Vec<usize>>,
    /// Objects to import, by the address they get.
    pub found: HashMap<InstanceAddr, Wanted>,
}

/// An object to import.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub by: ImportBy,
    /// Where there is no such object, one is made.
    pub or_create: bool,
    span: Option<Span>,
}

impl Imports {
    /// Lays out the blocks of the root module, and what the user asked for. A plan that only
    /// looks at what there is brings nothing in.
    pub(crate) fn new(config: &Config, options: &Options) -> Self {
        let mut blocks: HashMap<ConfigResource, Vec<usize>> = HashMap::new();
        if options.mode != Mode::RefreshOnly {
            for (i, import) in config.root().imports.iter().enumerate() {
                blocks.entry(import.target.config()).or_default().push(i);
            }
        }
        let wanted = |(addr, id): &(InstanceAddr, Str)| {
            let wanted = Wanted {
                by: ImportBy::Id(id.clone()),
                or_create: false,
                span: None,
            };
            (addr.clone(), wanted)
        };
        Self {
            blocks,
            found: options.imports.iter().map(wanted).collect(),
        }
    }

    /// Errors about blocks whose resource the configuration does not declare.
    pub(crate) fn without_target(&self, config: &Config) -> Diags {
        let missing = self.blocks.iter().filter(|(resource, _)| {
            let module = config.find(&resource.module);
            !module.is_some_and(|m| m.resources.contains_key(&resource.resource))
        });
        let mut diags: Vec<Diagnostic> = missing
            .flat_map(|(resource, blocks)| blocks.iter().map(move |i| (resource, *i)))
            .map(|(resource, i)| {
                no_target(
                    &resource.to_string(),
                    Some(config.root().imports[i].to.span()),
                )
            })
            .collect();
        diags.sort_by_key(|d| d.subject.map(|s| s.start));
        Diags(diags)
    }
}

impl Planner {
    /// Works out the imports of a resource, once everything they refer to is known. `false` when
    /// that fails.
    pub(crate) fn find_imports(
        &mut self,
        module: ModuleId,
        resource: &muster_addr::ResourceId,
    ) -> bool {
        if self.is_destroying() {
            return true;
        }
        let config = self.eval.config().clone();
        let key = ConfigResource {
            module: config.module(module).path.clone(),
            resource: resource.clone(),
        };
        let mut ok = true;
        for block in self.imports.blocks.remove(&key).unwrap_or_default() {
            if let Err(diags) = self.find_import(&config.root().imports[block]) {
                self.diags.extend(diags);
                ok = false;
            }
        }
        ok
    }

    fn find_import(&mut self, import: &Import) -> Result<(), Diags> {
        let repeats = match &import.for_each {
            None => vec![None],
            Some(expr) => import_repeats(&self.eval, expr)?,
        };
        let config = self.eval.config().clone();
        let placed = import.target.config();
        let module = config.find(&placed.module);
        let resource = module.and_then(|module| module.resources.get(&placed.resource));
        for repeat in repeats {
            let scope = self.eval.scope(ModuleInst::ROOT, repeat);
            let addr = target(import, &scope)?;
            if let Some(resource) = resource {
                check_key(import, resource, &addr.key)?;
            }
            let by = match &import.by {
                ImportKey::Id(expr) => ImportBy::Id(import_id(expr, &scope)?),
                ImportKey::Identity(expr) => {
                    let written = import_identity(expr, &scope)?;
                    ImportBy::Identity(self.checked_identity(import, &written)?)
                }
            };
            let wanted = Wanted {
                by,
                or_create: import.or_create,
                span: Some(import.to.span()),
            };
            if self.imports.found.insert(addr.clone(), wanted).is_some() {
                let detail =
                    format!("Another block imports an object to {addr}, too. Keep one of them.");
                let summary = format!("Duplicate import configuration for \"{addr}\"");
                return Err(Diagnostic::error(summary, detail)
                    .at(import.to.span())
                    .into());
            }
        }
        Ok(())
    }

    /// An identity that somebody wrote as the provider of the resource wants it.
    fn checked_identity(&self, import: &Import, written: &Value) -> Result<Value, Diags> {
        let expr = import.by.expr();
        let target = import.target.config();
        let config = self.eval.config();
        let module = config.find(&target.module);
        let resource = module.and_then(|m| m.resources.get(&target.resource));
        let Some(provider) = resource.map(|r| &r.provider.provider) else {
            // That there is no such resource is reported elsewhere.
            return Err(Diags::new());
        };
        let type_name = &target.resource.type_name;
        let Some(schema) = self.eval.schemas().identity(provider, type_name) else {
            let detail = format!(
                "The provider {} knows no identity of {type_name}. Import it by its id.",
                provider.for_display()
            );
            return Err(invalid_identity(expr, detail));
        };
        schema.for_import(written).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(|e| format!("\n  - {e}")).collect();
            let detail = format!("The identity is not one of {type_name}:{}", errors.concat());
            invalid_identity(expr, detail)
        })
    }

    /// Objects that were to be imported to addresses that do not exist.
    pub(crate) fn finish_imports(&mut self) {
        let left = std::mem::take(&mut self.imports.found);
        if self.errored {
            return;
        }
        let mut left: Vec<_> = left
            .into_iter()
            .map(|(addr, wanted)| (addr, wanted.span))
            .filter(|(addr, _)| {
                let known = self.changes.contains_key(&(addr.clone(), None));
                !known && self.state.current(addr).is_none() && self.is_planned(addr)
            })
            .collect();
        left.sort_by(|(a, in_a), (b, in_b)| in_a.cmp(in_b).then_with(|| a.cmp(b)));
        // A block with `for_each` may name very many.
        for block in left.chunk_by(|a, b| a.1.is_some() && a.1 == b.1) {
            if let Some(((addr, span), others)) = block.split_first() {
                let others = others.iter().map(|(addr, _)| addr);
                let diagnostic = self.no_instance(addr, others, *span);
                self.diags.push(diagnostic);
            }
        }
    }

    /// Asks for an object that exists already.
    pub(crate) fn import(&mut self, mut task: Task, wanted: Wanted) {
        let request = Request::Import {
            type_name: task.addr.resource.resource.type_name.clone(),
            by: wanted.by.clone(),
        };
        task.importing = Some(wanted.by);
        task.or_create = wanted.or_create;
        self.ask(task, Stage::Import, request, Some(Operation::Import));
    }

    pub(crate) fn imported(&mut self, mut task: Task, objects: Vec<Imported>) {
        if objects.is_empty() && task.or_create {
            return self.make_instead(task);
        }
        let type_name = task.addr.resource.resource.type_name.clone();
        let mut ours = objects.into_iter().filter(|o| o.type_name == type_name);
        let (Some(object), None) = (ours.next(), ours.next()) else {
            let detail = format!(
                "The provider {} did not answer with exactly one object of type {type_name}. This is a bug in the provider.",
                task.provider.provider.for_display()
            );
            let summary = "Invalid import result";
            self.diags
                .push(Diagnostic::error(summary, detail).about(&task.addr));
            return self.fail(task);
        };
        let value = normalize_blocks(&task.schema.block, &object.value);
        let errors = check_conforms(&task.schema.block, &value);
        if !errors.is_empty() || value.is_null() || !value.is_wholly_known() {
            return self.broken(task, "Provider produced invalid object", &errors);
        }
        task.private = object.private;
        task.prior = value;
        if !self.take_identity(&mut task, object.identity) {
            return self.fail(task);
        }
        let request = Request::Read(Read {
            type_name,
            current: task.prior.clone(),
            private: task.private.clone(),
            identity: task.identity.clone(),
            provider_meta: Value::NULL,
        });
        self.ask(task, Stage::ReadImported, request, Some(Operation::Refresh));
    }

    pub(crate) fn imported_read(&mut self, mut task: Task, value: Value, identity: Option<Value>) {
        if value.is_null() && task.or_create {
            return self.make_instead(task);
        }
        if value.is_null() {
            let by = task.importing.as_ref().map(ToString::to_string);
            let detail = format!(
                "There is no object with {} to import to {}. Check it, and the region and account of the provider configuration; to have a new object made where there is none, give the import block or_create = true.",
                by.unwrap_or_default(),
                task.addr
            );
            self.diags.push(Diagnostic::error(NOT_THERE, detail));
            return self.fail(task);
        }
        let value = normalize_blocks(&task.schema.block, &value);
        let errors = check_conforms(&task.schema.block, &value);
        if !errors.is_empty() || !value.is_wholly_known() {
            return self.broken(task, "Provider produced invalid object", &errors);
        }
        // An import may tell less of the identity than the object itself does.
        let imported = task.identity.take();
        if !self.take_identity(&mut task, identity) {
            return self.fail(task);
        }
        task.identity = task.identity.or(imported);
        task.recorded = value.clone();
        task.prior = value;
        if self
            .options
            .only_read
            .contains(&task.addr.resource.config())
        {
            return self.keep_read(task);
        }
        self.store(&task);
        self.proceed(task);
    }
}

impl Planner {
    /// There is nothing to import, so that the object is planned as if nobody had asked for that.
    pub(crate) fn make_instead(&mut self, mut task: Task) {
        task.importing = None;
        task.private = Arc::from([]);
        task.identity = None;
        task.prior = Value::Null(task.ty.clone());
        self.proceed(task);
    }

    fn keep_read(&mut self, task: Task) {
        self.finish_task(&task);
        self.read.extend(task.importing.map(|by| ReadImport {
            addr: task.addr,
            by,
            schema: task.schema,
            value: task.prior,
        }));
    }
}

/// What `each` is for the value of a `for_each`.
fn repeats_of(expr: &Expr, value: Value) -> Result<Vec<Option<Repeat>>, Diags> {
    let error = |detail: &str| -> Diags {
        Diagnostic::error("Invalid for_each argument", detail)
            .at(expr.span())
            .into()
    };
    if value.marks_deep().contains(Marks::SENSITIVE) {
        return Err(error(
            "The keys become addresses, which are shown, so they cannot be sensitive.",
        ));
    }
    let value = value.unmark_deep();
    if value.is_null() {
        return Ok(Vec::new());
    }
    let is_set = matches!(value, Value::Set(_));
    if !value.is_known() || is_set && !value.is_wholly_known() {
        return Err(error(
            "The value is only known after apply, so nobody can say what is to be imported.",
        ));
    }
    let pairs: Vec<(Str, Value)> = match (&value, value.as_entries()) {
        (_, Some(entries)) => entries
            .iter()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        (Value::Set(set), _) if set.items.iter().all(|v| v.as_str().is_some()) => {
            let key = |v: &Value| Some((v.as_str()?.clone(), v.clone()));
            set.items.iter().filter_map(key).collect()
        }
        _ => return Err(error("A map, or a set of strings, is required.")),
    };
    let repeat = |(key, value)| {
        Some(Repeat {
            key: InstanceKey::Str(key),
            each_value: Some(value),
            unknown: false,
        })
    };
    Ok(pairs.into_iter().map(repeat).collect())
}

/// What a block is repeated for.
fn import_repeats(evaluator: &Evaluator, expr: &Expr) -> Result<Vec<Option<Repeat>>, Diags> {
    let scope = evaluator.scope(ModuleInst::ROOT, None);
    repeats_of(expr, eval(expr, &scope, &[])?)
}

/// The address that an object gets.
fn target(import: &Import, scope: &dyn Scope) -> Result<InstanceAddr, Diags> {
    let mut steps = Vec::new();
    for (name, key) in &import.target.modules {
        steps.push(ModuleStep {
            name: name.clone(),
            key: instance_key(key.as_ref(), scope)?,
        });
    }
    let resource = AbsResource {
        module: ModuleInstance(Arc::from(steps)),
        resource: import.target.resource.clone(),
    };
    Ok(resource.instance(instance_key(import.target.key.as_ref(), scope)?))
}

fn instance_key(key: Option<&Expr>, scope: &dyn Scope) -> Result<InstanceKey, Diags> {
    let Some(expr) = key else {
        return Ok(InstanceKey::None);
    };
    let value = eval(expr, scope, &[])?.unmark_deep();
    if let Some(text) = value.as_str() {
        return Ok(InstanceKey::Str(text.clone()));
    }
    match value.as_number().and_then(muster_value::Number::to_u64) {
        Some(n) => Ok(InstanceKey::Int(n)),
        None => {
            let detail = "The key of an instance is a known string or a whole number.";
            Err(Diagnostic::error("Invalid import address", detail)
                .at(expr.span())
                .into())
        }
    }
}

/// What is written of the identity to import by, wholly known.
fn import_identity(expr: &Expr, scope: &dyn Scope) -> Result<Value, Diags> {
    let value = eval(expr, scope, &[])?;
    let marks = value.marks_deep();
    if marks.contains(Marks::SENSITIVE) {
        let detail = "The identity is shown in the plan, so it cannot be sensitive.";
        return Err(invalid_identity(expr, detail));
    }
    if marks.contains(Marks::EPHEMERAL) {
        let detail = "The identity is part of the plan, so it cannot be ephemeral.";
        return Err(invalid_identity(expr, detail));
    }
    let value = value.unmark_deep();
    if !value.is_wholly_known() {
        let detail = "The identity depends on something that is only known after apply. Import needs it while planning.";
        return Err(invalid_identity(expr, detail));
    }
    if value.is_null() {
        return Err(invalid_identity(expr, "The identity is null."));
    }
    Ok(value)
}

fn invalid_identity(expr: &Expr, detail: impl Into<String>) -> Diags {
    Diagnostic::error("Invalid import identity argument", detail)
        .at(expr.span())
        .into()
}

/// The id to import by.
fn import_id(expr: &Expr, scope: &dyn Scope) -> Result<Str, Diags> {
    let error = |detail: &str| -> Diags {
        Diagnostic::error("Invalid import id argument", detail)
            .at(expr.span())
            .into()
    };
    let value = eval(expr, scope, &[])?;
    let marks = value.marks_deep();
    if marks.contains(Marks::EPHEMERAL) {
        return Err(error(
            "The id is part of the plan, so it cannot be ephemeral.",
        ));
    }
    let value = convert(&value.unmark_deep(), &Type::String).map_err(|e| {
        let detail = format!("The id has to be a string: {e}.");
        Diags::from(Diagnostic::error("Incorrect value type", detail).at(expr.span()))
    })?;
    if !value.is_known() {
        return Err(error(
            "The id depends on something that is only known after apply. Import needs it while planning.",
        ));
    }
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.clone()),
        Some(_) => Err(error("The id is empty.")),
        None => Err(error("The id is null.")),
    }
}
