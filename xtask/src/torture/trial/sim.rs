//! Trials on the simulator.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use super::{Action, Existing, Ground, Stage, Trial};

/// The capacity that objects have before and after a change.
const BEFORE: u32 = 10;
const AFTER: u32 = 20;

/// Zones of which each of the second half comes after one of the first.
const CONFIG: &str = r#"terraform {
  required_providers {
    muster = { source = "muster/muster" }
  }
}
provider "muster" {
  sim { latency = "LATENCY" }
}
locals {
  capacity = { cpu = CPU, memory_gb = 10, storage_gb = 10 }
}
resource "muster_zone" "early" {
  count    = EARLY
  name     = "early-${count.index}"
  type     = "edge"
  location = "here-${count.index}"
  capacity = local.capacity
}
resource "muster_zone" "late" {
  count    = LATE
  name     = "late-${count.index}"
  type     = "edge"
  location = muster_zone.early[count.index].location
  capacity = local.capacity
}
"#;

/// What is looked at of a world.
#[derive(Deserialize)]
struct World {
    zones: BTreeMap<String, Zone>,
}

#[derive(Deserialize)]
struct Zone {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    name: String,
    capacity: Capacity,
}

#[derive(Deserialize)]
struct Capacity {
    cpu: f64,
}

/// The simulator, whose world is in the folder of a trial.
pub(crate) struct Sim;

impl Ground for Sim {
    fn configure(&self, trial: &Trial, stage: Stage, folder: &Path) -> Result<()> {
        let late = trial.objects / 2;
        let latency = match stage {
            Stage::Before => 0,
            Stage::After => trial.latency.as_millis(),
        };
        let text = CONFIG
            .replace("LATENCY", &format!("{latency}ms"))
            .replace("CPU", &cpu(trial.action, stage).to_string())
            .replace("EARLY", &(trial.objects - late).to_string())
            .replace("LATE", &late.to_string());
        Ok(std::fs::write(folder.join("main.tf"), text)?)
    }

    fn existing(&self, trial: &Trial, folder: &Path) -> Result<Vec<Existing>> {
        let path = folder.join(".muster/sim.json");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let world: World = serde_json::from_slice(&std::fs::read(&path)?)?;
        let wanted = f64::from(cpu(trial.action, Stage::After));
        let existing = world.zones.into_iter().map(|(id, zone)| Existing {
            name: zone.spec.name,
            id,
            right: zone.spec.capacity.cpu == wanted,
        });
        Ok(existing.collect())
    }

    fn clear(&self) -> Result<()> {
        // The folder is a new one.
        Ok(())
    }

    fn name_of(&self, addr: &str) -> Option<String> {
        let (name, index) = addr.strip_prefix("muster_zone.")?.split_once('[')?;
        Some(format!("{name}-{}", index.strip_suffix(']')?))
    }
}

fn cpu(action: Action, stage: Stage) -> u32 {
    match (action, stage) {
        (Action::Update, Stage::After) => AFTER,
        _ => BEFORE,
    }
}
