//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_addr::{ConfigResource, InstanceAddr, Target};
use muster_config::Config;
use muster_eval::{ProviderFunctions, Settings};
use muster_lang::Files;
use muster_plan::{InFlight, Mode};
use muster_provider::{ImportBy, Schemas};
use muster_schema::Schema;
use muster_snapshot::Snapshot;
use muster_value::Value;

use crate::Str;

/// Everything a plan is made from.
pub struct Inputs {
    /// The configuration; without errors.
    pub config: Arc<Config>,
    /// Schemas of all providers that the configuration and the state mention.
    pub schemas: Arc<Schemas>,
    /// The root module's variables, converted and marked.
    pub variables: BTreeMap<Str, Value>,
    /// Files as functions see them.
    pub files: Arc<dyn Files>,
    /// Functions of providers.
    pub functions: Option<Arc<dyn ProviderFunctions>>,
    /// What does not change during a run.
    pub settings: Settings,
    /// The stored state.
    pub prior: Snapshot,
    /// What the user asked for.
    pub options: Options,
}

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the plan is for.
    pub mode: Mode,
    /// Look at the real objects first.
    pub refresh: bool,
    /// Only these and what they need.
    pub targets: Vec<Target>,
    /// Leave these alone and what depends on them; when destroying, what they depend on.
    pub excludes: Vec<Target>,
    /// Replace these whether needed or not.
    pub replace: Vec<InstanceAddr>,
    /// Objects to import beside those of `import` blocks: the address they get, and their id.
    pub imports: Vec<(InstanceAddr, Str)>,
    /// Only read the objects that `import` blocks bring to these resources, and plan nothing.
    pub only_read: BTreeSet<ConfigResource>,
    /// Creations that were interrupted and that nobody has resolved.
    pub in_flight: Vec<InFlight>,
}

/// An object that an `import` block names, as the provider gives it.
#[derive(Clone, Debug)]
pub struct ReadImport {
    /// The address it gets.
    pub addr: InstanceAddr,
    /// What it is imported by.
    pub by: ImportBy,
    /// The schema of its type.
    pub schema: Arc<Schema>,
    /// The object; wholly known.
    pub value: Value,
}

impl Options {
    /// Whether the plan is about a part of the configuration only.
    pub(crate) fn is_limited(&self) -> bool {
        !self.targets.is_empty() || !self.excludes.is_empty()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Normal,
            refresh: true,
            targets: Vec::new(),
            excludes: Vec::new(),
            replace: Vec::new(),
            imports: Vec::new(),
            only_read: BTreeSet::new(),
            in_flight: Vec::new(),
        }
    }
}
