//! What a destroy looks at beside the objects that it destroys: data sources, and what those are
//! read for. Only what a provider's configuration needs can stand in its way.

use std::collections::{BTreeMap, HashMap, HashSet};

use muster_addr::{ConfigResource, InstanceAddr, Mode as ResourceMode, ProviderConfigAddr};
use muster_eval::ModuleInst;
use muster_lang::Severity;
use muster_plan::Reason;

use crate::Planner;
use crate::graph::{Node, NodeId};
use crate::limits::Included;
use crate::task::{Goal, Start, Task};

/// What a destroy looks at on the side.
#[derive(Default)]
pub(crate) struct Destroy {
    /// Nodes that no object which is destroyed needs: what goes wrong there is worth a warning.
    optional: HashSet<NodeId>,
    /// Objects of resources that are visited anyway, so that nobody asks for them twice.
    claimed: HashMap<NodeId, BTreeMap<InstanceAddr, Claim>>,
    /// Objects that have been looked at, and why they go.
    later: Vec<(Task, Reason)>,
}

/// An object that is destroyed when its resource was visited.
struct Claim {
    provider: ProviderConfigAddr,
    goal: Goal,
    /// The module instance, once the visit has come across the object.
    inst: Option<ModuleInst>,
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

    /// Hands the objects of some resources over to the visits of these, where these come after the
    /// providers that have managed the objects.
    fn claim_orphans(&mut self, nodes: &HashSet<NodeId>) {
        let mut left = std::mem::take(&mut self.orphans);
        for (provider, orphans) in &mut left {
            orphans.retain(|orphan| {
                let node = self
                    .resource_node(orphan.resource.config())
                    .filter(|node| nodes.contains(node) && orphan.deposed.is_none())
                    .filter(|node| self.comes_after(*node, provider));
                let Some(node) = node else { return true };
                let addr = orphan.resource.instance(orphan.key.clone());
                let claim = Claim {
                    provider: provider.clone(),
                    goal: orphan.goal,
                    inst: None,
                };
                let claimed = self.destroy.claimed.entry(node).or_default();
                claimed.insert(addr, claim);
                false
            });
        }
        self.orphans = left;
    }

    fn resource_node(&self, resource: ConfigResource) -> Option<NodeId> {
        let module = self.eval.config().find_id(&resource.module)?;
        self.graph.find(&Node::Resource(module, resource.resource))
    }

    /// The visit of a resource comes across an object. Whether it has nothing to do with it: the
    /// object is destroyed when the visit is over, or by a provider that may come later.
    pub(crate) fn is_destroyed(
        &mut self,
        node: NodeId,
        inst: ModuleInst,
        addr: &InstanceAddr,
    ) -> bool {
        let claimed = self.destroy.claimed.get_mut(&node);
        if let Some(claim) = claimed.and_then(|claimed| claimed.get_mut(addr)) {
            claim.inst = Some(inst);
            return true;
        }
        let stored = self.state.resources.get(&addr.resource);
        let elsewhere = self.is_destroying()
            && addr.resource.resource.mode == ResourceMode::Managed
            && self.state.current(addr).is_some()
            && stored.is_some_and(|r| !self.comes_after(node, &r.provider));
        if elsewhere {
            // Who needs it sees it as it is stored.
            self.keep(inst, addr);
        }
        elsewhere
    }

    /// The visit of a resource is over: destroys its objects.
    pub(crate) fn destroy_claimed(&mut self, node: NodeId) {
        for (addr, claim) in self.destroy.claimed.remove(&node).unwrap_or_default() {
            let provider = self.stored_provider(&claim.provider, &addr);
            self.begin(Start {
                addr,
                deposed: None,
                inst: claim.inst,
                node: claim.inst.map(|_| node),
                provider,
                goal: claim.goal,
            });
        }
    }

    /// An object is as it is now. Everything is looked at before anything is planned to go: a
    /// provider may count what is planned when it is asked what there is.
    pub(crate) fn destroy_later(&mut self, mut task: Task, reason: Reason) {
        self.finish_task(&task);
        task.node = None;
        self.destroy.later.push((task, reason));
    }

    /// Nothing is left to look at: plans that the objects go. Whether there were any.
    pub(crate) fn destroy_now(&mut self) -> bool {
        let later = std::mem::take(&mut self.destroy.later);
        let any = !later.is_empty();
        for (task, reason) in later {
            self.plan_delete(task, reason);
        }
        any
    }

    /// Whether a destroy can go on without a node.
    pub(crate) fn is_optional(&self, node: NodeId) -> bool {
        self.destroy.optional.contains(&node)
    }

    /// Does work for a node. Where a destroy can go on without it, what goes wrong is no error.
    /// Nothing that is to be destroyed may be worked on here.
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
