//! Objects that are made or changed.

use muster_eval::{CheckKind, keep_ignored, with_ignored};
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Action, Operation, Part, idempotency_token, without_unknowns};
use muster_provider::{Applied, ApplyRequest, PlanRequest, Planned, Private, Request};
use muster_schema::{
    SchemaError, check_applied, check_conforms, check_planned, check_write_only_null, proposed_new,
    requires_replace,
};
use muster_snapshot::{Object, Status};
use muster_value::{Path, Value};

use crate::Applier;
use crate::task::{Stage, Task};

impl Applier {
    pub(crate) fn begin_change(&mut self, mut task: Task, depose: bool) {
        let change = &self.plan.changes[task.change as usize];
        task.depose = depose;
        if change.action == Action::Update {
            task.prior = change.before.unmark_deep();
            if let Some(object) = self.state.current(&change.addr) {
                task.private = object.private.clone();
                task.identity = object.identity.clone();
            }
        }
        if !self.configure(&mut task) {
            return self.fail(&task);
        }
        let request = Request::ValidateResource {
            type_name: task.addr().resource.resource.type_name.clone(),
            config: task.config.clone(),
        };
        self.ask(task, Stage::Validate, request, None);
    }

    /// Evaluates the configuration, which must be wholly known now. `false` when it is not.
    pub(crate) fn configure(&mut self, task: &mut Task) -> bool {
        let Some(inst) = task.inst else {
            self.lost(task.addr(), "the configuration has no such module instance");
            return false;
        };
        if !self.conditions(task, CheckKind::Precondition, None) {
            return false;
        }
        match self.eval.resource_config(task.addr(), inst) {
            Ok(config) => (task.config, task.config_marks) = config.unmark_deep_with_paths(),
            Err(diags) => {
                self.diags.extend(diags);
                return false;
            }
        }
        if !task.config.is_wholly_known() {
            let detail = format!(
                "The configuration of {} still has values that are not known, although everything it needs is there. This is a bug in muster.",
                task.addr()
            );
            let summary = "Configuration contains unknown value";
            self.diags
                .push(Diagnostic::error(summary, detail).about(task.addr()));
            return false;
        }
        true
    }

    /// Plans once more, with everything known.
    pub(crate) fn plan_again(&mut self, mut task: Task) {
        task.effective = match self.resource_of(&task) {
            Some(resource) => with_ignored(resource, &task.prior, &task.config, &task.schema.block),
            None => task.config.clone(),
        };
        let proposed = proposed_new(&task.schema.block, &task.prior, &task.effective);
        let change = &self.plan.changes[task.change as usize];
        let prior_private = match change.resumes {
            // What the provider finds the object of the interrupted creation by.
            true => change.private.clone(),
            false => task.private.clone(),
        };
        let request = Request::Plan(PlanRequest {
            type_name: task.addr().resource.resource.type_name.clone(),
            prior: task.prior.clone(),
            proposed,
            config: task.effective.clone(),
            prior_private,
            prior_identity: task.identity_value(),
            provider_meta: Value::NULL,
        });
        // Nothing follows then, so that this is all of the work.
        let operation = self.only_hides(&task).then_some(Operation::Update);
        self.ask(task, Stage::Plan, request, operation);
    }

    /// Whether nothing changes but what of the object is sensitive.
    fn only_hides(&self, task: &Task) -> bool {
        let change = &self.plan.changes[task.change as usize];
        let (before, after) = (&change.before, &change.after);
        change.action == Action::Update && before.unmark_deep().same(&after.unmark_deep())
    }

    pub(crate) fn planned_again(&mut self, task: Task, mut planned: Planned) {
        if let (true, Some(resource)) = (planned.legacy_type_system, self.resource_of(&task)) {
            planned.value = keep_ignored(resource, &task.prior, &planned.value);
        }
        if let Err((summary, errors)) = self.check_final(&task, &planned) {
            self.broken(&task, summary, &errors);
            return self.fail(&task);
        }
        if !self.still_resumes(&task, &planned) {
            return self.fail(&task);
        }
        if !task.prior.is_null() && planned.value.same(&task.prior) {
            return self.unchanged(task, &planned);
        }
        self.apply(task, planned);
    }

    /// A creation that takes up an interrupted one must keep its token, or it would make a second
    /// object. `false` when it does not.
    fn still_resumes(&mut self, task: &Task, planned: &Planned) -> bool {
        let change = &self.plan.changes[task.change as usize];
        let token = idempotency_token(&change.private);
        if !change.resumes || idempotency_token(&planned.private) == token {
            return true;
        }
        let error = SchemaError {
            path: Path::root(),
            reason: "the plan of an interrupted creation has lost its idempotency token".into(),
        };
        self.broken(task, "Provider produced inconsistent final plan", &[error]);
        false
    }

    /// The final plan must be one that the approved plan promised.
    fn check_final(
        &self,
        task: &Task,
        planned: &Planned,
    ) -> Result<(), (&'static str, Vec<SchemaError>)> {
        let block = &task.schema.block;
        let approved = self.plan.changes[task.change as usize].after.unmark_deep();
        let mut errors = check_conforms(block, &planned.value);
        if errors.is_empty() {
            errors = check_write_only_null(block, &planned.value);
        }
        if errors.is_empty() && !planned.legacy_type_system {
            // Marked, so that nothing sensitive gets into the message.
            let prior = task.marked(&task.prior);
            let config = task.marked(&task.effective);
            errors = check_planned(block, &prior, &config, &task.marked(&planned.value));
        }
        if !errors.is_empty() {
            return Err(("Provider produced invalid plan", errors));
        }
        let replace = requires_replace(
            block,
            &task.prior,
            &planned.value,
            &planned.requires_replace,
        );
        if !task.prior.is_null() && !replace.is_empty() {
            errors.extend(replace.into_iter().map(|path| SchemaError {
                path,
                reason: "was planned to change in place, but now needs a replacement".into(),
            }));
        } else if !planned.legacy_type_system {
            errors = check_applied(block, &task.marked(&approved), &task.marked(&planned.value));
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(("Provider produced inconsistent final plan", errors))
        }
    }

    /// With everything known there is nothing to do after all, save for what is stored with it.
    fn unchanged(&mut self, task: Task, planned: &Planned) {
        self.counts.changed += usize::from(self.only_hides(&task));
        let value = planned.value.clone();
        let private = task.private.clone();
        self.keep(&task, &value, private, Status::Ready);
        self.settle(&task, &value);
    }

    fn apply(&mut self, mut task: Task, planned: Planned) {
        if task.depose {
            let addr = task.addr().clone();
            task.deposed = self.state.depose(&addr);
            self.touch(&addr);
            if let Some(key) = &task.deposed {
                self.deposed.insert(task.change, key.clone());
            }
        }
        let request = Request::Apply(ApplyRequest {
            type_name: task.addr().resource.resource.type_name.clone(),
            prior: task.prior.clone(),
            planned: planned.value.clone(),
            config: task.effective.clone(),
            planned_private: planned.private.clone(),
            planned_identity: planned.identity.clone(),
            provider_meta: Value::NULL,
        });
        let operation = if task.prior.is_null() {
            Operation::Create
        } else {
            Operation::Update
        };
        if operation == Operation::Create && self.is_provisioned(&task) {
            task.part = Part::First;
        }
        self.ask(
            task,
            Stage::Apply(Box::new(planned)),
            request,
            Some(operation),
        );
    }

    pub(crate) fn applied(
        &mut self,
        mut task: Task,
        planned: Planned,
        applied: Applied,
        mut failed: bool,
    ) {
        let Applied {
            value,
            private,
            identity,
            legacy_type_system,
            ..
        } = applied;
        let block = &task.schema.block;
        let errors = check_conforms(block, &value);
        if !errors.is_empty() {
            self.broken(&task, "Provider produced invalid object", &errors);
            // Something may have been made: what was set aside for it stays there.
            self.untaken = true;
            return self.fail(&task);
        }
        let errors = self.check_result(&task, &planned, &value, failed, legacy_type_system);
        if !errors.is_empty() {
            self.broken(
                &task,
                "Provider produced inconsistent result after apply",
                &errors,
            );
            failed = true;
        }
        if value.is_null() {
            if !failed {
                let error = SchemaError {
                    path: Path::root(),
                    reason: "the object is not there after it was applied".into(),
                };
                self.broken(
                    &task,
                    "Provider produced inconsistent result after apply",
                    &[error],
                );
            }
            self.undo(&task);
            return self.fail(&task);
        }
        if let Err(error) = task.take_identity(identity, planned.identity.as_ref()) {
            self.broken(&task, "Provider produced invalid identity", &[error]);
            failed = true;
        }
        let value = without_unknowns(&value);
        let made = task.prior.is_null();
        let provisioned = made && self.is_provisioned(&task);
        // An object that is not yet provisioned is not what it should be, if nothing more happens.
        let status = if made && (failed || provisioned) {
            Status::Tainted
        } else {
            Status::Ready
        };
        self.keep(&task, &value, private.clone(), status);
        if failed || self.untaken {
            return self.fail(&task);
        }
        if provisioned {
            return self.provision(task, value, private);
        }
        self.done(task, &value);
    }

    fn check_result(
        &self,
        task: &Task,
        planned: &Planned,
        value: &Value,
        failed: bool,
        legacy: bool,
    ) -> Vec<SchemaError> {
        let block = &task.schema.block;
        let mut errors = check_write_only_null(block, value);
        if !value.is_null() && !value.is_wholly_known() {
            errors.push(SchemaError {
                path: Path::root(),
                reason: "parts of the object are still unknown after it was applied".into(),
            });
        }
        if errors.is_empty() && !failed && !legacy && !value.is_null() {
            errors = check_applied(block, &task.marked(&planned.value), &task.marked(value));
        }
        errors
    }

    /// Writes an object into the state.
    pub(crate) fn keep(&mut self, task: &Task, value: &Value, private: Private, status: Status) {
        let change = &self.plan.changes[task.change as usize];
        match Object::encode(&task.marked(value), &task.ty) {
            Ok(mut object) => {
                object.schema_version = task.schema.version;
                object.private = private;
                object.identity = task.identity.clone();
                object.status = status;
                if change.action != Action::Read {
                    object.dependencies = change.dependencies.to_vec();
                }
                object.create_before_destroy = change.create_before_destroy;
                self.state.put(&change.addr, &change.provider, object);
                self.touch(task.addr());
            }
            Err(error) => {
                self.untaken = true;
                let detail = format!("The object cannot be stored: {error}.");
                self.diags.push(
                    Diagnostic::error("Provider produced invalid object", detail)
                        .about(task.addr()),
                );
            }
        }
    }

    /// An object was made or changed as planned.
    pub(crate) fn done(&mut self, task: Task, value: &Value) {
        if task.prior.is_null() {
            self.counts.added += 1;
        } else {
            self.counts.changed += 1;
        }
        let change = &self.plan.changes[task.change as usize];
        self.counts.imported += usize::from(change.importing.is_some());
        self.settle(&task, value);
    }

    /// An object is as it shall be: dependents may see it.
    fn settle(&mut self, task: &Task, value: &Value) {
        let marked = task.marked(value);
        let Some(inst) = task.inst else {
            return self.complete(task.step);
        };
        let id = &task.addr().resource.resource;
        self.eval
            .set_instance(inst, id, task.addr().key.clone(), Ok(marked.clone()));
        if !self.conditions(task, CheckKind::Postcondition, Some(&marked)) {
            return self.fail(task);
        }
        self.complete(task.step);
    }

    /// Puts back what was set aside for an object that was not made.
    pub(crate) fn undo(&mut self, task: &Task) {
        if let (true, Some(key)) = (task.depose, &task.deposed) {
            self.state.restore_deposed(task.addr(), key);
            self.touch(task.addr());
            self.deposed.remove(&task.change);
        }
    }

    /// Reports problems of a task.
    pub(crate) fn report(&mut self, diags: Diags) {
        self.diags.extend(diags);
    }
}
