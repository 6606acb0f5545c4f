//! Configuration, schemas, stored state and the answers of providers to a [`Plan`].
//!
//! A [`Planner`] is a state machine without I/O: [`Planner::poll`] hands out questions that are
//! ready, [`Planner::answer`] takes the answers in any order, and when nothing is left
//! [`Planner::finish`] gives the plan. The same inputs and answers give the same plan.

mod checks;
mod data;
mod destroy;
mod ephemeral;
mod graph;
mod hand_over;
mod identity;
mod ignore;
mod import;
mod inputs;
mod instance;
mod interrupted;
mod limits;
mod moves;
mod order;
mod outputs;
mod plan_change;
mod protect;
mod provider;
mod reads;
mod recorded;
mod relevant;
mod removed;
mod replacement;
mod requested;
mod state;
mod task;
mod trigger;
mod validate;
mod visit;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use muster_addr::{AbsResource, ConfigResource, InstanceAddr, ModulePath, ProviderConfigAddr};
use muster_eval::{Evaluator, Providers};
use muster_lang::{Diagnostic, Diags};
use muster_plan::{Action, Ask, Change, CheckResults, Deposed, Mode, OutputChange, Plan, StepKind};
use muster_provider::{ProviderError, Response};
use muster_snapshot::Snapshot;
use muster_value::Value;

pub use graph::{Graph, Node, NodeId, Nodes};
pub use inputs::{Inputs, Options, ReadImport};
pub use recorded::{decoded, recorded};
use task::Task;
pub use validate::Validator;

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;

/// See the crate.
pub struct Planner {
    eval: Evaluator,
    graph: Graph,
    options: Options,
    variables: BTreeMap<Str, Value>,
    timestamp: Str,
    /// The state, brought up to date as answers come in.
    state: Snapshot,
    /// What each node's resource depends on.
    dependencies: Vec<Arc<[ConfigResource]>>,
    /// Resources whose replacement is made first.
    create_before_destroy: HashSet<NodeId>,
    /// Nodes that this plan is about; `None` is all.
    included: Option<limits::Included>,
    /// What has moved in the state.
    moves: moves::Moves,
    /// What is forgotten instead of destroyed.
    removed: removed::Removed,
    /// Objects that exist already and get an address.
    imports: import::Imports,
    /// Creations of an earlier run that were interrupted.
    interrupted: interrupted::Interrupted,
    /// Objects of `Options::only_read`.
    read: Vec<ReadImport>,
    /// Objects of the state that no resource of the configuration speaks for.
    orphans: HashMap<ProviderConfigAddr, Vec<visit::Orphan>>,
    /// What a destroy looks at on the side.
    destroy: destroy::Destroy,
    /// Names given with -target and -exclude that nothing has.
    unmatched: Vec<String>,
    /// How many needs of each node are still open.
    waiting: Vec<usize>,
    /// How many tasks of each node are still open.
    open_tasks: Vec<usize>,
    /// Nodes that failed, or need one that did.
    failed: Vec<bool>,
    visited: Vec<bool>,
    /// An error was reported.
    errored: bool,
    /// Resources of the state that are in modules, by their place in the configuration.
    in_modules: HashMap<ConfigResource, Vec<AbsResource>>,
    ready: VecDeque<NodeId>,
    tasks: HashMap<u64, Task>,
    next_id: u64,
    asks: VecDeque<Ask>,
    stopping: bool,
    providers: Providers<Ask>,
    /// Questions about provider configurations, by id.
    provider_asks: HashMap<u64, ProviderConfigAddr>,
    ephemerals: ephemeral::Ephemerals,
    /// How many questions are out.
    out: usize,
    changes: BTreeMap<(InstanceAddr, Deposed), Change>,
    /// Stored dependencies of changed objects, for the order of steps.
    stored_dependencies: HashMap<(InstanceAddr, Deposed), Arc<[ConfigResource]>>,
    /// Resources of the configuration that some change is planned for.
    pending: HashSet<ConfigResource>,
    /// Modules that some change is planned in, directly or further down.
    pending_modules: HashSet<ModulePath>,
    drift: BTreeMap<(InstanceAddr, Deposed), Change>,
    /// Objects that are destroyed unless their `prevent_destroy`, which is looked at last, forbids it.
    protected: Vec<InstanceAddr>,
    /// Conditions that could not be decided: steps of nodes that decide them during apply.
    undecided: HashMap<NodeId, Vec<StepKind>>,
    outputs: BTreeMap<Str, OutputChange>,
    /// What became of conditions.
    checks: CheckResults,
    diags: Diags,
}

impl Planner {
    /// Sets out to plan. Fails when the configuration has a cycle.
    pub fn new(inputs: Inputs) -> Result<Self, Diags> {
        let Inputs {
            config,
            schemas,
            variables,
            files,
            functions,
            settings,
            mut prior,
            options,
        } = inputs;
        // Where there is nothing to destroy, nobody asks what the configuration says.
        let idle = options.mode == Mode::Destroy && prior.resources.is_empty();
        let moves = match idle {
            true => moves::Moves::default(),
            false => moves::apply(&config, &mut prior)?,
        };
        hand_over::hand_over(&config, &mut prior);
        let removed = removed::Removed::new(&config)?;
        let extra: BTreeSet<_> = prior
            .resources
            .values()
            .map(|r| r.provider.clone())
            .collect();
        let mut graph = Graph::new(&config, &extra)?;
        let mut errors = std::mem::take(&mut graph.plan_errors);
        if options.mode != Mode::RefreshOnly {
            errors.extend(std::mem::take(&mut graph.trigger_errors));
        }
        if errors.has_errors() && !idle {
            return Err(errors);
        }
        let imports = import::Imports::new(&config, &options);
        let missing = match idle {
            true => Diags::new(),
            false => imports.without_target(&config),
        };
        let count = graph.nodes.len();
        let dependencies = graph.resource_dependencies(&config);
        let timestamp = settings.plan_timestamp.clone().unwrap_or_else(|| "".into());
        let mut expected = checks::expected(&config);
        if options.mode == Mode::Destroy {
            checks::expect_outputs(&config, &mut expected);
        }
        let eval = Evaluator::new(config, schemas, variables.clone(), files, settings)
            .with_functions(functions);
        let mut planner = Self {
            create_before_destroy: visit::create_before_destroy(&graph, eval.config()),
            waiting: graph.needs.iter().map(Vec::len).collect(),
            eval,
            graph,
            interrupted: interrupted::Interrupted::new(&options.in_flight),
            options,
            variables,
            timestamp,
            state: prior,
            dependencies,
            included: None,
            moves,
            removed,
            imports,
            read: Vec::new(),
            orphans: HashMap::new(),
            destroy: destroy::Destroy::default(),
            unmatched: Vec::new(),
            open_tasks: vec![0; count],
            failed: vec![false; count],
            visited: vec![false; count],
            errored: false,
            in_modules: HashMap::new(),
            ready: VecDeque::new(),
            tasks: HashMap::new(),
            next_id: 0,
            asks: VecDeque::new(),
            stopping: false,
            providers: Providers::default(),
            provider_asks: HashMap::new(),
            ephemerals: ephemeral::Ephemerals::default(),
            out: 0,
            changes: BTreeMap::new(),
            stored_dependencies: HashMap::new(),
            pending: HashSet::new(),
            pending_modules: HashSet::new(),
            drift: BTreeMap::new(),
            protected: Vec::new(),
            undecided: HashMap::new(),
            outputs: BTreeMap::new(),
            checks: expected,
            diags: missing,
        };
        planner.prepare();
        Ok(planner)
    }

    /// Begins nothing new: the plan will not be complete.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// The next question, if one is ready now.
    pub fn poll(&mut self) -> Option<Ask> {
        let ask = match self.stopping {
            true => self.poll_stopping(),
            false => self.poll_next(),
        };
        self.out += usize::from(ask.is_some());
        ask
    }

    fn poll_next(&mut self) -> Option<Ask> {
        loop {
            if let Some(ask) = self.asks.pop_front() {
                return Some(ask);
            }
            match self.ready.pop_front() {
                Some(node) => self.visit(node),
                None if self.out == 0 && self.destroy_now() => {}
                None if self.out == 0 => return self.close_rest(),
                None => return None,
            }
        }
    }

    /// Whether a question is out that has no answer yet.
    pub fn is_waiting(&self) -> bool {
        !self.tasks.is_empty() || !self.provider_asks.is_empty()
    }

    /// Takes an answer.
    pub fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        self.out = self.out.saturating_sub(1);
        let Some(answer) = self.lease_answer(id, answer) else {
            return;
        };
        if let Some(provider) = self.provider_asks.remove(&id) {
            let node = Node::Provider(provider.config().into());
            let node = self.graph.find(&node);
            self.work_for(node, |planner| planner.provider_answer(&provider, answer));
        } else if let Some(task) = self.tasks.remove(&id) {
            let destroys = matches!(task.goal, task::Goal::Delete(_));
            let node = task.node.filter(|_| !destroys);
            self.work_for(node, |planner| planner.task_answer(task, answer));
        }
    }

    /// What was reported since the last call.
    pub fn take_diags(&mut self) -> Diags {
        self.diags.extend(self.eval.take_notes());
        self.errored |= self.diags.has_errors();
        std::mem::take(&mut self.diags)
    }

    /// The objects that [`Options::only_read`] asks for, in the order of their addresses.
    /// Everything reported and not taken is given along.
    pub fn finish_reading(mut self) -> (Vec<ReadImport>, Diags) {
        self.read.sort_by(|a, b| a.addr.cmp(&b.addr));
        (self.read, self.diags)
    }

    /// The plan. Everything reported and not taken is given along.
    pub fn finish(mut self) -> (Plan, Diags) {
        self.finish_moves();
        self.finish_imports();
        self.finish_outputs();
        self.finish_protected();
        self.diags.extend(self.eval.take_notes());
        let failed = |(node, failed): (NodeId, &bool)| *failed && !self.is_optional(node);
        let any_failed = (0..).zip(&self.failed).any(failed);
        let errored = self.errored || any_failed || self.diags.has_errors();
        self.finish_interrupted(errored);
        let mut plan = Plan {
            mode: self.options.mode,
            timestamp: self.timestamp.clone(),
            variables: stored_variables(&self.variables),
            outputs: std::mem::take(&mut self.outputs),
            targets: self.options.targets.clone(),
            excludes: self.options.excludes.clone(),
            drift: std::mem::take(&mut self.drift).into_values().collect(),
            errored,
            checks: std::mem::take(&mut self.checks),
            resolved: std::mem::take(&mut self.interrupted.resolved)
                .into_iter()
                .collect(),
            ..Plan::default()
        };
        let mut changes = std::mem::take(&mut self.changes);
        self.remember_order(&mut changes);
        if let Some(warning) = forgotten(&changes) {
            self.diags.push(warning);
        }
        match order::steps(&self, &changes) {
            Ok(steps) => plan.steps = steps,
            Err(diagnostic) => {
                self.diags.push(*diagnostic);
                plan.errored = true;
            }
        }
        plan.reads = self.reads(&changes, &plan.outputs);
        plan.changes = changes.into_values().collect();
        plan.relevant = self.relevant(plan.changes.iter(), plan.outputs.iter());
        plan.prior = self.state;
        if plan.is_limited() && self.options.imports.is_empty() {
            let mut detail = limits::meaning(&self.options).to_owned();
            if !self.unmatched.is_empty() {
                detail += &format!(" Nothing is called {}.", self.unmatched.join(", or "));
            }
            let summary = "Resource targeting is in effect";
            self.diags.push(Diagnostic::warning(summary, detail));
        }
        (plan, self.diags)
    }
}

/// Says which objects are let go of.
fn forgotten(changes: &BTreeMap<(InstanceAddr, Deposed), Change>) -> Option<Diagnostic> {
    let list: Vec<String> = changes
        .values()
        .filter(|c| c.action == Action::Forget)
        .map(|c| format!("  - {}", c.addr))
        .collect();
    if list.is_empty() {
        return None;
    }
    let detail = format!(
        "After this apply these objects still exist, but they are no longer in the state, and nothing here changes or destroys them any more:\n{}",
        list.join("\n")
    );
    // Tools know it by this name.
    let summary = "Some objects will no longer be managed by Terraform";
    Some(Diagnostic::warning(summary, detail))
}

fn stored_variables(variables: &BTreeMap<Str, Value>) -> BTreeMap<Str, Value> {
    let ephemeral = |v: &Value| v.marks_deep().contains(muster_value::Marks::EPHEMERAL);
    variables
        .iter()
        .filter(|(_, v)| !ephemeral(v))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}
