//! From a change back to where it comes from.

use std::collections::{HashMap, HashSet};

use muster_addr::{AbsResource, InstanceAddr, InstanceKey, Mode, ModuleInstance, ResourceId};
use muster_config::{Config, Module, ModuleId, Resource};
use muster_lang::{Reference, Span, Subject};
use muster_plan::{Action, Change, Plan, Reason};
use muster_value::{PathStep, Value};

use crate::body::{self, Place};
use crate::{Cause, Finding, Str, covers};

/// How many instances of a resource are told of when a reference means all of them.
const MOST_INSTANCES: usize = 5;

/// Where an expression stands.
#[derive(Clone)]
struct Scope {
    module: ModuleId,
    addr: ModuleInstance,
    /// The resource whose `each` and `count` are meant.
    owner: Option<ResourceId>,
}

pub(crate) struct Tracer<'p> {
    plan: &'p Plan,
    config: &'p Config,
    changes: HashMap<&'p InstanceAddr, &'p Change>,
    by_resource: HashMap<&'p AbsResource, Vec<&'p Change>>,
    /// What was told already: telling it again would say nothing new.
    told: HashSet<String>,
}

impl<'p> Tracer<'p> {
    pub(crate) fn new(plan: &'p Plan, config: &'p Config) -> Self {
        let current = plan.changes.iter().filter(|c| c.deposed.is_none());
        let mut by_resource: HashMap<&AbsResource, Vec<&Change>> = HashMap::new();
        for change in current.clone() {
            by_resource
                .entry(&change.addr.resource)
                .or_default()
                .push(change);
        }
        Self {
            plan,
            config,
            changes: current.map(|c| (&c.addr, c)).collect(),
            by_resource,
            told: HashSet::new(),
        }
    }

    pub(crate) fn change(&self, addr: &InstanceAddr) -> Option<&'p Change> {
        self.changes.get(addr).copied()
    }

    /// An object, with the attributes that make the plan for it what it is.
    pub(crate) fn object(&mut self, change: &'p Change) -> Cause {
        let name = change.addr.to_string();
        let resource = self.resource(&change.addr);
        let mut cause = Cause {
            span: resource.map(|r| r.span),
            finding: Finding::Object(change.action, change.reason),
            repeated: !self.told.insert(name.clone()),
            causes: Vec::new(),
            name,
        };
        if cause.repeated {
            return cause;
        }
        cause.causes = match change.action {
            Action::NoOp => Vec::new(),
            Action::Delete | Action::Forget => self.repetition(change),
            _ => self.attributes(change),
        };
        if change.reason == Reason::ReplaceByTriggers {
            cause.causes.extend(self.triggers(change));
        }
        cause
    }

    /// The attributes that force a replacement, or else those that change.
    fn attributes(&mut self, change: &'p Change) -> Vec<Cause> {
        if !change.replace_paths.is_empty() {
            let paths = change.replace_paths.iter();
            return paths.map(|path| self.attribute(change, &path.0)).collect();
        }
        if change.action == Action::Create {
            return self.repetition(change);
        }
        let Some(after) = change.after.as_entries() else {
            return Vec::new();
        };
        let changed = after.iter().filter(|(name, value)| {
            !change
                .before
                .get(name)
                .is_some_and(|before| before.same(value))
        });
        let names: Vec<&Str> = changed.map(|(name, _)| name).collect();
        let mut causes: Vec<Cause> = names
            .into_iter()
            .map(|name| self.attribute(change, &[PathStep::Attr(name.clone())]))
            .collect();
        // What somebody wrote comes before what the provider makes of it.
        causes.sort_by_key(|cause| matches!(only(&cause.causes), Some(Finding::Provider)));
        causes
    }

    /// What decides how many instances there are.
    fn repetition(&mut self, change: &'p Change) -> Vec<Cause> {
        let Some(resource) = self.resource(&change.addr) else {
            return Vec::new();
        };
        let Some(expr) = resource.repetition.expr() else {
            return Vec::new();
        };
        let scope = self.scope(&change.addr);
        let causes =
            scope.map_or_else(Vec::new, |scope| self.references(&scope, expr.references()));
        let name = match resource.repetition {
            muster_config::Repetition::Count(_) => "count",
            muster_config::Repetition::Enabled(_) => "enabled",
            _ => "for_each",
        };
        vec![named(name, Some(expr.span()), causes)]
    }

    fn triggers(&mut self, change: &'p Change) -> Vec<Cause> {
        let (Some(resource), Some(scope)) = (self.resource(&change.addr), self.scope(&change.addr))
        else {
            return Vec::new();
        };
        let triggers = resource.lifecycle.replace_triggered_by.iter();
        let mut causes = Vec::new();
        for trigger in triggers {
            causes.extend(self.references(&scope, trigger.expr.references()));
        }
        causes
    }

    /// A part of an object, with what its expression refers to.
    pub(crate) fn attribute(&mut self, change: &'p Change, steps: &[PathStep]) -> Cause {
        let name = format!("{}{}", change.addr, muster_value::Path(steps.to_vec()));
        let at = |value: &Value| {
            let found = value.at(&muster_value::Path(steps.to_vec()));
            found.cloned().unwrap_or(Value::NULL)
        };
        let forces = change.replace_paths.iter();
        let mut cause = Cause {
            finding: Finding::Attribute {
                before: at(&change.before),
                after: at(&change.after),
                forces_replacement: forces.clone().any(|p| covers(&p.0, steps)),
            },
            span: None,
            repeated: !self.told.insert(name.clone()),
            causes: Vec::new(),
            name,
        };
        let (Some(resource), Some(scope)) = (self.resource(&change.addr), self.scope(&change.addr))
        else {
            return cause;
        };
        match body::find(&resource.body, steps) {
            Place::Argument(expr, span) => {
                cause.span = Some(span.to(expr.span()));
                if !cause.repeated {
                    cause.causes = self.references(&scope, expr.references());
                }
            }
            Place::Block(block) => {
                cause.span = Some(block.header);
                if !cause.repeated {
                    cause.causes = self.references(&scope, &block.body.references());
                }
            }
            Place::Nowhere => {
                cause.span = Some(resource.span);
                cause.causes = match cause.repeated {
                    true => Vec::new(),
                    false => self.provider(change),
                };
            }
        }
        cause
    }

    /// What the provider decides follows from what is done to the object.
    fn provider(&mut self, change: &'p Change) -> Vec<Cause> {
        let mut cause = self.object(change);
        if cause.repeated {
            cause.finding = Finding::Provider;
        }
        vec![cause]
    }

    /// What some references lead to: what changes or is unknown, and where nothing does, all.
    fn references(&mut self, scope: &Scope, references: &[Reference]) -> Vec<Cause> {
        let mut causes = Vec::new();
        let mut seen = HashSet::new();
        for reference in references {
            if seen.insert((reference.subject.clone(), reference.steps.clone())) {
                causes.extend(self.follow(scope, reference));
            }
        }
        if causes.iter().any(is_moving) {
            causes.retain(is_moving);
        }
        causes
    }

    fn follow(&mut self, scope: &Scope, reference: &Reference) -> Vec<Cause> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            let module = self.config.module(scope.module);
            match &reference.subject {
                Subject::Variable(name) => vec![self.variable(scope, name)],
                Subject::Local(name) => {
                    let Some(local) = module.locals.get(name) else {
                        return Vec::new();
                    };
                    let name = prefixed(&scope.addr, &format!("local.{name}"));
                    vec![self.name(scope, name, local.span, local.expr.references())]
                }
                Subject::Module(name) => self.call(scope, module, name, &reference.steps),
                Subject::EachKey | Subject::EachValue | Subject::CountIndex => {
                    let owner = scope.owner.as_ref();
                    let owner = owner.and_then(|id| module.resources.get(id));
                    let Some(expr) = owner.and_then(|r| r.repetition.expr()) else {
                        return Vec::new();
                    };
                    let name = match reference.subject {
                        Subject::CountIndex => "count",
                        _ => "for_each",
                    };
                    let causes = self.references(scope, expr.references());
                    vec![named(name, Some(expr.span()), causes)]
                }
                subject => match resource_id(subject) {
                    Some(id) => self.object_reference(scope, id, &reference.steps),
                    None => Vec::new(),
                },
            }
        })
    }

    fn variable(&mut self, scope: &Scope, name: &Str) -> Cause {
        let module = self.config.module(scope.module);
        let shown = prefixed(&scope.addr, &format!("var.{name}"));
        let span = module.variables.get(name).map(|v| v.span);
        let call = module
            .parent
            .zip(module.path.0.last())
            .zip(scope.addr.parent());
        let Some(((parent, call), addr)) = call else {
            let value = self.plan.variables.get(name).cloned();
            return Cause {
                name: shown,
                finding: value.map_or(Finding::Named, Finding::Given),
                span,
                repeated: false,
                causes: Vec::new(),
            };
        };
        let call = self.config.module(parent).calls.get(call);
        let Some(argument) = call.and_then(|call| call.arguments.get(name)) else {
            return named(&shown, span, Vec::new());
        };
        let caller = Scope {
            module: parent,
            addr,
            owner: None,
        };
        self.name(&caller, shown, argument.span(), argument.references())
    }

    /// Something that has a name and an expression.
    fn name(&mut self, scope: &Scope, name: String, span: Span, references: &[Reference]) -> Cause {
        let repeated = !self.told.insert(name.clone());
        let causes = match repeated {
            true => Vec::new(),
            false => self.references(scope, references),
        };
        Cause {
            repeated,
            ..named(&name, Some(span), causes)
        }
    }

    /// One output of a called module, or all of them.
    fn call(
        &mut self,
        scope: &Scope,
        module: &'p Module,
        name: &Str,
        steps: &[PathStep],
    ) -> Vec<Cause> {
        let Some(call) = module.calls.get(name) else {
            return Vec::new();
        };
        let (key, rest) = split_key(steps);
        let called = Scope {
            module: call.module,
            addr: scope.addr.child(name.clone(), key),
            owner: None,
        };
        let outputs = &self.config.module(call.module).outputs;
        let wanted: Vec<&Str> = match rest.first() {
            Some(PathStep::Attr(output)) => outputs.keys().filter(|n| *n == output).collect(),
            _ => outputs.keys().collect(),
        };
        let of_output = |tracer: &mut Self, output: &Str| {
            let declared = &outputs[output];
            let name = format!("{}.{output}", called.addr);
            tracer.name(&called, name, declared.span, declared.expr.references())
        };
        wanted.into_iter().map(|o| of_output(self, o)).collect()
    }

    fn object_reference(
        &mut self,
        scope: &Scope,
        id: ResourceId,
        steps: &[PathStep],
    ) -> Vec<Cause> {
        let (key, rest) = split_key(steps);
        let resource = AbsResource {
            module: scope.addr.clone(),
            resource: id,
        };
        let all = self.by_resource.get(&resource).cloned().unwrap_or_default();
        let matching = all
            .into_iter()
            .filter(|c| key == InstanceKey::None || c.addr.key == key);
        let mut found: Vec<&Change> = matching.collect();
        if found.iter().any(|c| c.action != Action::NoOp) {
            found.retain(|c| c.action != Action::NoOp);
        }
        let found = found.into_iter().take(MOST_INSTANCES);
        found
            .map(|change| match rest {
                [] => self.object(change),
                steps => {
                    let known = change.after.at(&muster_value::Path(steps.to_vec()));
                    // What is beyond an unknown is as unknown.
                    let len = if known.is_some() { steps.len() } else { 1 };
                    self.attribute(change, &steps[..len])
                }
            })
            .collect()
    }

    fn resource(&self, addr: &InstanceAddr) -> Option<&'p Resource> {
        let module = self.config.find(&addr.resource.module.path())?;
        module.resources.get(&addr.resource.resource).map(|r| &**r)
    }

    fn scope(&self, addr: &InstanceAddr) -> Option<Scope> {
        Some(Scope {
            module: self.config.find_id(&addr.resource.module.path())?,
            addr: addr.resource.module.clone(),
            owner: Some(addr.resource.resource.clone()),
        })
    }
}

fn named(name: &str, span: Option<Span>, causes: Vec<Cause>) -> Cause {
    Cause {
        name: name.to_owned(),
        finding: Finding::Named,
        span,
        repeated: false,
        causes,
    }
}

/// Whether a plan changes something, or it comes from outside and may have changed.
fn is_moving(cause: &Cause) -> bool {
    match &cause.finding {
        Finding::Object(action, _) => *action != Action::NoOp,
        Finding::Attribute { before, after, .. } => !before.same(after),
        Finding::Given(_) | Finding::Provider => true,
        Finding::Named => cause.repeated || cause.causes.iter().any(is_moving),
    }
}

fn only(causes: &[Cause]) -> Option<&Finding> {
    match causes {
        [cause] => Some(&cause.finding),
        _ => None,
    }
}

fn prefixed(module: &ModuleInstance, name: &str) -> String {
    match module.0.is_empty() {
        true => name.to_owned(),
        false => format!("{module}.{name}"),
    }
}

/// The instance that the first of some steps names, and the others.
fn split_key(steps: &[PathStep]) -> (InstanceKey, &[PathStep]) {
    match steps {
        [PathStep::Index(index), rest @ ..] => (InstanceKey::Int(*index), rest),
        [PathStep::Key(key), rest @ ..] => (InstanceKey::Str(key.clone()), rest),
        _ => (InstanceKey::None, steps),
    }
}

fn resource_id(subject: &Subject) -> Option<ResourceId> {
    let (mode, type_name, name) = match subject {
        Subject::Managed(t, n) => (Mode::Managed, t, n),
        Subject::Data(t, n) => (Mode::Data, t, n),
        Subject::Ephemeral(t, n) => (Mode::Ephemeral, t, n),
        _ => return None,
    };
    Some(ResourceId {
        mode,
        type_name: type_name.clone(),
        name: name.clone(),
    })
}
