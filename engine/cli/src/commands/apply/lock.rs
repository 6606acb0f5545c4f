//! The lock of an apply: on what its plan touches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_lang::Diags;
use muster_plan::Event;
use muster_run::{Context, Sink, Stop};
use muster_snapshot::Snapshot;
use muster_store::{Journaled, LockGuard, Part, Store, StoreError};

use super::super::plan::{Planned, Request, make};
use super::as_warnings;
use crate::args::Apply;
use crate::error::{Failure, Outcome};
use crate::locking::{lock_part_until, lock_until};
use crate::session::{Session, TERRAFORM_VERSION};
use crate::view::View;
use crate::{fit, plan_file};

/// How often a plan is made anew because the state has changed meanwhile, before nobody else may
/// change it any more.
const ATTEMPTS: u32 = 3;

/// Makes a plan, and takes the lock on what it touches: others may work on the rest meanwhile.
pub(super) async fn plan_and_lock(
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
        planning.destroy && planning.scope.targets.is_empty() && planning.scope.excludes.is_empty();
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
        // Without others, something was left of a run that was killed, which the plan must know.
        if is_shared {
            view.diags(&changed_meanwhile(), &session.sources);
        }
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

/// Takes the lock on what a saved plan touches, and fits the plan to the state.
pub(super) async fn lock_for(
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

/// What a run does when somebody else may be working on its state: it begins nothing new.
#[derive(Clone)]
pub(super) struct Overtaken {
    sink: Sink,
    stop: Stop,
    is_told: Arc<AtomicBool>,
}

impl Overtaken {
    /// Looks after a lock while a plan is carried out.
    ///
    /// # Errors
    /// It is lost already.
    pub(super) fn watch(guard: Option<&LockGuard>, context: &Context) -> Outcome<Self> {
        let overtaken = Self {
            sink: Arc::clone(&context.sink),
            stop: context.stop.clone(),
            is_told: Arc::default(),
        };
        if let Some(guard) = guard {
            guard.check()?;
            let listening = overtaken.clone();
            guard.on_loss(move |error| listening.tell(error));
        }
        Ok(overtaken)
    }

    /// Tells of it, the first time, and has the run end.
    pub(super) fn tell(&self, error: StoreError) {
        if self.is_told.swap(true, Ordering::Relaxed) {
            return;
        }
        self.stop.request_first();
        let advice = "Somebody else may be changing the same things, so nothing more is begun: the run ends when what is under way is done, and records that in its journal.";
        for mut diagnostic in as_warnings(Failure::from(error).diags) {
            diagnostic.detail = format!("{}\n\n{advice}", diagnostic.detail);
            (self.sink)(Event::Diagnostic(diagnostic));
        }
    }
}
