use muster_sdk::schema::{Attribute, Block, Schema, bool, list, nested, number, string};
use muster_sdk::{
    Context, Diagnostic, Diags, Failure, Field, Fields, Path, PlanChange, Resource, Type, error_at,
};
use serde::{Deserialize, Serialize};

use super::{duration, find, missing_id, plan_token, take_token};
use crate::client::{Client, diagnostic};
use crate::model::time::parse_duration;
use crate::model::{DrPolicy, DrSpec, Object};

/// `muster_dr_policy`
pub(crate) struct DrPolicyResource;

/// The stored DR policy.
#[derive(Serialize, Deserialize)]
pub(crate) struct DrState {
    id: Option<String>,
    #[serde(flatten)]
    spec: DrSpec,
    current_site: Option<String>,
    state: Option<String>,
    lag: Option<String>,
    last_test: Option<String>,
    achieved_rpo: Option<String>,
    achieved_rto: Option<String>,
}

impl From<Object<DrPolicy>> for DrState {
    fn from(policy: Object<DrPolicy>) -> Self {
        let status = policy.status;
        Self {
            id: Some(policy.id),
            spec: policy.spec,
            current_site: Some(status.current_site),
            state: Some(status.state),
            lag: status.lag,
            last_test: status.last_test,
            achieved_rpo: status.achieved_rpo,
            achieved_rto: status.achieved_rto,
        }
    }
}

impl Resource for DrPolicyResource {
    type Client = Client;
    type State = DrState;

    fn schema(&self) -> Schema {
        let site = |text| string().required().forces_replace().description(text);
        Schema::builder()
            .description("How objects of one zone survive its loss.")
            .attribute("id", string().computed().stable())
            .attribute("name", string().required().forces_replace().not_empty())
            .attribute("primary_site", site("Id of the zone that is protected."))
            .attribute("dr_site", site("Id of the zone that takes over."))
            .attribute(
                "protects",
                list(Type::String)
                    .required()
                    .not_empty()
                    .description("Ids of the fleets and settlements that move."),
            )
            .attribute(
                "rpo",
                duration()
                    .required()
                    .description("The most data to lose: `5m`."),
            )
            .attribute(
                "rto",
                duration()
                    .required()
                    .description("The longest outage: `10m`."),
            )
            .attribute("backup_interval", duration().default("1h"))
            .attribute(
                "replication",
                bool()
                    .default(false)
                    .description("Whether data is replicated all the time."),
            )
            .attribute(
                "auto_failover",
                bool()
                    .default(false)
                    .description("Whether a failover begins by itself."),
            )
            .attribute("health_check", health_check())
            .attribute(
                "dns",
                nested([
                    ("record", string().required()),
                    ("ttl", duration().optional()),
                ])
                .optional(),
            )
            .block("group", group())
            .attribute(
                "current_site",
                string()
                    .computed()
                    .stable()
                    .description("Id of the zone that serves now. No plan ever moves it."),
            )
            .attribute("state", string().computed())
            .attribute("lag", string().computed())
            .attribute("last_test", string().computed())
            .attribute("achieved_rpo", string().computed())
            .attribute("achieved_rto", string().computed())
            .identity(["id"])
            .build()
    }

    fn validate(&self, config: Fields<'_>, diags: &mut Diags) {
        let mut check = |found: Result<Option<Diagnostic>, Diagnostic>| match found {
            Ok(None) => {}
            Ok(Some(diagnostic)) | Err(diagnostic) => diags.push(diagnostic),
        };
        check(same_site(&config));
        check(rpo_without_backups(&config));
        check(rto_without_time(&config));
    }

    async fn plan(
        &self,
        plan: &mut PlanChange<'_>,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        plan_token(plan, cx)?;
        let planned = plan.planned();
        if let Some(diagnostic) = same_site(&planned)? {
            return Err(diagnostic);
        }
        if !plan.is_create() {
            return Ok(());
        }
        let zones = cx.client().zones_ahead().await;
        let zones = zones.map_err(|error| diagnostic("dr_policy", "planning", &error))?;
        for name in ["primary_site", "dr_site"] {
            if let Some(id) = planned.get::<String>(name)?.known()
                && find(&zones, &id).is_none()
            {
                let detail = format!("There is no zone with the id {id:?}, and none is planned.");
                return Err(error_at(Path::root().attr(name), "Unknown Zone", detail));
            }
        }
        Ok(())
    }

    async fn create(
        &self,
        planned: DrState,
        cx: &mut Context<'_, Client>,
    ) -> Result<DrState, Failure<DrState>> {
        let token = take_token(cx);
        let made = cx.client().create::<DrPolicy>(&token, planned.spec).await?;
        Ok(made.into())
    }

    async fn read(
        &self,
        state: DrState,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<DrState>, Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("DR policy"))?;
        Ok(cx.client().read::<DrPolicy>(&id).await?.map(DrState::from))
    }

    async fn update(
        &self,
        prior: DrState,
        planned: DrState,
        cx: &mut Context<'_, Client>,
    ) -> Result<DrState, Failure<DrState>> {
        let id = prior.id.ok_or_else(|| missing_id("DR policy"))?;
        Ok(cx
            .client()
            .update::<DrPolicy>(&id, planned.spec)
            .await?
            .into())
    }

    async fn delete(&self, state: DrState, cx: &mut Context<'_, Client>) -> Result<(), Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("DR policy"))?;
        cx.client().delete::<DrPolicy>(&id).await
    }

    async fn import(
        &self,
        id: &str,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<DrState>, Diagnostic> {
        Ok(cx.client().read::<DrPolicy>(id).await?.map(DrState::from))
    }
}

/// Time between two checks when the configuration says nothing.
const INTERVAL: &str = "30s";

/// Failed checks that make a loss when the configuration says nothing.
const THRESHOLD: u64 = 3;

fn health_check() -> Attribute {
    nested([
        (
            "interval",
            duration()
                .default(INTERVAL)
                .description("Time between two checks."),
        ),
        (
            "threshold",
            number()
                .default(THRESHOLD as i64)
                .min(1)
                .whole()
                .description("Failed checks in a row that make a loss."),
        ),
    ])
    .optional()
}

fn group() -> Block {
    Block::list()
        .description("A step of the recovery; groups are worked on in their order.")
        .attribute("order", number().required().whole())
        .attribute("members", list(Type::String).optional())
        .attribute("pre", list(Type::String).optional())
        .attribute("post", list(Type::String).optional())
        .attribute("approval", bool().optional())
}

fn same_site(fields: &Fields<'_>) -> Result<Option<Diagnostic>, Diagnostic> {
    let primary = fields.get::<String>("primary_site")?.known();
    let other = fields.get::<String>("dr_site")?.known();
    Ok(match (primary, other) {
        (Some(primary), Some(other)) if primary == other => Some(error_at(
            fields.path("dr_site"),
            "DR Site Is the Primary Site",
            format!("The zone {other:?} cannot take over from itself: choose another one."),
        )),
        _ => None,
    })
}

/// Without replication a failover goes back to the last backup.
fn rpo_without_backups(fields: &Fields<'_>) -> Result<Option<Diagnostic>, Diagnostic> {
    let replication = fields.get::<bool>("replication")?.or(false);
    let rpo = fields.get::<String>("rpo")?.known();
    let interval = fields.get::<String>("backup_interval")?.or("1h".into());
    let (Some(false), Some(rpo), Some(interval)) = (replication, rpo, interval) else {
        return Ok(None);
    };
    let (Ok(allowed), Ok(lost)) = (parse_duration(&rpo), parse_duration(&interval)) else {
        return Ok(None);
    };
    Ok((lost > allowed).then(|| {
        error_at(
            fields.path("rpo"),
            "RPO Cannot Be Met",
            format!(
                "A backup every {interval} can lose {interval} of data, more than the {rpo} \
                 allowed. Back up at least every {rpo}, or turn \"replication\" on."
            ),
        )
    }))
}

/// The time until a loss is noticed is part of the outage.
fn rto_without_time(fields: &Fields<'_>) -> Result<Option<Diagnostic>, Diagnostic> {
    let check = fields.object("health_check");
    let (interval, threshold) = match &check {
        Some(check) => (
            check.get::<String>("interval")?.or(INTERVAL.into()),
            check.get::<u64>("threshold")?.or(THRESHOLD),
        ),
        None => match fields.get::<serde::de::IgnoredAny>("health_check")? {
            Field::Unknown => return Ok(None),
            _ => (Some(INTERVAL.into()), Some(THRESHOLD)),
        },
    };
    let rto = fields.get::<String>("rto")?.known();
    let (Some(interval), Some(threshold), Some(rto)) = (interval, threshold, rto) else {
        return Ok(None);
    };
    let (Ok(seconds), Ok(allowed)) = (parse_duration(&interval), parse_duration(&rto)) else {
        return Ok(None);
    };
    let noticed = seconds * threshold as f64;
    Ok((noticed >= allowed).then(|| {
        error_at(
            fields.path("rto"),
            "RTO Cannot Be Met",
            format!(
                "{threshold} checks {interval} apart take {noticed} s to notice a loss: nothing \
                 is left of the {rto} for the failover itself."
            ),
        )
    }))
}
