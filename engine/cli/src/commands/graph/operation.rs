//! What an operation does before what.

use std::collections::{BTreeMap, BTreeSet};

use muster_addr::{ConfigResource, Mode, ProviderConfigAddr};
use muster_config::{Config, ModuleId};
use muster_plan::{Change, Plan, StepKind};
use muster_planner::{Graph, Node};
use muster_snapshot::Snapshot;

use super::draw::Drawing;

/// The work of a plan, or of an apply that makes its plan first.
pub(super) fn configured(config: &Config, graph: &Graph) -> Drawing {
    let mut drawing = Drawing::default();
    // Where each node went; the root module's own nodes stand for nothing that is done.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(graph.nodes.len());
    let mut users: BTreeMap<&ProviderConfigAddr, Vec<usize>> = BTreeMap::new();
    let mut last = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let needed = graph.needs[id].iter();
        let needs: Vec<usize> = needed.filter_map(|&need| places[need]).collect();
        let name = graph.name(config, id);
        places.push(match node {
            Node::Module(ModuleId::ROOT) => None,
            Node::ModuleDone(ModuleId::ROOT) => {
                last.extend(needs);
                None
            }
            Node::Provider(_) if graph.needed_by[id].is_empty() => None,
            Node::Provider(addr) => Some(drawing.provider(addr, needs)),
            Node::Variable(ModuleId::ROOT, _) => Some(drawing.variable(name, needs)),
            Node::Resource(..) => {
                let place = drawing.resource(format!("{name} (expand)"), name, needs);
                for &need in &graph.needs[id] {
                    if let Node::Provider(addr) = &graph.nodes[need] {
                        users.entry(addr).or_default().push(place);
                    }
                }
                Some(place)
            }
            // Their names say already what happens.
            Node::Module(_) | Node::ModuleDone(_) => Some(drawing.plain(name, needs)),
            Node::Variable(..) | Node::Local(..) | Node::Output(..) | Node::Check(..) => {
                Some(drawing.plain(format!("{name} (expand)"), needs))
            }
        });
    }
    finish(drawing, users, last)
}

/// The work of a plan that destroys what a state has.
pub(super) fn destroying(state: &Snapshot) -> Drawing {
    let mut providers: BTreeMap<ConfigResource, &ProviderConfigAddr> = BTreeMap::new();
    // For each resource those that depend on it, and go first.
    let mut dependents: BTreeMap<ConfigResource, BTreeSet<ConfigResource>> = BTreeMap::new();
    let managed = state.resources.iter();
    for (addr, resource) in managed.filter(|(a, _)| a.resource.mode == Mode::Managed) {
        let addr = addr.config();
        providers.insert(addr.clone(), &resource.provider);
        for object in resource
            .instances
            .values()
            .filter_map(|i| i.current.as_ref())
        {
            for dependency in &object.dependencies {
                let entry = dependents.entry(dependency.clone()).or_default();
                entry.insert(addr.clone());
            }
        }
    }
    let mut drawing = Drawing::default();
    let mut open: BTreeMap<&ProviderConfigAddr, usize> = BTreeMap::new();
    for &addr in providers.values() {
        open.entry(addr)
            .or_insert_with(|| drawing.provider(addr, Vec::new()));
    }
    let mut places: BTreeMap<&ConfigResource, usize> = BTreeMap::new();
    let mut users: BTreeMap<&ProviderConfigAddr, Vec<usize>> = BTreeMap::new();
    for addr in leaves_first(&providers, &dependents) {
        let provider = providers[addr];
        let first = dependents.get(addr).into_iter().flatten();
        let mut needs: Vec<usize> = first.filter_map(|d| places.get(d)).copied().collect();
        needs.push(open[provider]);
        let place = drawing.resource(format!("{addr} (destroy)"), addr.to_string(), needs);
        places.insert(addr, place);
        users.entry(provider).or_default().push(place);
    }
    let outputs = state.outputs.keys();
    let last = outputs.map(|name| drawing.plain(format!("output.{name} (expand)"), Vec::new()));
    let last = last.collect();
    finish(drawing, users, last)
}

/// All resources, those first that no others depend on. A state that somebody wrote by hand may
/// have circles: what is in them comes last.
fn leaves_first<'a>(
    all: &'a BTreeMap<ConfigResource, &ProviderConfigAddr>,
    dependents: &'a BTreeMap<ConfigResource, BTreeSet<ConfigResource>>,
) -> Vec<&'a ConfigResource> {
    let mut open: BTreeMap<&ConfigResource, usize> = all.keys().map(|r| (r, 0)).collect();
    let mut dependencies: BTreeMap<&ConfigResource, Vec<&ConfigResource>> = BTreeMap::new();
    for (addr, needed_by) in dependents.iter().filter(|(addr, _)| all.contains_key(addr)) {
        open.insert(addr, needed_by.len());
        for dependent in needed_by {
            dependencies.entry(dependent).or_default().push(addr);
        }
    }
    let ready = open.iter().filter(|(_, count)| **count == 0);
    let mut order: Vec<&ConfigResource> = ready.map(|(addr, _)| *addr).collect();
    let mut at = 0;
    while let Some(addr) = order.get(at) {
        at += 1;
        for next in dependencies.remove(addr).unwrap_or_default() {
            if let Some(count) = open.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    order.push(next);
                }
            }
        }
    }
    order.extend(
        open.iter()
            .filter(|(_, count)| **count > 0)
            .map(|(a, _)| *a),
    );
    order
}

/// The work that a saved plan says.
pub(super) fn saved(plan: &Plan) -> Drawing {
    let mut drawing = Drawing::default();
    let mut open: BTreeMap<&ProviderConfigAddr, usize> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(change) = change(plan, &step.kind) {
            let addr = &change.provider;
            open.entry(addr)
                .or_insert_with(|| drawing.provider(addr, Vec::new()));
        }
    }
    let mut users: BTreeMap<&ProviderConfigAddr, Vec<usize>> = BTreeMap::new();
    let mut places = Vec::with_capacity(plan.steps.len());
    for (id, step) in plan.steps.iter().enumerate() {
        let after = step.after.iter();
        let mut needs: Vec<usize> = after.map(|&before| places[before.0 as usize]).collect();
        places.push(match change(plan, &step.kind) {
            Some(change) => {
                needs.push(open[&change.provider]);
                let label = change.addr.resource.config().to_string();
                let place = drawing.resource(step_name(&step.kind, change), label, needs);
                users.entry(&change.provider).or_default().push(place);
                place
            }
            None => drawing.plain(check_name(&step.kind, id), needs),
        });
    }
    let last = places;
    finish(drawing, users, last)
}

fn change<'a>(plan: &'a Plan, kind: &StepKind) -> Option<&'a Change> {
    plan.changes.get(kind.change()? as usize)
}

fn step_name(kind: &StepKind, change: &Change) -> String {
    let addr = &change.addr;
    match (kind, &change.deposed) {
        (StepKind::Delete { .. }, Some(key)) => {
            format!("{addr} (destroy deposed {key})")
        }
        (StepKind::Delete { .. }, _) => format!("{addr} (destroy)"),
        // Its key is made when the object is set aside.
        (StepKind::DeleteDeposed { .. }, _) => format!("{addr} (destroy deposed)"),
        (StepKind::Forget { .. }, _) => format!("{addr} (forget)"),
        _ => addr.to_string(),
    }
}

fn check_name(kind: &StepKind, id: usize) -> String {
    let (module, name) = match kind {
        StepKind::OpenEphemeral { addr, .. } => return addr.to_string(),
        StepKind::CloseEphemeral { addr } => return format!("{addr} (close)"),
        _ => match kind.check() {
            Some(check) => check,
            None => return format!("step {id}"),
        },
    };
    let kind = match kind {
        StepKind::CheckVariable { .. } => "var",
        StepKind::CheckOutput { .. } => "output",
        _ => "check",
    };
    match module.is_root() {
        true => format!("{kind}.{name}"),
        false => format!("{module}.{kind}.{name}"),
    }
}

/// Adds the ends of the providers' work, and of everything.
fn finish(
    mut drawing: Drawing,
    users: BTreeMap<&ProviderConfigAddr, Vec<usize>>,
    mut last: Vec<usize>,
) -> Drawing {
    for (addr, users) in users {
        last.push(drawing.closed(addr, users));
    }
    drawing.plain("root", last);
    drawing
}
