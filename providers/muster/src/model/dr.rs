use serde::{Deserialize, Serialize};

use super::Kind;

/// The kind of DR policies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrPolicy;

impl Kind for DrPolicy {
    type Spec = DrSpec;
    type Status = DrStatus;
    const NAME: &'static str = "dr_policy";

    fn key(spec: &DrSpec) -> &str {
        &spec.name
    }
}

/// How objects of one zone survive its loss. Times are texts like `5m`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrSpec {
    /// Its name, unique within a driver.
    pub name: String,
    /// Id of the zone that is protected.
    pub primary_site: String,
    /// Id of the zone that takes over.
    pub dr_site: String,
    /// Ids of the fleets and settlements that move.
    pub protects: Vec<String>,
    /// The most data that may be lost, as time.
    pub rpo: String,
    /// The longest outage.
    pub rto: String,
    /// Time between two backups.
    pub backup_interval: String,
    /// Whether data is replicated all the time.
    pub replication: bool,
    /// Whether a failover begins by itself.
    pub auto_failover: bool,
    /// How the loss is noticed.
    #[serde(default)]
    pub health_check: Option<Probe>,
    /// Order of recovery.
    #[serde(default)]
    pub group: Option<Vec<Group>>,
    /// The name that follows the failover.
    #[serde(default)]
    pub dns: Option<Dns>,
}

/// How the loss of a site is noticed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Time between two checks.
    #[serde(default)]
    pub interval: Option<String>,
    /// Failed checks in a row that make a loss.
    #[serde(default)]
    pub threshold: Option<u64>,
}

/// One step of a recovery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its place among the groups.
    pub order: i64,
    /// Ids of what it recovers.
    #[serde(default)]
    pub members: Option<Vec<String>>,
    /// Steps before.
    #[serde(default)]
    pub pre: Option<Vec<String>>,
    /// Steps after.
    #[serde(default)]
    pub post: Option<Vec<String>>,
    /// Waits for a person.
    #[serde(default)]
    pub approval: Option<bool>,
}

/// The name that follows a failover.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dns {
    /// The record.
    pub record: String,
    /// Its time to live.
    #[serde(default)]
    pub ttl: Option<String>,
}

/// What has become of a DR policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrStatus {
    /// Id of the zone that serves now. Moves with a failover, never with a plan.
    pub current_site: String,
    /// Where the policy is in its cycle: `READY`.
    pub state: String,
    /// How far the copy is behind.
    #[serde(default)]
    pub lag: Option<String>,
    /// When a drill was last done.
    #[serde(default)]
    pub last_test: Option<String>,
    /// What the last drill or failover lost.
    #[serde(default)]
    pub achieved_rpo: Option<String>,
    /// How long it took.
    #[serde(default)]
    pub achieved_rto: Option<String>,
}
