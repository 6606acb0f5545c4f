//! `muster apply` and `muster destroy`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use muster_lang::{Diags, Severity, Sources};
use muster_plan::{Mode, Plan};
use muster_run::{Keep, Stop};
use muster_snapshot::Snapshot;
use muster_store::{Journaled, LockGuard, Part, Store, StoreError};

use super::plan::{Planned, Request, make, schemas_of};
use super::{saved_variables, validate};
use crate::args::{Apply, Destroy, Planning, Refresh};
use crate::error::{Failure, Outcome};
use crate::locking::{Backups, lock_part_until, lock_until, redirected};
use crate::profile::Recorder;
use crate::session::{Session, TERRAFORM_VERSION};
use crate::view::{Ending, View};
use crate::{encryption, fit, plan_file, prompt, recovery, rescue, signals};

/// Destroys everything.
pub(crate) async fn destroy(args: Destroy) -> ExitCode {
    let Destroy {
        view,
        inputs,
        locking,
        mut planning,
        auto_approve,
        profile,
    } = args;
    if planning.refresh_only {
        let failure = Failure::new(
            "Invalid mode option",
            "destroy and -refresh-only contradict each other: use apply -refresh-only to bring the state up to date.",
        );
        return View::new(&view).fail(&failure, &Sources::default());
    }
    planning.destroy = true;
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

/// How often a plan is made anew because the state has changed meanwhile, before nobody else may
/// change it any more.
const ATTEMPTS: u32 = 3;

/// Brings the state up to date with the world.
pub(crate) async fn refresh(args: Refresh) -> ExitCode {
    let Refresh {
        view,
        inputs,
        locking,
        targets,
        excludes,
        parallelism,
    } = args;
    let planning = Planning {
        refresh_only: true,
        only_state: true,
        targets,
        excludes,
        parallelism,
        refresh: true,
        destroy: false,
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

/// A saved plan says everything already.
fn check_options(args: &Apply) -> Outcome<()> {
    let planning = &args.planning;
    let changed = planning.destroy
        || planning.refresh_only
        || !planning.targets.is_empty()
        || !planning.excludes.is_empty()
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
    if !planned.plan.is_empty() && !args.auto_approve {
        approve(args, &planned.plan, &stop).await?;
    }
    execute(view, session, &store, planned).await?;
    match guard {
        Some(guard) => Ok(guard.release()?),
        None => Ok(()),
    }
}

/// Makes a plan, and takes the lock on what it touches: others may work on the rest meanwhile.
async fn plan_and_lock(
    args: &Apply,
    view: &View,
    session: &mut Session,
    store: &Journaled,
    stop: &Stop,
) -> Outcome<(Planned, Option<LockGuard>)> {
    let request = Request {
        generate: None,
        inputs: &args.inputs,
        planning: &args.planning,
        save: None,
    };
    let (locking, operation) = (&args.locking, "OperationTypeApply");
    let planning = &args.planning;
    let is_everything =
        planning.destroy && planning.targets.is_empty() && planning.excludes.is_empty();
    for _ in 0..ATTEMPTS {
        let nothing = (!is_everything).then(Part::nothing);
        let reading = lock_part_until(stop, store, locking, operation, nothing.as_ref()).await?;
        let mut planned = make(view, session, store, request, stop.clone()).await?;
        let reading = match reading {
            Some(reading) if reading.is_shared() => reading,
            // Nobody else can change anything, or nobody is kept from it.
            other => return Ok((planned, other)),
        };
        reading.release()?;
        let part = fit::part(&planned.plan, &planned.stored);
        let guard = lock_part_until(stop, store, locking, operation, part.as_ref()).await?;
        let is_shared = guard.as_ref().is_some_and(LockGuard::is_shared);
        if is_shared && fits(store, &mut planned)? {
            return Ok((planned, guard));
        }
        view.diags(&changed_meanwhile(), &session.sources);
    }
    let guard = lock_until(stop, store, locking, operation).await?;
    let planned = make(view, session, store, request, stop.clone()).await?;
    Ok((planned, guard))
}

fn changed_meanwhile() -> Diags {
    let detail = "Another run has changed what this plan was made from, before it could be locked. The plan that follows is made from the state as it is now.";
    as_warnings(Failure::new("The state has changed meanwhile", detail).diags)
}

/// Whether a plan fits to the state as it is now. Only what it does not rest on may have changed.
fn fits(store: &Journaled, planned: &mut Planned) -> Outcome<bool> {
    let then = &planned.stored;
    let Some(now) = store.read()? else {
        return Ok(then.serial == 0);
    };
    // Where nothing was stored, whoever is first gives the state its lineage.
    if now.lineage != then.lineage && then.serial > 0 {
        return Ok(false);
    }
    if (&now.lineage, now.serial) == (&then.lineage, then.serial) {
        return Ok(true);
    }
    let then = fit::digests(then, &planned.plan);
    let fits = fit::rebase(&mut planned.plan, &then, &now).is_ok();
    if fits {
        planned.stored = now;
    }
    Ok(fits)
}

async fn approve(args: &Apply, plan: &Plan, stop: &Stop) -> Outcome<()> {
    let nobody = || {
        let detail = "Nobody is there to approve the changes. Use -auto-approve, or make a plan with plan -out and apply that.";
        Failure::new("Plan requires approval", detail)
    };
    if args.view.json || !args.inputs.input {
        return Err(nobody());
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
        () = stop.requested() => Some(false),
    };
    match answer {
        Some(true) => Ok(()),
        Some(false) => {
            outln!("\nApply cancelled.");
            Err(Failure::told())
        }
        None => Err(nobody()),
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
    let context = session.context(schemas, args.planning.parallelism, sink, stop.clone());
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
    )
    .await?;
    match guard {
        Some(guard) => Ok(guard.release()?),
        None => Ok(()),
    }
}

/// Takes the lock on what a saved plan touches, and fits the plan to the state.
async fn lock_for(
    args: &Apply,
    store: &Journaled,
    file: &mut plan_file::Loaded,
    stop: &Stop,
) -> Outcome<(Snapshot, Option<LockGuard>)> {
    let operation = "OperationTypeApply";
    let mut part = Some(Part::nothing());
    loop {
        let guard = lock_part_until(stop, store, &args.locking, operation, part.as_ref()).await?;
        let stored = match store.read()? {
            Some(state) => state,
            None => Snapshot {
                lineage: file.lineage.clone(),
                ..Snapshot::new(TERRAFORM_VERSION)
            },
        };
        file.rebase(&stored)?;
        let wanted = fit::part(&file.plan, &stored);
        match guard {
            // What it touches is known only now.
            Some(guard) if guard.is_shared() && wanted != part => {
                guard.release()?;
                part = wanted;
            }
            guard => return Ok((stored, guard)),
        }
    }
}

async fn execute(
    view: &View,
    session: &Session,
    store: &Journaled,
    planned: Planned,
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
    let mut saved = stored.clone();
    let mut unsaved = false;
    if let Some(profile) = &view.profile {
        profile.begin();
    }
    let save = store.save_every().map(|every| muster_run::Save {
        every,
        save: Box::new(|state| {
            // The journal has everything, so that the run can go on.
            if let Err(failure) = save(store, &mut saved, state)
                && !unsaved
            {
                view.diags(&as_warnings(failure.diags), &session.sources);
                unsaved = true;
            }
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
    let mut diags = outcome.diags;
    if let Err(failure) = save_last(store, &mut saved, &outcome.state, outcome.unrecorded) {
        view.diags(&diags, &session.sources);
        return Err(failure);
    }
    diags.extend(recovery::finish(store, journal.as_ref(), &plan)?);
    let failed = diags.has_errors() || view.has_failed();
    view.diags(&diags, &session.sources);
    if failed {
        return Err(Failure::told());
    }
    view.applied(&plan, outcome.counts, &outcome.state);
    Ok(())
}

/// Stores the state at the end of a run. Where that fails, the journal keeps what was done; a
/// state that the journal does not have whole either is written elsewhere.
fn save_last(
    store: &Journaled,
    saved: &mut Snapshot,
    state: &Snapshot,
    unrecorded: Option<StoreError>,
) -> Outcome<()> {
    let Err(failure) = save(store, saved, state) else {
        return match unrecorded {
            None => Ok(()),
            Some(error) => Err(error.into()),
        };
    };
    let mut diags = failure.diags;
    let Some(error) = unrecorded else {
        let detail = format!(
            "Everything that was done is recorded in {}. The next command brings it into the state, when the cause is mended.",
            store.journal_path().display()
        );
        diags.extend(Failure::new("The state is not stored yet", detail).diags);
        return Err(diags.into());
    };
    diags.extend(Failure::from(error).diags);
    let mut rescued_state = successor(saved, state);
    // So that it is newer than the stored one, and can be pushed in its place.
    rescued_state.serial += 1;
    let bytes = encryption::state_codec().encode(&rescued_state);
    let bytes = bytes.map_err(std::io::Error::other);
    let path = bytes.and_then(|bytes| rescue::write(Path::new("."), &bytes));
    diags.extend(rescued(path, store.journal_path()).diags);
    Err(diags.into())
}

fn as_warnings(diags: Diags) -> Diags {
    let mut warnings = Diags::new();
    for mut diagnostic in diags {
        diagnostic.severity = Severity::Warning;
        warnings.push(diagnostic);
    }
    warnings
}

/// Writes the state; afterwards `saved` is what this run has stored. What others have stored
/// beside it is none of its business.
fn save(store: &Journaled, saved: &mut Snapshot, state: &Snapshot) -> Outcome<()> {
    let mut next = successor(saved, state);
    store.merge(saved, &mut next)?;
    *saved = Snapshot {
        serial: next.serial,
        lineage: next.lineage,
        ..state.clone()
    };
    Ok(())
}

/// A state that may take the place of the stored one.
fn successor(saved: &Snapshot, state: &Snapshot) -> Snapshot {
    Snapshot {
        serial: saved.serial,
        lineage: saved.lineage.clone(),
        terraform_version: TERRAFORM_VERSION.to_owned(),
        ..state.clone()
    }
}

fn rescued(result: Result<PathBuf, std::io::Error>, journal: &Path) -> Failure {
    match result {
        Ok(path) => Failure::new(
            "The state was written elsewhere",
            format!(
                "Everything that was done is in {}. Keep it, and put it in the state's place when the cause is mended.",
                path.display()
            ),
        ),
        Err(error) => Failure::new(
            "Failed to persist state",
            format!(
                "The state could not be written anywhere else, either: {error}. What was done until {} could not be written is in there, and the next command brings it into the state; what was done after that is in this output only.",
                journal.display()
            ),
        ),
    }
}
