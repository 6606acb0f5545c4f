//! What blocks what in a plan.

use muster_plan::{Plan, StepKind};

use super::path::operation_of;
use super::{name, operation};

/// A step by its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) addr: String,
    pub(super) operation: &'static str,
}

/// The longest chain of steps each of which waits for the one before it, the first one first; and
/// how many steps there are. Only steps that do something to an object count.
pub(super) fn longest_chain(plan: &Plan) -> (Vec<Named>, usize) {
    let names: Vec<Option<Named>> = plan.steps.iter().map(|s| named(plan, &s.kind)).collect();
    // For each step the length of the longest chain that ends with it, and the step before it.
    let mut lengths: Vec<(usize, Option<usize>)> = Vec::with_capacity(names.len());
    for (step, name) in plan.steps.iter().zip(&names) {
        let before = step.after.iter().filter_map(|id| {
            let at = usize::try_from(id.0).ok()?;
            lengths.get(at).map(|(length, _)| (*length, at))
        });
        // Of chains of one length, the one of the first step.
        let best = before.max_by_key(|(length, at)| (*length, std::cmp::Reverse(*at)));
        let length = best.map_or(0, |(length, _)| length) + usize::from(name.is_some());
        lengths.push((length, best.map(|(_, at)| at)));
    }
    let ends = lengths.iter().enumerate();
    let last = ends.max_by_key(|(at, (length, _))| (*length, std::cmp::Reverse(*at)));
    let mut chain = Vec::new();
    let mut next = last.map(|(at, _)| at);
    while let Some(at) = next {
        chain.extend(names[at].clone());
        next = lengths[at].1;
    }
    chain.reverse();
    (chain, names.iter().flatten().count())
}

fn named(plan: &Plan, kind: &StepKind) -> Option<Named> {
    if let Some(addr) = kind.ephemeral() {
        return Some(Named {
            addr: addr.to_string(),
            operation: operation_of(kind).map(operation)?,
        });
    }
    let change = plan.changes.get(usize::try_from(kind.change()?).ok()?)?;
    Some(Named {
        addr: name(&change.addr, change.deposed.as_ref()),
        operation: match kind {
            StepKind::Forget { .. } => "forget",
            kind => operation_of(kind).map(operation)?,
        },
    })
}
