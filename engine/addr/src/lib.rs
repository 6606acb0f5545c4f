//! Addresses: how a module, a resource, an instance and a provider are named.
//!
//! Every address prints in the form people type on a command line and that state files hold,
//! and parses back from it. Nothing here knows what lives at an address.

mod instance;
mod module;
mod parse;
mod provider;
mod resource;
mod shell;

pub use instance::{InstanceAddr, InstanceKey};
pub use module::{ModuleInstance, ModulePath, ModuleStep};
pub use parse::{AddrError, Target};
pub use provider::{ProviderAddr, ProviderConfigAddr};
pub use resource::{AbsResource, ConfigResource, Mode, ResourceId};
pub use shell::shell_word;

/// A shared, immutable string: names are cloned far more often than they are made.
pub type Str = std::sync::Arc<str>;
