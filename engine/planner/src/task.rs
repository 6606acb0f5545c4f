//! What is remembered about one object while it is being planned.

use std::sync::Arc;

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_eval::ModuleInst;
use muster_plan::{Deposed, Reason};
use muster_provider::{ImportBy, Private};
use muster_schema::{IdentitySchema, Schema};
use muster_snapshot::Object;
use muster_value::{Marks, Path, Type, Value};

use crate::graph::NodeId;
use crate::interrupted::Creation;

/// What is to become of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// As the configuration says.
    Configure,
    /// Gone.
    Delete(Reason),
    /// Left alone, and not remembered.
    Forget(Reason),
    /// As it is: only look.
    Refresh,
}

/// An object to begin with.
pub(crate) struct Start {
    pub addr: InstanceAddr,
    pub deposed: Deposed,
    /// The module instance, if the configuration has it.
    pub inst: Option<ModuleInst>,
    /// The node that waits for this.
    pub node: Option<NodeId>,
    pub provider: ProviderConfigAddr,
    pub goal: Goal,
}

/// Which answer is awaited.
pub(crate) enum Stage {
    Upgrade,
    UpgradeIdentity,
    /// Another type's object as one of this type.
    Convert,
    Read,
    Import,
    /// The object that an interrupted creation may have made, by an id.
    Find,
    /// The object that was found so.
    ReadFound,
    /// The object that an import found.
    ReadImported,
    Validate,
    Plan,
    /// The plan of the new object of a replacement, and why it is one.
    Replan(Reason, Vec<Path>),
    PlanDelete(Reason),
    ValidateData,
    ReadData,
    ValidateEphemeral,
    Open,
}

impl Stage {
    /// What was asked, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Upgrade | Self::UpgradeIdentity => "upgrade",
            Self::Convert => "move",
            Self::Import | Self::Find => "import",
            Self::Read | Self::ReadFound | Self::ReadImported | Self::ReadData => "read",
            Self::Validate | Self::ValidateData | Self::ValidateEphemeral => "validation",
            Self::Open => "opening",
            Self::Plan | Self::Replan(..) | Self::PlanDelete(_) => "plan",
        }
    }
}

/// See the module.
pub(crate) struct Task {
    pub addr: InstanceAddr,
    pub deposed: Deposed,
    /// The module instance, if the configuration has it.
    pub inst: Option<ModuleInst>,
    /// The node that waits for this.
    pub node: Option<NodeId>,
    pub provider: ProviderConfigAddr,
    pub schema: Arc<Schema>,
    pub ty: Type,
    /// The schema of what objects of the type are known by, if they are.
    pub identity_schema: Option<Arc<IdentitySchema>>,
    pub goal: Goal,
    pub stage: Stage,
    /// The object as it is stored.
    pub stored: Option<Object>,
    /// The object before it was looked at; unmarked.
    pub recorded: Value,
    /// The object as it is now; unmarked; null when there is none.
    pub prior: Value,
    /// The provider's private bytes of the object.
    pub private: Private,
    /// What the provider knows the object by, if it has said so.
    pub identity: Option<Value>,
    pub tainted: bool,
    /// What the object is imported by.
    pub importing: Option<ImportBy>,
    /// Where there is no such object, one is made.
    pub or_create: bool,
    /// The creation of the object that was interrupted, until it is resolved.
    pub creation: Option<Box<Creation>>,
    /// What the configuration says; unmarked.
    pub config: Value,
    /// The marks of `config`.
    pub config_marks: Vec<(Path, Marks)>,
    /// `config` with what `ignore_changes` names taken from `prior`.
    pub effective: Value,
}

impl Task {
    /// The object now, with the marks it is stored with and those of the schema.
    pub(crate) fn before(&self) -> Value {
        self.marked_as_stored(&self.prior)
    }

    /// A value of this object with the marks it is stored with and those of the schema.
    pub(crate) fn marked_as_stored(&self, value: &Value) -> Value {
        let stored: Vec<(Path, Marks)> = match &self.stored {
            Some(object) => object
                .sensitive
                .iter()
                .map(|p| (p.clone(), Marks::SENSITIVE))
                .collect(),
            None => Vec::new(),
        };
        self.marked(value, &stored)
    }

    /// A value of this object with the marks of the configuration and those of the schema.
    pub(crate) fn marked_as_configured(&self, value: &Value) -> Value {
        self.marked(value, &self.config_marks)
    }

    fn marked(&self, value: &Value, paths: &[(Path, Marks)]) -> Value {
        if value.is_null() {
            return value.clone();
        }
        let schema = self.schema.block.sensitive_paths(value);
        value.mark_paths(paths).mark_paths(&schema)
    }
}
