//! `muster test`

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::Args;
use muster_config::testing::{TestPlace, TestRun, load_tests};
use muster_config::{Config, ConfigFiles, InputVariables};
use muster_lang::{Diagnostic, Diags, Sources, Span};
use muster_plan::{RunReport, TestEvent, TestStatus};
use muster_render::{TestStream, TestText};
use muster_run::{Launcher, Stop};
use muster_test::{Host, Runner, Suite, TestSink};

use crate::error::{Failure, Outcome};
use crate::session::{self, Disk, TERRAFORM_VERSION};
use crate::view::{self, View};
use crate::{args, signals};

/// `test`
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// No colour, even on a terminal.
    #[arg(long)]
    pub no_color: bool,
    /// Machine-readable output: one JSON document per line.
    #[arg(long)]
    pub json: bool,
    /// Show the plan or the state of every run.
    #[arg(long)]
    pub verbose: bool,
    /// Run this test file only; can be given several times.
    #[arg(long = "filter", value_name = "FILE")]
    pub filters: Vec<String>,
    /// The directory with more tests, below the working directory.
    #[arg(long, value_name = "DIRECTORY", default_value = args::DEFAULT_TESTS)]
    pub test_directory: String,
    /// Write a report as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit_xml: Option<String>,
    #[command(flatten)]
    pub given: args::GivenInOrder,
    /// How many operations run at a time.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
    #[arg(long, hide = true, value_name = "SOURCE")]
    pub cloud_run: Option<String>,
}

/// Runs the tests of the configuration.
pub(crate) async fn run(args: &Test) -> ExitCode {
    let view = View::new(&args::View {
        no_color: args.no_color,
        json: args.json,
        compact_warnings: false,
        ..args::View::default()
    });
    let sources = Arc::new(Mutex::new(Sources::default()));
    match test(args, &view, &sources).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => view.fail(&failure, &lock(&sources)),
    }
}

/// Whether all tests passed.
async fn test(args: &Test, view: &View, sources: &Arc<Mutex<Sources>>) -> Outcome<bool> {
    let below = check_options(args)?;
    let (tests, mut diags) = load_tests(
        TestPlace {
            dir: ".",
            tests: &below,
        },
        &Disk,
        &mut lock(sources),
    );
    let (given, found) = given(args, &mut lock(sources));
    diags.extend(found);
    let (given_below, found) = given_below(given.clone(), &below, &mut lock(sources));
    diags.extend(found);
    diags.extend(missing_directory(&below));
    if diags.has_errors() {
        return Err(diags.into());
    }
    let reports = Arc::new(Mutex::new(Vec::new()));
    let wanted = |path: &str| {
        let filters = &args.filters;
        filters.is_empty() || filters.iter().any(|f| f.trim_start_matches("./") == path)
    };
    let suite = Suite {
        tests: tests.into_iter().filter(|t| wanted(&t.path)).collect(),
        host: Arc::new(Local),
        sources: Arc::clone(sources),
        settings: session::settings("default"),
        files: Arc::new(session::working_files()),
        given,
        given_below,
        below: format!("{below}/"),
        version: TERRAFORM_VERSION.to_owned(),
        parallelism: args.parallelism.max(1),
        verbose: args.verbose,
        stop: Stop::default(),
        sink: sink(view, sources, &reports),
    };
    run_suite(args, view, suite, diags, &reports).await
}

/// A warning when there is no such directory with more tests, unless nobody has named it.
pub(crate) fn missing_directory(tests: &str) -> Diags {
    let mut diags = Diags::new();
    if !tests.is_empty() && tests != args::DEFAULT_TESTS && !Path::new(tests).is_dir() {
        let detail =
            format!("There is no directory {tests}: only tests beside the configuration count.");
        diags.push(Diagnostic::warning("Test directory does not exist", detail));
    }
    diags
}

/// What is wrong when the module that a run is about is not there.
pub(crate) fn not_installed(run: &TestRun, at: Span) -> Diagnostic {
    let detail = format!(
        "The module of the run {:?} is not installed yet. Run init to install all modules that tests are about.",
        &*run.name
    );
    Diagnostic::error("Module not installed", detail).at(at)
}

async fn run_suite(
    args: &Test,
    view: &View,
    mut suite: Suite,
    mut warnings: Diags,
    reports: &Reports,
) -> Outcome<bool> {
    let sources = Arc::clone(&suite.sources);
    suite.stop = signals::watch(view.is_json());
    let (runner, found) = Runner::load(&suite);
    warnings.extend(found);
    if warnings.has_errors() {
        return Err(warnings.into());
    }
    if view.is_json() {
        outln!(
            "{}",
            muster_render::version_document(env!("CARGO_PKG_VERSION"), TERRAFORM_VERSION)
        );
    }
    view.diags(&warnings, &lock(&sources));
    let summary = runner.run().await;
    if summary.interrupted {
        return Ok(false);
    }
    match view.is_json() {
        true => outln!("{}", TestStream::new(TERRAFORM_VERSION).summary(&summary)),
        false => out!("{}", TestText::new(view.style()).summary(&summary)),
    }
    if let Some(path) = &args.junit_xml {
        let xml = muster_render::junit_xml(&lock(reports), &lock(&sources));
        std::fs::write(path, xml).map_err(|error| {
            let summary = format!("error saving JUnit XML to file {path:?}");
            Failure::new(summary, error.to_string())
        })?;
    }
    let failed = matches!(summary.status, TestStatus::Fail | TestStatus::Error);
    Ok(!failed)
}

/// The runs of every file.
type Reports = Mutex<Vec<(muster_config::Str, Vec<RunReport>)>>;

/// Shows what happens, and keeps what became of the runs.
fn sink(view: &View, sources: &Arc<Mutex<Sources>>, reports: &Arc<Reports>) -> TestSink {
    let text = TestText::new(view.style());
    let stream = view.is_json().then(|| TestStream::new(TERRAFORM_VERSION));
    let (sources, reports) = (Arc::clone(sources), Arc::clone(reports));
    Arc::new(move |event| {
        match &stream {
            Some(stream) => {
                for line in stream.event(&event, &lock(&sources)) {
                    view::put(&format!("{line}\n"));
                }
            }
            None => {
                let output = text.event(&event, &lock(&sources));
                view::put(&output.out);
                view::put_err(&output.err);
            }
        }
        let mut reports = lock(&reports);
        match event {
            TestEvent::FileStarted(file) => reports.push((file, Vec::new())),
            TestEvent::RunFinished { file, mut report } => {
                // Plans and states are shown, and not part of a report.
                report.seen = None;
                if let Some((_, runs)) = reports.iter_mut().find(|(path, _)| *path == file) {
                    runs.push(report);
                }
            }
            _ => {}
        }
    })
}

/// Refuses what cannot be; gives the directory with more tests.
fn check_options(args: &Test) -> Outcome<String> {
    if args.cloud_run.is_some() {
        let detail = "-cloud-run runs tests in HCP Terraform, which is not supported. Leave it \
                      out to run them here.";
        return Err(Failure::new("HCP Terraform is not supported", detail));
    }
    let given = args.test_directory.trim_end_matches('/');
    let parts = || given.split('/').filter(|part| !matches!(*part, "" | "."));
    if given.starts_with('/') || parts().any(|part| part == "..") {
        let detail = "Tests are below the working directory: give a relative path without \"..\".";
        return Err(Failure::new("Invalid testing directory", detail));
    }
    Ok(parts().collect::<Vec<_>>().join("/"))
}

/// Values of variables from outside of the tests.
fn given(args: &Test, sources: &mut Sources) -> (InputVariables, Diags) {
    let mut given = InputVariables::new();
    given.environment(std::env::vars());
    let mut diags = given.auto_files(".", &Disk, sources);
    diags.extend(session::take_options(&args.given, &mut given, sources));
    (given, diags)
}

/// Such values with those of a directory of tests, for the tests in that. There, as in Terraform,
/// they count more than what the command line gives.
fn given_below(
    mut given: InputVariables,
    tests: &str,
    sources: &mut Sources,
) -> (InputVariables, Diags) {
    let mut diags = Diags::new();
    if !tests.is_empty() {
        let mut below = InputVariables::new();
        diags = below.auto_files(tests, &Disk, sources);
        given.give_way(below);
    }
    (given, diags)
}

/// The disk and the plugins of this machine.
struct Local;

impl Host for Local {
    fn files(&self) -> &dyn ConfigFiles {
        &Disk
    }

    fn launcher(&self, config: &Config) -> Result<Arc<dyn Launcher>, Diags> {
        let launcher = || {
            let plugins = session::plugins(config)?;
            let wanted = config.providers();
            plugins.absent(wanted.keys(), []).for_validation()?;
            Ok(Arc::new(plugins) as Arc<dyn Launcher>)
        };
        launcher().map_err(|failure: Failure| failure.diags)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
