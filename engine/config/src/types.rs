//! The module tree as it stands in the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use muster_addr::{ModulePath, ProviderAddr, ProviderConfigAddr, ResourceId, Target};
use muster_lang::{Attribute, Body, Diags, Expr, Reference, Span};
use muster_value::{Path, Type, Value};

use crate::{Encryption, ImportTarget, Provisioner, Str, constant};

/// A whole configuration: the root module and everything it calls.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// All modules; the root comes first, callers before the called.
    pub modules: Vec<Module>,
}

/// Index of a module in [`Config::modules`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

impl ModuleId {
    /// The root module.
    pub const ROOT: Self = Self(0);
}

impl Config {
    /// The root module.
    pub fn root(&self) -> &Module {
        &self.modules[0]
    }

    /// A module.
    pub fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0 as usize]
    }

    /// The module at a path.
    pub fn find(&self, path: &ModulePath) -> Option<&Module> {
        self.find_id(path).map(|id| self.module(id))
    }

    /// The id of the module at a path.
    pub fn find_id(&self, path: &ModulePath) -> Option<ModuleId> {
        let mut names = path.0.iter();
        names.try_fold(ModuleId::ROOT, |id, name| {
            Some(self.module(id).calls.get(name)?.module)
        })
    }

    /// All modules with their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        (0..).map(ModuleId).zip(&self.modules)
    }
}

/// One module: everything that the files of its directory declare.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// Where it stands in the tree.
    pub path: ModulePath,
    /// The module that calls this one; `None` for the root.
    pub parent: Option<ModuleId>,
    /// `path.module`: its directory, relative to the working directory; `.` for the root.
    pub dir: Str,
    /// Input variables.
    pub variables: BTreeMap<Str, Variable>,
    /// Local values.
    pub locals: BTreeMap<Str, Local>,
    /// Outputs.
    pub outputs: BTreeMap<Str, Output>,
    /// Resources of all modes, in the order of their names.
    pub resources: IndexMap<ResourceId, Arc<Resource>, foldhash::fast::RandomState>,
    /// Calls of other modules.
    pub calls: BTreeMap<Str, ModuleCall>,
    /// `provider` blocks by local name and alias.
    pub provider_configs: BTreeMap<LocalProvider, ProviderBlock>,
    /// `provider` blocks of a called module that are empty, and so have no effect.
    pub empty_provider_configs: Vec<LocalProvider>,
    /// `provider_meta` blocks by the local name of the provider.
    pub provider_metas: BTreeMap<Str, ProviderMeta>,
    /// `required_providers` by local name.
    pub required_providers: BTreeMap<Str, RequiredProvider>,
    /// Version constraints of `required_version`, with their positions.
    pub required_version: Vec<(Str, Span)>,
    /// The `backend` block: its type and body.
    pub backend: Option<Backend>,
    /// The `encryption` block, with what the environment says; only in the root module.
    pub encryption: Option<Encryption>,
    /// `check` blocks.
    pub checks: BTreeMap<Str, CheckBlock>,
    /// `moved` blocks in source order.
    pub moved: Vec<Moved>,
    /// `import` blocks in source order; only in the root module.
    pub imports: Vec<Import>,
    /// `removed` blocks in source order.
    pub removed: Vec<Removed>,
}

impl Module {
    /// The provider that a local name stands for in this module.
    pub fn provider(&self, local_name: &str) -> ProviderAddr {
        match self.required_providers.get(local_name) {
            Some(required) => required.source.clone(),
            None => ProviderAddr::implied(local_name),
        }
    }
}

/// `NAME` or `NAME.ALIAS`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalProvider {
    /// Local name.
    pub name: Str,
    /// Alias.
    pub alias: Option<Str>,
}

/// `variable`
#[derive(Clone, Debug)]
pub struct Variable {
    /// Name.
    pub name: Str,
    /// Type constraint, optional attributes included; `Dynamic` when none is given.
    pub ty: Type,
    /// Default values of optional attributes in `ty`.
    pub optional_defaults: Defaults,
    /// Default value, converted to the type.
    pub default: Option<Value>,
    /// Description.
    pub description: String,
    /// Never shown.
    pub sensitive: bool,
    /// Never stored.
    pub ephemeral: bool,
    /// Whether null is a possible value.
    pub nullable: bool,
    /// Whether text from the environment or the command line is the value as it is, and not an
    /// expression: so for primitive types and when no type is given.
    pub literal_input: bool,
    /// Validation rules.
    pub validations: Vec<Check>,
    /// The block's header.
    pub span: Span,
}

/// Defaults of optional object attributes, laid out like the type they belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    /// Defaults of the attributes of an object.
    pub attributes: BTreeMap<Str, Value>,
    /// Defaults further in: attributes of objects by name; elements of collections under `""`;
    /// elements of tuples by index.
    pub children: BTreeMap<Str, Defaults>,
}

/// A local value.
#[derive(Clone, Debug)]
pub struct Local {
    /// Its expression.
    pub expr: Expr,
    /// The definition.
    pub span: Span,
}

/// `output`
#[derive(Clone, Debug)]
pub struct Output {
    /// Value.
    pub expr: Expr,
    /// Description.
    pub description: String,
    /// Never shown.
    pub sensitive: bool,
    /// Never stored.
    pub ephemeral: bool,
    /// Explicit dependencies.
    pub depends_on: Vec<Reference>,
    /// Preconditions.
    pub preconditions: Vec<Check>,
    /// The block's header.
    pub span: Span,
}

/// A condition with the message for when it does not hold.
#[derive(Clone, Debug)]
pub struct Check {
    /// Must be true.
    pub condition: Expr,
    /// What to say otherwise.
    pub message: Expr,
    /// The block's header.
    pub span: Span,
}

/// How often a resource or module is there.
#[derive(Clone, Debug, Default)]
pub enum Repetition {
    /// Once, without a key.
    #[default]
    Single,
    /// `count`
    Count(Expr),
    /// `for_each`
    ForEach(Expr),
    /// `lifecycle.enabled`: once without a key, or not at all.
    Enabled(Expr),
}

impl Repetition {
    /// The expression, if there is one.
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Self::Single => None,
            Self::Count(e) | Self::ForEach(e) | Self::Enabled(e) => Some(e),
        }
    }
}

/// `resource`, `data` or `ephemeral`
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name.
    pub id: ResourceId,
    /// The provider configuration that it belongs to, module inheritance resolved.
    pub provider: Arc<ProviderConfigAddr>,
    /// Which instance of that provider configuration, where it is repeated.
    pub provider_key: Option<Arc<ProviderKey>>,
    /// What its module calls that provider configuration, written or implied.
    pub local_provider: LocalProvider,
    /// `count`, `for_each` or `lifecycle.enabled`.
    pub repetition: Repetition,
    /// Explicit dependencies.
    pub depends_on: Vec<Reference>,
    /// `lifecycle`
    pub lifecycle: Lifecycle,
    /// What the provider's schema speaks about; meta-arguments are taken out.
    pub body: Body,
    /// Everything that `body` refers to.
    pub references: Box<[Reference]>,
    /// `provisioner` blocks in source order; only managed resources have some.
    pub provisioners: Vec<Provisioner>,
    /// Its type, in the block's header.
    pub type_span: Span,
    /// The block's header.
    pub span: Span,
}

/// `lifecycle`
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    /// Replacement makes the new object first. `None` when not written.
    pub create_before_destroy: Option<bool>,
    /// A plan that destroys it is refused where this is true; `None` when it never is. Uses
    /// variables and local values only.
    pub prevent_destroy: Option<Expr>,
    /// Changes of the configuration that are not acted upon.
    pub ignore_changes: IgnoreChanges,
    /// Changes elsewhere that replace this one.
    pub replace_triggered_by: Vec<Trigger>,
    /// Checked before.
    pub preconditions: Vec<Check>,
    /// Checked after; may use `self`.
    pub postconditions: Vec<Check>,
}

/// `ignore_changes`
#[derive(Clone, Debug, Default)]
pub enum IgnoreChanges {
    /// Nothing.
    #[default]
    None,
    /// `all`
    All,
    /// These parts. Index steps with a string are [`muster_value::PathStep::Key`].
    Paths(Vec<(Path, Span)>),
}

/// One entry of `replace_triggered_by`: a resource, an instance of it, or an attribute of one.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The expression; its only outside references besides the resource are `count` and `each`.
    pub expr: Expr,
    /// The resource, and the static steps after it.
    pub reference: Reference,
}

/// `module`
#[derive(Clone, Debug)]
pub struct ModuleCall {
    /// Name of the call.
    pub name: Str,
    /// The called module.
    pub module: ModuleId,
    /// Source as written.
    pub source: Str,
    /// Version constraint as written; empty when none is given.
    pub version: Str,
    /// Provider configurations that are passed: the called module's name for each, and the
    /// caller's.
    pub providers: Vec<(LocalProvider, LocalProvider)>,
    /// `count`, `for_each` or `lifecycle.enabled`.
    pub repetition: Repetition,
    /// Arguments: one per variable of the called module that is given.
    pub arguments: IndexMap<Str, Expr>,
    /// Explicit dependencies.
    pub depends_on: Vec<Reference>,
    /// The block's header.
    pub span: Span,
}

/// What selects an instance of a repeated provider configuration: the key in `x.by[each.key]`.
#[derive(Clone, Debug)]
pub struct ProviderKey {
    /// The key.
    pub expr: Expr,
    /// The called module in whose call the key stands, so that it is worked out in the caller;
    /// `None` when it stands in the resource itself.
    pub call: Option<ModuleId>,
}

/// `provider`
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    /// The provider configuration it declares.
    pub addr: ProviderConfigAddr,
    /// `for_each`: the configuration has an instance for each entry.
    pub for_each: Option<Expr>,
    /// What the provider's schema speaks about.
    pub body: Body,
    /// Everything that `body` refers to.
    pub references: Box<[Reference]>,
    /// The block's header.
    pub span: Span,
}

/// What a module tells a provider with all questions about its resources. There are only constants
/// in it.
#[derive(Clone, Debug)]
pub struct ProviderMeta {
    /// What the provider's schema speaks about.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// One entry of `required_providers`.
#[derive(Clone, Debug)]
pub struct RequiredProvider {
    /// The provider.
    pub source: ProviderAddr,
    /// Version constraint as written; empty when none is given.
    pub version: Str,
    /// `configuration_aliases`
    pub aliases: Vec<LocalProvider>,
    /// The entry.
    pub span: Span,
}

/// `backend`
#[derive(Clone, Debug)]
pub struct Backend {
    /// `local`, `s3` and so on.
    pub type_name: Str,
    /// Its settings.
    pub body: Body,
    /// The values of those settings that are made of variables and local values, or why they
    /// have none.
    pub early: BTreeMap<Str, Result<Value, Diags>>,
    /// The block's header.
    pub span: Span,
}

impl Backend {
    /// The value of a setting.
    ///
    /// # Errors
    /// It uses what is not known before anything is read or planned.
    pub fn value(&self, setting: &Attribute) -> Result<Value, Diags> {
        match self.early.get(&setting.name) {
            Some(value) => value.clone(),
            None => constant(&setting.expr),
        }
    }
}

/// `check`
#[derive(Clone, Debug)]
pub struct CheckBlock {
    /// Assertions.
    pub assertions: Vec<Check>,
    /// The data source inside, which is also in [`Module::resources`].
    pub data: Option<ResourceId>,
    /// The block's header.
    pub span: Span,
}

/// `moved`: addresses as written, relative to the module that holds the block.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Where it was.
    pub from: Target,
    /// Where it is.
    pub to: Target,
    /// The block's header.
    pub span: Span,
}

/// `import`
#[derive(Clone, Debug)]
pub struct Import {
    /// Address it gets, as written.
    pub to: Expr,
    /// Address it gets.
    pub target: ImportTarget,
    /// What it is found by.
    pub by: ImportKey,
    /// Repetition.
    pub for_each: Option<Expr>,
    /// Where there is no such object, one is made.
    pub or_create: bool,
    /// The provider that the resource gets when its block is generated, and where it is named.
    pub provider: Option<(LocalProvider, Span)>,
    /// The block's header.
    pub span: Span,
}

/// What an object is imported by.
#[derive(Clone, Debug)]
pub enum ImportKey {
    /// The provider's id for it: `id`.
    Id(Expr),
    /// The attributes that its provider knows it by: `identity`.
    Identity(Expr),
}

impl ImportKey {
    /// What is written, whichever it is.
    pub fn expr(&self) -> &Expr {
        match self {
            Self::Id(expr) | Self::Identity(expr) => expr,
        }
    }
}

/// `removed`
#[derive(Clone, Debug)]
pub struct Removed {
    /// Which objects; relative to the module that holds the block.
    pub from: Target,
    /// Whether they are destroyed or only forgotten.
    pub destroy: bool,
    /// What runs before they are destroyed; all of [`crate::When::Destroy`].
    pub provisioners: Vec<Provisioner>,
    /// The block's header.
    pub span: Span,
}
