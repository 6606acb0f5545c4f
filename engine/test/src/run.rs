//! One run of a test file: a plan, an apply if one is wanted, and the assertions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use muster_addr::InstanceAddr;
use muster_applier::{planned_values, stored_values};
use muster_config::Config;
use muster_config::testing::{TestCommand, TestFile, TestRun};
use muster_eval::{Evaluator, Settings};
use muster_lang::{Diagnostic, DiagnosticKind, Diags};
use muster_plan::{Action, Mode, Plan, RunReport, Seen, TestStatus};
use muster_planner::Options;
use muster_run::StandIn;
use muster_snapshot::Snapshot;
use muster_value::{Marks, Type, Value};

use crate::expected::{self, Conditions};
use crate::scope::{Inside, Names, Outside};
use crate::setup::{Setup, setup};
use crate::variables::{Variables, variables};
use crate::world::World;
use crate::{Runner, Str, assertions, doubles};

/// What a run starts from.
pub(crate) struct Start<'n, 'a> {
    pub(crate) file: &'a TestFile,
    pub(crate) run: &'a TestRun,
    pub(crate) names: Names<'n>,
    /// The state that it goes on with.
    pub(crate) state: Snapshot,
}

/// What a run came to.
pub(crate) struct Outcome<'a> {
    pub(crate) report: RunReport,
    /// Outputs for later runs.
    pub(crate) outputs: Option<Value>,
    /// The state, if it was changed, with what is needed to destroy it.
    pub(crate) state: Option<(Snapshot, Remains<'a>)>,
    /// What was being made when nobody waited any longer.
    pub(crate) planned: Vec<InstanceAddr>,
}

/// What is needed to destroy what a run has made.
pub(crate) struct Remains<'a> {
    pub(crate) run: &'a TestRun,
    pub(crate) config: Arc<Config>,
    pub(crate) settings: Settings,
    pub(crate) stand_in: Option<Arc<dyn StandIn>>,
    pub(crate) variables: BTreeMap<Str, Value>,
}

/// A run that goes on.
struct Going<'r, 'a> {
    runner: &'r Runner<'r>,
    start: Start<'r, 'a>,
    status: TestStatus,
    diags: Diags,
    seen: Option<Seen>,
    outputs: Option<Value>,
    state: Option<(Snapshot, Remains<'a>)>,
    planned: Vec<InstanceAddr>,
}

/// Runs it.
pub(crate) async fn execute<'r, 'a>(runner: &'r Runner<'r>, start: Start<'r, 'a>) -> Outcome<'a> {
    let (began, started) = (Instant::now(), SystemTime::now());
    let run = start.run;
    let mut going = Going {
        runner,
        start,
        status: TestStatus::Pass,
        diags: Diags::new(),
        seen: None,
        outputs: None,
        state: None,
        planned: Vec::new(),
    };
    if let Err(diags) = going.execute().await {
        going.diags.extend(diags);
        going.status = TestStatus::Error;
    }
    Outcome {
        report: RunReport {
            name: run.name.clone(),
            status: going.status,
            diags: going.diags,
            started: Some(started),
            elapsed: began.elapsed(),
            assertions: run.assertions.len(),
            seen: going.seen,
        },
        outputs: going.outputs,
        state: going.state,
        planned: going.planned,
    }
}

impl<'a> Going<'_, 'a> {
    async fn execute(&mut self) -> Result<(), Diags> {
        let run = self.start.run;
        let (setup, _) = setup(self.runner, self.start.file, run)?;
        if run.late.has_errors() {
            return Err(run.late.clone());
        }
        let overrides = run.overrides.iter();
        self.diags
            .extend(doubles::without_target(overrides, &setup.config));
        let variables = variables(self.start.names, self.start.run, setup.config.root())?;
        self.diags.extend(variables.warnings.clone());
        let mut world = World::open(self.runner, &setup.config, &self.start.state).await?;
        let result = self.within(&mut world, setup, &variables).await;
        world.close().await;
        result
    }

    async fn within(
        &mut self,
        world: &mut World,
        setup: Setup<'a>,
        variables: &Variables,
    ) -> Result<(), Diags> {
        let (file, run) = (self.start.file, self.start.run);
        let names = Outside {
            names: self.start.names,
            only_global: false,
        };
        world.equip(&setup, &names, run.overrides.iter().chain(&file.overrides))?;
        let found = muster_run::check(&world.context);
        if found.has_errors() {
            return Err(found);
        }
        let conditions = Conditions::of(&setup.config);
        let plan = self.plan(world, variables).await;
        let (plan, diags) = match plan {
            Ok((plan, diags)) => (Arc::new(plan), diags),
            Err(diags) => return Err(placed(diags, variables)),
        };
        let eval = self.evaluator(world, variables, Known::Planned(&plan));
        if run.command == TestCommand::Plan {
            let failed = expected::failed_in_plan(&plan);
            let diags = conditions.settle(diags, &run.expected, &failed);
            self.finish_step(world, placed(diags, variables))?;
            let outputs = planned_outputs(&plan, &setup);
            let schemas = Arc::clone(&world.context.schemas);
            self.see(Seen::Plan(plan, schemas));
            self.assert(&eval, &outputs, variables);
            self.outputs = Some(outputs);
            return Ok(());
        }
        let failed = expected::failed_in_plan(&plan);
        let mut diags = conditions.explain(diags, &run.expected, &failed);
        if plan.errored && !diags.has_errors() {
            diags.extend(incomplete());
        }
        self.finish_step(world, placed(diags, variables))?;
        // Check blocks are evaluated again when everything is there.
        self.diags = conditions.without_checks(std::mem::take(&mut self.diags), &failed);
        self.apply(world, setup, plan, &conditions, variables).await
    }

    /// Keeps what there is to say; an error ends the run.
    fn finish_step(&mut self, world: &World, diags: Diags) -> Result<(), Diags> {
        if world.context.stop.is_requested() {
            return Err(diags);
        }
        if diags.has_errors() {
            return Err(diags);
        }
        self.diags.extend(diags);
        Ok(())
    }

    async fn plan(&self, world: &World, variables: &Variables) -> Result<(Plan, Diags), Diags> {
        let options = &self.start.run.options;
        let options = Options {
            mode: match options.refresh_only {
                true => Mode::RefreshOnly,
                false => Mode::Normal,
            },
            refresh: options.refresh,
            targets: options.targets.clone(),
            replace: options.replace.clone(),
            ..Options::default()
        };
        let (state, declared) = (self.start.state.clone(), variables.declared.clone());
        let result = muster_run::plan(&world.context, declared, state, options).await;
        let mut all = world.take_diags();
        match result {
            Ok((plan, diags)) => {
                all.extend(diags);
                Ok((plan, all))
            }
            Err(diags) => {
                all.extend(diags);
                Err(all)
            }
        }
    }

    async fn apply(
        &mut self,
        world: &World,
        setup: Setup<'a>,
        plan: Arc<Plan>,
        conditions: &Conditions,
        variables: &Variables,
    ) -> Result<(), Diags> {
        let run = self.start.run;
        let declared = variables.declared.clone();
        let outcome = muster_run::apply(
            &world.context,
            Arc::clone(&plan),
            declared,
            muster_run::Keep::default(),
        )
        .await;
        if world.context.stop.is_requested() {
            self.planned = created(&plan);
        }
        let mut diags = world.take_diags();
        diags.extend(outcome.diags);
        let failed = expected::failed_in_state(&outcome.state);
        let diags = conditions.settle(diags, &run.expected, &failed);
        let diags = placed(diags, variables);
        let state = Arc::new(outcome.state);
        let remains = Remains {
            run,
            settings: world.context.settings.clone(),
            stand_in: world.context.stand_in.clone(),
            variables: variables.declared.clone(),
            config: Arc::clone(&setup.config),
        };
        self.state = Some(((*state).clone(), remains));
        self.finish_step(world, diags)?;
        let outputs = stored_outputs(&state, &setup);
        let eval = self.evaluator(world, variables, Known::Stored(&state));
        let schemas = Arc::clone(&world.context.schemas);
        self.see(Seen::State(state, schemas));
        self.assert(&eval, &outputs, variables);
        self.outputs = Some(outputs);
        Ok(())
    }

    fn see(&mut self, seen: Seen) {
        self.seen = Some(seen).filter(|_| self.runner.suite.verbose);
    }

    /// The module under test as a plan or a state has it.
    fn evaluator(&self, world: &World, variables: &Variables, known: Known<'_>) -> Evaluator {
        let schemas = Arc::clone(&world.context.schemas);
        let mut context = world.context.clone();
        let source = match known {
            Known::Planned(plan) => planned_values(Arc::clone(plan), schemas),
            Known::Stored(state) => {
                context.settings.impure_now = true;
                stored_values(Arc::clone(state), schemas)
            }
        };
        muster_run::evaluator(&context, variables.declared.clone()).with_source(source)
    }

    fn assert(&mut self, eval: &Evaluator, outputs: &Value, variables: &Variables) {
        let scope = Inside {
            names: self.start.names,
            eval,
            module: Inside::module(eval),
            outputs,
            extra: &variables.extra,
        };
        let (status, diags) = assertions::evaluate(&self.start.run.assertions, &scope);
        self.status = self.status.max(status);
        self.diags.extend(diags);
    }
}

/// What is known of objects.
enum Known<'a> {
    Planned(&'a Arc<Plan>),
    Stored(&'a Arc<Snapshot>),
}

/// The outputs of the module under test as they will be.
fn planned_outputs(plan: &Plan, setup: &Setup<'_>) -> Value {
    let declared = setup.config.root().outputs.iter();
    let outputs = declared.map(|(name, output)| {
        let planned = plan.outputs.get(name).map(|o| o.after.clone());
        let value = planned.unwrap_or(Value::unknown(Type::Dynamic));
        (name.clone(), marked(value, output.sensitive))
    });
    Value::object(outputs.collect::<Vec<_>>())
}

/// The outputs of the module under test as they are.
fn stored_outputs(state: &Snapshot, setup: &Setup<'_>) -> Value {
    let declared = setup.config.root().outputs.iter();
    let outputs = declared.map(|(name, output)| {
        let stored = state.outputs.get(name).map(|o| o.value.clone());
        (
            name.clone(),
            marked(stored.unwrap_or(Value::NULL), output.sensitive),
        )
    });
    Value::object(outputs.collect::<Vec<_>>())
}

fn marked(value: Value, sensitive: bool) -> Value {
    match sensitive {
        true => value.mark(Marks::SENSITIVE),
        false => value,
    }
}

/// What a plan makes.
fn created(plan: &Plan) -> Vec<InstanceAddr> {
    let changes = plan.changes.iter();
    let created = changes.filter(|c| c.action == Action::Create || c.action.is_replace());
    created.map(|c| c.addr.clone()).collect()
}

fn incomplete() -> Diags {
    let detail = "The plan could not be finished.";
    Diagnostic::error("Cannot apply incomplete plan", detail).into()
}

/// Brings what is wrong with the value of a variable to where the test gives the value.
fn placed(diags: Diags, variables: &Variables) -> Diags {
    let place = |mut d: Diagnostic| {
        if d.kind == DiagnosticKind::Condition {
            d.subject = variables.place(d.subject).or(d.subject);
        }
        d
    };
    Diags(diags.into_iter().map(place).collect())
}
