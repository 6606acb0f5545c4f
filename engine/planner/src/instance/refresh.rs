//! The object of an instance as it is: brought to today's schema, and looked at.

use std::sync::Arc;

use muster_lang::Diagnostic;
use muster_plan::{Action, Change, Mode, Operation, Reason};
use muster_provider::{Applied, Move, RawState, Read, Request};
use muster_schema::{check_conforms, check_write_only_null, normalize_blocks};
use muster_snapshot::{Attributes, Object};
use muster_value::Value;

use crate::task::{Goal, Stage, Task};
use crate::{Planner, Str};

impl Planner {
    pub(super) fn upgrade(&mut self, task: Task) {
        let Some(object) = task.stored.as_ref() else {
            return self.proceed(task);
        };
        let id = &task.addr.resource.resource;
        let origin = self.moves.origin.get(&task.addr);
        if let Some(origin) = origin.filter(|o| o.resource.resource.type_name != id.type_name) {
            let source = origin.resource.resource.type_name.clone();
            return self.convert(task, source);
        }
        if object.schema_version > task.schema.version {
            let detail = format!(
                "The object was written by a newer version of the provider {} (schema version {}, this one has {}). Use that version or a newer one.",
                task.provider.provider.for_display(),
                object.schema_version,
                task.schema.version
            );
            let summary = "Resource instance managed by newer provider version";
            self.diags
                .push(Diagnostic::error(summary, detail).about(&task.addr));
            return self.fail(task);
        }
        let raw = raw_state(object);
        let request = Request::Upgrade {
            type_name: task.addr.resource.resource.type_name.clone(),
            version: object.schema_version,
            raw,
        };
        self.ask(task, Stage::Upgrade, request, None);
    }

    /// Asks the provider to make an object of one of its types of one of another type.
    fn convert(&mut self, task: Task, source_type: Str) {
        let schemas = self.eval.schemas();
        let able = schemas
            .provider(&task.provider.provider)
            .is_some_and(|p| p.move_resource_state);
        let (Some(object), true) = (&task.stored, able) else {
            let detail = format!(
                "The provider {} cannot take over an object of type {source_type} as {}. Remove the moved block, and import the object at its new address.",
                task.provider.provider.for_display(),
                task.addr
            );
            let summary = "Unsupported `moved` across resource types";
            self.diags
                .push(Diagnostic::error(summary, detail).about(&task.addr));
            return self.fail(task);
        };
        let stored = self.state.resources.get(&task.addr.resource);
        let source = stored.map_or(&task.provider, |r| &r.provider);
        let identity = object.identity.as_ref();
        let request = Request::Move(Move {
            source_provider: source.provider.to_string(),
            source_type,
            source_version: object.schema_version,
            raw: raw_state(object),
            source_private: object.private.clone(),
            source_identity: identity.map(|i| (i.json.to_shared(), i.schema_version)),
            target_type: task.addr.resource.resource.type_name.clone(),
        });
        self.ask(task, Stage::Convert, request, None);
    }

    pub(super) fn converted(&mut self, mut task: Task, applied: Applied) {
        task.private = applied.private;
        if let Some(object) = &mut task.stored {
            // It was that of another type.
            object.identity = None;
        }
        if !self.take_identity(&mut task, applied.identity) {
            return self.fail(task);
        }
        self.upgraded(task, applied.value);
    }

    pub(super) fn upgraded(&mut self, mut task: Task, value: Value) {
        let mut errors = check_conforms(&task.schema.block, &value);
        if errors.is_empty() {
            errors = check_write_only_null(&task.schema.block, &value);
        }
        if !errors.is_empty() || value.is_null() || !value.is_wholly_known() {
            return self.broken(task, "Provider produced invalid object", &errors);
        }
        task.recorded = value.clone();
        task.prior = value;
        self.recall(task);
    }

    /// Everything that the state has of the object is as it should be.
    pub(crate) fn recalled(&mut self, task: Task) {
        if self.options.refresh && !matches!(task.goal, Goal::Forget(_)) {
            self.read(task);
        } else {
            self.store(&task);
            self.proceed(task);
        }
    }

    fn read(&mut self, task: Task) {
        let request = Request::Read(Read {
            type_name: task.addr.resource.resource.type_name.clone(),
            current: task.prior.clone(),
            private: task.private.clone(),
            identity: task.identity.clone(),
            provider_meta: Value::NULL,
        });
        self.ask(task, Stage::Read, request, Some(Operation::Refresh));
    }

    pub(super) fn refreshed(&mut self, mut task: Task, value: Value, identity: Option<Value>) {
        let value = if value.is_null() {
            Value::Null(task.ty.clone())
        } else {
            let value = normalize_blocks(&task.schema.block, &value);
            let errors = check_conforms(&task.schema.block, &value);
            if !errors.is_empty() || !value.is_wholly_known() {
                return self.broken(task, "Provider produced invalid object", &errors);
            }
            value
        };
        task.prior = value;
        if task.prior.is_null() {
            task.tainted = false;
        } else if !self.take_identity(&mut task, identity) {
            return self.fail(task);
        }
        self.note_drift(&task);
        self.store(&task);
        if task.prior.is_null() {
            task.stored = None;
            task.private = Arc::from([]);
            task.identity = None;
        }
        self.proceed(task);
    }

    fn note_drift(&mut self, task: &Task) {
        let same = task.prior.same(&task.recorded);
        // A plan that only looks has no other place to tell of a move.
        let tells_moves = self.options.mode == Mode::RefreshOnly && task.deposed.is_none();
        let origin = self.moves.origin.get(&task.addr).filter(|_| tells_moves);
        let previous = origin.cloned();
        if same && previous.is_none() || self.options.mode == Mode::Destroy {
            return;
        }
        let action = if same {
            Action::NoOp
        } else if task.prior.is_null() {
            Action::Delete
        } else {
            Action::Update
        };
        let change = Change {
            addr: task.addr.clone(),
            previous,
            deposed: task.deposed.clone(),
            provider: task.provider.clone(),
            action,
            reason: Reason::None,
            before: task.marked_as_stored(&task.recorded),
            after: task.before(),
            replace_paths: Vec::new(),
            private: Arc::from([]),
            importing: None,
            generated_config: None,
            dependencies: Arc::from([]),
            create_before_destroy: false,
            resumes: false,
        };
        self.drift
            .insert((task.addr.clone(), task.deposed.clone()), change);
    }
}

fn raw_state(object: &Object) -> RawState {
    match &object.attributes {
        Attributes::Json(text) => RawState::Json(text.to_shared()),
        Attributes::Flatmap(map) => RawState::Flatmap(map.clone()),
    }
}
