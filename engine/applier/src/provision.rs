//! What runs when objects are made and before they are destroyed.

use std::collections::HashMap;
use std::sync::Arc;

use muster_addr::{ConfigResource, ModulePath, Target};
use muster_config::{Config, ModuleId, OnFailure, Provisioner, ProvisionerType, Resource, When};
use muster_eval::Provisioning;
use muster_lang::{Diagnostic, Diags, Span};
use muster_plan::{Operation, Part, Provision, ProvisionFailure, Question, Shown, id_hint};
use muster_provider::Private;
use muster_snapshot::Status;
use muster_value::Value;

use crate::Applier;
use crate::task::{Stage, Task};

/// A provisioner that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    kind: ProvisionerType,
    on_failure: OnFailure,
    span: Span,
    /// How many have been begun, this one included.
    count: usize,
    purpose: Purpose,
}

/// What the object of a provisioner is in for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// It was made.
    Made { value: Value, private: Private },
    /// It is to be destroyed.
    Destroyed { private: Private },
}

/// What runs before the objects of a resource are destroyed.
pub(crate) struct Ending {
    /// Where it is written.
    module: ModuleId,
    provisioners: Arc<[Provisioner]>,
}

/// What runs before objects are destroyed, for all resources that have something: what their
/// blocks say, or else the `removed` blocks that speak of them.
pub(crate) fn endings(config: &Config) -> HashMap<ConfigResource, Ending> {
    let mut found = HashMap::new();
    for (module, content) in config.iter() {
        for block in &content.removed {
            let Target::Resource(addr) = &block.from else {
                continue;
            };
            let inner = addr.resource.module.path();
            let path = content.path.0.iter().chain(inner.0.iter()).cloned();
            let resource = ConfigResource {
                module: ModulePath(path.collect()),
                resource: addr.resource.resource.clone(),
            };
            found.extend(ending(module, &block.provisioners).map(|e| (resource, e)));
        }
    }
    for (module, content) in config.iter() {
        for resource in content.resources.values() {
            let addr = || ConfigResource {
                module: content.path.clone(),
                resource: resource.id.clone(),
            };
            found.extend(ending(module, &resource.provisioners).map(|e| (addr(), e)));
        }
    }
    found
}

fn ending(module: ModuleId, all: &[Provisioner]) -> Option<Ending> {
    let at_end = all.iter().filter(|p| p.when == When::Destroy);
    let provisioners: Arc<[Provisioner]> = at_end.cloned().collect();
    (!provisioners.is_empty()).then_some(Ending {
        module,
        provisioners,
    })
}

fn at_start(resource: &Resource) -> impl Iterator<Item = &Provisioner> {
    let all = resource.provisioners.iter();
    all.filter(|p| p.when == When::Create)
}

impl Applier {
    /// Whether something runs once the object of a task is made.
    pub(crate) fn is_provisioned(&self, task: &Task) -> bool {
        self.resource_of(task)
            .is_some_and(|resource| at_start(resource).next().is_some())
    }

    /// Begins with what runs for a new object, which the state already has as tainted.
    pub(crate) fn provision(&mut self, task: Task, value: Value, private: Private) {
        if let Some(inst) = task.inst {
            // The provisioners may call the object by its own name.
            let id = &task.addr().resource.resource;
            let key = task.addr().key.clone();
            self.eval
                .set_instance(inst, id, key, Ok(task.marked(&value)));
        }
        self.provision_next(task, 0, Purpose::Made { value, private });
    }

    /// Begins with what runs before the current object is destroyed. A tainted object may never
    /// have been what the provisioners expect, so nothing runs for it.
    pub(crate) fn unprovision(&mut self, task: Task, private: Private) {
        let tainted = match self.state.current(task.addr()) {
            Some(object) => object.status == Status::Tainted,
            None => false,
        };
        if tainted || task.deposed.is_some() {
            return self.delete(task, private);
        }
        self.provision_next(task, 0, Purpose::Destroyed { private });
    }

    /// Runs the next provisioner, or goes on with the work when none is left.
    fn provision_next(&mut self, mut task: Task, count: usize, purpose: Purpose) {
        let (list, module) = self.provisioners(&task, &purpose);
        let Some(provisioner) = list.get(count) else {
            return self.provisioned_all(task, purpose);
        };
        let given = match (&purpose, task.inst) {
            (Purpose::Made { value, .. }, Some(inst)) => {
                let own = task.marked(value);
                self.eval.provisioning(provisioner, inst, task.addr(), &own)
            }
            _ => {
                let own = &self.plan.changes[task.change as usize].before;
                self.eval
                    .provisioning_at_end(provisioner, module, task.addr(), own)
            }
        };
        let given = given.and_then(|given| known(provisioner, given, &task));
        let given = match given {
            Ok(given) => given,
            Err(diags) => {
                self.report(diags);
                return self.fail(&task);
            }
        };
        task.part = match &purpose {
            Purpose::Made { .. } => Part::of(false, count + 1 == list.len()),
            Purpose::Destroyed { .. } => Part::of(count == 0, false),
        };
        let running = Running {
            kind: provisioner.kind,
            on_failure: provisioner.on_failure,
            span: provisioner.span,
            count: count + 1,
            purpose,
        };
        self.ask_provisioner(task, running, given);
    }

    /// The provisioners that run for a purpose, and the module they are written in.
    fn provisioners(&self, task: &Task, purpose: &Purpose) -> (Arc<[Provisioner]>, ModuleId) {
        let nothing = || (Arc::from([]), ModuleId::ROOT);
        match purpose {
            Purpose::Made { .. } => match self.resource_of(task) {
                Some(resource) => (at_start(resource).cloned().collect(), ModuleId::ROOT),
                None => nothing(),
            },
            Purpose::Destroyed { .. } => match self.endings.get(&task.addr().resource.config()) {
                Some(ending) => (Arc::clone(&ending.provisioners), ending.module),
                None => nothing(),
            },
        }
    }

    fn ask_provisioner(&mut self, mut task: Task, running: Running, given: Provisioning) {
        self.next_id += 1;
        let change = &self.plan.changes[task.change as usize];
        let (operation, id) = match &running.purpose {
            Purpose::Made { value, .. } => (Operation::Create, id_hint(&task.marked(value))),
            Purpose::Destroyed { .. } => (Operation::Delete, id_hint(&change.before)),
        };
        let question = Provision {
            id: self.next_id,
            kind: running.kind,
            arguments: given.arguments,
            connection: given.connection,
            on_failure: running.on_failure,
            provider: change.provider.clone(),
            shown: Shown {
                addr: change.addr.clone(),
                deposed: None,
                operation,
                action: change.action,
                id,
                part: task.part,
            },
        };
        task.stage = Stage::Provision(Box::new(running));
        self.tasks.insert(self.next_id, task);
        self.asks.push_back(Question::Provisioner(question));
    }

    /// Takes what became of a provisioner.
    pub fn provisioned(&mut self, id: u64, answer: Result<(), ProvisionFailure>) {
        self.out = self.out.saturating_sub(1);
        let Some(mut task) = self.tasks.remove(&id) else {
            return;
        };
        let stage = std::mem::replace(&mut task.stage, Stage::Validate);
        let Stage::Provision(running) = stage else {
            return;
        };
        let running = *running;
        if let (Err(failure), OnFailure::Fail) = (answer, running.on_failure) {
            let error = Diagnostic::error(failure.summary, failure.detail);
            self.report(error.about(task.addr()).at(running.span).into());
            return self.fail(&task);
        }
        self.provision_next(task, running.count, running.purpose);
    }

    /// Gives up on a provisioner that has not been started, because the run stops. An object
    /// that was made without it is not what it should be.
    pub(crate) fn refuse_provisioner(&mut self, id: u64) {
        let Some(task) = self.tasks.remove(&id) else {
            return;
        };
        if let Stage::Provision(running) = &task.stage
            && matches!(running.purpose, Purpose::Made { .. })
        {
            let summary = format!("{} provisioner error", running.kind.as_str());
            let detail = "The run was stopped before this provisioner began. The object was made, \
                          but not everything was done for it, so the next plan replaces it.";
            let error = Diagnostic::error(summary, detail);
            let error = error.about(task.addr()).at(running.span);
            self.report(error.into());
        }
        self.fail(&task);
    }

    fn provisioned_all(&mut self, mut task: Task, purpose: Purpose) {
        match purpose {
            Purpose::Made { value, private } => {
                self.keep(&task, &value, private, Status::Ready);
                self.done(task, &value);
            }
            Purpose::Destroyed { private } => {
                if task.part != Part::Whole {
                    task.part = Part::Last;
                }
                self.delete(task, private);
            }
        }
    }
}

/// Everything a provisioner is given is known when it runs.
fn known(
    provisioner: &Provisioner,
    given: Provisioning,
    task: &Task,
) -> Result<Provisioning, Diags> {
    if given.arguments.is_wholly_known() && given.connection.is_wholly_known() {
        return Ok(given);
    }
    let detail = "Something that the provisioner uses is not known when it runs, so it cannot be \
                  run. Refer to the object itself with self, and to others by their address.";
    let error = Diagnostic::error("Configuration contains unknown value", detail);
    Err(error.at(provisioner.span).about(task.addr()).into())
}
