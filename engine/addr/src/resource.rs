use std::fmt;

use crate::{InstanceAddr, InstanceKey, ModuleInstance, ModulePath, Str};

/// Which kind of object a resource block declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// `resource`: created, updated and deleted by the engine.
    Managed,
    /// `data`: only read.
    Data,
    /// `ephemeral`: opened for the time of a run, never stored.
    Ephemeral,
}

impl Mode {
    /// The word the state file uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Data => "data",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// A resource as its own module names it: `aws_vpc.main` or `data.aws_ami.x`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    /// Managed, data or ephemeral.
    pub mode: Mode,
    /// The resource type: `aws_vpc`.
    pub type_name: Str,
    /// The name of the block.
    pub name: Str,
}

impl ResourceId {
    /// The resource type up to the first underscore: the provider's local name by convention.
    pub fn implied_provider(&self) -> &str {
        self.type_name.split('_').next().unwrap_or(&self.type_name)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Mode::Managed => {}
            Mode::Data => f.write_str("data.")?,
            Mode::Ephemeral => f.write_str("ephemeral.")?,
        }
        f.write_str(&self.type_name)?;
        f.write_str(".")?;
        f.write_str(&self.name)
    }
}

/// A resource in the configuration, whatever the instances of its module.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigResource {
    /// The module that declares it.
    pub module: ModulePath,
    /// Its name in that module.
    pub resource: ResourceId,
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        write!(f, "{}", self.resource)
    }
}

/// A resource in one module instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbsResource {
    /// The module instance.
    pub module: ModuleInstance,
    /// The resource's name in that module.
    pub resource: ResourceId,
}

impl AbsResource {
    /// One instance of this resource.
    pub fn instance(&self, key: InstanceKey) -> InstanceAddr {
        InstanceAddr {
            resource: self.clone(),
            key,
        }
    }

    /// Whether this one comes from a resource in the configuration.
    pub fn is_of(&self, config: &ConfigResource) -> bool {
        let steps = self.module.0.iter().map(|step| &step.name);
        self.resource == config.resource && steps.eq(config.module.0.iter())
    }

    /// The resource in the configuration that this one comes from.
    pub fn config(&self) -> ConfigResource {
        ConfigResource {
            module: self.module.path(),
            resource: self.resource.clone(),
        }
    }
}

impl fmt::Display for AbsResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        self.resource.fmt(f)
    }
}
