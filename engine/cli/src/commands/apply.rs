//! `muster apply` and `muster destroy`

mod lock;
mod save;

use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_addr::Mode as ResourceMode;
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Severity, Sources};
use muster_plan::{Mode, Plan};
use muster_run::{Keep, Stop};
use muster_snapshot::Snapshot;
use muster_store::{Journaled, LockGuard};

use super::plan::{Planned, schemas_of};
use super::{saved_variables, validate};
use crate::args::{Apply, Destroy, Planning, Refresh};
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, redirected};
use crate::profile::Recorder;
use crate::session::Session;
use crate::view::{Ending, View};
use crate::{plan_file, prompt, recovery, signals};
use lock::{Overtaken, lock_for, plan_and_lock};
use save::{save, save_last};

/// Destroys everything.
pub(crate) async fn destroy(args: Destroy) -> ExitCode {
    let Destroy {
        view,
        inputs,
        locking,
        refresh,
        scope,
        refused,
        auto_approve,
        profile,
    } = args;
    if let Some(detail) = refused.mode() {
        let failure = Failure::new("Invalid mode option", detail);
        return View::new(&view).fail(&failure, &Sources::default());
    }
    let planning = Planning {
        destroy: true,
        refresh_only: false,
        only_state: false,
        refresh,
        scope,
        // A plan to destroy says itself that this is not for it.
        replace: refused.replace,
    };
    let args = Apply {
        view,
        inputs,
        locking,
        planning,
        auto_approve,
        profile,
        plan: None,
    };
    run_as(&args, Ending::Destroy).await
}

/// Brings the state up to date with the world.
pub(crate) async fn refresh(args: Refresh) -> ExitCode {
    let Refresh {
        view,
        inputs,
        locking,
        scope,
    } = args;
    let planning = Planning {
        refresh_only: true,
        only_state: true,
        refresh: true,
        destroy: false,
        scope,
        replace: Vec::new(),
    };
    let args = Apply {
        view,
        inputs,
        locking,
        planning,
        auto_approve: true,
        profile: false,
        plan: None,
    };
    run_as(&args, Ending::Refresh).await
}

/// Makes the world as the configuration says.
pub(crate) async fn run(args: &Apply) -> ExitCode {
    run_as(args, Ending::Apply).await
}

async fn run_as(args: &Apply, ending: Ending) -> ExitCode {
    let mut view = match View::open(&args.view) {
        Ok(view) => view,
        Err(code) => return code,
    };
    view.ending = ending;
    view.unasked = args.auto_approve && args.plan.is_none();
    view.profile = args.profile.then(Recorder::default);
    if let Err(failure) = check_options(args) {
        return view.fail(&failure, &Sources::default());
    }
    let loaded = match &args.plan {
        None => validate::load().await.map(|session| (session, None)),
        Some(path) => plan_file::load(path).map(|(session, file)| (session, Some(file))),
    };
    let (mut session, file) = match loaded {
        Ok(loaded) => loaded,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    let stop = signals::watch(view.is_json());
    let result = match file {
        None => plan_and_apply(args, &view, &mut session, stop).await,
        Some(file) => apply_file(args, &view, &mut session, file, stop).await,
    };
    session.pool.shutdown().await;
    if let Some(profile) = &view.profile {
        profile.show(&view);
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

/// A saved plan says everything already, and those who read JSON are asked nothing.
fn check_options(args: &Apply) -> Outcome<()> {
    if args.view.json && !args.auto_approve && args.plan.is_none() {
        let detail = "With -json nobody can be asked for approval. Give -auto-approve, or make a plan with plan -out and apply that.";
        return Err(Failure::new("Plan file or auto-approve required", detail));
    }
    let planning = &args.planning;
    let changed = planning.destroy
        || planning.refresh_only
        || !planning.scope.targets.is_empty()
        || !planning.scope.excludes.is_empty()
        || !planning.replace.is_empty();
    if args.plan.is_some() && changed {
        let detail = "A saved plan is carried out as it is: its mode and targets are part of it. Make a new plan with these options.";
        return Err(Failure::new("Can't change options of a saved plan", detail));
    }
    Ok(())
}

async fn plan_and_apply(
    args: &Apply,
    view: &View,
    session: &mut Session,
    stop: Stop,
) -> Outcome<()> {
    let store = redirected(
        session.store(args.locking.state.as_deref())?,
        &args.locking,
        Backups::Last,
    )?;
    let (planned, guard) = plan_and_lock(args, view, session, &store, &stop).await?;
    if view.ending == Ending::Refresh && !has_managed(&planned.stored) {
        let detail = "The state has no objects that could have changed; only its outputs are brought up to date.";
        let warning = Diagnostic::warning("Empty or non-existent state", detail);
        view.diags(&warning.into(), &session.sources);
    }
    if !planned.plan.is_empty() && !args.auto_approve {
        approve(args, &planned.plan, &stop).await?;
    }
    execute(view, session, &store, planned, guard).await
}

fn has_managed(state: &Snapshot) -> bool {
    let mut resources = state.resources.keys();
    resources.any(|addr| addr.resource.mode == ResourceMode::Managed)
}

async fn approve(args: &Apply, plan: &Plan, stop: &Stop) -> Outcome<()> {
    if !args.inputs.input {
        let detail = "With -input=false nobody can be asked to approve the changes. Use -auto-approve, or make a plan with plan -out and apply that.";
        return Err(Failure::new("Plan requires approval", detail));
    }
    let (question, explanation) = match plan.mode {
        Mode::Destroy => (
            "Do you really want to destroy all resources?",
            "muster will destroy everything that is shown above. There is no undo.",
        ),
        Mode::RefreshOnly => (
            "Would you like to update the state to reflect these detected changes?",
            "muster will write what is shown above to the state, and change nothing else.",
        ),
        Mode::Normal => (
            "Do you want to perform these actions?",
            "muster will perform the actions described above.",
        ),
    };
    // Reading blocks; an interrupt must get through all the same.
    let answer = tokio::task::spawn_blocking(|| prompt::approve(question, explanation));
    let answer = tokio::select! {
        answer = answer => answer.unwrap_or_default(),
        () = stop.requested() => {
            let summary = "error asking for approval: interrupted";
            return Err(Failure::new(summary, "Nothing was changed."));
        }
    };
    match answer {
        Some(true) => Ok(()),
        Some(false) => {
            let operation = match plan.mode {
                Mode::Destroy => "Destroy",
                Mode::RefreshOnly | Mode::Normal => "Apply",
            };
            outln!("\n{operation} cancelled.");
            Err(Failure::told())
        }
        None => {
            let detail = "Nobody answered, and nothing was changed. To go on without being asked, use -auto-approve, or make a plan with plan -out and apply that.";
            Err(Failure::new("error asking for approval: EOF", detail))
        }
    }
}

async fn apply_file(
    args: &Apply,
    view: &View,
    session: &mut Session,
    mut file: plan_file::Loaded,
    stop: Stop,
) -> Outcome<()> {
    let store = redirected(
        session.store(args.locking.state.as_deref())?,
        &args.locking,
        Backups::Last,
    )?;
    let (stored, guard) = lock_for(args, &store, &mut file, &stop).await?;
    if file.plan.errored {
        let detail = "Making the plan failed, so it is only a part of one. Mend what was reported then, and make a new plan.";
        return Err(Failure::new("Cannot apply incomplete plan", detail));
    }
    view.diags(&recovery::warnings(&store), &session.sources);
    recovery::check_plan(&store, &file.plan)?;
    view.saved_plan(&file.plan);
    let schemas = schemas_of(session, &file.plan, &stop).await?;
    let sink = view.sink(Arc::new(session.sources.clone()));
    let context = session.context(schemas, args.planning.scope.parallelism, sink, stop.clone());
    let mut variables = file.plan.variables.clone();
    variables.extend(saved_variables::ephemeral(
        session,
        &args.inputs,
        &file.plan.variables,
        &stop,
    )?);
    view.diags(&std::mem::take(&mut session.warnings), &session.sources);
    execute(
        view,
        session,
        &store,
        Planned {
            plan: file.plan,
            context,
            variables,
            stored,
        },
        guard,
    )
    .await
}

/// Carries a plan out, and gives the lock back afterwards.
async fn execute(
    view: &View,
    session: &Session,
    store: &Journaled,
    planned: Planned,
    guard: Option<LockGuard>,
) -> Outcome<()> {
    let overtaken = Overtaken::watch(guard.as_ref(), &planned.context)?;
    execute_locked(view, session, store, planned, &overtaken).await?;
    match guard {
        Some(guard) => Ok(guard.release()?),
        None => Ok(()),
    }
}

async fn execute_locked(
    view: &View,
    session: &Session,
    store: &Journaled,
    planned: Planned,
    overtaken: &Overtaken,
) -> Outcome<()> {
    let Planned {
        plan,
        context,
        variables,
        stored,
    } = planned;
    let plan = Arc::new(plan);
    let journal = match plan.steps.is_empty() {
        true => None,
        false => {
            let journal = store.begin("apply", &stored)?;
            // What this run leaves open is another matter.
            let resolved = recovery::resolved(&journal, &plan);
            Some((journal, resolved))
        }
    };
    let mut saved = Cow::Borrowed(&stored);
    let mut unsaved = false;
    let mut on_the_way = Duration::ZERO;
    if let Some(profile) = &view.profile {
        profile.begin();
    }
    let save = store.save_every().map(|every| muster_run::Save {
        every,
        save: Box::new(|state| {
            let began = Instant::now();
            // The journal has everything, so that the run can go on; but not where somebody else
            // may do the same things.
            if let Err(error) = save(store, saved.to_mut(), state)
                && !unsaved
            {
                unsaved = true;
                match error.is_overtaken() {
                    true => overtaken.tell(error),
                    false => view.diags(&as_warnings(Failure::from(error).diags), &session.sources),
                }
            }
            on_the_way += began.elapsed();
        }),
    });
    let keep = Keep {
        journal: journal.clone().map(|(journal, _)| (journal, &stored)),
        save,
    };
    let outcome = muster_run::apply(&context, Arc::clone(&plan), variables, keep).await;
    if let Some(profile) = &view.profile {
        profile.applied(&plan);
    }
    let began = Instant::now();
    let mut diags = outcome.diags;
    if view.ending == Ending::Refresh {
        // Nothing was to be applied.
        diags.0.retain(|d| d.kind != DiagnosticKind::Incomplete);
    }
    let outputs = outcome.state.outputs.clone();
    if let Err(failure) = save_last(store, &saved, outcome.state, outcome.unrecorded) {
        view.diags(&diags, &session.sources);
        return Err(failure);
    }
    diags.extend(recovery::finish(store, journal.as_ref(), &plan)?);
    diags.extend(recovery::remarked(store));
    if let Some(profile) = &view.profile {
        let journal = journal.as_ref().map(|(journal, _)| journal);
        profile.stored(journal, on_the_way, began.elapsed());
    }
    let failed = diags.has_errors() || view.has_failed();
    view.diags(&diags, &session.sources);
    if failed {
        return Err(Failure::told());
    }
    view.applied(&plan, outcome.counts, &outputs);
    Ok(())
}

fn as_warnings(diags: Diags) -> Diags {
    let mut warnings = Diags::new();
    for mut diagnostic in diags {
        diagnostic.severity = Severity::Warning;
        warnings.push(diagnostic);
    }
    warnings
}
