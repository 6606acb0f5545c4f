//! Steps: how they begin and end.

use std::sync::Arc;

use muster_addr::{Mode, ModuleInstance};
use muster_eval::CheckResult;
use muster_lang::{DiagnosticKind, Diags};
use muster_plan::{Action, Change, Part, Question, StepKind};

use crate::task::Task;
use crate::{Applier, checks};

impl Applier {
    pub(crate) fn begin(&mut self, step: usize) {
        let after = &self.plan.steps[step].after;
        if !self.is_close(step) && after.iter().any(|s| self.failed[s.0 as usize]) {
            self.failed[step] = true;
            return self.complete(step);
        }
        let plan = Arc::clone(&self.plan);
        let kind = &plan.steps[step].kind;
        if let Some((module, _)) = kind.check() {
            return self.begin_check(step, module, kind);
        }
        match kind {
            StepKind::OpenEphemeral { addr, provider } => {
                return self.begin_open(step, addr, provider);
            }
            StepKind::CloseEphemeral { addr } => return self.begin_close(step, addr),
            _ => {}
        }
        let Some(index) = kind.change() else {
            return self.complete(step);
        };
        let change = &plan.changes[index as usize];
        let task = match self.task(step, index, change) {
            Ok(task) => task,
            Err(diags) => {
                self.diags.extend(diags);
                return self.fail_step(step);
            }
        };
        match plan.steps[step].kind {
            StepKind::Create { depose, .. } => self.begin_change(task, depose),
            StepKind::Update { .. } => self.begin_change(task, false),
            StepKind::Delete { .. } | StepKind::DeleteDeposed { .. } => self.begin_delete(task),
            StepKind::Read { .. } => self.begin_read(task),
            StepKind::Forget { .. } => self.forget(&task),
            StepKind::CheckVariable { .. }
            | StepKind::CheckOutput { .. }
            | StepKind::CheckBlock { .. }
            | StepKind::OpenEphemeral { .. }
            | StepKind::CloseEphemeral { .. }
            | StepKind::Join => {
                self.complete(step);
            }
        }
    }

    fn task(&mut self, step: usize, index: u32, change: &Change) -> Result<Task, Diags> {
        let id = &change.addr.resource.resource;
        let schemas = self.eval.schemas();
        let schema = schemas.resource(&change.provider.provider, id.mode, &id.type_name);
        let Some(schema) = schema else {
            self.lost(&change.addr, "its provider has no such resource type");
            return Err(Diags::new());
        };
        let identity = match id.mode {
            Mode::Managed => schemas.identity(&change.provider.provider, &id.type_name),
            Mode::Data | Mode::Ephemeral => None,
        };
        let identity = identity.cloned();
        let inst = match change.action {
            Action::Delete | Action::Forget => None,
            _ => self.eval.find_module(&change.addr.resource.module)?,
        };
        if !self.providers.is_evaluated(&change.provider) {
            self.providers.evaluate(&self.eval, &change.provider)?;
        }
        Ok(Task::new(step, index, change, schema, identity, inst))
    }

    pub(crate) fn complete(&mut self, step: usize) {
        for i in 0..self.next[step].len() {
            let next = self.next[step][i];
            self.waiting[next] -= 1;
            if self.waiting[next] == 0 {
                self.ready.push_back(next);
            }
        }
    }

    pub(crate) fn fail_step(&mut self, step: usize) {
        self.failed[step] = true;
        self.any_failed = true;
        self.complete(step);
    }

    /// Gives up on a task; the reason was reported.
    pub(crate) fn fail(&mut self, task: &Task) {
        if task.part != Part::Whole {
            let addr = task.addr().clone();
            self.asks.push_back(Question::GivenUp(addr));
        }
        if let Some(inst) = task.inst {
            let id = &task.addr().resource.resource;
            self.eval
                .set_instance(inst, id, task.addr().key.clone(), Err(()));
        }
        self.fail_step(task.step);
    }

    /// Checks once more what could not be decided while planning.
    fn begin_check(&mut self, step: usize, module: &ModuleInstance, kind: &StepKind) {
        let result = match self.eval.find_module(module) {
            Ok(None) => CheckResult::Pass,
            Ok(Some(inst)) => self.check(inst, kind),
            Err(diags) => CheckResult::Fail(diags),
        };
        match result {
            CheckResult::Fail(diags) if matches!(kind, StepKind::CheckBlock { .. }) => {
                // A condition that cannot be evaluated is an error, one that does not hold is none.
                let (failed, wrong): (Vec<_>, Vec<_>) =
                    (diags.into_iter()).partition(|d| d.kind == DiagnosticKind::Condition);
                self.diags.extend(Diags(wrong));
                self.diags.extend(checks::as_warnings(Diags(failed)));
                self.complete(step);
            }
            CheckResult::Fail(diags) => {
                if let (StepKind::CheckOutput { name, .. }, true) = (kind, module.is_root()) {
                    self.refused_outputs.insert(name.clone());
                }
                self.diags.extend(diags);
                self.fail_step(step);
            }
            CheckResult::Pass | CheckResult::Unknown => self.complete(step),
        }
    }

    fn forget(&mut self, task: &Task) {
        let change = &self.plan.changes[task.change as usize];
        match &change.deposed {
            Some(key) => self.state.remove_deposed(&change.addr, key),
            None => self.state.remove(&change.addr),
        };
        self.counts.forgotten += 1;
        self.touch(task.addr());
        self.complete(task.step);
    }
}
