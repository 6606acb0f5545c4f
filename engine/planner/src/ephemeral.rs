//! Ephemeral resources: opened while planning if their configuration is known, and closed when
//! nothing that is being planned uses them any more. An apply opens them again.

use std::collections::{BTreeSet, HashMap, HashSet};

use muster_addr::{InstanceAddr, Mode as ResourceMode, ProviderConfigAddr};
use muster_eval::{CheckKind, LeaseCall, Leases, ModuleInst, located};
use muster_lang::Diags;
use muster_plan::{Action, Ask, Event, Operation, Part, Shown};
use muster_provider::{Opened, ProviderError, Request, Response};
use muster_schema::{SchemaError, check_conforms, check_planned, unknown_computed};
use muster_value::{Marks, Path, Value};

use crate::Planner;
use crate::checks::as_warnings;
use crate::graph::{Graph, Node, NodeId};
use crate::task::{Stage, Task};

/// The ephemeral resources of a plan.
#[derive(Default)]
pub(crate) struct Ephemerals {
    leases: Leases,
    /// Renewals and closings that are under way.
    asked: HashMap<u64, Asked>,
    /// For each node, the ephemeral resources that stay open until it is done.
    uses: HashMap<NodeId, Vec<NodeId>>,
    /// For each ephemeral resource, how many nodes keep it open, itself included.
    users: HashMap<NodeId, usize>,
    /// Those that stay open to the end: objects use them that no node stands for.
    held: HashSet<NodeId>,
    /// The instances of each that are open.
    open: HashMap<NodeId, BTreeSet<InstanceAddr>>,
    /// What an apply opens.
    pub planned: Vec<Planned>,
    events: Vec<Event>,
}

struct Asked {
    node: NodeId,
    inst: ModuleInst,
    addr: InstanceAddr,
    provider: ProviderConfigAddr,
    renewal: bool,
}

/// An ephemeral resource that an apply opens.
pub(crate) struct Planned {
    pub node: NodeId,
    pub addr: InstanceAddr,
    pub provider: ProviderConfigAddr,
}

impl Graph {
    /// The nodes that may have values of an ephemeral resource. What is stored has none, so the
    /// dependents of other resources do not count.
    pub(crate) fn users(&self, ephemeral: NodeId) -> HashSet<NodeId> {
        let mut found = HashSet::new();
        let mut open: Vec<NodeId> = self.needed_by[ephemeral].clone();
        while let Some(id) = open.pop() {
            if matches!(self.nodes[id], Node::ModuleDone(_)) || !found.insert(id) {
                continue;
            }
            if !matches!(self.nodes[id], Node::Resource(..)) {
                open.extend(&self.needed_by[id]);
            }
        }
        found
    }

    /// Whether a node is an ephemeral resource.
    pub(crate) fn is_ephemeral(&self, id: NodeId) -> bool {
        matches!(&self.nodes[id], Node::Resource(_, r) if r.mode == ResourceMode::Ephemeral)
    }
}

impl Planner {
    /// Finds out what uses which ephemeral resource.
    pub(crate) fn index_ephemerals(&mut self) {
        let ephemeral = (0..self.graph.nodes.len()).filter(|&id| self.graph.is_ephemeral(id));
        let ephemeral: Vec<NodeId> = ephemeral.collect();
        if ephemeral.is_empty() {
            return;
        }
        let elsewhere = self.providers_elsewhere();
        for id in ephemeral {
            let users = self.graph.users(id);
            let held = users.iter().any(|&user| match &self.graph.nodes[user] {
                Node::Provider(addr) => elsewhere.contains(addr),
                _ => false,
            });
            if held {
                self.ephemerals.held.insert(id);
            }
            self.ephemerals.users.insert(id, users.len() + 1);
            for user in users {
                self.ephemerals.uses.entry(user).or_default().push(id);
            }
        }
    }

    /// Provider configurations of stored objects whose resource is gone or has another one now.
    fn providers_elsewhere(&self) -> HashSet<ProviderConfigAddr> {
        let mut found: HashSet<_> = self.orphans.keys().cloned().collect();
        for (addr, stored) in &self.state.resources {
            let module = self.eval.config().find(&addr.module.path());
            let resource = module.and_then(|m| m.resources.get(&addr.resource));
            if resource.is_some_and(|r| *r.provider != stored.provider) {
                found.insert(stored.provider.clone());
            }
        }
        found
    }

    // ---- opening -----------------------------------------------------------------------

    pub(crate) fn begin_ephemeral(&mut self, mut task: Task) {
        let (Some(inst), Some(node)) = (task.inst, task.node) else {
            return self.finish_task(&task);
        };
        if !self.is_destroying() && !self.conditions(&task, inst, CheckKind::Precondition, None) {
            return self.fail(task);
        }
        let config = match self.eval.resource_config(&task.addr, inst) {
            Ok(config) => config,
            Err(diags) => {
                self.diags.extend(diags);
                return self.fail(task);
            }
        };
        (task.config, task.config_marks) = config.unmark_deep_with_paths();
        self.ephemerals.planned.push(Planned {
            node,
            addr: task.addr.clone(),
            provider: task.provider.clone(),
        });
        let request = Request::ValidateEphemeral {
            type_name: task.addr.resource.resource.type_name.clone(),
            config: task.config.clone(),
        };
        self.ask(task, Stage::ValidateEphemeral, request, None);
    }

    /// The configuration is valid: opens it, or leaves that to the apply.
    pub(crate) fn open(&mut self, task: Task) {
        if !task.config.is_wholly_known() {
            return self.open_later(task);
        }
        let request = Request::Open {
            type_name: task.addr.resource.resource.type_name.clone(),
            config: task.config.clone(),
        };
        self.ask(task, Stage::Open, request, Some(Operation::Open));
    }

    /// Leaves the opening to the apply.
    pub(crate) fn open_later(&mut self, task: Task) {
        let addr = task.addr.clone();
        self.ephemerals.events.push(Event::Deferred { addr });
        let value = unknown_computed(&task.schema.block, &task.config);
        self.set_ephemeral(&task, &value);
        self.finish_task(&task);
    }

    fn set_ephemeral(&mut self, task: &Task, value: &Value) -> Value {
        // That it is ephemeral keeps it from being shown, so what the schema calls sensitive need
        // not be marked: null in its place may be seen.
        let value = value.mark_paths(&task.config_marks).mark(Marks::EPHEMERAL);
        if let Some(inst) = task.inst {
            let id = &task.addr.resource.resource;
            let key = task.addr.key.clone();
            self.eval.set_instance(inst, id, key, Ok(value.clone()));
        }
        value
    }

    pub(crate) fn opened(&mut self, task: Task, opened: &Opened) {
        let (Some(inst), Some(node)) = (task.inst, task.node) else {
            return self.finish_task(&task);
        };
        let (addr, provider) = (task.addr.clone(), task.provider.clone());
        self.ephemerals.leases.add(addr.clone(), provider, opened);
        self.ephemerals.open.entry(node).or_default().insert(addr);
        let errors = check_opened(&task, &opened.value);
        if !errors.is_empty() {
            return self.broken(task, "Provider produced invalid object", &errors);
        }
        let value = self.set_ephemeral(&task, &opened.value);
        if !self.is_destroying()
            && !self.conditions(&task, inst, CheckKind::Postcondition, Some(&value))
        {
            return self.fail(task);
        }
        self.finish_task(&task);
    }

    // ---- while it is open --------------------------------------------------------------

    /// What has to be renewed, `now` being in seconds since the epoch. Must be asked right away,
    /// however much is under way: answers come in as others do.
    pub fn renewals(&mut self, now: i64) -> Vec<Ask> {
        let due = self.ephemerals.leases.due(now);
        let asks = due.into_iter().filter_map(|call| self.lease_ask(call));
        let asks: Vec<Ask> = asks.collect();
        self.out += asks.len();
        asks
    }

    fn lease_ask(&mut self, call: LeaseCall) -> Option<Ask> {
        let LeaseCall {
            addr,
            provider,
            request,
        } = call;
        let inst = self.eval.find_module(&addr.resource.module).ok()??;
        let module = self.eval.module_of(inst);
        let node = Node::Resource(module, addr.resource.resource.clone());
        let node = self.graph.find(&node)?;
        let id = self.fresh_id();
        let renewal = matches!(request, Request::Renew { .. });
        let asked = Asked {
            node,
            inst,
            addr: addr.clone(),
            provider: provider.clone(),
            renewal,
        };
        self.ephemerals.asked.insert(id, asked);
        let operation = match renewal {
            true => Operation::Renew,
            false => Operation::Close,
        };
        Some(Ask {
            id,
            provider,
            object: Some(addr.clone()),
            request,
            shown: Some(Shown {
                addr,
                deposed: None,
                operation,
                action: Action::NoOp,
                id: None,
                part: Part::Whole,
            }),
        })
    }

    /// Takes an answer, if it is one about something that is open.
    pub(crate) fn lease_answer(
        &mut self,
        id: u64,
        answer: Result<Response, ProviderError>,
    ) -> Option<Result<Response, ProviderError>> {
        let Some(asked) = self.ephemerals.asked.remove(&id) else {
            return Some(answer);
        };
        let Asked { node, addr, .. } = &asked;
        let (response, found) = match answer {
            Ok(response) => {
                let resource = &addr.resource.resource;
                let module = self.eval.module_of(asked.inst);
                let spec = self.eval.spec(module, resource).ok();
                let found = located(response.diags().clone(), addr, spec.as_deref());
                (Some(response), found)
            }
            Err(error) => {
                let error = error.diagnostic(&asked.provider.provider).about(addr);
                (None, Diags::from(error))
            }
        };
        if asked.renewal {
            self.renewed(addr, response, found);
            return None;
        }
        self.diags.extend(found);
        self.ephemerals.leases.closed(addr);
        let open = self.ephemerals.open.entry(*node).or_default();
        if open.remove(addr) && open.is_empty() {
            self.ephemerals.open.remove(node);
            self.closed(*node);
        }
        None
    }

    /// Without another renewal, what uses it may fail; that it does is not said, so this is worth
    /// a warning only.
    fn renewed(&mut self, addr: &InstanceAddr, response: Option<Response>, found: Diags) {
        let answer = match &response {
            Some(Response::Opened(opened)) if !found.has_errors() => Some(opened),
            _ => None,
        };
        let call = self.ephemerals.leases.renewed(addr, answer);
        self.diags.extend(as_warnings(found));
        let ask = call.and_then(|call| self.lease_ask(call));
        self.asks.extend(ask);
    }

    /// What happened that no question tells of.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.ephemerals.events)
    }

    // ---- its end -----------------------------------------------------------------------

    /// A node is done: what only it has used is closed.
    pub(crate) fn release(&mut self, id: NodeId) {
        if self.ephemerals.users.contains_key(&id) {
            self.let_go(vec![id]);
        } else if let Some(used) = self.ephemerals.uses.remove(&id) {
            self.let_go(used);
        }
    }

    fn closed(&mut self, id: NodeId) {
        let used = self.ephemerals.uses.remove(&id).unwrap_or_default();
        self.let_go(used);
    }

    /// One user less for each of these ephemeral resources.
    fn let_go(&mut self, mut list: Vec<NodeId>) {
        while let Some(id) = list.pop() {
            let Some(users) = self.ephemerals.users.get_mut(&id) else {
                continue;
            };
            *users -= 1;
            let users = *users;
            // A destroy plans what goes when no node is left.
            let held = self.is_destroying() || self.ephemerals.held.contains(&id);
            if users > 0 || held {
                continue;
            }
            match self.ephemerals.open.get(&id).cloned() {
                Some(open) => open.iter().for_each(|addr| self.close_one(addr)),
                // It was never open, or not for long.
                None => list.extend(self.ephemerals.uses.remove(&id).unwrap_or_default()),
            }
        }
    }

    fn close_one(&mut self, addr: &InstanceAddr) {
        let call = self.ephemerals.leases.close(addr);
        let ask = call.and_then(|call| self.lease_ask(call));
        self.asks.extend(ask);
    }

    /// Nothing is under way any more: closes what is open still, the last one first.
    pub(crate) fn close_rest(&mut self) -> Option<Ask> {
        let addr = self.ephemerals.leases.last()?.clone();
        self.close_one(&addr);
        self.asks.pop_back()
    }

    /// Questions that are left when the run stops: only those that close something are asked.
    pub(crate) fn poll_stopping(&mut self) -> Option<Ask> {
        while let Some(ask) = self.asks.pop_front() {
            if matches!(self.ephemerals.asked.get(&ask.id), Some(a) if !a.renewal) {
                return Some(ask);
            }
        }
        (self.out == 0).then(|| self.close_rest()).flatten()
    }
}

/// What is wrong with the result of an opening.
fn check_opened(task: &Task, value: &Value) -> Vec<SchemaError> {
    let block = &task.schema.block;
    let mut errors = check_conforms(block, value);
    if errors.is_empty() {
        let nothing = Value::Null(task.ty.clone());
        let marked = |value: &Value| task.marked_as_configured(value);
        errors = check_planned(block, &nothing, &marked(&task.config), &marked(value));
    }
    if errors.is_empty() && (value.is_null() || !value.is_wholly_known()) {
        errors.push(SchemaError {
            path: Path::root(),
            reason: "the result is null, or parts of it are not known".into(),
        });
    }
    errors
}
