//! Conditions: what became of them in the end.

use muster_addr::InstanceAddr;
use muster_eval::{CheckKind, CheckResult, ModuleInst};
use muster_lang::{Diagnostic, Diags, Severity};
use muster_plan::{Checked, CheckedObject, ObjectChecks, Status, StepKind, without_unknowns};
use muster_provider::Private;
use muster_snapshot::{JsonText, Status as SnapshotStatus};

use crate::Applier;
use crate::task::Task;

/// The same diagnostics, none of them an error.
pub(crate) fn as_warnings(diags: Diags) -> Diags {
    let soften = |mut d: Diagnostic| {
        d.severity = Severity::Warning;
        d
    };
    Diags(diags.into_iter().map(soften).collect())
}

impl Applier {
    /// Checks what a step is about.
    pub(crate) fn check(&mut self, inst: ModuleInst, kind: &StepKind) -> CheckResult {
        let path = self.eval.addr_of(inst).path();
        let (checked, result) = match kind {
            StepKind::CheckVariable { name, .. } => (
                Checked::Variable(path, name.clone()),
                self.eval.validate_variable(inst, name),
            ),
            StepKind::CheckOutput { name, .. } => (
                Checked::Output(path, name.clone()),
                self.eval.check_output(inst, name),
            ),
            StepKind::CheckBlock { name, .. } => {
                if self.unread.contains(&(inst, name.clone())) {
                    return CheckResult::Unknown;
                }
                let checked = Checked::Check(path, name.clone());
                (checked, self.eval.check_block(inst, name))
            }
            _ => return CheckResult::Pass,
        };
        self.note_check(&checked, inst, Status::of(result.outcome()));
        match kind {
            StepKind::CheckVariable { name, .. } => self.eval.with_origin(inst, name, result),
            _ => result,
        }
    }

    fn note_check(&mut self, checked: &Checked, inst: ModuleInst, status: Status) {
        let object = CheckedObject::InModule(self.eval.addr_of(inst));
        if let Some(checks) = self.checks.object(checked, object) {
            *checks = ObjectChecks {
                before: status,
                after: Status::Pass,
            };
        }
    }

    pub(crate) fn note_conditions(
        &mut self,
        addr: &InstanceAddr,
        kind: CheckKind,
        result: &CheckResult,
    ) {
        let checked = Checked::Resource(addr.resource.config());
        let object = CheckedObject::Resource(addr.clone());
        if let Some(checks) = self.checks.object(&checked, object) {
            let status = Status::of(result.outcome());
            match kind {
                CheckKind::Postcondition => checks.after = status,
                _ => checks.before = status,
            }
        }
    }

    /// Takes the failure of a data source that stands in a `check` block: the block has failed,
    /// and nothing else has. Gives the diagnostics back when it stands elsewhere.
    pub(crate) fn check_unread(&mut self, task: &Task, found: Diags) -> Result<(), Diags> {
        let Some(inst) = task.inst else {
            return Err(found);
        };
        let module = self.eval.config().module(self.eval.module_of(inst));
        let id = &task.addr().resource.resource;
        let mut blocks = module.checks.iter();
        let Some((name, _)) = blocks.find(|(_, block)| block.data.as_ref() == Some(id)) else {
            return Err(found);
        };
        let checked = Checked::Check(module.path.clone(), name.clone());
        self.unread.insert((inst, name.clone()));
        self.note_check(&checked, inst, Status::unread(&found));
        // What was planned is remembered, without what nobody knows.
        let change = &self.plan.changes[task.change as usize];
        let known = without_unknowns(&change.after.unmark_deep());
        self.keep(task, &known, Private::from([]), SnapshotStatus::Ready);
        self.diags.extend(as_warnings(found));
        self.complete(task.step);
        Ok(())
    }

    /// Writes the results into the state.
    pub(crate) fn finish_checks(&mut self) {
        let text = self.checks.to_state();
        self.state.checks = text.and_then(|text| JsonText::parse(&text).ok());
    }
}
