//! The dependency graph of a configuration: what must be known before what.
//!
//! Nodes are things as they stand in the configuration; instances do not show here, so the
//! graph is small, and a cycle in it is a cycle whatever the values are.

mod build;

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use foldhash::HashMap;
use indexmap::IndexSet;
use muster_addr::{ConfigResource, InstanceKey, Mode, ProviderConfigAddr, ResourceId};
use muster_config::{Config, ModuleId};
use muster_lang::{Diags, Subject};

use crate::Str;

/// One thing that has to be worked out.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// A variable.
    Variable(ModuleId, Str),
    /// A local value.
    Local(ModuleId, Str),
    /// An output.
    Output(ModuleId, Str),
    /// A `check` block.
    Check(ModuleId, Str),
    /// A resource with all its instances.
    Resource(ModuleId, ResourceId),
    /// Which instances of a module there are.
    Module(ModuleId),
    /// Everything in a module is done.
    ModuleDone(ModuleId),
    /// A provider configuration.
    Provider(Arc<ProviderConfigAddr>),
}

/// Index of a node.
pub type NodeId = usize;

/// Nodes, each once.
pub type Nodes = IndexSet<Node, foldhash::fast::RandomState>;

/// What must be known before what, as the configuration says.
#[derive(Debug)]
pub struct Graph {
    /// All nodes, dependencies before dependents; a [`NodeId`] is the index of one.
    pub nodes: Nodes,
    /// For each node the nodes that it needs; all of them come before it.
    pub needs: Vec<Vec<NodeId>>,
    /// For each node the nodes that need it.
    pub needed_by: Vec<Vec<NodeId>>,
    /// Which instances of a resource a node refers to, when it is not all of them.
    named: HashMap<(NodeId, NodeId), BTreeSet<InstanceKey>>,
    /// Resources that refer to themselves, and the like: errors of planning, but not of the
    /// configuration.
    pub(crate) plan_errors: Diags,
    /// What is wrong with triggers, which count where something may be replaced.
    pub(crate) trigger_errors: Diags,
}

impl Graph {
    /// Builds the graph. `extra` are provider configurations that only the state mentions.
    ///
    /// # Errors
    /// Things need each other, so that none can be first.
    pub fn new(config: &Config, extra: &BTreeSet<ProviderConfigAddr>) -> Result<Self, Diags> {
        build::build(config, extra)
    }

    /// The name of a node: the address that the configuration, which must be the one that the
    /// graph was made of, gives to the thing.
    pub fn name(&self, config: &Config, node: NodeId) -> String {
        Name(config, &self.nodes[node]).to_string()
    }

    /// The node of a thing.
    pub(crate) fn find(&self, node: &Node) -> Option<NodeId> {
        self.nodes.get_index_of(node)
    }

    /// Which instances of a resource a node refers to; `None` for all of them.
    pub(crate) fn named(&self, from: NodeId, resource: NodeId) -> Option<&BTreeSet<InstanceKey>> {
        self.named.get(&(from, resource))
    }

    /// Everything that the nodes need, directly or not, and the nodes themselves.
    pub(crate) fn closure(&self, roots: impl IntoIterator<Item = NodeId>) -> HashSet<NodeId> {
        reach(&self.needs, roots)
    }

    /// Everything that needs the nodes, directly or not, and the nodes themselves.
    pub(crate) fn dependents(&self, roots: impl IntoIterator<Item = NodeId>) -> HashSet<NodeId> {
        reach(&self.needed_by, roots)
    }

    /// The resources that each resource depends on, directly or not, those that its provider's
    /// configuration needs included, sorted by how they print:
    /// what is stored with every object. Shared where equal.
    pub(crate) fn resource_dependencies(&self, config: &Config) -> Vec<Arc<[ConfigResource]>> {
        let mut sets: Vec<Arc<BTreeSet<NodeId>>> = Vec::with_capacity(self.nodes.len());
        for needs in &self.needs {
            let is_resource = |n: NodeId| matches!(self.nodes[n], Node::Resource(..));
            let mut sources = needs
                .iter()
                .filter(|n| !sets[**n].is_empty() || is_resource(**n));
            let set = match (sources.next(), sources.next()) {
                (None, _) => Arc::default(),
                (Some(&only), None) if !is_resource(only) => Arc::clone(&sets[only]),
                _ => {
                    let mut set = BTreeSet::new();
                    for &need in needs {
                        set.extend(sets[need].iter().copied());
                        if is_resource(need) {
                            set.insert(need);
                        }
                    }
                    Arc::new(set)
                }
            };
            sets.push(set);
        }
        sets.iter().map(|set| self.names(config, set)).collect()
    }

    fn names(&self, config: &Config, set: &BTreeSet<NodeId>) -> Arc<[ConfigResource]> {
        let mut found: Vec<(String, ConfigResource)> = set
            .iter()
            .filter_map(|&n| match &self.nodes[n] {
                Node::Resource(module, id) => {
                    let module = config.module(*module).path.clone();
                    let resource = ConfigResource {
                        module,
                        resource: id.clone(),
                    };
                    Some((resource.to_string(), resource))
                }
                _ => None,
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.into_iter().map(|(_, r)| r).collect()
    }
}

fn reach(edges: &[Vec<NodeId>], roots: impl IntoIterator<Item = NodeId>) -> HashSet<NodeId> {
    let mut found = HashSet::new();
    let mut stack: Vec<NodeId> = roots.into_iter().collect();
    while let Some(id) = stack.pop() {
        if found.insert(id) {
            stack.extend(&edges[id]);
        }
    }
    found
}

/// The resource that a subject names.
pub(crate) fn resource_id(subject: &Subject) -> Option<ResourceId> {
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

struct Name<'a>(&'a Config, &'a Node);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = |f: &mut fmt::Formatter<'_>, id: &ModuleId| {
            let path = &self.0.module(*id).path;
            if path.is_root() {
                Ok(())
            } else {
                write!(f, "{path}.")
            }
        };
        match self.1 {
            Node::Variable(m, name) => module(f, m).and_then(|()| write!(f, "var.{name}")),
            Node::Local(m, name) => module(f, m).and_then(|()| write!(f, "local.{name}")),
            Node::Output(m, name) => module(f, m).and_then(|()| write!(f, "output.{name}")),
            Node::Check(m, name) => module(f, m).and_then(|()| write!(f, "check.{name}")),
            Node::Resource(m, id) => module(f, m).and_then(|()| write!(f, "{id}")),
            Node::Module(m) => write!(f, "{} (expand)", self.0.module(*m).path),
            Node::ModuleDone(m) => write!(f, "{} (close)", self.0.module(*m).path),
            Node::Provider(addr) => write!(f, "{addr}"),
        }
    }
}
