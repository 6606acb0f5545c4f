//! What a destroy looks at beside the objects that it destroys: data sources, and what those are
//! read for. Only what a provider's configuration needs can stand in its way.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_addr::{InstanceAddr, Mode as ResourceMode, ProviderConfigAddr};
use muster_lang::Severity;

use crate::Planner;
use crate::graph::{Node, NodeId};
use crate::limits::Included;
use crate::task::{Goal, Start};

/// What a destroy looks at on the side.
#[derive(Default)]
pub(crate) struct Destroy {
    /// Nodes that no object which is destroyed needs: what goes wrong there is worth a warning.
    optional: HashSet<NodeId>,
    /// Objects of resources that are visited anyway, so that nobody asks for them twice.
    claimed: HashMap<NodeId, BTreeMap<InstanceAddr, (ProviderConfigAddr, Goal)>>,
}

impl Planner {
    /// The nodes that a destroy visits.
    pub(crate) fn limit_destroy(&mut self) -> Included {
        self.limit_orphans();
        let providers = self.orphans.keys().cloned();
        let providers = providers.map(|addr| Node::Provider(addr.into()));
        let roots: Vec<_> = providers
            .filter_map(|node| self.graph.find(&node))
            .collect();
        let required = self.graph.closure(roots);
        let mut nodes = required.clone();
        if self.options.refresh && !self.state.resources.is_empty() {
            nodes.extend(self.graph.closure(self.data_sources()));
        }
        self.destroy.optional = nodes.difference(&required).copied().collect();
        self.claim_orphans(&nodes);
        Included {
            needed: nodes.clone(),
            nodes,
        }
    }

    /// The data sources that a destroy reads: with targets, those that these need.
    fn data_sources(&self) -> Vec<NodeId> {
        let targets = &self.options.targets;
        let wanted = if !targets.is_empty() {
            self.included(|addr| targets.iter().any(|t| t.may_contain(addr)))
                .nodes
        } else if !self.options.excludes.is_empty() {
            self.not_excluded()
        } else {
            (0..self.graph.nodes.len()).collect()
        };
        let is_data = |id: &NodeId| matches!(&self.graph.nodes[*id], Node::Resource(_, r) if r.mode == ResourceMode::Data);
        wanted.into_iter().filter(is_data).collect()
    }

    /// Hands the objects of some resources over to the visits of these.
    fn claim_orphans(&mut self, nodes: &HashSet<NodeId>) {
        let (graph, config) = (&self.graph, self.eval.config());
        for (provider, orphans) in &mut self.orphans {
            orphans.retain(|orphan| {
                let place = orphan.resource.config();
                let module = config.find_id(&place.module);
                let node = module
                    .and_then(|module| graph.find(&Node::Resource(module, place.resource)))
                    .filter(|node| nodes.contains(node) && orphan.deposed.is_none());
                let Some(node) = node else { return true };
                let addr = orphan.resource.instance(orphan.key.clone());
                let claimed = self.destroy.claimed.entry(node).or_default();
                claimed.insert(addr, (provider.clone(), orphan.goal));
                false
            });
        }
    }

    /// What becomes of an object that the visit of its resource is to destroy, if it is, and the
    /// provider that has managed it.
    pub(crate) fn claimed(
        &mut self,
        node: NodeId,
        addr: &InstanceAddr,
    ) -> Option<(ProviderConfigAddr, Goal)> {
        let (provider, goal) = self.destroy.claimed.get_mut(&node)?.remove(addr)?;
        Some((self.stored_provider(&provider, addr), goal))
    }

    /// The visit of a resource is over: destroys what it has not come across.
    pub(crate) fn let_go_of_claimed(&mut self, node: NodeId) {
        for (addr, (provider, goal)) in self.destroy.claimed.remove(&node).unwrap_or_default() {
            let provider = self.stored_provider(&provider, &addr);
            self.begin(Start {
                addr,
                deposed: None,
                inst: None,
                node: None,
                provider,
                goal,
            });
        }
    }

    /// Whether a destroy can go on without a node.
    pub(crate) fn is_optional(&self, node: NodeId) -> bool {
        self.destroy.optional.contains(&node)
    }

    /// Does work for a node. Where a destroy can go on without it, what goes wrong is no error.
    pub(crate) fn work_for<T>(
        &mut self,
        node: Option<NodeId>,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.diags.0.len();
        let result = work(self);
        if node.is_some_and(|node| self.is_optional(node)) {
            for diagnostic in self.diags.0.iter_mut().skip(before) {
                diagnostic.severity = Severity::Warning;
            }
        }
        result
    }
}
