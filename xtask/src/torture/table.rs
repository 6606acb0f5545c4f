//! The table of what became of all trials.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use super::trial::{Action, Kill, Trial, Verdict};

/// Counts, by kind of kill and by what was being done.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<(Action, Kill), Row>,
    bad: usize,
}

#[derive(Clone, Copy, Default)]
struct Row {
    runs: usize,
    too_late: usize,
    objects: usize,
    doubled: usize,
    lost: usize,
    orphaned: usize,
    wrong: usize,
    failed: usize,
    reported: usize,
}

impl Table {
    /// Counts a trial.
    pub(super) fn add(&mut self, trial: &Trial, verdict: &Verdict) {
        let row = self.rows.entry((trial.action, trial.kill)).or_default();
        row.add(Row {
            runs: 1,
            too_late: usize::from(verdict.too_late),
            objects: trial.objects,
            doubled: verdict.doubled,
            lost: verdict.lost,
            orphaned: verdict.orphaned,
            wrong: verdict.wrong,
            failed: usize::from(verdict.failed),
            reported: verdict.reported,
        });
        self.bad += usize::from(!verdict.is_good());
    }

    /// How many trials there were.
    pub(super) fn runs(&self) -> usize {
        self.rows.values().map(|row| row.runs).sum()
    }

    /// How many trials went wrong.
    pub(super) fn bad(&self) -> usize {
        self.bad
    }

    /// Whether none went wrong.
    pub(super) fn is_good(&self) -> bool {
        self.bad == 0
    }
}

impl Row {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.too_late += other.too_late;
        self.objects += other.objects;
        self.doubled += other.doubled;
        self.lost += other.lost;
        self.orphaned += other.orphaned;
        self.wrong += other.wrong;
        self.failed += other.failed;
        self.reported += other.reported;
    }

    fn print(&self, name: &str, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "{name:<28} {:>5} {:>8} {:>8} {:>7} {:>6} {:>8} {:>6} {:>11} {:>10}",
            self.runs,
            self.too_late,
            self.objects,
            self.doubled,
            self.lost,
            self.orphaned,
            self.wrong,
            self.failed,
            self.reported
        )
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(
            f,
            "{:<28} {:>5} {:>8} {:>8} {:>7} {:>6} {:>8} {:>6} {:>11} {:>10}",
            "killed",
            "runs",
            "too late",
            "objects",
            "doubled",
            "lost",
            "orphaned",
            "wrong",
            "next failed",
            "unresolved"
        )?;
        let mut all = Row::default();
        for ((action, kill), row) in &self.rows {
            row.print(&format!("{}: {}", action.name(), kill.name()), f)?;
            all.add(*row);
        }
        all.print("all", f)?;
        writeln!(f, "{} of {} runs went wrong", self.bad, all.runs)
    }
}
