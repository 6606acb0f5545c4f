//! What commands show: text for people, JSON for tools, or both at once.

mod documents;
mod output;
mod results;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_lang::{Diagnostic, Diags, Sources};
use muster_plan::Event;
use muster_render::{DiagnosticRenderer, Progress, Style};
use muster_run::Sink;

use crate::args;
use crate::encryption;
use crate::error::Failure;
use crate::log;
use crate::profile::Recorder;
use crate::recovery;

use documents::Documents;
pub(crate) use output::{output_is_lost, put, put_bytes, put_err, put_err_bytes, put_log};

/// See the module.
pub(crate) struct View {
    style: Style,
    /// Text for people is shown.
    people: bool,
    documents: Documents,
    compact: bool,
    /// What the command is at the end of.
    pub ending: Ending,
    /// Nobody looks at the plan before it is applied.
    pub unasked: bool,
    /// Measures where the time goes, where that is wanted.
    pub profile: Option<Recorder>,
    /// The documents are a stream, which diagnostics are part of.
    stream: bool,
    /// An error was shown as an event.
    failed: Arc<AtomicBool>,
    /// The stream has its first document.
    begun: AtomicBool,
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
            unasked: false,
            profile: None,
            failed: Arc::default(),
            begun: AtomicBool::default(),
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

    /// Shows diagnostics: errors where errors go, warnings with the rest. Logs that they name are
    /// not told of again.
    pub(crate) fn diags(&self, diags: &Diags, sources: &Sources) {
        self.show(diags, sources);
        let to_tools = self.stream && self.documents.are_wanted();
        if !diags.is_empty() && (to_tools || !self.compact) {
            recovery::were_shown(diags);
        }
    }

    fn show(&self, diags: &Diags, sources: &Sources) {
        if diags.is_empty() {
            return;
        }
        log::diags(diags);
        let sources = encryption::presentable(sources);
        let renderer = DiagnosticRenderer::new(&sources, self.style);
        let (to_tools, to_people) = (
            self.stream && self.documents.are_wanted(),
            self.people || !self.stream,
        );
        if to_tools {
            self.version();
            for diagnostic in diags.iter() {
                self.tell(&document(&renderer, diagnostic));
            }
        }
        if to_people {
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

    /// As [`Self::fail`], but logs that are named are told of by later commands all the same.
    pub(crate) fn refuse(&self, failure: &Failure) -> ExitCode {
        self.show(&failure.diags, &Sources::default());
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
                let sources = encryption::presentable(&sources);
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

    /// Begins the stream, if nothing has begun it: with what is wrong there may be no run.
    pub(crate) fn version(&self) {
        let begins = !self.begun.swap(true, Ordering::Relaxed);
        if begins && self.documents.are_wanted() {
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
}

/// Shows warnings where errors go, for commands whose output is for other programs too.
pub(crate) fn warn(diags: &Diags) {
    if diags.is_empty() {
        return;
    }
    log::diags(diags);
    let sources = Sources::default();
    let style = Style {
        color: std::io::stderr().is_terminal() && !is_plain(false),
        width: None,
    };
    put_err(&DiagnosticRenderer::new(&sources, style).all(diags, false));
}

/// Whether another program runs this one.
pub(crate) fn is_automated() -> bool {
    std::env::var_os("TF_IN_AUTOMATION").is_some_and(|value| !value.is_empty())
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
