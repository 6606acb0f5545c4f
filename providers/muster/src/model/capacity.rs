use std::fmt;

use serde::{Deserialize, Serialize};

/// What a zone has to offer and what is taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Cores.
    Cpu,
    /// Whole GPUs.
    Gpu,
    /// Memory in GB.
    Memory,
    /// Storage in GB.
    Storage,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Gpu, Self::Memory, Self::Storage];

    /// The attribute of a zone's `capacity` that counts it.
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Memory => "memory_gb",
            Self::Storage => "storage_gb",
        }
    }

    /// The name a settlement's `resource_type` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Memory => "memory",
            Self::Storage => "storage",
        }
    }
}

/// Amounts of every resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// Cores.
    #[serde(default)]
    pub cpu: Option<f64>,
    /// Whole GPUs.
    #[serde(default)]
    pub gpu: Option<f64>,
    /// Memory in GB.
    #[serde(default)]
    pub memory_gb: Option<f64>,
    /// Storage in GB.
    #[serde(default)]
    pub storage_gb: Option<f64>,
}

impl Capacity {
    /// Nothing of anything.
    pub const ZERO: Self = Self {
        cpu: Some(0.0),
        gpu: Some(0.0),
        memory_gb: Some(0.0),
        storage_gb: Some(0.0),
    };

    /// An amount of one resource.
    pub fn of(resource: Resource, amount: f64) -> Self {
        Self::ZERO.map(|r, _| if r == resource { amount } else { 0.0 })
    }

    /// The amount of one resource; what was left out is none.
    pub fn get(&self, resource: Resource) -> f64 {
        let amount = match resource {
            Resource::Cpu => self.cpu,
            Resource::Gpu => self.gpu,
            Resource::Memory => self.memory_gb,
            Resource::Storage => self.storage_gb,
        };
        amount.unwrap_or(0.0)
    }

    /// The amounts with `f` applied to each.
    #[must_use]
    pub fn map(&self, f: impl Fn(Resource, f64) -> f64) -> Self {
        let at = |resource| Some(f(resource, self.get(resource)));
        Self {
            cpu: at(Resource::Cpu),
            gpu: at(Resource::Gpu),
            memory_gb: at(Resource::Memory),
            storage_gb: at(Resource::Storage),
        }
    }

    /// Sum.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.map(|resource, amount| amount + other.get(resource))
    }

    /// Difference.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.map(|resource, amount| amount - other.get(resource))
    }

    /// So many times as much.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        self.map(|_, amount| amount * factor)
    }

    /// The first resource of which `other` is more than there is.
    pub fn lacks(&self, other: &Self) -> Option<Resource> {
        Resource::ALL
            .into_iter()
            .find(|r| other.get(*r) > self.get(*r))
    }
}

/// Prints what there is: `10 cpu, 20 memory_gb`.
impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for resource in Resource::ALL {
            let amount = self.get(resource);
            if amount != 0.0 {
                let sep = if first { "" } else { ", " };
                write!(f, "{sep}{amount} {}", resource.attribute())?;
                first = false;
            }
        }
        if first {
            f.write_str("nothing")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_treats_absent_as_none() {
        let zone = Capacity {
            cpu: Some(500.0),
            memory_gb: Some(2000.0),
            ..Capacity::default()
        };
        assert_eq!(
            zone.lacks(&Capacity::of(Resource::Gpu, 1.0)),
            Some(Resource::Gpu)
        );
        assert_eq!(zone.lacks(&Capacity::of(Resource::Cpu, 500.0)), None);
        let left = zone.minus(&Capacity::of(Resource::Cpu, 10.0).times(2.0));
        assert_eq!(left.to_string(), "480 cpu, 2000 memory_gb");
        assert_eq!(Capacity::ZERO.to_string(), "nothing");
    }
}
