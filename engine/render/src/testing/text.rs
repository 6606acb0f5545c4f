//! The form for people.

use std::fmt::Write as _;

use muster_addr::InstanceAddr;
use muster_lang::{Diags, Sources};
use muster_plan::{RunReport, Seen, TestEvent, TestStatus, TestSummary};
use muster_snapshot::DeposedKey;

use super::{counts, is_success};
use crate::style::{Paint, Style};
use crate::{DiagnosticRenderer, plan_text, write_state_text};

/// Draws what happens in tests, line by line.
#[derive(Clone, Copy, Debug)]
pub struct TestText {
    style: Style,
}

/// What is to be printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestOutput {
    /// On standard output.
    pub out: String,
    /// On standard error, after that.
    pub err: String,
}

impl TestText {
    /// Draws in a style.
    pub fn new(style: Style) -> Self {
        Self { style }
    }

    /// Something that has happened.
    pub fn event(&self, event: &TestEvent, sources: &Sources) -> TestOutput {
        let mut output = TestOutput::default();
        let line = |file: &str, paint, word: &str| {
            let word = self.style.painted(paint, word);
            format!("{file}... {word}\n")
        };
        match event {
            TestEvent::Found(_) | TestEvent::RunProgress { .. } => {}
            TestEvent::FileStarted(file) => output.out = line(file, Paint::Dim, "in progress"),
            TestEvent::FileTeardown(file) => output.out = line(file, Paint::Dim, "tearing down"),
            TestEvent::FileFinished {
                file,
                status,
                diags,
            } => {
                output.out = line(file, paint_of(*status), status.word());
                self.diags(&mut output, diags, sources);
            }
            TestEvent::RunFinished { report, .. } => {
                let word = self
                    .style
                    .painted(paint_of(report.status), report.status.word());
                output.out = format!("  run \"{}\"... {word}\n", report.name);
                self.seen(&mut output.out, report);
                self.diags(&mut output, &report.diags, sources);
            }
            TestEvent::CleanedUp {
                file,
                run,
                diags,
                left,
            } => {
                let name = format!("{file}/{run}");
                self.cleaned_up(&mut output, &name, diags, left, sources);
            }
            TestEvent::Interrupted {
                file,
                run,
                existing,
                planned,
            } => output.err = interrupted(file, run, existing, planned),
        }
        output
    }

    /// The last line.
    pub fn summary(&self, summary: &TestSummary) -> String {
        let (paint, word) = match is_success(summary.status) {
            true => (Paint::Green, "Success!"),
            false => (Paint::Red, "Failure!"),
        };
        format!("\n{}{}\n", self.style.painted(paint, word), counts(summary))
    }

    fn diags(&self, output: &mut TestOutput, diags: &Diags, sources: &Sources) {
        let renderer = DiagnosticRenderer::new(sources, self.style);
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diags.iter().cloned().partition(|d| d.is_error());
        let warnings = renderer.all(&Diags(warnings), false);
        if !warnings.is_empty() {
            output.out.push_str(&warnings);
            output.out.push('\n');
        }
        output.err.push_str(&renderer.all(&Diags(errors), false));
    }

    fn seen(&self, out: &mut String, report: &RunReport) {
        match &report.seen {
            None => {}
            Some(Seen::Plan(plan, schemas)) => {
                let text = plan_text(plan, schemas, self.style);
                let _ = writeln!(out, "\n{}\n", text.trim_matches('\n'));
            }
            Some(Seen::State(state, schemas)) => {
                let mut text = Vec::new();
                // Writing to memory cannot fail.
                let _ = write_state_text(state, schemas, self.style, &mut text);
                let text = String::from_utf8(text).unwrap_or_default();
                let _ = writeln!(out, "\n{}\n", text.trim_matches('\n'));
            }
        }
    }

    fn cleaned_up(
        &self,
        output: &mut TestOutput,
        name: &str,
        diags: &Diags,
        left: &[(InstanceAddr, Option<DeposedKey>)],
        sources: &Sources,
    ) {
        if diags.has_errors() {
            let _ = writeln!(
                output.err,
                "Destroying what {name} has made has met an error:"
            );
        }
        self.diags(output, diags, sources);
        if left.is_empty() {
            return;
        }
        let _ = writeln!(
            output.err,
            "\nThese objects of {name} are left, and are recorded nowhere. Destroy them by hand:"
        );
        for (addr, deposed) in left {
            let deposed = deposed.as_ref();
            let deposed = deposed.map(|key| format!(" ({})", key.as_str()));
            let _ = writeln!(output.err, "  - {addr}{}", deposed.unwrap_or_default());
        }
    }
}

fn paint_of(status: TestStatus) -> Paint {
    match status {
        TestStatus::Pass => Paint::Green,
        TestStatus::Fail | TestStatus::Error => Paint::Red,
        TestStatus::Pending | TestStatus::Skip => Paint::Dim,
    }
}

fn interrupted(
    file: &str,
    run: &str,
    existing: &[(std::sync::Arc<str>, Vec<InstanceAddr>)],
    planned: &[InstanceAddr],
) -> String {
    let mut out = format!("\n{file} was interrupted, and what it has made was not destroyed.\n");
    let mut list = |title: String, addrs: &[InstanceAddr]| {
        let _ = write!(out, "\n{title}\n");
        for addr in addrs {
            let _ = writeln!(out, "  - {addr}");
        }
    };
    for (run, addrs) in existing {
        list(format!("These objects of the run \"{run}\" exist:"), addrs);
    }
    if !planned.is_empty() {
        let title = format!("The run \"{run}\" was making these objects, which may exist:");
        list(title, planned);
    }
    out
}
