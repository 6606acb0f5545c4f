//! The configuration: files to a tree of modules, with names, meta-arguments and provider
//! inheritance resolved and everything checked that needs neither values nor state.

mod types;

pub use types::{
    Backend, Check, CheckBlock, Config, Defaults, IgnoreChanges, Import, Lifecycle, Local,
    LocalProvider, Module, ModuleCall, ModuleId, Moved, Output, ProviderBlock, Removed, Repetition,
    RequiredProvider, Resource, Trigger, Variable,
};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
