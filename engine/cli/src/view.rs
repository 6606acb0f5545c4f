//! What commands show: text for people, or JSON for tools.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_addr::InstanceAddr;
use muster_applier::Counts;
use muster_config::Config;
use muster_lang::{Diagnostic, Diags, Sources};
use muster_plan::{Event, Mode, Plan};
use muster_provider::Schemas;
use muster_render::{DiagnosticRenderer, Progress, Style};
use muster_run::Sink;
use muster_snapshot::{OutputValue, Snapshot};

use crate::args;
use crate::error::Failure;

/// See the module.
pub(crate) struct View {
    style: Style,
    json: bool,
    compact: bool,
    /// What the command is at the end of.
    pub ending: Ending,
    /// Diagnostics go into the stream of documents.
    stream: bool,
    /// An error was shown as an event.
    failed: Arc<AtomicBool>,
}

/// What is said at the end of a run that changed things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// How many objects were added, changed and destroyed.
    #[default]
    Apply,
    /// How many were destroyed.
    Destroy,
    /// Only the outputs.
    Refresh,
}

impl View {
    /// As the arguments and the terminal want it.
    pub(crate) fn new(args: &args::View) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let wanted = !args.no_color && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let width = terminal.then(|| {
            let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
            size.map_or(80, |s| usize::from(s.ws_col).max(20))
        });
        Self {
            style: Style {
                color: terminal && wanted && !dumb,
                width,
            },
            json: args.json,
            stream: args.json,
            compact: args.compact_warnings,
            ending: Ending::default(),
            failed: Arc::default(),
        }
    }

    /// As [`Self::new`], for commands whose JSON is one document: what goes wrong is for people,
    /// so that standard output holds the document or nothing.
    pub(crate) fn of_document(args: &args::View) -> Self {
        Self {
            stream: false,
            ..Self::new(args)
        }
    }

    /// Whether documents are shown, and nothing for people.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            put(text);
        }
    }

    /// Shows diagnostics: errors where errors go, warnings with the rest.
    pub(crate) fn diags(&self, diags: &Diags, sources: &Sources) {
        if diags.is_empty() {
            return;
        }
        let renderer = DiagnosticRenderer::new(sources, self.style);
        if self.stream {
            for diagnostic in diags.iter() {
                put(&format!("{}\n", document(&renderer, diagnostic)));
            }
            return;
        }
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diags.iter().cloned().partition(|d| d.is_error());
        let warnings = renderer.all(&Diags(warnings), self.compact);
        match self.json {
            true => put_err(&warnings),
            false => put(&warnings),
        }
        put_err(&renderer.all(&Diags(errors), self.compact));
    }

    /// Shows why a command stops.
    pub(crate) fn fail(&self, failure: &Failure, sources: &Sources) -> ExitCode {
        let sources = failure.sources.as_deref().unwrap_or(sources);
        self.diags(&failure.diags, sources);
        ExitCode::FAILURE
    }

    /// Whether an error was shown while the run went on.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl View {
    /// Takes the events of a run.
    pub(crate) fn sink(&self, sources: Arc<Sources>) -> Sink {
        let failed = Arc::clone(&self.failed);
        let (style, json) = (self.style, self.json);
        if json {
            outln!(
                "{}",
                muster_render::version_document(
                    env!("CARGO_PKG_VERSION"),
                    crate::session::TERRAFORM_VERSION
                )
            );
        }
        let progress = Arc::new(Mutex::new(Progress::new(style, json)));
        self.tick(&progress);
        Arc::new(move |event| match event {
            Event::Diagnostic(d) => {
                if d.is_error() {
                    failed.store(true, Ordering::Relaxed);
                }
                let renderer = DiagnosticRenderer::new(&sources, style);
                if json {
                    put(&format!("{}\n", document(&renderer, &d)));
                } else {
                    put_err(&renderer.text(&d));
                }
            }
            other => {
                let mut progress = progress.lock().unwrap_or_else(|e| e.into_inner());
                if let Some(line) = progress.event(&other) {
                    put(&format!("{line}\n"));
                }
            }
        })
    }

    /// Tells of work that takes long, for as long as anybody works.
    fn tick(&self, progress: &Arc<Mutex<Progress>>) {
        let progress = Arc::downgrade(progress);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(progress) = progress.upgrade() else {
                    return;
                };
                let mut progress = progress.lock().unwrap_or_else(|e| e.into_inner());
                for line in progress.tick() {
                    put(&format!("{line}\n"));
                }
            }
        });
    }

    /// Shows a plan.
    pub(crate) fn plan(&self, plan: &Plan, schemas: &Schemas) {
        if self.ending == Ending::Refresh {
            return;
        }
        if self.json {
            for line in muster_render::plan_stream(plan) {
                put(&format!("{line}\n"));
            }
        } else {
            self.say(&muster_render::plan_text(plan, schemas, self.style));
        }
    }

    /// Tells machines what a saved plan is about to do; people have seen it when it was made.
    pub(crate) fn saved_plan(&self, plan: &Plan) {
        if self.json {
            for line in muster_render::planned_changes(plan, false) {
                put(&format!("{line}\n"));
            }
        }
    }

    /// Says where configuration was written, if the plan needed some.
    pub(crate) fn generated(&self, path: &Path, plan: &Plan) {
        if plan.changes.iter().any(|c| c.generated_config.is_some()) {
            self.say(&format!(
                "\nWrote configuration for the imported objects to {}. Review it, and edit it as you like,\nbefore you keep it.\n",
                path.display()
            ));
        }
    }

    /// Says where a plan was saved.
    pub(crate) fn saved(&self, path: &Path) {
        let path = path.display();
        self.say(&format!(
            "\nSaved the plan to: {path}\n\nTo perform exactly these actions, run:\n    muster apply \"{path}\"\n"
        ));
    }

    /// Shows a plan that was saved.
    pub(crate) fn show_plan(&self, plan: &Plan, config: &Config, schemas: &Schemas) {
        if self.json {
            let options = muster_render::PlanJson {
                terraform_version: crate::session::TERRAFORM_VERSION,
                configuration: Some(config),
            };
            self.document(|out| muster_render::plan_json(plan, schemas, options, out));
        } else {
            self.say(&muster_render::plan_text(plan, schemas, self.style));
        }
    }

    /// Writes one JSON document.
    fn document(&self, write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        // A reader that goes away early has seen enough.
        let _ = write(&mut out).and_then(|()| out.flush());
    }

    /// Shows what an apply has done.
    pub(crate) fn applied(&self, plan: &Plan, counts: Counts, state: &Snapshot) {
        let Counts {
            added,
            changed,
            destroyed,
            imported,
            forgotten,
        } = counts;
        if self.json && self.ending == Ending::Refresh {
            outln!("{}", muster_render::outputs_document(&state.outputs));
            return;
        }
        if self.json {
            let message = format!(
                "Apply complete! Resources: {added} added, {changed} changed, {destroyed} destroyed."
            );
            let operation = match self.ending {
                Ending::Destroy => "destroy",
                Ending::Apply | Ending::Refresh => "apply",
            };
            let changes = serde_json::json!({
                "add": added, "change": changed, "import": imported, "remove": destroyed, "operation": operation,
            });
            outln!(
                "{}",
                muster_render::document("change_summary", &message, "changes", changes)
            );
            if self.ending != Ending::Destroy {
                outln!("{}", muster_render::outputs_document(&state.outputs));
            }
            return;
        }
        let mut parts = Vec::new();
        if imported > 0 {
            parts.push(format!("{imported} imported"));
        }
        parts.extend([
            format!("{added} added"),
            format!("{changed} changed"),
            format!("{destroyed} destroyed"),
        ]);
        if forgotten > 0 {
            parts.push(format!("{forgotten} forgotten"));
        }
        match self.ending {
            Ending::Destroy => self.say(&format!(
                "\nDestroy complete! Resources: {destroyed} destroyed.\n"
            )),
            Ending::Apply => self.say(&format!(
                "\nApply complete! Resources: {}.\n",
                parts.join(", ")
            )),
            Ending::Refresh => {}
        }
        if !state.outputs.is_empty() && plan.mode != Mode::Destroy {
            self.say(&format!(
                "\nOutputs:\n\n{}",
                muster_render::outputs_text(&state.outputs)
            ));
        }
    }

    /// Shows what validation found.
    pub(crate) fn validation(&self, diags: &Diags, sources: &Sources) {
        if self.json {
            out!(
                "{}",
                DiagnosticRenderer::new(sources, self.style).validate_json(diags)
            );
            return;
        }
        self.diags(diags, sources);
        if !diags.has_errors() {
            let note = match diags.is_empty() {
                true => "",
                false => ", but there were some validation warnings as shown above",
            };
            outln!("Success! The configuration is valid{note}.\n");
        }
    }

    /// There is no state to show.
    pub(crate) fn no_state(&self) {
        if self.json {
            outln!("{{\"format_version\":\"1.0\"}}");
        } else {
            outln!("No state.");
        }
    }

    /// Shows a state.
    pub(crate) fn show_state(&self, state: &Snapshot, schemas: &Schemas) {
        if self.json {
            let version = crate::session::TERRAFORM_VERSION;
            self.document(|out| muster_render::state_json(state, schemas, version, out));
        } else {
            self.document(|out| muster_render::write_state_text(state, schemas, self.style, out));
        }
    }

    /// Shows one instance.
    pub(crate) fn show_instance(&self, state: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) {
        self.say(&muster_render::instance_text(state, addr, schemas));
    }

    /// Shows all outputs.
    pub(crate) fn outputs(&self, state: &Snapshot) {
        if self.json {
            put(&format!(
                "{}\n",
                muster_render::outputs_json(&state.outputs).trim_end()
            ));
        } else if state.outputs.is_empty() {
            outln!(
                "The state has no outputs. They are there once they are declared and an apply has run."
            );
        } else {
            out!("{}", muster_render::outputs_text(&state.outputs));
        }
    }

    /// Shows one output.
    pub(crate) fn output(&self, output: &OutputValue) {
        if self.json {
            put(&format!("{}\n", muster_render::output_json(output)));
        } else {
            outln!("{}", muster_render::value_text(&output.value, true));
        }
    }
}

/// Prints. A reader that goes away early has seen enough.
pub(crate) fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints to standard error. Nobody may be reading there any more, which must not keep a run from
/// recording what it did.
pub(crate) fn put_err(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// A diagnostic as a document of the stream that `-json` gives.
fn document(renderer: &DiagnosticRenderer<'_>, d: &Diagnostic) -> String {
    let (level, title) = if d.is_error() {
        ("error", "Error")
    } else {
        ("warn", "Warning")
    };
    let content = serde_json::from_str(&renderer.json(d)).unwrap_or_default();
    muster_render::leveled(
        level,
        "diagnostic",
        &format!("{title}: {}", d.summary),
        "diagnostic",
        content,
    )
}
