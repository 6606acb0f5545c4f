use std::time::{SystemTime, UNIX_EPOCH};

use muster_sdk::schema::{Schema, bool, list, map, nested, nested_list, number, string};
use muster_sdk::{
    Context, Diagnostic, Diags, Failure, Field, Fields, Path, PlanChange, Resource, Type, error_at,
};
use serde::{Deserialize, Serialize};

use super::{
    admitted, find, leaves_all, missing_id, placement, plan_token, take_token, targets, time,
};
use crate::client::{Client, diagnostic};
use crate::ledger::Entry;
use crate::model::time::parse_time;
use crate::model::{
    Access, Capacity, Object, Placement, Resource as Amount, Settlement, SettlementSpec, ZoneView,
    has_begun,
};

/// `muster_settlement`
pub(crate) struct SettlementResource;

/// The stored settlement.
#[derive(Serialize, Deserialize)]
pub(crate) struct SettlementState {
    id: Option<String>,
    #[serde(flatten)]
    spec: SettlementSpec,
    state: Option<String>,
    zone: Option<String>,
    network: Option<String>,
    end_time: Option<String>,
    uptime: Option<f64>,
    penalty: Option<f64>,
    access: Option<Access>,
}

impl From<Object<Settlement>> for SettlementState {
    fn from(settlement: Object<Settlement>) -> Self {
        let status = settlement.status;
        Self {
            id: Some(settlement.id),
            spec: SettlementSpec {
                start_time: Some(status.start_time),
                ..settlement.spec
            },
            state: Some(status.state),
            zone: Some(status.zone),
            network: Some(status.network),
            end_time: Some(status.end_time),
            uptime: status.uptime,
            penalty: Some(status.penalty),
            access: status.access,
        }
    }
}

impl Resource for SettlementResource {
    type Client = Client;
    type State = SettlementState;

    fn schema(&self) -> Schema {
        let penalty_tier = [
            (
                "below",
                number()
                    .required()
                    .min(0)
                    .max(100)
                    .description("Uptime in percent."),
            ),
            (
                "penalty",
                number()
                    .required()
                    .min(0)
                    .max(100)
                    .description("Percent of the price."),
            ),
        ];
        let sla = [
            (
                "uptime",
                number()
                    .optional()
                    .min(0)
                    .max(100)
                    .description("In percent."),
            ),
            (
                "latency",
                number().optional().min(0).description("In milliseconds."),
            ),
            ("penalty_tiers", nested_list(penalty_tier).optional()),
        ];
        let access = [
            ("ssh", string().computed()),
            ("jupyter", string().computed()),
            ("monitoring", string().computed()),
            ("token", string().computed()),
        ];
        Schema::builder()
            .description("The physical delivery of a compute contract.")
            .attribute("id", string().computed().stable())
            .attribute(
                "contract_id",
                string().required().forces_replace().not_empty(),
            )
            .attribute("buyer_id", string().required().forces_replace().not_empty())
            .attribute(
                "resource_type",
                string()
                    .required()
                    .forces_replace()
                    .one_of(["cpu", "gpu", "memory", "storage"])
                    .description("`cpu` (cores), `gpu`, `memory` (GB) or `storage` (GB)."),
            )
            .attribute(
                "quantity",
                number().required().forces_replace().check(positive),
            )
            .attribute(
                "start_time",
                time()
                    .optional()
                    .computed()
                    .stable()
                    .forces_replace()
                    .description("When delivery begins (RFC 3339); at once when left out."),
            )
            .attribute(
                "duration_hours",
                number().required().forces_replace().check(positive),
            )
            .attribute(
                "provider_priority",
                list(Type::String).optional().not_empty().description(
                    "Ids of the zones to try, best first. A settlement whose zone is no longer \
                     among them is replaced.",
                ),
            )
            .attribute("placement", placement().description("How to find a zone."))
            .attribute(
                "isolation",
                string()
                    .default("vpc")
                    .one_of(["shared", "vpc", "dedicated"]),
            )
            .attribute(
                "sla",
                nested(sla).optional().description("What was promised."),
            )
            .attribute(
                "on_end",
                string()
                    .default("terminate")
                    .one_of(["snapshot", "terminate"]),
            )
            .attribute(
                "early_termination",
                bool()
                    .default(false)
                    .description("May be destroyed after it has begun."),
            )
            .attribute("tags", map(Type::String).optional())
            .attribute("state", string().computed())
            .attribute(
                "zone",
                string().computed().stable().description("Id of the zone."),
            )
            .attribute("network", string().computed().stable())
            .attribute("end_time", string().computed().stable())
            .attribute(
                "uptime",
                number().computed().description("So far, in percent."),
            )
            .attribute("penalty", number().computed().description("So far."))
            .attribute("access", nested(access).computed().sensitive())
            .build()
    }

    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let given = |name| config.value(name).is_some_and(|value| !value.is_null());
        if given("provider_priority") == given("placement") {
            diags.push(error_at(
                config.path("provider_priority"),
                "Invalid Attribute Combination",
                "A settlement needs to know where to look: give exactly one of \
                 \"provider_priority\" and \"placement\".",
            ));
        }
    }

    async fn plan(
        &self,
        plan: &mut PlanChange<'_>,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        plan_token(plan, cx)?;
        if let (true, Some(prior)) = (plan.is_noop(), plan.prior()) {
            return commit_held(&prior.parse()?, false, cx).await;
        }
        let zones = cx.client().zones_ahead().await;
        let zones = zones.map_err(|error| diagnostic("settlement", "planning", &error))?;
        if let Some(prior) = plan.prior() {
            let held: Vec<String> = prior.get::<String>("zone")?.known().into_iter().collect();
            let left = leaves_all(&plan.planned(), "provider_priority", &held, &zones)?;
            if let Some(path) = left {
                plan.require_replace(path);
            }
            let state: SettlementState = prior.parse()?;
            if !plan.is_replace() {
                return commit_held(&state, true, cx).await;
            }
            // What comes in its place is planned next, as a create.
            cx.client().release::<Settlement>(&state.spec.contract_id);
            return refuse_early_end(&state);
        }
        let planned = plan.planned();
        check_time(&planned)?;
        check_size(&planned, &zones)?;
        commit_new(&planned, cx, &zones).await
    }

    async fn plan_destroy(
        &self,
        state: SettlementState,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        cx.client().release::<Settlement>(&state.spec.contract_id);
        refuse_early_end(&state)
    }

    async fn create(
        &self,
        planned: SettlementState,
        cx: &mut Context<'_, Client>,
    ) -> Result<SettlementState, Failure<SettlementState>> {
        let token = take_token(cx);
        let made = cx
            .client()
            .create::<Settlement>(&token, planned.spec)
            .await?;
        Ok(made.into())
    }

    async fn read(
        &self,
        state: SettlementState,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<SettlementState>, Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("settlement"))?;
        Ok(cx
            .client()
            .read::<Settlement>(&id)
            .await?
            .map(SettlementState::from))
    }

    async fn update(
        &self,
        prior: SettlementState,
        planned: SettlementState,
        cx: &mut Context<'_, Client>,
    ) -> Result<SettlementState, Failure<SettlementState>> {
        let id = prior.id.ok_or_else(|| missing_id("settlement"))?;
        Ok(cx
            .client()
            .update::<Settlement>(&id, planned.spec)
            .await?
            .into())
    }

    async fn delete(
        &self,
        state: SettlementState,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("settlement"))?;
        cx.client().delete::<Settlement>(&id).await
    }

    async fn import(
        &self,
        id: &str,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<SettlementState>, Diagnostic> {
        Ok(cx
            .client()
            .read::<Settlement>(id)
            .await?
            .map(SettlementState::from))
    }
}

fn positive(value: &muster_sdk::Value) -> Result<(), String> {
    match value.as_number() {
        Some(n) if n.to_f64() <= 0.0 => Err(format!("must be more than 0, and is {n}")),
        _ => Ok(()),
    }
}

/// A delivery that has begun is not ended, nor given up for another one, unless the settlement
/// as it is now allows that.
fn refuse_early_end(state: &SettlementState) -> Result<(), Diagnostic> {
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
fn check_time(planned: &Fields<'_>) -> Result<(), Diagnostic> {
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
fn check_size(planned: &Fields<'_>, zones: &[ZoneView]) -> Result<(), Diagnostic> {
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
async fn commit_new(
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
async fn commit_held(
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
