//! From a change back to where it comes from.

use std::collections::{HashMap, HashSet};

use muster_addr::{ConfigResource, InstanceAddr, Mode, ModuleInstance};
use muster_config::{Config, Resource};
use muster_plan::{Action, Change, Mode as PlanMode, Plan, Reason};
use muster_value::{Path, PathStep, Value};

use crate::body::{self, Place};
use crate::cause::{Because, Cause, Fate, Finding};
use crate::fate::Fates;
use crate::follow::{Owner, Scope, pruned};
use crate::{Str, covers};

pub(crate) struct Tracer<'p> {
    pub(crate) plan: &'p Plan,
    pub(crate) config: &'p Config,
    fates: Fates<'p>,
    changes: HashMap<&'p InstanceAddr, &'p Change>,
    pub(crate) by_resource: HashMap<ConfigResource, Vec<&'p Change>>,
    /// What was told already: telling it again would say nothing new.
    told: HashSet<String>,
}

impl<'p> Tracer<'p> {
    pub(crate) fn new(plan: &'p Plan, config: &'p Config) -> Self {
        let current = plan.changes.iter().filter(|c| c.deposed.is_none());
        let mut by_resource: HashMap<ConfigResource, Vec<&Change>> = HashMap::new();
        for change in current.clone() {
            let resource = change.addr.resource.config();
            by_resource.entry(resource).or_default().push(change);
        }
        Self {
            plan,
            config,
            fates: Fates::new(plan, config),
            changes: current.map(|c| (&c.addr, c)).collect(),
            by_resource,
            told: HashSet::new(),
        }
    }

    pub(crate) fn change(&self, addr: &InstanceAddr) -> Option<&'p Change> {
        self.changes.get(addr).copied()
    }

    /// Whether something is told for the first time.
    pub(crate) fn tell(&mut self, name: &str) -> bool {
        self.told.insert(name.to_owned())
    }

    /// Whatever the plan knows of an object: what is done to it and to what earlier replacements
    /// have left of it, what somebody else has done to it, or that it was read.
    pub(crate) fn any_object(&mut self, addr: &InstanceAddr) -> Option<Cause> {
        let current = match (self.change(addr), self.fates.drift(addr)) {
            (Some(change), _) => Some(self.object(change)),
            (None, Some(drift)) => Some(self.drifted(drift)),
            (None, None) => self.read_object(addr),
        };
        let changes = self.plan.changes.iter();
        let deposed = changes.filter(|c| c.deposed.is_some() && c.addr == *addr);
        let mut deposed: Vec<Cause> = deposed.map(|c| self.object(c)).collect();
        match current {
            Some(mut cause) => {
                cause.causes.append(&mut deposed);
                Some(cause)
            }
            None => deposed.pop(),
        }
    }

    /// An object, with the attributes that make the plan for it what it is.
    pub(crate) fn object(&mut self, change: &'p Change) -> Cause {
        let fate = self.fates.of(change);
        let mut cause = self.about(&change.addr, Finding::Object(fate.clone()));
        if let Some(key) = &change.deposed {
            cause.name = format!("{} (deposed object {})", cause.name, key.as_str());
        }
        if fate.because == Some(Because::RemovedBlock) {
            let block = self.fates.removed_block(&change.addr);
            cause.span = block.map(|b| b.span);
        }
        cause.repeated = !self.tell(&cause.name);
        if !cause.repeated {
            cause.causes = self.reasons(change, &fate);
        }
        cause
    }

    /// Something about an object.
    fn about(&self, addr: &InstanceAddr, finding: Finding) -> Cause {
        let mut cause = Cause::new(addr.to_string(), &addr.resource.module, finding);
        cause.object = Some(addr.clone());
        cause.span = self.resource(addr).map(|r| r.span);
        cause
    }

    /// Where what is done to an object comes from. What is said in a word has no causes.
    fn reasons(&mut self, change: &'p Change, fate: &Fate) -> Vec<Cause> {
        match (change.action, fate.because) {
            (Action::Create, Some(Because::New)) | (_, Some(Because::NoModuleInstance)) => {
                self.repetitions(change)
            }
            (_, Some(_)) => Vec::new(),
            (Action::NoOp, None) => self.drift(change, &[]),
            (Action::Read, None) => self.waiting(change),
            (Action::Update, None) => self.changed(change),
            _ => match change.reason {
                Reason::ReplaceBecauseCannotUpdate => {
                    let paths = change.replace_paths.iter();
                    let told = paths.map(|path| self.attribute(change, &path.0));
                    pruned(told.collect())
                }
                Reason::ReplaceByTriggers => self.triggers(change),
                Reason::DeleteBecauseCountIndex
                | Reason::DeleteBecauseEachKey
                | Reason::DeleteBecauseEnabledFalse
                | Reason::DeleteBecauseWrongRepetition => self.repetitions(change),
                _ => Vec::new(),
            },
        }
    }

    /// The attributes that change. What the provider makes of them follows from what somebody
    /// wrote, and is told only where there is nothing else.
    fn changed(&mut self, change: &'p Change) -> Vec<Cause> {
        let entries = change.after.as_entries().into_iter().flatten();
        let changed = entries.filter(|(name, value)| {
            let before = change.before.get(name);
            !before.is_some_and(|before| before.same(value))
        });
        let steps = changed.map(|(name, _)| vec![PathStep::Attr(name.clone())]);
        let resource = self.resource(&change.addr);
        let is_written = |steps: &Vec<PathStep>| {
            resource.is_some_and(|r| !matches!(body::find(&r.body, steps), Place::Nowhere))
        };
        let (written, computed): (Vec<_>, Vec<_>) = steps.partition(is_written);
        let told = written.iter().map(|steps| self.attribute(change, steps));
        let mut causes = told.collect::<Vec<_>>();
        if let (true, Some(first)) = (causes.is_empty(), computed.first()) {
            let mut cause = self.part(change, first);
            cause.more = computed.len() - 1;
            let decides = self.about(&change.addr, Finding::Provider);
            cause.causes = vec![decides];
            causes.push(cause);
        }
        causes
    }

    /// What decides how many instances there are of a resource and its modules.
    fn repetitions(&mut self, change: &'p Change) -> Vec<Cause> {
        let addr = &change.addr;
        let mut causes = Vec::new();
        let own = self.resource(addr).zip(self.scope(addr));
        let is_about_modules = self.fates.of(change).because == Some(Because::NoModuleInstance);
        if let Some((resource, scope)) = own.filter(|_| !is_about_modules) {
            causes.extend(self.repetition(&scope, &resource.repetition));
        }
        if is_about_modules || change.action == Action::Create {
            causes.extend(self.module_repetitions(&addr.resource.module));
        }
        // What is done to the object says enough then.
        causes.retain(|cause| !cause.repeated);
        causes
    }

    fn module_repetitions(&mut self, module: &ModuleInstance) -> Vec<Cause> {
        let mut causes = Vec::new();
        let mut inner = module.clone();
        while let (Some(step), Some(outer)) = (inner.0.last().cloned(), inner.parent()) {
            let found = self.config.find_id(&outer.path());
            let call = found.and_then(|id| self.config.module(id).calls.get(&step.name));
            if let (Some(id), Some(call)) = (found, call) {
                let scope = Scope {
                    module: id,
                    addr: outer.clone(),
                    owner: Owner::Nobody,
                };
                let told = self.repetition(&scope, &call.repetition);
                causes.extend(told.map(|mut cause| {
                    cause.name = format!("{} of module {}", cause.name, step.name);
                    cause
                }));
            }
            inner = outer;
        }
        causes
    }

    fn triggers(&mut self, change: &'p Change) -> Vec<Cause> {
        let (Some(resource), Some(scope)) = (self.resource(&change.addr), self.scope(&change.addr))
        else {
            return Vec::new();
        };
        let triggers = resource.lifecycle.replace_triggered_by.iter();
        let references = triggers.flat_map(|trigger| trigger.expr.references());
        let references: Vec<_> = references.cloned().collect();
        self.references(&scope, &references)
    }

    /// What a data source waits for.
    fn waiting(&mut self, change: &'p Change) -> Vec<Cause> {
        let (Some(resource), Some(scope)) = (self.resource(&change.addr), self.scope(&change.addr))
        else {
            return Vec::new();
        };
        let references = resource.references.iter().chain(&resource.depends_on);
        let references: Vec<_> = references.cloned().collect();
        self.references(&scope, &references)
    }

    /// A part of an object, with nothing that it comes from.
    fn part(&self, change: &Change, steps: &[PathStep]) -> Cause {
        let path = Path(steps.to_vec());
        let at = |value: &Value| value.at(&path).cloned().unwrap_or(Value::NULL);
        let mut forces = change.replace_paths.iter();
        let finding = Finding::Attribute {
            before: at(&change.before),
            after: at(&change.after),
            forces_replacement: forces.any(|p| covers(&p.0, steps)),
        };
        let mut cause = self.about(&change.addr, finding);
        cause.name = format!("{}{path}", change.addr);
        cause
    }

    /// A part of an object, with what its expression refers to.
    pub(crate) fn attribute(&mut self, change: &'p Change, steps: &[PathStep]) -> Cause {
        let mut cause = self.part(change, steps);
        cause.repeated = !self.tell(&cause.name);
        let (Some(resource), Some(scope)) = (self.resource(&change.addr), self.scope(&change.addr))
        else {
            return cause;
        };
        let references = match body::find(&resource.body, steps) {
            Place::Argument(expr, span, is_whole) => {
                cause.span = Some(span.to(expr.span()));
                cause.expr = is_whole.then(|| expr.span());
                expr.references().to_vec()
            }
            Place::Block(block) => {
                cause.span = Some(block.header);
                block.body.references()
            }
            Place::Nowhere => {
                if !cause.repeated && cause.is_moving() {
                    cause.causes = vec![self.decided(change)];
                }
                return cause;
            }
        };
        if cause.repeated {
            return cause;
        }
        cause.causes = self.drift(change, steps);
        if !self.is_restored(change, steps) {
            cause.causes.extend(self.references(&scope, &references));
        }
        cause
    }

    /// What the provider decides follows from what is done to the object.
    fn decided(&mut self, change: &'p Change) -> Cause {
        let cause = self.object(change);
        match change.action {
            Action::NoOp => self.about(&change.addr, Finding::Provider),
            _ => cause,
        }
    }

    /// What somebody else has changed of an object: the part, or all parts of the object.
    fn drift(&self, change: &Change, steps: &[PathStep]) -> Vec<Cause> {
        let drift = self.fates.drift(&change.addr);
        let Some(drift) = drift.filter(|d| d.action == Action::Update) else {
            return Vec::new();
        };
        if !steps.is_empty() {
            return self.drift_at(drift, steps).into_iter().collect();
        }
        let names = drift.after.as_entries().into_iter().flatten();
        let parts = names.filter_map(|(name, _): (&Str, _)| {
            self.drift_at(drift, &[PathStep::Attr(name.clone())])
        });
        parts.collect()
    }

    fn drift_at(&self, drift: &Change, steps: &[PathStep]) -> Option<Cause> {
        let path = Path(steps.to_vec());
        let at = |value: &Value| value.at(&path).cloned().unwrap_or(Value::NULL);
        let (stored, found) = (at(&drift.before), at(&drift.after));
        let finding = match stored.same(&found) {
            true => return None,
            false => Finding::Drift { stored, found },
        };
        let mut cause = self.about(&drift.addr, finding);
        cause.name = format!("{}{path}", drift.addr);
        cause.span = None;
        Some(cause)
    }

    /// Whether a change only undoes what somebody else has done.
    fn is_restored(&self, change: &Change, steps: &[PathStep]) -> bool {
        let path = Path(steps.to_vec());
        let stored = self
            .fates
            .drift(&change.addr)
            .and_then(|d| d.before.at(&path));
        let after = change.after.at(&path);
        let is_same = stored.zip(after).is_some_and(|(a, b)| a.same(b));
        is_same && !self.drift(change, steps).is_empty()
    }

    /// An object to which somebody else has done something, or which has only moved, and to which
    /// nothing is done.
    pub(crate) fn drifted(&mut self, drift: &'p Change) -> Cause {
        let is_gone = drift.action == Action::Delete;
        if !is_gone && drift.action != Action::NoOp {
            let mut cause = self.about(&drift.addr, Finding::ChangedOutside);
            cause.causes = self.drift(drift, &[]);
            return cause;
        }
        let fate = Fate {
            action: Action::NoOp,
            reason: Reason::None,
            because: is_gone.then_some(Because::DeletedOutside),
            previous: drift.previous.clone().filter(|_| !is_gone),
            is_import: false,
            first_for: None,
        };
        self.about(&drift.addr, Finding::Object(fate))
    }

    /// A data source that was read when the plan was made.
    pub(crate) fn read_object(&mut self, addr: &InstanceAddr) -> Option<Cause> {
        let is_data = addr.resource.resource.mode == Mode::Data;
        let is_read = is_data && self.plan.mode != PlanMode::Destroy;
        let instances = self.plan.prior.resources.get(&addr.resource);
        instances.filter(|r| is_read && r.instances.contains_key(&addr.key))?;
        let mut cause = self.about(addr, Finding::Read);
        cause.repeated = !self.tell(&cause.name);
        if let (false, Some(resource), Some(scope)) =
            (cause.repeated, self.resource(addr), self.scope(addr))
        {
            cause.causes = self.references(&scope, &resource.references);
        }
        Some(cause)
    }

    /// A part of a data source that was read when the plan was made.
    pub(crate) fn read_attribute(
        &mut self,
        addr: &InstanceAddr,
        steps: &[PathStep],
    ) -> Option<Cause> {
        let mut cause = self.read_object(addr)?;
        cause.name = format!("{addr}{}", Path(steps.to_vec()));
        cause.finding = Finding::ReadPart;
        let (resource, scope) = self.resource(addr).zip(self.scope(addr))?;
        if let Place::Argument(expr, span, is_whole) = body::find(&resource.body, steps) {
            cause.span = Some(span.to(expr.span()));
            cause.expr = is_whole.then(|| expr.span());
            cause.finding = Finding::Named;
            self.told.clear();
            cause.causes = self.references(&scope, expr.references());
        }
        Some(cause)
    }

    pub(crate) fn resource(&self, addr: &InstanceAddr) -> Option<&'p Resource> {
        let module = self.config.find(&addr.resource.module.path())?;
        module.resources.get(&addr.resource.resource).map(|r| &**r)
    }

    fn scope(&self, addr: &InstanceAddr) -> Option<Scope> {
        Some(Scope {
            module: self.config.find_id(&addr.resource.module.path())?,
            addr: addr.resource.module.clone(),
            owner: Owner::Resource(addr.resource.resource.clone()),
        })
    }
}
