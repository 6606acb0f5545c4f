//! `moved` blocks, and the moves that follow from a `count` that comes or goes: objects of the
//! stored state get their new addresses before anything is planned.

mod order;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashSet};
use muster_addr::{
    AbsResource, InstanceAddr, InstanceKey, Mode, ModuleInstance, ModulePath, ModuleStep,
    ResourceId, Target,
};
use muster_config::{Config, Module, Repetition};
use muster_lang::{Diagnostic, Diags, Span};
use muster_snapshot::{Instance, Resource, Snapshot};

use crate::Str;
use order::order;
use pattern::{KeyPattern, Pattern, changed};

/// What became of the state.
#[derive(Default)]
pub(crate) struct Moves {
    /// Where objects that have moved were before, by where they are now.
    pub origin: HashMap<InstanceAddr, InstanceAddr>,
    /// Moves that could not be made because something else is there: from and to.
    pub blocked: Vec<(InstanceAddr, InstanceAddr)>,
    /// Instances that must not be there any more, which is only known when everything is
    /// expanded.
    pub gone: Vec<Gone>,
}

/// An instance that a block says has moved.
pub(crate) struct Gone {
    pub module: ModulePath,
    pub resource: ResourceId,
    pub key: InstanceKey,
    pub span: Option<Span>,
}

impl Moves {
    /// The warning about moves that could not be made, if there were any.
    pub(crate) fn warning(&self) -> Option<Diagnostic> {
        if self.blocked.is_empty() {
            return None;
        }
        let mut list: Vec<String> = self
            .blocked
            .iter()
            .map(|(from, to)| format!("  - {from} could not move to {to}"))
            .collect();
        list.sort();
        let detail = format!(
            "The state already has an object at the address that another one should move to:\n{}\n\nThe objects stay where they are, so the plan may destroy what the configuration no longer names. Move or remove one of each pair first if that is not what you want.",
            list.join("\n")
        );
        let summary = "Unresolved resource instance address changes";
        Some(Diagnostic::warning(summary, detail))
    }
}

/// Moves the objects of a state as the configuration says.
pub(crate) fn apply(config: &Config, state: &mut Snapshot) -> Result<Moves, Diags> {
    let mut statements = explicit(config);
    let found = check(config, &statements);
    if found.has_errors() {
        return Err(found);
    }
    let implied = implied(config, state, &statements);
    statements.extend(implied);
    if statements.is_empty() {
        return Ok(Moves::default());
    }
    let order = order(&statements)?;
    let gone = statements.iter().filter_map(Statement::gone).collect();
    let mut mover = Mover::new(state);
    mover.moves.gone = gone;
    for i in order {
        mover.carry_out(&statements[i]);
    }
    Ok(mover.moves)
}

/// One move.
struct Statement {
    from: Pattern,
    to: Pattern,
    /// How many of the first steps of both are those of the module that holds the block.
    shared: usize,
    /// The block; `None` for a move that follows from a `count`.
    span: Option<Span>,
}

/// The blocks of all modules.
fn explicit(config: &Config) -> Vec<Statement> {
    let modules = config.iter();
    let blocks = modules.flat_map(|(_, module)| module.moved.iter().map(move |m| (module, m)));
    blocks
        .map(|(module, block)| {
            // Without a key on either side whole resources or calls move, with one single
            // instances do.
            let whole = !has_key(&block.from) && !has_key(&block.to);
            Statement {
                from: pattern(module, &block.from, whole),
                to: pattern(module, &block.to, whole),
                shared: module.path.0.len(),
                span: Some(block.span),
            }
        })
        .collect()
}

fn has_key(target: &Target) -> bool {
    let key = match target {
        Target::Module(module) => module.0.last().map(|step| &step.key),
        Target::Resource(addr) => Some(&addr.key),
    };
    key.is_some_and(|key| *key != InstanceKey::None)
}

fn pattern(module: &Module, target: &Target, whole: bool) -> Pattern {
    let exactly = |key: &InstanceKey| KeyPattern::Exactly(key.clone());
    let last = |key: &InstanceKey| if whole { KeyPattern::Any } else { exactly(key) };
    let mut steps: Vec<(Str, KeyPattern)> = module
        .path
        .0
        .iter()
        .map(|name| (name.clone(), KeyPattern::Any))
        .collect();
    let (inner, resource) = match target {
        Target::Module(inner) => (inner, None),
        Target::Resource(addr) => (
            &addr.resource.module,
            Some((addr.resource.resource.clone(), last(&addr.key))),
        ),
    };
    for (i, step) in inner.0.iter().enumerate() {
        let ends = resource.is_none() && i + 1 == inner.0.len();
        let key = if ends {
            last(&step.key)
        } else {
            exactly(&step.key)
        };
        steps.push((step.name.clone(), key));
    }
    Pattern { steps, resource }
}

/// What is wrong with the blocks.
fn check(config: &Config, statements: &[Statement]) -> Diags {
    let mut diags = Diags::new();
    let mut froms: HashMap<&Pattern, usize> = HashMap::default();
    let mut tos: HashMap<&Pattern, usize> = HashMap::default();
    let mut error = |summary: &str, detail: String, span: Option<Span>| {
        diags.push(Diagnostic::error(summary, detail).at_opt(span));
    };
    for (i, statement) in statements.iter().enumerate() {
        let (from, to) = (statement.from.shown(), statement.to.shown());
        if statement.from == statement.to {
            let detail = format!("The block moves {from} to where it is. Remove the block.");
            error("Redundant move statement", detail, statement.span);
            continue;
        }
        if is_declared(config, &statement.from) {
            let detail = format!(
                "The block says that {from} is {to} now, but the configuration still declares {from}. Remove its block, or the moved block."
            );
            error("Moved object still exists", detail, statement.span);
            continue;
        }
        let earlier = (froms.get(&statement.from)).map(|&e| (e, from.clone(), "moves from"));
        let earlier = earlier.or_else(|| {
            let other = tos.get(&statement.to).copied()?;
            Some((other, to.clone(), "moves to"))
        });
        if let Some((earlier, at, what)) = earlier {
            let other = &statements[earlier];
            let detail = format!(
                "Another block {what} {at}, too: from {} to {}. Only one of them can be right.",
                other.from.shown(),
                other.to.shown()
            );
            error("Ambiguous move statements", detail, statement.span);
            continue;
        }
        froms.insert(&statement.from, i);
        tos.insert(&statement.to, i);
    }
    diags
}

/// Whether the configuration has a block for exactly this, as far as that is known before
/// anything is evaluated.
fn is_declared(config: &Config, pattern: &Pattern) -> bool {
    let names: Vec<Str> = pattern.steps.iter().map(|(name, _)| name.clone()).collect();
    let suits = |repetition: &Repetition, key: &KeyPattern| match (repetition, key) {
        (_, KeyPattern::Any) => true,
        (Repetition::Single, KeyPattern::Exactly(key)) => *key == InstanceKey::None,
        // Which instances there are is only known later.
        _ => false,
    };
    match &pattern.resource {
        Some((id, key)) => config
            .find(&ModulePath(names.into()))
            .and_then(|module| module.resources.get(id))
            .is_some_and(|resource| suits(&resource.repetition, key)),
        None => {
            let Some(((last, key), outer)) = pattern.steps.split_last() else {
                return false;
            };
            let outer = outer.iter().map(|(name, _)| name.clone()).collect();
            config
                .find(&ModulePath(outer))
                .and_then(|module| module.calls.get(last))
                .is_some_and(|call| suits(&call.repetition, key))
        }
    }
}

/// `count` that comes moves the single instance to the first one, `count` that goes moves it
/// back, unless a block speaks of the resource.
fn implied(config: &Config, state: &Snapshot, explicit: &[Statement]) -> Vec<Statement> {
    let patterns = explicit.iter().flat_map(|s| [&s.from, &s.to]);
    let spoken_of: HashSet<(ModulePath, ResourceId)> = patterns
        .filter_map(|p| match p.place() {
            (path, Some(id)) => Some((path, id.clone())),
            _ => None,
        })
        .collect();
    let mut found = Vec::new();
    for (addr, stored) in &state.resources {
        let path = addr.module.path();
        let module = config.find(&path);
        let Some(resource) = module.and_then(|m| m.resources.get(&addr.resource)) else {
            continue;
        };
        let (from, to) = match resource.repetition {
            Repetition::Count(_) => (InstanceKey::None, InstanceKey::Int(0)),
            Repetition::Single | Repetition::Enabled(_) => (InstanceKey::Int(0), InstanceKey::None),
            Repetition::ForEach(_) => continue,
        };
        let movable = stored.instances.contains_key(&from)
            && !stored.instances.contains_key(&to)
            && addr.resource.mode == Mode::Managed;
        if !movable || spoken_of.contains(&(path, addr.resource.clone())) {
            continue;
        }
        let exactly = |key| Pattern {
            steps: addr
                .module
                .0
                .iter()
                .map(|s| (s.name.clone(), KeyPattern::Exactly(s.key.clone())))
                .collect(),
            resource: Some((addr.resource.clone(), KeyPattern::Exactly(key))),
        };
        found.push(Statement {
            from: exactly(from),
            to: exactly(to),
            shared: addr.module.0.len(),
            span: None,
        });
    }
    found
}

/// A state while its objects are moved.
struct Mover<'a> {
    state: &'a mut Snapshot,
    /// The resources of the state by their place in the configuration, so that those inside a
    /// module stand together.
    index: BTreeSet<(ModulePath, ResourceId, AbsResource)>,
    moves: Moves,
}

impl<'a> Mover<'a> {
    fn new(state: &'a mut Snapshot) -> Self {
        let entry = |addr: &AbsResource| (addr.module.path(), addr.resource.clone(), addr.clone());
        Self {
            index: state.resources.keys().map(entry).collect(),
            state,
            moves: Moves::default(),
        }
    }

    fn carry_out(&mut self, statement: &Statement) {
        let (path, id) = statement.from.place();
        let candidates: Vec<AbsResource> = match id {
            Some(id) => self.at_place(&path, id),
            None => self.inside(&path),
        };
        for resource in candidates {
            if statement.from.matches_module(&resource.module.0) {
                self.move_resource(statement, &resource);
            }
        }
    }

    fn at_place(&self, path: &ModulePath, id: &ResourceId) -> Vec<AbsResource> {
        let lowest = AbsResource {
            module: ModuleInstance::root(),
            resource: id.clone(),
        };
        self.index
            .range((path.clone(), id.clone(), lowest)..)
            .take_while(|(p, i, _)| p == path && i == id)
            .map(|(_, _, addr)| addr.clone())
            .collect()
    }

    fn inside(&self, path: &ModulePath) -> Vec<AbsResource> {
        let inside = |(p, _, _): &&(ModulePath, ResourceId, AbsResource)| p.0.starts_with(&path.0);
        let least = ResourceId {
            mode: Mode::Managed,
            type_name: "".into(),
            name: "".into(),
        };
        let lowest = AbsResource {
            module: ModuleInstance::root(),
            resource: least.clone(),
        };
        self.index
            .range((path.clone(), least, lowest)..)
            .take_while(inside)
            .map(|(_, _, addr)| addr.clone())
            .collect()
    }

    fn move_resource(&mut self, statement: &Statement, old: &AbsResource) {
        let Some(stored) = self.state.resources.get(old) else {
            return;
        };
        let keys: Vec<InstanceKey> = stored.instances.keys().cloned().collect();
        for key in keys {
            let from = old.instance(key);
            if let Some(to) = statement.target(&from) {
                self.move_instance(from, to);
            }
        }
    }

    fn move_instance(&mut self, from: InstanceAddr, to: InstanceAddr) {
        if self.state.instance(&to).is_some() {
            self.moves.blocked.push((from, to));
            return;
        }
        let Some((instance, template)) = self.take(&from) else {
            return;
        };
        let resource = self
            .state
            .resources
            .entry(to.resource.clone())
            .or_insert(template);
        resource.instances.insert(to.key.clone(), instance);
        let addr = &to.resource;
        self.index
            .insert((addr.module.path(), addr.resource.clone(), addr.clone()));
        let origin = self.moves.origin.remove(&from).unwrap_or(from);
        if origin != to {
            self.moves.origin.insert(to, origin);
        }
    }

    /// Takes an instance out, with what its resource is like without instances.
    fn take(&mut self, addr: &InstanceAddr) -> Option<(Instance, Resource)> {
        let resource = self.state.resources.get_mut(&addr.resource)?;
        let instance = resource.instances.remove(&addr.key)?;
        let template = Resource {
            provider: resource.provider.clone(),
            instances: BTreeMap::new(),
            extra: resource.extra.clone(),
        };
        if resource.instances.is_empty() {
            self.state.resources.remove(&addr.resource);
            let old = &addr.resource;
            self.index
                .remove(&(old.module.path(), old.resource.clone(), old.clone()));
        }
        Some((instance, template))
    }
}

impl Statement {
    /// The single instance that the block says is no more.
    fn gone(&self) -> Option<Gone> {
        let (resource, KeyPattern::Exactly(key)) = self.from.resource.as_ref()? else {
            return None;
        };
        let span = Some(self.span?);
        Some(Gone {
            module: self.from.place().0,
            resource: resource.clone(),
            key: key.clone(),
            span,
        })
    }

    /// Where an object goes to; `None` when the move does not concern it.
    fn target(&self, addr: &InstanceAddr) -> Option<InstanceAddr> {
        let module = &addr.resource.module.0;
        if !self.from.matches_module(module) {
            return None;
        }
        let mut steps: Vec<ModuleStep> = module[..self.shared].to_vec();
        let (id, key) = match (&self.from.resource, &self.to.resource) {
            (Some((id, key)), Some((new_id, new_key))) => {
                let concerns = module.len() == self.from.steps.len()
                    && addr.resource.resource == *id
                    && key.matches(&addr.key);
                if !concerns {
                    return None;
                }
                (new_id.clone(), changed(new_key, &addr.key))
            }
            _ => (addr.resource.resource.clone(), addr.key.clone()),
        };
        // A call that moves as a whole keeps the keys of its instances.
        let kept = module.get(self.from.steps.len().wrapping_sub(1));
        let kept = kept.map_or(&InstanceKey::None, |step| &step.key);
        for (name, key) in &self.to.steps[self.shared..] {
            steps.push(ModuleStep {
                name: name.clone(),
                key: changed(key, kept),
            });
        }
        if self.to.resource.is_none() {
            steps.extend(module[self.from.steps.len()..].iter().cloned());
        }
        let resource = AbsResource {
            module: ModuleInstance(steps.into()),
            resource: id,
        };
        Some(resource.instance(key))
    }
}
