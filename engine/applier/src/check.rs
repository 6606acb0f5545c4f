//! Answers, and what they must obey.

use muster_addr::ProviderAddr;
use muster_eval::{CheckKind, CheckResult, broken, located};
use muster_lang::{Diagnostic, Diags};
use muster_provider::{ProviderError, Response};
use muster_schema::SchemaError;
use muster_value::Value;

use crate::Applier;
use crate::task::{Stage, Task};

impl Applier {
    pub(crate) fn task_answer(&mut self, mut task: Task, answer: Result<Response, ProviderError>) {
        let stage = std::mem::replace(&mut task.stage, Stage::Validate);
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let provider = self.provider_of(&task);
                self.diags
                    .push(error.diagnostic(&provider).about(task.addr()));
                // Where the new object may be there, the old one stays set aside.
                if !error.may_have_been_done() {
                    self.undo(&task);
                }
                return self.fail(&task);
            }
        };
        let found = self.located(&task, response.diags().clone());
        let failed = found.has_errors();
        let found = match failed {
            true => match self.check_unread(&task, found) {
                Ok(()) => return,
                Err(found) => found,
            },
            false => found,
        };
        self.diags.extend(found);
        match (stage, response) {
            // A failed change may have got half-way: what there is, is kept.
            (Stage::Apply(planned), Response::Applied(applied)) => {
                self.applied(task, *planned, applied, failed);
            }
            (Stage::Delete, Response::Applied(applied)) => self.deleted(task, applied, failed),
            (_, _) if failed => {
                self.undo(&task);
                self.fail(&task);
            }
            (Stage::Validate, Response::Done(_)) => self.plan_again(task),
            (Stage::Plan, Response::Planned(planned)) => self.planned_again(task, planned),
            (Stage::PlanDelete, Response::Planned(planned)) => self.delete(task, planned.private),
            (Stage::ReadData, Response::State { value, .. }) => self.data_read(task, value),
            (stage, _) => {
                let detail = format!(
                    "The answer is of another kind than the question ({}).",
                    stage.name()
                );
                self.diags
                    .push(Diagnostic::error("Plugin error", detail).about(task.addr()));
                match stage {
                    Stage::Apply(_) | Stage::Delete => self.untaken = true,
                    _ => self.undo(&task),
                }
                self.fail(&task);
            }
        }
    }

    pub(crate) fn provider_of(&self, task: &Task) -> ProviderAddr {
        self.plan.changes[task.change as usize]
            .provider
            .provider
            .clone()
    }

    fn located(&self, task: &Task, diags: Diags) -> Diags {
        let id = &task.addr().resource.resource;
        let spec = task
            .inst
            .and_then(|i| self.eval.spec(self.eval.module_of(i), id).ok());
        located(diags, task.addr(), spec.as_deref())
    }

    pub(crate) fn broken(&mut self, task: &Task, summary: &str, errors: &[SchemaError]) {
        let provider = self.provider_of(task);
        self.diags
            .extend(broken(summary, &provider, task.addr(), errors, None));
    }

    /// Checks pre- or postconditions; `false` when one does not hold.
    pub(crate) fn conditions(&mut self, task: &Task, kind: CheckKind, own: Option<&Value>) -> bool {
        let Some(inst) = task.inst else { return true };
        let result = self.eval.conditions(inst, task.addr(), kind, own);
        self.note_conditions(task.addr(), kind, &result);
        match result {
            CheckResult::Fail(found) => {
                self.diags.extend(found);
                false
            }
            CheckResult::Pass | CheckResult::Unknown => true,
        }
    }
}

impl Stage {
    fn name(&self) -> &'static str {
        match self {
            Self::Validate => "validation",
            Self::Plan | Self::PlanDelete => "plan",
            Self::Apply(_) | Self::Delete => "apply",
            Self::ReadData => "read",
            Self::Provision(_) => "provisioner",
        }
    }
}
