//! How is told what runs that did not end well have left.

use std::collections::BTreeSet;
use std::path::PathBuf;

use muster_addr::InstanceAddr;
use muster_lang::Diagnostic;
use muster_store::{Intent, IntentAction, Recovery, RunInfo, to_seconds};

use crate::owner;

/// At most so many calls of a run are named.
const MOST_NAMED: usize = 20;

const ONE: &str = "An earlier run was interrupted";
const SEVERAL: &str = "Earlier runs were interrupted";

/// About calls that create.
const CREATIONS: &str = "Nothing is made twice: plan and apply find out what became of creations, or say what they cannot find out, and `muster recover` settles that.";

/// About calls that update and destroy.
const CHANGES: &str = "Objects that were to be updated or destroyed are read by the next plan, which shows what is still to be done to them: `muster plan`.";

/// Calls that need no more words than others have for them already.
pub(crate) type Told = BTreeSet<InstanceAddr>;

/// Tells of runs whose results were brought into the state.
pub(super) fn recovered(runs: &[Recovery], told: &Told) -> Option<Diagnostic> {
    warning(runs, told, |run| {
        let results = match run.results {
            0 => String::new(),
            1 => "One result that it had recorded was brought into the state.".to_owned(),
            n => format!("{n} results that it had recorded were brought into the state."),
        };
        [results, kept(run)]
    })
}

/// Tells of runs that have left something which is not in the stored state yet.
pub(super) fn interrupted(runs: &[Recovery], told: &Told) -> Option<Diagnostic> {
    warning(runs, told, |run| [outstanding(run), String::new()])
}

/// As [`interrupted`] in short, for those who do not ask what to do.
pub(super) fn hint(runs: &[Recovery]) -> Option<Diagnostic> {
    let parts = runs.iter().map(|run| {
        let begun = run.run.as_ref().map_or_else(String::new, which);
        let calls = match run.in_flight.len() {
            0 => String::new(),
            1 => "One call was never answered.".to_owned(),
            n => format!("{n} calls were never answered."),
        };
        sentences([begun, outstanding(run), calls])
    });
    let told = sentences(parts.chain(["The next plan says more.".to_owned()]));
    let summary = match runs {
        [] => return None,
        [_] => ONE,
        _ => SEVERAL,
    };
    Some(Diagnostic::warning(summary, told))
}

fn warning(
    runs: &[Recovery],
    told: &Told,
    results: impl Fn(&Recovery) -> [String; 2],
) -> Option<Diagnostic> {
    let parts = runs.iter().map(|run| {
        let begun = run.run.as_ref().map_or_else(String::new, which);
        let [results, kept] = results(run);
        let first = sentences([begun, results, kept, said(run.run.as_ref())]);
        let calls = calls(&run.in_flight, run.run.as_ref(), told);
        let parts = [first, calls].into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("\n\n")
    });
    let mut parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    let calls = runs.iter().flat_map(|run| &run.in_flight);
    let advice = advice(calls.filter(|intent| !told.contains(&intent.addr)));
    parts.extend(Some(advice).filter(|advice| !advice.is_empty()));
    let summary = match (runs, &parts[..]) {
        ([], _) | (_, []) => return None,
        ([_], _) => ONE,
        _ => SEVERAL,
    };
    Some(Diagnostic::warning(summary, parts.join("\n\n")))
}

/// Those that there are, behind each other.
fn sentences(all: impl IntoIterator<Item = String>) -> String {
    let there: Vec<String> = all.into_iter().filter(|text| !text.is_empty()).collect();
    there.join(" ")
}

/// Which run it is that was interrupted.
fn which(run: &RunInfo) -> String {
    format!("It was {}.", named(run))
}

fn interrupted_run(run: &RunInfo) -> String {
    format!("{} was interrupted.", capitalized(&named(run)))
}

/// A run, who began it, and when.
fn named(run: &RunInfo) -> String {
    format!(
        "the {} that {} began at {} (process {})",
        run.operation,
        run.who,
        to_seconds(&run.created),
        run.process
    )
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Results that are not in the stored state.
fn outstanding(run: &Recovery) -> String {
    match run.results {
        0 => String::new(),
        1 => "One result of it is not stored yet, and is counted in here.".to_owned(),
        n => format!("{n} results of it are not stored yet, and are counted in here."),
    }
}

/// Where a journal was kept, and why.
fn kept(run: &Recovery) -> String {
    let Some(kept) = &run.kept else {
        return String::new();
    };
    let why = match run.damaged {
        0 => "Others have changed the same objects since, and theirs stay".to_owned(),
        n => format!("The last {n} bytes of its journal cannot be read"),
    };
    let advice = match run.damaged {
        0 => " `muster recover` shows what it has, and `muster recover -adopt` brings that in.",
        _ => "",
    };
    format!(
        "{why}; the journal as it was is in {}.{advice}",
        kept.display()
    )
}

/// Where to find what a run has said that lost its terminal.
fn said(run: Option<&RunInfo>) -> String {
    let log =
        run.and_then(|run| owner::log_of(&owner::folder(), run.process, &run.who, &run.created));
    let Some(log) = log else {
        return String::new();
    };
    format!("What it said is in {}.", log.display())
}

/// Names calls that nobody knows the end of behind some words about them, and says what to do.
pub(crate) fn unanswered(words: &str, intents: &[Intent]) -> String {
    match intents {
        [] => String::new(),
        intents => format!(
            "{words}{}\n\n{}",
            list(intents.iter(), None),
            advice(intents.iter())
        ),
    }
}

/// What becomes of calls that nobody knows the end of.
fn advice<'a>(intents: impl Iterator<Item = &'a Intent>) -> String {
    let (created, changed): (Vec<_>, Vec<_>) =
        intents.partition(|intent| intent.action == IntentAction::Create);
    let creations = (!created.is_empty()).then(|| CREATIONS.to_owned());
    let changes = (!changed.is_empty()).then(|| CHANGES.to_owned());
    sentences(creations.into_iter().chain(changes))
}

/// Names calls of a run that nobody knows the end of, but for those that others tell of. What
/// earlier runs have left in its journal says when that was begun.
fn calls(intents: &[Intent], run: Option<&RunInfo>, told: &Told) -> String {
    let open = intents.iter().filter(|intent| !told.contains(&intent.addr));
    let list = list(open, run);
    match list.is_empty() {
        true => list,
        false => format!("These calls were never answered:{list}"),
    }
}

fn list<'a>(intents: impl Iterator<Item = &'a Intent>, run: Option<&RunInfo>) -> String {
    let lines = intents.map(|intent| {
        let action = match intent.action {
            IntentAction::Create => "create",
            IntentAction::Update => "update",
            IntentAction::Delete => "destroy",
        };
        let earlier = match run {
            Some(run) if intent.created >= run.created => String::new(),
            Some(_) => format!(
                " (of a run before that one, at {})",
                to_seconds(&intent.created)
            ),
            None => format!(" (at {})", to_seconds(&intent.created)),
        };
        format!("\n  - {action} {}{earlier}", intent.addr)
    });
    let mut lines: Vec<String> = lines.collect();
    if lines.len() > MOST_NAMED {
        let more = lines.split_off(MOST_NAMED).len();
        lines.push(format!("\n  - and {more} more"));
    }
    lines.concat()
}

/// Tells of logs that nobody has looked at.
pub(super) fn unseen(logs: &[PathBuf]) -> Option<Diagnostic> {
    let end_is_told = |log: &PathBuf| owner::tells_end(log);
    let (summary, detail) = match logs {
        [] => return None,
        [log] => {
            let what = match end_is_told(log) {
                true => "What it said, and how it ended, is in",
                false => "How it ended is not known. What it said is in",
            };
            (
                "An earlier run lost its terminal",
                format!("{what} {}.", log.display()),
            )
        }
        logs => {
            let lines = logs.iter().map(|log| match end_is_told(log) {
                true => format!("\n  {}", log.display()),
                false => format!("\n  {} (how it ended is not known)", log.display()),
            });
            let what = match logs.iter().any(end_is_told) {
                true => "What they said, and how they ended, is in these files:",
                false => "What they said is in these files:",
            };
            let lines: String = lines.collect();
            (
                "Earlier runs lost their terminals",
                format!("{what}{lines}"),
            )
        }
    };
    Some(Diagnostic::warning(summary, detail))
}

/// Says which other runs are changing the state: what they have done is in it when they end.
pub(super) fn going_on(runs: &[RunInfo]) -> Option<Diagnostic> {
    let (summary, detail) = match runs {
        [] => return None,
        [run] => (
            "Another run is going on",
            format!(
                "{} changes this state. A plan counts in what it does when it has ended; until then, `muster attach {}` shows how far it is, and `muster plan -lock=false` counts in what it has recorded so far.",
                capitalized(&named(run)),
                run.process
            ),
        ),
        runs => {
            let lines = runs.iter().map(|run| format!("\n  - {}", named(run)));
            let lines: String = lines.collect();
            (
                "Other runs are going on",
                format!(
                    "These change this state:{lines}\n\nA plan counts in what they do when they have ended; until then, `muster attach` shows how far they are, and `muster plan -lock=false` counts in what they have recorded so far."
                ),
            )
        }
    };
    Some(Diagnostic::warning(summary, detail))
}

/// Why a command has to wait for others that it could work beside otherwise.
pub(super) fn must_be_alone(left: &[Recovery]) -> Option<String> {
    let begun = left.iter().map(|run| run.run.as_ref().map(interrupted_run));
    let begun: Vec<String> = begun.flatten().collect();
    (!left.is_empty()).then(|| {
        sentences([
            "It has to be waited for because something is left of a run that was killed, which is brought into the state only by a command that nobody works beside.".to_owned(),
            begun.join(" "),
            "Until then, `muster plan -lock=false` plans with what it has recorded, and changes nothing.".to_owned(),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(process: u32, created: &str) -> RunInfo {
        RunInfo {
            operation: "apply".to_owned(),
            who: "jane@build-3".to_owned(),
            process,
            created: created.to_owned(),
            ..RunInfo::default()
        }
    }

    fn call(addr: &str, created: &str) -> Intent {
        Intent {
            id: 1,
            addr: addr.parse().unwrap(),
            deposed: None,
            action: IntentAction::Create,
            provider: "provider[\"example.com/x/y\"]".parse().unwrap(),
            created: created.to_owned(),
            digest: String::new(),
            resume: None,
            identity: None,
            ids: Vec::new(),
            salt: String::new(),
            digests: Default::default(),
        }
    }

    #[test]
    fn runs_are_told_of_one_by_one() {
        let left = |process: u32, results: usize, calls: &[Intent]| Recovery {
            run: Some(run(process, "12:00")),
            results,
            in_flight: calls.to_vec(),
            ..Recovery::default()
        };
        let (one, other) = (
            left(7, 1, &[call("x_y.a", "12:01")]),
            left(8, 0, &[call("x_y.b", "12:01"), call("x_y.c", "11:00")]),
        );
        let none = Told::new();
        assert!(recovered(&[], &none).is_none());
        let alone = recovered(std::slice::from_ref(&one), &none).unwrap();
        assert_eq!(alone.summary, ONE);
        assert_eq!(
            alone.detail,
            format!(
                "It was the apply that jane@build-3 began at 12:00 (process 7). One result that it had recorded was brought into the state.\n\nThese calls were never answered:\n  - create x_y.a\n\n{CREATIONS}"
            )
        );
        let both = recovered(&[one.clone(), other], &none).unwrap();
        assert_eq!(both.summary, SEVERAL);
        let second = "\n\nIt was the apply that jane@build-3 began at 12:00 (process 8).\n\nThese calls were never answered:\n  - create x_y.b\n  - create x_y.c (of a run before that one, at 11:00)\n\n";
        assert!(both.detail.contains(second), "{}", both.detail);
        assert_eq!(both.detail.matches(CREATIONS).count(), 1);
        // What a plan says more of is not told twice.
        let told = Told::from(["x_y.a".parse().unwrap()]);
        let rest = recovered(std::slice::from_ref(&one), &told).unwrap();
        let (first, _) = alone.detail.split_once("\n\n").unwrap();
        assert_eq!(rest.detail, first);
        // Of a run that was told of before, only its calls are left.
        let calls = Recovery {
            run: None,
            results: 0,
            ..one
        };
        let later = interrupted(std::slice::from_ref(&calls), &none).unwrap();
        assert_eq!(
            later.detail,
            format!("These calls were never answered:\n  - create x_y.a (at 12:01)\n\n{CREATIONS}")
        );
        assert!(interrupted(&[calls], &told).is_none());
    }

    #[test]
    fn each_kind_of_call_has_its_advice() {
        let check = |actions: &[IntentAction], expect: &[&str]| {
            let calls = actions.iter().map(|action| Intent {
                action: *action,
                ..call("x_y.a", "12:01")
            });
            let calls: Vec<Intent> = calls.collect();
            let told = unanswered("Calls:", &calls);
            let (_, advice) = told.rsplit_once("\n\n").unwrap();
            assert_eq!(advice, expect.join(" "));
            let left = Recovery {
                in_flight: calls,
                ..Recovery::default()
            };
            let told = recovered(&[left], &Told::new()).unwrap();
            assert!(told.detail.ends_with(&format!("\n\n{advice}")), "{told:?}");
        };
        use IntentAction::{Create, Delete, Update};
        check(&[Create], &[CREATIONS]);
        // There is nothing to tell `muster recover` of these.
        check(&[Update], &[CHANGES]);
        check(&[Delete, Update], &[CHANGES]);
        check(&[Update, Create], &[CREATIONS, CHANGES]);
        assert!(!CHANGES.contains("recover"));
    }

    #[test]
    fn interrupted_runs_in_short() {
        let check = |run: Option<RunInfo>, expect: &str| {
            let left = Recovery {
                run,
                results: 1,
                in_flight: vec![call("x_y.a", "12:01")],
                ..Recovery::default()
            };
            let told = hint(std::slice::from_ref(&left)).unwrap();
            let rest = "One result of it is not stored yet, and is counted in here. One call was never answered. The next plan says more.";
            assert_eq!(told.detail, format!("{expect}{rest}"));
            assert_eq!(hint(&[left.clone(), left]).unwrap().summary, SEVERAL);
        };
        check(
            Some(run(7, "12:00:00.123456789Z")),
            "It was the apply that jane@build-3 began at 12:00:00Z (process 7). ",
        );
        check(None, "");
        assert!(hint(&[]).is_none());
    }

    #[test]
    fn ends_are_promised_where_they_are_told() {
        let home = tempfile::tempdir().unwrap();
        let [ended, cut] = ["a.log", "b.log"].map(|name| home.path().join(name));
        let line = "said\n\nThe run ended at 2034-01-01T12:00:00Z with exit code 1.\n";
        std::fs::write(&ended, line).unwrap();
        std::fs::write(&cut, "said\n").unwrap();
        let check = |logs: &[&PathBuf], expect: &str| {
            let logs: Vec<PathBuf> = logs.iter().copied().cloned().collect();
            let home = format!("{}/", home.path().display());
            let found = unseen(&logs).unwrap().detail.replace(&home, "");
            assert_eq!(found, expect);
        };
        assert!(unseen(&[]).is_none());
        check(&[&ended], "What it said, and how it ended, is in a.log.");
        check(
            &[&cut],
            "How it ended is not known. What it said is in b.log.",
        );
        check(
            &[&ended, &cut],
            "What they said, and how they ended, is in these files:\n  a.log\n  b.log (how it ended is not known)",
        );
        check(
            &[&cut, &cut],
            "What they said is in these files:\n  b.log (how it ended is not known)\n  b.log (how it ended is not known)",
        );
    }

    #[test]
    fn others_that_go_on_are_named() {
        assert!(going_on(&[]).is_none());
        let one = going_on(&[run(7, "12:00")]).unwrap();
        assert!(one.detail.contains("`muster attach 7`"), "{}", one.detail);
        let two = going_on(&[run(7, "12:00"), run(8, "12:00")]).unwrap();
        for part in ["(process 7)", "(process 8)", "`muster attach`"] {
            assert!(two.detail.contains(part), "{}", two.detail);
        }
    }
}
