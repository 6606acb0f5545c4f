use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Capacity, Kind, Placement};

/// The kind of fleets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fleet;

impl Kind for Fleet {
    type Spec = FleetSpec;
    type Status = FleetStatus;
    const NAME: &'static str = "fleet";

    fn key(spec: &FleetSpec) -> &str {
        &spec.name
    }
}

/// A number of equal instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetSpec {
    /// Its name, unique within a driver.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// Ids of the zones to spread over.
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// How to find a zone, instead of `zones`.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// Size of each instance.
    pub instance_type: String,
    /// What each instance runs.
    #[serde(default)]
    pub image: Option<String>,
    /// Number of instances.
    pub capacity: u64,
    /// Use of spot instances.
    #[serde(default)]
    pub spot: Option<Spot>,
    /// Network of the instances.
    #[serde(default)]
    pub networking: Option<Networking>,
    /// How an instance is found to be well.
    #[serde(default)]
    pub health_check: Option<HealthCheck>,
    /// Labels.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
    /// How instances are exchanged.
    #[serde(default)]
    pub update_policy: Option<UpdatePolicy>,
}

impl FleetSpec {
    /// What one instance takes from its zone. Nothing for a type that is not in the catalogue;
    /// such a fleet is never made.
    pub fn per_instance(&self) -> Capacity {
        instance_type(&self.instance_type).map_or(Capacity::ZERO, |ty| ty.takes())
    }
}

/// Use of spot instances.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// Share of the capacity that may be spot, in percent.
    #[serde(default)]
    pub percent: Option<f64>,
    /// The most to pay for an instance and hour.
    #[serde(default)]
    pub max_price: Option<f64>,
}

/// Network of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Networking {
    /// The VPC.
    #[serde(default)]
    pub vpc_id: Option<String>,
    /// Its subnets.
    #[serde(default)]
    pub subnet_ids: Option<Vec<String>>,
}

/// How an instance is found to be well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Path to ask for.
    #[serde(default)]
    pub path: Option<String>,
    /// Port to ask on.
    #[serde(default)]
    pub port: Option<u64>,
    /// Time between two checks.
    #[serde(default)]
    pub interval: Option<String>,
}

/// How instances are exchanged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdatePolicy {
    /// `rolling`, `replace` or `opportunistic`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Share that stays in service, in percent.
    #[serde(default)]
    pub min_healthy: Option<f64>,
    /// Instances above the capacity while exchanging.
    #[serde(default)]
    pub max_surge: Option<u64>,
    /// Shares at which to pause, in percent.
    #[serde(default)]
    pub checkpoints: Option<Vec<f64>>,
    /// Goes back when the new instances are not well.
    #[serde(default)]
    pub auto_rollback: Option<bool>,
}

/// What has become of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FleetStatus {
    /// Its instances.
    pub instances: Vec<Instance>,
    /// How many of them there are.
    pub current_capacity: u64,
    /// `ACTIVE`, or `EMPTY` without instances.
    pub status: String,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Id of the zone it runs in.
    pub zone: String,
    /// Its size.
    pub instance_type: String,
    /// `running`.
    pub state: String,
}

/// A size of instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceType {
    /// Its name.
    pub name: &'static str,
    /// Cores.
    pub cpu: f64,
    /// Memory in GB.
    pub memory_gb: f64,
    /// GPUs.
    pub gpu: f64,
}

impl InstanceType {
    /// What an instance takes from its zone.
    pub fn takes(&self) -> Capacity {
        Capacity {
            cpu: Some(self.cpu),
            gpu: Some(self.gpu),
            memory_gb: Some(self.memory_gb),
            storage_gb: Some(0.0),
        }
    }
}

const fn size(name: &'static str, cpu: f64, memory_gb: f64, gpu: f64) -> InstanceType {
    InstanceType {
        name,
        cpu,
        memory_gb,
        gpu,
    }
}

/// The sizes that every driver understands.
const CATALOGUE: &[InstanceType] = &[
    size("t3.micro", 2.0, 1.0, 0.0),
    size("t3.small", 2.0, 2.0, 0.0),
    size("t3.medium", 2.0, 4.0, 0.0),
    size("t3.large", 2.0, 8.0, 0.0),
    size("t3.xlarge", 4.0, 16.0, 0.0),
    size("m5.large", 2.0, 8.0, 0.0),
    size("m5.xlarge", 4.0, 16.0, 0.0),
    size("m5.2xlarge", 8.0, 32.0, 0.0),
    size("c5.xlarge", 4.0, 8.0, 0.0),
    size("r5.xlarge", 4.0, 32.0, 0.0),
    size("g4dn.xlarge", 4.0, 16.0, 1.0),
    size("p3.2xlarge", 8.0, 61.0, 1.0),
];

/// The size of a name.
pub fn instance_type(name: &str) -> Option<&'static InstanceType> {
    CATALOGUE.iter().find(|ty| ty.name == name)
}

/// Every size there is.
pub fn instance_types() -> &'static [InstanceType] {
    CATALOGUE
}
