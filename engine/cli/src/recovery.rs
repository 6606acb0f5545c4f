//! What a run that did not end well has left, and how it is told.

use std::collections::BTreeSet;

use muster_addr::InstanceAddr;
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Action, Change, InFlight, Plan};
use muster_snapshot::{Identity, JsonText};
use muster_store::{Intent, IntentAction, Journal, Journaled, Recovery};

use crate::error::{Failure, Outcome};

/// At most so many calls are named.
const MOST_NAMED: usize = 20;

/// Creations that earlier runs have begun, and of which nobody knows what became.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn in_flight(store: &Journaled) -> Outcome<Vec<InFlight>> {
    let open = store.in_flight()?;
    Ok(open.into_iter().map(from_intent).collect())
}

/// Whether a plan has found out what became of a creation. One that was begun after the plan was
/// made is another one.
fn is_resolved(plan: &Plan, intent: &Intent) -> bool {
    plan.resolved.contains(&intent.addr) && *intent.created < *plan.timestamp
}

/// The creations of earlier runs that a plan has resolved, by their numbers in the journal.
pub(crate) fn resolved(journal: &Journal, plan: &Plan) -> BTreeSet<u64> {
    let open = journal.open_intents().into_iter();
    let resolved = open.filter(|intent| is_resolved(plan, intent));
    resolved.map(|intent| intent.id).collect()
}

/// Refuses a plan that was made before a creation that it has to do was interrupted.
///
/// # Errors
/// As said, or the journal cannot be read.
pub(crate) fn check_plan(store: &Journaled, plan: &Plan) -> Outcome<()> {
    let open = store.in_flight()?;
    let open = open.iter().filter(|intent| !is_resolved(plan, intent));
    let open: BTreeSet<&InstanceAddr> = open.map(|intent| &intent.addr).collect();
    let creates = |change: &&Change| {
        matches!(change.action, Action::Create) && !change.resumes && open.contains(&change.addr)
    };
    let Some(change) = plan.changes.iter().find(creates) else {
        return Ok(());
    };
    let addr = &change.addr;
    let detail = format!(
        "The plan creates {addr}, and another run was interrupted while it did that, after the plan was made: the object may be there already. Make a new plan, which finds that out."
    );
    Err(Failure::new("Saved plan is stale", detail))
}

fn from_intent(intent: Intent) -> InFlight {
    let pair = |(name, text): (String, String)| (name.into(), text.into());
    InFlight {
        addr: intent.addr,
        resume: intent.resume.map(Into::into),
        identity: intent.identity.and_then(|(schema_version, json)| {
            let json = JsonText::parse(&json).ok()?;
            Some(Identity {
                schema_version,
                json,
            })
        }),
        ids: intent.ids.into_iter().map(pair).collect(),
        salt: intent.salt.into(),
        digests: intent.digests.into_iter().map(pair).collect(),
        since: intent.created.into(),
    }
}

/// What was found when the state was opened, once.
pub(crate) fn warnings(store: &Journaled) -> Diags {
    match store.take_recovery() {
        Some(recovery) => warning(&recovery).into(),
        None => Diags::new(),
    }
}

fn warning(recovery: &Recovery) -> Diagnostic {
    let mut detail = match &recovery.run {
        Some(run) => format!(
            "The {} that {} began at {} (process {}) was interrupted.",
            run.operation, run.who, run.created, run.process
        ),
        None => "Not everything that it began was settled since.".to_owned(),
    };
    match recovery.results {
        0 => {}
        1 => detail += " One result that it had recorded was brought into the state.",
        n => detail += &format!(" {n} results that it had recorded were brought into the state."),
    }
    if let Some(kept) = &recovery.kept {
        let why = match recovery.damaged {
            0 => "The state was changed by others since, so that its results were not brought into it".to_owned(),
            n => format!("The last {n} bytes of its journal cannot be read"),
        };
        detail += &format!(" {why}; the journal as it was is in {}.", kept.display());
    }
    detail += &unanswered(&recovery.in_flight);
    Diagnostic::warning("An earlier run was interrupted", detail)
}

/// Names calls that nobody knows the end of.
fn unanswered(intents: &[Intent]) -> String {
    if intents.is_empty() {
        return String::new();
    }
    let named = intents.iter().take(MOST_NAMED).map(|intent| {
        let action = match intent.action {
            IntentAction::Create => "create",
            IntentAction::Update => "update",
            IntentAction::Delete => "destroy",
        };
        format!("\n  - {action} {}", intent.addr)
    });
    let mut text = "\n\nThese calls were never answered:".to_owned();
    text.extend(named);
    if intents.len() > MOST_NAMED {
        text += &format!("\n  - and {} more", intents.len() - MOST_NAMED);
    }
    text + "\n\nWhat was updated or destroyed is read again; what was created is looked for before it is created a second time."
}

/// Ends a run whose state is stored. Warns of calls that were never answered.
///
/// # Errors
/// The journal cannot be written.
pub(crate) fn finish(
    store: &Journaled,
    journal: Option<&(Journal, BTreeSet<u64>)>,
    plan: &Plan,
) -> Outcome<Diags> {
    let Some((journal, resolved)) = journal else {
        if !plan.resolved.is_empty() {
            store.settle(|intent| is_resolved(plan, intent))?;
        }
        return Ok(Diags::new());
    };
    journal.close_all(|intent| resolved.contains(&intent.id))?;
    let open = journal.open_intents();
    journal.finish()?;
    let mut diags = Diags::new();
    if !open.is_empty() {
        let detail = format!(
            "The state has everything that was answered.{}",
            unanswered(&open)
        );
        diags.push(Diagnostic::warning("Calls without an answer", detail));
    }
    Ok(diags)
}
