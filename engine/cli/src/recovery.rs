//! What a run that did not end well has left, and how it is told.

use std::collections::BTreeSet;

use muster_addr::InstanceAddr;
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Action, Change, InFlight, Plan};
use muster_snapshot::{Identity, JsonText};
use muster_store::{Intent, IntentAction, Journal, Journaled, Recovery, RunInfo, Store};

use crate::error::{Failure, Outcome};
use crate::transfer;

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
    plan.resolved.contains(&intent.addr)
        && was_begun_before(&intent.created, &plan.timestamp, &muster_store::timestamp())
}

/// Whether something was begun before a plan was made, at the times that were noted. What was
/// begun in the future was so before the clock was set back.
fn was_begun_before(begun: &str, planned: &str, now: &str) -> bool {
    begun < planned || begun > now
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

/// What was found when the state was opened, once: what an interrupted run has left, and signs of
/// damage.
pub(crate) fn warnings(store: &Journaled) -> Diags {
    let recovery = match store.take_recovery() {
        Some(recovery) => Some(warning(&recovery)),
        // Without the lock, nobody has looked yet.
        None => store.interrupted().map(|found| {
            Diagnostic::warning(
                INTERRUPTED,
                sentence_of(&found) + &unanswered(&found.in_flight),
            )
        }),
    };
    let mut diags: Diags = recovery.map_or_else(Diags::new, Diags::from);
    for remark in store.take_remarks() {
        diags.push(Diagnostic::warning(DAMAGED, remark));
    }
    diags.extend(transfer::warning(store));
    if let Some(others) = going_on(store) {
        diags.push(others);
    }
    diags
}

/// Says which other runs are changing the state: what they have done is in it when they end.
fn going_on(store: &Journaled) -> Option<Diagnostic> {
    let runs = store.going_on();
    let named = runs.iter().map(|run| {
        format!(
            "the {} that {} began at {} (process {})",
            run.operation, run.who, run.created, run.process
        )
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| {
        let detail = format!(
            "What they do is in the state, and in what is planned, only when they end: {}.",
            named.join(", ")
        );
        Diagnostic::warning("Other runs are going on", detail)
    })
}

const INTERRUPTED: &str = "An earlier run was interrupted";
const DAMAGED: &str = "The state may be damaged";

/// As [`warnings`], in single lines, for commands that only show what is stored.
pub(crate) fn hint(store: &Journaled) {
    if let Some(found) = store.interrupted() {
        errln!(
            "Warning: {INTERRUPTED}. {} The next plan says more.",
            sentence_of(&found)
        );
    }
    for moving in transfer::warning(store) {
        errln!("Warning: {}. {}", moving.summary, moving.detail);
    }
    remarks(store);
}

/// Tells of signs of damage.
pub(crate) fn remarks(store: &Journaled) {
    for remark in store.take_remarks() {
        errln!("Warning: {DAMAGED}: {remark}");
    }
}

/// What is known of an interrupted run whose results were not brought in.
fn sentence_of(found: &Recovery) -> String {
    let mut text = begun(found.run.as_ref());
    match found.results {
        0 => {}
        1 => text += " One result of it is not in the stored state yet, and is shown.",
        n => text += &format!(" {n} results of it are not in the stored state yet, and are shown."),
    }
    match found.in_flight.len() {
        0 => {}
        1 => text += " One call was never answered.",
        n => text += &format!(" {n} calls were never answered."),
    }
    text
}

fn begun(run: Option<&RunInfo>) -> String {
    match run {
        Some(run) => format!(
            "The {} that {} began at {} (process {}) was interrupted.",
            run.operation, run.who, run.created, run.process
        ),
        None => "Not everything that it began was settled since.".to_owned(),
    }
}

fn warning(recovery: &Recovery) -> Diagnostic {
    let mut detail = begun(recovery.run.as_ref());
    match recovery.results {
        0 => {}
        1 => detail += " One result that it had recorded was brought into the state.",
        n => detail += &format!(" {n} results that it had recorded were brought into the state."),
    }
    if let Some(kept) = &recovery.kept {
        let why = match recovery.damaged {
            0 => "Others have changed the same objects since, and theirs stay".to_owned(),
            n => format!("The last {n} bytes of its journal cannot be read"),
        };
        detail += &format!(" {why}; the journal as it was is in {}.", kept.display());
        if recovery.damaged == 0 {
            detail +=
                " `muster recover` shows what it has, and `muster recover -adopt` brings that in.";
        }
    }
    detail += &unanswered(&recovery.in_flight);
    Diagnostic::warning(INTERRUPTED, detail)
}

/// Names calls that nobody knows the end of.
pub(crate) fn unanswered(intents: &[Intent]) -> String {
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
    let mut text = "\n\nNobody knows what became of these calls:".to_owned();
    text.extend(named);
    if intents.len() > MOST_NAMED {
        text += &format!("\n  - and {} more", intents.len() - MOST_NAMED);
    }
    text + "\n\nWhat was updated or destroyed is read again; what was created is looked for before it is created a second time. `muster plan` does that; `muster recover` lists what it cannot find out."
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_before_a_plan() {
        let check = |begun: &str, expect: bool| {
            let [begun, planned, now] =
                [begun, "12:00", "12:30"].map(|time| format!("2034-01-01T{time}:00Z"));
            assert_eq!(was_begun_before(&begun, &planned, &now), expect, "{begun}");
        };
        check("11:59", true);
        check("12:10", false);
        // The clock was set back since.
        check("13:00", true);
    }
}
