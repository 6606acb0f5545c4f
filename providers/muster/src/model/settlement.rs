use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Capacity, Demand, Kind, Placement, Resource};

/// The kind of settlements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settlement;

impl Kind for Settlement {
    type Spec = SettlementSpec;
    type Status = SettlementStatus;
    const NAME: &'static str = "settlement";

    fn key(spec: &SettlementSpec) -> &str {
        &spec.contract_id
    }
}

/// The physical delivery of a compute contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettlementSpec {
    /// The contract, unique within a driver.
    pub contract_id: String,
    /// Who receives.
    pub buyer_id: String,
    /// What is delivered.
    pub resource_type: Resource,
    /// How much of it.
    pub quantity: f64,
    /// When delivery begins (RFC 3339); at once when left out.
    #[serde(default)]
    pub start_time: Option<String>,
    /// For how long.
    pub duration_hours: f64,
    /// Ids of the zones to try, best first.
    #[serde(default)]
    pub provider_priority: Option<Vec<String>>,
    /// How to find a zone, instead of `provider_priority`.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// `shared`, `vpc` or `dedicated`.
    pub isolation: String,
    /// What was promised.
    #[serde(default)]
    pub sla: Option<Sla>,
    /// `snapshot` or `terminate`.
    pub on_end: String,
    /// May be destroyed after it has begun.
    pub early_termination: bool,
    /// Labels.
    #[serde(default)]
    pub tags: Option<BTreeMap<String, String>>,
}

impl SettlementSpec {
    /// What it takes from its zone.
    pub fn takes(&self) -> Capacity {
        Capacity::of(self.resource_type, self.quantity)
    }

    /// What is asked of a zone.
    pub fn demand(&self) -> Demand {
        Demand {
            resource: self.resource_type,
            amount: self.quantity,
        }
    }

    /// When it is delivered, given when it begins (seconds since the epoch).
    pub fn delivery(&self, start: i64) -> Delivery {
        // Hours come from a user: a product that does not fit saturates.
        let seconds = (self.duration_hours * 3600.0) as i64;
        Delivery {
            start,
            end: start.saturating_add(seconds),
        }
    }
}

/// Whether a settlement in this state has begun and is not over yet: to end it then is to break
/// the contract. A delivery that failed has begun as well.
pub fn has_begun(state: &str) -> bool {
    !matches!(
        state,
        "PENDING" | "RESERVED" | "SCHEDULED" | "CANCELLED" | "SETTLED"
    )
}

/// The time of a delivery, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its first second.
    pub start: i64,
    /// The first second after it.
    pub end: i64,
}

impl Delivery {
    /// The state that the clock alone brings about.
    pub fn state(self, now: i64) -> &'static str {
        if now < self.start {
            "SCHEDULED"
        } else if now < self.end {
            "ACTIVE"
        } else {
            "SETTLED"
        }
    }
}

/// What was promised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sla {
    /// Uptime in percent.
    #[serde(default)]
    pub uptime: Option<f64>,
    /// Latency in milliseconds.
    #[serde(default)]
    pub latency: Option<f64>,
    /// What a miss costs.
    #[serde(default)]
    pub penalty_tiers: Option<Vec<PenaltyTier>>,
}

/// What an uptime below a bound costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PenaltyTier {
    /// Uptime in percent.
    pub below: f64,
    /// Share of the contract's value in percent.
    pub penalty: f64,
}

/// What has become of a settlement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettlementStatus {
    /// `SCHEDULED`, `ACTIVE`, `SETTLED` and so on.
    pub state: String,
    /// Id of the zone that delivers.
    pub zone: String,
    /// The settlement's own network.
    pub network: String,
    /// When delivery begins or began.
    pub start_time: String,
    /// When it ends.
    pub end_time: String,
    /// Uptime so far in percent; none before the start.
    #[serde(default)]
    pub uptime: Option<f64>,
    /// Penalty so far.
    pub penalty: f64,
    /// How the buyer gets in; only while it is active.
    #[serde(default)]
    pub access: Option<Access>,
}

/// How the buyer gets in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// `user@host:port`
    pub ssh: String,
    /// Address of the notebook server.
    pub jupyter: String,
    /// Address of the dashboards.
    pub monitoring: String,
    /// The secret for all of them.
    pub token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_has_begun_until_it_is_settled() {
        for state in ["PENDING", "RESERVED", "SCHEDULED", "CANCELLED", "SETTLED"] {
            assert!(!has_begun(state), "{state}");
        }
        for state in [
            "PROVISIONING",
            "ACTIVE",
            "DEGRADED",
            "FAILING_OVER",
            "RELEASING",
            "DEFAULTED",
            "ERROR",
        ] {
            assert!(has_begun(state), "{state}");
        }
    }
}
