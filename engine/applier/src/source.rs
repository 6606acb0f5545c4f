//! What evaluation takes for the values of instances.

use std::collections::HashMap;
use std::sync::Arc;

use muster_addr::{AbsResource, InstanceAddr};
use muster_plan::{Action, Plan};
use muster_provider::Schemas;
use muster_snapshot::Snapshot;
use muster_value::Value;

/// The values of instances as far as nobody has set them: as planned, or as stored.
pub fn planned_values(plan: Arc<Plan>, schemas: Arc<Schemas>) -> muster_eval::InstanceSource {
    let planned: HashMap<InstanceAddr, usize> = plan
        .changes
        .iter()
        .enumerate()
        .filter(|(_, c)| c.deposed.is_none() && c.action != Action::Delete)
        .map(|(i, c)| (c.addr.clone(), i))
        .collect();
    Box::new(move |addr| {
        if let Some(&i) = planned.get(addr) {
            return Some(plan.changes[i].after.clone());
        }
        stored(&plan.prior, &schemas, &addr.resource, addr)
    })
}

/// The values of instances as a state has them.
pub fn stored_values(state: Arc<Snapshot>, schemas: Arc<Schemas>) -> muster_eval::InstanceSource {
    Box::new(move |addr| stored(&state, &schemas, &addr.resource, addr))
}

fn stored(
    state: &Snapshot,
    schemas: &Schemas,
    resource: &AbsResource,
    addr: &InstanceAddr,
) -> Option<Value> {
    let provider = &state.resources.get(resource)?.provider.provider;
    let id = &resource.resource;
    let schema = schemas.resource(provider, id.mode, &id.type_name)?;
    let value = state
        .current(addr)?
        .decode_marked(&schema.block.implied_type())
        .ok()?;
    let sensitive = schema.block.sensitive_paths(&value.unmark_deep());
    Some(value.mark_paths(&sensitive))
}
