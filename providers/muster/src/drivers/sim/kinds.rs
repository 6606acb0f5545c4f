//! The rules of each kind of object in the simulated world.

use super::spread::spread;
use super::world::{DrRun, FleetRun, Kept, Records, SettlementRun, World};
use crate::driver::DriverError;
use crate::model::time::{format_time, parse_time};
use crate::model::{
    Access, DrPolicy, DrSpec, DrStatus, Fleet, FleetSpec, FleetStatus, Kind, Resource, Settlement,
    SettlementSpec, SettlementStatus, Zone, ZoneSpec, ZoneStatus, choose, has_begun, instance_type,
};

impl Kept for Zone {
    type Run = ();

    fn records(world: &World) -> &Records<ZoneSpec, ()> {
        &world.zones
    }

    fn records_mut(world: &mut World) -> &mut Records<ZoneSpec, ()> {
        &mut world.zones
    }

    fn id(_: &mut World, spec: &ZoneSpec) -> String {
        spec.id()
    }

    fn start(world: &mut World, spec: &ZoneSpec, _: i64) -> Result<(), DriverError> {
        sound_zone(spec)?;
        match world.zones.get(&spec.id()) {
            Some(other) => Err(DriverError::Exists {
                kind: Self::NAME,
                name: other.spec.name.clone(),
                id: spec.id(),
            }),
            None => Ok(()),
        }
    }

    fn change(world: &mut World, id: &str, spec: &ZoneSpec, now: i64) -> Result<(), DriverError> {
        sound_zone(spec)?;
        if spec.id() != id {
            let reason = "A zone cannot become another zone in place";
            return Err(DriverError::invalid("location", reason));
        }
        let (used, reserved) = world.commitments(id, now);
        let committed = used.plus(&reserved);
        match spec.offer().lacks(&committed) {
            None => Ok(()),
            Some(short) => Err(DriverError::Capacity {
                field: "capacity",
                reason: format!(
                    "{} {} of the zone are committed, and only {} would be left",
                    committed.get(short),
                    short.attribute(),
                    spec.offer().get(short)
                ),
            }),
        }
    }

    fn release(world: &World, id: &str, now: i64) -> Result<(), DriverError> {
        let by = world.dependents(id, now);
        if by.is_empty() {
            return Ok(());
        }
        Err(DriverError::InUse {
            kind: Self::NAME,
            id: id.into(),
            by,
        })
    }

    fn status(world: &World, id: &str, now: i64) -> Option<ZoneStatus> {
        world.zones.get(id)?;
        let (used, reserved) = world.commitments(id, now);
        Some(ZoneStatus {
            used,
            reserved,
            available: world.available(id, now),
        })
    }
}

fn sound_zone(spec: &ZoneSpec) -> Result<(), DriverError> {
    if Resource::ALL
        .into_iter()
        .any(|r| spec.capacity.get(r) < 0.0)
    {
        return Err(DriverError::invalid(
            "capacity",
            "A zone cannot hold less than nothing",
        ));
    }
    if spec.overcommit < 1.0 {
        let reason = "Each core can be given away at least once";
        return Err(DriverError::invalid("overcommit", reason));
    }
    Ok(())
}

impl Kept for Fleet {
    type Run = FleetRun;

    fn records(world: &World) -> &Records<FleetSpec, FleetRun> {
        &world.fleets
    }

    fn records_mut(world: &mut World) -> &mut Records<FleetSpec, FleetRun> {
        &mut world.fleets
    }

    fn id(world: &mut World, _: &FleetSpec) -> String {
        world.new_id("fleet")
    }

    fn start(world: &mut World, spec: &FleetSpec, now: i64) -> Result<FleetRun, DriverError> {
        sound_fleet(world, spec)?;
        spread(world, None, spec, now)
    }

    fn change(
        world: &mut World,
        id: &str,
        spec: &FleetSpec,
        now: i64,
    ) -> Result<FleetRun, DriverError> {
        sound_fleet(world, spec)?;
        spread(world, Some(id), spec, now)
    }

    fn release(_: &World, _: &str, _: i64) -> Result<(), DriverError> {
        Ok(())
    }

    fn status(world: &World, id: &str, _: i64) -> Option<FleetStatus> {
        let instances = world.fleets.get(id)?.run.instances.clone();
        let status = if instances.is_empty() {
            "EMPTY"
        } else {
            "ACTIVE"
        };
        Some(FleetStatus {
            current_capacity: instances.len() as u64,
            status: status.into(),
            instances,
        })
    }
}

fn sound_fleet(world: &World, spec: &FleetSpec) -> Result<(), DriverError> {
    if instance_type(&spec.instance_type).is_none() {
        let reason = format!("There is no instance type {:?}", spec.instance_type);
        return Err(DriverError::invalid("instance_type", reason));
    }
    world.require_zones("zones", spec.zones.iter().flatten())?;
    let placement = spec.placement.iter().flat_map(|p| p.zones.iter().flatten());
    world.require_zones("placement", placement)
}

impl Kept for Settlement {
    type Run = SettlementRun;

    fn records(world: &World) -> &Records<SettlementSpec, SettlementRun> {
        &world.settlements
    }

    fn records_mut(world: &mut World) -> &mut Records<SettlementSpec, SettlementRun> {
        &mut world.settlements
    }

    fn id(world: &mut World, _: &SettlementSpec) -> String {
        world.new_id("settlement")
    }

    fn start(
        world: &mut World,
        spec: &SettlementSpec,
        now: i64,
    ) -> Result<SettlementRun, DriverError> {
        let start = match &spec.start_time {
            Some(text) => parse_time(text)
                .map_err(|reason| DriverError::invalid("start_time", format!("It {reason}")))?,
            None => now,
        };
        if spec.delivery(start).state(now) == "SETTLED" {
            let reason = "The whole delivery lies in the past";
            return Err(DriverError::invalid("start_time", reason));
        }
        Ok(SettlementRun {
            zone: zone_for(world, spec, now)?,
            start,
            secret: uuid::Uuid::new_v4().simple().to_string(),
        })
    }

    fn change(
        world: &mut World,
        id: &str,
        spec: &SettlementSpec,
        _: i64,
    ) -> Result<SettlementRun, DriverError> {
        world.require_zones("provider_priority", spec.provider_priority.iter().flatten())?;
        let record = world
            .settlements
            .get(id)
            .ok_or_else(|| DriverError::NotFound {
                kind: Self::NAME,
                id: id.into(),
            })?;
        if record.spec.takes() != spec.takes() || record.spec.buyer_id != spec.buyer_id {
            let reason = "What a contract promises cannot change";
            return Err(DriverError::invalid("quantity", reason));
        }
        Ok(record.run.clone())
    }

    fn release(world: &World, id: &str, now: i64) -> Result<(), DriverError> {
        let Some(record) = world.settlements.get(id) else {
            return Ok(());
        };
        let state = record.spec.delivery(record.run.start).state(now);
        if has_begun(state) && !record.spec.early_termination {
            return Err(DriverError::Refused(format!(
                "the settlement of {} has begun and does not allow early termination",
                record.spec.contract_id
            )));
        }
        Ok(())
    }

    fn status(world: &World, id: &str, now: i64) -> Option<SettlementStatus> {
        let record = world.settlements.get(id)?;
        let contract = &record.spec.contract_id;
        let delivery = record.spec.delivery(record.run.start);
        let state = delivery.state(now);
        let host = format!("{}.sim.invalid", id);
        let access = Access {
            ssh: format!("{}@{host}:22", record.spec.buyer_id),
            jupyter: format!("https://{host}:8888/"),
            monitoring: format!("https://{host}:3000/"),
            token: record.run.secret.clone(),
        };
        Some(SettlementStatus {
            state: state.into(),
            zone: record.run.zone.clone(),
            network: format!("vpc-{contract}"),
            start_time: record
                .spec
                .start_time
                .clone()
                .unwrap_or_else(|| format_time(delivery.start)),
            end_time: format_time(delivery.end),
            // Nothing ever fails in the simulator unless somebody makes it fail.
            uptime: (state != "SCHEDULED").then_some(100.0),
            penalty: 0.0,
            access: (state == "ACTIVE").then_some(access),
        })
    }
}

/// The first zone of the priority list that has room, or the best one that placement finds.
fn zone_for(world: &World, spec: &SettlementSpec, now: i64) -> Result<String, DriverError> {
    let views = world.views(now);
    if let Some(ids) = &spec.provider_priority {
        world.require_zones("provider_priority", ids)?;
        let has_room = |id: &&String| world.available(id, now).lacks(&spec.takes()).is_none();
        return ids
            .iter()
            .find(has_room)
            .cloned()
            .ok_or_else(|| DriverError::Capacity {
                field: "quantity",
                reason: format!(
                    "None of the zones {} has {} left",
                    ids.join(", "),
                    spec.takes()
                ),
            });
    }
    let placement = spec.placement.clone().unwrap_or_default();
    let found = choose(&views, &placement, spec.demand());
    match found.fit.first() {
        Some((id, _)) => Ok(id.clone()),
        None => Err(DriverError::Capacity {
            field: "quantity",
            reason: format!("No zone has {} left ({})", spec.takes(), found.reasons()),
        }),
    }
}

impl Kept for DrPolicy {
    type Run = DrRun;

    fn records(world: &World) -> &Records<DrSpec, DrRun> {
        &world.dr_policies
    }

    fn records_mut(world: &mut World) -> &mut Records<DrSpec, DrRun> {
        &mut world.dr_policies
    }

    fn id(world: &mut World, _: &DrSpec) -> String {
        world.new_id("dr")
    }

    fn start(world: &mut World, spec: &DrSpec, _: i64) -> Result<DrRun, DriverError> {
        sound_policy(world, spec)?;
        Ok(DrRun {
            current_site: spec.primary_site.clone(),
            state: "READY".into(),
            last_test: None,
            achieved_rpo: None,
            achieved_rto: None,
        })
    }

    fn change(world: &mut World, id: &str, spec: &DrSpec, _: i64) -> Result<DrRun, DriverError> {
        sound_policy(world, spec)?;
        let record = world
            .dr_policies
            .get(id)
            .ok_or_else(|| DriverError::NotFound {
                kind: Self::NAME,
                id: id.into(),
            })?;
        // Where the policy stands is not for a plan to change: it stays failed over.
        Ok(record.run.clone())
    }

    fn release(_: &World, _: &str, _: i64) -> Result<(), DriverError> {
        Ok(())
    }

    fn status(world: &World, id: &str, _: i64) -> Option<DrStatus> {
        let record = world.dr_policies.get(id)?;
        let lag = if record.spec.replication {
            "0s"
        } else {
            &record.spec.backup_interval
        };
        Some(DrStatus {
            current_site: record.run.current_site.clone(),
            state: record.run.state.clone(),
            lag: Some(lag.into()),
            last_test: record.run.last_test.clone(),
            achieved_rpo: record.run.achieved_rpo.clone(),
            achieved_rto: record.run.achieved_rto.clone(),
        })
    }
}

fn sound_policy(world: &World, spec: &DrSpec) -> Result<(), DriverError> {
    if spec.primary_site == spec.dr_site {
        let reason = "A site cannot take over from itself";
        return Err(DriverError::invalid("dr_site", reason));
    }
    world.require_zones("primary_site", [&spec.primary_site])?;
    world.require_zones("dr_site", [&spec.dr_site])?;
    for id in &spec.protects {
        if !world.fleets.contains_key(id) && !world.settlements.contains_key(id) {
            let reason = format!("There is no fleet or settlement {id:?}");
            return Err(DriverError::invalid("protects", reason));
        }
    }
    Ok(())
}
