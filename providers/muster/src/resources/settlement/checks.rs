//! What a plan of a settlement must come up to.

use std::time::{SystemTime, UNIX_EPOCH};

use muster_sdk::{Context, Diagnostic, Field, Fields, Path, error_at};

use super::SettlementState;
use crate::client::{Client, diagnostic};
use crate::ledger::Entry;
use crate::model::time::parse_time;
use crate::model::{Capacity, Placement, Resource as Amount, Settlement, ZoneView, has_begun};
use crate::resources::{admitted, find, targets};

/// A delivery that has begun is not ended, nor given up for another one, unless the settlement
/// as it is now allows that.
pub(super) fn refuse_early_end(state: &SettlementState) -> Result<(), Diagnostic> {
    let begun = state.state.as_deref().is_some_and(has_begun);
    if !begun || state.spec.early_termination {
        return Ok(());
    }
    Err(error_at(
        Path::root().attr("early_termination"),
        "Settlement Has Begun",
        format!(
            "The delivery of {} has begun, and the contract holds until {}. To end it before \
             that, set \"early_termination\" to true, apply, and destroy or replace it then.",
            state.spec.contract_id,
            state.end_time.as_deref().unwrap_or_default()
        ),
    ))
}

/// A delivery that has ended before it was asked for cannot be made.
pub(super) fn check_time(planned: &Fields<'_>) -> Result<(), Diagnostic> {
    let (Some(start), Some(hours)) = (
        planned.get::<String>("start_time")?.known(),
        planned.get::<f64>("duration_hours")?.known(),
    ) else {
        return Ok(());
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    match parse_time(&start) {
        Ok(seconds) if seconds as f64 + hours * 3600.0 <= now => Err(error_at(
            Path::root().attr("start_time"),
            "Invalid Attribute Value",
            format!("A delivery of {hours} hours from {start} on lies wholly in the past."),
        )),
        _ => Ok(()),
    }
}

/// Some zone must be able to hold the settlement, whatever else is in it.
pub(super) fn check_size(planned: &Fields<'_>, zones: &[ZoneView]) -> Result<(), Diagnostic> {
    let (Some(resource), Some(quantity)) = (
        planned.get::<Amount>("resource_type")?.known(),
        planned.get::<f64>("quantity")?.known(),
    ) else {
        return Ok(());
    };
    let Some(eligible) = eligible(planned, zones)? else {
        return Ok(());
    };
    let offer = |zone: &&ZoneView| zone.spec.offer().get(resource);
    let Some(largest) = eligible.iter().max_by(|a, b| offer(a).total_cmp(&offer(b))) else {
        return Ok(());
    };
    if offer(largest) >= quantity {
        return Ok(());
    }
    let unit = resource.attribute();
    let detail = format!(
        "The contract asks for {quantity} {unit}, and the largest zone for it, {:?}, has {}. If a \
         zone of this configuration is meant to hold it, refer to that zone here.",
        largest.spec.name,
        offer(largest)
    );
    Err(error_at(
        Path::root().attr("quantity"),
        "Settlement Larger Than Any Zone",
        detail,
    ))
}

/// Puts down what a new settlement takes, as far as it can be told.
pub(super) async fn commit_new(
    planned: &Fields<'_>,
    cx: &Context<'_, Client>,
    zones: &[ZoneView],
) -> Result<(), Diagnostic> {
    let Some(contract) = planned.get::<String>("contract_id")?.known() else {
        return Ok(());
    };
    let (Some(resource), Some(quantity), Some(targets)) = (
        planned.get::<Amount>("resource_type")?.known(),
        planned.get::<f64>("quantity")?.known(),
        targets(planned, "provider_priority", zones)?,
    ) else {
        cx.client().release::<Settlement>(&contract);
        return Ok(());
    };
    let entry = Entry {
        zones: targets,
        takes: Capacity::of(resource, quantity),
        changes: true,
    };
    let client = cx.client();
    let done = client.commit::<Settlement>(&contract, entry, "quantity", Some(zones));
    done.await
        .map_err(|error| diagnostic("settlement", "planning", &error))
}

/// Puts down what a settlement that stays takes from the zone that holds it.
pub(super) async fn commit_held(
    state: &SettlementState,
    changes: bool,
    cx: &Context<'_, Client>,
) -> Result<(), Diagnostic> {
    let contract = &state.spec.contract_id;
    let over = |state: &str| matches!(state, "SETTLED" | "CANCELLED" | "DEFAULTED");
    let zone = match (&state.zone, &state.state) {
        (Some(zone), Some(state)) if !over(state) => zone.clone(),
        _ => {
            cx.client().release::<Settlement>(contract);
            return Ok(());
        }
    };
    let entry = Entry {
        zones: vec![zone],
        takes: state.spec.takes(),
        changes,
    };
    let client = cx.client();
    let done = client.commit::<Settlement>(contract, entry, "quantity", None);
    done.await
        .map_err(|error| diagnostic("settlement", "planning", &error))
}

/// The zones that a settlement may come into. `None` when that cannot be told yet.
fn eligible<'a>(
    planned: &Fields<'_>,
    zones: &'a [ZoneView],
) -> Result<Option<Vec<&'a ZoneView>>, Diagnostic> {
    match planned.get::<Vec<Field<String>>>("provider_priority")? {
        Field::Known(ids) => {
            let mut found = Vec::new();
            for id in ids {
                let Field::Known(id) = id else {
                    return Ok(Some(zones.iter().collect()));
                };
                found.push(find(zones, &id).ok_or_else(|| {
                    error_at(
                        Path::root().attr("provider_priority"),
                        "Unknown Zone",
                        format!("There is no zone with the id {id:?}, and none is planned."),
                    )
                })?);
            }
            Ok(Some(found))
        }
        // It depends on zones, or on a choice among zones, that were planned before.
        Field::Unknown => Ok(Some(zones.iter().collect())),
        Field::Null => {
            let Some(placement) = planned.object("placement") else {
                return Ok(None);
            };
            let Ok(placement) = placement.parse::<Placement>() else {
                return Ok(None);
            };
            Ok(Some(admitted(&placement, zones)))
        }
    }
}
