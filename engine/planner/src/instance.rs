//! One object: stored form to what it is now, then on to what is planned for it.

mod refresh;

use std::sync::Arc;

use muster_addr::{InstanceAddr, Mode as ResourceMode, ProviderConfigAddr};
use muster_eval::{CheckKind, CheckResult, ModuleInst, Spec, broken, located, provider_meta};
use muster_lang::Diagnostic;
use muster_plan::{Action, Ask, Change, Mode, Operation, Shown, id_hint};
use muster_provider::{ImportBy, ProviderError, Request, Response};
use muster_value::Value;

use crate::Planner;
use crate::checks::as_warnings;
use crate::graph::{Node, NodeId};
use crate::import::{NOT_THERE, Wanted};
use crate::task::{Goal, Stage, Start, Task};

impl Planner {
    pub(crate) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Starts to work on an object.
    pub(crate) fn begin(&mut self, start: Start) {
        let Start {
            addr,
            deposed,
            inst,
            node,
            provider,
            goal,
        } = start;
        let id = &addr.resource.resource;
        let Some(schema) = self
            .eval
            .schemas()
            .resource(&provider.provider, id.mode, &id.type_name)
        else {
            self.note_failure(node, goal);
            return self.no_schema(&addr, &provider);
        };
        let stored = self.stored(&addr, &deposed).cloned();
        if let Some(node) = node {
            self.open_tasks[node] += 1;
        }
        let ty = schema.block.implied_type();
        let schemas = self.eval.schemas();
        let identity_schema = match id.mode {
            ResourceMode::Managed => schemas.identity(&provider.provider, &id.type_name),
            ResourceMode::Data | ResourceMode::Ephemeral => None,
        };
        let mut task = Task {
            identity_schema: identity_schema.cloned(),
            identity: None,
            recorded: Value::Null(ty.clone()),
            prior: Value::Null(ty.clone()),
            config: Value::Null(ty.clone()),
            effective: Value::Null(ty.clone()),
            private: stored
                .as_ref()
                .map(|o| o.private.clone())
                .unwrap_or_else(|| Arc::from([])),
            tainted: stored.as_ref().is_some_and(|o| o.is_tainted()),
            importing: None,
            or_create: false,
            creation: None,
            config_marks: Vec::new(),
            stage: Stage::Upgrade,
            addr,
            deposed,
            inst,
            node,
            provider,
            schema,
            ty,
            goal,
            stored,
        };
        if task.addr.resource.resource.mode == ResourceMode::Data {
            self.begin_data(task);
        } else if task.addr.resource.resource.mode == ResourceMode::Ephemeral {
            self.begin_ephemeral(task);
        } else {
            task.creation = self.interrupted(&task);
            self.begin_managed(task);
        }
    }

    fn begin_managed(&mut self, mut task: Task) {
        if task.stored.is_some() {
            self.upgrade(task);
        } else if let Some(wanted) = self.wanted_import(&task) {
            // The user knows which object it is.
            self.interrupted.resolve(&task.addr);
            task.creation = None;
            self.import(task, wanted);
        } else if task.creation.is_some() {
            self.take_up(task);
        } else {
            self.proceed(task);
        }
    }

    fn wanted_import(&mut self, task: &Task) -> Option<Wanted> {
        let current = task.deposed.is_none() && task.inst.is_some();
        current.then(|| self.imports.found.remove(&task.addr))?
    }

    fn no_schema(&mut self, addr: &InstanceAddr, provider: &ProviderConfigAddr) {
        if self.eval.schemas().provider(&provider.provider).is_none() {
            return;
        }
        let detail = format!(
            "The state has {addr}, but the provider {} has no resource type \"{}\". Use a version of the provider that has it.",
            provider.provider.for_display(),
            addr.resource.resource.type_name
        );
        self.diags
            .push(Diagnostic::error("Unsupported resource type in state", detail).about(addr));
    }

    /// Where the configuration of a task stands, for messages.
    pub(crate) fn spec_of(&self, task: &Task) -> Option<Arc<Spec>> {
        let inst = task.inst?;
        let id = &task.addr.resource.resource;
        self.eval.spec(self.eval.module_of(inst), id).ok()
    }

    /// Asks a provider about a task.
    pub(crate) fn ask(
        &mut self,
        mut task: Task,
        stage: Stage,
        mut request: Request,
        operation: Option<Operation>,
    ) {
        if let Some(meta) = request.provider_meta_mut() {
            let (resource, provider) = (&task.addr.resource, &task.provider.provider);
            // What is wrong with it was said before the resource was begun.
            *meta = provider_meta(&self.eval, resource, provider).unwrap_or(Value::NULL);
        }
        let id = self.fresh_id();
        let shown = operation.map(|operation| Shown {
            addr: task.addr.clone(),
            deposed: task.deposed.clone(),
            operation,
            action: Action::NoOp,
            id: match operation {
                Operation::Import => task.importing.as_ref().map(ImportBy::hint),
                _ => id_hint(&task.before()),
            },
            part: muster_plan::Part::Whole,
        });
        let ask = Ask {
            id,
            provider: task.provider.clone(),
            request,
            object: Some(task.addr.clone()),
            shown,
        };
        task.stage = stage;
        self.tasks.insert(id, task);
        self.send(ask);
    }

    /// Gives up on a task; the reason was reported.
    pub(crate) fn fail(&mut self, task: Task) {
        if let Some(inst) = task.inst {
            let id = &task.addr.resource.resource;
            self.eval
                .set_instance(inst, id, task.addr.key.clone(), Err(()));
        }
        self.note_failure(task.node, task.goal);
        self.finish_task(&task);
    }

    /// Something is wrong with an object. What is to be destroyed has to be, even where the plan
    /// could go on without the node that waits for it.
    pub(crate) fn note_failure(&mut self, node: Option<NodeId>, goal: Goal) {
        if let Some(node) = node {
            self.failed[node] = true;
        }
        self.errored |= node.is_none() || matches!(goal, Goal::Delete(_));
    }

    /// A task is done.
    pub(crate) fn finish_task(&mut self, task: &Task) {
        if let Some(node) = task.node {
            self.close(node);
        }
    }

    pub(crate) fn task_answer(&mut self, task: Task, answer: Result<Response, ProviderError>) {
        if matches!(task.stage, Stage::Find | Stage::ReadFound) {
            return self.search_answer(task, answer);
        }
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                let diagnostic = error.diagnostic(&task.provider.provider).about(&task.addr);
                self.diags.push(diagnostic);
                return self.fail(task);
            }
        };
        if matches!(task.stage, Stage::Import) && task.or_create && is_not_there(&response) {
            return self.make_instead(task);
        }
        let spec = self.spec_of(&task);
        let found = located(response.diags().clone(), &task.addr, spec.as_deref());
        let failed = found.has_errors();
        if let (true, Some(checked)) = (failed, self.check_around(&task))
            && !self.is_destroying()
        {
            return self.check_unread(task, &checked, found);
        }
        if failed && matches!(task.stage, Stage::Open) && self.waits_for_changes(&task) {
            // What it is opened for may be there only when these are made.
            return self.open_later(task);
        }
        self.diags.extend(found);
        if failed {
            return self.fail(task);
        }
        self.advance(task, response);
    }

    fn advance(&mut self, mut task: Task, response: Response) {
        let stage = std::mem::replace(&mut task.stage, Stage::Upgrade);
        match (stage, response) {
            (Stage::Upgrade, Response::State { value, .. }) => self.upgraded(task, value),
            (Stage::UpgradeIdentity, Response::State { value, .. }) => {
                self.identity_upgraded(task, value);
            }
            (Stage::Convert, Response::Applied(applied)) => self.converted(task, applied),
            (
                Stage::Read,
                Response::Read {
                    value,
                    private,
                    identity,
                    ..
                },
            ) => {
                task.private = private;
                self.refreshed(task, value, identity);
            }
            (Stage::Import, Response::Imported { objects, .. }) => self.imported(task, objects),
            (
                Stage::ReadImported,
                Response::Read {
                    value,
                    private,
                    identity,
                    ..
                },
            ) => {
                task.private = private;
                self.imported_read(task, value, identity);
            }
            (Stage::Validate, Response::Done(_)) => self.plan_change(task),
            (Stage::Plan, Response::Planned(planned)) => self.planned(task, planned),
            (Stage::Replan(reason, paths), Response::Planned(planned)) => {
                self.replanned(task, planned, reason, paths);
            }
            (Stage::PlanDelete(reason), Response::Planned(planned)) => {
                self.delete_planned(task, planned, reason);
            }
            (Stage::ValidateData, Response::Done(_)) => self.read_data(task),
            (Stage::ReadData, Response::State { value, .. }) => self.data_read(task, value),
            (Stage::ValidateEphemeral, Response::Done(_)) => self.open(task),
            (Stage::Open, Response::Opened(opened)) => self.opened(task, &opened),
            (stage, _) => {
                let detail = format!(
                    "The answer is of another kind than the question ({}).",
                    stage.name()
                );
                self.diags
                    .push(Diagnostic::error("Plugin error", detail).about(&task.addr));
                self.fail(task);
            }
        }
    }

    pub(crate) fn broken(
        &mut self,
        task: Task,
        summary: &str,
        errors: &[muster_schema::SchemaError],
    ) {
        let at = self.spec_of(&task).map(|s| s.header());
        let provider = &task.provider.provider;
        self.diags
            .extend(broken(summary, provider, &task.addr, errors, at));
        self.fail(task);
    }

    // ---- what shall be -----------------------------------------------------------------

    /// The object is as it is now; goes on to what is wanted.
    pub(crate) fn proceed(&mut self, task: Task) {
        match task.goal {
            Goal::Refresh => self.keep_refreshed(&task),
            Goal::Delete(reason) => {
                self.show_as_it_is(&task);
                match (task.prior.is_null(), self.is_destroying()) {
                    (true, _) => self.finish_task(&task),
                    (false, true) => self.destroy_later(task, reason),
                    (false, false) => self.plan_delete(task, reason),
                }
            }
            Goal::Forget(reason) => self.record_forget(task, reason),
            Goal::Configure => self.configure(task),
        }
    }

    /// An object is only looked at. Where nothing is made of it, a condition that does not hold is
    /// worth a warning.
    fn keep_refreshed(&mut self, task: &Task) {
        if let Some((inst, value)) = self.show_as_it_is(task)
            && self.options.mode == Mode::RefreshOnly
        {
            self.conditions(task, inst, CheckKind::Precondition, None);
            self.conditions(task, inst, CheckKind::Postcondition, Some(&value));
        }
        self.finish_task(task);
    }

    /// Lets dependents see an object as it is now, if the configuration has the instance.
    fn show_as_it_is(&mut self, task: &Task) -> Option<(ModuleInst, Value)> {
        let inst = task.inst.filter(|_| task.deposed.is_none())?;
        let value = match task.prior.is_null() {
            true => Value::unknown(task.ty.clone()),
            false => task.before(),
        };
        let id = &task.addr.resource.resource;
        self.eval
            .set_instance(inst, id, task.addr.key.clone(), Ok(value.clone()));
        Some((inst, value))
    }

    fn configure(&mut self, mut task: Task) {
        let Some(inst) = task.inst else {
            return self.finish_task(&task);
        };
        if !self.conditions(&task, inst, CheckKind::Precondition, None) {
            return self.fail(task);
        }
        let config = match self.eval.resource_config(&task.addr, inst) {
            Ok(config) => config,
            Err(diags) => {
                self.diags.extend(diags);
                return self.fail(task);
            }
        };
        (task.config, task.config_marks) = config.unmark_deep_with_paths();
        let request = Request::ValidateResource {
            type_name: task.addr.resource.resource.type_name.clone(),
            config: task.config.clone(),
        };
        self.ask(task, Stage::Validate, request, None);
    }

    /// Checks pre- or postconditions; `false` when one does not hold and that matters.
    pub(crate) fn conditions(
        &mut self,
        task: &Task,
        inst: ModuleInst,
        kind: CheckKind,
        own: Option<&Value>,
    ) -> bool {
        let result = self.eval.conditions(inst, &task.addr, kind, own);
        self.note_conditions(task, kind, &result);
        match result {
            CheckResult::Fail(found) => {
                let looks = self.options.mode == Mode::RefreshOnly
                    && task.addr.resource.resource.mode != ResourceMode::Ephemeral;
                self.diags.extend(match looks {
                    true => as_warnings(found),
                    false => found,
                });
                looks
            }
            CheckResult::Pass | CheckResult::Unknown => true,
        }
    }

    /// Takes a finished plan for an object: its value is what dependents see.
    pub(crate) fn record(&mut self, task: Task, mut change: Change) {
        if change.deposed.is_none() {
            change.previous = self.moves.origin.get(&change.addr).cloned();
            change.importing = task.importing.clone();
        }
        if let Some(stored) = &task.stored {
            let stored: Arc<[_]> = stored.dependencies.clone().into();
            self.stored_dependencies
                .insert((change.addr.clone(), change.deposed.clone()), stored);
        }
        let configured = task.goal == Goal::Configure && task.deposed.is_none();
        if change.action == Action::NoOp {
            self.store_dependencies(&change);
        } else {
            self.note_pending(change.addr.resource.config());
            let managed = change.action != Action::Read;
            if configured && managed && self.options.refresh {
                self.add_dependencies(&change);
            }
        }
        let value = change.after.clone();
        self.changes
            .insert((change.addr.clone(), change.deposed.clone()), change);
        if let (Some(inst), true) = (task.inst, configured) {
            let id = &task.addr.resource.resource;
            self.eval
                .set_instance(inst, id, task.addr.key.clone(), Ok(value.clone()));
            if !self.conditions(&task, inst, CheckKind::Postcondition, Some(&value)) {
                return self.fail(task);
            }
        }
        self.finish_task(&task);
    }

    pub(crate) fn note_pending(&mut self, resource: muster_addr::ConfigResource) {
        for depth in 1..=resource.module.0.len() {
            let module = muster_addr::ModulePath(resource.module.0[..depth].into());
            self.pending_modules.insert(module);
        }
        self.pending.insert(resource);
    }

    /// The value of an instance that the plan leaves alone.
    pub(crate) fn keep(&mut self, inst: ModuleInst, addr: &InstanceAddr) {
        let id = &addr.resource.resource;
        let Some(resource) = self.state.resources.get(&addr.resource) else {
            return;
        };
        let provider = resource.provider.provider.clone();
        let Some(schema) = self
            .eval
            .schemas()
            .resource(&provider, id.mode, &id.type_name)
        else {
            return;
        };
        let Some(object) = self.state.current(addr) else {
            return;
        };
        if let Ok(value) = object.decode_marked(&schema.block.implied_type()) {
            let sensitive = schema.block.sensitive_paths(&value.unmark_deep());
            self.eval
                .set_instance(inst, id, addr.key.clone(), Ok(value.mark_paths(&sensitive)));
        }
    }

    pub(crate) fn resource_of(&self, task: &Task) -> Option<Arc<muster_config::Resource>> {
        let Node::Resource(module, id) = &self.graph.nodes[task.node?] else {
            return None;
        };
        self.eval
            .config()
            .module(*module)
            .resources
            .get(id)
            .cloned()
    }
}

/// Whether an import failed for nothing but that there is no such object.
fn is_not_there(response: &Response) -> bool {
    let mut errors = response.diags().iter().filter(|d| d.is_error()).peekable();
    errors.peek().is_some() && errors.all(|error| error.summary == NOT_THERE)
}
