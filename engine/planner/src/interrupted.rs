//! Creations that were interrupted. What they have made is found again, by the provider itself or
//! by its identity or import id, so that nothing is made a second time without anybody noticing.

mod clue;
mod known;
mod report;
mod search;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use muster_addr::{InstanceAddr, Mode as ResourceMode, ProviderConfigAddr, ResourceId};
use muster_config::ModuleId;
use muster_plan::{InFlight, Mode, Reason, idempotency_token};
use muster_provider::{Planned, Private};
use muster_value::Value;

use crate::graph::NodeId;
use crate::task::{Goal, Start, Task};
use crate::visit::{Orphan, reason_for};
use crate::{Planner, Str};
use clue::{Clue, clues};
use known::Known;

/// Creations whose answer nobody has received.
#[derive(Default)]
pub(crate) struct Interrupted {
    /// Those that nothing is known of yet.
    open: BTreeMap<InstanceAddr, Open>,
    /// Those whose object is in the state now, and those that have made none.
    pub resolved: BTreeSet<InstanceAddr>,
    /// Objects of the state, by type.
    known: HashMap<Str, Known>,
}

struct Open {
    record: Arc<InFlight>,
    /// Its instance was worked on.
    begun: bool,
}

/// An interrupted creation of the instance that a task is about.
pub(crate) struct Creation {
    record: Arc<InFlight>,
    /// What the provider finds the object of the first attempt by.
    resume: Option<Private>,
    /// What the object may be found by, the surest first.
    clues: Vec<Clue>,
    /// How many of them were tried.
    tried: usize,
    /// One of them has shown that no object was made.
    absent: bool,
    /// Why it is not resolved yet, for people.
    findings: Vec<String>,
}

impl Interrupted {
    pub(crate) fn new(records: &[InFlight]) -> Self {
        let open = |record: &InFlight| {
            let open = Open {
                record: Arc::new(record.clone()),
                begun: false,
            };
            (record.addr.clone(), open)
        };
        Self {
            open: records.iter().map(open).collect(),
            ..Self::default()
        }
    }

    /// Nobody has to ask about it any more.
    pub(crate) fn resolve(&mut self, addr: &InstanceAddr) {
        if self.open.remove(addr).is_some() {
            self.resolved.insert(addr.clone());
        }
    }
}

impl Planner {
    /// The interrupted creation that a task has to take care of.
    pub(crate) fn interrupted(&mut self, task: &Task) -> Option<Box<Creation>> {
        let managed = task.addr.resource.resource.mode == ResourceMode::Managed;
        if task.deposed.is_some() || !managed {
            return None;
        }
        let concerns = match task.goal {
            Goal::Configure => true,
            Goal::Delete(_) => task.stored.is_none(),
            // What is destroyed is looked for then.
            Goal::Refresh => task.stored.is_none() && !self.is_destroying(),
            Goal::Forget(_) => false,
        };
        let open = self.interrupted.open.get_mut(&task.addr);
        let open = open.filter(|_| concerns)?;
        open.begun = true;
        Some(Box::new(Creation {
            resume: open.record.resume.clone(),
            record: Arc::clone(&open.record),
            clues: clues(&open.record, task),
            tried: 0,
            absent: false,
            findings: Vec::new(),
        }))
    }

    /// Goes on with an instance that has no object in the state, but may have one in the world.
    pub(crate) fn take_up(&mut self, task: Task) {
        let resumes = task.creation.as_ref().is_some_and(|c| c.resume.is_some());
        match task.goal {
            Goal::Configure if resumes => self.proceed(task),
            _ => self.search(task),
        }
    }

    /// The private bytes that an object is planned to be made with; `first` are those of any other
    /// creation. `None` when it must not be made before the interrupted creation is resolved.
    pub(crate) fn creation_private(&self, task: &Task, first: Private) -> Option<Private> {
        match &task.creation {
            None => Some(first),
            Some(creation) => creation.resume.clone(),
        }
    }

    /// An object cannot be planned to be made: looks for the one that may be there.
    pub(crate) fn hold(&mut self, task: Task) {
        match task.prior.is_null() {
            true => self.search(task),
            // Another object has its place, so that it could not be taken over.
            false => self.undecided(task),
        }
    }

    /// Makes sure that a creation is planned as the interrupted one was: only then does the
    /// provider find what that has made. Gives the task back if it can go on.
    pub(crate) fn confirm(&mut self, mut task: Task, planned: &Planned) -> Option<Task> {
        let Some(creation) = &task.creation else {
            return Some(task);
        };
        let resume = creation.resume.as_ref()?;
        let after = task.marked_as_configured(&planned.value);
        let differing = creation.record.differing(&after);
        let keeps = idempotency_token(resume) == idempotency_token(&planned.private);
        if differing.is_empty() && keeps {
            return Some(task);
        }
        let finding = match keeps {
            true => format!(
                "it was planned with other values of {}",
                differing.join(", ")
            ),
            false => "the provider does not go on with it".to_owned(),
        };
        if let Some(creation) = &mut task.creation {
            creation.resume = None;
            creation.findings.push(finding);
        }
        self.hold(task);
        None
    }

    /// Whether a planned creation takes up an interrupted one, which is being taken care of then.
    pub(crate) fn resumes(&mut self, task: &Task) -> bool {
        let resumes = task.creation.as_ref().is_some_and(|c| c.resume.is_some());
        if resumes {
            self.interrupted.open.remove(&task.addr);
        }
        resumes
    }

    /// Looks for objects of instances of a resource that are not to be created any more.
    pub(crate) fn visit_interrupted(&mut self, node: NodeId, module: ModuleId, id: &ResourceId) {
        if self.interrupted.open.is_empty() || self.is_destroying() {
            return;
        }
        let config = self.eval.config().clone();
        let (path, resources) = (
            &config.module(module).path,
            &config.module(module).resources,
        );
        let Some(resource) = resources.get(id) else {
            return;
        };
        let open = self.interrupted.open.iter();
        let left = open.filter(|(addr, open)| {
            let of_resource = addr.resource.resource == *id && addr.resource.module.path() == *path;
            of_resource && !open.begun && self.state.current(addr).is_none()
        });
        let left: Vec<InstanceAddr> = left.map(|(addr, _)| addr.clone()).collect();
        for addr in left {
            if let (true, Some(goal)) = (self.is_targeted(node, &addr), self.end_of(&addr)) {
                self.begin(Start {
                    addr,
                    deposed: None,
                    inst: None,
                    node: Some(node),
                    provider: ProviderConfigAddr::clone(&resource.provider),
                    goal,
                });
            }
        }
    }

    /// Objects that may be there, to be destroyed with everything else.
    pub(crate) fn interrupted_orphans(&self) -> Vec<(ProviderConfigAddr, Orphan)> {
        let open = self.interrupted.open.keys();
        let missing = open.filter(|addr| self.state.current(addr).is_none());
        let orphan = |addr: &InstanceAddr| {
            let module = self.eval.config().find(&addr.resource.module.path())?;
            let resource = module.resources.get(&addr.resource.resource)?;
            let orphan = Orphan {
                resource: addr.resource.clone(),
                key: addr.key.clone(),
                deposed: None,
                goal: Goal::Delete(Reason::None),
            };
            Some((ProviderConfigAddr::clone(&resource.provider), orphan))
        };
        missing.filter_map(orphan).collect()
    }

    /// What becomes of an instance that is not to be created.
    fn end_of(&self, addr: &InstanceAddr) -> Option<Goal> {
        if self.options.mode == Mode::RefreshOnly {
            return Some(Goal::Refresh);
        }
        let reason = match self.eval.find_module(&addr.resource.module) {
            Ok(None) => Reason::DeleteBecauseNoModule,
            Ok(Some(inst)) => {
                let expansion = self.eval.expand_resource(inst, &addr.resource.resource);
                reason_for(&expansion.ok()?, &addr.key)?
            }
            Err(_) => return None,
        };
        Some(Goal::Delete(reason))
    }

    /// Whether the state has an object already.
    fn is_managed(&mut self, task: &Task, object: &Value) -> bool {
        self.known(task).has(object)
    }

    fn known(&mut self, task: &Task) -> &mut Known {
        let type_name = &task.addr.resource.resource.type_name;
        let state = &self.state;
        self.interrupted
            .known
            .entry(type_name.clone())
            .or_insert_with(|| Known::new(state, type_name, &task.ty))
    }
}
