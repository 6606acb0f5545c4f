use std::collections::BTreeMap;

use muster_sdk::schema::{Attribute, Schema, list, nested, nested_map, number, string};
use muster_sdk::{Context, DataSource, Diagnostic, Type};
use serde::{Deserialize, Serialize};

use crate::client::{Client, diagnostic};
use crate::model::{Capacity, Object, Zone};

/// `muster_capacity`: what there is, what is taken and what is left, in all and by zone.
pub(crate) struct CapacityData;

/// Question and answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct CapacityState {
    zones: Option<Vec<String>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    location: Option<String>,
    total: Option<Capacity>,
    used: Option<Capacity>,
    reserved: Option<Capacity>,
    available: Option<Capacity>,
    by_zone: Option<BTreeMap<String, ZoneCapacity>>,
}

/// The answer for one zone.
#[derive(Serialize, Deserialize)]
pub(crate) struct ZoneCapacity {
    name: String,
    location: String,
    total: Capacity,
    used: Capacity,
    reserved: Capacity,
    available: Capacity,
}

impl DataSource for CapacityData {
    type Client = Client;
    type State = CapacityState;

    fn schema(&self) -> Schema {
        let zone = [
            ("name", string().computed()),
            ("location", string().computed()),
            ("total", amounts()),
            ("used", amounts()),
            ("reserved", amounts()),
            ("available", amounts()),
        ];
        Schema::builder()
            .description("The capacity of zones.")
            .attribute(
                "zones",
                list(Type::String)
                    .optional()
                    .description("Only these, by id."),
            )
            .attribute(
                "type",
                string().optional().description("Only zones of this type."),
            )
            .attribute(
                "location",
                string()
                    .optional()
                    .description("Only zones at this location."),
            )
            .attribute("total", amounts())
            .attribute("used", amounts())
            .attribute("reserved", amounts())
            .attribute("available", amounts())
            .attribute(
                "by_zone",
                nested_map(zone)
                    .computed()
                    .description("By id of the zone."),
            )
            .build()
    }

    async fn read(
        &self,
        config: CapacityState,
        cx: &mut Context<'_, Client>,
    ) -> Result<CapacityState, Diagnostic> {
        let zones = cx.client().driver().zones().await;
        let zones = zones.map_err(|error| diagnostic("capacity", "reading", &error))?;
        let wanted = zones.into_iter().filter(|zone| config.asks_for(zone));
        let by_zone: BTreeMap<String, ZoneCapacity> = wanted
            .map(|zone| (zone.id.clone(), ZoneCapacity::from(zone)))
            .collect();
        let sum = |part: fn(&ZoneCapacity) -> &Capacity| {
            Some(
                by_zone
                    .values()
                    .fold(Capacity::ZERO, |all, zone| all.plus(part(zone))),
            )
        };
        Ok(CapacityState {
            total: sum(|zone| &zone.total),
            used: sum(|zone| &zone.used),
            reserved: sum(|zone| &zone.reserved),
            available: sum(|zone| &zone.available),
            by_zone: Some(by_zone),
            ..config
        })
    }
}

impl CapacityState {
    fn asks_for(&self, zone: &Object<Zone>) -> bool {
        self.zones.as_ref().is_none_or(|ids| ids.contains(&zone.id))
            && self
                .kind
                .as_ref()
                .is_none_or(|kind| *kind == zone.spec.kind)
            && self
                .location
                .as_ref()
                .is_none_or(|at| *at == zone.spec.location)
    }
}

impl From<Object<Zone>> for ZoneCapacity {
    fn from(zone: Object<Zone>) -> Self {
        Self {
            total: zone.spec.offer(),
            name: zone.spec.name,
            location: zone.spec.location,
            used: zone.status.used,
            reserved: zone.status.reserved,
            available: zone.status.available,
        }
    }
}

fn amounts() -> Attribute {
    let amount = || number().computed();
    nested([
        ("cpu", amount()),
        ("gpu", amount()),
        ("memory_gb", amount()),
        ("storage_gb", amount()),
    ])
    .computed()
}
