//! What commands show: text for people, or JSON for tools.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_addr::InstanceAddr;
use muster_applier::Counts;
use muster_lang::{Diags, Sources};
use muster_plan::{Event, Plan};
use muster_provider::Schemas;
use muster_render::{DiagnosticRenderer, Style};
use muster_run::{Sink, Stop};
use muster_snapshot::{OutputValue, Snapshot};

use crate::args;
use crate::error::Failure;

/// See the module.
pub(crate) struct View {
    style: Style,
    json: bool,
    compact: bool,
    /// An error was shown as an event.
    failed: Arc<AtomicBool>,
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
            compact: args.compact_warnings,
            failed: Arc::default(),
        }
    }

    /// A line for people.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            print!("{text}");
            let _ = std::io::stdout().flush();
        }
    }

    /// Shows diagnostics: errors where errors go, warnings with the rest.
    pub(crate) fn diags(&self, diags: &Diags, sources: &Sources) {
        if diags.is_empty() {
            return;
        }
        let renderer = DiagnosticRenderer::new(sources, self.style);
        if self.json {
            for diagnostic in diags.iter() {
                println!("{}", renderer.json(diagnostic));
            }
            return;
        }
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diags.iter().cloned().partition(|d| d.is_error());
        print!("{}", renderer.all(&Diags(warnings), self.compact));
        let _ = std::io::stdout().flush();
        eprint!("{}", renderer.all(&Diags(errors), self.compact));
    }

    /// Shows why a command stops.
    pub(crate) fn fail(&self, failure: &Failure, sources: &Sources) -> ExitCode {
        self.diags(&failure.diags, sources);
        ExitCode::FAILURE
    }

    /// Whether an error was shown while the run went on.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// A request to stop that an interrupt at the terminal makes.
    pub(crate) fn stop_on_interrupt(&self) -> Stop {
        let stop = Stop::default();
        let asked = stop.clone();
        let quiet = self.json;
        tokio::spawn(async move {
            let mut times = 0;
            while tokio::signal::ctrl_c().await.is_ok() {
                times += 1;
                asked.request();
                if !quiet {
                    eprintln!(
                        "{}",
                        match times {
                            1 =>
                                "\nInterrupt received. Operations in progress are finished, and nothing new is begun.\nInterrupt again to stop at once; what is in progress may then be lost.",
                            _ => "\nStopping at once.",
                        }
                    );
                }
            }
        });
        stop
    }
}

impl View {
    /// Takes the events of a run.
    pub(crate) fn sink(&self, sources: Arc<Sources>) -> Sink {
        let failed = Arc::clone(&self.failed);
        let (style, json) = (self.style, self.json);
        Arc::new(move |event| match event {
            Event::Diagnostic(d) => {
                if d.is_error() {
                    failed.store(true, Ordering::Relaxed);
                }
                let renderer = DiagnosticRenderer::new(&sources, style);
                if json {
                    println!("{}", renderer.json(&d));
                } else {
                    eprint!("{}", renderer.text(&d));
                }
            }
            other => {
                if !json {
                    println!("{other:?}");
                }
            }
        })
    }

    /// The run is over.
    pub(crate) fn end_of_events(&self) {}

    /// Shows a plan.
    pub(crate) fn plan(&self, plan: &Plan, schemas: &Schemas) {
        let _ = schemas;
        for c in &plan.changes {
            println!("{} {:?} {:?}", c.addr, c.action, c.reason);
        }
        println!("{:?}", plan.counts());
    }

    /// Says where a plan was saved.
    pub(crate) fn saved(&self, path: &Path, plan: &Plan) {
        let _ = plan;
        self.say(&format!("\nSaved the plan to: {0}\n\nTo carry out exactly these actions, run:\n    muster apply {0:?}\n", path.display()));
    }

    /// Shows a plan that was saved.
    pub(crate) fn show_plan(&self, plan: &Plan, schemas: &Schemas) {
        self.plan(plan, schemas);
    }

    /// Shows what an apply has done.
    pub(crate) fn applied(&self, plan: &Plan, counts: Counts, state: &Snapshot) {
        let _ = (plan, state);
        println!("{counts:?}");
    }

    /// Shows what validation found.
    pub(crate) fn validation(&self, diags: &Diags, sources: &Sources) {
        if self.json {
            println!(
                "{}",
                DiagnosticRenderer::new(sources, self.style).validate_json(diags)
            );
            return;
        }
        self.diags(diags, sources);
        if !diags.has_errors() {
            let note = if diags.is_empty() {
                ""
            } else {
                ", but there were some validation warnings as shown above"
            };
            println!("Success! The configuration is valid{note}.\n");
        }
    }

    /// Shows a state.
    pub(crate) fn show_state(&self, state: &Snapshot, schemas: &Schemas) {
        let _ = schemas;
        println!("{}", state.resources.len());
    }

    /// Shows one instance.
    pub(crate) fn show_instance(&self, state: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) {
        let _ = (state, schemas);
        println!("{addr}");
    }

    /// Shows all outputs.
    pub(crate) fn outputs(&self, state: &Snapshot) {
        println!("{:?}", state.outputs.keys());
    }

    /// Shows one output.
    pub(crate) fn output(&self, output: &OutputValue) {
        println!("{:?}", output.value);
    }
}
