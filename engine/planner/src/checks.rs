//! Conditions: what became of them, and the blocks that hold nothing else.

use muster_addr::ConfigResource;
use muster_config::{CheckBlock, Config, ModuleId};
use muster_eval::{CheckKind, CheckResult, ModuleInst, ModuleScope};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Severity, referred_values};
use muster_plan::{CheckResults, Checked, CheckedObject, Mode, ObjectChecks, Status, StepKind};

use crate::graph::{Node, NodeId};
use crate::task::Task;
use crate::{Planner, Str};

/// Everything that has conditions.
pub(crate) fn expected(config: &Config) -> CheckResults {
    let mut found = CheckResults::default();
    for (_, module) in config.iter() {
        let path = &module.path;
        for (name, variable) in &module.variables {
            if !variable.validations.is_empty() {
                found.expect(Checked::Variable(path.clone(), name.clone()));
            }
        }
        for (name, output) in &module.outputs {
            if !output.preconditions.is_empty() {
                found.expect(Checked::Output(path.clone(), name.clone()));
            }
        }
        for name in module.checks.keys() {
            found.expect(Checked::Check(path.clone(), name.clone()));
        }
        for (id, resource) in &module.resources {
            let life = &resource.lifecycle;
            if !life.preconditions.is_empty() || !life.postconditions.is_empty() {
                found.expect(Checked::Resource(ConfigResource {
                    module: path.clone(),
                    resource: id.clone(),
                }));
            }
        }
    }
    found
}

/// The outputs of the root module are there even when everything is destroyed, but nothing is
/// known of them.
pub(crate) fn expect_outputs(config: &Config, results: &mut CheckResults) {
    for name in config.root().outputs.keys() {
        let checked = Checked::Output(config.root().path.clone(), name.clone());
        let root = CheckedObject::InModule(muster_addr::ModuleInstance::root());
        if let Some(checks) = results.object(&checked, root) {
            checks.after = Status::Pass;
        }
    }
}

/// The same diagnostics, none of them an error.
pub(crate) fn as_warnings(diags: Diags) -> Diags {
    let soften = |mut d: muster_lang::Diagnostic| {
        d.severity = Severity::Warning;
        d
    };
    Diags(diags.into_iter().map(soften).collect())
}

/// What a plan says of a `check` block: it is no error, and an apply finds it out again.
pub(crate) fn of_check(diags: Diags) -> Diags {
    let diags = as_warnings(diags).into_iter();
    Diags(diags.map(|d| d.of_kind(DiagnosticKind::Check)).collect())
}

/// As [`of_check`], but for conditions that could not be evaluated: those are errors anywhere.
fn of_assertions(diags: Diags) -> Diags {
    let (failed, mut wrong): (Vec<_>, Vec<_>) =
        (diags.into_iter()).partition(|d| d.kind == DiagnosticKind::Condition);
    wrong.extend(of_check(Diags(failed)));
    Diags(wrong)
}

impl Planner {
    /// Remembers what became of the conditions of something in a module.
    pub(crate) fn note_check(&mut self, checked: &Checked, inst: ModuleInst, status: Status) {
        let object = CheckedObject::InModule(self.eval.addr_of(inst));
        if let Some(checks) = self.checks.object(checked, object) {
            *checks = ObjectChecks {
                before: status,
                after: Status::Pass,
            };
        }
    }

    /// Remembers what became of conditions of a resource instance.
    pub(crate) fn note_conditions(&mut self, task: &Task, kind: CheckKind, result: &CheckResult) {
        let checked = Checked::Resource(task.addr.resource.config());
        let object = CheckedObject::Resource(task.addr.clone());
        if let Some(checks) = self.checks.object(&checked, object) {
            let status = Status::of(result.outcome());
            match kind {
                CheckKind::Postcondition => checks.after = status,
                _ => checks.before = status,
            }
        }
    }

    pub(crate) fn checked_variable(&self, module: ModuleId, name: &Str) -> Checked {
        Checked::Variable(self.eval.config().module(module).path.clone(), name.clone())
    }

    pub(crate) fn checked_output(&self, module: ModuleId, name: &Str) -> Checked {
        Checked::Output(self.eval.config().module(module).path.clone(), name.clone())
    }

    /// The `check` block that a data source stands in, if it stands in one.
    pub(crate) fn check_around(&self, task: &Task) -> Option<Checked> {
        let Node::Resource(module, id) = &self.graph.nodes[task.node?] else {
            return None;
        };
        let module = self.eval.config().module(*module);
        let mut blocks = module.checks.iter();
        let (name, _) = blocks.find(|(_, block)| block.data.as_ref() == Some(id))?;
        Some(Checked::Check(module.path.clone(), name.clone()))
    }

    /// Evaluates a `check` block: what does not hold is worth a warning. It is evaluated again
    /// when the plan has been applied.
    pub(crate) fn visit_check(
        &mut self,
        id: NodeId,
        module: ModuleId,
        inst: ModuleInst,
        name: &Str,
    ) {
        if self.options.mode == Mode::Destroy {
            return;
        }
        let config = self.eval.config().module(module);
        let Some(block) = config.checks.get(name).cloned() else {
            return;
        };
        let checked = Checked::Check(config.path.clone(), name.clone());
        let module = self.eval.addr_of(inst);
        let object = CheckedObject::InModule(module.clone());
        let unread = self
            .checks
            .object(&checked, object)
            .is_some_and(|c| matches!(c.before, Status::Fail(_)));
        // Without what its data source says, assertions say nothing.
        if !unread {
            let result = self.eval.check_block(inst, name);
            self.note_check(&checked, inst, Status::of(result.outcome()));
            if let CheckResult::Fail(found) = result {
                self.diags.extend(of_assertions(found));
            }
            let undecided = self.undecided_assertions(&self.eval.scope(inst, None), &block);
            self.diags.extend(of_check(undecided));
        }
        if self.options.mode == Mode::Normal {
            let name = name.clone();
            let step = StepKind::CheckBlock { module, name };
            self.undecided.entry(id).or_default().push(step);
        }
    }

    /// Warnings about assertions that only the applied plan will decide.
    fn undecided_assertions(&self, scope: &ModuleScope<'_>, block: &CheckBlock) -> Diags {
        let assertions = block.assertions.iter();
        let unknown = assertions.filter(|assertion| {
            let result = self.eval.check(assertion, CheckKind::Assertion, scope);
            matches!(result, CheckResult::Unknown)
        });
        let warnings = unknown.map(|assertion| {
            let detail = "The condition depends on something that is only known after apply, so \
                          that nobody can say yet whether it holds.";
            let summary = "Check block assertion known after apply";
            let mut warning = Diagnostic::warning(summary, detail).at(assertion.condition.span());
            warning.values = referred_values(&assertion.condition, scope);
            warning
        });
        Diags(warnings.collect())
    }
}
