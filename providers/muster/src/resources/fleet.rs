use muster_sdk::schema::{Schema, bool, list, map, nested, nested_list, number, string};
use muster_sdk::{
    Context, Diagnostic, Diags, Failure, Field, Fields, Path, PlanChange, Resource, Type, error_at,
};
use serde::{Deserialize, Serialize};

use super::{duration, find, leaves_all, missing_id, placement, plan_token, take_token, targets};
use crate::client::{Client, diagnostic};
use crate::ledger::Entry;
use crate::model::{
    Capacity, Fleet, FleetSpec, Instance, Object, ZoneView, instance_type, instance_types,
};

/// `muster_fleet`
pub(crate) struct FleetResource;

/// The stored fleet.
#[derive(Serialize, Deserialize)]
pub(crate) struct FleetState {
    id: Option<String>,
    #[serde(flatten)]
    spec: FleetSpec,
    instances: Option<Vec<Instance>>,
    current_capacity: Option<u64>,
    status: Option<String>,
}

impl From<Object<Fleet>> for FleetState {
    fn from(fleet: Object<Fleet>) -> Self {
        Self {
            id: Some(fleet.id),
            spec: fleet.spec,
            instances: Some(fleet.status.instances),
            current_capacity: Some(fleet.status.current_capacity),
            status: Some(fleet.status.status),
        }
    }
}

impl Resource for FleetResource {
    type Client = Client;
    type State = FleetState;

    fn schema(&self) -> Schema {
        let percent = || number().optional().min(0).max(100);
        let instance = [
            ("id", string().computed()),
            (
                "zone",
                string()
                    .computed()
                    .description("Id of the zone it runs in."),
            ),
            ("instance_type", string().computed()),
            ("state", string().computed()),
        ];
        let spot = [
            (
                "percent",
                percent().description("Share of the capacity that may be spot."),
            ),
            ("max_price", number().optional().min(0)),
        ];
        let health_check = [
            ("path", string().optional()),
            ("port", number().optional().min(1).max(65535).whole()),
            ("interval", duration().optional()),
        ];
        let update_policy = [
            (
                "type",
                string()
                    .optional()
                    .one_of(["rolling", "replace", "opportunistic"]),
            ),
            ("min_healthy", percent()),
            ("max_surge", number().optional().min(0).whole()),
            ("checkpoints", list(Type::Number).optional()),
            ("auto_rollback", bool().optional()),
        ];
        Schema::builder()
            .description("A number of equal instances in one or more zones.")
            .attribute("id", string().computed().stable())
            .attribute("name", string().required().forces_replace().not_empty())
            .attribute("description", string().optional())
            .attribute(
                "zones",
                list(Type::String).optional().not_empty().description(
                    "Ids of the zones to spread over. A fleet that keeps none of its zones is \
                     replaced.",
                ),
            )
            .attribute("placement", placement().description("How to find a zone."))
            .attribute("instance_type", string().default("t3.medium"))
            .attribute("image", string().optional())
            .attribute(
                "capacity",
                number().default(3i64).min(0).max(100_000).whole(),
            )
            .attribute("spot", nested(spot).optional())
            .attribute(
                "networking",
                nested([
                    ("vpc_id", string().optional()),
                    ("subnet_ids", list(Type::String).optional()),
                ])
                .optional()
                .forces_replace(),
            )
            .attribute("health_check", nested(health_check).optional())
            .attribute("tags", map(Type::String).optional())
            .attribute("update_policy", nested(update_policy).optional())
            .attribute(
                "instances",
                nested_list(instance).computed().follows([
                    "capacity",
                    "instance_type",
                    "image",
                    "zones",
                    "placement",
                ]),
            )
            .attribute(
                "current_capacity",
                number().computed().follows(["instances"]),
            )
            .attribute("status", string().computed().follows(["instances"]))
            .identity(["id"])
            .build()
    }

    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let given = |name| config.value(name).is_some_and(|value| !value.is_null());
        if given("zones") == given("placement") {
            diags.push(error_at(
                config.path("zones"),
                "Invalid Attribute Combination",
                "A fleet needs to know where to run: give exactly one of \"zones\" and \
                 \"placement\".",
            ));
        }
    }

    async fn plan(
        &self,
        plan: &mut PlanChange<'_>,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        plan_token(plan, cx)?;
        if plan.is_noop() {
            return commit(plan, cx, None).await;
        }
        let zones = cx.client().zones_ahead().await;
        let zones = zones.map_err(|error| diagnostic("fleet", "planning", &error))?;
        if let Some(prior) = plan.prior() {
            let held = held(&prior)?;
            if let Some(path) = leaves_all(&plan.planned(), "zones", &held, &zones)? {
                plan.require_replace(path);
            }
            if plan.is_replace()
                && let Some(name) = prior.get::<String>("name")?.known()
            {
                cx.client().release::<Fleet>(&name);
            }
        }
        check_type(plan)?;
        check_room(plan, &zones)?;
        commit(plan, cx, Some(&zones)).await
    }

    async fn plan_destroy(
        &self,
        state: FleetState,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        cx.client().release::<Fleet>(&state.spec.name);
        Ok(())
    }

    async fn create(
        &self,
        planned: FleetState,
        cx: &mut Context<'_, Client>,
    ) -> Result<FleetState, Failure<FleetState>> {
        let token = take_token(cx);
        let made = cx.client().create::<Fleet>(&token, planned.spec).await?;
        Ok(made.into())
    }

    async fn read(
        &self,
        state: FleetState,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<FleetState>, Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("fleet"))?;
        Ok(cx.client().read::<Fleet>(&id).await?.map(FleetState::from))
    }

    async fn update(
        &self,
        prior: FleetState,
        planned: FleetState,
        cx: &mut Context<'_, Client>,
    ) -> Result<FleetState, Failure<FleetState>> {
        let id = prior.id.ok_or_else(|| missing_id("fleet"))?;
        Ok(cx.client().update::<Fleet>(&id, planned.spec).await?.into())
    }

    async fn delete(
        &self,
        state: FleetState,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("fleet"))?;
        cx.client().delete::<Fleet>(&id).await
    }

    async fn import(
        &self,
        id: &str,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<FleetState>, Diagnostic> {
        Ok(cx.client().read::<Fleet>(id).await?.map(FleetState::from))
    }
}

fn check_type(plan: &PlanChange<'_>) -> Result<(), Diagnostic> {
    let Some(name) = plan.planned().get::<String>("instance_type")?.known() else {
        return Ok(());
    };
    if instance_type(&name).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = instance_types().iter().map(|ty| ty.name).collect();
    let detail = format!(
        "There is no instance type {name:?}. There are: {}.",
        known.join(", ")
    );
    Err(error_at(
        Path::root().attr("instance_type"),
        "Invalid Attribute Value",
        detail,
    ))
}

/// The named zones must be able to hold the fleet at all, whatever else is in them.
fn check_room(plan: &PlanChange<'_>, zones: &[ZoneView]) -> Result<(), Diagnostic> {
    let planned = plan.planned();
    let (Some(ids), Some(capacity), Some(size)) = (
        planned.get::<Vec<Field<String>>>("zones")?.known(),
        planned.get::<u64>("capacity")?.known(),
        planned.get::<String>("instance_type")?.known(),
    ) else {
        return Ok(());
    };
    let mut offer = Capacity::ZERO;
    for id in ids {
        let Field::Known(id) = id else {
            return Ok(());
        };
        let Some(zone) = find(zones, &id) else {
            let detail = format!("There is no zone with the id {id:?}, and none is planned.");
            return Err(error_at(Path::root().attr("zones"), "Unknown Zone", detail));
        };
        offer = offer.plus(&zone.spec.offer());
    }
    let takes = instance_type(&size).map_or(Capacity::ZERO, |ty| ty.takes());
    let Some(short) = offer.lacks(&takes.times(capacity as f64)) else {
        return Ok(());
    };
    let detail = format!(
        "{capacity} instances of {size} need {} {}, and the zones have {} in all.",
        takes.times(capacity as f64).get(short),
        short.attribute(),
        offer.get(short)
    );
    Err(error_at(
        Path::root().attr("capacity"),
        "Fleet Larger Than Its Zones",
        detail,
    ))
}

/// Puts down what the fleet takes, as far as it can be told.
async fn commit(
    plan: &PlanChange<'_>,
    cx: &Context<'_, Client>,
    zones: Option<&[ZoneView]>,
) -> Result<(), Diagnostic> {
    let planned = plan.planned();
    let Some(name) = planned.get::<String>("name")?.known() else {
        return Ok(());
    };
    // A fleet that was placed once stays where it is.
    let targets = match held(&planned)? {
        held if !held.is_empty() && planned.value("placement").is_some_and(|p| !p.is_null()) => {
            Some(held)
        }
        _ => targets(&planned, "zones", zones.unwrap_or_default())?,
    };
    let (Some(targets), Some(capacity), Some(size)) = (
        targets,
        planned.get::<u64>("capacity")?.known(),
        planned.get::<String>("instance_type")?.known(),
    ) else {
        cx.client().release::<Fleet>(&name);
        return Ok(());
    };
    let each = instance_type(&size).map_or(Capacity::ZERO, |ty| ty.takes());
    let entry = Entry {
        zones: targets,
        takes: each.times(capacity as f64),
        changes: !plan.is_noop(),
    };
    let done = cx.client().commit::<Fleet>(&name, entry, "capacity", zones);
    done.await
        .map_err(|error| diagnostic("fleet", "planning", &error))
}

/// Ids of the zones that the fleet's instances are in; none when they are not known.
fn held(fleet: &Fields<'_>) -> Result<Vec<String>, Diagnostic> {
    let instances = fleet.get::<Vec<Instance>>("instances")?.known();
    let instances = instances.unwrap_or_default().into_iter();
    Ok(instances.map(|instance| instance.zone).collect())
}
