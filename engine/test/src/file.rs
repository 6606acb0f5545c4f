//! One test file: its runs in their order, then what they have made is destroyed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use muster_config::testing::{TestFile, TestRun, run_reference};
use muster_lang::{Diagnostic, Diags, Expr};
use muster_plan::{RunReport, TestEvent, TestStage, TestStatus, TestSummary};
use muster_snapshot::Snapshot;
use muster_value::Value;

use crate::cleanup::{self, Left};
use crate::run::{Outcome, Remains, Start, execute};
use crate::scope::Names;
use crate::{Runner, Str, lock, setup};

/// How often it is told that a run goes on.
const PACE: Duration = Duration::from_secs(2);

/// A file that is being run.
struct Going<'r, 'a> {
    runner: &'r Runner<'r>,
    file: &'a TestFile,
    global: BTreeMap<Str, Value>,
    /// Outputs of the runs that were run.
    outputs: BTreeMap<Str, Value>,
    /// States by their keys.
    states: BTreeMap<Str, Kept<'a>>,
    status: TestStatus,
    interrupted: bool,
}

/// A state with what is needed to destroy what is in it.
struct Kept<'a> {
    state: Snapshot,
    remains: Remains<'a>,
    /// The place of the run that used it last.
    last: usize,
}

/// Runs a file.
pub(crate) async fn run(runner: &Runner<'_>, file: &TestFile, summary: &mut TestSummary) {
    let tell = |event| (runner.suite.sink)(event);
    tell(TestEvent::FileStarted(file.path.clone()));
    let (global, mut diags) = global(runner, file);
    let mut going = Going {
        runner,
        file,
        global,
        outputs: BTreeMap::new(),
        states: BTreeMap::new(),
        status: match diags.has_errors() {
            true => TestStatus::Error,
            false => TestStatus::Pending,
        },
        interrupted: false,
    };
    going.runs(summary).await;
    // Without a run nothing has gone wrong.
    going.status = match going.status {
        TestStatus::Pending => TestStatus::Pass,
        status => status,
    };
    tell(TestEvent::FileTeardown(file.path.clone()));
    if !going.interrupted {
        going.teardown().await;
    }
    if let Some(root) = runner.root() {
        diags.extend(setup::idle_blocks(file, &root));
    }
    summary.status = summary.status.max(going.status);
    summary.interrupted |= going.interrupted;
    tell(TestEvent::FileFinished {
        file: file.path.clone(),
        status: going.status,
        diags,
    });
}

/// Values of variables from outside of the file.
fn global(runner: &Runner<'_>, file: &TestFile) -> (BTreeMap<Str, Value>, Diags) {
    let suite = runner.suite;
    let below = file.path.starts_with(&suite.below) && !suite.below.is_empty();
    let given = match below {
        true => &suite.given_below,
        false => &suite.given,
    };
    match runner.root() {
        Some(config) => given.given(config.root(), &mut lock(&suite.sources)),
        None => (BTreeMap::new(), Diags::new()),
    }
}

impl<'r, 'a> Going<'r, 'a> {
    fn tell(&self, event: TestEvent) {
        (self.runner.suite.sink)(event);
    }

    async fn runs(&mut self, summary: &mut TestSummary) {
        let mut next = 0;
        while next < self.file.runs.len() {
            let skips = self.status == TestStatus::Error
                || self.interrupted
                || self.runner.suite.stop.is_requested();
            let batch = if skips { 1 } else { self.batch(next) };
            let range = next..next + batch;
            next += batch;
            if skips {
                let run = &self.file.runs[range.start];
                if !self.interrupted {
                    self.finish(skipped(run), summary);
                }
                continue;
            }
            let outcomes = range.clone().map(|at| self.one(at));
            let outcomes = join_all(outcomes).await;
            for (at, outcome) in range.zip(outcomes) {
                self.take(at, outcome, summary);
            }
        }
    }

    /// How many runs from here on can be run at the same time.
    fn batch(&self, first: usize) -> usize {
        let runs = &self.file.runs[first..];
        let parallel = |run: &TestRun| run.parallel.unwrap_or(self.file.parallel);
        let mut count = 1;
        while let Some(run) = runs.get(count) {
            let before = &runs[..count];
            let alone = before.iter().any(|earlier| {
                setup::state_key(earlier) == setup::state_key(run)
                    || refers_to(self.file, run, &earlier.name)
            });
            if alone || !parallel(run) || !before.iter().all(parallel) {
                break;
            }
            count += 1;
        }
        count
    }

    /// Runs one, and tells that it goes on.
    async fn one(&self, at: usize) -> Outcome<'a> {
        let run = &self.file.runs[at];
        let began = Instant::now();
        let tell = |stage, elapsed| {
            self.tell(TestEvent::RunProgress {
                file: self.file.path.clone(),
                run: run.name.clone(),
                stage,
                elapsed,
            });
        };
        tell(TestStage::Starting, Duration::ZERO);
        let kept = self.states.get(&setup::state_key(run));
        let start = Start {
            file: self.file,
            run,
            names: Names {
                file: self.file,
                global: &self.global,
                runs: &self.outputs,
                files: &*self.runner.suite.files,
            },
            state: match kept {
                Some(kept) => kept.state.clone(),
                None => Snapshot::new(&self.runner.suite.version),
            },
        };
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PACE, PACE);
        let mut work = std::pin::pin!(execute(self.runner, start));
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                _ = ticks.tick() => tell(TestStage::Running, began.elapsed()),
            }
        }
    }

    /// Takes what a run came to.
    fn take(&mut self, at: usize, outcome: Outcome<'a>, summary: &mut TestSummary) {
        let run = &self.file.runs[at];
        let mut report = outcome.report;
        if let Some(outputs) = outcome.outputs {
            self.outputs.insert(run.name.clone(), outputs);
        }
        if self.runner.halt.is_requested() {
            self.interrupt(run, outcome.planned);
            let detail = "The run was stopped before it came to its end, and nothing was \
                          destroyed afterwards. Look at what is left of it.";
            let error = Diagnostic::error("Test interrupted", detail);
            report.diags.0.insert(0, error);
            report.status = TestStatus::Error;
        }
        if let Some((state, remains)) = outcome.state {
            let key = setup::state_key(run);
            self.states.insert(
                key,
                Kept {
                    state,
                    remains,
                    last: at,
                },
            );
        }
        self.finish(report, summary);
    }

    fn interrupt(&mut self, run: &TestRun, planned: Vec<muster_addr::InstanceAddr>) {
        self.interrupted = true;
        let existing = self.states.values().map(|kept| {
            let left = cleanup::left(&kept.state).into_iter();
            let name = kept.remains.run.name.clone();
            (name, left.map(|(addr, _)| addr).collect::<Vec<_>>())
        });
        self.tell(TestEvent::Interrupted {
            file: self.file.path.clone(),
            run: run.name.clone(),
            existing: existing.filter(|(_, left)| !left.is_empty()).collect(),
            planned,
        });
    }

    fn finish(&mut self, report: RunReport, summary: &mut TestSummary) {
        self.status = self.status.max(report.status);
        summary.count(report.status);
        self.tell(TestEvent::RunFinished {
            file: self.file.path.clone(),
            report,
        });
    }

    /// Destroys what is in the states, those that were used last first.
    async fn teardown(&mut self) {
        let mut kept: Vec<_> = std::mem::take(&mut self.states).into_values().collect();
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.last));
        for Kept { state, remains, .. } in kept {
            if state.resources.is_empty() {
                continue;
            }
            let run = &remains.run.name;
            self.tell(TestEvent::RunProgress {
                file: self.file.path.clone(),
                run: run.clone(),
                stage: TestStage::Teardown,
                elapsed: Duration::ZERO,
            });
            let (diags, left): (Diags, Left) = cleanup::destroy(self.runner, state, &remains).await;
            if diags.is_empty() && left.is_empty() {
                continue;
            }
            self.status = TestStatus::Error;
            self.tell(TestEvent::CleanedUp {
                file: self.file.path.clone(),
                run: run.clone(),
                diags,
                left,
            });
        }
    }
}

fn skipped(run: &TestRun) -> RunReport {
    RunReport {
        name: run.name.clone(),
        status: TestStatus::Skip,
        diags: Diags::new(),
        started: None,
        elapsed: Duration::ZERO,
        assertions: run.assertions.len(),
        seen: None,
    }
}

/// Whether a run needs the outputs of another one.
fn refers_to(file: &TestFile, run: &TestRun, other: &Str) -> bool {
    let in_expr = |expr: &Expr| {
        let references = expr.references().iter();
        references
            .filter_map(run_reference)
            .any(|name| name == other)
    };
    let in_providers = || {
        let mut bodies = file.providers.values().filter(|p| p.mock.is_none());
        bodies.any(|p| {
            let references = p.body.references();
            references
                .iter()
                .filter_map(run_reference)
                .any(|name| name == other)
        })
    };
    let assertions = run.assertions.iter();
    run.variables.values().any(in_expr)
        || assertions
            .flat_map(|a| [&a.condition, &a.message])
            .any(in_expr)
        || in_providers()
}
