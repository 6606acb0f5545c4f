//! How is told what runs that did not end well have left.

use std::path::PathBuf;

use muster_lang::Diagnostic;
use muster_store::{Intent, IntentAction, Recovery, RunInfo};

use crate::owner;

/// At most so many calls of a run are named.
const MOST_NAMED: usize = 20;

const ONE: &str = "An earlier run was interrupted";
const SEVERAL: &str = "Earlier runs were interrupted";

const ADVICE: &str = "What was updated or destroyed is read again; what was created is looked for before it is created a second time. `muster plan` does that; `muster recover` lists what it cannot find out.";

/// Tells of runs whose results were brought into the state.
pub(super) fn recovered(runs: &[Recovery]) -> Option<Diagnostic> {
    warning(runs, |run| {
        let results = match run.results {
            0 => String::new(),
            1 => " One result that it had recorded was brought into the state.".to_owned(),
            n => format!(" {n} results that it had recorded were brought into the state."),
        };
        begun(run.run.as_ref()) + &results + &kept(run)
    })
}

/// Tells of runs that have left something which is not in the stored state yet.
pub(super) fn interrupted(runs: &[Recovery]) -> Option<Diagnostic> {
    warning(runs, |run| begun(run.run.as_ref()) + &outstanding(run))
}

/// As [`interrupted`], of one run and in a line.
pub(super) fn hint(run: &Recovery) -> String {
    let calls = match run.in_flight.len() {
        0 => String::new(),
        1 => " One call was never answered.".to_owned(),
        n => format!(" {n} calls were never answered."),
    };
    format!(
        "{ONE}. {}{}{calls} The next plan says more.",
        begun(run.run.as_ref()),
        outstanding(run)
    )
}

fn warning(runs: &[Recovery], sentences: impl Fn(&Recovery) -> String) -> Option<Diagnostic> {
    let told = runs.iter().map(|run| {
        let calls = calls(&run.in_flight, run.run.as_ref());
        sentences(run) + &said(run.run.as_ref()) + &calls
    });
    let mut detail = told.collect::<Vec<_>>().join("\n\n");
    if runs.iter().any(|run| !run.in_flight.is_empty()) {
        detail += "\n\n";
        detail += ADVICE;
    }
    let summary = match runs {
        [] => return None,
        [_] => ONE,
        _ => SEVERAL,
    };
    Some(Diagnostic::warning(summary, detail))
}

fn begun(run: Option<&RunInfo>) -> String {
    match run {
        Some(run) => format!("{} was interrupted.", capitalized(&named(run))),
        None => "Not everything that it began was settled since.".to_owned(),
    }
}

/// A run, who began it, and when.
fn named(run: &RunInfo) -> String {
    format!(
        "the {} that {} began at {} (process {})",
        run.operation, run.who, run.created, run.process
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
        1 => " One result of it is not in the stored state yet, and is shown.".to_owned(),
        n => format!(" {n} results of it are not in the stored state yet, and are shown."),
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
        " {why}; the journal as it was is in {}.{advice}",
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
    format!(" What it said is in {}.", log.display())
}

/// Names calls that nobody knows the end of, and says what to do about them.
pub(crate) fn unanswered(intents: &[Intent]) -> String {
    match intents {
        [] => String::new(),
        intents => format!("{}\n\n{ADVICE}", calls(intents, None)),
    }
}

/// Names calls of a run that nobody knows the end of. What earlier runs have left in its journal
/// says when that was begun.
fn calls(intents: &[Intent], run: Option<&RunInfo>) -> String {
    if intents.is_empty() {
        return String::new();
    }
    let named = intents.iter().take(MOST_NAMED).map(|intent| {
        let action = match intent.action {
            IntentAction::Create => "create",
            IntentAction::Update => "update",
            IntentAction::Delete => "destroy",
        };
        let earlier = match run {
            Some(run) if intent.created < run.created => {
                format!(" (of a run before that one, at {})", intent.created)
            }
            _ => String::new(),
        };
        format!("\n  - {action} {}{earlier}", intent.addr)
    });
    let mut text = "\n\nNobody knows what became of these calls:".to_owned();
    text.extend(named);
    if intents.len() > MOST_NAMED {
        text += &format!("\n  - and {} more", intents.len() - MOST_NAMED);
    }
    text
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
    let named: Vec<String> = runs.iter().map(named).collect();
    let advice = match runs {
        [] => return None,
        [run] => format!(
            "Plan again when it has ended; until then, `muster attach {}` shows how far it is, and `muster plan -lock=false` counts in what it has recorded so far.",
            run.process
        ),
        _ => "Plan again when they have ended; until then, `muster attach` shows how far they are, and `muster plan -lock=false` counts in what they have recorded so far.".to_owned(),
    };
    let detail = format!(
        "What they do is in the state, and in what is planned, only when they end: {}. {advice}",
        named.join(", ")
    );
    Some(Diagnostic::warning("Other runs are going on", detail))
}

/// Why a command has to wait for others that it could work beside otherwise.
pub(super) fn must_be_alone(left: &[Recovery]) -> Option<String> {
    let begun: Vec<String> = left.iter().map(|run| begun(run.run.as_ref())).collect();
    (!begun.is_empty()).then(|| {
        format!(
            "It has to be waited for because something is left of a run that was killed, which is brought into the state only by a command that nobody works beside. {} Until then, `muster plan -lock=false` plans with what it has recorded, and changes nothing.",
            begun.join(" ")
        )
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
        assert!(recovered(&[]).is_none());
        let alone = recovered(std::slice::from_ref(&one)).unwrap();
        assert_eq!(alone.summary, ONE);
        assert_eq!(
            alone.detail,
            format!(
                "The apply that jane@build-3 began at 12:00 (process 7) was interrupted. One result that it had recorded was brought into the state.\n\nNobody knows what became of these calls:\n  - create x_y.a\n\n{ADVICE}"
            )
        );
        let both = recovered(&[one, other]).unwrap();
        assert_eq!(both.summary, SEVERAL);
        let second = "\n\nThe apply that jane@build-3 began at 12:00 (process 8) was interrupted.\n\nNobody knows what became of these calls:\n  - create x_y.b\n  - create x_y.c (of a run before that one, at 11:00)\n\n";
        assert!(both.detail.contains(second), "{}", both.detail);
        assert_eq!(both.detail.matches(ADVICE).count(), 1);
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
