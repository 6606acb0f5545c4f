//! A plan as stable text, for tests and bug reports: one line per change, output and step.

use std::fmt::Write as _;

use muster_provider::{ImportBy, identity_text};

use crate::{Change, Plan, StepKind};

impl Plan {
    /// One line per change, output and step. No values are shown, so nothing sensitive is.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for (word, changes) in [("change", &self.changes), ("drift", &self.drift)] {
            for (i, change) in changes.iter().enumerate() {
                write_change(&mut out, word, i, change);
            }
        }
        for (name, output) in &self.outputs {
            let _ = writeln!(out, "output {name}: {:?}", output.action);
        }
        for (i, step) in self.steps.iter().enumerate() {
            let _ = write!(out, "step {i}: {}", kind(&step.kind));
            if let Some(change) = step.kind.change() {
                match self.changes.get(change as usize) {
                    Some(change) => write_addr(&mut out, change),
                    None => _ = write!(out, " change {change}"),
                }
            }
            if let Some(addr) = step.kind.ephemeral() {
                let _ = write!(out, " {addr}");
            }
            if let Some((module, name)) = step.kind.check() {
                let dot = if module.is_root() { "" } else { "." };
                let _ = write!(out, " {module}{dot}{name}");
            }
            for (n, id) in step.after.iter().enumerate() {
                let _ = write!(out, "{}{}", if n == 0 { " after " } else { "," }, id.0);
            }
            out.push('\n');
        }
        out
    }
}

fn write_addr(out: &mut String, change: &Change) {
    let _ = write!(out, " {}", change.addr);
    if let Some(key) = &change.deposed {
        let _ = write!(out, " (deposed {key})");
    }
}

fn write_change(out: &mut String, word: &str, i: usize, change: &Change) {
    let _ = write!(out, "{word} {i}: {:?}", change.action);
    write_addr(out, change);
    if let Some(reason) = change.reason.json_name() {
        let _ = write!(out, " {reason}");
    }
    if let Some(previous) = &change.previous {
        let _ = write!(out, " from {previous}");
    }
    match &change.importing {
        Some(ImportBy::Id(id)) => {
            let _ = write!(out, " importing {id:?}");
        }
        Some(ImportBy::Identity(identity)) => {
            let _ = write!(out, " importing by {}", identity_text(identity));
        }
        None => {}
    }
    if change.resumes {
        out.push_str(" resuming");
    }
    for path in &change.replace_paths {
        let _ = write!(out, " replace {path}");
    }
    out.push('\n');
}

fn kind(kind: &StepKind) -> &'static str {
    match kind {
        StepKind::Create { depose: false, .. } => "create",
        StepKind::Create { depose: true, .. } => "depose and create",
        StepKind::Update { .. } => "update",
        StepKind::Delete { .. } => "delete",
        StepKind::DeleteDeposed { .. } => "delete deposed",
        StepKind::Read { .. } => "read",
        StepKind::Forget { .. } => "forget",
        StepKind::CheckVariable { .. } => "check variable",
        StepKind::CheckOutput { .. } => "check output",
        StepKind::CheckBlock { .. } => "check block",
        StepKind::OpenEphemeral { .. } => "open",
        StepKind::CloseEphemeral { .. } => "close",
        StepKind::Join => "join",
    }
}
