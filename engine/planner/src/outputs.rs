//! Outputs of the root module: what they were and what they will be.

use std::collections::BTreeSet;

use muster_config::ModuleId;
use muster_eval::{Evaluator, ModuleInst};
use muster_plan::{Action, Mode, OutputChange};
use muster_value::{Marks, Value};

use crate::graph::Node;
use crate::{Planner, Str};

impl Planner {
    /// Compares the outputs of the configuration with the stored ones.
    pub(crate) fn finish_outputs(&mut self) {
        // What a limited destroy leaves in place, outputs still speak of.
        let is_limited = self.options.is_limited();
        if self.options.mode == Mode::Destroy && is_limited {
            return;
        }
        let config = self.eval.config().clone();
        let declared = &config.root().outputs;
        let recorded = match declared.is_empty() {
            true => None,
            false => self.recorded(),
        };
        // Nor is a limited plan about outputs that the configuration has no more.
        let stored = self.state.outputs.keys();
        let names: BTreeSet<Str> = declared
            .keys()
            .chain(stored.filter(|_| !is_limited))
            .cloned()
            .collect();
        for name in names {
            let stored = self.state.outputs.get(&name);
            let was_sensitive = stored.is_some_and(|o| o.sensitive);
            let before = match stored {
                Some(o) if o.sensitive => o.value.clone().mark(Marks::SENSITIVE),
                Some(o) => o.value.clone(),
                None => Value::NULL,
            };
            let (after, sensitive) = match declared.get(&name) {
                Some(output) if output.ephemeral => continue,
                Some(output) if self.options.mode != Mode::Destroy => {
                    match self.new_output(&name, recorded.as_ref()) {
                        Some(value) => (value, output.sensitive),
                        None => continue,
                    }
                }
                _ => (Value::NULL, was_sensitive),
            };
            let destroyed = self.options.mode == Mode::Destroy;
            if destroyed && stored.is_none() {
                continue;
            }
            let same = before.unmark_deep().same(&after.unmark_deep())
                && (stored.is_none() || was_sensitive == sensitive);
            let action = if destroyed || !declared.contains_key(&name) {
                Action::Delete
            } else if same && after.is_wholly_known() {
                Action::NoOp
            } else if stored.is_none() {
                Action::Create
            } else {
                Action::Update
            };
            self.outputs.insert(
                name,
                OutputChange {
                    action,
                    before,
                    after,
                    sensitive,
                },
            );
        }
    }

    /// The planned value; `None` when the plan does not say. Where nothing is made, it comes from
    /// what is recorded; if it needs more than that, it is not known.
    fn new_output(&self, name: &Str, recorded: Option<&Evaluator>) -> Option<Value> {
        let node = self
            .graph
            .find(&Node::Output(ModuleId::ROOT, name.clone()))?;
        if !self.visited[node] || self.failed[node] {
            return None;
        }
        let recorded = recorded.and_then(|eval| eval.output(ModuleInst::ROOT, name).ok());
        recorded.or_else(|| self.eval.output(ModuleInst::ROOT, name).ok())
    }
}
