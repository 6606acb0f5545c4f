//! `muster plan`

mod held;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use muster_addr::{InstanceAddr, Mode as ResourceMode, Target};
use muster_config::Str;
use muster_lang::Diags;
use muster_plan::{Mode, Plan};
use muster_planner::Options;
use muster_provider::Schemas;
use muster_run::{Context, Sink, Stop};
use muster_snapshot::Snapshot;
use muster_store::{Journaled, Store};
use muster_value::Value;

use super::validate;
use crate::error::{Failure, Outcome};
use crate::generate::{self, Generated};
use crate::locking::lock_to_plan;
use crate::profile::Recorder;
use crate::session::{Session, TERRAFORM_VERSION};
use crate::view::View;
use crate::{args, plan_file, recovery, signals};
use held::Held;

/// The summary about an address of -replace that cannot be one.
const REPLACE: &str = "Invalid force-replace address";

/// What plan is to be made.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub inputs: &'a args::Inputs,
    pub planning: &'a args::Planning,
    /// Where it is saved.
    pub save: Option<&'a Path>,
    /// Where configuration for imported objects is written.
    pub generate: Option<&'a Path>,
}

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
    let mut view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    view.profile = args.profile.then(Recorder::default);
    let mut session = match validate::load().await {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let stop = signals::watch(view.is_json());
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
    let store = session.store(args.state_options.state.as_deref())?.any();
    let guard = lock_to_plan(&stop, &store, &args.state_options.locking()).await?;
    let save = args.out.as_deref();
    let request = Request {
        inputs: &args.inputs,
        planning: &args.planning,
        save,
        generate: args.generate_config_out.as_deref(),
    };
    let planned = make(view, session, &store, request, stop).await?;
    if let Some(profile) = &view.profile {
        profile.chain(&planned.plan);
    }
    if let Some(guard) = guard {
        guard.release()?;
    }
    if let Some(path) = save {
        view.saved(path);
    }
    if let Some(profile) = &view.profile {
        profile.show(view);
    }
    Ok(!planned.plan.is_empty())
}

/// Makes a plan, shows it, and saves it where that is wanted. A plan with errors is shown and saved
/// too, as far as it got; it cannot be applied.
pub(crate) async fn make(
    view: &View,
    session: &mut Session,
    store: &Journaled,
    request: Request<'_>,
    stop: Stop,
) -> Outcome<Planned> {
    let held = Held::new();
    let generate = request.generate.filter(|path| !path.exists());
    let sink = |session: &Session| {
        let shown = view.sink(Arc::new(session.sources.clone()));
        held.before(shown)
    };
    let attempt = attempt(session, store, request, stop, sink).await;
    let generated = generate.filter(|path| path.exists());
    let mut diags = held.let_go();
    let Attempt {
        planned,
        diags: found,
        errored,
    } = match attempt {
        Ok(attempt) => attempt,
        Err(mut failure) => {
            // The file is there even where there is no plan, for what it says perhaps.
            if let Some(path) = generated {
                view.generated(path);
            }
            diags.extend(std::mem::take(&mut failure.diags));
            failure.diags = diags;
            return Err(failure);
        }
    };
    diags.extend(found);
    if let Some(profile) = &view.profile {
        profile.planned(session);
    }
    // Who has stopped it does not ask how far it got.
    if !(errored && planned.context.stop.is_requested()) {
        view.plan(&planned.plan, &planned.context.schemas);
    }
    if let Some(path) = generated {
        view.generated(path);
    }
    view.plan_diags(&planned.plan, diags, &session.sources);
    match errored {
        true => Err(Failure::told()),
        false => Ok(planned),
    }
}

/// Makes a plan and saves it where that is wanted; warnings are given along.
pub(crate) async fn compute(
    session: &mut Session,
    store: &Journaled,
    request: Request<'_>,
    stop: Stop,
    sink: impl FnOnce(&Session) -> Sink,
) -> Outcome<(Planned, Diags)> {
    let attempt = attempt(session, store, request, stop, sink).await?;
    match attempt.errored {
        true => Err(attempt.diags.into()),
        false => Ok((attempt.planned, attempt.diags)),
    }
}

/// A plan, which may be a part of one only.
struct Attempt {
    planned: Planned,
    diags: Diags,
    errored: bool,
}

/// Makes a plan as far as that goes, and saves it where that is wanted.
async fn attempt(
    session: &mut Session,
    store: &Journaled,
    request: Request<'_>,
    stop: Stop,
    sink: impl FnOnce(&Session) -> Sink,
) -> Outcome<Attempt> {
    // What is in the state can be destroyed or looked at without a configuration.
    let from_state = request.planning.destroy || request.planning.only_state;
    if session.sources.files().is_empty() && !from_state {
        let detail = "This directory has no .tf files. Change to the directory of a configuration, or name it with -chdir.";
        return Err(Failure::new("No configuration files", detail));
    }
    let mut options = options(request.planning)?;
    options.in_flight = recovery::in_flight(store)?;
    check_generate(&request, &options)?;
    let variables = session.variables(request.inputs, &stop)?;
    let stored = match store.read()? {
        Some(state) => state,
        None => Snapshot::new(TERRAFORM_VERSION),
    };
    let generated = match request.generate {
        Some(path) => {
            let inputs = generate::Inputs {
                path,
                variables: &variables,
                stored: &stored,
                parallelism: request.planning.scope.parallelism,
                stop: &stop,
            };
            generate::generate(session, inputs).await?
        }
        None => None,
    };
    let schemas = session.schemas_until(&stop, Some(&stored)).await?;
    let (sink, told) = recovery::hear(sink(session));
    let context = session.context(schemas, request.planning.scope.parallelism, sink, stop);
    let found = muster_run::check(&context);
    if found.has_errors() {
        return Err(found.into());
    }
    let (mut plan, diags) =
        muster_run::plan(&context, variables.clone(), stored.clone(), options).await?;
    plan.given = std::mem::take(&mut session.as_given);
    let errored = plan.errored || diags.has_errors();
    let mut warnings = std::mem::take(&mut session.warnings);
    warnings.extend(recovery::warnings_after(store, &told, &diags));
    warnings.extend(diags);
    if let Some(generated) = generated {
        generated.note(&mut plan);
        warnings.push(Generated::warning());
    }
    let planned = Planned {
        plan,
        context,
        variables,
        stored,
    };
    if let Some(path) = request.save {
        plan_file::write(path, &planned, session)?;
    }
    if errored && planned.context.stop.is_requested() {
        let detail = "The run was stopped. Nothing was changed.";
        warnings.extend(Failure::new("Plan canceled", detail).diags);
    }
    Ok(Attempt {
        planned,
        diags: warnings,
        errored,
    })
}

/// Refuses to write configuration where that makes no sense.
fn check_generate(request: &Request<'_>, options: &Options) -> Outcome<()> {
    let Some(path) = request.generate else {
        return Ok(());
    };
    if options.mode != Mode::Normal {
        let detail = "Configuration is written for objects that are imported, which a plan with -destroy or -refresh-only does not do.";
        return Err(Failure::new("Invalid generate-config-out flag", detail));
    }
    generate::check_path(path)
}

/// What the arguments ask for.
pub(crate) fn options(planning: &args::Planning) -> Outcome<Options> {
    check_modes(planning)?;
    let mode = match (planning.destroy, planning.refresh_only) {
        (true, _) => Mode::Destroy,
        (_, true) => Mode::RefreshOnly,
        _ => Mode::Normal,
    };
    let mut diags = Diags::new();
    let targets = parse::<Target>(&planning.scope.targets, "Invalid target", &mut diags);
    let excludes = parse::<Target>(&planning.scope.excludes, "Invalid exclude", &mut diags);
    let replace = parse::<InstanceAddr>(&planning.replace, REPLACE, &mut diags);
    for addr in &replace {
        if addr.resource.resource.mode != ResourceMode::Managed {
            let summary = format!("{REPLACE} {:?}", addr.to_string());
            let detail = "Only managed resources are made, so that only those can be replaced.";
            diags.extend(Failure::new(summary, detail).diags);
        }
    }
    if diags.has_errors() {
        return Err(diags.into());
    }
    Ok(Options {
        mode,
        refresh: planning.refresh,
        targets,
        excludes,
        replace,
        imports: Vec::new(),
        only_read: BTreeSet::new(),
        in_flight: Vec::new(),
    })
}

/// Refuses options that contradict each other.
fn check_modes(planning: &args::Planning) -> Outcome<()> {
    let mut diags = Diags::new();
    let mut refuse =
        |summary: &str, detail: &str| diags.extend(Failure::new(summary, detail).diags);
    if !planning.scope.targets.is_empty() && !planning.scope.excludes.is_empty() {
        refuse(
            "Invalid combination of arguments",
            "-target says what the plan is limited to, -exclude what it leaves alone: use one of them.",
        );
    }
    if planning.refresh_only && planning.destroy {
        refuse(
            "Incompatible plan mode options",
            "A plan either destroys everything or brings the state up to date: choose one of -destroy and -refresh-only.",
        );
    }
    if planning.refresh_only && !planning.refresh {
        refuse(
            "Incompatible refresh options",
            "With -refresh-only nothing is done but looking at the real objects, so that -refresh=false leaves nothing to do.",
        );
    }
    if !planning.replace.is_empty() && (planning.destroy || planning.refresh_only) {
        refuse(
            "Unsupported plan mode",
            "-replace asks for new objects, which there are none of with -destroy and -refresh-only.",
        );
    }
    match diags.has_errors() {
        true => Err(diags.into()),
        false => Ok(()),
    }
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
                let detail = format!("\"{text}\" is not an address: {error}");
                let summary = format!("{summary} {text:?}");
                diags.extend(Failure::new(summary, detail).diags);
            }
        }
    }
    found
}

/// Schemas that a plan of a file needs.
pub(crate) async fn schemas_of(session: &Session, plan: &Plan, stop: &Stop) -> Outcome<Schemas> {
    session.schemas_until(stop, Some(&plan.prior)).await
}
