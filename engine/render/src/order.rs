//! The order in which objects are listed.

use muster_addr::{InstanceKey, Mode, ModuleStep};
use muster_plan::Change;

type Key<'a> = (
    usize,
    &'a [ModuleStep],
    bool,
    &'a str,
    &'a str,
    &'a InstanceKey,
    Option<&'a str>,
);

/// Modules near the root first, data sources before managed resources.
fn key(change: &Change) -> Key<'_> {
    let resource = &change.addr.resource;
    (
        resource.module.0.len(),
        &resource.module.0,
        resource.resource.mode != Mode::Data,
        &resource.resource.type_name,
        &resource.resource.name,
        &change.addr.key,
        change.deposed.as_ref().map(|key| key.as_str()),
    )
}

/// Changes in the order of the listings.
pub(crate) fn listed(changes: &[Change]) -> Vec<&Change> {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by(|a, b| key(a).cmp(&key(b)));
    sorted
}
