//! Validation: everything that can be said about a configuration without state, variables or
//! the world.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use muster_addr::{InstanceKey, Mode, ProviderConfigAddr, ResourceId};
use muster_config::{Config, ModuleId};
use muster_eval::{
    CheckKind, CheckResult, Evaluator, ModuleInst, ProviderFunctions, Settings, located,
};
use muster_lang::{DiagnosticKind, Diags, Files};
use muster_plan::Ask;
use muster_provider::{ProviderError, Request, Response, Schemas};
use muster_schema::Schema;
use muster_value::Value;

use crate::graph::{Graph, Node};
use crate::{ignore, import};

/// Validates a configuration. Works like a [`crate::Planner`].
pub struct Validator {
    eval: Evaluator,
    /// What is still to be looked at, in order.
    nodes: std::vec::IntoIter<Node>,
    asks: VecDeque<Ask>,
    about: HashMap<u64, About>,
    next_id: u64,
    diags: Diags,
}

/// All nodes but the provider configurations that nothing needs: these are never used, so that it
/// does not matter what they say.
fn looked_at(graph: Graph) -> Vec<Node> {
    let nodes = graph.nodes.into_iter().zip(graph.needed_by);
    let nodes = nodes
        .filter(|(node, needed_by)| !matches!(node, Node::Provider(_)) || !needed_by.is_empty());
    nodes.map(|(node, _)| node).collect()
}

enum About {
    Provider(ProviderConfigAddr),
    Resource(ModuleId, ModuleInst, ResourceId),
}

impl Validator {
    /// Prepares the work; nothing is checked yet but the order of things.
    pub fn new(
        config: Arc<Config>,
        schemas: Arc<Schemas>,
        files: Arc<dyn Files>,
        functions: Option<Arc<dyn ProviderFunctions>>,
        settings: Settings,
    ) -> Self {
        let settings = Settings {
            validating: true,
            ..settings
        };
        let graph = Graph::new(&config, &BTreeSet::new());
        let mut diags = Diags::new();
        let nodes = match graph {
            Ok(graph) => looked_at(graph),
            Err(found) => {
                diags.extend(found);
                Vec::new()
            }
        };
        let eval = Evaluator::new(config, schemas, Default::default(), files, settings)
            .with_functions(functions);
        Self {
            eval,
            nodes: nodes.into_iter(),
            asks: VecDeque::new(),
            about: HashMap::default(),
            next_id: 0,
            diags,
        }
    }

    /// The next question, if there is one left.
    pub fn poll(&mut self) -> Option<Ask> {
        while self.asks.is_empty() {
            let node = self.nodes.next()?;
            self.visit(&node);
        }
        self.asks.pop_front()
    }

    /// Takes an answer.
    pub fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        let Some(about) = self.about.remove(&id) else {
            return;
        };
        match (about, answer) {
            (About::Provider(addr), Ok(response)) => {
                let found = response.diags().clone().into_iter().map(|d| d.about(&addr));
                self.diags.extend(Diags(found.collect()));
            }
            (About::Provider(addr), Err(error)) => {
                self.diags.push(error.diagnostic(&addr.provider));
            }
            (About::Resource(module, inst, id), answer) => {
                self.resource_answer(module, inst, &id, answer)
            }
        }
    }

    fn resource_answer(
        &mut self,
        module: ModuleId,
        inst: ModuleInst,
        id: &ResourceId,
        answer: Result<Response, ProviderError>,
    ) {
        match answer {
            Ok(response) => {
                let found = response.diags();
                if found.0.is_empty() {
                    return;
                }
                // The body is laid out once more, but only where something has to be found in it.
                let (spec, addr) = (self.eval.spec(module, id).ok(), self.addr(inst, id));
                self.diags
                    .extend(located(found.clone(), &addr, spec.as_deref()));
            }
            Err(error) => {
                if let Some(resource) = self.eval.config().module(module).resources.get(id) {
                    let provider = resource.provider.provider.clone();
                    let addr = self.addr(inst, id);
                    self.diags.push(error.diagnostic(&provider).about(&addr));
                }
            }
        }
    }

    /// What was found.
    pub fn finish(mut self) -> Diags {
        self.diags.extend(import::check(&self.eval));
        self.diags.extend(self.eval.take_notes());
        self.diags
    }

    fn addr(&self, inst: ModuleInst, id: &ResourceId) -> muster_addr::InstanceAddr {
        let module = self.eval.addr_of(inst);
        muster_addr::AbsResource {
            module,
            resource: id.clone(),
        }
        .instance(InstanceKey::None)
    }

    fn note<T>(&mut self, result: Result<T, Diags>) -> Option<T> {
        result.map_err(|diags| self.diags.extend(diags)).ok()
    }

    fn visit(&mut self, node: &Node) {
        match node {
            Node::Variable(module, name) => self.each(*module, |v, inst| {
                if let CheckResult::Fail(found) = v.eval.validate_variable(inst, name) {
                    v.diags.extend(found);
                }
            }),
            Node::Local(module, name) => self.each(*module, |v, inst| {
                let span = v
                    .eval
                    .config()
                    .module(*module)
                    .locals
                    .get(name)
                    .map(|l| l.span);
                if let Some(span) = span {
                    let result = v.eval.local(inst, name, span);
                    v.note(result);
                }
            }),
            Node::Output(module, name) => self.each(*module, |v, inst| {
                let result = v.eval.output(inst, name);
                v.note(result);
                // Where all is known, it is known by now that a condition of an output does not hold.
                if let CheckResult::Fail(found) = v.eval.check_output(inst, name) {
                    v.diags.extend(found);
                }
            }),
            Node::Check(module, name) => self.each(*module, |v, inst| {
                let result = v.eval.check_block(inst, name);
                v.note_invalid(result);
            }),
            Node::Module(module) => {
                let result = self.eval.module_instances(*module);
                self.note(result);
            }
            Node::ModuleDone(_) => {}
            Node::Provider(addr) => self.provider(addr),
            Node::Resource(module, id) => {
                self.each(*module, |v, inst| v.resource(*module, inst, id))
            }
        }
    }

    /// What is wrong with conditions themselves. Whether they hold is not a question of validity.
    fn note_invalid(&mut self, result: CheckResult) {
        if let CheckResult::Fail(mut found) = result {
            found.0.retain(|d| d.kind != DiagnosticKind::Condition);
            self.diags.extend(found);
        }
    }

    fn each(&mut self, module: ModuleId, mut work: impl FnMut(&mut Self, ModuleInst)) {
        let result = self.eval.module_instances(module);
        if let Some(instances) = self.note(result) {
            for &inst in instances.iter() {
                work(self, inst);
            }
        }
    }

    fn push(&mut self, provider: ProviderConfigAddr, request: Request, about: About) {
        self.next_id += 1;
        self.about.insert(self.next_id, about);
        self.asks.push_back(Ask {
            id: self.next_id,
            provider,
            request,
            object: None,
            shown: None,
        });
    }

    fn provider(&mut self, addr: &ProviderConfigAddr) {
        let config = self.eval.config();
        let written = config
            .find(&addr.module)
            .is_some_and(|m| m.provider_configs.values().any(|b| b.addr == *addr));
        if !written || self.eval.schemas().provider(&addr.provider).is_none() {
            return;
        }
        let result = muster_eval::provider_config(&self.eval, addr);
        if let Some((config, _)) = self.note(result) {
            let request = Request::ValidateProvider { config };
            self.push(addr.clone(), request, About::Provider(addr.clone()));
        }
    }

    fn resource(&mut self, module: ModuleId, inst: ModuleInst, id: &ResourceId) {
        let config = self.eval.config().clone();
        let Some(resource) = config.module(module).resources.get(id) else {
            return;
        };
        let result = self.eval.schema_of(resource);
        let Some(schema) = self.note(result) else {
            self.eval.fail_resource(inst, id);
            return;
        };
        self.diags.extend(ignore::check(resource, &schema));
        let addr = self.addr(inst, id);
        let result = self.eval.expand_resource(inst, id);
        if self.note(result).is_none() {
            return;
        }
        let provider = self.eval.provider_of(inst, resource, &addr.key);
        self.note(provider);
        let result = self.eval.resource_config(&addr, inst);
        self.conditions(resource, inst, &addr, &schema);
        self.provisioners(resource, inst, &addr);
        let Some(value) = self.note(result) else {
            return;
        };
        let (type_name, config) = (id.type_name.clone(), value.unmark_deep());
        let request = match id.mode {
            Mode::Managed => Request::ValidateResource { type_name, config },
            Mode::Data => Request::ValidateData { type_name, config },
            Mode::Ephemeral => Request::ValidateEphemeral { type_name, config },
        };
        let about = About::Resource(module, inst, id.clone());
        self.push(
            ProviderConfigAddr::clone(&resource.provider),
            request,
            about,
        );
        self.eval.forget_spec(module, id);
    }

    /// What provisioners are given, for an object of which nothing is known.
    fn provisioners(
        &mut self,
        resource: &muster_config::Resource,
        inst: ModuleInst,
        addr: &muster_addr::InstanceAddr,
    ) {
        if resource.provisioners.is_empty() {
            return;
        }
        let Ok(schema) = self.eval.schema_of(resource) else {
            return;
        };
        let own = Value::unknown(schema.block.implied_type());
        for provisioner in &resource.provisioners {
            let given = self.eval.provisioning(provisioner, inst, addr, &own);
            let result = given.and_then(|given| given.check(provisioner.kind));
            self.note(result);
        }
    }

    fn conditions(
        &mut self,
        resource: &muster_config::Resource,
        inst: ModuleInst,
        addr: &muster_addr::InstanceAddr,
        schema: &Schema,
    ) {
        let Ok(scope) = self.eval.instance_scope(inst, &resource.id, &addr.key) else {
            return;
        };
        let life = &resource.lifecycle;
        let before = (life.preconditions.iter())
            .map(|c| self.eval.check(c, CheckKind::Precondition, &scope))
            .collect::<Vec<_>>();
        let scope = scope.with_self(Value::unknown(schema.block.implied_type()));
        let after = (life.postconditions.iter())
            .map(|c| self.eval.check(c, CheckKind::Postcondition, &scope))
            .collect::<Vec<_>>();
        for result in before.into_iter().chain(after) {
            self.note_invalid(result);
        }
    }
}

impl Validator {
    /// Forgets the questions to providers: only what can be said without them is wanted.
    #[must_use]
    pub fn without_providers(mut self) -> Self {
        while let Some(ask) = self.poll() {
            self.about.remove(&ask.id);
        }
        self
    }
}
