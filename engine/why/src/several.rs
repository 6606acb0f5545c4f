//! What is asked of all instances of a resource or a module.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use muster_addr::{ConfigResource, InstanceAddr, Mode, ModuleInstance, Target};
use muster_lang::Span;
use muster_plan::{Action, Change, Mode as PlanMode, Reason};

use crate::cause::{Cause, Finding};
use crate::trace::Tracer;

/// Instances of which the same is told.
type Kind = (ConfigResource, Action, Reason);

impl<'p> Tracer<'p> {
    /// What becomes of the instances that an address without a key names, one told for all that are
    /// alike. `None` if there are none.
    pub(crate) fn several(&mut self, target: &Target) -> Option<Cause> {
        let all = self.within(target);
        let reads = match all.is_empty() {
            true => self.reads(target),
            false => Vec::new(),
        };
        let moving = all.iter().filter(|change| change.action != Action::NoOp);
        let moving: Vec<&'p Change> = moving.copied().collect();
        let finding = Finding::Several {
            instances: all.len() + reads.len(),
            changing: moving.len(),
        };
        let (name, span) = match target {
            Target::Module(module) => (module.to_string(), self.call_span(module)),
            Target::Resource(addr) => {
                let resource = self.resource(addr);
                (addr.to_string(), resource.map(|resource| resource.span))
            }
        };
        let mut cause = Cause::new(name, &ModuleInstance::root(), finding);
        cause.span = span;
        for (first, more) in alike(moving) {
            let told = self.any_object(&first.addr);
            cause.causes.extend(told.map(|told| told.and_more(more)));
        }
        if let [first, more @ ..] = &*reads {
            let told = self.read_object(first);
            cause
                .causes
                .extend(told.map(|told| told.and_more(more.len())));
        }
        (!all.is_empty() || !reads.is_empty()).then_some(cause)
    }

    /// What is done to the instances inside, and what others have done where nothing is.
    fn within(&self, target: &Target) -> Vec<&'p Change> {
        let changes = self.plan.changes.iter();
        let drift = self.plan.drift.iter();
        let drift = drift.filter(|change| self.change(&change.addr).is_none());
        let current = changes.chain(drift).filter(|c| c.deposed.is_none());
        current.filter(|c| target.contains(&c.addr)).collect()
    }

    /// The instances of a data source that were read when the plan was made.
    fn reads(&self, target: &Target) -> Vec<InstanceAddr> {
        let Target::Resource(wanted) = target else {
            return Vec::new();
        };
        if wanted.resource.resource.mode != Mode::Data || self.plan.mode == PlanMode::Destroy {
            return Vec::new();
        }
        let resources = self.plan.prior.resources.iter();
        let instances = resources
            .filter(|(addr, _)| addr.resource == wanted.resource.resource)
            .flat_map(|(addr, found)| {
                let keys = found.instances.keys();
                keys.map(|key| addr.instance(key.clone()))
            });
        instances.filter(|addr| target.contains(addr)).collect()
    }

    /// Where a module is called.
    fn call_span(&self, module: &ModuleInstance) -> Option<Span> {
        let caller = self.config.find(&module.parent()?.path())?;
        let call = caller.calls.get(&module.0.last()?.name)?;
        Some(call.span)
    }
}

/// The first of each kind, and how many more there are of it.
pub(crate) fn alike(changes: Vec<&Change>) -> Vec<(&Change, usize)> {
    let mut groups: Vec<(&Change, usize)> = Vec::new();
    let mut known: HashMap<Kind, usize> = HashMap::new();
    for change in changes {
        let resource = change.addr.resource.config();
        match known.entry((resource, change.action, change.reason)) {
            Entry::Occupied(at) => groups[*at.get()].1 += 1,
            Entry::Vacant(free) => {
                free.insert(groups.len());
                groups.push((change, 0));
            }
        }
    }
    groups
}
