//! The evaluator: memory of what is known, answers on demand.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashMap;
use muster_addr::{
    AbsResource, InstanceAddr, InstanceKey, Mode, ModuleInstance, ProviderAddr, ProviderConfigAddr,
    ResourceId,
};
use muster_config::{Config, Module, ModuleCall, ModuleId, Resource};
use muster_lang::{Diagnostic, Diags, Expr, Files, Reference, Span, eval, eval_stored};
use muster_provider::Schemas;
use muster_value::{Marks, PathStep, Type, Value};

use crate::check::Notes;
use crate::layout::Layout;
use crate::spec::Spec;
use crate::{Expansion, ModuleScope, Repeat, Str};

/// What does not change during a run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `plantimestamp()`
    pub plan_timestamp: Option<Str>,
    /// Functions that give another result each time run now: applying.
    pub impure_now: bool,
    /// Nothing is known but the configuration: variables are unknown, resources are values of
    /// their type, every `count` and `for_each` stands for some unknown instance.
    pub validating: bool,
    /// `terraform.workspace`
    pub workspace: Str,
    /// `path.cwd`
    pub cwd: Str,
    /// Provider configurations that were evaluated elsewhere: their blocks are not looked at.
    pub providers: Arc<BTreeMap<ProviderConfigAddr, Value>>,
    /// Module instances that are not there, with an object of the outputs that they seem to have.
    /// A missing key stands for all of them; the first that fits counts.
    pub modules: Arc<[(ModuleInstance, Value)]>,
    /// Where values of the root module's variables were set, for people: what follows "is set".
    pub origins: Arc<BTreeMap<Str, String>>,
}

/// Calls functions of providers.
pub trait ProviderFunctions: Send + Sync {
    /// Calls one; the error is for people.
    fn call(&self, provider: &ProviderAddr, name: &str, args: &[Value]) -> Result<Value, String>;
}

/// Where the value of an instance comes from that nobody has set.
pub type InstanceSource = Box<dyn Fn(&InstanceAddr) -> Option<Value>>;

/// Where the value of a resource as a whole comes from, however many instances its configuration
/// asks for now.
pub type ResourceSource = Box<dyn Fn(&AbsResource, &Resource) -> Value>;

/// A module instance known to an [`Evaluator`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleInst(pub(crate) u32);

impl ModuleInst {
    /// The root module.
    pub const ROOT: Self = Self(0);
}

#[derive(Clone)]
pub(crate) struct InstData {
    pub module: ModuleId,
    pub addr: ModuleInstance,
    pub parent: Option<ModuleInst>,
    pub repeat: Option<Repeat>,
}

/// A result that is remembered; `Err(())` was reported when it happened.
pub(crate) type Memo<T> = Result<T, ()>;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Variable(ModuleInst, Str),
    Local(ModuleInst, Str),
    Output(ModuleInst, Str),
    /// A module call, all outputs or one.
    Module(ModuleInst, Str, Option<Str>),
}

#[derive(Clone, Default)]
pub(crate) struct Instances {
    pub values: BTreeMap<InstanceKey, Memo<Value>>,
    pub whole: Option<Memo<Value>>,
}

#[derive(Default)]
pub(crate) struct Memory {
    pub insts: Vec<InstData>,
    pub by_addr: HashMap<ModuleInstance, ModuleInst>,
    pub values: HashMap<Key, Memo<Value>>,
    pub calls: HashMap<(ModuleInst, Str), Memo<Expansion>>,
    pub modules: HashMap<ModuleId, Memo<Arc<[ModuleInst]>>>,
    pub expansions: HashMap<(ModuleInst, ResourceId), Memo<Expansion>>,
    pub resources: HashMap<(ModuleInst, ResourceId), Instances>,
    pub specs: HashMap<(ModuleId, ResourceId), Memo<Arc<Spec>>>,
    pub layouts: HashMap<ProviderAddr, HashMap<(Mode, Str), Arc<Layout>>>,
    pub notes: Notes,
}

/// See the crate.
pub struct Evaluator {
    pub(crate) config: Arc<Config>,
    schemas: Arc<Schemas>,
    variables: BTreeMap<Str, Value>,
    functions: Option<Arc<dyn ProviderFunctions>>,
    source: Option<InstanceSource>,
    resources: Option<ResourceSource>,
    pub(crate) files: Arc<dyn Files>,
    pub(crate) settings: Settings,
    pub(crate) memory: RefCell<Memory>,
}

pub(crate) fn reported<T>(_: ()) -> Result<T, Diags> {
    Err(Diags::new())
}

impl Evaluator {
    /// An evaluator that knows no resource yet. `variables` are those of the root module,
    /// converted to their types and marked.
    pub fn new(
        config: Arc<Config>,
        schemas: Arc<Schemas>,
        variables: BTreeMap<Str, Value>,
        files: Arc<dyn Files>,
        settings: Settings,
    ) -> Self {
        let root = InstData {
            module: ModuleId::ROOT,
            addr: ModuleInstance::root(),
            parent: None,
            repeat: None,
        };
        let memory = Memory {
            insts: vec![root],
            by_addr: std::iter::once((ModuleInstance::root(), ModuleInst::ROOT)).collect(),
            ..Memory::default()
        };
        Self {
            config,
            schemas,
            variables,
            functions: None,
            source: None,
            resources: None,
            files,
            settings,
            memory: RefCell::new(memory),
        }
    }

    /// Lets expressions call functions of providers.
    #[must_use]
    pub fn with_functions(mut self, functions: Option<Arc<dyn ProviderFunctions>>) -> Self {
        self.functions = functions;
        self
    }

    /// Where values come from that are not set.
    #[must_use]
    pub fn with_source(mut self, source: InstanceSource) -> Self {
        self.source = Some(source);
        self
    }

    /// Where values of resources come from, in place of the configuration's instances.
    #[must_use]
    pub fn with_resources(mut self, resources: ResourceSource) -> Self {
        self.resources = Some(resources);
        self
    }

    /// One that knows as much of instances, and takes the given values for whole resources;
    /// nothing is concluded yet from what it knows.
    #[must_use]
    pub fn with_whole(
        &self,
        wholes: impl IntoIterator<Item = (ModuleInst, ResourceId, Value)>,
    ) -> Self {
        let known = self.memory.borrow();
        let mut resources = known.resources.clone();
        for (inst, id, value) in wholes {
            resources.entry((inst, id)).or_default().whole = Some(Ok(value));
        }
        let memory = Memory {
            insts: known.insts.clone(),
            by_addr: known.by_addr.clone(),
            calls: known.calls.clone(),
            modules: known.modules.clone(),
            expansions: known.expansions.clone(),
            resources,
            ..Memory::default()
        };
        Self {
            config: Arc::clone(&self.config),
            schemas: Arc::clone(&self.schemas),
            variables: self.variables.clone(),
            functions: self.functions.clone(),
            source: None,
            resources: None,
            files: Arc::clone(&self.files),
            settings: self.settings.clone(),
            memory: RefCell::new(memory),
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The schemas.
    pub fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    /// The module that an instance is one of.
    pub fn module_of(&self, inst: ModuleInst) -> ModuleId {
        self.memory.borrow().insts[inst.0 as usize].module
    }

    /// Address of a module instance.
    pub fn addr_of(&self, inst: ModuleInst) -> ModuleInstance {
        self.memory.borrow().insts[inst.0 as usize].addr.clone()
    }

    fn resource_addr(&self, inst: ModuleInst, id: &ResourceId) -> AbsResource {
        AbsResource {
            module: self.addr_of(inst),
            resource: id.clone(),
        }
    }

    pub(crate) fn config_of(&self, inst: ModuleInst) -> &Module {
        self.config.module(self.module_of(inst))
    }

    // ---- scopes ------------------------------------------------------------------------

    /// The names of a module instance.
    pub fn scope(&self, inst: ModuleInst, repeat: Option<Repeat>) -> ModuleScope<'_> {
        ModuleScope {
            evaluator: self,
            inst,
            repeat,
            self_value: None,
        }
    }

    /// The names of one resource instance.
    pub fn instance_scope(
        &self,
        inst: ModuleInst,
        resource: &ResourceId,
        key: &InstanceKey,
    ) -> Result<ModuleScope<'_>, Diags> {
        let repeat = self.expand_resource(inst, resource)?.repeat(key);
        Ok(self.scope(inst, Some(repeat)))
    }

    /// The configuration of one resource instance as a value of its schema's type, marked.
    pub fn resource_config(&self, addr: &InstanceAddr, inst: ModuleInst) -> Result<Value, Diags> {
        let id = &addr.resource.resource;
        let spec = self.spec(self.module_of(inst), id)?;
        let scope = self.instance_scope(inst, id, &addr.key)?;
        let result = deep(|| spec.decode(&scope));
        result.map_err(|found| crate::decode::name_ephemeral(found, addr))
    }

    /// The body of a resource laid out by its schema.
    pub fn spec(&self, module: ModuleId, id: &ResourceId) -> Result<Arc<Spec>, Diags> {
        let key = (module, id.clone());
        if let Some(memo) = self.memory.borrow().specs.get(&key) {
            return memo.clone().or_else(reported);
        }
        let Some(resource) = self.config.module(module).resources.get(id) else {
            return Err(Diags::new());
        };
        let result = self.schema_of(resource).and_then(|schema| {
            let (spec, diags) = Spec::compile(&self.layout(resource, &schema), &resource.body, &[]);
            let ephemeral = id.mode == Mode::Ephemeral;
            let spec = spec.with_header(resource.span);
            let result = Arc::new(if ephemeral {
                spec.allowing_ephemeral()
            } else {
                spec
            });
            if diags.has_errors() {
                Err(diags)
            } else {
                Ok(result)
            }
        });
        let memo = result.as_ref().map(Arc::clone).map_err(|_| ());
        self.memory.borrow_mut().specs.insert(key, memo);
        result
    }

    /// Forgets how a body is laid out; for those who look at each only once.
    pub fn forget_spec(&self, module: ModuleId, id: &ResourceId) {
        self.memory.borrow_mut().specs.remove(&(module, id.clone()));
    }

    fn layout(&self, resource: &Resource, schema: &muster_schema::Schema) -> Arc<Layout> {
        let provider = &resource.provider.provider;
        let ResourceId {
            mode, type_name, ..
        } = &resource.id;
        let mut memory = self.memory.borrow_mut();
        let by_type = match memory.layouts.get_mut(provider) {
            Some(by_type) => by_type,
            None => memory.layouts.entry(provider.clone()).or_default(),
        };
        let key = (*mode, type_name.clone());
        let layout = by_type
            .entry(key)
            .or_insert_with(|| Layout::new(&schema.block));
        Arc::clone(layout)
    }

    /// Schema of a resource; an error when its provider has no such type.
    pub fn schema_of(&self, resource: &Resource) -> Result<Arc<muster_schema::Schema>, Diags> {
        let id = &resource.id;
        let provider = &resource.provider.provider;
        if self.schemas.provider(provider).is_none() {
            return Err(Diags::new());
        }
        self.schemas
            .resource(provider, id.mode, &id.type_name)
            .ok_or_else(|| {
                let (summary, what) = match id.mode {
                    Mode::Managed => ("Invalid resource type", "resource type"),
                    Mode::Data => ("Invalid data source", "data source"),
                    Mode::Ephemeral => ("Invalid ephemeral resource", "ephemeral resource type"),
                };
                let detail = format!(
                    "The provider {} has no {what} \"{}\".",
                    provider.for_display(),
                    id.type_name
                );
                Diagnostic::error(summary, detail)
                    .at(resource.type_span)
                    .into()
            })
    }

    // ---- values by name ----------------------------------------------------------------

    fn remember(
        &self,
        key: Key,
        work: impl FnOnce() -> Result<Value, Diags>,
    ) -> Result<Value, Diags> {
        if let Some(memo) = self.memory.borrow().values.get(&key) {
            return memo.clone().or_else(reported);
        }
        // Whoever asks again meanwhile refers to itself, which is reported elsewhere.
        let mut memory = self.memory.borrow_mut();
        memory.values.insert(key.clone(), Err(()));
        drop(memory);
        let result = deep(work);
        let memo = result.clone().map_err(|_| ());
        self.memory.borrow_mut().values.insert(key, memo);
        result
    }

    /// Value of a variable.
    pub fn variable(&self, inst: ModuleInst, name: &Str, at: Span) -> Result<Value, Diags> {
        let Some(variable) = self.config_of(inst).variables.get(name) else {
            return Err(undeclared("input variable", &format!("var.{name}"), at));
        };
        self.remember(Key::Variable(inst, name.clone()), || {
            let (module, parent, repeat) = {
                let memory = self.memory.borrow();
                let data = &memory.insts[inst.0 as usize];
                (data.module, data.parent, data.repeat.clone())
            };
            let Some(parent) = parent else {
                return self.root_variable(variable);
            };
            let call = self.call_of(module).ok_or_else(Diags::new)?;
            let given = match call.arguments.get(name) {
                Some(expr) => self.argument(variable, expr, &self.scope(parent, repeat))?,
                // That one without a default has to be given is said elsewhere.
                None => (variable.default.clone())
                    .unwrap_or_else(|| Value::unknown(variable.ty.without_optional())),
            };
            Ok(given.mark(declared_marks(variable.sensitive, variable.ephemeral)))
        })
    }

    fn argument(
        &self,
        variable: &muster_config::Variable,
        expr: &Expr,
        scope: &ModuleScope<'_>,
    ) -> Result<Value, Diags> {
        let value = eval(expr, scope, &[])?;
        muster_config::apply_type(variable, value).map_err(|d| d.at(expr.span()).into())
    }

    fn root_variable(&self, variable: &muster_config::Variable) -> Result<Value, Diags> {
        let marks = declared_marks(variable.sensitive, variable.ephemeral);
        if self.settings.validating {
            return Ok(Value::unknown(variable.ty.without_optional()).mark(marks));
        }
        match self.variables.get(&variable.name) {
            Some(value) => Ok(value.clone().mark(marks)),
            None => Err(Diags::new()),
        }
    }

    pub(crate) fn call_of(&self, module: ModuleId) -> Option<&ModuleCall> {
        let module = self.config.module(module);
        self.config
            .module(module.parent?)
            .calls
            .get(module.path.0.last()?)
    }

    /// Value of a local.
    pub fn local(&self, inst: ModuleInst, name: &Str, at: Span) -> Result<Value, Diags> {
        let Some(local) = self.config_of(inst).locals.get(name) else {
            return Err(undeclared("local value", &format!("local.{name}"), at));
        };
        self.remember(Key::Local(inst, name.clone()), || {
            eval(&local.expr, &self.scope(inst, None), &[])
        })
    }

    /// Value of an output, marked as it is declared.
    pub fn output(&self, inst: ModuleInst, name: &Str) -> Result<Value, Diags> {
        let Some(output) = self.config_of(inst).outputs.get(name) else {
            return Err(Diags::new());
        };
        if let Some(outputs) = self.stand_in(&self.addr_of(inst)) {
            return Ok(outputs.get(name).cloned().unwrap_or(Value::NULL));
        }
        self.remember(Key::Output(inst, name.clone()), || {
            let value = eval_stored(&output.expr, &self.scope(inst, None), &[])?;
            check_output(output, &value, inst == ModuleInst::ROOT)?;
            Ok(value.mark(declared_marks(output.sensitive, output.ephemeral)))
        })
    }

    /// `module.NAME`: as little of it as the reference needs.
    pub(crate) fn module_value(
        &self,
        inst: ModuleInst,
        name: &Str,
        reference: &Reference,
    ) -> Result<Value, Diags> {
        let Some(call) = self.config_of(inst).calls.get(name) else {
            return Err(undeclared(
                "module",
                &format!("module.{name}"),
                reference.span,
            ));
        };
        let expansion = self.expand_call(inst, name)?;
        refuse_parts_of_disabled(&expansion, reference, || format!("module.{name}"))?;
        let wanted = wanted_output(&expansion, reference);
        self.remember(Key::Module(inst, name.clone(), wanted.clone()), || {
            let outputs = |key| {
                let child = self.intern(inst, call.module, name, &expansion, key);
                self.outputs(child, wanted.as_ref())
            };
            collect(&expansion, outputs)
        })
    }

    fn outputs(&self, inst: ModuleInst, wanted: Option<&Str>) -> Result<Value, Diags> {
        let module = self.config_of(inst);
        let names = module
            .outputs
            .keys()
            .filter(|n| wanted.is_none_or(|w| w == *n));
        let mut found = BTreeMap::new();
        for name in names {
            found.insert(name.clone(), self.output(inst, name)?);
        }
        Ok(Value::Object(Arc::new(found.into())))
    }

    /// All instances of a resource as one value.
    pub(crate) fn resource_value(
        &self,
        inst: ModuleInst,
        id: &ResourceId,
        at: Span,
    ) -> Result<Value, Diags> {
        let Some(resource) = self.config_of(inst).resources.get(id) else {
            return Err(undeclared("resource", &id.to_string(), at));
        };
        let key = (inst, id.clone());
        if let Some(Some(whole)) = self.memory.borrow().resources.get(&key).map(|r| &r.whole) {
            return whole.clone().or_else(reported);
        }
        if let Some(resources) = &self.resources {
            let value = resources(&self.resource_addr(inst, id), resource);
            let whole = Some(Ok(value.clone()));
            self.memory
                .borrow_mut()
                .resources
                .entry(key)
                .or_default()
                .whole = whole;
            return Ok(value);
        }
        let expansion = self.expand_resource(inst, id)?;
        let ty = self.schema_of(resource)?.block.implied_type();
        let result = collect(&expansion, |instance| {
            let memory = self.memory.borrow();
            match memory
                .resources
                .get(&key)
                .and_then(|r| r.values.get(&instance))
            {
                Some(value) => value.clone().or_else(reported),
                None => {
                    let addr = self.resource_addr(inst, id).instance(instance);
                    let found = self.source.as_ref().and_then(|source| source(&addr));
                    Ok(found.unwrap_or_else(|| Value::unknown(ty.clone())))
                }
            }
        });
        let result = match id.mode {
            // Whatever is known of it, nothing of it may be stored.
            Mode::Ephemeral => result.map(|value| value.mark(Marks::EPHEMERAL)),
            Mode::Managed | Mode::Data => result,
        };
        let whole = result.clone().map_err(|_| ());
        self.memory
            .borrow_mut()
            .resources
            .entry(key)
            .or_default()
            .whole = Some(whole);
        result
    }

    pub(crate) fn call_provider(
        &self,
        module: ModuleId,
        provider: &str,
        function: &str,
        args: &[Value],
        span: Span,
    ) -> Result<Value, Diags> {
        let addr = self.config.module(module).provider(provider);
        let signature = self
            .schemas
            .provider(&addr)
            .and_then(|s| s.functions.get(function).cloned());
        let (Some(signature), Some(functions)) = (signature, &self.functions) else {
            let detail = format!(
                "The provider {} has no function \"{function}\".",
                addr.for_display()
            );
            let name = "provider::::".len() + provider.len() + function.len();
            let end = span.end.min(span.start + name as u32);
            return Err(Diagnostic::error("Unknown provider function", detail)
                .at(Span { end, ..span })
                .into());
        };
        crate::decode::call_function(&signature, args, |args| {
            functions.call(&addr, function, args)
        })
        .map_err(|reason| {
            Diagnostic::error("Error in function call", reason)
                .at(span)
                .into()
        })
    }
}

/// Room on the stack for chains of references: every link is one more level of recursion.
pub(crate) fn deep<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(256 * 1024, 4 * 1024 * 1024, work)
}

fn declared_marks(sensitive: bool, ephemeral: bool) -> Marks {
    let mut marks = Marks::NONE;
    if sensitive {
        marks |= Marks::SENSITIVE;
    }
    if ephemeral {
        marks |= Marks::EPHEMERAL;
    }
    marks
}

fn undeclared(kind: &str, what: &str, at: Span) -> Diags {
    let detail = format!("There is no {what} in this module.");
    Diagnostic::error(format!("Reference to undeclared {kind}"), detail)
        .at(at)
        .into()
}

fn check_output(output: &muster_config::Output, value: &Value, root: bool) -> Result<(), Diags> {
    let marks = value.marks_deep();
    let at = output.expr.span();
    if root && marks.contains(Marks::SENSITIVE) && !output.sensitive {
        return Err(Diagnostic::error(
            "Output refers to sensitive values",
            "The value is sensitive, and outputs of the root module are shown. Add sensitive = true to keep it hidden, or use nonsensitive() if it may be seen.",
        )
        .at(output.span)
        .into());
    }
    if marks.contains(Marks::EPHEMERAL) && !output.ephemeral {
        return Err(Diagnostic::error(
            "Ephemeral value not allowed",
            "The value is ephemeral and must not be stored. In a child module add ephemeral = true.",
        )
        .at(at)
        .within(output.span)
        .into());
    }
    if output.ephemeral && !value.marks().contains(Marks::EPHEMERAL) {
        return Err(Diagnostic::error(
            "Value not allowed in ephemeral output",
            "The output says that its value is ephemeral, but this one is not, or only some part of it. Take ephemeral = true out, or wrap the whole value so that it is.",
        )
        .at(at)
        .within(output.span)
        .into());
    }
    Ok(())
}

/// What is not there has no attributes and no outputs.
pub(crate) fn refuse_parts_of_disabled(
    expansion: &Expansion,
    reference: &Reference,
    name: impl FnOnce() -> String,
) -> Result<(), Diags> {
    if !matches!(expansion, Expansion::Disabled) || reference.steps.is_empty() {
        return Ok(());
    }
    let name = name();
    let detail = format!(
        "{name} is not there, because lifecycle.enabled is false in its block: it is null here. Look whether it is null first, or give another value with try()."
    );
    Err(
        Diagnostic::error("Attempt to get attribute from null value", detail)
            .at(reference.full_span)
            .into(),
    )
}

/// The one output that a reference needs, if it names one.
fn wanted_output(expansion: &Expansion, reference: &Reference) -> Option<Str> {
    let step = match expansion {
        Expansion::Single | Expansion::Unknown
            if !matches!(reference.steps.first(), Some(PathStep::Index(_))) =>
        {
            reference.steps.first()
        }
        Expansion::Single | Expansion::Disabled => None,
        _ => reference.steps.get(1),
    };
    match step {
        Some(PathStep::Attr(name) | PathStep::Key(name)) => Some(name.clone()),
        _ => None,
    }
}

/// The value of all instances together.
fn collect(
    expansion: &Expansion,
    mut value: impl FnMut(InstanceKey) -> Result<Value, Diags>,
) -> Result<Value, Diags> {
    match expansion {
        Expansion::Single => value(InstanceKey::None),
        Expansion::Disabled => Ok(Value::NULL),
        Expansion::Count(n) => {
            let items: Result<Vec<_>, _> = (0..*n).map(|i| value(InstanceKey::Int(i))).collect();
            Ok(Value::tuple(items?))
        }
        Expansion::ForEach(m) => {
            let mut entries = BTreeMap::new();
            for key in m.keys() {
                entries.insert(key.clone(), value(InstanceKey::Str(key.clone()))?);
            }
            Ok(Value::Object(Arc::new(entries.into())))
        }
        Expansion::Unknown => Ok(Value::unknown(Type::Dynamic)),
    }
}
