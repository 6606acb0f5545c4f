//! The only async driver: it asks providers what the state machines of planner and applier want
//! to know, keeps the state store up to date, and tells what happens as [`Event`]s.

mod drive;
mod files;
mod functions;
mod pool;
mod provision;
mod record;
mod stop;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_applier::{Applier, Counts};
use muster_config::Config;
use muster_eval::{Evaluator, Settings};
use muster_lang::{Diags, Files};
use muster_plan::{Event, Plan};
use muster_planner::{Options, Planner, ReadImport, Validator};
use muster_provider::{Provider, Schemas};
use muster_snapshot::Snapshot;
use muster_store::StoreError;
use muster_value::Value;

use drive::{drive, drive_recorded};
pub use files::DiskFiles;
pub use pool::{Launcher, Pool};
pub use record::{Keep, Save};
use record::{Pace, Recorder};
pub use stop::Stop;

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;

/// Takes the events of a run.
pub type Sink = Arc<dyn Fn(Event) + Send + Sync>;

/// Answers in place of providers.
pub trait StandIn: Send + Sync {
    /// Who is asked about an object of a provider configuration, or about the configuration
    /// itself; `None` for the provider.
    fn answers(
        &self,
        provider: &ProviderConfigAddr,
        object: Option<&InstanceAddr>,
    ) -> Option<Arc<dyn Provider>>;
}

/// What every run needs.
#[derive(Clone)]
pub struct Context {
    /// The configuration; without errors.
    pub config: Arc<Config>,
    /// Schemas of all providers that the configuration and the state mention.
    pub schemas: Arc<Schemas>,
    /// The providers.
    pub pool: Arc<Pool>,
    /// What does not change during a run.
    pub settings: Settings,
    /// Files as functions see them.
    pub files: Arc<dyn Files>,
    /// How many questions are out at a time.
    pub parallelism: usize,
    /// Who answers in place of some providers; only in tests of configurations.
    pub stand_in: Option<Arc<dyn StandIn>>,
    /// Takes the events.
    pub sink: Sink,
    /// Asked to stop by the user.
    pub stop: Stop,
}

/// Makes a plan.
///
/// # Errors
/// The configuration has a cycle, so that there is nothing to plan.
pub async fn plan(
    context: &Context,
    variables: BTreeMap<Str, Value>,
    prior: Snapshot,
    options: Options,
) -> Result<(Plan, Diags), Diags> {
    let mut planner = planner(context, variables, prior, options)?;
    drive(&mut planner, context).await;
    let (mut plan, diags) = planner.finish();
    plan.errored |= context.stop.is_requested();
    Ok((plan, diags))
}

fn planner(
    context: &Context,
    variables: BTreeMap<Str, Value>,
    prior: Snapshot,
    options: Options,
) -> Result<Planner, Diags> {
    Planner::new(muster_planner::Inputs {
        config: Arc::clone(&context.config),
        schemas: Arc::clone(&context.schemas),
        variables,
        files: Arc::clone(&context.files),
        functions: Some(functions::functions(context)),
        settings: context.settings.clone(),
        prior,
        options,
    })
}

/// Reads the objects that [`Options::only_read`] asks for.
///
/// # Errors
/// The configuration has a cycle.
pub async fn read_imports(
    context: &Context,
    variables: BTreeMap<Str, Value>,
    prior: Snapshot,
    options: Options,
) -> Result<(Vec<ReadImport>, Diags), Diags> {
    let mut planner = planner(context, variables, prior, options)?;
    drive(&mut planner, context).await;
    Ok(planner.finish_reading())
}

/// Evaluates expressions outside of a run. Nothing is known of resources: give the evaluator a
/// source for them. Must be called inside a runtime of several threads.
pub fn evaluator(context: &Context, variables: BTreeMap<Str, Value>) -> Evaluator {
    Evaluator::new(
        Arc::clone(&context.config),
        Arc::clone(&context.schemas),
        variables,
        Arc::clone(&context.files),
        context.settings.clone(),
    )
    .with_functions(Some(functions::functions(context)))
}

/// Validates a configuration.
pub async fn validate(context: &Context) -> Diags {
    let mut validator = validator(context);
    drive(&mut validator, context).await;
    validator.finish()
}

/// Validates as much of a configuration as can be without asking providers.
pub fn check(context: &Context) -> Diags {
    validator(context).without_providers().finish()
}

fn validator(context: &Context) -> Validator {
    Validator::new(
        Arc::clone(&context.config),
        Arc::clone(&context.schemas),
        Arc::clone(&context.files),
        Some(functions::functions(context)),
        context.settings.clone(),
    )
}

/// What became of an apply.
pub struct Outcome {
    /// The state as it is now.
    pub state: Snapshot,
    /// What was done.
    pub counts: Counts,
    /// What went wrong.
    pub diags: Diags,
    /// Why the journal does not have everything that was done.
    pub unrecorded: Option<StoreError>,
}

/// Applies a plan. What is to be kept meanwhile is in `keep`; the final state is the caller's to
/// save.
pub async fn apply(
    context: &Context,
    plan: Arc<Plan>,
    variables: BTreeMap<Str, Value>,
    keep: Keep<'_>,
) -> Outcome {
    let (journal, stored) = keep.journal.unzip();
    let recorder = Recorder::new(journal);
    if let Some(stored) = stored {
        recorder.difference(stored, &plan.prior);
    }
    let mut applier = Applier::new(muster_applier::Inputs {
        config: Arc::clone(&context.config),
        schemas: Arc::clone(&context.schemas),
        plan,
        variables,
        files: Arc::clone(&context.files),
        functions: Some(functions::functions(context)),
        settings: context.settings.clone(),
    });
    let mut saving = keep.save.map(|save| (Pace::new(save.every), save.save));
    let mut unsaved = false;
    drive_recorded(
        &mut applier,
        context,
        &recorder,
        |applier: &Applier, changed| {
            unsaved |= changed;
            let Some((pace, save)) = &mut saving else {
                return;
            };
            if unsaved && pace.is_due() {
                unsaved = false;
                pace.time(|| save(applier.state()));
            }
        },
    )
    .await;
    let (state, counts, diags) = applier.finish();
    Outcome {
        state,
        counts,
        diags,
        unrecorded: recorder.take_failure(),
    }
}
