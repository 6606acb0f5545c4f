//! The critical path: the work that nothing could have been quicker than.

use std::collections::HashMap;
use std::time::Duration;

use muster_addr::InstanceAddr;
use muster_plan::{Operation, Plan, StepKind};

use super::{Span, name, operation};

/// What work waits for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// For each node the nodes that it waits for, all of which come before it.
    pub needs: Vec<Vec<usize>>,
    /// For each span the node that it is work on; `None` when it waits for nothing.
    pub nodes: Vec<Option<usize>>,
}

impl Order {
    /// The order of what was done to apply a plan.
    pub fn of_steps(plan: &Plan, spans: &[Span]) -> Self {
        let needs = plan.steps.iter().map(|step| {
            let after = step
                .after
                .iter()
                .filter_map(|id| usize::try_from(id.0).ok());
            after.collect()
        });
        let index = index(plan);
        let nodes = spans.iter().map(|span| {
            let steps = index.get(&(&span.addr, span.operation))?;
            let deposed = span.deposed.as_ref();
            let exact = steps.iter().find(|(_, step)| *step == deposed);
            // The key of what the plan itself sets aside is only known when that is done.
            exact.or(steps.first()).map(|(at, _)| *at)
        });
        Self {
            needs: needs.collect(),
            nodes: nodes.collect(),
        }
    }
}

/// Steps of an object and an operation, with the deposed object that they are about.
type Index<'p> =
    HashMap<(&'p InstanceAddr, Operation), Vec<(usize, Option<&'p muster_snapshot::DeposedKey>)>>;

fn index(plan: &Plan) -> Index<'_> {
    let mut index = Index::new();
    for (at, step) in plan.steps.iter().enumerate() {
        let Some(operation) = operation_of(&step.kind) else {
            continue;
        };
        let change = step.kind.change().and_then(|c| usize::try_from(c).ok());
        let change = change.and_then(|c| plan.changes.get(c));
        let addr = change.map(|c| &c.addr).or(step.kind.ephemeral());
        if let Some(addr) = addr {
            let deposed = change.and_then(|c| c.deposed.as_ref());
            let steps = index.entry((addr, operation)).or_default();
            steps.push((at, deposed));
        }
    }
    index
}

/// What a step asks a provider for.
pub(super) fn operation_of(kind: &StepKind) -> Option<Operation> {
    Some(match kind {
        StepKind::Create { .. } => Operation::Create,
        StepKind::Update { .. } => Operation::Update,
        StepKind::Delete { .. } | StepKind::DeleteDeposed { .. } => Operation::Delete,
        StepKind::Read { .. } => Operation::Read,
        StepKind::OpenEphemeral { .. } => Operation::Open,
        StepKind::CloseEphemeral { .. } => Operation::Close,
        StepKind::Forget { .. }
        | StepKind::CheckVariable { .. }
        | StepKind::CheckOutput { .. }
        | StepKind::CheckBlock { .. }
        | StepKind::Join => return None,
    })
}

/// One piece of work on the critical path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) addr: String,
    pub(super) operation: &'static str,
    /// Since the end of the one before, or the begin of the phase.
    pub(super) waited: Duration,
    pub(super) took: Duration,
}

/// From the first to what ended last. Each piece began after the one before it, which it had to
/// wait for.
pub(super) fn critical_path(spans: &[Span], order: &Order) -> Vec<Link> {
    let before = predecessors(spans, order);
    let last = (0..spans.len()).max_by_key(|at| spans[*at].end);
    let mut path: Vec<usize> = Vec::new();
    let mut next = last;
    while let Some(at) = next {
        // What was still going on cannot be what it has waited for.
        if path
            .last()
            .is_none_or(|later| spans[at].end <= spans[*later].begin)
        {
            path.push(at);
        }
        next = before[at];
    }
    let mut ended = Duration::ZERO;
    let links = path.into_iter().rev().map(|at| {
        let span = &spans[at];
        let link = Link {
            addr: name(&span.addr, span.deposed.as_ref()),
            operation: operation(span.operation),
            waited: span.begin.saturating_sub(ended),
            took: span.took(),
        };
        ended = span.end;
        link
    });
    links.collect()
}

/// For each span the one that ended last of all that it had to wait for. A chain of them ends.
fn predecessors(spans: &[Span], order: &Order) -> Vec<Option<usize>> {
    let mut before = vec![None; spans.len()];
    let mut work: Vec<Vec<usize>> = vec![Vec::new(); order.needs.len()];
    for (at, node) in order.nodes.iter().enumerate().take(spans.len()) {
        if let Some(work) = node.and_then(|node| work.get_mut(node)) {
            work.push(at);
        }
    }
    let later = |a: Option<usize>, b: Option<usize>| match (a, b) {
        (Some(a), Some(b)) if spans[a].end >= spans[b].end => Some(a),
        (a, None) => a,
        (_, b) => b,
    };
    let mut latest: Vec<Option<usize>> = Vec::with_capacity(work.len());
    for (needs, mut work) in order.needs.iter().zip(work) {
        let needed = needs.iter().filter_map(|need| latest.get(*need).copied());
        let needed = needed.fold(None, later);
        work.sort_by_key(|at| spans[*at].begin);
        // An object may be worked on several times, one after the other.
        let mut objects: HashMap<&InstanceAddr, usize> = HashMap::new();
        let mut done = needed;
        for at in work {
            before[at] = objects.insert(&spans[at].addr, at).or(needed);
            done = later(done, Some(at));
        }
        latest.push(done);
    }
    before
}
