//! Rules about one object that hold while planning and while applying.

use muster_addr::InstanceAddr;
use muster_config::{IgnoreChanges, Resource};
use muster_schema::{Block, apply_ignore_changes};
use muster_value::{Path, Value};

use crate::{CheckKind, CheckResult, Evaluator, ModuleInst};

impl Evaluator {
    /// Checks the pre- or postconditions of an instance. `own` is what `self` stands for.
    pub fn conditions(
        &self,
        inst: ModuleInst,
        addr: &InstanceAddr,
        kind: CheckKind,
        own: Option<&Value>,
    ) -> CheckResult {
        let id = &addr.resource.resource;
        let Some(resource) = self.config_of(inst).resources.get(id) else {
            return CheckResult::Pass;
        };
        let conditions = match kind {
            CheckKind::Postcondition => &resource.lifecycle.postconditions,
            _ => &resource.lifecycle.preconditions,
        };
        if conditions.is_empty() {
            return CheckResult::Pass;
        }
        let scope = match self.instance_scope(inst, id, &addr.key) {
            Ok(scope) => scope,
            Err(diags) => return CheckResult::Fail(diags),
        };
        let scope = match own {
            Some(value) => scope.with_self(value.clone()),
            None => scope,
        };
        CheckResult::all(conditions.iter().map(|c| self.check(c, kind, &scope)))
    }
}

/// The configuration of an object with what `ignore_changes` names as it was before.
pub fn with_ignored(resource: &Resource, prior: &Value, config: &Value, block: &Block) -> Value {
    with_rule(resource, config, |ignore| {
        apply_ignore_changes(prior, config, ignore, block)
    })
}

/// What a provider of the legacy type system has planned, with what `ignore_changes` names as it
/// was before.
pub fn keep_ignored(resource: &Resource, prior: &Value, planned: &Value) -> Value {
    with_rule(resource, planned, |ignore| {
        muster_schema::keep_ignored(prior, planned, ignore)
    })
}

fn with_rule(
    resource: &Resource,
    otherwise: &Value,
    apply: impl FnOnce(muster_schema::IgnoreChanges<'_>) -> Value,
) -> Value {
    match &resource.lifecycle.ignore_changes {
        IgnoreChanges::None => otherwise.clone(),
        IgnoreChanges::All => apply(muster_schema::IgnoreChanges::All),
        IgnoreChanges::Paths(paths) => {
            let paths: Vec<Path> = paths.iter().map(|(p, _)| p.clone()).collect();
            apply(muster_schema::IgnoreChanges::Paths(&paths))
        }
    }
}
