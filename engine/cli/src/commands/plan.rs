//! `muster plan`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use muster_addr::{InstanceAddr, Target};
use muster_config::Str;
use muster_lang::{Diags, Sources};
use muster_plan::{Mode, Plan};
use muster_planner::Options;
use muster_provider::Schemas;
use muster_run::{Context, Stop};
use muster_snapshot::Snapshot;
use muster_store::Store;
use muster_value::Value;

use crate::error::{Failure, Outcome};
use crate::session::{Session, TERRAFORM_VERSION, lock};
use crate::view::View;
use crate::{args, plan_file, prompt};

/// A plan and everything that was needed to make it.
pub(crate) struct Planned {
    pub plan: Plan,
    pub context: Context,
    pub variables: BTreeMap<Str, Value>,
    /// The state that was stored.
    pub stored: Snapshot,
}

/// Shows what apply would change.
pub(crate) async fn run(args: &args::Plan) -> ExitCode {
    let view = View::new(&args.view);
    let mut session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let stop = view.stop_on_interrupt();
    let result = plan(args, &view, &mut session, stop).await;
    session.pool.shutdown().await;
    match result {
        Ok(changes) if changes && args.detailed_exitcode => ExitCode::from(2),
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

/// Whether there are changes.
async fn plan(args: &args::Plan, view: &View, session: &mut Session, stop: Stop) -> Outcome<bool> {
    let store = session.store(args.locking.state.as_deref())?;
    let guard = lock(&store, &args.locking, "OperationTypePlan")?;
    let planned = make(view, session, &store, &args.inputs, &args.planning, stop).await?;
    if let Some(guard) = guard {
        guard.release()?;
    }
    if let Some(path) = &args.out {
        plan_file::write(path, &planned, session)?;
        view.saved(path);
    }
    Ok(!planned.plan.is_empty())
}

/// Makes a plan and shows it.
pub(crate) async fn make(
    view: &View,
    session: &mut Session,
    store: &dyn Store,
    inputs: &args::Inputs,
    planning: &args::Planning,
    stop: Stop,
) -> Outcome<Planned> {
    if session.sources.files().is_empty() {
        let detail = "This directory has no .tf files. Change to the directory of a configuration, or name it with -chdir.";
        return Err(Failure::new("No configuration files", detail));
    }
    let options = options(planning)?;
    let variables = session.variables(inputs, &mut prompt::variable)?;
    let stored = match store.read()? {
        Some(state) => state,
        None => Snapshot::new(TERRAFORM_VERSION),
    };
    let schemas = session.schemas(Some(&stored)).await?;
    let sink = view.sink(Arc::new(session.sources.clone()));
    let context = session.context(schemas, planning.parallelism, sink, stop);
    let found = muster_run::check(&context);
    if found.has_errors() {
        return Err(found.into());
    }
    let (plan, diags) =
        muster_run::plan(&context, variables.clone(), stored.clone(), options).await?;
    let errored = plan.errored || diags.has_errors();
    let mut warnings = std::mem::take(&mut session.warnings);
    warnings.extend(diags);
    if errored {
        if context.stop.is_requested() {
            let detail = "The run was stopped. Nothing was changed.";
            warnings.extend(Failure::new("Plan canceled", detail).diags);
        }
        return Err(warnings.into());
    }
    view.plan(&plan, &context.schemas);
    view.diags(&warnings, &session.sources);
    Ok(Planned {
        plan,
        context,
        variables,
        stored,
    })
}

/// What the arguments ask for.
pub(crate) fn options(planning: &args::Planning) -> Outcome<Options> {
    let mode = match (planning.destroy, planning.refresh_only) {
        (true, _) => Mode::Destroy,
        (_, true) => Mode::RefreshOnly,
        _ => Mode::Normal,
    };
    let mut diags = Diags::new();
    let targets = parse::<Target>(&planning.targets, "Invalid target", &mut diags);
    let replace = parse::<InstanceAddr>(
        &planning.replace,
        "Invalid force-replace address",
        &mut diags,
    );
    if diags.has_errors() {
        return Err(diags.into());
    }
    Ok(Options {
        mode,
        refresh: planning.refresh,
        targets,
        replace,
        imports: Vec::new(),
    })
}

fn parse<T: FromStr>(texts: &[String], summary: &str, diags: &mut Diags) -> Vec<T>
where
    T::Err: std::fmt::Display,
{
    let mut found = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(value) => found.push(value),
            Err(error) => {
                let detail = format!("\"{text}\" is not an address: {error}.");
                let summary = format!("{summary} {text:?}");
                diags.extend(Failure::new(summary, detail).diags);
            }
        }
    }
    found
}

/// Schemas that a plan of a file needs.
pub(crate) async fn schemas_of(session: &Session, plan: &Plan) -> Outcome<Schemas> {
    session.schemas(Some(&plan.prior)).await
}
