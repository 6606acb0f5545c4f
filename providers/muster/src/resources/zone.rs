use muster_sdk::schema::{Schema, map, nested, number, string};
use muster_sdk::{Context, Diagnostic, Failure, Path, PlanChange, Resource, Type, error_at};
use serde::{Deserialize, Serialize};

use super::{amounts, missing_id, plan_token, take_token};
use crate::client::{Client, diagnostic};
use crate::driver::Manages;
use crate::model::{Capacity, Object, Resource as Amount, Zone, ZoneSpec};

/// `muster_zone`
pub(crate) struct ZoneResource;

/// The stored zone.
#[derive(Serialize, Deserialize)]
pub(crate) struct ZoneState {
    id: Option<String>,
    #[serde(flatten)]
    spec: ZoneSpec,
    /// Always absent: what is write-only is never stored.
    credential_wo: Option<String>,
    credential_wo_version: Option<u64>,
    used: Option<Capacity>,
    reserved: Option<Capacity>,
    available: Option<Capacity>,
}

impl ZoneState {
    /// What the driver says of a zone, with what only the configuration says.
    fn of(zone: Object<Zone>, credential_wo_version: Option<u64>) -> Self {
        Self {
            credential_wo_version,
            ..zone.into()
        }
    }
}

impl From<Object<Zone>> for ZoneState {
    fn from(zone: Object<Zone>) -> Self {
        Self {
            id: Some(zone.id),
            spec: zone.spec,
            credential_wo: None,
            credential_wo_version: None,
            used: Some(zone.status.used),
            reserved: Some(zone.status.reserved),
            available: Some(zone.status.available),
        }
    }
}

impl Resource for ZoneResource {
    type Client = Client;
    type State = ZoneState;

    fn schema(&self) -> Schema {
        let amount = |text| number().optional().min(0).description(text);
        let capacity = nested([
            ("cpu", amount("Cores.")),
            ("gpu", amount("GPUs.").whole()),
            ("memory_gb", amount("Memory in GB.")),
            ("storage_gb", amount("Storage in GB.")),
        ]);
        Schema::builder()
            .description("A place with compute capacity: a partner's, at the edge, on premise.")
            .attribute(
                "id",
                string().computed().stable().description("The zone's id."),
            )
            .attribute("name", string().required().forces_replace().not_empty())
            .attribute(
                "type",
                string()
                    .required()
                    .forces_replace()
                    .one_of(["partner", "edge", "on-premise"])
                    .description("`partner`, `edge` or `on-premise`."),
            )
            .attribute(
                "driver",
                string()
                    .default("sim")
                    .forces_replace()
                    .one_of(["sim"])
                    .description("What realises the zone: `sim`, the embedded simulator."),
            )
            .attribute(
                "partner_id",
                string()
                    .optional()
                    .forces_replace()
                    .description("The partner who owns it."),
            )
            .attribute("location", string().required().forces_replace().not_empty())
            .attribute(
                "capacity",
                capacity.required().description("What the zone has."),
            )
            .attribute(
                "prices",
                map(Type::Number).optional().check(prices).description(
                    "Price of one unit for one hour, by `cpu`, `gpu`, `memory` and `storage`.",
                ),
            )
            .attribute(
                "overcommit",
                number()
                    .default(1i64)
                    .min(1)
                    .description("How often each core is given away."),
            )
            .attribute(
                "credential_wo",
                string().optional().write_only().description(
                    "What the driver signs in to the zone with. It is neither in plans nor in the \
                     state, so that `credential_wo_version` says when it is another one.",
                ),
            )
            .attribute(
                "credential_wo_version",
                number()
                    .optional()
                    .whole()
                    .min(0)
                    .description("Another number sends `credential_wo` to the driver again."),
            )
            .attribute("used", amounts().description("In use now."))
            .attribute("reserved", amounts().description("Promised for later."))
            .attribute("available", amounts().description("Free for the taking."))
            .identity(["id"])
            .build()
    }

    async fn plan(
        &self,
        plan: &mut PlanChange<'_>,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        plan_token(plan, cx)?;
        // The id is known before the zone is there, so that plans of what goes into it can be
        // exact. The attributes that it follows from are the ones that force a replacement.
        let Ok(spec) = plan.planned().parse::<Identity>() else {
            if plan.is_create() || plan.changes("name") {
                plan.set_unknown("id")?;
            }
            return Ok(());
        };
        let id = spec.id();
        plan.set("id", &id)?;
        let before = match plan.prior() {
            Some(prior) => prior.get::<String>("id")?.known(),
            None => None,
        };
        if let Some(before) = before {
            if before != id {
                cx.client().plan_zone_gone(&before);
            } else {
                refuse_shrinking(plan, cx, &id).await?;
            }
        }
        if let Ok(spec) = plan.planned().parse::<ZoneSpec>() {
            cx.client().plan_zone(spec);
        }
        Ok(())
    }

    async fn plan_destroy(
        &self,
        state: ZoneState,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        if let Some(id) = &state.id {
            cx.client().plan_zone_gone(id);
        }
        Ok(())
    }

    async fn create(
        &self,
        planned: ZoneState,
        cx: &mut Context<'_, Client>,
    ) -> Result<ZoneState, Failure<ZoneState>> {
        let token = take_token(cx);
        let made = cx.client().create::<Zone>(&token, planned.spec).await?;
        let made = ZoneState::of(made, planned.credential_wo_version);
        if cx
            .config()
            .get::<String>("credential_wo")?
            .known()
            .is_none()
        {
            return Ok(made);
        }
        match sign_in(cx, made.id.as_deref()).await {
            Ok(()) => Ok(made),
            // The zone is there, and the next plan replaces it.
            Err(diagnostic) => Err(Failure::partial(made, diagnostic)),
        }
    }

    async fn read(
        &self,
        state: ZoneState,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<ZoneState>, Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("zone"))?;
        let found = cx.client().read::<Zone>(&id).await?;
        Ok(found.map(|zone| ZoneState::of(zone, state.credential_wo_version)))
    }

    async fn update(
        &self,
        prior: ZoneState,
        planned: ZoneState,
        cx: &mut Context<'_, Client>,
    ) -> Result<ZoneState, Failure<ZoneState>> {
        let id = prior.id.ok_or_else(|| missing_id("zone"))?;
        if prior.credential_wo_version != planned.credential_wo_version {
            sign_in(cx, Some(&id)).await?;
        }
        let changed = cx.client().update::<Zone>(&id, planned.spec).await?;
        Ok(ZoneState::of(changed, planned.credential_wo_version))
    }

    async fn delete(
        &self,
        state: ZoneState,
        cx: &mut Context<'_, Client>,
    ) -> Result<(), Diagnostic> {
        let id = state.id.ok_or_else(|| missing_id("zone"))?;
        cx.client().delete::<Zone>(&id).await
    }

    async fn import(
        &self,
        id: &str,
        cx: &mut Context<'_, Client>,
    ) -> Result<Option<ZoneState>, Diagnostic> {
        Ok(cx.client().read::<Zone>(id).await?.map(ZoneState::from))
    }
}

/// Gives the driver what it signs in to a zone with, which only the configuration has.
async fn sign_in(cx: &Context<'_, Client>, id: Option<&str>) -> Result<(), Diagnostic> {
    let credential = cx.config().get::<String>("credential_wo")?.known();
    let Some(id) = id else { return Ok(()) };
    let driver = cx.client().driver();
    let changed = driver.set_credential(id, credential.as_deref()).await;
    changed.map_err(|error| diagnostic("zone", "signing in to", &error))
}

/// The part of a planned zone that its id follows from.
#[derive(Deserialize)]
struct Identity {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    driver: String,
    partner_id: Option<String>,
    location: String,
}

impl Identity {
    fn id(self) -> String {
        let spec = ZoneSpec {
            name: self.name,
            kind: self.kind,
            driver: self.driver,
            partner_id: self.partner_id,
            location: self.location,
            capacity: Capacity::default(),
            prices: None,
            overcommit: 1.0,
        };
        spec.id()
    }
}

fn prices(value: &muster_sdk::Value) -> Result<(), String> {
    for (name, price) in value.as_entries().into_iter().flatten() {
        if !Amount::ALL
            .into_iter()
            .any(|amount| amount.name() == &**name)
        {
            return Err(format!(
                "has a price for {name:?}, which is no resource type"
            ));
        }
        if price
            .as_number()
            .is_some_and(muster_sdk::Number::is_negative)
        {
            return Err(format!("has a negative price for {name:?}"));
        }
    }
    Ok(())
}

/// A zone must still hold what is committed in it.
async fn refuse_shrinking(
    plan: &PlanChange<'_>,
    cx: &mut Context<'_, Client>,
    id: &str,
) -> Result<(), Diagnostic> {
    let Ok(planned) = plan.planned().parse::<ZoneSpec>() else {
        return Ok(());
    };
    let found = Manages::<Zone>::get(cx.client().driver(), id).await;
    let Some(zone) = found.map_err(|error| diagnostic("zone", "reading", &error))? else {
        return Ok(());
    };
    let committed = zone.status.committed();
    let offer = planned.offer();
    let Some(short) = offer.lacks(&committed) else {
        return Ok(());
    };
    let detail = format!(
        "The zone {:?} has committed {} {} to fleets and settlements, and would be left with {}. \
         Release some of it first.",
        zone.spec.name,
        committed.get(short),
        short.attribute(),
        offer.get(short)
    );
    let path = Path::root().attr("capacity").attr(short.attribute());
    Err(error_at(path, "Zone Smaller Than Its Commitments", detail))
}
