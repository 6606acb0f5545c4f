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
use muster_sdk::{Context, Diagnostic, Fault, Field, Fields, Path, PlanChange, Type};
use uuid::Uuid;

use crate::client::Client;
use crate::model::time::{parse_duration, parse_time};
use crate::model::{Placement, ZoneView};

/// Under which name a planned create keeps its idempotency token. Engines that know the name
/// resume a create that was interrupted.
const TOKEN: &str = "idempotency_token";

/// Gives a create that is being planned a token that no other create has.
///
/// The token tells a repeated apply of one plan, which finds what the first has made, from
/// another resource or another state that wants an object of the same name, which is refused.
fn plan_token(plan: &PlanChange<'_>, cx: &mut Context<'_, Client>) -> Result<(), Diagnostic> {
    // Engines plan once more before they apply. One that shows the first plan again keeps its
    // token; with all others the last plan before the apply has the say.
    if !plan.is_create() || cx.private.get::<String>(TOKEN).is_some() {
        return Ok(());
    }
    let token = Uuid::new_v4().to_string();
    let kept = cx.private.set(TOKEN, &token);
    kept.map_err(|error| Fault::new(error.to_string()).into())
}

/// The token of a create. It is spent with that: what was made later is never taken for it.
fn take_token(cx: &mut Context<'_, Client>) -> String {
    let planned = cx.private.get(TOKEN);
    cx.private.remove(TOKEN);
    planned.unwrap_or_else(|| Uuid::new_v4().to_string())
}

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
        (
            "zones",
            list(Type::String)
                .optional()
                .description("Only these zones, by id."),
        ),
        (
            "type",
            string()
                .optional()
                .one_of(["partner", "edge", "on-premise"])
                .description("Only zones of this type."),
        ),
        (
            "location",
            string()
                .optional()
                .description("Only zones at this location."),
        ),
        (
            "strategy",
            string()
                .optional()
                .one_of(["cheapest", "most_available"])
                .description(
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

/// Where a plan takes an object out of every zone that holds it, so that it has to be made anew:
/// a list of zones (`attribute`), or the choice in `placement`. `None` when it keeps one of its
/// zones, or is in none.
///
/// A list that is not known yet, because something it comes from changes as well, is taken to
/// keep every zone that will still be there.
fn leaves_all(
    planned: &Fields<'_>,
    attribute: &str,
    held: &[String],
    ahead: &[ZoneView],
) -> Result<Option<Path>, Fault> {
    let (named, path) = match planned.get::<Vec<Field<String>>>(attribute)? {
        Field::Null => match planned.object("placement") {
            Some(placement) => (placement.get("zones")?, planned.path("placement")),
            None => return Ok(None),
        },
        named => (named, planned.path(attribute)),
    };
    let lasts = |id: &String| find(ahead, id).is_some();
    let keeps = match named {
        Field::Null => true,
        Field::Unknown => held.iter().any(lasts),
        Field::Known(zones) => {
            let kept = |zone: &Field<String>| matches!(zone, Field::Known(id) if held.contains(id));
            zones.iter().any(kept)
                || (zones.iter().any(Field::is_unknown) && held.iter().any(lasts))
        }
    };
    Ok((!keeps && !held.is_empty()).then_some(path))
}

/// The zones that a placement chooses among.
fn admitted<'a>(placement: &Placement, zones: &'a [ZoneView]) -> Vec<&'a ZoneView> {
    let fits = |zone: &&ZoneView| {
        let (ids, kind, location) = (&placement.zones, &placement.kind, &placement.location);
        ids.as_ref().is_none_or(|ids| ids.contains(&zone.id))
            && kind.as_ref().is_none_or(|kind| *kind == zone.spec.kind)
            && location.as_ref().is_none_or(|at| *at == zone.spec.location)
    };
    zones.iter().filter(fits).collect()
}

/// Ids of the zones that a planned object may come into: those of a list of zones (`attribute`),
/// or those that `placement` chooses among. `None` as long as that cannot be told.
fn targets(
    planned: &Fields<'_>,
    attribute: &str,
    zones: &[ZoneView],
) -> Result<Option<Vec<String>>, Fault> {
    let ids: Option<Vec<String>> = match planned.get::<Vec<Field<String>>>(attribute)? {
        Field::Known(ids) => ids.into_iter().map(Field::known).collect(),
        Field::Unknown => None,
        Field::Null => planned
            .object("placement")
            .and_then(|placement| placement.parse().ok())
            .map(|placement| {
                let zones = admitted(&placement, zones).into_iter();
                zones.map(|zone| zone.id.clone()).collect()
            }),
    };
    Ok(ids.filter(|ids| !ids.is_empty()))
}

/// A zone by id.
fn find<'a>(zones: &'a [ZoneView], id: &str) -> Option<&'a ZoneView> {
    zones.iter().find(|zone| zone.id == id)
}

#[cfg(test)]
mod tests {
    use muster_sdk::Value;

    use super::*;

    fn zone(id: &str) -> ZoneView {
        ZoneView {
            id: id.into(),
            spec: crate::conformance::zone(id, 1.0, 0.0),
            committed: crate::model::Capacity::ZERO,
        }
    }

    #[track_caller]
    fn check(wanted: Value, ahead: &[ZoneView], expect: Option<&str>) {
        let planned = Value::object([("zones", wanted)]);
        let held = ["a".to_owned(), "b".to_owned()];
        let found = leaves_all(&Fields::new(&planned), "zones", &held, ahead).unwrap();
        assert_eq!(found.map(|path| path.to_string()).as_deref(), expect);
    }

    #[test]
    fn an_object_that_keeps_a_zone_stays() {
        let list = |items| Value::list(Type::String, items);
        let unknown = || Value::unknown(Type::String);
        let (there, gone) = ([zone("a"), zone("c")], [zone("c")]);
        check(list(vec!["b".into(), "c".into()]), &gone, None);
        check(list(vec!["c".into()]), &there, Some(".zones"));
        check(list(vec!["b".into(), unknown()]), &gone, None);
        check(list(vec![unknown()]), &there, None);
        check(list(vec![unknown()]), &gone, Some(".zones"));
        check(Value::unknown(Type::list(Type::String)), &there, None);
        check(
            Value::unknown(Type::list(Type::String)),
            &gone,
            Some(".zones"),
        );
        check(Value::Null(Type::list(Type::String)), &gone, None);
    }
}
