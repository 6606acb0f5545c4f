//! How a plan fits to a state that others may have changed since the plan was made.

use std::collections::{BTreeMap, BTreeSet};

use muster_addr::{AbsResource, ConfigResource};
use muster_plan::{Mode, Plan};
use muster_snapshot::Snapshot;
use muster_store::{Part, differing};
use sha2::{Digest, Sha256};

/// Of each stored resource that a plan rests on the address and a digest.
pub(crate) type Digests = BTreeMap<String, String>;

/// A digest of each stored resource that a plan rests on.
pub(crate) fn digests(stored: &Snapshot, plan: &Plan) -> Digests {
    let resources = stored.resources.iter();
    resources
        .filter(|(addr, _)| plan.reads.contains(&addr.config()))
        .map(|(addr, resource)| {
            let alone = Snapshot {
                resources: BTreeMap::from([(addr.clone(), resource.clone())]),
                ..Snapshot::default()
            };
            let sum = Sha256::digest(muster_snapshot::encode(&alone));
            (addr.to_string(), format!("{sum:x}"))
        })
        .collect()
}

/// Fits a plan to the state as it is now: what the plan neither changes nor is made from may be
/// another one than it was. `then` is what was stored when the plan was made.
///
/// # Errors
/// The resources that the plan rests on and that have changed.
pub(crate) fn rebase(plan: &mut Plan, then: &Digests, now: &Snapshot) -> Result<(), Vec<String>> {
    let found = digests(now, plan);
    let addresses: BTreeSet<&String> = found.keys().chain(then.keys()).collect();
    let changed = addresses
        .into_iter()
        .filter(|address| found.get(*address) != then.get(*address));
    let changed: Vec<String> = changed.cloned().collect();
    if !changed.is_empty() {
        return Err(changed);
    }
    let mut merged = now.clone();
    merged
        .resources
        .retain(|addr, _| !plan.reads.contains(&addr.config()));
    let planned = std::mem::take(&mut plan.prior.resources).into_iter();
    merged
        .resources
        .extend(planned.filter(|(addr, _)| plan.reads.contains(&addr.config())));
    plan.prior = merged;
    Ok(())
}

/// What a plan touches of a state; `None` if that is everything. `stored` is what it was made
/// from.
pub(crate) fn part(plan: &Plan, stored: &Snapshot) -> Option<Part> {
    if plan.mode == Mode::Destroy && !plan.is_limited() {
        return None;
    }
    let mut writes = BTreeSet::new();
    for change in plan.changes.iter().filter(|change| change.is_effective()) {
        writes.insert(change.addr.resource.config());
        writes.extend(change.previous.iter().map(|p| p.resource.config()));
    }
    // What was found changed outside, or is stored in another way from now on.
    let refreshed = differing(stored, &plan.prior);
    writes.extend(refreshed.map(AbsResource::config));
    let reads: BTreeSet<ConfigResource> = plan.reads.difference(&writes).cloned().collect();
    Some(Part { writes, reads })
}
