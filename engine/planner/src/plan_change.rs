//! What is planned for an object: the questions to its provider, and the rules its answers obey.

use std::sync::Arc;

use muster_addr::InstanceAddr;
use muster_config::Resource;
use muster_eval::{keep_ignored, with_ignored};
use muster_plan::{Action, Change, Mode, Reason};
use muster_provider::{PlanRequest, Planned, Private, Request};
use muster_schema::{
    SchemaError, check_conforms, check_planned, check_replace_paths, check_write_only_null,
    proposed_new, requires_replace,
};
use muster_value::{Marks, Path, Value};

use crate::Planner;
use crate::task::{Stage, Task};

impl Planner {
    /// The configuration is valid: asks for a plan.
    pub(crate) fn plan_change(&mut self, mut task: Task) {
        let prior = self.visible_prior(&task);
        task.effective = match self.resource_of(&task) {
            Some(resource) => with_ignored(&resource, &prior, &task.config, &task.schema.block),
            None => task.config.clone(),
        };
        let proposed = proposed_new(&task.schema.block, &prior, &task.effective);
        let private = match prior.is_null() {
            true => self.creation_private(&task, Private::from([])),
            false => Some(task.private.clone()),
        };
        let Some(private) = private else {
            return self.hold(task);
        };
        let config = task.effective.clone();
        let request = request(&task, prior, proposed, config, private);
        self.ask(task, Stage::Plan, request, None);
    }

    /// A tainted object is planned as if it were not there.
    fn visible_prior(&self, task: &Task) -> Value {
        if task.tainted {
            Value::Null(task.ty.clone())
        } else {
            task.prior.clone()
        }
    }

    pub(crate) fn planned(&mut self, task: Task, mut planned: Planned) {
        let prior = self.visible_prior(&task);
        let Some(resource) = self.resource_of(&task) else {
            return self.finish_task(&task);
        };
        if let Err(errors) = check_plan(&task, &prior, &task.effective, &planned) {
            return self.broken(task, "Provider produced invalid plan", &errors);
        }
        if planned.legacy_type_system {
            planned.value = keep_ignored(&resource, &prior, &planned.value);
        }
        let task = match prior.is_null() {
            true => self.confirm(task, &planned),
            false => Some(task),
        };
        let Some(task) = task else {
            return;
        };
        let mut errors = check_replace_paths(&prior, &planned.value, &planned.requires_replace);
        if planned.legacy_type_system {
            errors.clear();
        }
        if !errors.is_empty() {
            return self.broken(task, "Provider produced invalid plan", &errors);
        }
        let paths = match prior.is_null() {
            true => Vec::new(),
            false => requires_replace(
                &task.schema.block,
                &prior,
                &planned.value,
                &planned.requires_replace,
            ),
        };
        let reason = self.replace_reason(&task, &resource, &paths);
        match reason {
            Some(reason) if !task.prior.is_null() && !task.tainted => {
                self.replan(task, &planned, reason, paths);
            }
            _ => self.record_plan(task, planned, Vec::new()),
        }
    }

    /// Why the object has to give way to a new one, if it has to.
    fn replace_reason(
        &mut self,
        task: &Task,
        resource: &Resource,
        paths: &[Path],
    ) -> Option<Reason> {
        if task.prior.is_null() {
            return None;
        }
        if task.tainted {
            return Some(Reason::ReplaceBecauseTainted);
        }
        if self.options.replace.contains(&task.addr) {
            return Some(Reason::ReplaceByRequest);
        }
        if !paths.is_empty() {
            return Some(Reason::ReplaceBecauseCannotUpdate);
        }
        self.triggered(task, resource)
            .then_some(Reason::ReplaceByTriggers)
    }

    /// Plans the new object of a replacement, with nothing of the old one in it.
    fn replan(&mut self, mut task: Task, first: &Planned, reason: Reason, paths: Vec<Path>) {
        task.effective = task.config.clone();
        let nothing = Value::Null(task.ty.clone());
        let proposed = proposed_new(&task.schema.block, &nothing, &task.config);
        let config = task.config.clone();
        let Some(private) = self.creation_private(&task, first.private.clone()) else {
            return self.hold(task);
        };
        let request = request(&task, nothing, proposed, config, private);
        self.ask(task, Stage::Replan(reason, paths), request, None);
    }

    pub(crate) fn replanned(
        &mut self,
        task: Task,
        planned: Planned,
        reason: Reason,
        paths: Vec<Path>,
    ) {
        let nothing = Value::Null(task.ty.clone());
        if let Err(errors) = check_plan(&task, &nothing, &task.config, &planned) {
            return self.broken(task, "Provider produced invalid plan", &errors);
        }
        if let Some(task) = self.confirm(task, &planned) {
            self.record_replace(task, planned, reason, paths);
        }
    }

    /// An object that is made or changed, or left as it is.
    fn record_plan(&mut self, task: Task, planned: Planned, paths: Vec<Path>) {
        if task.tainted && !task.prior.is_null() {
            return self.record_replace(task, planned, Reason::ReplaceBecauseTainted, paths);
        }
        let after = task.marked_as_configured(&planned.value);
        let before = task.before();
        let action = if task.prior.is_null() {
            Action::Create
        } else if !planned.value.same(&task.prior) || sensitivity(&before) != sensitivity(&after) {
            Action::Update
        } else {
            Action::NoOp
        };
        let verdict = Verdict {
            action,
            reason: Reason::None,
            paths,
        };
        self.record_change(task, verdict, after, planned.private);
    }

    fn record_replace(&mut self, task: Task, planned: Planned, reason: Reason, paths: Vec<Path>) {
        let first = task
            .node
            .is_some_and(|n| self.create_before_destroy.contains(&n));
        let action = if first {
            Action::CreateThenDelete
        } else {
            Action::DeleteThenCreate
        };
        self.refuse_to_destroy(&task);
        let after = task.marked_as_configured(&planned.value);
        self.record_change(
            task,
            Verdict {
                action,
                reason,
                paths,
            },
            after,
            planned.private,
        );
    }

    fn record_change(&mut self, task: Task, verdict: Verdict, after: Value, private: Private) {
        let Verdict {
            action,
            reason,
            paths: replace_paths,
        } = verdict;
        let creates = action == Action::Create || action.is_replace();
        let change = Change {
            addr: task.addr.clone(),
            previous: None,
            deposed: None,
            provider: task.provider.clone(),
            action,
            reason,
            before: task.before(),
            after,
            replace_paths,
            private,
            importing: None,
            generated_config: None,
            dependencies: task
                .node
                .map_or_else(|| Arc::from([]), |n| self.dependencies[n].clone()),
            create_before_destroy: task
                .node
                .is_some_and(|n| self.create_before_destroy.contains(&n)),
            resumes: creates && self.resumes(&task),
        };
        self.record(task, change);
    }

    // ---- destruction -------------------------------------------------------------------

    pub(crate) fn plan_delete(&mut self, mut task: Task, reason: Reason) {
        self.refuse_to_destroy(&task);
        let is_left_over = task.deposed.is_none() && self.options.mode == Mode::Normal;
        if is_left_over && !task.recorded.is_null() {
            // As in Terraform, what the configuration has no more goes as it is recorded. What else
            // was found of it is told as drift.
            task.prior = task.recorded.clone();
        }
        let asks = self
            .eval
            .schemas()
            .provider(&task.provider.provider)
            .is_some_and(|schema| schema.plan_destroy);
        if !asks {
            let private = task.private.clone();
            return self.record_delete(task, private, reason);
        }
        let nothing = Value::Null(task.ty.clone());
        let private = task.private.clone();
        let request = request(&task, task.prior.clone(), nothing.clone(), nothing, private);
        self.ask(task, Stage::PlanDelete(reason), request, None);
    }

    pub(crate) fn delete_planned(&mut self, task: Task, planned: Planned, reason: Reason) {
        if !planned.value.is_null() {
            let error = SchemaError {
                path: Path::root(),
                reason: "the object shall be destroyed, but the plan keeps it".into(),
            };
            return self.broken(task, "Provider produced invalid plan", &[error]);
        }
        self.record_delete(task, planned.private, reason);
    }

    /// The object stays as it is, but nobody knows of it any more.
    pub(crate) fn record_forget(&mut self, task: Task, reason: Reason) {
        self.record_end(task, Action::Forget, Private::from([]), reason);
    }

    fn record_delete(&mut self, task: Task, private: Private, reason: Reason) {
        self.record_end(task, Action::Delete, private, reason);
    }

    fn record_end(&mut self, task: Task, action: Action, private: Private, reason: Reason) {
        let stored = task.stored.as_ref();
        let change = Change {
            addr: task.addr.clone(),
            previous: None,
            deposed: task.deposed.clone(),
            provider: task.provider.clone(),
            action,
            reason,
            before: task.before(),
            after: Value::Null(task.ty.clone()),
            replace_paths: Vec::new(),
            private,
            importing: None,
            generated_config: None,
            dependencies: stored.map_or_else(|| Arc::from([]), |o| o.dependencies.clone().into()),
            create_before_destroy: stored.is_some_and(|o| o.create_before_destroy),
            resumes: false,
        };
        self.record(task, change);
    }

    /// Whether the plan changes anything of a resource of the configuration.
    pub(crate) fn is_pending(&self, resource: &muster_addr::ConfigResource) -> bool {
        self.pending.contains(resource)
    }

    pub(crate) fn is_destroying(&self) -> bool {
        self.options.mode == Mode::Destroy
    }

    /// The planned change of an instance.
    pub(crate) fn change_of(&self, addr: &InstanceAddr) -> Option<&Change> {
        self.changes.get(&(addr.clone(), None))
    }
}

/// What is done to an object, and why.
struct Verdict {
    action: Action,
    reason: Reason,
    /// Paths that force a replacement.
    paths: Vec<Path>,
}

fn request(task: &Task, prior: Value, proposed: Value, config: Value, private: Private) -> Request {
    Request::Plan(PlanRequest {
        type_name: task.addr.resource.resource.type_name.clone(),
        prior_identity: task.identity.clone().filter(|_| !prior.is_null()),
        prior,
        proposed,
        config,
        prior_private: private,
        provider_meta: Value::NULL,
    })
}

fn check_plan(
    task: &Task,
    prior: &Value,
    config: &Value,
    planned: &Planned,
) -> Result<(), Vec<SchemaError>> {
    let block = &task.schema.block;
    let mut errors = check_conforms(block, &planned.value);
    if errors.is_empty() {
        errors = check_write_only_null(block, &planned.value);
    }
    if errors.is_empty() && !planned.legacy_type_system {
        // Marked, so that nothing sensitive gets into the message.
        let prior = task.marked_as_stored(prior);
        let config = task.marked_as_configured(config);
        let planned = task.marked_as_configured(&planned.value);
        errors = check_planned(block, &prior, &config, &planned);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Where a value is sensitive, in an order that can be compared.
fn sensitivity(value: &Value) -> Vec<Path> {
    let (_, marks) = value.unmark_deep_with_paths();
    let mut paths: Vec<Path> = marks
        .into_iter()
        .filter(|(_, m)| m.contains(Marks::SENSITIVE))
        .map(|(p, _)| p)
        .collect();
    paths.sort();
    paths
}
