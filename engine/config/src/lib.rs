//! The configuration: files to a tree of modules, with names, meta-arguments and provider
//! inheritance resolved and everything checked that needs neither values nor state.
//!
//! [`load`] reads a root module and everything it calls through the [`ConfigFiles`] of the caller;
//! this crate does no I/O of its own. [`InputVariables`] collects values for the root module's
//! variables.

mod decode;
mod defaults;
mod early;
mod encryption;
mod files;
mod import;
mod installed;
mod load;
mod naming;
mod nothing;
mod overrides;
mod provider_keys;
mod providers;
mod provisioner;
mod references;
mod source;
pub mod testing;
mod types;
mod variables;
pub mod version;

pub use decode::{LANGUAGE_VERSION, constant};
pub use encryption::{Encryption, EncryptionBlock, EncryptionSetting, EncryptionTarget};
pub use files::{ConfigFiles, DATA_DIR, is_config_file};
pub use import::ImportTarget;
pub use installed::{InstalledModule, InstalledModules};
pub use load::{Locate, Located, ModuleUse, RootPlace, load, load_with_providers, survey};
pub use nothing::Nothing;
pub use providers::ProviderRequirement;
pub use provisioner::{OnFailure, Provisioner, ProvisionerType, When};
pub use source::{ModuleSource, RegistryModule, RemoteModule, SourceError};
pub use types::{
    Backend, Check, CheckBlock, Config, Defaults, IgnoreChanges, Import, ImportKey, Lifecycle,
    Local, LocalProvider, Module, ModuleCall, ModuleId, Moved, Output, ProviderBlock, ProviderKey,
    ProviderMeta, Removed, Repetition, RequiredProvider, Resource, Trigger, Variable,
};
pub use variables::{InputVariables, apply_type};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
