//! What a plan rests on: the resources that it changes, and those that the changes are made from.

use std::collections::{BTreeMap, BTreeSet};

use muster_addr::{ConfigResource, InstanceAddr};
use muster_config::ModuleId;
use muster_plan::{Action, Change, Deposed, Mode, OutputChange};

use crate::graph::{Node, NodeId};
use crate::{Planner, Str};

impl Planner {
    /// The resources whose stored state must be as it was for the plan to be right.
    pub(crate) fn reads(
        &self,
        changes: &BTreeMap<(InstanceAddr, Deposed), Change>,
        outputs: &BTreeMap<Str, OutputChange>,
    ) -> BTreeSet<ConfigResource> {
        let mut found = BTreeSet::new();
        let mut roots: Vec<NodeId> = self.undecided.keys().copied().collect();
        for change in changes.values().filter(|c| c.is_effective()) {
            self.root(change, &mut roots, &mut found);
        }
        if self.options.mode == Mode::RefreshOnly {
            for change in self.drift.values() {
                self.root(change, &mut roots, &mut found);
            }
        }
        for (name, _) in outputs.iter().filter(|(_, o)| o.action != Action::NoOp) {
            roots.extend(self.graph.find(&Node::Output(ModuleId::ROOT, name.clone())));
        }
        let config = self.eval.config();
        for id in self.graph.closure(roots) {
            if let Node::Resource(module, resource) = &self.graph.nodes[id] {
                found.insert(ConfigResource {
                    module: config.module(*module).path.clone(),
                    resource: resource.clone(),
                });
            }
        }
        found
    }

    /// Where the search for what a change needs begins.
    fn root(&self, change: &Change, roots: &mut Vec<NodeId>, found: &mut BTreeSet<ConfigResource>) {
        let resource = change.addr.resource.config();
        if let Some(module) = self.eval.config().find_id(&resource.module) {
            let node = Node::Resource(module, resource.resource.clone());
            roots.extend(self.graph.find(&node));
        }
        roots.extend(
            self.graph
                .find(&Node::Provider(change.provider.config().into())),
        );
        found.extend(change.previous.iter().map(|p| p.resource.config()));
        found.extend(change.dependencies.iter().cloned());
        found.insert(resource);
    }
}
