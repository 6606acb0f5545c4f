//! What people are told about interrupted creations.

use muster_addr::{InstanceAddr, shell_word};
use muster_lang::{Diagnostic, DiagnosticKind};
use muster_plan::InFlight;

use super::search::tried;
use crate::Planner;
use crate::task::Task;

impl Planner {
    pub(super) fn tell_adopted(&mut self, task: &Task) {
        let (Some(creation), Some(clue)) = (&task.creation, tried(task)) else {
            return;
        };
        let detail = format!(
            "The creation of {} was begun at {}, and its answer never arrived. The object with {clue} is as it was planned then, so it is taken for the one that was made.",
            task.addr, creation.record.since
        );
        let told = Diagnostic::warning("Object of an interrupted run adopted", detail);
        self.tell_of(&task.addr, told);
    }

    /// Says why an instance cannot be planned.
    pub(super) fn refuse_creation(&mut self, task: &Task) {
        let Some(creation) = &task.creation else {
            return;
        };
        let mut detail = format!(
            "{} To create it again could make it twice.",
            begun(&creation.record)
        );
        match creation.findings.is_empty() {
            true => detail += " The plan did not say what it would be known by.",
            false => detail += " It was looked for:",
        }
        for finding in &creation.findings {
            detail += "\n  - ";
            detail += finding;
        }
        detail += if creation.findings.is_empty() {
            " "
        } else {
            "\n"
        };
        detail += &advice(&task.addr);
        self.tell_of(&task.addr, Diagnostic::error(summary(&task.addr), detail));
    }

    /// Names creations that the plan could not do anything about.
    pub(crate) fn finish_interrupted(&mut self, errored: bool) {
        let left = std::mem::take(&mut self.interrupted.open);
        // With errors much was not looked at that will be next time.
        let told = left.into_iter().filter(|_| !errored);
        for (addr, open) in told {
            let again = match &open.record.resume {
                Some(_) => " A plan that creates it finds what was made.",
                None => "",
            };
            let detail = format!(
                "{} This plan neither creates nor destroys it.{again} {}",
                begun(&open.record),
                advice(&addr)
            );
            self.tell_of(&addr, Diagnostic::warning(summary(&addr), detail));
        }
    }

    fn tell_of(&mut self, addr: &InstanceAddr, told: Diagnostic) {
        let told = told.about(addr).of_kind(DiagnosticKind::Interrupted);
        self.diags.push(told);
    }
}

fn summary(addr: &InstanceAddr) -> String {
    format!("Interrupted creation of {addr} is unresolved")
}

fn begun(record: &InFlight) -> String {
    format!(
        "The creation was begun at {}, and its answer never arrived: the object may be there or not.",
        record.since
    )
}

fn advice(addr: &InstanceAddr) -> String {
    let addr = addr.to_string();
    let addr = shell_word(&addr);
    format!(
        "Look whether it is there: `muster recover {addr} ID` adopts it by its import id, `muster recover -absent {addr}` says that it was never made."
    )
}
