//! The steps of an apply and their order.
//!
//! Objects are made after what they need and destroyed after what needs them. Edges go through
//! joins, one per node of the configuration and per destroyed resource, so their number grows
//! with the number of objects and not with its square. Steps that are free to begin at the same
//! time come in the order of their addresses.

mod sort;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use muster_addr::{ConfigResource, InstanceAddr, ProviderConfigAddr};
use muster_lang::Diagnostic;
use muster_plan::{Action, Change, Deposed, Mode, Step, StepId, StepKind};
use petgraph::graph::{DiGraph, NodeIndex};

use crate::Planner;
use crate::graph::{Node, NodeId};

use sort::sort;

type Changes = BTreeMap<(InstanceAddr, Deposed), Change>;
type Dependents = HashMap<ConfigResource, BTreeSet<ConfigResource>>;

/// Lays out the steps.
pub(crate) fn steps(planner: &Planner, changes: &Changes) -> Result<Vec<Step>, Box<Diagnostic>> {
    let attempt = |needs| {
        let mut order = Order::new(planner, changes, needs);
        order.add_changes();
        order.add_opens();
        order.chain_nodes();
        order.chain_providers();
        order.chain_destroys();
        order.chain_closes();
        order.finish()
    };
    // Objects may have been stored without what they need, so what the configuration says counts
    // for their end, too; where that contradicts what was stored, only the latter is true of them.
    attempt(Needs::All).or_else(|_| attempt(Needs::Stored))
}

/// What is taken to be needed by an object that is destroyed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// What it was stored with, and what the configuration says now.
    All,
    /// What it was stored with.
    Stored,
}

struct Order<'a> {
    planner: &'a Planner,
    needs: Needs,
    changes: Vec<&'a Change>,
    /// `before -> after`
    graph: DiGraph<StepKind, ()>,
    /// Steps that make or change objects, by resource.
    applies: HashMap<ConfigResource, Vec<NodeIndex>>,
    /// Steps that destroy objects.
    destroys: Vec<Destroy>,
    /// Objects that are destroyed before their replacement is made.
    delete_first: HashSet<ConfigResource>,
    /// What the configuration of each provider needs.
    provider_needs: HashMap<&'a ProviderConfigAddr, Vec<ConfigResource>>,
    /// Steps that open ephemeral resources, and those that close them, by node.
    ephemerals: BTreeMap<NodeId, Vec<(NodeIndex, NodeIndex)>>,
    /// The steps of a node of the configuration.
    own: HashMap<NodeId, Vec<NodeIndex>>,
    /// The join of a node of the configuration, where anything leads to it.
    done: Vec<Option<NodeIndex>>,
}

struct Destroy {
    step: NodeIndex,
    change: usize,
    resource: ConfigResource,
    kind: DestroyKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DestroyKind {
    /// Nothing takes its place.
    Plain,
    /// Its replacement is made afterwards.
    First,
    /// Its replacement was made before.
    Last,
}

impl<'a> Order<'a> {
    fn new(planner: &'a Planner, changes: &'a Changes, needs: Needs) -> Self {
        let real = changes.values().filter(|c| c.action != Action::NoOp);
        let providers: BTreeSet<&ProviderConfigAddr> = real.map(|c| &c.provider).collect();
        Self {
            planner,
            needs,
            provider_needs: providers
                .into_iter()
                .map(|p| (p, planner.provider_needs(p)))
                .collect(),
            changes: changes.values().collect(),
            graph: DiGraph::new(),
            applies: HashMap::new(),
            destroys: Vec::new(),
            delete_first: HashSet::new(),
            ephemerals: BTreeMap::new(),
            own: HashMap::new(),
            done: vec![None; planner.graph.nodes.len()],
        }
    }

    fn add_changes(&mut self) {
        for i in 0..self.changes.len() {
            let change = self.changes[i];
            let n = u32::try_from(i).unwrap_or(u32::MAX);
            match change.action {
                Action::NoOp => {}
                Action::Create => {
                    self.apply(
                        i,
                        StepKind::Create {
                            change: n,
                            depose: false,
                        },
                    );
                }
                Action::Update => {
                    self.apply(i, StepKind::Update { change: n });
                }
                Action::Read => {
                    self.apply(i, StepKind::Read { change: n });
                }
                Action::Delete => {
                    self.destroy(i, StepKind::Delete { change: n }, DestroyKind::Plain);
                }
                Action::Forget => {
                    self.graph.add_node(StepKind::Forget { change: n });
                }
                Action::DeleteThenCreate => {
                    let delete =
                        self.destroy(i, StepKind::Delete { change: n }, DestroyKind::First);
                    let create = self.apply(
                        i,
                        StepKind::Create {
                            change: n,
                            depose: false,
                        },
                    );
                    self.graph.add_edge(delete, create, ());
                    self.delete_first.insert(change.addr.resource.config());
                }
                Action::CreateThenDelete => {
                    let create = self.apply(
                        i,
                        StepKind::Create {
                            change: n,
                            depose: true,
                        },
                    );
                    let delete =
                        self.destroy(i, StepKind::DeleteDeposed { change: n }, DestroyKind::Last);
                    self.graph.add_edge(create, delete, ());
                }
            }
        }
    }

    /// What was, or would have been, open while planning is opened again. Nothing uses it when
    /// only the state is brought up to date.
    fn add_opens(&mut self) {
        if self.planner.options.mode == Mode::RefreshOnly {
            return;
        }
        for planned in &self.planner.ephemerals.planned {
            let (addr, provider) = (planned.addr.clone(), planned.provider.clone());
            let resource = addr.resource.config();
            let close = StepKind::CloseEphemeral { addr: addr.clone() };
            let open = self
                .graph
                .add_node(StepKind::OpenEphemeral { addr, provider });
            let close = self.graph.add_node(close);
            self.graph.add_edge(open, close, ());
            self.applies.entry(resource).or_default().push(open);
            let steps = self.ephemerals.entry(planned.node).or_default();
            steps.push((open, close));
        }
    }

    /// What is open is closed when everything that uses it is done.
    fn chain_closes(&mut self) {
        for (node, steps) in self.ephemerals.clone() {
            let mut before = Vec::new();
            let mut providers = HashSet::new();
            for user in self.planner.graph.users(node) {
                if let Some(used) = self.ephemerals.get(&user) {
                    before.extend(used.iter().map(|(_, close)| *close));
                    continue;
                }
                before.extend(self.own.get(&user).into_iter().flatten());
                if let Node::Provider(addr) = &self.planner.graph.nodes[user] {
                    providers.insert(&**addr);
                }
            }
            let of_provider =
                |d: &&Destroy| providers.contains(&self.changes[d.change].provider.config());
            let destroys = self.destroys.iter().filter(of_provider);
            before.extend(destroys.map(|d| d.step));
            before.sort_unstable();
            let users = self.join(&before);
            for (_, close) in steps {
                if let Some(users) = users {
                    self.graph.add_edge(users, close, ());
                }
            }
        }
    }

    fn apply(&mut self, change: usize, kind: StepKind) -> NodeIndex {
        let step = self.graph.add_node(kind);
        let resource = self.changes[change].addr.resource.config();
        self.applies.entry(resource).or_default().push(step);
        step
    }

    fn destroy(&mut self, change: usize, step: StepKind, kind: DestroyKind) -> NodeIndex {
        let step = self.graph.add_node(step);
        let resource = self.changes[change].addr.resource.config();
        self.destroys.push(Destroy {
            step,
            change,
            resource,
            kind,
        });
        step
    }

    fn join(&mut self, before: &[NodeIndex]) -> Option<NodeIndex> {
        match before {
            [] => None,
            [only] => Some(*only),
            many => {
                let join = self.graph.add_node(StepKind::Join);
                for &step in many {
                    self.graph.add_edge(step, join, ());
                }
                Some(join)
            }
        }
    }

    /// What is made waits for what it needs.
    fn chain_nodes(&mut self) {
        for id in 0..self.planner.graph.nodes.len() {
            let needs = &self.planner.graph.needs[id];
            let before: BTreeSet<NodeIndex> = needs.iter().filter_map(|&n| self.done[n]).collect();
            let before: Vec<NodeIndex> = before.into_iter().collect();
            let own = match self.planner.undecided.get(&id) {
                Some(checks) => {
                    let checks = checks.iter().cloned();
                    Some(checks.map(|kind| self.graph.add_node(kind)).collect())
                }
                None => self
                    .resource(id)
                    .and_then(|r| self.applies.get(&r).cloned()),
            };
            self.done[id] = match own {
                None => self.join(&before),
                Some(steps) => {
                    let steps: Vec<NodeIndex> = steps;
                    if !self.ephemerals.is_empty() {
                        self.own.insert(id, steps.clone());
                    }
                    let gate = self.join(&before);
                    for &step in &steps {
                        if let Some(gate) = gate {
                            self.graph.add_edge(gate, step, ());
                        }
                    }
                    self.join(&steps)
                }
            };
        }
    }

    /// What is destroyed waits for what its provider's configuration needs, save where that can
    /// only be made once something is gone that may have to wait for this.
    fn chain_providers(&mut self) {
        for i in 0..self.destroys.len() {
            let Destroy { step, change, .. } = self.destroys[i];
            let provider = &self.changes[change].provider;
            let node = Node::Provider(provider.config().into());
            let ready = self.planner.graph.find(&node).and_then(|n| self.done[n]);
            let makes_room = self
                .provider_needs_of(self.changes[change])
                .any(|n| self.delete_first.contains(n));
            if let (Some(ready), false) = (ready, makes_room) {
                self.graph.add_edge(ready, step, ());
            }
        }
    }

    fn resource(&self, id: NodeId) -> Option<ConfigResource> {
        let Node::Resource(module, resource) = &self.planner.graph.nodes[id] else {
            return None;
        };
        let module = self.planner.eval.config().module(*module).path.clone();
        Some(ConfigResource {
            module,
            resource: resource.clone(),
        })
    }

    /// What is destroyed waits for what needs it.
    fn chain_destroys(&mut self) {
        if self.destroys.is_empty() {
            return;
        }
        let dependents = self.dependents();
        let held = self.held(&dependents);
        let mut by_resource: BTreeMap<ConfigResource, Vec<usize>> = BTreeMap::new();
        for (i, destroy) in self.destroys.iter().enumerate() {
            by_resource
                .entry(destroy.resource.clone())
                .or_default()
                .push(i);
        }
        let joins: HashMap<ConfigResource, NodeIndex> = by_resource
            .iter()
            .filter_map(|(resource, list)| {
                let steps: Vec<NodeIndex> = list.iter().map(|&i| self.destroys[i].step).collect();
                Some((resource.clone(), self.join(&steps)?))
            })
            .collect();
        for (resource, list) in by_resource {
            let Some(dependents) = dependents.get(&resource) else {
                continue;
            };
            let destroyed: Vec<NodeIndex> = dependents
                .iter()
                .filter_map(|d| joins.get(d).copied())
                .collect();
            let gate = self.join(&destroyed);
            let applied: Vec<NodeIndex> = dependents
                .iter()
                .flat_map(|d| self.applies.get(d).cloned().unwrap_or_default())
                .collect();
            let applied = self.join(&applied);
            for i in list {
                let Destroy { step, kind, .. } = self.destroys[i];
                if let Some(gate) = gate {
                    self.graph.add_edge(gate, step, ());
                }
                // What needed the object lets go of it first, unless that has to wait for
                // something that can only be made once this object is gone.
                let may_wait = kind != DestroyKind::First && !held.contains(&resource);
                if let (Some(applied), true) = (applied, may_wait) {
                    self.graph.add_edge(applied, step, ());
                }
            }
        }
    }

    /// Resources whose objects must be gone before something is destroyed that has to make room
    /// for its replacement.
    fn held(&self, dependents: &Dependents) -> HashSet<ConfigResource> {
        let mut held = HashSet::new();
        let mut open: Vec<&ConfigResource> = self.delete_first.iter().collect();
        while let Some(resource) = open.pop() {
            for dependent in dependents.get(resource).into_iter().flatten() {
                if held.insert(dependent.clone()) {
                    open.push(dependent);
                }
            }
        }
        held
    }

    /// What the provider configuration of a changed object needs.
    fn provider_needs_of(&self, change: &Change) -> impl Iterator<Item = &ConfigResource> {
        self.provider_needs
            .get(&change.provider)
            .into_iter()
            .flatten()
    }

    /// Everything a changed object depended on, and as [`Needs`] says depends on.
    fn needs_of(&self, change: usize) -> BTreeSet<&ConfigResource> {
        let change = self.changes[change];
        let key = (change.addr.clone(), change.deposed.clone());
        let stored = self.planner.stored_dependencies.get(&key);
        let own = change.addr.resource.config();
        let configured = match self.needs {
            Needs::All => &change.dependencies[..],
            Needs::Stored => &[],
        };
        configured
            .iter()
            .chain(stored.into_iter().flat_map(|list| list.iter()))
            .filter(|r| **r != own)
            .collect()
    }

    /// For each resource that something is destroyed of: the changed resources that need it.
    fn dependents(&self) -> Dependents {
        let destroyed: HashSet<&ConfigResource> =
            self.destroys.iter().map(|d| &d.resource).collect();
        let mut found = Dependents::new();
        for (i, change) in self.changes.iter().enumerate() {
            if change.action == Action::NoOp {
                continue;
            }
            let own = change.addr.resource.config();
            for need in self.needs_of(i) {
                if destroyed.contains(need) {
                    found.entry(need.clone()).or_default().insert(own.clone());
                }
            }
            let of_provider = self.provider_needs_of(change);
            for need in of_provider.filter(|n| destroyed.contains(n) && **n != own) {
                found.entry(need.clone()).or_default().insert(own.clone());
            }
        }
        found
    }

    fn finish(self) -> Result<Vec<Step>, Box<Diagnostic>> {
        let order = sort(&self.graph).map_err(|node| {
            let change = self.graph[node].change();
            let addr = change.map(|c| self.changes[c as usize].addr.to_string());
            let detail = format!(
                "There is no order in which everything can be made and destroyed{}. Objects that depend on each other in the state and in the configuration in opposite directions cause this; apply one of the changes first with -target.",
                addr.map(|a| format!(": {a} would have to wait for itself")).unwrap_or_default()
            );
            Box::new(Diagnostic::error("Cycle in the order of changes", detail))
        })?;
        let mut position = vec![0u32; order.len()];
        for (i, ix) in (0u32..).zip(&order) {
            position[ix.index()] = i;
        }
        let mut after = vec![Vec::new(); order.len()];
        for edge in self.graph.raw_edges() {
            let to = position[edge.target().index()] as usize;
            after[to].push(StepId(position[edge.source().index()]));
        }
        Ok(order
            .iter()
            .zip(after)
            .map(|(&ix, mut after)| {
                after.sort_unstable();
                after.dedup();
                Step {
                    kind: self.graph[ix].clone(),
                    after,
                }
            })
            .collect())
    }
}
