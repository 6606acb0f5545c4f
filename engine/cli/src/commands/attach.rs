//! `muster attach`

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::error::{Failure, Outcome};
use crate::owner::{self, About, Answers, Attached, Elsewhere, Part, Printer, Stream};
use crate::view::View;
use crate::{args, signals};

/// What stands for output of a run that is not kept any more.
pub(crate) const GAP: &str = "[what the run said before is not kept]\n";

/// The exit code of somebody who leaves.
const LEFT: u8 = 130;

/// `attach`
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Only a run that says JSON documents: what is shown is for tools. What attach itself says
    /// comes as documents of the same form.
    #[arg(long)]
    pub json: bool,
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// The process of the run, or the one that was started, when there is more than one.
    #[arg(value_name = "PROCESS")]
    pub process: Option<u32>,
}

/// Tells what is not a word of the run: people where errors go, tools as a document of a stream.
#[derive(Clone, Copy)]
struct Notes {
    json: bool,
}

impl Notes {
    fn say(self, kind: &str, message: &str, about: serde_json::Value) {
        match self.json {
            true => {
                let message = message.trim();
                outln!(
                    "{}",
                    muster_render::document(kind, message, "attach", about)
                );
            }
            false => errln!("{message}"),
        }
    }
}

/// Shows a run that is going on.
pub(crate) async fn run(args: &Attach) -> ExitCode {
    let view = View::new(&args::View {
        json: args.json,
        no_color: args.no_color,
        ..args::View::default()
    });
    let notes = Notes { json: args.json };
    view.version();
    let mut signals = signals::listen_to_all();
    let wanted = args.process;
    // One that is stopped does not answer.
    let found = tokio::select! {
        found = tokio::task::spawn_blocking(move || runs(wanted, notes)) => found.unwrap_or_default(),
        _ = signals.next() => return ExitCode::from(LEFT),
    };
    let attached = match choose(args, found) {
        Ok(attached) => attached,
        Err(failure) => return view.refuse(&failure),
    };
    let About {
        process,
        operation,
        began,
        ..
    } = attached.about.clone();
    let began = muster_store::to_seconds(&began);
    notes.say(
        "attach_begin",
        &format!(
            "Attached to {operation}, process {process}, which began at {began}. An interrupt leaves it alone.\n"
        ),
        json!({ "process": process, "operation": operation, "began": began }),
    );
    let (parts, mut heard) = unbounded_channel();
    std::thread::spawn(move || listen(attached, &parts));
    let plain = !std::io::stdout().is_terminal() || crate::view::is_plain(args.no_color);
    let shown = show(&mut heard, plain, notes);
    tokio::select! {
        ended = shown => ended.unwrap_or_else(|| view.refuse(&gone(process))),
        _ = signals.next() => {
            notes.say(
                "attach_end",
                &format!("\nThe run goes on. To see it again: muster attach {process}"),
                json!({ "process": process }),
            );
            ExitCode::from(LEFT)
        }
    }
}

/// Runs that are going on.
#[derive(Default)]
struct Runs {
    here: Answers,
    /// On other machines that share the directory.
    elsewhere: Vec<Elsewhere>,
}

/// All runs that are going on in this directory, or at least the one of this process.
fn runs(wanted: Option<u32>, notes: Notes) -> Runs {
    let found = owner::going_on(&owner::folder());
    Runs {
        here: owner::hear(found.here, wanted, |silent| wait_for(silent, notes)),
        elsewhere: found.elsewhere,
    }
}

/// Says that some processes have not answered yet.
fn wait_for(silent: &[u32], notes: Notes) {
    let (word, them) = match silent.len() {
        1 => ("process", "it"),
        _ => ("processes", "them"),
    };
    let names: Vec<String> = silent.iter().map(u32::to_string).collect();
    let message = format!(
        "Waiting for {word} {} to answer, which may be stopped: the signal CONT lets {them} go on. An interrupt ends the waiting.",
        names.join(", ")
    );
    notes.say("attach_wait", &message, json!({ "processes": silent }));
}

fn choose(args: &Attach, found: Runs) -> Outcome<Attached> {
    let Runs {
        here: Answers { mut runs, silent },
        mut elsewhere,
    } = found;
    let all = list(&runs) + &silence(&silent);
    let mut mute = silent.clone();
    mute.retain(|run| args.process.is_none_or(|process| *run == process));
    runs.retain(|run| args.process.is_none_or(|process| run.about.is_of(process)));
    elsewhere.retain(|run| args.process.is_none_or(|process| run.process == process));
    let (summary, detail) = match runs.pop() {
        None if !mute.is_empty() => (
            "No run that answers",
            format!(
                "These are there:{}\n\nThe signal CONT lets one that is stopped go on.",
                silence(&mute)
            ),
        ),
        None if !elsewhere.is_empty() => return Err(out_of_reach(&elsewhere)),
        None => return Err(none_of(args.process, &all)),
        Some(run) if !runs.is_empty() => {
            runs.push(run);
            (
                "More than one run is going on",
                format!(
                    "Say which one to attach to:{}{}",
                    list(&runs),
                    silence(&silent)
                ),
            )
        }
        Some(run) if run.about.full => (
            "Too many are attached",
            format!(
                "As many as can be are attached to the {} of process {} already.",
                run.about.operation, run.about.process
            ),
        ),
        Some(run) if args.json && !run.about.json => (
            "The run says no JSON",
            format!(
                "The {} of process {} was started without -json. Attach to it without -json.",
                run.about.operation, run.about.process
            ),
        ),
        Some(run) => return Ok(run),
    };
    Err(Failure::new(summary, detail))
}

/// There is no run, or none of this process, but these.
fn none_of(process: Option<u32>, all: &str) -> Failure {
    let (summary, detail) = match process {
        Some(process) if all.is_empty() => (
            "No such run",
            format!(
                "No run of process {process} is going on in this directory.{}",
                last()
            ),
        ),
        Some(process) => (
            "No such run",
            format!(
                "No run of process {process} is going on in this directory, but there is:{all}"
            ),
        ),
        None => (
            "No run to attach to",
            format!("No run is going on in this directory.{}", last()),
        ),
    };
    Failure::new(summary, detail)
}

/// What is known of runs on other machines.
fn out_of_reach(runs: &[Elsewhere]) -> Failure {
    let lines = runs.iter().map(|run| {
        let other = match run.is_namesake {
            true => ", but in another container, or before that was started again",
            false => "",
        };
        format!(
            "\n  process {} runs on {}{other}    ({})",
            run.process,
            run.host,
            run.path.display()
        )
    });
    let lines: String = lines.collect();
    let detail = format!(
        "It can be attached to only there:{lines}\n\nA run that was killed has left its file behind. `muster attach` removes it there; where that machine is gone, remove it by hand."
    );
    Failure::new("The run is on another machine", detail)
}

/// The end of a run that has not said how it ended.
fn gone(process: u32) -> Failure {
    let detail = format!(
        "Process {process} has ended without a word. What had been done is recorded; the next command tells what was in flight."
    );
    Failure::new("The process that carried out the run is gone", detail)
}

/// How to attach to each of some runs, a line each.
fn list(runs: &[Attached]) -> String {
    let lines = runs.iter().map(|run| {
        let About {
            process,
            operation,
            began,
            ..
        } = &run.about;
        format!("\n  muster attach {process}    {operation}, since {began}")
    });
    lines.collect()
}

/// The processes that say nothing, a line each.
fn silence(silent: &[u32]) -> String {
    let lines = silent
        .iter()
        .map(|process| format!("\n  process {process} does not answer; it may be stopped"));
    lines.collect()
}

/// Where to look for what an earlier run has said.
fn last() -> String {
    match owner::newest_log(&owner::folder()) {
        None => String::new(),
        Some(path) => format!(
            " What the last one said that lost its terminal is in {}.",
            path.display()
        ),
    }
}

/// Output in several pieces that came together, or an end.
fn listen(mut attached: Attached, parts: &UnboundedSender<(Part, bool)>) {
    loop {
        let part = attached.next();
        let over = !matches!(part, Part::Text(..) | Part::Gap);
        let sent = parts.send((part, attached.has_more()));
        if over || sent.is_err() {
            return;
        }
    }
}

/// Shows what comes, and gives the exit code of the run; `None` when it is gone without one.
async fn show(
    heard: &mut UnboundedReceiver<(Part, bool)>,
    plain: bool,
    notes: Notes,
) -> Option<ExitCode> {
    let mut printer = Printer::default();
    let mut ended = None;
    while let Some((part, more)) = heard.recv().await {
        match part {
            Part::Gap if notes.json => {
                printer.flush();
                notes.say("attach_gap", GAP.trim_end(), serde_json::Value::Null);
            }
            Part::Gap => printer.add(Stream::Err, GAP.as_bytes()),
            Part::Text(stream, text) if plain => printer.add(stream, &without_styles(&text)),
            Part::Text(stream, text) => printer.add(stream, &text),
            Part::Ended(code) => {
                ended = Some(ExitCode::from(code));
                break;
            }
            Part::Gone => break,
        }
        if !more {
            printer.flush();
        }
    }
    printer.flush();
    ended
}

/// Text without the sequences that give it colour.
fn without_styles(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\x1b[") {
        let (before, sequence) = rest.split_at(at);
        plain.extend(before);
        let inside = |byte: &u8| byte.is_ascii_digit() || *byte == b';';
        let end = 2 + sequence[2..].iter().take_while(|byte| inside(byte)).count();
        rest = match sequence.get(end) {
            Some(b'm') => &sequence[end + 1..],
            _ => {
                plain.extend(&sequence[..2]);
                &sequence[2..]
            }
        };
    }
    plain.extend(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_do_not_answer_are_told_of() {
        let check = |process: Option<u32>, expect: &[&str]| {
            let args = Attach {
                json: false,
                no_color: true,
                process,
            };
            let silent = vec![7, 9];
            let here = Answers {
                silent,
                ..Answers::default()
            };
            let found = Runs {
                here,
                ..Runs::default()
            };
            let told = choose(&args, found).err().unwrap();
            let told = &told.diags.0[0];
            let told = format!("Error: {}\n\n{}", told.summary, told.detail);
            for part in expect {
                assert!(told.contains(part), "{part:?} is not in:\n{told}");
            }
            told
        };
        let [seven, nine] =
            [7, 9].map(|n| format!("process {n} does not answer; it may be stopped"));
        check(None, &["Error: No run that answers", &seven, &nine]);
        let one = check(Some(7), &["Error: No run that answers", &seven]);
        assert!(!one.contains(&nine), "{one}");
        check(Some(8), &["Error: No such run", &seven, &nine]);
    }

    #[test]
    fn styles_are_taken_away() {
        let check = |text: &str, expect: &str| {
            let found = without_styles(text.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), expect);
        };
        check("plain", "plain");
        check(
            "\u{1b}[1;32mgreen\u{1b}[0m and \u{1b}[mnone",
            "green and none",
        );
        check("\u{1b}[2K\u{1b}[", "\u{1b}[2K\u{1b}[");
        check("\u{1b}\u{1b}[1mx", "\u{1b}x");
    }
}
