use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Capacity, Kind, Resource};

/// The kind of zones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Zone;

impl Kind for Zone {
    type Spec = ZoneSpec;
    type Status = ZoneStatus;
    const NAME: &'static str = "zone";

    fn key(spec: &ZoneSpec) -> &str {
        &spec.name
    }
}

/// A place that has capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneSpec {
    /// Its name, unique within a driver.
    pub name: String,
    /// `partner`, `edge` or `on-premise`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who realises it.
    pub driver: String,
    /// The partner who owns it.
    #[serde(default)]
    pub partner_id: Option<String>,
    /// Where it is.
    pub location: String,
    /// What it has.
    pub capacity: Capacity,
    /// Price of one unit of a resource for one hour, by resource type.
    #[serde(default)]
    pub prices: Option<BTreeMap<String, f64>>,
    /// How many times each core may be given away.
    pub overcommit: f64,
}

impl ZoneSpec {
    /// The id of the zone. It follows from everything that makes it this zone and no other, so
    /// it is known before the zone exists, and a replacement has another one.
    pub fn id(&self) -> String {
        let partner = self.partner_id.as_deref().unwrap_or_default();
        let identity = [
            &self.name,
            &self.kind,
            &self.driver,
            partner,
            &self.location,
        ];
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, identity.join("\u{0}").as_bytes());
        let short = &hash.simple().to_string()[..8];
        let slug: String = self
            .name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        format!("zone-{slug}-{short}")
    }

    /// What can be given away in all: more cores than there are, when they are overcommitted.
    pub fn offer(&self) -> Capacity {
        self.capacity.map(|resource, amount| match resource {
            Resource::Cpu => amount * self.overcommit,
            _ => amount,
        })
    }

    /// Price of one unit for one hour, if the zone has one.
    pub fn price(&self, resource: Resource) -> Option<f64> {
        self.prices.as_ref()?.get(resource.name()).copied()
    }
}

/// What has become of a zone's capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// In use now.
    pub used: Capacity,
    /// Promised to settlements that have not started.
    pub reserved: Capacity,
    /// Free for the taking.
    pub available: Capacity,
}

impl ZoneStatus {
    /// Everything that is taken from the zone.
    pub fn committed(&self) -> Capacity {
        self.used.plus(&self.reserved)
    }
}
