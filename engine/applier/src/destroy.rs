//! Objects that are destroyed.

use muster_plan::{Operation, StepKind};
use muster_provider::{Applied, ApplyRequest, PlanRequest, Private, Request};
use muster_schema::{SchemaError, check_conforms};
use muster_value::{Path, Value};

use crate::Applier;
use crate::task::{Stage, Task};

impl Applier {
    pub(crate) fn begin_delete(&mut self, mut task: Task) {
        let change = &self.plan.changes[task.change as usize];
        task.prior = change.before.unmark_deep();
        let aside = matches!(
            self.plan.steps[task.step].kind,
            StepKind::DeleteDeposed { .. }
        );
        if !aside {
            task.deposed = change.deposed.clone();
            let object = match &change.deposed {
                Some(key) => self.state.deposed(&change.addr, key),
                None => self.state.current(&change.addr),
            };
            task.identity = object.and_then(|object| object.identity.clone());
            let private = change.private.clone();
            return self.unprovision(task, private);
        }
        let Some(key) = self.deposed.get(&task.change).cloned() else {
            return self.complete(task.step);
        };
        let Some(object) = self.state.deposed(&change.addr, &key) else {
            return self.complete(task.step);
        };
        let private = object.private.clone();
        task.identity = object.identity.clone();
        task.deposed = Some(key);
        let provider = &change.provider.provider;
        let asks = self
            .eval
            .schemas()
            .provider(provider)
            .is_some_and(|s| s.plan_destroy);
        if !asks {
            return self.delete(task, private);
        }
        let nothing = Value::Null(task.ty.clone());
        let request = Request::Plan(PlanRequest {
            type_name: task.addr().resource.resource.type_name.clone(),
            prior: task.prior.clone(),
            proposed: nothing.clone(),
            config: nothing,
            prior_private: private,
            prior_identity: task.identity_value(),
            provider_meta: Value::NULL,
        });
        self.ask(task, Stage::PlanDelete, request, None);
    }

    pub(crate) fn delete(&mut self, task: Task, private: Private) {
        let nothing = Value::Null(task.ty.clone());
        let request = Request::Apply(ApplyRequest {
            type_name: task.addr().resource.resource.type_name.clone(),
            prior: task.prior.clone(),
            planned: nothing.clone(),
            config: nothing,
            planned_private: private,
            planned_identity: task.identity_value(),
            provider_meta: Value::NULL,
        });
        self.ask(task, Stage::Delete, request, Some(Operation::Delete));
    }

    pub(crate) fn deleted(&mut self, task: Task, applied: Applied, mut failed: bool) {
        let errors = check_conforms(&task.schema.block, &applied.value);
        if !errors.is_empty() {
            self.broken(&task, "Provider produced invalid object", &errors);
            self.untaken = true;
            return self.fail(&task);
        }
        if !failed && !applied.value.is_null() {
            let error = SchemaError {
                path: Path::root(),
                reason: "the object is still there after it was destroyed".into(),
            };
            self.broken(
                &task,
                "Provider produced inconsistent result after apply",
                &[error],
            );
            failed = true;
        }
        if failed {
            self.keep_rest(&task, &applied);
            return self.fail(&task);
        }
        match &task.deposed {
            Some(key) => self.state.remove_deposed(task.addr(), key),
            None => self.state.remove(task.addr()),
        };
        self.touch(task.addr());
        self.counts.destroyed += 1;
        self.complete(task.step);
    }

    /// The object could not be destroyed: what is left of it is kept.
    fn keep_rest(&mut self, task: &Task, applied: &Applied) {
        if applied.value.is_null() || !applied.value.is_wholly_known() {
            return;
        }
        let change = &self.plan.changes[task.change as usize];
        let old = match &task.deposed {
            Some(key) => self.state.deposed(&change.addr, key),
            None => self.state.current(&change.addr),
        };
        let Some(old) = old.cloned() else { return };
        let Ok(new) = muster_snapshot::Object::encode(&applied.value, &task.ty) else {
            return;
        };
        let object = muster_snapshot::Object {
            attributes: new.attributes,
            schema_version: task.schema.version,
            private: applied.private.clone(),
            ..old
        };
        match &task.deposed {
            Some(key) => {
                self.state
                    .put_deposed(&change.addr, &change.provider, key.clone(), object);
            }
            None => self.state.put(&change.addr, &change.provider, object),
        }
        self.touch(task.addr());
    }
}
