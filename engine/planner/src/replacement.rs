//! Which changed objects are remembered as ones whose replacement is made first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_addr::{AbsResource, InstanceAddr, InstanceKey, ModulePath, ResourceId};
use muster_plan::{Action, Change, Deposed};

use crate::Planner;
use crate::graph::{Node, NodeId};

/// Some instances of a resource.
enum Instances {
    All,
    Named(BTreeSet<InstanceKey>),
}

/// The keys of the instances of each resource that change.
type Changed = HashMap<NodeId, BTreeSet<InstanceKey>>;

impl Planner {
    /// Says of each change whether its object asks for its replacement to be made first, or
    /// something does that changes too and refers to it. Which instance is referred to counts
    /// where the configuration tells, and where that instance changes.
    pub(crate) fn remember_order(&self, changes: &mut BTreeMap<(InstanceAddr, Deposed), Change>) {
        if self.create_before_destroy.is_empty() {
            return;
        }
        let nodes = self.changed_nodes(changes.values());
        let mut changed = Changed::new();
        for change in changes.values().filter(|c| c.action != Action::NoOp) {
            if let Some(&node) = nodes.get(&change.addr.resource) {
                let keys = changed.entry(node).or_default();
                keys.insert(change.addr.key.clone());
            }
        }
        let forced = self.forced(&changed);
        for change in changes.values_mut().filter(|c| is_kept(c)) {
            let Some(node) = nodes.get(&change.addr.resource) else {
                continue;
            };
            change.create_before_destroy = match forced.get(node) {
                Some(Instances::All) => true,
                Some(Instances::Named(keys)) => keys.contains(&change.addr.key),
                None => false,
            };
        }
    }

    /// The nodes of the resources that have changes.
    fn changed_nodes<'c>(
        &self,
        changes: impl Iterator<Item = &'c Change>,
    ) -> HashMap<AbsResource, NodeId> {
        let mut places: HashMap<(ModulePath, ResourceId), Option<NodeId>> = HashMap::new();
        let mut nodes = HashMap::new();
        for change in changes {
            let resource = &change.addr.resource;
            if nodes.contains_key(resource) {
                continue;
            }
            let place = (resource.module.path(), resource.resource.clone());
            let node = places.entry(place).or_insert_with_key(|(path, id)| {
                let module = self.eval.config().find_id(path)?;
                self.graph.find(&Node::Resource(module, id.clone()))
            });
            if let Some(node) = *node {
                nodes.insert(resource.clone(), node);
            }
        }
        nodes
    }

    /// What needs its replacement first when everything that asks for it and changes does.
    fn forced(&self, changed: &Changed) -> HashMap<NodeId, Instances> {
        let mut forced: HashMap<NodeId, Instances> = HashMap::new();
        let asking = changed.keys().copied().filter(|&node| self.asks(node));
        let mut open: Vec<NodeId> = asking.collect();
        let mut seen: BTreeSet<NodeId> = open.iter().copied().collect();
        for &node in &open {
            forced.insert(node, Instances::All);
        }
        while let Some(node) = open.pop() {
            for &need in &self.graph.needs[node] {
                if let Some(there) = changed.get(&need) {
                    self.force(&mut forced, (node, need), there);
                }
                if seen.insert(need) {
                    open.push(need);
                }
            }
        }
        forced
    }

    fn force(
        &self,
        forced: &mut HashMap<NodeId, Instances>,
        (from, to): (NodeId, NodeId),
        changed: &BTreeSet<InstanceKey>,
    ) {
        // What does not change stands for the whole of its resource.
        let named = self.graph.named(from, to);
        let named = named.filter(|keys| keys.is_subset(changed));
        let known = forced
            .entry(to)
            .or_insert_with(|| Instances::Named(BTreeSet::new()));
        match (known, named) {
            (Instances::All, _) => {}
            (Instances::Named(keys), Some(more)) => keys.extend(more.iter().cloned()),
            (known, None) => *known = Instances::All,
        }
    }

    /// Whether the configuration of a resource asks for it.
    fn asks(&self, node: NodeId) -> bool {
        let Node::Resource(module, id) = &self.graph.nodes[node] else {
            return false;
        };
        let resource = self.eval.config().module(*module).resources.get(id);
        resource.is_some_and(|r| r.lifecycle.create_before_destroy == Some(true))
    }
}

/// Whether there is an object afterwards that the change is stored with.
fn is_kept(change: &Change) -> bool {
    let ends = matches!(
        change.action,
        Action::Delete | Action::Forget | Action::NoOp
    );
    !ends && change.deposed.is_none()
}
