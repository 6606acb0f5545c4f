use muster_sdk::schema::{Schema, list, nested_list, number, string};
use muster_sdk::{Context, DataSource, Diagnostic, Path, Type, error_at};
use serde::{Deserialize, Serialize};

use crate::client::{Client, diagnostic};
use crate::driver::Manages;
use crate::model::{Demand, Placement, Rejected, Resource, Settlement, Strategy, ZoneView, choose};

/// `muster_placement`: which zones can hold something, best first. Zones that the same plan is
/// about to make count as well.
pub(crate) struct PlacementData;

/// Question and answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlacementState {
    resource_type: Resource,
    quantity: f64,
    zones: Option<Vec<String>>,
    #[serde(rename = "type")]
    kind: Option<String>,
    location: Option<String>,
    strategy: Option<Strategy>,
    settlement_id: Option<String>,
    zone_id: Option<String>,
    zone_name: Option<String>,
    zone_ids: Option<Vec<String>>,
    rejected: Option<Vec<Rejected>>,
}

impl DataSource for PlacementData {
    type Client = Client;
    type State = PlacementState;

    fn schema(&self) -> Schema {
        let rejected = [
            ("zone", string().computed().description("Name of the zone.")),
            ("reason", string().computed()),
        ];
        Schema::builder()
            .description("The zones that can hold something, best first.")
            .attribute(
                "resource_type",
                string()
                    .required()
                    .one_of(["cpu", "gpu", "memory", "storage"]),
            )
            .attribute("quantity", number().required().min(0))
            .attribute(
                "zones",
                list(Type::String)
                    .optional()
                    .description("Only these, by id."),
            )
            .attribute(
                "type",
                string()
                    .optional()
                    .one_of(["partner", "edge", "on-premise"])
                    .description("Only zones of this type."),
            )
            .attribute(
                "location",
                string()
                    .optional()
                    .description("Only zones at this location."),
            )
            .attribute(
                "strategy",
                string()
                    .optional()
                    .one_of(["cheapest", "most_available"])
                    .description(
                        "Which comes first: `cheapest` (the default) or `most_available`.",
                    ),
            )
            .attribute(
                "settlement_id",
                string().optional().description(
                    "Id of a settlement, or of its contract, that does not count against the \
                     zone that holds it already.",
                ),
            )
            .attribute(
                "zone_id",
                string().computed().description("Id of the best zone."),
            )
            .attribute(
                "zone_name",
                string().computed().description("Name of the best zone."),
            )
            .attribute(
                "zone_ids",
                list(Type::String)
                    .computed()
                    .description("All, best first."),
            )
            .attribute("rejected", nested_list(rejected).computed())
            .build()
    }

    async fn read(
        &self,
        config: PlacementState,
        cx: &mut Context<'_, Client>,
    ) -> Result<PlacementState, Diagnostic> {
        let zones = cx.client().zones_ahead().await;
        let zones = zones.map_err(|error| diagnostic("placement", "reading", &error))?;
        let zones = without(zones, config.settlement_id.as_deref(), cx.client()).await?;
        let placement = Placement {
            zones: config.zones.clone(),
            kind: config.kind.clone(),
            location: config.location.clone(),
            strategy: config.strategy,
        };
        let demand = Demand {
            resource: config.resource_type,
            amount: config.quantity,
        };
        let found = choose(&zones, &placement, demand);
        let Some((id, name)) = found.fit.first().cloned() else {
            let detail = format!(
                "No zone can hold {} {}: {}.",
                config.quantity,
                config.resource_type.attribute(),
                found.reasons()
            );
            return Err(error_at(
                Path::root().attr("quantity"),
                "No Zone Fits",
                detail,
            ));
        };
        Ok(PlacementState {
            zone_id: Some(id),
            zone_name: Some(name),
            zone_ids: Some(found.fit.into_iter().map(|(id, _)| id).collect()),
            rejected: Some(found.rejected),
            ..config
        })
    }
}

/// The zones without what a settlement takes from the one that holds it.
async fn without(
    mut zones: Vec<ZoneView>,
    id: Option<&str>,
    client: &Client,
) -> Result<Vec<ZoneView>, Diagnostic> {
    let Some(id) = id else {
        return Ok(zones);
    };
    let found = Manages::<Settlement>::get(client.driver(), id).await;
    let found = found.map_err(|error| diagnostic("placement", "reading", &error))?;
    if let Some(settlement) = found
        && settlement.status.state != "SETTLED"
        && let Some(zone) = zones
            .iter_mut()
            .find(|zone| zone.id == settlement.status.zone)
    {
        zone.committed = zone.committed.minus(&settlement.spec.takes());
    }
    Ok(zones)
}
