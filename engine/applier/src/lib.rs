//! A [`Plan`] and the answers of providers to changes of the state.
//!
//! An [`Applier`] is a state machine without I/O, used like the planner: [`Applier::poll`] hands
//! out questions that are ready, [`Applier::answer`] takes the answers in any order. It takes
//! the plan's steps as they are: it never adds, drops or reorders one, and where an answer
//! contradicts the plan it stops. The state is right after every answer.

mod change;
mod check;
mod checks;
mod destroy;
mod ephemeral;
mod outputs;
mod provision;
mod read;
mod task;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use muster_addr::{
    AbsResource, ConfigResource, InstanceAddr, Mode, ModuleInstance, ProviderConfigAddr,
};
use muster_config::{Config, Resource};
use muster_eval::{
    CheckResult, Evaluator, ModuleInst, ProviderFunctions, Providers, Sent, Settings, Settled,
    provider_meta,
};
use muster_lang::{Diagnostic, Diags, Files};
use muster_plan::{
    Action, Ask, Change, CheckResults, Operation, Part, Plan, Question, Shown, StepKind, id_hint,
};
use muster_provider::{ProviderError, Request, Response, Schemas};
use muster_snapshot::Snapshot;
use muster_value::Value;

use ephemeral::Ephemerals;
use provision::{Ending, endings};
use task::{Stage, Task};

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

    /// What has not been sent yet is not done any more, save that everything open is closed.
    fn poll_stopping(&mut self) -> Option<Question> {
        while let Some(question) = self.asks.pop_front() {
            match question {
                Question::Provider(ask) if !self.closes(ask.id) => self.refuse(&ask),
                Question::Provisioner(p) => self.refuse_provisioner(p.id),
                question => return Some(question),
            }
        }
        while let Some(at) = self.ready.iter().position(|&step| self.is_close(step)) {
            let step = self.ready.remove(at)?;
            self.begin(step);
            if let Some(question) = self.asks.pop_front() {
                return Some(question);
            }
        }
        (self.out == 0).then(|| self.close_rest()).flatten()
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
        if self.stopping && (left || !self.tasks.is_empty()) {
            self.diags.push(self.canceled());
        }
        self.finish_outputs();
        self.finish_checks();
        (self.state, self.counts, self.diags)
    }

    /// The run was stopped. What has no answer yet may have been done or not.
    fn canceled(&self) -> Diagnostic {
        let mut detail = "The run was stopped before everything was done. What was done is in the state; run apply again for the rest.".to_owned();
        let open: BTreeSet<String> = self.tasks.values().map(|t| t.addr().to_string()).collect();
        if !open.is_empty() {
            let open: Vec<String> = open.into_iter().collect();
            detail += &format!(
                " Nobody knows what became of what was in progress: {}. `muster plan` finds out what it can, and `muster recover` lists the rest.",
                open.join(", ")
            );
        }
        Diagnostic::error("Apply canceled", detail)
    }

    fn unfinished(&self) -> Vec<usize> {
        (0..self.waiting.len())
            .filter(|&i| self.waiting[i] > 0)
            .collect()
    }

    fn begin(&mut self, step: usize) {
        let after = &self.plan.steps[step].after;
        if !self.is_close(step) && after.iter().any(|s| self.failed[s.0 as usize]) {
            self.failed[step] = true;
            return self.complete(step);
        }
        let plan = Arc::clone(&self.plan);
        let kind = &plan.steps[step].kind;
        if let Some((module, _)) = kind.check() {
            return self.begin_check(step, module, kind);
        }
        match kind {
            StepKind::OpenEphemeral { addr, provider } => {
                return self.begin_open(step, addr, provider);
            }
            StepKind::CloseEphemeral { addr } => return self.begin_close(step, addr),
            _ => {}
        }
        let Some(index) = kind.change() else {
            return self.complete(step);
        };
        let change = &plan.changes[index as usize];
        let task = match self.task(step, index, change) {
            Ok(task) => task,
            Err(diags) => {
                self.diags.extend(diags);
                return self.fail_step(step);
            }
        };
        match plan.steps[step].kind {
            StepKind::Create { depose, .. } => self.begin_change(task, depose),
            StepKind::Update { .. } => self.begin_change(task, false),
            StepKind::Delete { .. } | StepKind::DeleteDeposed { .. } => self.begin_delete(task),
            StepKind::Read { .. } => self.begin_read(task),
            StepKind::Forget { .. } => self.forget(&task),
            StepKind::CheckVariable { .. }
            | StepKind::CheckOutput { .. }
            | StepKind::CheckBlock { .. }
            | StepKind::OpenEphemeral { .. }
            | StepKind::CloseEphemeral { .. }
            | StepKind::Join => {
                self.complete(step);
            }
        }
    }

    fn task(&mut self, step: usize, index: u32, change: &Change) -> Result<Task, Diags> {
        let id = &change.addr.resource.resource;
        let schemas = self.eval.schemas();
        let schema = schemas.resource(&change.provider.provider, id.mode, &id.type_name);
        let Some(schema) = schema else {
            self.lost(&change.addr, "its provider has no such resource type");
            return Err(Diags::new());
        };
        let identity = match id.mode {
            Mode::Managed => schemas.identity(&change.provider.provider, &id.type_name),
            Mode::Data | Mode::Ephemeral => None,
        };
        let identity = identity.cloned();
        let inst = match change.action {
            Action::Delete | Action::Forget => None,
            _ => self.eval.find_module(&change.addr.resource.module)?,
        };
        if !self.providers.is_evaluated(&change.provider) {
            self.providers.evaluate(&self.eval, &change.provider)?;
        }
        Ok(Task::new(step, index, change, schema, identity, inst))
    }

    fn complete(&mut self, step: usize) {
        for i in 0..self.next[step].len() {
            let next = self.next[step][i];
            self.waiting[next] -= 1;
            if self.waiting[next] == 0 {
                self.ready.push_back(next);
            }
        }
    }

    fn fail_step(&mut self, step: usize) {
        self.failed[step] = true;
        self.any_failed = true;
        self.complete(step);
    }

    /// Gives up on a task; the reason was reported.
    pub(crate) fn fail(&mut self, task: &Task) {
        if task.part != Part::Whole {
            let addr = task.addr().clone();
            self.asks.push_back(Question::GivenUp(addr));
        }
        if let Some(inst) = task.inst {
            let id = &task.addr().resource.resource;
            self.eval
                .set_instance(inst, id, task.addr().key.clone(), Err(()));
        }
        self.fail_step(task.step);
    }

    /// Asks a provider about a task.
    pub(crate) fn ask(
        &mut self,
        mut task: Task,
        stage: Stage,
        mut request: Request,
        operation: Option<Operation>,
    ) {
        self.next_id += 1;
        let id = self.next_id;
        let change = &self.plan.changes[task.change as usize];
        if let Some(meta) = request.provider_meta_mut() {
            let (resource, provider) = (&change.addr.resource, &change.provider.provider);
            // The plan has found nothing wrong with it.
            *meta = provider_meta(&self.eval, resource, provider).unwrap_or(Value::NULL);
        }
        let shown = operation.map(|operation| Shown {
            addr: change.addr.clone(),
            // What is set aside for a new object is not what the new one is called by.
            deposed: match operation {
                Operation::Delete => task.deposed.clone().or_else(|| change.deposed.clone()),
                _ => change.deposed.clone(),
            },
            operation,
            action: change.action,
            id: if operation == Operation::Create {
                None
            } else {
                id_hint(&change.before)
            },
            part: task.part,
        });
        let ask = Ask {
            id,
            provider: change.provider.clone(),
            request,
            object: Some(change.addr.clone()),
            shown,
        };
        task.stage = stage;
        self.tasks.insert(id, task);
        self.send(ask);
    }

    fn send(&mut self, ask: Ask) {
        let addr = ask.provider.clone();
        match self.providers.send(&addr, ask) {
            Sent::Go(ask) => self.asks.push_back(Question::Provider(ask)),
            Sent::First(request) => self.ask_provider(&addr, request),
            Sent::Waits => {}
            Sent::Refused(ask) => self.refuse(&ask),
        }
    }

    fn refuse(&mut self, ask: &Ask) {
        self.refuse_ephemeral(ask.id);
        if let Some(task) = self.tasks.remove(&ask.id) {
            self.undo(&task);
            self.fail(&task);
        }
    }

    fn ask_provider(&mut self, addr: &ProviderConfigAddr, request: Request) {
        self.next_id += 1;
        self.provider_asks.insert(self.next_id, addr.clone());
        let ask = Ask {
            id: self.next_id,
            provider: addr.clone(),
            request,
            object: None,
            shown: None,
        };
        self.asks.push_back(Question::Provider(ask));
    }

    fn provider_answer(
        &mut self,
        addr: &ProviderConfigAddr,
        answer: Result<Response, ProviderError>,
    ) {
        let (settled, diags) = self.providers.answer(&self.eval, addr, answer);
        self.diags.extend(diags);
        match settled {
            Settled::Next(request) => self.ask_provider(addr, request),
            Settled::Ready(asks) => self.asks.extend(asks.into_iter().map(Question::Provider)),
            Settled::Failed(asks) => {
                for ask in asks {
                    self.refuse(&ask);
                }
            }
        }
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

    /// Checks once more what could not be decided while planning.
    fn begin_check(&mut self, step: usize, module: &ModuleInstance, kind: &StepKind) {
        let result = match self.eval.find_module(module) {
            Ok(None) => CheckResult::Pass,
            Ok(Some(inst)) => self.check(inst, kind),
            Err(diags) => CheckResult::Fail(diags),
        };
        match result {
            CheckResult::Fail(diags) if matches!(kind, StepKind::CheckBlock { .. }) => {
                self.diags.extend(checks::as_warnings(diags));
                self.complete(step);
            }
            CheckResult::Fail(diags) => {
                if let (StepKind::CheckOutput { name, .. }, true) = (kind, module.is_root()) {
                    self.refused_outputs.insert(name.clone());
                }
                self.diags.extend(diags);
                self.fail_step(step);
            }
            CheckResult::Pass | CheckResult::Unknown => self.complete(step),
        }
    }

    fn forget(&mut self, task: &Task) {
        let change = &self.plan.changes[task.change as usize];
        match &change.deposed {
            Some(key) => self.state.remove_deposed(&change.addr, key),
            None => self.state.remove(&change.addr),
        };
        self.counts.forgotten += 1;
        self.touch(task.addr());
        self.complete(task.step);
    }
}

/// The values of instances as far as nobody has set them: as planned, or as stored.
pub fn planned_values(plan: Arc<Plan>, schemas: Arc<Schemas>) -> muster_eval::InstanceSource {
    let planned: HashMap<InstanceAddr, usize> = plan
        .changes
        .iter()
        .enumerate()
        .filter(|(_, c)| c.deposed.is_none() && c.action != Action::Delete)
        .map(|(i, c)| (c.addr.clone(), i))
        .collect();
    Box::new(move |addr| {
        if let Some(&i) = planned.get(addr) {
            return Some(plan.changes[i].after.clone());
        }
        stored(&plan.prior, &schemas, &addr.resource, addr)
    })
}

/// The values of instances as a state has them.
pub fn stored_values(state: Arc<Snapshot>, schemas: Arc<Schemas>) -> muster_eval::InstanceSource {
    Box::new(move |addr| stored(&state, &schemas, &addr.resource, addr))
}

fn stored(
    state: &Snapshot,
    schemas: &Schemas,
    resource: &AbsResource,
    addr: &InstanceAddr,
) -> Option<Value> {
    let provider = &state.resources.get(resource)?.provider.provider;
    let id = &resource.resource;
    let schema = schemas.resource(provider, id.mode, &id.type_name)?;
    let value = state
        .current(addr)?
        .decode_marked(&schema.block.implied_type())
        .ok()?;
    let sensitive = schema.block.sensitive_paths(&value.unmark_deep());
    Some(value.mark_paths(&sensitive))
}
