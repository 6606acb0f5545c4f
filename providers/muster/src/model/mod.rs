//! What zones, fleets, settlements and DR policies are, apart from who realises them. Plain data
//! and arithmetic: nothing here reads files or a clock.

mod capacity;
mod dr;
mod fleet;
mod placement;
mod settlement;
pub mod time;
mod token;
mod zone;

pub use capacity::{Capacity, Resource};
pub use dr::{Dns, DrPolicy, DrSpec, DrStatus, Group, Probe};
pub use fleet::{
    Fleet, FleetSpec, FleetStatus, HealthCheck, Instance, InstanceType, Networking, Spot,
    UpdatePolicy, instance_type, instance_types,
};
pub use placement::{Candidates, Demand, Placement, Rejected, Strategy, ZoneView, choose};
pub use settlement::{
    Access, Delivery, PenaltyTier, Settlement, SettlementSpec, SettlementStatus, Sla, has_begun,
};
pub use token::{TOKEN_LASTS, ZoneToken};
pub use zone::{Zone, ZoneSpec, ZoneStatus};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A kind of object that a driver manages.
pub trait Kind: Send + Sync + 'static {
    /// What a user asks for.
    type Spec: Serialize + DeserializeOwned + Clone + std::fmt::Debug + Send + Sync;
    /// What has become of it.
    type Status: Serialize + DeserializeOwned + Clone + std::fmt::Debug + Send + Sync;
    /// The kind's name in messages and ids: `fleet`.
    const NAME: &'static str;

    /// The name that tells objects of the kind apart within a driver.
    fn key(spec: &Self::Spec) -> &str;
}

/// An object as a driver reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object<K: Kind> {
    /// The driver's id of it.
    pub id: String,
    /// What was asked for.
    pub spec: K::Spec,
    /// What has become of it.
    pub status: K::Status,
}
