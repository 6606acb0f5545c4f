//! What happens while the tests of a configuration are run.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use muster_addr::InstanceAddr;
use muster_lang::Diags;
use muster_provider::Schemas;
use muster_snapshot::{DeposedKey, Snapshot};

use crate::{Plan, Str};

/// What became of a test. The later ones win when several are taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TestStatus {
    /// It has not been run.
    #[default]
    Pending,
    /// It was left out: something before it went wrong, or somebody asked to stop.
    Skip,
    /// Everything holds.
    Pass,
    /// Some assertion does not hold.
    Fail,
    /// It could not be run to its end.
    Error,
}

impl TestStatus {
    /// The word for it in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }

    /// The word for it that people see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "fail",
            other => other.name(),
        }
    }
}

/// One thing that happened. Files are known by their paths and runs by their names.
#[derive(Clone, Debug)]
pub enum TestEvent {
    /// These are the tests: files with their runs.
    Found(Vec<(Str, Vec<Str>)>),
    /// A file is begun.
    FileStarted(Str),
    /// What the file has made is being destroyed.
    FileTeardown(Str),
    /// A file is done.
    FileFinished {
        /// Which one.
        file: Str,
        /// What became of it.
        status: TestStatus,
        /// What there is to say of the file as a whole.
        diags: Diags,
    },
    /// A run is begun, goes on, or what it has made is being destroyed.
    RunProgress {
        /// The file.
        file: Str,
        /// Which run.
        run: Str,
        /// What is going on.
        stage: TestStage,
        /// Since when.
        elapsed: Duration,
    },
    /// A run is done.
    RunFinished {
        /// The file.
        file: Str,
        /// What became of it.
        report: RunReport,
    },
    /// What a run has made could not be destroyed, or not without something to say.
    CleanedUp {
        /// The file.
        file: Str,
        /// The last run that used the state.
        run: Str,
        /// What went wrong.
        diags: Diags,
        /// What is left.
        left: Vec<(InstanceAddr, Option<DeposedKey>)>,
    },
    /// Somebody did not want to wait any longer.
    Interrupted {
        /// The file.
        file: Str,
        /// The run that was going on.
        run: Str,
        /// What there is already, by the run that has made it.
        existing: Vec<(Str, Vec<InstanceAddr>)>,
        /// What was being made.
        planned: Vec<InstanceAddr>,
    },
}

/// What is going on in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestStage {
    /// It begins.
    Starting,
    /// It is being run.
    Running,
    /// What it has made is being destroyed.
    Teardown,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Its name.
    pub name: Str,
    /// What became of it.
    pub status: TestStatus,
    /// What there is to say.
    pub diags: Diags,
    /// When it began; `None` when it did not.
    pub started: Option<SystemTime>,
    /// How long it took.
    pub elapsed: Duration,
    /// How many assertions it has.
    pub assertions: usize,
    /// What it came to, for those who want to see it.
    pub seen: Option<Seen>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A plan.
    Plan(Arc<Plan>, Arc<Schemas>),
    /// A state.
    State(Arc<Snapshot>, Arc<Schemas>),
}

/// How many runs came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestSummary {
    /// What became of all of them together.
    pub status: TestStatus,
    /// Runs that passed.
    pub passed: usize,
    /// Runs with an assertion that does not hold.
    pub failed: usize,
    /// Runs that could not be run to their end.
    pub errored: usize,
    /// Runs that were left out.
    pub skipped: usize,
    /// Somebody did not want to wait any longer.
    pub interrupted: bool,
}

impl TestSummary {
    /// Counts a run.
    pub fn count(&mut self, status: TestStatus) {
        match status {
            TestStatus::Pass => self.passed += 1,
            TestStatus::Fail => self.failed += 1,
            TestStatus::Error => self.errored += 1,
            TestStatus::Skip => self.skipped += 1,
            TestStatus::Pending => {}
        }
    }
}
