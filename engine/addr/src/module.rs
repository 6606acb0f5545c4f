use std::fmt;
use std::sync::Arc;

use crate::{InstanceKey, Str};

/// A module in the configuration: the names of the calls that lead to it, no instance keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModulePath(pub Arc<[Str]>);

impl Default for ModulePath {
    fn default() -> Self {
        Self::root()
    }
}

impl ModulePath {
    /// The root module.
    pub fn root() -> Self {
        Self(Arc::from([]))
    }

    /// Whether this is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The module called `name` from here.
    pub fn child(&self, name: impl Into<Str>) -> Self {
        Self(self.0.iter().cloned().chain([name.into()]).collect())
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            write!(f, "{}module.{name}", if i > 0 { "." } else { "" })?;
        }
        Ok(())
    }
}

/// One step of a module instance: `module.NAME[KEY]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleStep {
    /// The name of the `module` block.
    pub name: Str,
    /// Which instance of it.
    pub key: InstanceKey,
}

/// One instance of a module: `module.a["x"].module.b`. The root module has no steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleInstance(pub Arc<[ModuleStep]>);

impl Default for ModuleInstance {
    fn default() -> Self {
        Self::root()
    }
}

impl ModuleInstance {
    /// The root module.
    pub fn root() -> Self {
        Self(Arc::from([]))
    }

    /// Whether this is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The instance `key` of the module called `name` from here.
    pub fn child(&self, name: impl Into<Str>, key: InstanceKey) -> Self {
        let step = ModuleStep {
            name: name.into(),
            key,
        };
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The calling module instance; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, init) = self.0.split_last()?;
        Some(Self(init.into()))
    }

    /// The address without its instance keys.
    pub fn path(&self) -> ModulePath {
        ModulePath(self.0.iter().map(|s| s.name.clone()).collect())
    }

    /// Whether `self` is `other` or lies inside it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for ModuleInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            write!(
                f,
                "{}module.{}{}",
                if i > 0 { "." } else { "" },
                step.name,
                step.key
            )?;
        }
        Ok(())
    }
}
