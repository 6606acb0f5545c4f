//! The simulated world: pure rules over plain data, no file and no clock.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tokens::Token;
use crate::driver::DriverError;
use crate::model::{
    Capacity, DrSpec, FleetSpec, Instance, Kind, SettlementSpec, ZoneSpec, ZoneView,
};

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct World {
    /// Version of the file's format.
    pub(super) version: u32,
    /// Counts the changes.
    pub(super) serial: u64,
    /// Number of the next id.
    pub(super) next: u64,
    pub(super) zones: Records<ZoneSpec, ()>,
    pub(super) fleets: Records<FleetSpec, FleetRun>,
    pub(super) settlements: Records<SettlementSpec, SettlementRun>,
    pub(super) dr_policies: Records<DrSpec, DrRun>,
    /// Tokens that are good, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tokens: BTreeMap<String, Token>,
    /// Digests of what zones are signed in to with, by the id of the zone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) credentials: BTreeMap<String, String>,
}

/// Objects of one kind by id.
pub(super) type Records<S, R> = BTreeMap<String, Record<S, R>>;

/// One object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Record<S, R> {
    /// The token that made it, until it is changed.
    pub(super) token: Option<String>,
    pub(super) spec: S,
    pub(super) run: R,
}

/// What a fleet runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct FleetRun {
    pub(super) instances: Vec<Instance>,
}

/// Where and when a settlement is delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SettlementRun {
    pub(super) zone: String,
    /// Seconds since the epoch.
    pub(super) start: i64,
    /// The buyer's secret.
    pub(super) secret: String,
}

/// Where a DR policy stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DrRun {
    pub(super) current_site: String,
    pub(super) state: String,
    pub(super) last_test: Option<String>,
    pub(super) achieved_rpo: Option<String>,
    pub(super) achieved_rto: Option<String>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            serial: 0,
            next: 1,
            zones: Records::new(),
            fleets: Records::new(),
            settlements: Records::new(),
            dr_policies: Records::new(),
            tokens: BTreeMap::new(),
            credentials: BTreeMap::new(),
        }
    }
}

impl World {
    /// Version of the file's format.
    pub(super) const VERSION: u32 = 1;

    /// A new id that no object has had before.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        let number = self.next;
        self.next += 1;
        let unique = Uuid::new_v4().simple().to_string();
        format!("{prefix}-{number}-{}", &unique[..8])
    }

    /// What is in use in a zone, and what is promised for later.
    pub(super) fn commitments(&self, zone: &str, now: i64) -> (Capacity, Capacity) {
        let mut used = Capacity::ZERO;
        let mut reserved = Capacity::ZERO;
        for fleet in self.fleets.values() {
            let here = fleet
                .run
                .instances
                .iter()
                .filter(|i| i.zone == zone)
                .count();
            used = used.plus(&fleet.spec.per_instance().times(here as f64));
        }
        for settlement in self.settlements.values().filter(|s| s.run.zone == zone) {
            let takes = settlement.spec.takes();
            match settlement.spec.delivery(settlement.run.start).state(now) {
                "ACTIVE" => used = used.plus(&takes),
                "SCHEDULED" => reserved = reserved.plus(&takes),
                _ => {}
            }
        }
        (used, reserved)
    }

    /// What is left in a zone; nothing in one that is not there.
    pub(super) fn available(&self, zone: &str, now: i64) -> Capacity {
        let Some(record) = self.zones.get(zone) else {
            return Capacity::ZERO;
        };
        let (used, reserved) = self.commitments(zone, now);
        record.spec.offer().minus(&used).minus(&reserved)
    }

    /// The zones as placement looks at them.
    pub(super) fn views(&self, now: i64) -> Vec<ZoneView> {
        let view = |(id, record): (&String, &Record<ZoneSpec, ()>)| {
            let (used, reserved) = self.commitments(id, now);
            ZoneView {
                id: id.clone(),
                spec: record.spec.clone(),
                committed: used.plus(&reserved),
            }
        };
        self.zones.iter().map(view).collect()
    }

    /// Fails for ids of zones that are not there.
    pub(super) fn require_zones<'a>(
        &self,
        field: &'static str,
        ids: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), DriverError> {
        for id in ids {
            if !self.zones.contains_key(id) {
                return Err(DriverError::invalid(
                    field,
                    format!("There is no zone {id:?}"),
                ));
            }
        }
        Ok(())
    }

    /// Ids of everything that needs a zone.
    pub(super) fn dependents(&self, zone: &str, now: i64) -> Vec<String> {
        let fleets = self.fleets.iter().filter(|(_, fleet)| {
            let named = fleet.spec.zones.iter().flatten().any(|id| id == zone);
            named || fleet.run.instances.iter().any(|i| i.zone == zone)
        });
        let settlements = self.settlements.iter().filter(|(_, s)| {
            s.run.zone == zone && s.spec.delivery(s.run.start).state(now) != "SETTLED"
        });
        let policies = self
            .dr_policies
            .iter()
            .filter(|(_, p)| p.spec.primary_site == zone || p.spec.dr_site == zone);
        let mut ids: Vec<String> = fleets.map(|(id, _)| id.clone()).collect();
        ids.extend(settlements.map(|(id, _)| id.clone()));
        ids.extend(policies.map(|(id, _)| id.clone()));
        ids
    }
}

/// A kind of object that the world keeps.
pub(super) trait Kept: Kind<Spec: PartialEq> {
    type Run: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    fn records(world: &World) -> &Records<Self::Spec, Self::Run>;
    fn records_mut(world: &mut World) -> &mut Records<Self::Spec, Self::Run>;

    /// The id of a new object.
    fn id(world: &mut World, spec: &Self::Spec) -> String;

    /// What a new object is from its first moment, if it can be.
    fn start(world: &mut World, spec: &Self::Spec, now: i64) -> Result<Self::Run, DriverError>;

    /// What an object becomes under another specification, if it can. The world still holds the
    /// old one.
    fn change(
        world: &mut World,
        id: &str,
        spec: &Self::Spec,
        now: i64,
    ) -> Result<Self::Run, DriverError>;

    /// Whether the object may go.
    fn release(world: &World, id: &str, now: i64) -> Result<(), DriverError>;

    /// How the object is doing.
    fn status(world: &World, id: &str, now: i64) -> Option<Self::Status>;
}

/// See [`Manages::create`](crate::driver::Manages::create).
pub(super) fn create<K: Kept>(
    world: &mut World,
    token: &str,
    spec: K::Spec,
    now: i64,
) -> Result<String, DriverError> {
    let name = K::key(&spec).to_owned();
    let existing = K::records(world)
        .iter()
        .find(|(_, r)| K::key(&r.spec) == name);
    if let Some((id, record)) = existing {
        if record.token.as_deref() == Some(token) {
            return Ok(id.clone());
        }
        return Err(DriverError::Exists {
            kind: K::NAME,
            name,
            id: id.clone(),
        });
    }
    let run = K::start(world, &spec, now)?;
    let id = K::id(world, &spec);
    let record = Record {
        token: Some(token.into()),
        spec,
        run,
    };
    K::records_mut(world).insert(id.clone(), record);
    Ok(id)
}

/// See [`Manages::update`](crate::driver::Manages::update).
pub(super) fn update<K: Kept>(
    world: &mut World,
    id: &str,
    spec: K::Spec,
    now: i64,
) -> Result<(), DriverError> {
    let Some(before) = K::records(world).get(id) else {
        return Err(DriverError::NotFound {
            kind: K::NAME,
            id: id.into(),
        });
    };
    if K::key(&before.spec) != K::key(&spec) {
        let reason = format!("The name of a {} cannot change", K::NAME);
        return Err(DriverError::invalid("name", reason));
    }
    let run = K::change(world, id, &spec, now)?;
    let record = Record {
        token: None,
        spec,
        run,
    };
    K::records_mut(world).insert(id.into(), record);
    Ok(())
}

/// See [`Manages::delete`](crate::driver::Manages::delete).
pub(super) fn delete<K: Kept>(world: &mut World, id: &str, now: i64) -> Result<(), DriverError> {
    if K::records(world).contains_key(id) {
        K::release(world, id, now)?;
        K::records_mut(world).remove(id);
    }
    Ok(())
}
