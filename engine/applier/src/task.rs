//! What is remembered about one step while it is under way.

use std::sync::Arc;

use muster_addr::InstanceAddr;
use muster_eval::ModuleInst;
use muster_plan::{Change, Deposed, Part};
use muster_provider::{Planned, Private};
use muster_schema::Schema;
use muster_value::{Marks, Path, Type, Value};

use crate::provision::Running;

/// Which answer is awaited.
#[derive(Debug)]
pub(crate) enum Stage {
    Validate,
    Plan,
    Apply(Box<Planned>),
    PlanDelete,
    Delete,
    ReadData,
    Provision(Box<Running>),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Task {
    pub step: usize,
    pub change: u32,
    addr: InstanceAddr,
    pub inst: Option<ModuleInst>,
    pub schema: Arc<Schema>,
    pub ty: Type,
    pub stage: Stage,
    /// The object before; null when one is made. Unmarked.
    pub prior: Value,
    pub private: Private,
    /// What the configuration says now; unmarked.
    pub config: Value,
    pub config_marks: Vec<(Path, Marks)>,
    /// `config` with what `ignore_changes` names taken from `prior`.
    pub effective: Value,
    /// The object that was, or is to be, set aside.
    pub deposed: Deposed,
    /// The current object is set aside before the new one is made.
    pub depose: bool,
    /// Which part of the work the latest question is; [`Part::Whole`] when there is only one.
    pub part: Part,
}

impl Task {
    pub(crate) fn new(
        step: usize,
        index: u32,
        change: &Change,
        schema: Arc<Schema>,
        inst: Option<ModuleInst>,
    ) -> Self {
        let ty = schema.block.implied_type();
        let nothing = || Value::Null(ty.clone());
        Self {
            step,
            change: index,
            addr: change.addr.clone(),
            inst,
            stage: Stage::Validate,
            prior: nothing(),
            private: Private::from([]),
            config: nothing(),
            config_marks: Vec::new(),
            effective: nothing(),
            deposed: None,
            depose: false,
            part: Part::Whole,
            schema,
            ty,
        }
    }

    pub(crate) fn addr(&self) -> &InstanceAddr {
        &self.addr
    }

    /// A value of this object with the marks of the configuration and those of the schema.
    pub(crate) fn marked(&self, value: &Value) -> Value {
        if value.is_null() {
            return value.clone();
        }
        let schema = self.schema.block.sensitive_paths(value);
        value.mark_paths(&self.config_marks).mark_paths(&schema)
    }
}
