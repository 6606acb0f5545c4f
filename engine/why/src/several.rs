//! What is asked of all instances of a resource or a module.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use muster_addr::{ConfigResource, InstanceAddr, Mode, ModuleInstance, Target};
use muster_lang::Span;
use muster_plan::{Action, Change, Mode as PlanMode, Reason};

use crate::cause::{Cause, Finding};
use crate::trace::Tracer;

/// Objects of which the same is told. What earlier replacements have left is of another kind.
type Kind = (ConfigResource, Action, Reason, bool);

impl<'p> Tracer<'p> {
    /// What becomes of the instances that an address without a key names, one told for all that are
    /// alike. `None` if there are none.
    pub(crate) fn several(&mut self, target: &Target) -> Option<Cause> {
        let all = self.within(target);
        let reads = self.reads(target);
        let moving = all.iter().filter(|change| change.action != Action::NoOp);
        let moving: Vec<&'p Change> = moving.copied().collect();
        // An instance may have objects that earlier replacements have left, besides its own.
        let instances = |changes: &[&'p Change]| {
            let instances: HashSet<&InstanceAddr> = changes.iter().map(|c| &c.addr).collect();
            instances.len()
        };
        let finding = Finding::Several {
            instances: instances(&all) + reads.len(),
            changing: instances(&moving),
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
            let told = match first.deposed.is_none() && self.change(&first.addr).is_none() {
                true => self.drifted(first),
                false => self.object(first),
            };
            cause.causes.push(told.and_more(more));
        }
        let mut of_resource: BTreeMap<ConfigResource, (&InstanceAddr, usize)> = BTreeMap::new();
        for addr in &reads {
            let known = of_resource.entry(addr.resource.config());
            known
                .and_modify(|(_, more)| *more += 1)
                .or_insert((addr, 0));
        }
        for (first, more) in of_resource.into_values() {
            let told = self.read_object(first);
            cause.causes.extend(told.map(|told| told.and_more(more)));
        }
        (!all.is_empty() || !reads.is_empty()).then_some(cause)
    }

    /// What is done to the objects inside, and what others have done where nothing is.
    fn within(&self, target: &Target) -> Vec<&'p Change> {
        let drift = self.plan.drift.iter();
        let drift = drift.filter(|c| c.deposed.is_none() && self.change(&c.addr).is_none());
        let all = self.plan.changes.iter().chain(drift);
        all.filter(|c| target.contains(&c.addr)).collect()
    }

    /// The instances of data sources that were read when the plan was made.
    fn reads(&self, target: &Target) -> Vec<InstanceAddr> {
        if self.plan.mode == PlanMode::Destroy {
            return Vec::new();
        }
        let resources = self.plan.prior.resources.iter();
        let instances = resources
            .filter(|(addr, _)| addr.resource.mode == Mode::Data)
            .flat_map(|(addr, found)| {
                let keys = found.instances.keys();
                keys.map(|key| addr.instance(key.clone()))
            });
        instances
            .filter(|addr| target.contains(addr) && self.change(addr).is_none())
            .collect()
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
        let is_left = change.deposed.is_some();
        match known.entry((resource, change.action, change.reason, is_left)) {
            Entry::Occupied(at) => groups[*at.get()].1 += 1,
            Entry::Vacant(free) => {
                free.insert(groups.len());
                groups.push((change, 0));
            }
        }
    }
    groups
}
