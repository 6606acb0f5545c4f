//! The resource types, one file each.

mod dr_policy;
mod fleet;
mod settlement;
mod zone;

pub(crate) use dr_policy::DrPolicyResource;
pub(crate) use fleet::FleetResource;
pub(crate) use settlement::SettlementResource;
pub(crate) use zone::ZoneResource;

use muster_sdk::schema::{Attribute, list, nested, number, string};
use muster_sdk::{Diagnostic, Type};

use crate::model::ZoneView;
use crate::model::time::{parse_duration, parse_time};

/// The amounts of a zone's resources, all given by the provider.
fn amounts() -> Attribute {
    let amount = |text| number().computed().description(text);
    nested([
        ("cpu", amount("Cores.")),
        ("gpu", amount("GPUs.")),
        ("memory_gb", amount("Memory in GB.")),
        ("storage_gb", amount("Storage in GB.")),
    ])
    .computed()
}

/// How to find a zone.
fn placement() -> Attribute {
    nested([
        ("zones", list(Type::String).optional().description("Only these zones, by id.")),
        (
            "type",
            string()
                .optional()
                .one_of(["partner", "edge", "on-premise"])
                .description("Only zones of this type."),
        ),
        ("location", string().optional().description("Only zones at this location.")),
        (
            "strategy",
            string().optional().one_of(["cheapest", "most_available"]).description(
                "Which of the zones that fit: `cheapest` (the default) or `most_available`.",
            ),
        ),
    ])
    .optional()
}

/// A duration like `5m`.
fn duration() -> Attribute {
    string().check(|value| match value.as_str() {
        Some(text) => parse_duration(text).map(|_| ()),
        None => Ok(()),
    })
}

/// A time like `2034-01-15T10:00:00Z`.
fn time() -> Attribute {
    string().check(|value| match value.as_str() {
        Some(text) => parse_time(text).map(|_| ()),
        None => Ok(()),
    })
}

/// What a create must have left in the state.
fn missing_id(kind: &str) -> Diagnostic {
    Diagnostic::error(
        "Invalid stored object",
        format!("The stored {kind} has no id. The state was changed by hand, or is damaged."),
    )
}

/// Whether an object that sits in zones can follow a change of the list of its zones in place:
/// it keeps at least one of them. `None` when that cannot be told yet.
///
/// Zones that are not known yet do not exist yet; they are never the one it is in.
fn keeps_a_zone(held: &[String], wanted: &[muster_sdk::Field<String>]) -> bool {
    held.is_empty()
        || wanted.iter().any(|zone| match zone {
            muster_sdk::Field::Known(id) => held.contains(id),
            _ => false,
        })
}

/// A zone by id.
fn find<'a>(zones: &'a [ZoneView], id: &str) -> Option<&'a ZoneView> {
    zones.iter().find(|zone| zone.id == id)
}
