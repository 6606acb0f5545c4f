//! Data sources: read while planning, or put off until apply.

use std::sync::Arc;

use muster_addr::ConfigResource;
use muster_eval::{CheckKind, ModuleInst};
use muster_lang::{Diags, Subject};
use muster_plan::{Action, Change, Checked, Mode, Operation, Reason, Status, without_unknowns};
use muster_provider::{ReadData, Request};
use muster_schema::{check_conforms, unknown_computed};
use muster_value::Value;

use crate::Planner;
use crate::checks::of_check;
use crate::graph::{Node, resource_id};
use crate::task::{Stage, Task};

impl Planner {
    pub(crate) fn begin_data(&mut self, mut task: Task) {
        let Some(inst) = task.inst else {
            return self.finish_task(&task);
        };
        if !self.is_destroying() && !self.conditions(&task, inst, CheckKind::Precondition, None) {
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
        let pending = !self.is_destroying() && self.waits_for_changes(&task);
        if !task.config.is_wholly_known() || pending {
            let reason = match pending {
                true if task.config.is_wholly_known() => Reason::ReadBecauseDependencyPending,
                _ => Reason::ReadBecauseConfigUnknown,
            };
            return match self.options.mode {
                Mode::RefreshOnly => self.leave(&task, inst),
                _ => self.put_off(task, reason),
            };
        }
        let request = Request::ValidateData {
            type_name: task.addr.resource.resource.type_name.clone(),
            config: task.config.clone(),
        };
        self.ask(task, Stage::ValidateData, request, None);
    }

    pub(crate) fn read_data(&mut self, task: Task) {
        let request = Request::ReadData(ReadData {
            type_name: task.addr.resource.resource.type_name.clone(),
            config: task.config.clone(),
            provider_meta: Value::NULL,
            address: Some(task.addr.clone()),
        });
        self.ask(task, Stage::ReadData, request, Some(Operation::Read));
    }

    /// Whether something that it depends on, or names directly, is about to change. Conditions make every
    /// dependency an explicit one: they shall hold for the changed world.
    pub(crate) fn waits_for_changes(&self, task: &Task) -> bool {
        let Some(resource) = self.resource_of(task) else {
            return false;
        };
        let life = &resource.lifecycle;
        if !life.preconditions.is_empty() || !life.postconditions.is_empty() {
            let all = task.node.map(|n| self.dependencies[n].clone());
            return all.is_some_and(|all| all.iter().any(|r| self.is_pending(r)));
        }
        let Some(Node::Resource(module, _)) = task.node.map(|n| self.graph.nodes[n].clone()) else {
            return false;
        };
        let config = self.eval.config();
        let mut inner = module;
        // What its configuration names directly counts, too: it may look up by name what is only
        // about to be there.
        let named = resource
            .references
            .iter()
            .filter(|r| matches!(r.subject, Subject::Managed(..)));
        let mut references: Vec<_> = resource.depends_on.iter().chain(named).cloned().collect();
        loop {
            let scope = config.module(inner);
            if references
                .iter()
                .any(|r| self.is_reference_pending(scope, &r.subject))
            {
                return true;
            }
            let (Some(parent), Some(name)) = (scope.parent, scope.path.0.last()) else {
                return false;
            };
            let Some(call) = config.module(parent).calls.get(name) else {
                return false;
            };
            references = call.depends_on.clone();
            inner = parent;
        }
    }

    fn is_reference_pending(&self, module: &muster_config::Module, subject: &Subject) -> bool {
        if let Subject::Module(name) = subject {
            let path = module.path.child(name.clone());
            return self.pending_modules.contains(&path);
        }
        let Some(resource) = resource_id(subject) else {
            return false;
        };
        self.is_pending(&ConfigResource {
            module: module.path.clone(),
            resource,
        })
    }

    /// The data source of a `check` block could not be read: the block has failed, and nothing
    /// else has.
    pub(crate) fn check_unread(&mut self, task: Task, checked: &Checked, found: Diags) {
        if let Some(inst) = task.inst {
            self.note_check(checked, inst, Status::unread(&found));
        }
        self.diags.extend(of_check(found));
        match (self.options.mode, task.inst) {
            (Mode::RefreshOnly, Some(inst)) => self.leave(&task, inst),
            _ => {
                let after = unread(&task);
                self.store_data(&task, &without_unknowns(&after.unmark_deep()));
                self.read_again(task, after, Reason::ReadBecauseCheckNested);
            }
        }
    }

    fn put_off(&mut self, task: Task, reason: Reason) {
        self.state.remove_instance(&task.addr);
        let after = unread(&task);
        self.read_again(task, after, reason);
    }

    /// Nothing is read during the apply of a plan that only looks: what was read before stays.
    fn leave(&mut self, task: &Task, inst: ModuleInst) {
        let stored = self.state.current(&task.addr);
        let value = match stored.and_then(|object| object.decode(&task.ty).ok()) {
            Some(value) => task.marked_as_configured(&value),
            None => unread(task),
        };
        let id = &task.addr.resource.resource;
        self.eval
            .set_instance(inst, id, task.addr.key.clone(), Ok(value));
        self.finish_task(task);
    }

    /// Plans to read during apply; until then the data source has this value.
    fn read_again(&mut self, task: Task, after: Value, reason: Reason) {
        let change = Change {
            addr: task.addr.clone(),
            previous: None,
            deposed: None,
            provider: task.provider.clone(),
            action: Action::Read,
            reason,
            before: Value::Null(task.ty.clone()),
            after,
            replace_paths: Vec::new(),
            private: Arc::from([]),
            importing: None,
            generated_config: None,
            dependencies: task
                .node
                .map_or_else(|| Arc::from([]), |n| self.dependencies[n].clone()),
            create_before_destroy: false,
            resumes: false,
        };
        if self.is_destroying() {
            let (Some(inst), value) = (task.inst, change.after) else {
                return;
            };
            let id = &task.addr.resource.resource;
            self.eval
                .set_instance(inst, id, task.addr.key.clone(), Ok(value));
            return self.finish_task(&task);
        }
        self.record_data(task, change);
    }

    fn record_data(&mut self, mut task: Task, change: Change) {
        task.goal = crate::task::Goal::Configure;
        self.record(task, change);
    }

    pub(crate) fn data_read(&mut self, mut task: Task, value: Value) {
        let errors = check_conforms(&task.schema.block, &value);
        if !errors.is_empty() || value.is_null() || !value.is_wholly_known() {
            return self.broken(task, "Provider produced invalid object", &errors);
        }
        let marked = task.marked_as_configured(&value);
        self.store_data(&task, &value);
        if self.options.mode == Mode::Normal && self.check_around(&task).is_some() {
            return self.read_again(task, marked, Reason::ReadBecauseCheckNested);
        }
        task.prior = value;
        task.stored = None;
        let Some(inst) = task.inst else {
            return self.finish_task(&task);
        };
        let id = &task.addr.resource.resource;
        self.eval
            .set_instance(inst, id, task.addr.key.clone(), Ok(marked.clone()));
        if !self.is_destroying()
            && !self.conditions(&task, inst, CheckKind::Postcondition, Some(&marked))
        {
            return self.fail(task);
        }
        self.finish_task(&task);
    }

    /// What was read is kept: the next apply of this plan does not read it again.
    fn store_data(&mut self, task: &Task, value: &Value) {
        let value = value.mark_paths(&task.config_marks);
        if let Ok(mut object) = muster_snapshot::Object::encode(&value, &task.ty) {
            object.schema_version = task.schema.version;
            self.state.put(&task.addr, &task.provider, object);
        }
    }
}

/// What is known of a data source that was not read.
fn unread(task: &Task) -> Value {
    task.marked_as_configured(&unknown_computed(&task.schema.block, &task.config))
}
