//! What apply does, and in which order.

use muster_addr::{InstanceAddr, ModuleInstance, ProviderConfigAddr};

use crate::Str;

/// Index of a step in [`crate::Plan::steps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub kind: StepKind,
    /// What must be done before; all of them have lower ids.
    pub after: Vec<StepId>,
}

/// What a step does. Numbers are indexes into [`crate::Plan::changes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Creates the object of a change. With `depose`, the current object is set aside first.
    Create {
        /// The change.
        change: u32,
        /// Set the current object aside under a new key: a later step destroys it.
        depose: bool,
    },
    /// Updates an object in place.
    Update {
        /// The change.
        change: u32,
    },
    /// Destroys the current object (or the deposed object the change names).
    Delete {
        /// The change.
        change: u32,
    },
    /// Destroys what the step that created the replacement has set aside.
    DeleteDeposed {
        /// The change.
        change: u32,
    },
    /// Reads a data source.
    Read {
        /// The change.
        change: u32,
    },
    /// Drops an object from the state.
    Forget {
        /// The change.
        change: u32,
    },
    /// Checks the validation rules of a variable that could not be decided while planning.
    CheckVariable {
        /// The module that declares it.
        module: ModuleInstance,
        /// Its name.
        name: Str,
    },
    /// Checks the preconditions of an output that could not be decided while planning.
    CheckOutput {
        /// The module that declares it.
        module: ModuleInstance,
        /// Its name.
        name: Str,
    },
    /// Evaluates the assertions of a `check` block for the changed world.
    CheckBlock {
        /// The module that declares it.
        module: ModuleInstance,
        /// Its name.
        name: Str,
    },
    /// Opens an ephemeral resource. Its configuration is evaluated when everything that the step
    /// waits for is done; no value of it is in a plan.
    OpenEphemeral {
        /// Which one.
        addr: InstanceAddr,
        /// The provider configuration that does it.
        provider: ProviderConfigAddr,
    },
    /// Closes what a step has opened, whether or not the steps in between went well. Waits for
    /// everything that uses it.
    CloseEphemeral {
        /// Which one.
        addr: InstanceAddr,
    },
    /// Does nothing but wait: keeps the number of edges linear.
    Join,
}

impl StepKind {
    /// What the step checks: the module instance that declares it, and its name.
    pub fn check(&self) -> Option<(&ModuleInstance, &Str)> {
        match self {
            Self::CheckVariable { module, name }
            | Self::CheckOutput { module, name }
            | Self::CheckBlock { module, name } => Some((module, name)),
            _ => None,
        }
    }

    /// The change that the step belongs to.
    pub fn change(&self) -> Option<u32> {
        match *self {
            Self::Create { change, .. }
            | Self::Update { change }
            | Self::Delete { change }
            | Self::DeleteDeposed { change }
            | Self::Read { change }
            | Self::Forget { change } => Some(change),
            Self::CheckVariable { .. }
            | Self::CheckOutput { .. }
            | Self::CheckBlock { .. }
            | Self::OpenEphemeral { .. }
            | Self::CloseEphemeral { .. }
            | Self::Join => None,
        }
    }

    /// The ephemeral resource that the step opens or closes.
    pub fn ephemeral(&self) -> Option<&InstanceAddr> {
        match self {
            Self::OpenEphemeral { addr, .. } | Self::CloseEphemeral { addr } => Some(addr),
            _ => None,
        }
    }
}
