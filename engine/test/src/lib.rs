//! Tests of configurations: the runs of test files are planned and applied one after the other,
//! their assertions are evaluated, and what they have made is destroyed again. States are kept in
//! memory.
//!
//! Nothing is drawn here: what happens is told as [`TestEvent`]s.

mod assertions;
mod cleanup;
mod doubles;
mod expected;
mod file;
mod run;
mod scope;
mod setup;
mod variables;
mod world;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muster_addr::ProviderAddr;
use muster_config::testing::TestFile;
use muster_config::{Config, ConfigFiles, InputVariables};
use muster_eval::Settings;
use muster_lang::{Diags, Files, Sources};
use muster_plan::{TestEvent, TestStatus, TestSummary};
use muster_run::{Launcher, Stop};
use muster_schema::ProviderSchema;

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;

/// Takes what happens.
pub type TestSink = Arc<dyn Fn(TestEvent) + Send + Sync>;

/// What the tests need from the program that runs them.
pub trait Host: Send + Sync {
    /// Files of configurations.
    fn files(&self) -> &dyn ConfigFiles;

    /// Starts the providers of a configuration.
    ///
    /// # Errors
    /// They cannot be looked for.
    fn launcher(&self, config: &Config) -> Result<Arc<dyn Launcher>, Diags>;
}

/// Test files and everything that is needed to run them.
pub struct Suite {
    /// The files, in the order in which they are run.
    pub tests: Vec<TestFile>,
    /// The program around.
    pub host: Arc<dyn Host>,
    /// Text of all files read.
    pub sources: Arc<Mutex<Sources>>,
    /// What does not change; the timestamp is of the beginning.
    pub settings: Settings,
    /// Files as functions see them.
    pub files: Arc<dyn Files>,
    /// Values of variables that come from outside of the tests.
    pub given: InputVariables,
    /// The same for files in the directory with more of them.
    pub given_below: InputVariables,
    /// That directory, as it begins the paths of files in it.
    pub below: String,
    /// The version of states.
    pub version: String,
    /// How many questions are out at a time.
    pub parallelism: usize,
    /// Whether plans and states are wanted.
    pub verbose: bool,
    /// Asked to stop by the user: once to begin nothing new, twice not to wait.
    pub stop: Stop,
    /// Takes what happens.
    pub sink: TestSink,
}

/// Tests that are ready to be run.
pub struct Runner<'a> {
    pub(crate) suite: &'a Suite,
    /// Configurations that were loaded before.
    pub(crate) configs: Mutex<setup::Configs>,
    /// The root module, for what is not about one run.
    root: Option<Arc<Config>>,
    /// Schemas of providers that were started before.
    pub(crate) schemas: Mutex<HashMap<ProviderAddr, Arc<ProviderSchema>>>,
    /// Stops runs that go on; asked only when the user does not want to wait.
    pub(crate) halt: Stop,
}

impl<'a> Runner<'a> {
    /// Loads the configurations that the tests are about. The tests are only to be run when the
    /// diagnostics hold no error.
    pub fn load(suite: &'a Suite) -> (Self, Diags) {
        let (root, mut diags) = setup::root(suite);
        let runner = Self {
            suite,
            root,
            configs: Mutex::default(),
            schemas: Mutex::default(),
            halt: Stop::default(),
        };
        for file in &suite.tests {
            diags.extend(setup::check_file(&runner, file));
        }
        (runner, without_repeats(diags))
    }

    /// The root module.
    pub(crate) fn root(&self) -> Option<Arc<Config>> {
        self.root.clone()
    }

    /// Runs all tests.
    pub async fn run(&self) -> TestSummary {
        run(self).await
    }
}

async fn run(runner: &Runner<'_>) -> TestSummary {
    let suite = runner.suite;
    let abstracts = suite.tests.iter();
    let abstracts = abstracts.map(|file| {
        let runs = file.runs.iter().map(|run| run.name.clone());
        (file.path.clone(), runs.collect())
    });
    (suite.sink)(TestEvent::Found(abstracts.collect()));
    let work = async {
        let mut summary = TestSummary::default();
        for file in &suite.tests {
            file::run(runner, file, &mut summary).await;
            if summary.interrupted {
                break;
            }
        }
        summary
    };
    let impatience = async {
        suite.stop.forced().await;
        // Nobody waits for calls in flight any more.
        runner.halt.request();
        runner.halt.request();
        std::future::pending::<TestSummary>().await
    };
    let mut summary = tokio::select! {
        summary = work => summary,
        summary = impatience => summary,
    };
    if summary.status == TestStatus::Pending {
        summary.status = TestStatus::Pass;
    }
    summary
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is loaded several times is wrong once: what is said of the same place of files of
/// the same name is left out the second time.
fn without_repeats(diags: Diags) -> Diags {
    let mut kept: Vec<muster_lang::Diagnostic> = Vec::new();
    let place = |d: &muster_lang::Diagnostic| d.subject.map(|s| (s.start, s.end));
    for diagnostic in diags {
        let same = |d: &muster_lang::Diagnostic| {
            d.summary == diagnostic.summary
                && d.detail == diagnostic.detail
                && place(d) == place(&diagnostic)
        };
        if !kept.iter().any(same) {
            kept.push(diagnostic);
        }
    }
    Diags(kept)
}
