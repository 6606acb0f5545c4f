//! The attributes that changes can be traced to: what the configuration of everything that changes
//! refers to, directly, or through named values and other resources.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use muster_addr::{AbsResource, InstanceKey, ModuleInstance, ResourceId};
use muster_config::{Config, Module, ModuleId, Resource};
use muster_eval::ModuleInst;
use muster_lang::{AttributeSchema, BlockSchema, Body, BodySchema, Expr, Reference, Subject};
use muster_plan::{Action, Change, Mode, OutputChange, RelevantAttribute};
use muster_provider::Schemas;
use muster_schema::{Block, Nesting};
use muster_value::{Path, PathStep};

use crate::graph::{Node, resource_id};
use crate::{Planner, Str};

impl Planner {
    /// What the changes of a plan can be traced to. Each attribute is there once; sorted.
    pub(crate) fn relevant<'c>(
        &self,
        changes: impl Iterator<Item = &'c Change>,
        outputs: impl Iterator<Item = (&'c Str, &'c OutputChange)>,
    ) -> Vec<RelevantAttribute> {
        let mut search = Search::new(self.eval.config(), self.eval.schemas());
        let changed = changes.filter(|c| c.action != Action::NoOp);
        // All instances of a resource refer to the same.
        let resources: BTreeSet<&AbsResource> = changed.map(|c| &c.addr.resource).collect();
        for resource in resources {
            if let Some(place) = search.place(&resource.module) {
                search.follow_resource(&place, &resource.resource, &[]);
            }
        }
        for (name, _) in outputs.filter(|(_, o)| o.action != Action::NoOp) {
            search.follow_output(&Place::root(), name);
        }
        self.follow_called_outputs(&mut search);
        search.finish()
    }

    /// Outputs of called modules are not stored, so that each of them is new in every plan.
    fn follow_called_outputs(&self, search: &mut Search<'_>) {
        if self.options.mode == Mode::Destroy {
            return;
        }
        for (id, module) in self.eval.config().iter().skip(1) {
            let names = module.outputs.keys().filter(|name| self.is_done(id, name));
            let names: Vec<&Str> = names.collect();
            let Ok(instances) = self.eval.module_instances(id) else {
                continue;
            };
            for &inst in instances.iter() {
                let place = Place {
                    module: id,
                    addr: self.eval.addr_of(inst),
                };
                for &name in &names {
                    if self.has_value(inst, name) {
                        search.follow_output(&place, name);
                    }
                }
            }
        }
    }

    fn is_done(&self, module: ModuleId, output: &Str) -> bool {
        let node = self.graph.find(&Node::Output(module, output.clone()));
        node.is_some_and(|node| self.visited[node] && !self.failed[node])
    }

    fn has_value(&self, inst: ModuleInst, output: &Str) -> bool {
        let value = self.eval.output(inst, output);
        value.is_ok_and(|value| !value.is_null())
    }
}

/// A module instance. The keys of calls that are referred to as a whole are missing.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    module: ModuleId,
    addr: ModuleInstance,
}

impl Place {
    fn root() -> Self {
        Self {
            module: ModuleId::ROOT,
            addr: ModuleInstance::root(),
        }
    }
}

/// A reference to follow.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Lead {
    place: Place,
    /// The resource whose body it stands in: `each` and `count` are about that one.
    owner: Option<ResourceId>,
    subject: Subject,
    steps: Vec<PathStep>,
}

/// A resource, the names that lead into its body, and whether an index follows.
type PartKey = (ModuleId, ResourceId, Vec<Str>, bool);

struct Search<'c> {
    config: &'c Config,
    schemas: &'c Schemas,
    found: BTreeSet<RelevantAttribute>,
    /// Everything that was or will be followed.
    seen: HashSet<Lead>,
    open: Vec<Lead>,
    /// What parts of the bodies of resources refer to.
    parts: HashMap<PartKey, Arc<[Reference]>>,
}

impl<'c> Search<'c> {
    fn new(config: &'c Config, schemas: &'c Schemas) -> Self {
        Self {
            config,
            schemas,
            found: BTreeSet::new(),
            seen: HashSet::new(),
            open: Vec::new(),
            parts: HashMap::new(),
        }
    }

    fn finish(mut self) -> Vec<RelevantAttribute> {
        while let Some(lead) = self.open.pop() {
            self.follow(&lead);
        }
        self.found.into_iter().collect()
    }

    fn module(&self, place: &Place) -> &'c Module {
        self.config.module(place.module)
    }

    /// The place of a module instance; `None` when the configuration has no such module.
    fn place(&self, addr: &ModuleInstance) -> Option<Place> {
        let module = self.config.find_id(&addr.path())?;
        let addr = addr.clone();
        Some(Place { module, addr })
    }

    fn add(&mut self, place: &Place, owner: Option<&ResourceId>, references: &[Reference]) {
        for reference in references {
            let lead = Lead {
                place: place.clone(),
                owner: owner.cloned(),
                subject: reference.subject.clone(),
                steps: reference.steps.clone(),
            };
            if self.seen.insert(lead.clone()) {
                self.open.push(lead);
            }
        }
    }

    fn follow(&mut self, lead: &Lead) {
        let (place, module) = (&lead.place, self.module(&lead.place));
        if let Some(id) = resource_id(&lead.subject) {
            return self.found_resource(place, &id, &lead.steps);
        }
        match &lead.subject {
            Subject::Local(name) => {
                if let Some(local) = module.locals.get(name) {
                    self.add(place, None, local.expr.references());
                }
            }
            Subject::Variable(name) => self.follow_variable(place, name),
            Subject::Module(name) => self.follow_module(place, name, &lead.steps),
            Subject::EachKey | Subject::EachValue | Subject::CountIndex => {
                let owner = lead.owner.as_ref().and_then(|id| module.resources.get(id));
                if let Some(expr) = owner.and_then(|resource| resource.repetition.expr()) {
                    self.add(place, None, expr.references());
                }
            }
            _ => {}
        }
    }

    /// The argument of the call that gives a variable its value.
    fn follow_variable(&mut self, place: &Place, name: &Str) {
        let module = self.module(place);
        let (Some(parent), Some(call)) = (module.parent, module.path.0.last()) else {
            return;
        };
        let Some(addr) = place.addr.parent() else {
            return;
        };
        let call = self.config.module(parent).calls.get(call);
        let argument: Option<&Expr> = call.and_then(|call| call.arguments.get(name));
        let caller = Place {
            module: parent,
            addr,
        };
        if let Some(argument) = argument {
            self.add(&caller, None, argument.references());
        }
    }

    /// One output of a called module, or all of them.
    fn follow_module(&mut self, place: &Place, name: &Str, steps: &[PathStep]) {
        let Some(call) = self.module(place).calls.get(name) else {
            return;
        };
        let (key, rest) = split_key(steps);
        let called = Place {
            module: call.module,
            addr: place.addr.child(name.clone(), key),
        };
        match rest.first() {
            Some(PathStep::Attr(output)) => self.follow_output(&called, output),
            _ => {
                for output in self.module(&called).outputs.keys() {
                    self.follow_output(&called, output);
                }
            }
        }
    }

    fn follow_output(&mut self, place: &Place, name: &Str) {
        if let Some(output) = self.module(place).outputs.get(name) {
            self.add(place, None, output.expr.references());
        }
    }

    fn found_resource(&mut self, place: &Place, id: &ResourceId, steps: &[PathStep]) {
        if !self.module(place).resources.contains_key(id) {
            return;
        }
        let (key, rest) = split_key(steps);
        let resource = AbsResource {
            module: place.addr.clone(),
            resource: id.clone(),
        };
        self.found.insert(RelevantAttribute {
            resource: resource.instance(key),
            path: Path(rest.to_vec()),
        });
        self.follow_resource(place, id, rest);
    }

    /// What a part of a resource's body refers to.
    fn follow_resource(&mut self, place: &Place, id: &ResourceId, steps: &[PathStep]) {
        let Some(resource) = self.module(place).resources.get(id) else {
            return;
        };
        let names = steps.iter().map_while(|step| match step {
            PathStep::Attr(name) => Some(name.clone()),
            PathStep::Index(_) | PathStep::Key(_) => None,
        });
        let names: Vec<Str> = names.collect();
        if names.is_empty() {
            return self.add(place, Some(id), &resource.references);
        }
        let indexed = names.len() < steps.len();
        let schemas = self.schemas;
        let key = (place.module, id.clone(), names, indexed);
        let known = self.parts.get(&key).cloned();
        let part = known.unwrap_or_else(|| {
            let part = Part {
                indexed,
                names: &key.2,
            };
            part_of(resource, schemas, &part).into()
        });
        self.add(place, Some(id), &part);
        self.parts.insert(key, part);
    }
}

/// The instance that the first of some steps names, and the others.
fn split_key(steps: &[PathStep]) -> (InstanceKey, &[PathStep]) {
    match steps {
        [PathStep::Index(index), rest @ ..] => (InstanceKey::Int(*index), rest),
        [PathStep::Key(key), rest @ ..] => (InstanceKey::Str(key.clone()), rest),
        _ => (InstanceKey::None, steps),
    }
}

/// A part of a body by names.
struct Part<'n> {
    names: &'n [Str],
    /// An index follows after the names.
    indexed: bool,
}

fn part_of(resource: &Resource, schemas: &Schemas, part: &Part<'_>) -> Vec<Reference> {
    let (id, provider) = (&resource.id, &resource.provider.provider);
    match schemas.resource(provider, id.mode, &id.type_name) {
        Some(schema) => references(&resource.body, &schema.block, part),
        None => Vec::new(),
    }
}

/// What the named attribute refers to. A block without anything after it stands for the whole body
/// around it, and what is inside of one block among others is not told.
fn references(body: &Body, schema: &Block, part: &Part<'_>) -> Vec<Reference> {
    let Some((name, rest)) = part.names.split_first() else {
        return body.references();
    };
    if let Some(nested) = schema.blocks.get(name) {
        if rest.is_empty() && !part.indexed {
            return body.references();
        }
        if !matches!(nested.nesting, Nesting::Single | Nesting::Group) {
            return Vec::new();
        }
        let found = body.partial_content(&only_block(name)).0;
        let inner = Part {
            names: rest,
            indexed: part.indexed,
        };
        let block = found.blocks.first();
        return block.map_or_else(Vec::new, |b| references(&b.body, &nested.block, &inner));
    }
    let found = body.partial_content(&only_attribute(name)).0;
    let attribute = found.attributes.first();
    attribute.map_or_else(Vec::new, |a| a.expr.lower(&[]).0.references().to_vec())
}

fn only_block(name: &Str) -> BodySchema {
    let block = BlockSchema {
        type_name: name.clone(),
        labels: Vec::new(),
    };
    BodySchema {
        blocks: [block].into(),
        ..BodySchema::default()
    }
}

fn only_attribute(name: &Str) -> BodySchema {
    let attribute = AttributeSchema {
        name: name.clone(),
        required: false,
    };
    BodySchema {
        attributes: [attribute].into(),
        ..BodySchema::default()
    }
}
