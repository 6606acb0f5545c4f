//! The tables of what became of all trials.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter, Result};

use super::trial::{Action, Kill, Point, Trial, Verdict};

/// The longest bar of a chart.
const BAR: usize = 40;

/// Counts, by kind of kill and by what was being done, and by how far that was.
#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<(Action, Kill), Row>,
    points: BTreeMap<Point, usize>,
    bad: usize,
}

#[derive(Clone, Copy, Default)]
struct Row {
    runs: usize,
    too_late: usize,
    objects: usize,
    doubled: usize,
    repeated: usize,
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
            repeated: verdict.repeated,
            lost: verdict.lost,
            orphaned: verdict.orphaned,
            wrong: verdict.wrong,
            failed: usize::from(verdict.failed),
            reported: verdict.reported,
        });
        *self.points.entry(verdict.point).or_default() += 1;
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

    /// How far the runs were when they were killed.
    fn print_points(&self, f: &mut Formatter<'_>) -> Result {
        writeln!(f, "\n{:<28} {:>5}", "killed when it was", "runs")?;
        let most = self.points.values().copied().max().unwrap_or(1);
        for point in Point::all() {
            let runs = self.points.get(&point).copied().unwrap_or_default();
            // Whatever there is shows.
            let bar = "#".repeat((runs * BAR).div_ceil(most));
            writeln!(f, "{:<28} {runs:>5}  {bar}", point.name())?;
        }
        Ok(())
    }
}

impl Row {
    const NAMES: [&str; 10] = [
        "runs",
        "too late",
        "objects",
        "doubled",
        "resent",
        "lost",
        "orphaned",
        "wrong",
        "next failed",
        "unresolved",
    ];

    fn numbers(&self) -> [usize; 10] {
        [
            self.runs,
            self.too_late,
            self.objects,
            self.doubled,
            self.repeated,
            self.lost,
            self.orphaned,
            self.wrong,
            self.failed,
            self.reported,
        ]
    }

    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.too_late += other.too_late;
        self.objects += other.objects;
        self.doubled += other.doubled;
        self.repeated += other.repeated;
        self.lost += other.lost;
        self.orphaned += other.orphaned;
        self.wrong += other.wrong;
        self.failed += other.failed;
        self.reported += other.reported;
    }

    fn print(&self, name: &str, f: &mut Formatter<'_>) -> Result {
        line(name, self.numbers(), f)
    }
}

/// A line of the table, with each cell as wide as the head of its column.
fn line(name: &str, cells: [impl Display; 10], f: &mut Formatter<'_>) -> Result {
    write!(f, "{name:<28}")?;
    for (cell, head) in cells.iter().zip(Row::NAMES) {
        write!(f, " {cell:>width$}", width = head.len().max(5))?;
    }
    writeln!(f)
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        line("killed", Row::NAMES, f)?;
        let mut all = Row::default();
        for ((action, kill), row) in &self.rows {
            row.print(&format!("{}: {}", action.name(), kill.name()), f)?;
            all.add(*row);
        }
        all.print("all", f)?;
        self.print_points(f)?;
        writeln!(f, "\n{} of {} runs went wrong", self.bad, all.runs)
    }
}
