//! The walk over the graph: what is done when all needs of a node are met.

mod resource;

use std::collections::HashSet;

use muster_addr::{AbsResource, InstanceKey, Mode as ResourceMode, ProviderConfigAddr};
use muster_config::{Config, ModuleId};
use muster_eval::{CheckResult, ModuleInst};
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Deposed, Mode, Reason, Status, StepKind};

use crate::Planner;
use crate::graph::{Graph, Node, NodeId};
use crate::task::{Goal, Start};
pub(crate) use resource::reason_for;

/// An object of the state that no instance of the configuration speaks for.
pub(crate) struct Orphan {
    pub resource: AbsResource,
    pub key: InstanceKey,
    pub deposed: Deposed,
    pub goal: Goal,
}

/// Resources whose replacement is made first: those that ask for it and all that they need, or
/// the old object of a need would be in the way.
pub(crate) fn create_before_destroy(graph: &Graph, config: &Config) -> HashSet<NodeId> {
    let asked = graph
        .nodes
        .iter()
        .zip(0..)
        .filter_map(|(node, id)| match node {
            Node::Resource(module, resource) => {
                let resource = config.module(*module).resources.get(resource)?;
                (resource.lifecycle.create_before_destroy == Some(true)).then_some(id)
            }
            _ => None,
        });
    graph.closure(asked)
}

impl Planner {
    /// Finds out what the plan is about and which nodes can be visited at once.
    pub(crate) fn prepare(&mut self) {
        if let Some(warning) = self.moves.warning() {
            self.diags.push(warning);
        }
        self.check_ignored();
        self.check_moved_targets();
        self.index_modules();
        self.find_orphans();
        self.find_unmatched();
        self.included = self.limit();
        self.check_moved_excludes();
        for id in 0..self.graph.nodes.len() {
            if self.waiting[id] == 0 {
                self.ready.push_back(id);
            }
        }
        self.index_ephemerals();
    }

    /// Objects that are not visited with a resource of the configuration: all of them when
    /// destroying, those of resources that are gone otherwise.
    fn find_orphans(&mut self) {
        let destroy = self.options.mode == Mode::Destroy;
        let mut found = Vec::new();
        let mut unread = Vec::new();
        for (addr, resource) in &self.state.resources {
            let module = self.eval.config().find(&addr.module.path());
            let configured = module.is_some_and(|m| m.resources.contains_key(&addr.resource));
            if addr.resource.mode != ResourceMode::Managed {
                unread.extend((!configured).then(|| addr.clone()));
                continue;
            }
            if configured && !destroy {
                continue;
            }
            let forget = !destroy && self.removed.forgets(&addr.config());
            for (key, instance) in &resource.instances {
                let current = instance.current.iter().map(|_| None);
                let moved = self.moves.origin.contains_key(&addr.instance(key.clone()));
                let reason = match (destroy, moved) {
                    (true, _) => Reason::None,
                    (false, true) => Reason::DeleteBecauseNoMoveTarget,
                    (false, false) => Reason::DeleteBecauseNoResourceConfig,
                };
                for deposed in current.chain(instance.deposed.keys().cloned().map(Some)) {
                    // What was set aside is unwanted anyway.
                    let reason = match deposed {
                        None => reason,
                        Some(_) => Reason::None,
                    };
                    let goal = match (self.options.mode, forget) {
                        (Mode::RefreshOnly, _) => Goal::Refresh,
                        (_, true) => Goal::Forget(reason),
                        (_, false) => Goal::Delete(reason),
                    };
                    let orphan = Orphan {
                        resource: addr.clone(),
                        key: key.clone(),
                        deposed,
                        goal,
                    };
                    found.push((resource.provider.clone(), orphan));
                }
            }
        }
        if destroy {
            found.extend(self.interrupted_orphans());
        }
        if !self.options.is_limited() {
            for addr in unread {
                self.drop_data(&addr, None);
            }
        }
        for (provider, orphan) in found {
            self.orphans.entry(provider).or_default().push(orphan);
        }
    }

    /// Instances that blocks say have moved must not be there any more.
    pub(crate) fn finish_moves(&mut self) {
        for gone in std::mem::take(&mut self.moves.gone) {
            let config = self.eval.config().clone();
            let Some((id, _)) = config.iter().find(|(_, m)| m.path == gone.module) else {
                continue;
            };
            let Ok(instances) = self.eval.module_instances(id) else {
                continue;
            };
            let there = instances.iter().any(|&inst| {
                let expansion = self.eval.expand_resource(inst, &gone.resource);
                expansion.is_ok_and(|e| e.contains(&gone.key))
            });
            if there {
                let detail = format!(
                    "The block says that {}{} is somewhere else now, but the configuration still has this instance. Change count or for_each, or remove the moved block.",
                    gone.resource, gone.key
                );
                let summary = "Moved object still exists";
                self.diags
                    .push(Diagnostic::error(summary, detail).at_opt(gone.span));
            }
        }
    }

    /// Works on a node whose needs are met.
    pub(crate) fn visit(&mut self, id: NodeId) {
        let blocked = self.graph.needs[id].iter().any(|&n| self.failed[n]);
        if !self.is_included(id) {
            self.failed[id] = false;
            return self.complete(id);
        }
        self.visited[id] = true;
        if blocked {
            self.failed[id] = true;
            if let Node::Provider(addr) = self.graph.nodes[id].clone() {
                self.providers.fail(&addr);
            }
            self.destroy_claimed(id);
            return self.complete(id);
        }
        self.open_tasks[id] = 1;
        let ok = self.work_for(Some(id), |planner| planner.work(id));
        self.destroy_claimed(id);
        if !ok {
            self.failed[id] = true;
        }
        self.close(id);
    }

    /// One piece of work of a node is over.
    pub(crate) fn close(&mut self, id: NodeId) {
        self.open_tasks[id] -= 1;
        if self.open_tasks[id] == 0 {
            self.complete(id);
        }
    }

    fn complete(&mut self, id: NodeId) {
        for i in 0..self.graph.needed_by[id].len() {
            let dependent = self.graph.needed_by[id][i];
            self.waiting[dependent] -= 1;
            if self.waiting[dependent] == 0 {
                self.ready.push_back(dependent);
            }
        }
        if let Node::Provider(addr) = self.graph.nodes[id].clone() {
            self.plan_orphans(&addr);
        }
        self.release(id);
    }

    fn plan_orphans(&mut self, provider: &ProviderConfigAddr) {
        for orphan in self.orphans.remove(provider).unwrap_or_default() {
            self.begin_orphan(None, provider, orphan);
        }
    }

    fn begin_orphan(
        &mut self,
        node: Option<NodeId>,
        provider: &ProviderConfigAddr,
        orphan: Orphan,
    ) {
        let addr = orphan.resource.instance(orphan.key);
        let provider = self.stored_provider(provider, &addr);
        self.begin(Start {
            addr,
            deposed: orphan.deposed,
            inst: None,
            node,
            provider,
            goal: orphan.goal,
        });
    }

    /// Does what a node is for; `false` when that failed.
    fn work(&mut self, id: NodeId) -> bool {
        match self.graph.nodes[id].clone() {
            Node::Module(module) => {
                let result = self.eval.module_instances(module);
                self.note(result)
            }
            Node::ModuleDone(_) => true,
            Node::Provider(addr) => self.visit_provider(&addr),
            Node::Check(module, name) => self.each_instance(module, |planner, inst| {
                planner.visit_check(id, module, inst, &name);
                true
            }),
            Node::Variable(module, name) => self.each_instance(module, |planner, inst| {
                planner.visit_variable(id, module, inst, &name)
            }),
            Node::Local(module, name) => self.each_instance(module, |planner, inst| {
                let Some(span) = planner
                    .eval
                    .config()
                    .module(module)
                    .locals
                    .get(&name)
                    .map(|l| l.span)
                else {
                    return true;
                };
                let result = planner.eval.local(inst, &name, span);
                planner.note(result)
            }),
            Node::Output(module, name) => self.each_instance(module, |planner, inst| {
                planner.visit_output(id, module, inst, &name)
            }),
            Node::Resource(module, resource) => {
                if !self.find_imports(module, &resource) {
                    return false;
                }
                let ok = self.each_instance(module, |planner, inst| {
                    planner.visit_resource(id, inst, module, &resource)
                });
                self.visit_lost_modules(id, module, &resource);
                if ok {
                    self.visit_interrupted(id, module, &resource);
                }
                ok
            }
        }
    }

    /// Reports the diagnostics of a failure.
    pub(crate) fn note<T>(&mut self, result: Result<T, Diags>) -> bool {
        match result {
            Ok(_) => true,
            Err(diags) => {
                self.diags.extend(diags);
                false
            }
        }
    }

    fn each_instance(
        &mut self,
        module: ModuleId,
        mut work: impl FnMut(&mut Self, ModuleInst) -> bool,
    ) -> bool {
        match self.eval.module_instances(module) {
            Ok(instances) => {
                let mut ok = true;
                for &inst in instances.iter() {
                    ok &= work(self, inst);
                }
                ok
            }
            Err(diags) => {
                self.diags.extend(diags);
                false
            }
        }
    }

    fn visit_variable(
        &mut self,
        id: NodeId,
        module: ModuleId,
        inst: ModuleInst,
        name: &crate::Str,
    ) -> bool {
        let result = self.eval.validate_variable(inst, name);
        let checked = self.checked_variable(module, name);
        self.note_check(&checked, inst, Status::of(result.outcome()));
        match self.eval.with_origin(inst, name, result) {
            CheckResult::Pass => true,
            CheckResult::Unknown => {
                let (module, name) = (self.eval.addr_of(inst), name.clone());
                let step = StepKind::CheckVariable { module, name };
                self.undecided.entry(id).or_default().push(step);
                true
            }
            CheckResult::Fail(found) => {
                self.diags.extend(found);
                false
            }
        }
    }

    fn visit_output(
        &mut self,
        id: NodeId,
        module: ModuleId,
        inst: ModuleInst,
        name: &crate::Str,
    ) -> bool {
        let checked = self.checked_output(module, name);
        if self.options.mode == Mode::Destroy {
            return true;
        }
        let result = self.eval.check_output(inst, name);
        self.note_check(&checked, inst, Status::of(result.outcome()));
        match result {
            CheckResult::Pass => {}
            CheckResult::Unknown => {
                let (module, name) = (self.eval.addr_of(inst), name.clone());
                let step = StepKind::CheckOutput { module, name };
                self.undecided.entry(id).or_default().push(step);
            }
            CheckResult::Fail(found) => {
                self.diags.extend(found);
                return false;
            }
        }
        let result = self.eval.output(inst, name);
        self.note(result)
    }
}
