//! What a plan is limited to: `-target` and `-exclude`, a destroy, imports that are only read.

use std::collections::HashSet;

use muster_addr::{ConfigResource, InstanceAddr, Target, shell_word};
use muster_config::ModuleId;
use muster_lang::Diagnostic;
use muster_plan::Mode;

use crate::graph::{Node, NodeId};
use crate::visit::Orphan;
use crate::{Options, Planner};

/// What a plan is limited to.
pub(crate) struct Included {
    /// Nodes that are visited.
    pub nodes: HashSet<NodeId>,
    /// Of those, the ones that something else needs: all their instances belong to the plan.
    pub needed: HashSet<NodeId>,
}

impl Planner {
    /// What has moved changes the state, so a limited plan has to be about it, too.
    pub(crate) fn check_moved_targets(&mut self) {
        let targets = &self.options.targets;
        if targets.is_empty() {
            return;
        }
        let outside = |(to, from): &(&InstanceAddr, &InstanceAddr)| {
            !targets.iter().any(|t| t.contains(to) || t.contains(from))
        };
        let mut missing: Vec<String> = (self.moves.origin.iter())
            .filter(outside)
            .map(|(to, _)| format!("  -target={}", shell_word(&to.to_string())))
            .collect();
        if missing.is_empty() {
            return;
        }
        missing.sort();
        let detail = format!(
            "Objects have moved to other addresses, but the plan is limited to others. Plan without -target, or add these options:\n{}",
            missing.join("\n")
        );
        let summary = "Moved resource instances excluded by targeting";
        self.diags.push(Diagnostic::error(summary, detail));
    }

    /// As [`Self::check_moved_targets`], for a plan that leaves something alone.
    pub(crate) fn check_moved_excludes(&mut self) {
        let excludes = &self.options.excludes;
        if excludes.is_empty() {
            return;
        }
        let config = self.eval.config();
        let left_alone = |to: &InstanceAddr| {
            let resource = to.resource.config();
            let (id, _) = config.iter().find(|(_, m)| m.path == resource.module)?;
            let node = self.graph.find(&Node::Resource(id, resource.resource))?;
            Some(!self.is_included(node))
        };
        let mut moved: Vec<String> = (self.moves.origin.iter())
            .filter(|(to, from)| {
                excludes.iter().any(|t| t.contains(to) || t.contains(from))
                    || left_alone(to).unwrap_or_default()
            })
            .map(|(to, from)| format!("  {from} to {to}"))
            .collect();
        if moved.is_empty() {
            return;
        }
        moved.sort();
        let detail = format!(
            "Objects have moved to other addresses, but -exclude leaves them alone, or something that they depend on. Plan without it first:\n{}",
            moved.join("\n")
        );
        let summary = "Moved resource instances excluded by targeting";
        self.diags.push(Diagnostic::error(summary, detail));
    }

    /// What -target and -exclude name although nothing is there: neither in the configuration nor
    /// in the state.
    pub(crate) fn find_unmatched(&mut self) {
        let config = self.eval.config();
        let configured: Vec<ConfigResource> = self
            .graph
            .nodes
            .iter()
            .filter_map(|node| match node {
                Node::Resource(module, resource) => Some(ConfigResource {
                    module: config.module(*module).path.clone(),
                    resource: resource.clone(),
                }),
                _ => None,
            })
            .collect();
        let is_there = |target: &Target| {
            configured.iter().any(|addr| target.may_contain(addr))
                || self.state.resources.iter().any(|(addr, resource)| {
                    let mut keys = resource.instances.keys();
                    keys.any(|key| target.contains(&addr.instance(key.clone())))
                })
        };
        let named = self.options.targets.iter().chain(&self.options.excludes);
        self.unmatched = named
            .filter(|t| !is_there(t))
            .map(|target| match target {
                Target::Module(module) => module.to_string(),
                Target::Resource(addr) => addr.to_string(),
            })
            .collect();
    }

    /// The nodes that the plan is about.
    pub(crate) fn limit(&mut self) -> Option<Included> {
        if !self.options.only_read.is_empty() {
            self.orphans.clear();
            return Some(self.included(|addr| self.options.only_read.contains(addr)));
        }
        self.exclude_orphans();
        if self.options.mode == Mode::Destroy {
            return Some(self.limit_destroy());
        }
        if !self.options.excludes.is_empty() {
            let nodes = self.not_excluded();
            let needed = nodes.clone();
            return Some(Included { nodes, needed });
        }
        if self.options.targets.is_empty() {
            return None;
        }
        self.limit_orphans();
        let targets = &self.options.targets;
        let Included { mut nodes, needed } =
            self.included(|addr| targets.iter().any(|t| t.may_contain(addr)));
        let providers = self.orphans.keys().cloned();
        let providers = providers.map(|addr| Node::Provider(addr.into()));
        let roots: Vec<_> = providers
            .filter_map(|node| self.graph.find(&node))
            .collect();
        nodes.extend(self.graph.closure(roots));
        self.add_outputs(&mut nodes);
        Some(Included { nodes, needed })
    }

    /// Some resources and what they need.
    pub(crate) fn included(&self, wanted: impl Fn(&ConfigResource) -> bool) -> Included {
        let config = self.eval.config();
        let direct: Vec<NodeId> = (0..self.graph.nodes.len())
            .filter(|&id| match &self.graph.nodes[id] {
                Node::Resource(module, resource) => wanted(&ConfigResource {
                    module: config.module(*module).path.clone(),
                    resource: resource.clone(),
                }),
                _ => false,
            })
            .collect();
        let needs = direct.iter().flat_map(|&d| self.graph.needs[d].clone());
        let needed = self.graph.closure(needs);
        let mut nodes = needed.clone();
        nodes.extend(direct);
        Included { nodes, needed }
    }

    /// All nodes that neither are left alone nor need what is. Where only some instances of a
    /// resource are left alone, the others are in the plan, but nothing that needs the resource.
    pub(crate) fn not_excluded(&self) -> HashSet<NodeId> {
        let config = self.eval.config();
        let excludes = &self.options.excludes;
        let mut roots = Vec::new();
        for (id, node) in self.graph.nodes.iter().enumerate() {
            let Node::Resource(module, resource) = node else {
                continue;
            };
            let addr = ConfigResource {
                module: config.module(*module).path.clone(),
                resource: resource.clone(),
            };
            if excludes
                .iter()
                .any(|t| t.is_whole() && t.may_contain(&addr))
            {
                roots.push(id);
            } else if excludes.iter().any(|t| t.may_contain(&addr)) {
                roots.extend(&self.graph.needed_by[id]);
            }
        }
        let out = self.graph.dependents(roots);
        (0..self.graph.nodes.len())
            .filter(|id| !out.contains(id))
            .collect()
    }

    /// Leaves out orphans that are left alone, and those that such an object depends on: it could
    /// not go on without them.
    fn exclude_orphans(&mut self) {
        let excludes = &self.options.excludes;
        if excludes.is_empty() {
            return;
        }
        let excluded = |addr: &InstanceAddr| excludes.iter().any(|t| t.contains(addr));
        let mut needed: HashSet<&ConfigResource> = HashSet::new();
        for (addr, resource) in &self.state.resources {
            for (key, instance) in &resource.instances {
                if excluded(&addr.instance(key.clone())) {
                    let objects = instance.current.iter().chain(instance.deposed.values());
                    needed.extend(objects.flat_map(|o| &o.dependencies));
                }
            }
        }
        for orphans in self.orphans.values_mut() {
            orphans.retain(|o| {
                !excluded(&o.resource.instance(o.key.clone()))
                    && !needed.contains(&o.resource.config())
            });
        }
        self.orphans.retain(|_, orphans| !orphans.is_empty());
    }

    /// Outputs of the root module of which everything is in the plan anyway.
    fn add_outputs(&self, nodes: &mut HashSet<NodeId>) {
        let is_resource = |n: &NodeId| matches!(self.graph.nodes[*n], Node::Resource(..));
        let outside = (0..self.graph.nodes.len()).filter(|n| is_resource(n) && !nodes.contains(n));
        let partly = self.graph.dependents(outside);
        let inside: Vec<NodeId> = nodes.iter().copied().filter(is_resource).collect();
        let touched = self.graph.dependents(inside);
        let outputs = touched.into_iter().filter(|n| {
            matches!(self.graph.nodes[*n], Node::Output(ModuleId::ROOT, _)) && !partly.contains(n)
        });
        nodes.extend(self.graph.closure(outputs));
    }

    /// Keeps the orphans that are targeted, and when destroying those that need a targeted one.
    pub(crate) fn limit_orphans(&mut self) {
        let targets = &self.options.targets;
        if targets.is_empty() {
            return;
        }
        let state = &self.state;
        let destroy = self.options.mode == Mode::Destroy;
        let stored = |o: &Orphan| {
            let instance = state.resources.get(&o.resource)?.instances.get(&o.key)?;
            match &o.deposed {
                Some(key) => instance.deposed.get(key),
                None => instance.current.as_ref(),
            }
        };
        let wanted = |o: &Orphan| {
            let addr = o.resource.instance(o.key.clone());
            let dependency = |o: &Orphan| {
                stored(o).is_some_and(|object| {
                    object
                        .dependencies
                        .iter()
                        .any(|d| targets.iter().any(|t| t.may_contain(d)))
                })
            };
            targets.iter().any(|t| t.contains(&addr)) || (destroy && dependency(o))
        };
        for orphans in self.orphans.values_mut() {
            orphans.retain(|o| wanted(o));
        }
        self.orphans.retain(|_, orphans| !orphans.is_empty());
    }

    pub(crate) fn is_included(&self, node: NodeId) -> bool {
        self.included
            .as_ref()
            .is_none_or(|i| i.nodes.contains(&node))
    }

    /// Whether the plan is about an instance, should the configuration have it.
    pub(crate) fn is_planned(&self, addr: &InstanceAddr) -> bool {
        let resource = addr.resource.config();
        let module = self.eval.config().find_id(&resource.module);
        let node = module.map(|module| Node::Resource(module, resource.resource));
        let node = node.and_then(|node| self.graph.find(&node));
        node.is_none_or(|node| self.is_included(node) && self.is_targeted(node, addr))
    }

    /// Whether the plan is about an object that was set aside. Other objects do not need it.
    pub(crate) fn is_deposed_targeted(&self, node: NodeId, addr: &InstanceAddr) -> bool {
        let targets = &self.options.targets;
        let named = targets.is_empty() || targets.iter().any(|t| t.contains(addr));
        named && self.is_targeted(node, addr)
    }

    pub(crate) fn is_targeted(&self, node: NodeId, addr: &muster_addr::InstanceAddr) -> bool {
        if self.options.excludes.iter().any(|t| t.contains(addr)) {
            return false;
        }
        self.included.as_ref().is_none_or(|i| {
            i.needed.contains(&node)
                || self.options.targets.iter().any(|t| t.contains(addr))
                || self.options.only_read.contains(&addr.resource.config())
        })
    }
}

/// What the limit of a plan means. Nothing is destroyed before the objects that need it.
pub(crate) fn meaning(options: &Options) -> &'static str {
    match (options.mode, options.excludes.is_empty()) {
        (Mode::Destroy, true) => {
            "The plan is limited to what -target names and what depends on it. Everything else stays."
        }
        (Mode::Destroy, false) => {
            "The plan leaves alone what -exclude names and what that needs, so it may not destroy everything."
        }
        (_, true) => {
            "The plan is limited to what -target names and what that needs, so it may leave out changes that the configuration asks for. Run a plan without -target afterwards."
        }
        (_, false) => {
            "The plan leaves alone what -exclude names and what depends on it, so it may leave out changes that the configuration asks for. Run a plan without -exclude afterwards."
        }
    }
}
