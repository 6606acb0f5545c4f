//! What expressions see when nothing is made: of resources with keys, the instances that the
//! state has, whatever the configuration asks for.

use std::collections::BTreeMap;

use muster_addr::{AbsResource, InstanceKey, Mode as ResourceMode, ResourceId};
use muster_config::{Repetition, Resource};
use muster_eval::{Evaluator, ModuleInst};
use muster_plan::Mode;
use muster_schema::Schema;
use muster_snapshot::{Object, Resource as StoredResource};
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
        let stored = self.state.resources.get(&addr);
        let there = stored.iter().flat_map(|stored| present(stored));
        if there.map(|(key, _)| key.clone()).eq(wanted.keys()) {
            return None;
        }
        let schema = self.eval.schema_of(resource).ok()?;
        let value = recorded(stored, &schema, &resource.repetition)?;
        Some((resource.id.clone(), value))
    }
}

/// Objects of a resource by their keys, without deposed ones.
fn present(stored: &StoredResource) -> impl Iterator<Item = (&InstanceKey, &Object)> {
    let instances = stored.instances.iter();
    instances.filter_map(|(key, instance)| Some((key, instance.current.as_ref()?)))
}

/// A resource as a state has it, as one value: its object, or the tuple or object of all of them
/// by their keys. Those with another kind of key do not count. `None` for a resource without keys
/// that has no object, and for indexes beyond all sense.
pub fn recorded(
    stored: Option<&StoredResource>,
    schema: &Schema,
    repetition: &Repetition,
) -> Option<Value> {
    let objects = stored.into_iter().flat_map(present);
    match repetition {
        Repetition::Single | Repetition::Enabled(_) => {
            let instance = stored?.instances.get(&InstanceKey::None)?;
            Some(decoded(instance.current.as_ref()?, schema))
        }
        Repetition::Count(_) => {
            let objects = objects.filter_map(|(key, object)| match key {
                InstanceKey::Int(i) => Some((*i, object)),
                _ => None,
            });
            let objects: BTreeMap<u64, &Object> = objects.collect();
            let count = objects.keys().last().map_or(0, |i| i.saturating_add(1));
            if count > MAX_COUNT {
                return None;
            }
            let items = (0..count).map(|i| match objects.get(&i) {
                Some(object) => decoded(object, schema),
                None => Value::unknown(Type::Dynamic),
            });
            Some(Value::tuple(items.collect::<Vec<_>>()))
        }
        Repetition::ForEach(_) => {
            let entries = objects.filter_map(|(key, object)| match key {
                InstanceKey::Str(key) => Some((key.clone(), decoded(object, schema))),
                _ => None,
            });
            Some(Value::object(entries))
        }
    }
}

/// An object of a state as expressions see it. One that does not fit its schema is not known: only
/// its provider could bring it up to date.
pub fn decoded(object: &Object, schema: &Schema) -> Value {
    let ty = schema.block.implied_type();
    match object.decode_marked(&ty) {
        Ok(value) => {
            let sensitive = schema.block.sensitive_paths(&value.unmark_deep());
            value.mark_paths(&sensitive)
        }
        Err(_) => Value::unknown(ty),
    }
}
