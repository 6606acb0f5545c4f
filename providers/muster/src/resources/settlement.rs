mod checks;

use muster_sdk::schema::{Schema, bool, list, map, nested, nested_list, number, string};
use muster_sdk::{
    Context, Diagnostic, Diags, Failure, Fields, PlanChange, Resource, Type, error_at,
};
use serde::{Deserialize, Serialize};

use self::checks::{check_size, check_time, commit_held, commit_new, refuse_early_end};
use super::{leaves_all, missing_id, placement, plan_token, take_token, time};
use crate::client::{Client, diagnostic};
use crate::model::{Access, Object, Settlement, SettlementSpec};

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
            .identity(["id"])
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
