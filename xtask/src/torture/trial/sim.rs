//! Trials on the simulator.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use super::{Action, Engine, Trial, Verdict};

/// What exists, by id.
type Zones = Map<String, Value>;

/// The capacity that objects have before and after a change.
const BEFORE: f64 = 10.0;
const AFTER: f64 = 20.0;

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

/// Brings a folder to where the run that is killed begins.
pub(super) fn prepare(engine: &Engine, trial: &Trial, folder: &Path) -> Result<()> {
    if trial.action != Action::Create {
        configure(folder, trial.objects, "0s", BEFORE)?;
        let made = engine.run(folder, Action::Create.command(), "made.txt")?;
        if made.code != Some(0) {
            bail!("the objects cannot be made: {}", made.said);
        }
    }
    let latency = format!("{}ms", trial.latency.as_millis());
    configure(folder, trial.objects, &latency, wanted(trial.action))
}

fn configure(folder: &Path, objects: usize, latency: &str, cpu: f64) -> Result<()> {
    let late = objects / 2;
    let text = CONFIG
        .replace("LATENCY", latency)
        .replace("CPU", &cpu.to_string())
        .replace("EARLY", &(objects - late).to_string())
        .replace("LATE", &late.to_string());
    Ok(std::fs::write(folder.join("main.tf"), text)?)
}

fn wanted(action: Action) -> f64 {
    match action {
        Action::Update => AFTER,
        Action::Create | Action::Destroy => BEFORE,
    }
}

/// Compares what exists with what is in the state.
pub(super) fn judge(trial: &Trial, folder: &Path, verdict: &mut Verdict) {
    let world = document(&folder.join(".muster/sim.json"), verdict);
    let zones = world["zones"].as_object().cloned().unwrap_or_default();
    let state = document(&folder.join("terraform.tfstate"), verdict);
    let recorded = recorded(&state);
    let names: BTreeSet<&str> = zones
        .values()
        .filter_map(|z| z["spec"]["name"].as_str())
        .collect();
    verdict.doubled = zones.len() - names.len();
    if verdict.doubled > 0 {
        verdict.blame(format!("{} objects exist twice", verdict.doubled));
    }
    let known: BTreeSet<&str> = recorded.iter().copied().collect();
    let unknown = |id: &&str| !known.contains(id);
    let orphans: Vec<&str> = zones.keys().map(String::as_str).filter(unknown).collect();
    verdict.orphaned = orphans.len();
    if !orphans.is_empty() {
        verdict.blame(format!("in no state: {}", orphans.join(", ")));
    }
    judge_state(trial, &zones, &recorded, verdict);
}

fn judge_state(trial: &Trial, zones: &Zones, recorded: &[&str], verdict: &mut Verdict) {
    let expected = match trial.action {
        Action::Destroy => 0,
        Action::Create | Action::Update => trial.objects,
    };
    let is_right = |id: &&&str| {
        let zone = zones.get(**id);
        zone.is_some_and(|zone| {
            zone["spec"]["capacity"]["cpu"].as_f64() == Some(wanted(trial.action))
        })
    };
    let right = recorded.iter().filter(is_right).count();
    verdict.wrong = recorded.len().max(expected) - right;
    if verdict.wrong > 0 || recorded.len() != expected {
        verdict.blame(format!(
            "the state has {} of {expected} objects, and {right} of them are right",
            recorded.len()
        ));
    }
}

/// The ids of the objects in a state.
fn recorded(state: &Value) -> Vec<&str> {
    let resources = state["resources"].as_array().into_iter().flatten();
    let instances = resources.flat_map(|r| r["instances"].as_array().into_iter().flatten());
    instances
        .map(|instance| instance["attributes"]["id"].as_str().unwrap_or_default())
        .collect()
}

/// A JSON file; nothing if it is not there or empty.
fn document(path: &Path, verdict: &mut Verdict) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_else(|error| {
        verdict.blame(format!("{}: {error}", path.display()));
        Value::Null
    })
}
