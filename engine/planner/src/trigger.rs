//! `replace_triggered_by`

use muster_addr::{AbsResource, InstanceKey};
use muster_config::{Resource, Trigger};
use muster_lang::{Expr, Node, NodeId, Scope, eval};
use muster_plan::{Action, Change};
use muster_value::{Path, PathStep, Value};

use crate::Planner;
use crate::graph::resource_id;
use crate::task::Task;

impl Planner {
    /// Whether something that the resource names as a trigger changes.
    pub(crate) fn triggered(&mut self, task: &Task, resource: &Resource) -> bool {
        let Some(inst) = task.inst else { return false };
        let triggers = &resource.lifecycle.replace_triggered_by;
        if triggers.is_empty() {
            return false;
        }
        let id = &task.addr.resource.resource;
        let Ok(scope) = self.eval.instance_scope(inst, id, &task.addr.key) else {
            return false;
        };
        let module = &task.addr.resource.module;
        triggers.iter().any(|trigger| {
            let Some(target) = resource_id(&trigger.reference.subject) else {
                return false;
            };
            let resource = AbsResource {
                module: module.clone(),
                resource: target,
            };
            self.fires(&resource, &steps(trigger, &scope))
        })
    }

    fn fires(&self, resource: &AbsResource, steps: &[PathStep]) -> bool {
        let key = match steps.first() {
            Some(PathStep::Index(i)) => Some(InstanceKey::Int(*i)),
            Some(PathStep::Key(k)) => Some(InstanceKey::Str(k.clone())),
            _ => None,
        };
        let rest = if key.is_some() { &steps[1..] } else { steps };
        if let Some(key) = key {
            return self
                .change_of(&resource.instance(key))
                .is_some_and(|c| changes(c, rest));
        }
        if !rest.is_empty() {
            let addr = resource.instance(InstanceKey::None);
            return self.change_of(&addr).is_some_and(|c| changes(c, rest));
        }
        let first = (resource.instance(InstanceKey::None), None);
        self.changes
            .range(first..)
            .take_while(|((addr, _), _)| addr.resource == *resource)
            .any(|((_, deposed), change)| deposed.is_none() && changes(change, rest))
    }
}

fn changes(change: &Change, steps: &[PathStep]) -> bool {
    if change.action != Action::Update && !change.action.is_replace() {
        return false;
    }
    if steps.is_empty() {
        return true;
    }
    let path = Path(steps.to_vec());
    let at = |value: &Value| value.unmark_deep().at(&path).cloned();
    match (at(&change.before), at(&change.after)) {
        (Some(before), Some(after)) => !before.same(&after),
        (None, None) => false,
        _ => true,
    }
}

/// The steps after the resource, with `each.key` and `count.index` worked out.
fn steps(trigger: &Trigger, scope: &dyn Scope) -> Vec<PathStep> {
    let mut found = Vec::new();
    let mut at = trigger.expr.0.root;
    loop {
        at = match trigger.expr.node(at) {
            Node::GetAttr(inner, name) => {
                found.push(PathStep::Attr(name.clone()));
                *inner
            }
            Node::Index(inner, key) => {
                if let Some(step) = index(&trigger.expr, *key, scope) {
                    found.push(step);
                }
                *inner
            }
            _ => break,
        };
    }
    found.reverse();
    found
}

fn index(expr: &Expr, key: NodeId, scope: &dyn Scope) -> Option<PathStep> {
    let value = eval(&expr.part(key), scope, &[]).ok()?;
    if let Some(text) = value.as_str() {
        return Some(PathStep::Key(text.clone()));
    }
    value.as_number()?.to_u64().map(PathStep::Index)
}
