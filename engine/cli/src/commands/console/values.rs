//! What the console knows of resources: what the state holds, or what a plan says will be.

use muster_store::Store;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use muster_addr::{AbsResource, InstanceAddr};
use muster_config::{Resource, Str};
use muster_eval::Evaluator;
use muster_lang::Diags;
use muster_plan::{Action, Event, Plan};
use muster_planner::{Graph, Options};
use muster_provider::Schemas;
use muster_run::{Context, Sink, Stop};
use muster_snapshot::Snapshot;
use muster_value::{Type, Value};

use crate::error::{Failure, Outcome};
use crate::locking::lock_to_plan;
use crate::session::{Session, TERRAFORM_VERSION};
use crate::{args, recovery};

/// An evaluator that knows the root module's variables and the resources.
pub(super) async fn evaluator(args: &args::Console, session: &mut Session) -> Outcome<Evaluator> {
    let variables = session.known_variables(&args.inputs)?;
    let store = session.store(args.state_options.state.as_deref())?.any();
    // A snapshot is replaced as a whole, so that reading one needs no lock.
    let guard = match args.plan {
        true => lock_to_plan(&Stop::default(), &store, &args.state_options.locking()).await?,
        false => None,
    };
    let state = match store.read()? {
        Some(state) => state,
        None => Snapshot::new(TERRAFORM_VERSION),
    };
    let schemas = session.schemas(Some(&state)).await?;
    let diags = Arc::new(Mutex::new(Diags::new()));
    let mut context = session.context(schemas, 10, collector(&diags), Stop::default());
    if !args.plan {
        // A plan would find what never ends; here it would be followed.
        Graph::new(&context.config, &Default::default())?;
        context.settings.impure_now = true;
        let schemas = Arc::clone(&context.schemas);
        let source = move |addr: &AbsResource, config: &Resource| {
            stored(&state, &schemas, addr, config).unwrap_or(Value::unknown(Type::Dynamic))
        };
        return Ok(muster_run::evaluator(&context, variables).with_resources(Box::new(source)));
    }
    let options = Options {
        in_flight: recovery::in_flight(&store)?,
        ..Options::default()
    };
    let plan = plan(&context, &diags, (variables.clone(), state), options).await?;
    if let Some(guard) = guard {
        guard.release()?;
    }
    let warnings = std::mem::take(&mut *diags.lock().unwrap_or_else(PoisonError::into_inner));
    session.warnings.extend(recovery::warnings(&store));
    session.warnings.extend(warnings);
    context.settings.impure_now = true;
    let source = planned(plan, Arc::clone(&context.schemas));
    Ok(muster_run::evaluator(&context, variables).with_source(Box::new(source)))
}

/// A resource that the state has, as one value; `None` when there is none.
pub(in crate::commands) fn stored(
    state: &Snapshot,
    schemas: &Schemas,
    addr: &AbsResource,
    config: &Resource,
) -> Option<Value> {
    let id = &addr.resource;
    let schema = schemas.resource(&config.provider.provider, id.mode, &id.type_name)?;
    let stored = state.resources.get(addr)?;
    muster_planner::recorded(Some(stored), &schema, &config.repetition)
}

/// Keeps the diagnostics of a run.
fn collector(diags: &Arc<Mutex<Diags>>) -> Sink {
    let diags = Arc::clone(diags);
    Arc::new(move |event| {
        if let Event::Diagnostic(diagnostic) = event {
            let mut diags = diags.lock().unwrap_or_else(PoisonError::into_inner);
            diags.push(diagnostic);
        }
    })
}

/// Makes a plan; its warnings stay in `diags`.
async fn plan(
    context: &Context,
    diags: &Mutex<Diags>,
    (variables, state): (BTreeMap<Str, Value>, Snapshot),
    options: Options,
) -> Outcome<Plan> {
    let (plan, found) = muster_run::plan(context, variables, state, options).await?;
    let mut diags = diags.lock().unwrap_or_else(PoisonError::into_inner);
    diags.extend(found);
    if plan.errored || diags.has_errors() {
        return Err(Failure::from(std::mem::take(&mut *diags)));
    }
    Ok(plan)
}

/// The objects as they will be when a plan is carried out.
fn planned(plan: Plan, schemas: Arc<Schemas>) -> impl Fn(&InstanceAddr) -> Option<Value> {
    let current = plan.changes.into_iter().filter(|c| c.deposed.is_none());
    let changes: HashMap<InstanceAddr, Value> = current
        .filter(|change| change.action != Action::Delete)
        .map(|change| (change.addr, change.after))
        .collect();
    let state = plan.prior;
    move |addr| {
        if let Some(value) = changes.get(addr) {
            return Some(value.clone());
        }
        let resource = state.resources.get(&addr.resource)?;
        let id = &addr.resource.resource;
        let schema = schemas.resource(&resource.provider.provider, id.mode, &id.type_name)?;
        Some(muster_planner::decoded(state.current(addr)?, &schema))
    }
}
