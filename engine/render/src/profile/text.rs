//! The profile for people.

use std::fmt::Write as _;

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Modify, Style as Lines};

use super::{Kept, Phase, Profile, seconds_text};
use crate::style::{Paint, Style};

impl Profile {
    /// The profile as tables.
    pub fn text(&self, style: Style) -> String {
        let mut out = format!("\n{}\n", style.painted(Paint::Bold, &self.headline()));
        for phase in &self.phases {
            path(&mut out, phase, style);
        }
        if !self.calls.is_empty() {
            title(&mut out, "Time of providers", style);
            out.push_str(&self.calls_table());
        }
        if let Some(kept) = &self.kept {
            let share = self.share(kept) * 100.0;
            let text = format!("Time of the state, {share:.1}% of the run");
            title(&mut out, &text, style);
            out.push_str(&kept_table(kept));
        }
        if let Some((chain, steps)) = &self.chain
            && !chain.is_empty()
        {
            let text = format!(
                "Longest chain of the plan's {steps} steps, each of which waits for the one above"
            );
            title(&mut out, &text, style);
            let mut table = Builder::default();
            table.push_record(["", "Object", "Operation"]);
            for (at, step) in chain.iter().enumerate() {
                table.push_record([&(at + 1).to_string(), &visible(&step.addr), step.operation]);
            }
            out.push_str(&drawn(table, 0, 1));
        }
        out
    }

    fn calls_table(&self) -> String {
        let mut table = Builder::default();
        table.push_record(["Provider", "Operation", "Calls", "Total", "Mean", "Max"]);
        for ((provider, operation), calls) in &self.calls {
            table.push_record([
                provider,
                *operation,
                &calls.count.to_string(),
                &seconds_text(calls.total),
                &seconds_text(calls.mean()),
                &seconds_text(calls.max),
            ]);
        }
        drawn(table, 2, 6)
    }
}

fn path(out: &mut String, phase: &Phase, style: Style) {
    if phase.path.is_empty() {
        return;
    }
    title(out, &format!("Critical path of the {}", phase.name), style);
    let mut table = Builder::default();
    table.push_record(["Object", "Operation", "Waited", "Took"]);
    for link in &phase.path {
        table.push_record([
            &visible(&link.addr),
            link.operation,
            &seconds_text(link.waited),
            &seconds_text(link.took),
        ]);
    }
    table.push_record(["(the rest)", "", "", &seconds_text(phase.rest())]);
    table.push_record(["Total", "", "", &seconds_text(phase.total)]);
    out.push_str(&drawn(table, 2, 4));
}

fn kept_table(kept: &Kept) -> String {
    let mut table = Builder::default();
    table.push_record(["Part", "Records", "Bytes", "Writes", "Took"]);
    let written = [kept.records, kept.bytes, kept.writes].map(|n| n.to_string());
    let [records, bytes, writes] = &written;
    table.push_record([
        "journal",
        records,
        bytes,
        writes,
        &seconds_text(kept.writing),
    ]);
    let (syncs, syncing) = (kept.syncs.to_string(), seconds_text(kept.syncing));
    table.push_record(["waiting for the disk", "", "", &syncs, &syncing]);
    table.push_record(["snapshot", "", "", "", &seconds_text(kept.snapshot)]);
    drawn(table, 1, 5)
}

fn title(out: &mut String, text: &str, style: Style) {
    let _ = writeln!(out, "\n{}:\n", style.painted(Paint::Bold, text));
}

/// A table; columns from `from` to before `to` hold numbers.
fn drawn(table: Builder, from: usize, to: usize) -> String {
    let mut table = table.build();
    table.with(Lines::psql());
    table.with(Modify::new(Columns::new(from..to)).with(Alignment::right()));
    format!("{table}\n")
}

/// A text on one line, without anything that moves the cursor.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
