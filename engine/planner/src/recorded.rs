//! What expressions see when nothing is made: of resources with keys, the instances that the
//! state has, whatever the configuration asks for.

use std::collections::BTreeMap;

use muster_addr::{AbsResource, InstanceKey, Mode as ResourceMode, ResourceId};
use muster_config::{Repetition, Resource};
use muster_eval::{Evaluator, ModuleInst};
use muster_plan::Mode;
use muster_value::{Type, Value};

use crate::Planner;

/// More instances than a resource can have in a state that makes sense.
const MAX_COUNT: u64 = 1 << 20;

impl Planner {
    /// An evaluator for the outputs of a plan that only looks; `None` when the state has just the
    /// instances that the configuration asks for, or the plan does more than look.
    pub(crate) fn recorded(&self) -> Option<Evaluator> {
        if self.options.mode != Mode::RefreshOnly {
            return None;
        }
        let mut wholes = Vec::new();
        for (module, content) in self.eval.config().iter() {
            let instances = self.eval.module_instances(module).ok();
            for &inst in instances.iter().flat_map(|found| found.iter()) {
                let different = content
                    .resources
                    .values()
                    .filter_map(|resource| self.recorded_resource(inst, resource));
                wholes.extend(different.map(|(id, value)| (inst, id, value)));
            }
        }
        (!wholes.is_empty()).then(|| self.eval.with_whole(wholes))
    }

    /// A resource whose instances are others in the state.
    fn recorded_resource(
        &self,
        inst: ModuleInst,
        resource: &Resource,
    ) -> Option<(ResourceId, Value)> {
        let repeated = matches!(
            resource.repetition,
            Repetition::Count(_) | Repetition::ForEach(_)
        );
        if !repeated || resource.id.mode != ResourceMode::Managed {
            return None;
        }
        let wanted = self.eval.expand_resource(inst, &resource.id).ok()?;
        let addr = AbsResource {
            module: self.eval.addr_of(inst),
            resource: resource.id.clone(),
        };
        let schema = self.eval.schema_of(resource).ok()?;
        let ty = schema.block.implied_type();
        let mut values = BTreeMap::new();
        let stored = self.state.resources.get(&addr);
        for (key, instance) in stored.iter().flat_map(|stored| &stored.instances) {
            let Some(object) = &instance.current else {
                continue;
            };
            let value = match object.decode_marked(&ty) {
                Ok(value) => {
                    let sensitive = schema.block.sensitive_paths(&value.unmark_deep());
                    value.mark_paths(&sensitive)
                }
                Err(_) => Value::unknown(ty.clone()),
            };
            values.insert(key.clone(), value);
        }
        if values.keys().cloned().eq(wanted.keys()) {
            return None;
        }
        Some((
            resource.id.clone(),
            collected(&resource.repetition, values)?,
        ))
    }
}

/// The value of a resource with these instances; those of another kind of key do not count.
fn collected(repetition: &Repetition, mut values: BTreeMap<InstanceKey, Value>) -> Option<Value> {
    if matches!(repetition, Repetition::ForEach(_)) {
        let entries = values.into_iter().filter_map(|(key, value)| match key {
            InstanceKey::Str(key) => Some((key, value)),
            _ => None,
        });
        return Some(Value::object(entries));
    }
    let indexes = values.keys().filter_map(|key| match key {
        InstanceKey::Int(i) => Some(i.saturating_add(1)),
        _ => None,
    });
    let count = indexes.max().unwrap_or(0);
    if count > MAX_COUNT {
        return None;
    }
    let items = (0..count).map(|i| {
        let value = values.remove(&InstanceKey::Int(i));
        value.unwrap_or_else(|| Value::unknown(Type::Dynamic))
    });
    Some(Value::tuple(items.collect::<Vec<_>>()))
}
