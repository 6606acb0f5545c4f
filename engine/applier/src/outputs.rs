//! Outputs of the root module, as they are when everything is done.

use muster_addr::Mode as ResourceMode;
use muster_eval::ModuleInst;
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Action, Mode, OutputChange};
use muster_snapshot::OutputValue;
use muster_value::{Path, Value};

use crate::{Applier, Str};

impl Applier {
    /// Writes the outputs into the state. One that cannot be evaluated, because something that
    /// it needs failed, stays as it was.
    pub(crate) fn finish_outputs(&mut self, canceled: bool) {
        let plan = std::sync::Arc::clone(&self.plan);
        if plan.mode == Mode::Destroy {
            if !self.any_failed && !canceled {
                for name in plan.outputs.keys() {
                    self.state.outputs.remove(name);
                }
                if !plan.is_limited() {
                    // What was only read is of no use without what it was read for.
                    self.state
                        .resources
                        .retain(|addr, _| addr.resource.mode != ResourceMode::Data);
                }
            }
            return;
        }
        for (name, change) in &plan.outputs {
            if self.refused_outputs.contains(name) {
                continue;
            }
            match change.action {
                Action::Delete => {
                    self.state.outputs.remove(name);
                }
                // It may even have changed since the plan was made, by what the plan is not about.
                Action::NoOp => {}
                _ => self.write_output(name, change),
            }
        }
    }

    /// What was known while planning is there even if something that it comes from has failed.
    fn write_output(&mut self, name: &Str, change: &OutputChange) {
        // What is only looked at is as it was then.
        if self.plan.mode == Mode::RefreshOnly && change.after.is_wholly_known() {
            return self.store_output(name, &change.after, change);
        }
        match self.eval.output(ModuleInst::ROOT, name) {
            Ok(value) if value.is_wholly_known() => self.store_output(name, &value, change),
            Ok(_) => {}
            Err(diags) if diags.is_empty() && change.after.is_wholly_known() => {
                self.store_output(name, &change.after, change);
            }
            Err(diags) => self.report(diags),
        }
    }

    fn store_output(&mut self, name: &Str, value: &Value, change: &OutputChange) {
        if value.is_null() {
            self.state.outputs.remove(name);
            return;
        }
        match value.unmark_deep().as_stored() {
            Ok(value) => {
                let sensitive = change.sensitive;
                let output = OutputValue { value, sensitive };
                self.state.outputs.insert(name.clone(), output);
            }
            Err(path) => self.report(not_storable(name, &path)),
        }
    }
}

fn not_storable(name: &str, path: &Path) -> Diags {
    let detail = format!(
        "The output \"{name}\" is not saved, because {} is infinite and a state holds finite numbers only.",
        if path.is_root() {
            "its value".into()
        } else {
            format!("its part {path}")
        }
    );
    Diagnostic::error("Failed to save state", detail).into()
}
