//! What is remembered about one step while it is under way.

use std::sync::Arc;

use muster_addr::InstanceAddr;
use muster_eval::ModuleInst;
use muster_plan::{Change, Deposed, Part};
use muster_provider::{Planned, Private, identity_text};
use muster_schema::{IdentitySchema, Schema, SchemaError};
use muster_snapshot::Identity;
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
    /// The schema of what objects of the type are known by, if they are.
    pub identity_schema: Option<Arc<IdentitySchema>>,
    pub stage: Stage,
    /// The object before; null when one is made. Unmarked.
    pub prior: Value,
    pub private: Private,
    /// What the object is known by, as it is stored; `None` as long as nobody has said so.
    pub identity: Option<Identity>,
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
        identity_schema: Option<Arc<IdentitySchema>>,
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
            identity: None,
            config: nothing(),
            config_marks: Vec::new(),
            effective: nothing(),
            deposed: None,
            depose: false,
            part: Part::Whole,
            schema,
            identity_schema,
            ty,
        }
    }

    pub(crate) fn addr(&self) -> &InstanceAddr {
        &self.addr
    }

    /// The identity as the provider takes it.
    pub(crate) fn identity_value(&self) -> Option<Value> {
        let (stored, schema) = (self.identity.as_ref()?, self.identity_schema.as_ref()?);
        // The plan has brought it up to date.
        let current = stored.schema_version == schema.version;
        let decode = || stored.decode(&schema.implied_type()).ok();
        current.then(decode).flatten()
    }

    /// Takes the identity that the provider has answered, or else the planned one, if all of it
    /// was known. What is neither stays as it was.
    ///
    /// # Errors
    /// The answer is not a whole identity.
    pub(crate) fn take_identity(
        &mut self,
        answered: Option<Value>,
        planned: Option<&Value>,
    ) -> Result<(), SchemaError> {
        let Some(schema) = &self.identity_schema else {
            return Ok(());
        };
        let valid = |identity: &Value| schema.conforms(identity) && identity.is_wholly_known();
        let answered = answered.filter(|identity| !identity.is_null());
        if let Some(identity) = answered.as_ref().filter(|identity| !valid(identity)) {
            let reason = format!("{} is not a whole identity", identity_text(identity));
            let path = Path::root();
            return Err(SchemaError { path, reason });
        }
        let planned = planned.filter(|identity| valid(identity)).cloned();
        if let Some(identity) = answered.or(planned) {
            let ty = schema.implied_type();
            self.identity = Identity::encode(&identity, &ty, schema.version).ok();
        }
        Ok(())
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
