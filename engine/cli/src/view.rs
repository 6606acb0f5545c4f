//! What commands show: text for people, JSON for tools, or both at once.

mod documents;

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
use crate::profile::Recorder;
use crate::{log, owner};
use documents::Documents;

/// See the module.
pub(crate) struct View {
    style: Style,
    /// Text for people is shown.
    people: bool,
    documents: Documents,
    compact: bool,
    /// What the command is at the end of.
    pub ending: Ending,
    /// Measures where the time goes, where that is wanted.
    pub profile: Option<Recorder>,
    /// The documents are a stream, which diagnostics are part of.
    stream: bool,
    /// An error was shown as an event.
    failed: Arc<AtomicBool>,
}

/// Somebody asked for no colour, with a command that has nothing to say about it.
static COLOR_IS_FORBIDDEN: AtomicBool = AtomicBool::new(false);

/// Lets no view that is made from now on use colour.
pub(crate) fn forbid_color() {
    COLOR_IS_FORBIDDEN.store(true, Ordering::Relaxed);
}

/// Whether there is to be no colour, whatever output goes to.
pub(crate) fn is_plain(no_color: bool) -> bool {
    let forbidden = no_color || COLOR_IS_FORBIDDEN.load(Ordering::Relaxed);
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    forbidden || unwanted || dumb
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
        let width = match terminal {
            true => terminal_width(),
            false => None,
        };
        Self {
            style: Style {
                color: terminal && !is_plain(args.no_color),
                width,
            },
            people: !args.json,
            documents: match args.json {
                true => Documents::Stdout,
                false => Documents::Nowhere,
            },
            stream: true,
            compact: args.compact_warnings,
            ending: Ending::default(),
            profile: None,
            failed: Arc::default(),
        }
    }

    /// As [`Self::new`], for commands that also write their documents to a file where that is
    /// wanted. When the file cannot be opened, the command ends with the code that this gives.
    pub(crate) fn open(args: &args::View) -> Result<Self, ExitCode> {
        let view = Self::new(args);
        let Some(path) = &args.json_into else {
            return Ok(view);
        };
        match Documents::file(path) {
            Ok(documents) => Ok(Self { documents, ..view }),
            Err(error) => {
                let detail = format!("{} cannot be written to: {error}.", path.display());
                let failure = Failure::new("Unable to open the file of -json-into", detail);
                Err(view.fail(&failure, &Sources::default()))
            }
        }
    }

    /// As [`Self::open`], for commands whose JSON is one document: what goes wrong is for people,
    /// so that standard output, or the file, holds the document or nothing.
    pub(crate) fn of_document(args: &args::View) -> Result<Self, ExitCode> {
        let view = Self::open(args)?;
        Ok(Self {
            stream: false,
            ..view
        })
    }

    /// How text looks.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Whether documents are shown, and nothing for people.
    pub(crate) fn is_json(&self) -> bool {
        !self.people
    }

    /// Text for people.
    pub(crate) fn say(&self, text: &str) {
        if self.people {
            put(text);
        }
    }

    /// Text for people who ask what to do next. Where another program runs this one, nobody
    /// does.
    pub(crate) fn hint(&self, text: &str) {
        if !is_automated() {
            self.say(text);
        }
    }

    /// A line for tools.
    pub(crate) fn tell(&self, document: &str) {
        self.documents.put(&format!("{document}\n"));
    }

    /// Shows diagnostics: errors where errors go, warnings with the rest.
    pub(crate) fn diags(&self, diags: &Diags, sources: &Sources) {
        if diags.is_empty() {
            return;
        }
        log::diags(diags);
        let renderer = DiagnosticRenderer::new(sources, self.style);
        if self.stream && self.documents.are_wanted() {
            for diagnostic in diags.iter() {
                self.tell(&document(&renderer, diagnostic));
            }
        }
        if self.people || !self.stream {
            self.diags_for_people(diags, &renderer);
        }
    }

    fn diags_for_people(&self, diags: &Diags, renderer: &DiagnosticRenderer<'_>) {
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diags.iter().cloned().partition(|d| d.is_error());
        let warnings = renderer.all(&Diags(warnings), self.compact);
        match self.people {
            true => put(&warnings),
            false => put_err(&warnings),
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
        let style = self.style;
        self.version();
        let people = self.people.then(|| self.progress(false, Documents::Stdout));
        let tools = self.documents.clone();
        let tools = tools.are_wanted().then(|| self.progress(true, tools));
        let documents = self.documents.clone();
        let sink: Sink = Arc::new(move |event| {
            log::event(&event);
            if let Event::Diagnostic(d) = &event {
                if d.is_error() {
                    failed.store(true, Ordering::Relaxed);
                }
                let renderer = DiagnosticRenderer::new(&sources, style);
                documents.put(&format!("{}\n", document(&renderer, d)));
                if people.is_some() {
                    put_err(&renderer.text(d));
                }
                return;
            }
            for (progress, out) in people.iter().chain(&tools) {
                let mut progress = progress.lock().unwrap_or_else(|e| e.into_inner());
                if let Some(line) = progress.event(&event) {
                    out.put(&format!("{line}\n"));
                }
            }
        });
        match &self.profile {
            Some(recorder) => recorder.sink(sink),
            None => sink,
        }
    }

    /// Begins the stream.
    pub(crate) fn version(&self) {
        if self.documents.are_wanted() {
            let version = env!("CARGO_PKG_VERSION");
            let terraform = crate::session::TERRAFORM_VERSION;
            self.tell(&muster_render::version_document(version, terraform));
        }
    }

    /// One that is told of the progress of a run.
    fn progress(&self, json: bool, out: Documents) -> (Arc<Mutex<Progress>>, Documents) {
        let progress = Arc::new(Mutex::new(Progress::new(self.style, json)));
        Self::tick(&progress, out.clone());
        (progress, out)
    }

    /// Tells of work that takes long, for as long as anybody works.
    fn tick(progress: &Arc<Mutex<Progress>>, out: Documents) {
        let progress = Arc::downgrade(progress);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(progress) = progress.upgrade() else {
                    return;
                };
                let mut progress = progress.lock().unwrap_or_else(|e| e.into_inner());
                for line in progress.tick() {
                    out.put(&format!("{line}\n"));
                }
            }
        });
    }

    /// Shows a plan.
    pub(crate) fn plan(&self, plan: &Plan, schemas: &Schemas) {
        if self.ending == Ending::Refresh {
            return;
        }
        if self.documents.are_wanted() {
            for line in muster_render::plan_stream(plan) {
                self.tell(&line);
            }
        }
        if self.people {
            self.say(&muster_render::plan_text(plan, schemas, self.style));
        }
    }

    /// Tells machines what a saved plan is about to do; people have seen it when it was made.
    pub(crate) fn saved_plan(&self, plan: &Plan) {
        if self.documents.are_wanted() {
            for line in muster_render::planned_changes(plan, false) {
                self.tell(&line);
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
        self.say(&format!("\nSaved the plan to: {path}\n"));
        self.hint(&format!(
            "\nTo perform exactly these actions, run:\n    muster apply \"{path}\"\n"
        ));
    }

    /// Shows a plan that was saved.
    pub(crate) fn show_plan(&self, plan: &Plan, config: &Config, schemas: &Schemas) {
        let options = muster_render::PlanJson {
            terraform_version: crate::session::TERRAFORM_VERSION,
            configuration: Some(config),
        };
        self.documents
            .write(|out| muster_render::plan_json(plan, schemas, options, out));
        if self.people {
            self.say(&muster_render::plan_text(plan, schemas, self.style));
        }
    }

    /// Shows what an apply has done.
    pub(crate) fn applied(&self, plan: &Plan, counts: Counts, state: &Snapshot) {
        if self.documents.are_wanted() {
            self.applied_documents(counts, state);
        }
        let mut parts = Vec::new();
        if counts.imported > 0 {
            parts.push(format!("{} imported", counts.imported));
        }
        let destroyed = counts.destroyed;
        parts.extend([
            format!("{} added", counts.added),
            format!("{} changed", counts.changed),
            format!("{destroyed} destroyed"),
        ]);
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

    fn applied_documents(&self, counts: Counts, state: &Snapshot) {
        let Counts {
            added,
            changed,
            destroyed,
            imported,
            ..
        } = counts;
        let operation = match self.ending {
            Ending::Destroy => "destroy",
            Ending::Apply | Ending::Refresh => "apply",
        };
        if self.ending != Ending::Refresh {
            let message = format!(
                "Apply complete! Resources: {added} added, {changed} changed, {destroyed} destroyed."
            );
            let changes = serde_json::json!({
                "add": added, "change": changed, "import": imported, "remove": destroyed, "operation": operation,
            });
            let summary = muster_render::document("change_summary", &message, "changes", changes);
            self.tell(&summary);
        }
        if self.ending != Ending::Destroy {
            self.tell(&muster_render::outputs_document(&state.outputs));
        }
    }

    /// Shows what validation found.
    pub(crate) fn validation(&self, diags: &Diags, sources: &Sources) {
        let renderer = DiagnosticRenderer::new(sources, self.style);
        if self.documents.are_wanted() {
            self.documents.put(&renderer.validate_json(diags));
        }
        if !self.people {
            return;
        }
        self.diags_for_people(diags, &renderer);
        if !diags.has_errors() {
            let note = match diags.is_empty() {
                true => "",
                false => ", but there were some validation warnings as shown above",
            };
            let success = self.style().success("Success!");
            outln!("{success} The configuration is valid{note}.\n");
        }
    }

    /// There is no state to show.
    pub(crate) fn no_state(&self) {
        self.tell("{\"format_version\":\"1.0\"}");
        self.say("No state.\n");
    }

    /// Shows a state.
    pub(crate) fn show_state(&self, state: &Snapshot, schemas: &Schemas) {
        let version = crate::session::TERRAFORM_VERSION;
        self.documents
            .write(|out| muster_render::state_json(state, schemas, version, out));
        if self.people {
            let style = self.style;
            Documents::Stdout
                .write(|out| muster_render::write_state_text(state, schemas, style, out));
        }
    }

    /// Shows one instance.
    pub(crate) fn show_instance(&self, state: &Snapshot, addr: &InstanceAddr, schemas: &Schemas) {
        self.say(&muster_render::instance_text(state, addr, schemas));
    }

    /// Shows all outputs.
    pub(crate) fn outputs(&self, state: &Snapshot) {
        if self.documents.are_wanted() {
            self.tell(muster_render::outputs_json(&state.outputs).trim_end());
        }
        match state.outputs.is_empty() {
            true => self.say(
                "The state has no outputs. They are there once they are declared and an apply has run.\n",
            ),
            false => self.say(&muster_render::outputs_text(&state.outputs)),
        }
    }

    /// Shows one output.
    pub(crate) fn output(&self, output: &OutputValue) {
        if self.documents.are_wanted() {
            self.tell(&muster_render::output_json(output));
        }
        if self.people {
            outln!("{}", muster_render::value_text(&output.value, true));
        }
    }
}

/// Whether another program runs this one.
pub(crate) fn is_automated() -> bool {
    std::env::var_os("TF_IN_AUTOMATION").is_some_and(|value| !value.is_empty())
}

/// Prints. A reader that goes away early has seen enough.
pub(crate) fn put(text: &str) {
    put_bytes(text.as_bytes());
}

/// As [`put`], whatever the bytes are.
pub(crate) fn put_bytes(bytes: &[u8]) {
    let mut out = out();
    note_loss(&out.write_all(bytes).and_then(|()| out.flush()));
}

/// Standard output; where another process shows what this one says, that one's.
fn out() -> Box<dyn Write> {
    match owner::is_owner() {
        true => Box::new(Said),
        false => Box::new(std::io::stdout().lock()),
    }
}

/// Takes what another process shows.
struct Said;

impl Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        owner::say(owner::Stream::Out, bytes, true);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Standard output could not be written, though somebody is there to read it.
static OUTPUT_IS_LOST: AtomicBool = AtomicBool::new(false);

/// Remembers when output is lost, and says so once. A reader that goes away early has seen enough.
fn note_loss(written: &std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
        && !OUTPUT_IS_LOST.swap(true, Ordering::Relaxed)
    {
        errln!("Error: the output cannot be written: {error}");
    }
}

/// Whether some of the output could not be written.
pub(crate) fn output_is_lost() -> bool {
    OUTPUT_IS_LOST.load(Ordering::Relaxed)
}

/// Prints to standard error. Nobody may be reading there any more, which must not keep a run from
/// recording what it did.
pub(crate) fn put_err(text: &str) {
    put_err_bytes(text.as_bytes());
}

/// As [`put_err`], whatever the bytes are.
pub(crate) fn put_err_bytes(bytes: &[u8]) {
    if !owner::say(owner::Stream::Err, bytes, true) {
        write_err(bytes);
    }
}

/// As [`put_err`], for what is no part of what a command shows.
pub(crate) fn put_log(text: &str) {
    if !owner::say(owner::Stream::Err, text.as_bytes(), false) {
        write_err(text.as_bytes());
    }
}

fn write_err(bytes: &[u8]) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(bytes).and_then(|()| err.flush());
}

/// How many columns lines may have. Serial lines and some containers have terminals that do not
/// know: then lines are as long as they are.
fn terminal_width() -> Option<usize> {
    match rustix::termios::tcgetwinsize(std::io::stdout()) {
        Ok(size) if size.ws_col == 0 => None,
        Ok(size) => Some(usize::from(size.ws_col).max(20)),
        Err(_) => Some(80),
    }
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

/// A sink that keeps the errors of a run and shows nothing, and what it has kept.
pub(crate) fn errors_only() -> (Sink, Arc<Mutex<Diags>>) {
    let kept: Arc<Mutex<Diags>> = Arc::default();
    let heard = Arc::clone(&kept);
    let sink: Sink = Arc::new(move |event| {
        if let Event::Diagnostic(diagnostic) = event {
            let mut kept = kept.lock().unwrap_or_else(|e| e.into_inner());
            kept.0.extend(diagnostic.is_error().then_some(diagnostic));
        }
    });
    (sink, heard)
}
