//! What every expression of a configuration means at a moment of a run.
//!
//! An [`Evaluator`] knows the configuration, the schemas, the root module's variables and the
//! values of resource instances as far as somebody has told it with [`Evaluator::set_instance`].
//! Everything else (locals, variables of child modules, outputs, expansions) it works out on
//! demand and remembers. It is the caller's duty to ask for a thing only when all that the thing
//! refers to has its value: the planner and the applier get that from the dependency graph.
//!
//! A failure is reported once: later questions about the same thing fail with no diagnostics.

mod check;
mod decode;
mod ephemeral;
mod evaluator;
mod expand;
mod instances;
mod layout;
mod object;
mod provider_keys;
mod providers;
mod provisioner;
mod report;
mod scope;
mod spec;

pub use check::{CheckKind, CheckResult};
pub use ephemeral::{LeaseCall, Leases};
pub use evaluator::{
    Evaluator, InstanceSource, ModuleInst, ProviderFunctions, ResourceSource, Settings,
};
pub use expand::{Expansion, Repeat};
pub use object::{keep_ignored, with_ignored};
pub use provider_keys::provider_instances;
pub use providers::{
    Providers, Sent, Settled, outside_provider_config, provider_config, provider_meta,
};
pub use provisioner::{Provisioning, connection_type};
pub use report::{broken, located};
pub use scope::ModuleScope;
pub use spec::Spec;

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
