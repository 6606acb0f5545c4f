//! Builds the graph from what the configuration says.

use std::collections::BTreeSet;
use std::collections::hash_map::Entry;

use foldhash::HashMap;
use muster_addr::{InstanceKey, ProviderConfigAddr, ResourceId};
use muster_config::{Config, Module, ModuleId};
use muster_lang::{Diagnostic, Diags, Expr, Node as ExprNode, Reference, Subject};
use muster_value::PathStep;
use petgraph::algo::{kosaraju_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Graph, Name, Node, NodeId, Nodes, resource_id};
use crate::Str;

/// Builds the graph; see [`Graph::new`].
pub(super) fn build(config: &Config, extra: &BTreeSet<ProviderConfigAddr>) -> Result<Graph, Diags> {
    let mut builder = Builder {
        config,
        graph: DiGraph::new(),
        nodes: Nodes::default(),
        named: HashMap::default(),
        plan_errors: Diags::new(),
        trigger_errors: Diags::new(),
    };
    for (id, module) in config.iter() {
        builder.module(id, module);
    }
    builder.imports();
    for provider in extra {
        builder.node(Node::Provider(provider.clone().into()));
    }
    builder.finish()
}

struct Builder<'a> {
    config: &'a Config,
    nodes: Nodes,
    /// The edges between nodes, by their indices.
    graph: DiGraph<(), ()>,
    /// Which instances of a resource a node refers to; empty for all of them.
    named: HashMap<(NodeId, NodeId), BTreeSet<InstanceKey>>,
    plan_errors: Diags,
    trigger_errors: Diags,
}

impl Builder<'_> {
    fn node(&mut self, node: Node) -> NodeIndex {
        let (ix, is_new) = self.nodes.insert_full(node);
        if is_new {
            self.graph.add_node(());
        }
        NodeIndex::new(ix)
    }

    /// `from` needs `to`.
    fn edge(&mut self, from: NodeIndex, to: Node) {
        let to = self.node(to);
        self.graph.add_edge(to, from, ());
    }

    fn module(&mut self, id: ModuleId, module: &Module) {
        let done = self.node(Node::ModuleDone(id));
        self.edge(done, Node::Module(id));
        self.call_of(id, module);
        for name in module.variables.keys() {
            let ix = self.member(id, done, Node::Variable(id, name.clone()));
            let given = self
                .call(id)
                .and_then(|call| call.arguments.get(name).cloned());
            if let (Some(parent), Some(expr)) = (module.parent, given) {
                self.expr(parent, ix, &expr);
            }
            for check in &module.variables[name].validations {
                // A rule may look at other variables; its own is not a dependency.
                self.expr_except(id, ix, &check.condition, name);
                self.expr_except(id, ix, &check.message, name);
            }
        }
        for (name, local) in &module.locals {
            let ix = self.member(id, done, Node::Local(id, name.clone()));
            self.expr(id, ix, &local.expr);
        }
        for (name, output) in &module.outputs {
            let ix = self.member(id, done, Node::Output(id, name.clone()));
            self.expr(id, ix, &output.expr);
            self.depends_on(id, ix, &output.depends_on);
            for check in &output.preconditions {
                self.expr(id, ix, &check.condition);
                self.expr(id, ix, &check.message);
            }
        }
        for (name, check) in &module.checks {
            let ix = self.member(id, done, Node::Check(id, name.clone()));
            if let Some(data) = &check.data {
                self.edge(ix, Node::Resource(id, data.clone()));
            }
            for assertion in &check.assertions {
                self.expr(id, ix, &assertion.condition);
                self.expr(id, ix, &assertion.message);
            }
        }
        for resource in module.resources.values() {
            let ix = self.member(id, done, Node::Resource(id, resource.id.clone()));
            self.resource(id, ix, resource);
        }
        for block in module.provider_configs.values() {
            let ix = self.node(Node::Provider(block.addr.clone().into()));
            self.edge(ix, Node::Module(id));
            if let Some(expr) = &block.for_each {
                self.expr(id, ix, expr);
            }
            self.references(id, ix, &block.references);
        }
        for call in module.calls.values() {
            self.edge(done, Node::ModuleDone(call.module));
        }
    }

    fn call(&self, id: ModuleId) -> Option<&'_ muster_config::ModuleCall> {
        let module = self.config.module(id);
        self.config
            .module(module.parent?)
            .calls
            .get(module.path.0.last()?)
    }

    /// What the expansion of a module needs: its caller's expansion, and `count` or `for_each`.
    fn call_of(&mut self, id: ModuleId, module: &Module) {
        let ix = self.node(Node::Module(id));
        let Some(parent) = module.parent else { return };
        self.edge(ix, Node::Module(parent));
        if let Some(expr) = self.call(id).and_then(|c| c.repetition.expr().cloned()) {
            self.expr(parent, ix, &expr);
        }
    }

    /// A node inside a module: it needs the module's expansion, and the module needs it.
    fn member(&mut self, id: ModuleId, done: NodeIndex, node: Node) -> NodeIndex {
        let ix = self.node(node);
        self.edge(ix, Node::Module(id));
        self.graph.add_edge(ix, done, ());
        ix
    }

    /// What is imported to a resource has to be known before the resource is planned.
    fn imports(&mut self) {
        for import in &self.config.root().imports {
            let target = import.target.config();
            let modules = self.config.iter();
            let Some((module, _)) = modules.into_iter().find(|(_, m)| m.path == target.module)
            else {
                continue;
            };
            let node = Node::Resource(module, target.resource);
            let Some(ix) = self.nodes.get_index_of(&node) else {
                continue;
            };
            let ix = NodeIndex::new(ix);
            let keys = import.target.modules.iter().map(|(_, key)| key);
            let keys = keys.chain([&import.target.key, &import.for_each]).flatten();
            for expr in keys.chain([import.by.expr()]) {
                self.expr(ModuleId::ROOT, ix, expr);
            }
        }
    }

    fn resource(&mut self, id: ModuleId, ix: NodeIndex, resource: &muster_config::Resource) {
        if let Some(expr) = resource.repetition.expr() {
            self.expr(id, ix, expr);
        }
        self.references(id, ix, &resource.references);
        self.depends_on(id, ix, &resource.depends_on);
        self.edge(ix, Node::Provider(resource.provider.clone()));
        if let Some(key) = &resource.provider_key {
            let caller = key
                .call
                .and_then(|called| self.config.module(called).parent);
            self.expr(caller.unwrap_or(id), ix, &key.expr);
        }
        let life = &resource.lifecycle;
        for check in life.preconditions.iter().chain(&life.postconditions) {
            self.expr_except_self(id, ix, &check.condition, &resource.id);
            self.expr_except_self(id, ix, &check.message, &resource.id);
        }
        for trigger in &life.replace_triggered_by {
            self.expr(id, ix, &trigger.expr);
            let wrong = self.trigger(id, resource, trigger);
            self.trigger_errors.0.extend(wrong);
        }
        if let Some(expr) = &life.prevent_destroy {
            self.expr(id, ix, expr);
        }
        self.provisioners(id, ix, resource);
        // `depends_on` of the calls that lead here holds for everything inside.
        let mut inner = id;
        while let Some(parent) = self.config.module(inner).parent {
            if let Some(call) = self.call(inner) {
                let references = call.depends_on.clone();
                self.depends_on(parent, ix, &references);
            }
            inner = parent;
        }
    }

    /// What a plan finds wrong with a trigger; a configuration with it is valid.
    fn trigger(
        &self,
        id: ModuleId,
        resource: &muster_config::Resource,
        trigger: &muster_config::Trigger,
    ) -> Option<Diagnostic> {
        use muster_config::Repetition;

        const ONLY: &str = "is known only where the block that has the trigger sets";
        let references = trigger.expr.references().iter();
        let missing_key = references.clone().find_map(|r| match r.subject {
            Subject::EachKey if !matches!(resource.repetition, Repetition::ForEach(_)) => {
                let summary = "Reference to \"each\" in context without for_each";
                Some(Diagnostic::error(summary, format!("each.key {ONLY} for_each.")).at(r.span))
            }
            Subject::CountIndex if !matches!(resource.repetition, Repetition::Count(_)) => {
                let summary = "Reference to \"count\" in non-counted context";
                Some(Diagnostic::error(summary, format!("count.index {ONLY} count.")).at(r.span))
            }
            _ => None,
        });
        let declared = &self.config.module(id).resources;
        let mut at = trigger.expr.0.root;
        while let ExprNode::GetAttr(inner, _) | ExprNode::Index(inner, _) = trigger.expr.node(at) {
            at = *inner;
        }
        if !matches!(trigger.expr.node(at), ExprNode::Reference(_)) {
            let detail = "A trigger is a resource or one of its attributes as it is, nothing that \
                          is worked out from it.";
            let summary = "Invalid replace_triggered_by expression";
            return Some(Diagnostic::error(summary, detail).at(trigger.expr.span()));
        }
        missing_key.or_else(|| {
            references.clone().find_map(|r| {
                let named = resource_id(&r.subject)?;
                let detail = format!("There is no {named} in this module that could change.");
                let d = Diagnostic::error("Reference to undeclared resource", detail);
                (!declared.contains_key(&named)).then(|| d.at(r.span))
            })
        })
    }

    fn expr(&mut self, id: ModuleId, from: NodeIndex, expr: &Expr) {
        self.references(id, from, expr.references());
    }

    /// What runs when an object is made can use others; what runs at its end cannot.
    fn provisioners(&mut self, id: ModuleId, from: NodeIndex, resource: &muster_config::Resource) {
        let provisioners = resource.provisioners.iter();
        let at_start = provisioners.filter(|p| p.when == muster_config::When::Create);
        for reference in at_start.flat_map(|p| &p.references) {
            if resource_id(&reference.subject).as_ref() != Some(&resource.id) {
                self.reference(id, from, reference);
            }
        }
    }

    fn expr_except(&mut self, id: ModuleId, from: NodeIndex, expr: &Expr, variable: &Str) {
        let own = Subject::Variable(variable.clone());
        for reference in expr.references().iter().filter(|r| r.subject != own) {
            self.reference(id, from, reference);
        }
    }

    fn expr_except_self(&mut self, id: ModuleId, from: NodeIndex, expr: &Expr, own: &ResourceId) {
        for reference in expr.references() {
            if resource_id(&reference.subject).as_ref() != Some(own) {
                self.reference(id, from, reference);
            }
        }
    }

    fn references(&mut self, id: ModuleId, from: NodeIndex, references: &[Reference]) {
        for reference in references {
            self.reference(id, from, reference);
        }
    }

    fn reference(&mut self, id: ModuleId, from: NodeIndex, reference: &Reference) {
        match &reference.subject {
            Subject::Variable(name) => self.known_edge(id, from, Node::Variable(id, name.clone())),
            Subject::Local(name) => self.known_edge(id, from, Node::Local(id, name.clone())),
            Subject::Module(name) => self.module_reference(id, from, name, reference),
            Subject::EachKey | Subject::EachValue | Subject::CountIndex => {}
            subject => {
                if let Some(resource) = resource_id(subject) {
                    let node = Node::Resource(id, resource.clone());
                    if self.nodes[from.index()] == node {
                        return self.self_reference(&node, reference);
                    }
                    if self.config.module(id).resources.contains_key(&resource) {
                        let to = self.node(node.clone());
                        self.name_instance(from, to, reference);
                        self.graph.add_edge(to, from, ());
                    }
                }
            }
        }
    }

    /// Notes which instance of a resource is meant.
    fn name_instance(&mut self, from: NodeIndex, to: NodeIndex, reference: &Reference) {
        let key = match reference.steps.first() {
            Some(PathStep::Index(index)) => Some(InstanceKey::Int(*index)),
            Some(PathStep::Key(key)) => Some(InstanceKey::Str(key.clone())),
            _ => None,
        };
        let edge = (from.index(), to.index());
        match (key, self.named.entry(edge)) {
            (Some(key), Entry::Vacant(entry)) => {
                entry.insert(BTreeSet::from([key]));
            }
            (Some(key), Entry::Occupied(mut entry)) if !entry.get().is_empty() => {
                entry.get_mut().insert(key);
            }
            (Some(_), Entry::Occupied(_)) => {}
            (None, entry) => {
                entry.insert_entry(BTreeSet::new());
            }
        }
    }

    fn self_reference(&mut self, node: &Node, reference: &Reference) {
        let detail = format!(
            "The configuration of {} refers to the object itself, which is only there once it is made. In a postcondition or a provisioner write self.",
            Name(self.config, node)
        );
        let d = Diagnostic::error("Self-referential block", detail);
        self.plan_errors.push(d.at(reference.full_span));
    }

    /// Undeclared names were reported by the configuration; they give no edge.
    fn known_edge(&mut self, id: ModuleId, from: NodeIndex, to: Node) {
        let module = self.config.module(id);
        let known = match &to {
            Node::Variable(_, name) => module.variables.contains_key(name),
            Node::Local(_, name) => module.locals.contains_key(name),
            _ => true,
        };
        if known {
            self.edge(from, to);
        }
    }

    fn module_reference(
        &mut self,
        id: ModuleId,
        from: NodeIndex,
        name: &Str,
        reference: &Reference,
    ) {
        let Some(call) = self.config.module(id).calls.get(name) else {
            return;
        };
        let child = call.module;
        self.edge(from, Node::Module(child));
        let outputs = &self.config.module(child).outputs;
        let named = reference.steps.iter().take(2).find_map(|step| match step {
            PathStep::Attr(name) if outputs.contains_key(name) => Some(name.clone()),
            _ => None,
        });
        match named {
            Some(output) => self.edge(from, Node::Output(child, output)),
            None => {
                for output in outputs.keys() {
                    self.edge(from, Node::Output(child, output.clone()));
                }
                // Whoever takes a module as a whole depends on all of it.
                self.edge(from, Node::ModuleDone(child));
            }
        }
    }

    fn depends_on(&mut self, id: ModuleId, from: NodeIndex, references: &[Reference]) {
        for reference in references {
            match &reference.subject {
                Subject::Module(name) => {
                    if let Some(call) = self.config.module(id).calls.get(name) {
                        self.edge(from, Node::ModuleDone(call.module));
                    }
                }
                subject => {
                    // Whoever waits for itself by this does not wait.
                    let own = resource_id(subject).map(|r| Node::Resource(id, r));
                    if own.as_ref() != self.nodes.get_index(from.index()) {
                        self.reference(id, from, reference);
                    }
                }
            }
        }
    }

    fn finish(self) -> Result<Graph, Diags> {
        let order = toposort(&self.graph, None).map_err(|_| self.cycles())?;
        let mut position = vec![0; order.len()];
        for (i, ix) in order.iter().enumerate() {
            position[ix.index()] = i;
        }
        let mut needs = vec![Vec::new(); order.len()];
        let mut needed_by = vec![Vec::new(); order.len()];
        for edge in self.graph.raw_edges() {
            let (to, from) = (
                position[edge.source().index()],
                position[edge.target().index()],
            );
            needs[from].push(to);
        }
        for (from, list) in needs.iter_mut().enumerate() {
            list.sort_unstable();
            list.dedup();
            for &to in list.iter() {
                needed_by[to].push(from);
            }
        }
        let mut nodes: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        let nodes = order.iter().filter_map(|ix| nodes[ix.index()].take());
        let named = self.named.into_iter().filter(|(_, keys)| !keys.is_empty());
        let named = named.map(|((from, to), keys)| ((position[from], position[to]), keys));
        Ok(Graph {
            named: named.collect(),
            nodes: nodes.collect(),
            needs,
            needed_by,
            plan_errors: self.plan_errors,
            trigger_errors: self.trigger_errors,
        })
    }

    /// Names every cycle.
    fn cycles(&self) -> Diags {
        let mut diags = Diags::new();
        for group in kosaraju_scc(&self.graph) {
            let looped = group.len() > 1
                || group
                    .first()
                    .is_some_and(|&n| self.graph.contains_edge(n, n));
            if !looped {
                continue;
            }
            let mut names: Vec<String> = group
                .iter()
                .map(|&n| Name(self.config, &self.nodes[n.index()]).to_string())
                .collect();
            names.sort();
            let summary = format!("Cycle: {}", names.join(", "));
            let detail = "These need each other, so none of them can be first. Take out one of the references between them; often a resource of its own (an attachment, a rule) can hold the link.";
            let at = group
                .iter()
                .find_map(|&n| span_of(self.config, &self.nodes[n.index()]));
            diags.push(Diagnostic::error(summary, detail).at_opt(at));
        }
        diags
    }
}

fn span_of(config: &Config, node: &Node) -> Option<muster_lang::Span> {
    match node {
        Node::Resource(m, id) => config.module(*m).resources.get(id).map(|r| r.span),
        Node::Local(m, name) => config.module(*m).locals.get(name).map(|l| l.span),
        Node::Output(m, name) => config.module(*m).outputs.get(name).map(|o| o.span),
        _ => None,
    }
}
