//! Which instances a fleet runs where.

use std::collections::BTreeMap;

use super::world::{FleetRun, World};
use crate::driver::DriverError;
use crate::model::{Capacity, Demand, FleetSpec, Instance, Resource, choose};

/// The instances of a fleet under a specification. Those that can stay do; surplus ones go from
/// the fullest zone; new ones come to the emptiest that has room. A new type or image exchanges
/// every instance within its zone.
pub(super) fn spread(
    world: &mut World,
    id: Option<&str>,
    spec: &FleetSpec,
    now: i64,
) -> Result<FleetRun, DriverError> {
    let before = id.and_then(|id| world.fleets.get(id)).cloned();
    let zones = zones_of(world, before.as_ref().map(|record| &record.run), spec, now)?;
    let mut room = Room::of(world, &zones, now);
    let mut instances = Vec::new();
    if let Some(record) = before {
        let old = record.spec.per_instance();
        for instance in &record.run.instances {
            room.give(&instance.zone, &old);
        }
        let fresh =
            record.spec.instance_type != spec.instance_type || record.spec.image != spec.image;
        let staying = record
            .run
            .instances
            .into_iter()
            .filter(|i| zones.contains(&i.zone));
        let staying = trim(staying.collect(), spec.capacity);
        for mut instance in staying {
            if fresh {
                instance.id = world.new_id("i");
                instance.instance_type.clone_from(&spec.instance_type);
            }
            room.take(&instance.zone, &spec.per_instance())?;
            instances.push(instance);
        }
    }
    while (instances.len() as u64) < spec.capacity {
        let zone = room.emptiest(&spec.per_instance())?;
        room.take(&zone, &spec.per_instance())?;
        instances.push(Instance {
            id: world.new_id("i"),
            zone,
            instance_type: spec.instance_type.clone(),
            state: "running".into(),
        });
    }
    Ok(FleetRun { instances })
}

/// The zones that a fleet may use: those it names, those it is in, or the best that is found.
fn zones_of(
    world: &World,
    run: Option<&FleetRun>,
    spec: &FleetSpec,
    now: i64,
) -> Result<Vec<String>, DriverError> {
    if let Some(zones) = &spec.zones {
        if zones.is_empty() && spec.capacity > 0 {
            return Err(DriverError::invalid(
                "zones",
                "A fleet needs at least one zone",
            ));
        }
        return Ok(zones.clone());
    }
    let mut zones: Vec<String> = Vec::new();
    for instance in run.iter().flat_map(|run| &run.instances) {
        if !zones.contains(&instance.zone) {
            zones.push(instance.zone.clone());
        }
    }
    if !zones.is_empty() {
        return Ok(zones);
    }
    let demand = Demand {
        resource: Resource::Cpu,
        amount: spec
            .per_instance()
            .times(spec.capacity as f64)
            .get(Resource::Cpu),
    };
    let placement = spec.placement.clone().unwrap_or_default();
    let found = choose(&world.views(now), &placement, demand);
    match found.fit.first() {
        Some((id, _)) => Ok(vec![id.clone()]),
        None => Err(DriverError::Capacity {
            field: "placement",
            reason: format!("No zone can hold the fleet ({})", found.reasons()),
        }),
    }
}

/// Drops surplus instances, one by one from the zone that has most of them, the newest first.
fn trim(mut instances: Vec<Instance>, capacity: u64) -> Vec<Instance> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for instance in &instances {
        *counts.entry(instance.zone.clone()).or_default() += 1;
    }
    let surplus = (instances.len() as u64).saturating_sub(capacity);
    let mut drop: BTreeMap<String, u64> = BTreeMap::new();
    for _ in 0..surplus {
        if let Some((zone, count)) = counts.iter_mut().max_by_key(|(_, count)| **count) {
            *count -= 1;
            *drop.entry(zone.clone()).or_default() += 1;
        }
    }
    instances.reverse();
    instances.retain(|instance| match drop.get_mut(&instance.zone) {
        Some(left) if *left > 0 => {
            *left -= 1;
            false
        }
        _ => true,
    });
    instances.reverse();
    instances
}

/// What is left in each zone, and how many instances it was given, while they are being placed.
struct Room(BTreeMap<String, (Capacity, u64)>);

impl Room {
    fn of(world: &World, zones: &[String], now: i64) -> Self {
        Self(
            zones
                .iter()
                .map(|id| (id.clone(), (world.available(id, now), 0)))
                .collect(),
        )
    }

    fn give(&mut self, zone: &str, amount: &Capacity) {
        if let Some((left, _)) = self.0.get_mut(zone) {
            *left = left.plus(amount);
        }
    }

    fn take(&mut self, zone: &str, amount: &Capacity) -> Result<(), DriverError> {
        let Some((left, count)) = self.0.get_mut(zone) else {
            return Err(DriverError::invalid(
                "zones",
                format!("There is no zone {zone:?}"),
            ));
        };
        if let Some(short) = left.lacks(amount) {
            return Err(DriverError::Capacity {
                field: "capacity",
                reason: format!(
                    "The zone {zone} has {} {} left, and an instance needs {}",
                    left.get(short),
                    short.attribute(),
                    amount.get(short)
                ),
            });
        }
        *left = left.minus(amount);
        *count += 1;
        Ok(())
    }

    /// The zone with the fewest instances among those with room for one more.
    fn emptiest(&self, amount: &Capacity) -> Result<String, DriverError> {
        let fitting = self
            .0
            .iter()
            .filter(|(_, (left, _))| left.lacks(amount).is_none());
        let found = fitting.min_by_key(|(_, (_, count))| *count);
        found.map(|(zone, _)| zone.clone()).ok_or_else(|| {
            let zones: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let placed: u64 = self.0.values().map(|(_, count)| *count).sum();
            DriverError::Capacity {
                field: "capacity",
                reason: format!(
                    "The zones {} have room for {placed} instances, each of {amount}",
                    zones.join(", ")
                ),
            }
        })
    }
}
