//! A [`Plan`] and the answers of providers to changes of the state.
//!
//! An [`Applier`] is a state machine without I/O, used like the planner: [`Applier::poll`] hands
//! out questions that are ready, [`Applier::answer`] takes the answers in any order. It takes
//! the plan's steps as they are: it never adds, drops or reorders one, and where an answer
//! contradicts the plan it stops. The state is right after every answer.

mod ask;
mod change;
mod check;
mod checks;
mod destroy;
mod ephemeral;
mod outputs;
mod provision;
mod read;
mod source;
mod step;
mod task;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use muster_addr::{ConfigResource, InstanceAddr, ProviderConfigAddr};
use muster_config::{Config, Resource};
use muster_eval::{Evaluator, ModuleInst, ProviderFunctions, Providers, Settings};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Files};
use muster_plan::{Action, Ask, CheckResults, Plan, Question, StepKind};
use muster_provider::{ProviderError, Response, Schemas};
use muster_snapshot::Snapshot;
use muster_value::Value;

pub use source::{planned_values, stored_values};

use ephemeral::Ephemerals;
use provision::{Ending, endings};
use task::Task;

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;

/// Everything an apply needs.
pub struct Inputs {
    /// The configuration that the plan was made from.
    pub config: Arc<Config>,
    /// Schemas of all providers that the plan mentions.
    pub schemas: Arc<Schemas>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The root module's variables, ephemeral ones included.
    pub variables: BTreeMap<Str, Value>,
    /// Files as functions see them.
    pub files: Arc<dyn Files>,
    /// Functions of providers.
    pub functions: Option<Arc<dyn ProviderFunctions>>,
    /// What does not change during a run.
    pub settings: Settings,
}

/// See the crate.
pub struct Applier {
    eval: Evaluator,
    plan: Arc<Plan>,
    state: Snapshot,
    /// How many steps each step still waits for.
    waiting: Vec<usize>,
    /// The steps that wait for each step.
    next: Vec<Vec<usize>>,
    /// Steps that failed, or wait for one that did.
    failed: Vec<bool>,
    ready: VecDeque<usize>,
    tasks: HashMap<u64, Task>,
    /// Objects that were set aside, by change, until they are destroyed.
    deposed: HashMap<u32, muster_snapshot::DeposedKey>,
    next_id: u64,
    asks: VecDeque<Question>,
    /// What runs before objects are destroyed.
    endings: HashMap<ConfigResource, Ending>,
    providers: Providers<Ask>,
    provider_asks: HashMap<u64, ProviderConfigAddr>,
    ephemerals: Ephemerals,
    /// How many questions are out.
    out: usize,
    stopping: bool,
    any_failed: bool,
    /// Outputs of the root module whose preconditions do not hold.
    refused_outputs: HashSet<Str>,
    /// Instances whose objects in the state have changed since somebody asked.
    changed: BTreeSet<InstanceAddr>,
    /// An answer told of an object that the state could not take.
    untaken: bool,
    /// What became of conditions.
    checks: CheckResults,
    /// `check` blocks whose data source could not be read.
    unread: HashSet<(ModuleInst, Str)>,
    diags: Diags,
    counts: Counts,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects created.
    pub added: usize,
    /// Objects changed in place.
    pub changed: usize,
    /// Objects destroyed.
    pub destroyed: usize,
    /// Objects imported.
    pub imported: usize,
    /// Objects forgotten.
    pub forgotten: usize,
}

impl Applier {
    /// Sets out to apply a plan.
    pub fn new(inputs: Inputs) -> Self {
        let Inputs {
            config,
            schemas,
            plan,
            variables,
            files,
            functions,
            settings,
        } = inputs;
        let settings = Settings {
            impure_now: true,
            plan_timestamp: Some(plan.timestamp.clone()),
            ..settings
        };
        let source = planned_values(Arc::clone(&plan), Arc::clone(&schemas));
        let endings = endings(&config);
        let eval = Evaluator::new(config, schemas, variables, files, settings)
            .with_functions(functions)
            .with_source(source);
        let count = plan.steps.len();
        let mut next = vec![Vec::new(); count];
        for (i, step) in plan.steps.iter().enumerate() {
            for before in &step.after {
                next[before.0 as usize].push(i);
            }
        }
        let waiting: Vec<usize> = plan.steps.iter().map(|s| s.after.len()).collect();
        let unchanged = plan.changes.iter().filter(|c| c.action == Action::NoOp);
        let counts = Counts {
            imported: unchanged.filter(|c| c.importing.is_some()).count(),
            ..Counts::default()
        };
        let checks = plan.checks.clone();
        let ready = (0..count).filter(|&i| waiting[i] == 0).collect();
        Self {
            eval,
            state: plan.prior.clone(),
            plan,
            waiting,
            next,
            failed: vec![false; count],
            ready,
            tasks: HashMap::new(),
            deposed: HashMap::new(),
            next_id: 0,
            asks: VecDeque::new(),
            endings,
            providers: Providers::default(),
            provider_asks: HashMap::new(),
            ephemerals: Ephemerals::default(),
            out: 0,
            stopping: false,
            any_failed: false,
            refused_outputs: HashSet::new(),
            changed: BTreeSet::new(),
            untaken: false,
            checks,
            unread: HashSet::new(),
            diags: Diags::new(),
            counts,
        }
    }

    /// The next question, if one is ready now.
    pub fn poll(&mut self) -> Option<Question> {
        let question = match self.stopping {
            true => self.poll_stopping(),
            false => self.poll_next(),
        };
        let has_answer = |q: &Question| !matches!(q, Question::GivenUp(_));
        self.out += usize::from(question.as_ref().is_some_and(has_answer));
        question
    }

    fn poll_next(&mut self) -> Option<Question> {
        loop {
            if let Some(question) = self.asks.pop_front() {
                return Some(question);
            }
            match self.ready.pop_front() {
                Some(step) => self.begin(step),
                None if self.out == 0 => return self.close_rest(),
                None => return None,
            }
        }
    }

    /// What has not been sent yet is not done any more, save that everything open is closed, and
    /// that what is left may only be to look at what was done.
    fn poll_stopping(&mut self) -> Option<Question> {
        while let Some(question) = self.asks.pop_front() {
            match question {
                Question::Provider(ask) if !self.closes(ask.id) => self.refuse(&ask),
                Question::Provisioner(p) => self.refuse_provisioner(p.id),
                question => return Some(question),
            }
        }
        while let Some(at) = self.ready.iter().position(|&step| self.ends_things(step)) {
            let step = self.ready.remove(at)?;
            self.begin(step);
            if let Some(question) = self.asks.pop_front() {
                return Some(question);
            }
        }
        (self.out == 0).then(|| self.close_rest()).flatten()
    }

    /// Whether a step closes something, or changes nothing and asks nobody.
    fn ends_things(&self, step: usize) -> bool {
        let kind = &self.plan.steps[step].kind;
        self.is_close(step) || kind.check().is_some() || matches!(kind, StepKind::Join)
    }

    /// Whether a question is out that has no answer yet.
    pub fn is_waiting(&self) -> bool {
        !self.tasks.is_empty() || !self.provider_asks.is_empty()
    }

    /// Begins no more steps; those that are under way go on to their end.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Takes an answer.
    pub fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        self.out = self.out.saturating_sub(1);
        let Some(answer) = self.ephemeral_answer(id, answer) else {
            return;
        };
        if let Some(addr) = self.provider_asks.remove(&id) {
            self.provider_answer(&addr, answer);
        } else if let Some(task) = self.tasks.remove(&id) {
            self.task_answer(task, answer);
        }
    }

    /// What was reported since the last call.
    pub fn take_diags(&mut self) -> Diags {
        self.diags.extend(self.eval.take_notes());
        std::mem::take(&mut self.diags)
    }

    /// The state as it is after the answers so far.
    pub fn state(&self) -> &Snapshot {
        &self.state
    }

    /// The instances whose objects in the state have changed since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<InstanceAddr> {
        std::mem::take(&mut self.changed)
    }

    /// Whether an answer since the last call told of an object that the state could not take: it
    /// may be there, and nothing is known of it.
    pub fn take_untaken(&mut self) -> bool {
        std::mem::take(&mut self.untaken)
    }

    /// The state is about to change.
    pub(crate) fn touch(&mut self, addr: &InstanceAddr) {
        self.changed.insert(addr.clone());
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Ends the apply: the state with its outputs, and everything reported and not taken.
    pub fn finish(mut self) -> (Snapshot, Counts, Diags) {
        let unfinished = self.unfinished();
        let mut left = self.ready.iter().chain(&unfinished);
        // Whatever was open is closed by now.
        let left = left.any(|&step| !self.is_close(step));
        let canceled = self.stopping && (left || !self.tasks.is_empty());
        if canceled {
            self.diags.push(self.canceled());
        }
        if self.plan.is_limited() {
            self.diags.push(incomplete());
        }
        self.finish_outputs(canceled);
        self.finish_checks();
        self.diags.extend(self.eval.take_notes());
        (self.state, self.counts, self.diags)
    }

    /// The run was stopped. What has no answer yet may have been done or not: whoever has the
    /// journal says what to do about it.
    fn canceled(&self) -> Diagnostic {
        let mut detail = "The run was stopped before everything was done. What was done is in the state; run the same command again for the rest.".to_owned();
        let open: BTreeSet<String> = self.tasks.values().map(|t| t.addr().to_string()).collect();
        if !open.is_empty() {
            let open: Vec<String> = open.into_iter().collect();
            detail += &format!(" These were still in progress: {}.", open.join(", "));
        }
        Diagnostic::error("Apply canceled", detail)
    }

    fn unfinished(&self) -> Vec<usize> {
        (0..self.waiting.len())
            .filter(|&i| self.waiting[i] > 0)
            .collect()
    }

    fn resource_of(&self, task: &Task) -> Option<&Resource> {
        let module = self.eval.module_of(task.inst?);
        let resources = &self.eval.config().module(module).resources;
        resources
            .get(&task.addr().resource.resource)
            .map(Arc::as_ref)
    }

    /// Reports that the plan speaks of something that is not there.
    fn lost(&mut self, addr: &InstanceAddr, what: &str) {
        let detail = format!(
            "The plan changes {addr}, but {what}. Nothing was done to it; make a new plan."
        );
        self.diags
            .push(Diagnostic::error("Plan does not fit", detail).about(addr));
    }
}

/// The plan was about a part of the configuration.
fn incomplete() -> Diagnostic {
    let detail = "The plan was limited to a part of the configuration, so there may be more to \
                  change, and outputs may not be up to date. A plan without -target and -exclude \
                  shows what is left.";
    let warning = Diagnostic::warning("Applied changes may be incomplete", detail);
    warning.of_kind(DiagnosticKind::Incomplete)
}
