use std::sync::Arc;
use std::time::Duration;

use muster_sdk::schema::{Block, Schema, string};
use muster_sdk::{Diags, Field, Fields, Path, Provider, Registry, error_at};

use crate::client::Client;
use crate::data::{CapacityData, PlacementData};
use crate::drivers::sim::Sim;
use crate::ephemeral::ZoneTokenResource;
use crate::functions::{DurationSeconds, Fits};
use crate::model::time::parse_duration;
use crate::resources::{DrPolicyResource, FleetResource, SettlementResource, ZoneResource};

/// Where the simulator keeps its world when the configuration says nothing: beside the state.
const DEFAULT_SIM: &str = ".muster/sim.json";

/// The provider of zones, fleets, settlements and DR policies.
pub struct MusterProvider;

impl Provider for MusterProvider {
    type Client = Client;

    fn schema(&self) -> Schema {
        let sim = Block::single()
            .description("The embedded simulator.")
            .attribute(
                "path",
                string().optional().not_empty().description(
                    "The file that holds the simulated world; `.muster/sim.json` in the working \
                     directory when left out.",
                ),
            )
            .attribute(
                "latency",
                string()
                    .optional()
                    .check(|value| match value.as_str() {
                        Some(text) => parse_duration(text).map(|_| ()),
                        None => Ok(()),
                    })
                    .description("How long every change takes, like `2s`; no time by default."),
            );
        Schema::builder()
            .description("Compute zones and what runs in them.")
            .block("sim", sim)
            .build()
    }

    async fn configure(&self, config: Fields<'_>) -> Result<Client, Diags> {
        let sim = sim_settings(&config)?;
        let mut driver = Sim::new(sim.path);
        if let Some(latency) = sim.latency {
            driver = driver.with_latency(latency);
        }
        Ok(Client::new(Arc::new(driver)))
    }

    fn register(&self, registry: &mut Registry<Client>) {
        registry
            .resource("muster_zone", ZoneResource)
            .resource("muster_fleet", FleetResource)
            .resource("muster_settlement", SettlementResource)
            .resource("muster_dr_policy", DrPolicyResource)
            .data_source("muster_capacity", CapacityData)
            .data_source("muster_placement", PlacementData)
            .ephemeral_resource("muster_zone_token", ZoneTokenResource)
            .function("duration_seconds", DurationSeconds)
            .function("fits", Fits);
    }
}

struct SimSettings {
    path: String,
    latency: Option<Duration>,
}

fn sim_settings(config: &Fields<'_>) -> Result<SimSettings, Diags> {
    let default = SimSettings {
        path: DEFAULT_SIM.into(),
        latency: None,
    };
    let Some(sim) = config.object("sim") else {
        return Ok(default);
    };
    let fault = |fault: muster_sdk::Fault| Diags::from(muster_sdk::Diagnostic::from(fault));
    let path = match sim.get::<String>("path").map_err(fault)? {
        Field::Known(path) => path,
        Field::Null => default.path,
        Field::Unknown => {
            let path = Path::root().attr("sim").attr("path");
            let detail = "The simulator's file must be known before anything can be planned.";
            return Err(error_at(path, "Invalid Provider Configuration", detail).into());
        }
    };
    let latency = sim.get::<String>("latency").map_err(fault)?.known();
    let seconds = latency.and_then(|text| parse_duration(&text).ok());
    Ok(SimSettings {
        path,
        latency: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    })
}
