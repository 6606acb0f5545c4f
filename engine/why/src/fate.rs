//! What is done to an object, and why, where the reason of the plan does not say it all.

use std::collections::HashMap;

use muster_addr::{ConfigResource, InstanceAddr, ModulePath, Target};
use muster_config::{Config, Removed};
use muster_plan::{Action, Change, Mode, Plan, Reason};

use crate::cause::{Because, Fate};

/// What a plan and a configuration say about the fate of objects.
pub(crate) struct Fates<'p> {
    plan: &'p Plan,
    config: &'p Config,
    /// What was found of objects that somebody else has changed.
    drift: HashMap<&'p InstanceAddr, &'p Change>,
    /// For resources, an object that depends on them and is replaced by a new one first.
    first_for: HashMap<&'p ConfigResource, &'p InstanceAddr>,
}

impl<'p> Fates<'p> {
    pub(crate) fn new(plan: &'p Plan, config: &'p Config) -> Self {
        let drift = plan.drift.iter().filter(|c| c.deposed.is_none());
        let mut fates = Self {
            plan,
            config,
            drift: drift.map(|c| (&c.addr, c)).collect(),
            first_for: HashMap::new(),
        };
        for change in &plan.changes {
            if fates.asks_for_new_first(&change.addr) {
                for dependency in change.dependencies.iter() {
                    fates.first_for.entry(dependency).or_insert(&change.addr);
                }
            }
        }
        fates
    }

    /// What was found of an object that somebody else has changed.
    pub(crate) fn drift(&self, addr: &InstanceAddr) -> Option<&'p Change> {
        self.drift.get(addr).copied()
    }

    pub(crate) fn of(&self, change: &Change) -> Fate {
        let config = change.addr.resource.config();
        let is_forced = change.action == Action::CreateThenDelete
            && !self.asks_for_new_first(&change.addr)
            && change.reason != Reason::None;
        let first_for = self.first_for.get(&config).filter(|_| is_forced);
        Fate {
            action: change.action,
            reason: change.reason,
            because: self.because(change),
            previous: change.previous.clone(),
            is_import: change.importing.is_some(),
            first_for: first_for.map(|addr| InstanceAddr::clone(addr)),
        }
    }

    fn because(&self, change: &Change) -> Option<Because> {
        let addr = &change.addr;
        let is_gone = || self.drift(addr).is_some_and(|d| d.action == Action::Delete);
        match change.action {
            _ if change.deposed.is_some() => Some(Because::Deposed),
            Action::Create | Action::NoOp if is_gone() => Some(Because::DeletedOutside),
            Action::Create if change.importing.is_none() && !change.resumes => Some(Because::New),
            Action::Delete | Action::Forget if self.plan.mode == Mode::Destroy => {
                let targets = &self.plan.targets;
                let is_meant = targets.is_empty() || targets.iter().any(|t| t.contains(addr));
                Some(match is_meant {
                    true => Because::DestroyMode,
                    false => Because::DestroyedWith,
                })
            }
            Action::Delete | Action::Forget => match change.reason {
                Reason::DeleteBecauseNoResourceConfig | Reason::DeleteBecauseNoModule
                    if self.removed_block(addr).is_some() =>
                {
                    Some(Because::RemovedBlock)
                }
                Reason::DeleteBecauseNoModule
                    if self.config.find(&addr.resource.module.path()).is_some() =>
                {
                    Some(Because::NoModuleInstance)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The `removed` block that speaks of an object which the configuration has no more.
    pub(crate) fn removed_block(&self, addr: &InstanceAddr) -> Option<&'p Removed> {
        let wanted = addr.resource.config();
        let path = &wanted.module.0;
        (0..=path.len()).find_map(|len| {
            let holder = self.config.find(&ModulePath(path[..len].into()))?;
            let within = ConfigResource {
                module: ModulePath(path[len..].into()),
                resource: wanted.resource.clone(),
            };
            let mut blocks = holder.removed.iter();
            blocks.find(|block| match &block.from {
                Target::Module(module) if module.is_root() => false,
                from => from.may_contain(&within),
            })
        })
    }

    fn asks_for_new_first(&self, addr: &InstanceAddr) -> bool {
        let module = self.config.find(&addr.resource.module.path());
        let resource = module.and_then(|m| m.resources.get(&addr.resource.resource));
        resource.is_some_and(|r| r.lifecycle.create_before_destroy == Some(true))
    }
}
