//! What references lead to.

use std::collections::HashSet;

use muster_addr::{AbsResource, InstanceKey, Mode, ModuleInstance, ResourceId, Target};
use muster_config::{ModuleId, Output, Repetition, Variable};
use muster_lang::{Expr, Reference, Subject};
use muster_plan::{Action, Change};
use muster_value::{Marks, Path, PathStep, Value};

use crate::Str;
use crate::cause::{Cause, Finding};
use crate::several::alike;
use crate::trace::Tracer;

/// Where an expression stands.
#[derive(Clone)]
pub(crate) struct Scope {
    pub module: ModuleId,
    pub addr: ModuleInstance,
    /// Whose `each` and `count` are meant.
    pub owner: Owner,
}

/// Something with `count` or `for_each`.
#[derive(Clone)]
pub(crate) enum Owner {
    Nobody,
    Resource(ResourceId),
    Call(Str),
}

impl<'p> Tracer<'p> {
    /// What some references lead to: what changes or is unknown, and where nothing does, all. What
    /// was told before is left out where anything else is left.
    pub(crate) fn references(&mut self, scope: &Scope, references: &[Reference]) -> Vec<Cause> {
        let mut causes = Vec::new();
        let mut seen = HashSet::new();
        for reference in references {
            if seen.insert((reference.subject.clone(), reference.steps.clone())) {
                causes.extend(self.follow(scope, reference));
            }
        }
        pruned(causes)
    }

    fn follow(&mut self, scope: &Scope, reference: &Reference) -> Vec<Cause> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match &reference.subject {
            Subject::Variable(name) => vec![self.variable(scope, name)],
            Subject::Local(name) => {
                let local = self.config.module(scope.module).locals.get(name);
                let shown = format!("local.{name}");
                let told = local.map(|local| {
                    let mut cause = self.name(scope, shown, &local.expr, scope);
                    cause.span = Some(local.span);
                    cause
                });
                told.into_iter().collect()
            }
            Subject::Module(name) => self.call(scope, name, &reference.steps),
            Subject::EachKey | Subject::CountIndex => {
                // Those of an instance are always the same.
                let mut causes = self.repeated(scope);
                for cause in &mut causes {
                    cause.causes.clear();
                    cause.may_move = false;
                }
                causes
            }
            Subject::EachValue => self.repeated(scope),
            subject => match resource_id(subject) {
                Some(id) => self.object_reference(scope, id, &reference.steps),
                None => Vec::new(),
            },
        })
    }

    /// What `each` and `count` are made from.
    fn repeated(&mut self, scope: &Scope) -> Vec<Cause> {
        let module = self.config.module(scope.module);
        let repetition = match &scope.owner {
            Owner::Nobody => None,
            Owner::Resource(id) => module.resources.get(id).map(|r| &r.repetition),
            Owner::Call(name) => module.calls.get(name).map(|c| &c.repetition),
        };
        let told = repetition.and_then(|repetition| self.repetition(scope, repetition));
        told.into_iter().collect()
    }

    /// What decides how many instances there are.
    pub(crate) fn repetition(&mut self, scope: &Scope, repetition: &Repetition) -> Option<Cause> {
        let expr = repetition.expr()?;
        let name = match repetition {
            Repetition::Count(_) => "count",
            Repetition::Enabled(_) => "enabled",
            _ => "for_each",
        };
        let mut cause = Cause::new(name.to_owned(), &scope.addr, Finding::Repetition);
        cause.span = Some(expr.span());
        cause.expr = Some(expr.span());
        // It has no name of its own.
        let place = format!("{} {:?}", scope.addr, expr.span());
        cause.repeated = !self.tell(&place);
        if !cause.repeated {
            cause.causes = self.references(scope, expr.references());
        }
        cause.may_move = cause.causes.iter().any(Cause::is_moving);
        Some(cause)
    }

    pub(crate) fn variable(&mut self, scope: &Scope, name: &Str) -> Cause {
        let module = self.config.module(scope.module);
        let shown = format!("var.{name}");
        let declared = module.variables.get(name);
        let call = module.parent.zip(module.path.0.last());
        let call = call.zip(scope.addr.parent());
        let argument = call.and_then(|((parent, call), addr)| {
            let argument = self.config.module(parent).calls.get(call)?;
            let caller = Scope {
                module: parent,
                addr,
                owner: Owner::Call(call.clone()),
            };
            Some((caller, argument.arguments.get(name)?))
        });
        if let Some((caller, argument)) = argument {
            let mut cause = self.name(scope, shown, argument, &caller);
            cause.is_secret = declared.is_some_and(|v| v.sensitive);
            return cause;
        }
        let given = match scope.addr.is_root() {
            true => self.plan.variables.get(name).cloned(),
            false => declared.and_then(default_of),
        };
        let finding = given.map_or(Finding::Named, |value| Finding::Given {
            value,
            is_default: !scope.addr.is_root() || !self.plan.given.contains_key(name),
        });
        let full = prefixed(&scope.addr, &shown);
        let repeated = !self.tell(&full);
        let mut cause = Cause::new(full, &scope.addr, finding);
        cause.span = declared.map(|v| v.span);
        cause.repeated = repeated;
        cause
    }

    /// Something that has a name and an expression, which may stand in another module.
    pub(crate) fn name(
        &mut self,
        scope: &Scope,
        name: String,
        expr: &Expr,
        within: &Scope,
    ) -> Cause {
        let name = prefixed(&scope.addr, &name);
        let repeated = !self.tell(&name);
        let mut cause = Cause::new(name, &scope.addr, Finding::Named);
        cause.within = within.addr.clone();
        cause.span = Some(expr.span());
        cause.expr = Some(expr.span());
        cause.repeated = repeated;
        if !repeated {
            cause.causes = self.references(within, expr.references());
            let causes = &cause.causes;
            cause.may_move = causes.is_empty() || causes.iter().any(Cause::is_moving);
        }
        cause
    }

    /// One output of a called module, or all of them.
    fn call(&mut self, scope: &Scope, name: &Str, steps: &[PathStep]) -> Vec<Cause> {
        let Some(call) = self.config.module(scope.module).calls.get(name) else {
            return Vec::new();
        };
        let (key, rest) = split_key(steps);
        let step = ModuleInstance::root().child(name.clone(), key.clone());
        let called = Scope {
            module: call.module,
            addr: scope.addr.child(name.clone(), key),
            owner: Owner::Nobody,
        };
        let outputs = self.config.module(call.module).outputs.iter();
        let wanted = outputs.filter(|(output, _)| match rest.first() {
            Some(PathStep::Attr(wanted)) => wanted == *output,
            _ => true,
        });
        let of_output = |(output, declared): (&Str, &Output)| {
            let mut cause = self.name(scope, format!("{step}.{output}"), &declared.expr, &called);
            cause.is_secret = declared.sensitive;
            cause
        };
        wanted.map(of_output).collect()
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
        let addr = resource.instance(key);
        let all = self.by_resource.get(&resource.config());
        // A key that is left out stands for all of them.
        let wanted = Target::Resource(addr.clone());
        let matching = all.into_iter().flatten();
        let matching = matching.filter(|c| wanted.contains(&c.addr));
        let mut found: Vec<&'p Change> = matching.copied().collect();
        if found.iter().any(|c| c.action != Action::NoOp) {
            found.retain(|c| c.action != Action::NoOp);
        }
        if found.is_empty() {
            let read = self.read_object(&addr);
            return read.into_iter().collect();
        }
        let groups = alike(found).into_iter();
        let told = groups.map(|(change, more)| {
            let cause = match rest {
                [] => self.object(change),
                steps => {
                    let known = change.after.at(&Path(steps.to_vec()));
                    // What is beyond an unknown is as unknown.
                    let len = if known.is_some() { steps.len() } else { 1 };
                    self.attribute(change, &steps[..len])
                }
            };
            cause.and_more(more)
        });
        told.collect()
    }
}

/// Without what does not change where something does, and without what was told before where
/// something was not.
pub(crate) fn pruned(mut causes: Vec<Cause>) -> Vec<Cause> {
    if causes.iter().any(Cause::is_moving) {
        causes.retain(Cause::is_moving);
    }
    match causes.iter().any(|cause| !is_told(cause)) {
        true => causes.retain(|cause| !is_told(cause)),
        false => causes.truncate(1),
    }
    causes
}

/// Whether nothing of it is new.
fn is_told(cause: &Cause) -> bool {
    let of_object = matches!(cause.finding, Finding::Attribute { .. });
    cause.repeated || (of_object && matches!(&*cause.causes, [only] if is_same_object(cause, only)))
}

/// Whether a part follows from what is done to its object, which was told before.
fn is_same_object(part: &Cause, whole: &Cause) -> bool {
    whole.repeated && whole.object.is_some() && whole.object == part.object
}

pub(crate) fn prefixed(module: &ModuleInstance, name: &str) -> String {
    match module.is_root() {
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

/// The value of a variable that nobody gives one, as shown to people.
fn default_of(declared: &Variable) -> Option<Value> {
    let default = declared.default.clone()?;
    Some(match declared.sensitive {
        true => default.mark(Marks::SENSITIVE),
        false => default,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_left_out() {
        let cause = |name: &str, repeated: bool| {
            let mut cause = Cause::new(name.to_owned(), &ModuleInstance::root(), Finding::Read);
            cause.repeated = repeated;
            cause
        };
        let check = |causes: &[(&str, bool)], expect: &[&str]| {
            let causes = causes.iter().map(|(name, told)| cause(name, *told));
            let left = pruned(causes.collect());
            let names: Vec<&str> = left.iter().map(|c| c.name.as_str()).collect();
            assert_eq!(names, expect);
        };
        check(&[], &[]);
        check(&[("a", true), ("b", false), ("c", false)], &["b", "c"]);
        check(&[("a", true), ("b", true)], &["a"]);
    }
}
