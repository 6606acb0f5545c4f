//! What a run that did not end well has left.

mod words;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use muster_addr::InstanceAddr;
use muster_lang::{Diagnostic, DiagnosticKind, Diags};
use muster_plan::{Action, Change, Event, InFlight, Plan};
use muster_run::Sink;
use muster_snapshot::{Identity, JsonText};
use muster_store::{Intent, Journal, Journaled, Store, to_seconds};

use crate::error::{Failure, Outcome};
use crate::{owner, transfer, view};
pub(crate) use words::{Told, unanswered};

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
        since: to_seconds(&intent.created).into(),
    }
}

/// What was found when the state was opened, once: what interrupted runs have left, what was said
/// that nobody has seen, and signs of damage.
pub(crate) fn warnings(store: &Journaled) -> Diags {
    warnings_beside(store, &Told::new())
}

/// As [`warnings`], but says nothing of calls that are told of already.
pub(crate) fn warnings_beside(store: &Journaled, told: &Told) -> Diags {
    let mut diags = Diags::new();
    let recovered = store.take_recoveries();
    let interrupted = match recovered.is_empty() {
        false => words::recovered(&recovered, told),
        // Without the lock, nobody has looked yet.
        true => words::interrupted(&store.interrupted(), told),
    };
    let unseen = unseen(interrupted.as_ref());
    for found in [interrupted, unseen].into_iter().flatten() {
        diags.push(found);
    }
    diags.extend(remarked(store));
    diags.extend(transfer::warning(store));
    if let Some(others) = words::going_on(&store.going_on()) {
        diags.push(others);
    }
    diags
}

/// Hears of which creations a plan says what became of them, or why that is not known. Gives a
/// sink that passes everything on.
pub(crate) fn hear(sink: Sink) -> (Sink, Arc<Mutex<Told>>) {
    let told: Arc<Mutex<Told>> = Arc::default();
    let heard = Arc::clone(&told);
    let sink: Sink = Arc::new(move |event| {
        if let Event::Diagnostic(diagnostic) = &event
            && let Some(addr) = told_by(diagnostic)
        {
            let mut heard = heard.lock().unwrap_or_else(|e| e.into_inner());
            heard.insert(addr);
        }
        sink(event);
    });
    (sink, told)
}

/// The creation that a diagnostic is about.
fn told_by(diagnostic: &Diagnostic) -> Option<InstanceAddr> {
    if diagnostic.kind != DiagnosticKind::Interrupted {
        return None;
    }
    diagnostic.address.as_ref()?.parse().ok()
}

/// As [`warnings_beside`], where a plan was made that has said these things.
pub(crate) fn warnings_after(store: &Journaled, heard: &Mutex<Told>, diags: &Diags) -> Diags {
    let heard = heard.lock().unwrap_or_else(|e| e.into_inner()).clone();
    let told = heard.into_iter().chain(diags.iter().filter_map(told_by));
    warnings_beside(store, &told.collect())
}

/// Says where to find what runs have said that lost their terminals, until that was shown; but not
/// of logs that the other diagnostic names.
fn unseen(other: Option<&Diagnostic>) -> Option<Diagnostic> {
    let mut logs = owner::untold(&owner::folder());
    logs.retain(|log| !other.is_some_and(|other| names(other, log)));
    words::unseen(&logs)
}

fn names(diagnostic: &Diagnostic, log: &Path) -> bool {
    diagnostic.detail.contains(&*log.to_string_lossy())
}

/// Notes that diagnostics were shown, in full: of the logs that they name, nobody is told again.
pub(crate) fn were_shown(diags: &Diags) {
    were_shown_in(&owner::folder(), diags);
}

fn were_shown_in(folder: &Path, diags: &Diags) {
    for log in owner::untold(folder) {
        if diags.iter().any(|shown| names(shown, &log)) {
            owner::told(&log);
        }
    }
}

/// As [`warnings`] in short, for commands that only show what is stored; where errors go, so that
/// it does not get into what they show.
pub(crate) fn hint(store: &Journaled) {
    let mut diags = words::hint(&store.interrupted()).map_or_else(Diags::new, Into::into);
    diags.extend(transfer::warning(store));
    diags.extend(remarked(store));
    view::warn(&diags);
}

/// What people should know of what was read or written.
pub(crate) fn remarked(store: &Journaled) -> Diags {
    let mut diags = Diags::new();
    for remark in store.take_remarks() {
        diags.push(Diagnostic::warning(remark.kind.title(), remark.text));
    }
    diags
}

/// Tells what people should know of what was read or written.
pub(crate) fn remarks(store: &Journaled) {
    view::warn(&remarked(store));
}

/// Why a command that works beside others has to wait for them all the same, if it has.
pub(crate) fn must_be_alone(store: &Journaled) -> Option<String> {
    words::must_be_alone(&store.interrupted())
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
        let detail = unanswered(
            "The state has everything but the results of these calls:",
            &open,
        );
        diags.push(Diagnostic::warning("Calls without an answer", detail));
    }
    Ok(diags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_told_of_when_that_was_shown() {
        let home = tempfile::tempdir().unwrap();
        let [one, other] = ["1-7@here.log", "2-8@here.log"].map(|name| home.path().join(name));
        for log in [&one, &other] {
            std::fs::write(log, "").unwrap();
            std::fs::write(log.with_extension("untold"), "").unwrap();
        }
        let untold = || owner::untold(home.path());
        let mut diags = Diags::new();
        diags.push(words::unseen(std::slice::from_ref(&one)).unwrap());
        // That it is put into words is not enough.
        assert_eq!(untold(), [one, other.clone()]);
        were_shown_in(home.path(), &diags);
        assert_eq!(untold(), [other]);
    }

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
