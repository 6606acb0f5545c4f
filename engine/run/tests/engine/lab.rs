//! One working directory in memory: configurations go in, plans, changes and states come out.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use muster_addr::{ProviderAddr, Str};
use muster_config::{ConfigFiles, InputVariables};
use muster_eval::Settings;
use muster_lang::{Diags, Files, Sources};
use muster_plan::{Action, Change, Event, Plan};
use muster_planner::Options;
use muster_provider::{Builtin, Provider as _, Schemas};
use muster_run::{Context, Keep, Outcome, Pool, Save, Stop};
use muster_snapshot::Snapshot;
use muster_value::Value;

use crate::provider::{Fault, Starter, World, schema_with, thing_type};

/// Files by path. The text before the first `-- PATH --` line is `main.tf`.
struct Memory(BTreeMap<String, String>);

impl Memory {
    fn parse(text: &str) -> Self {
        let mut files = BTreeMap::new();
        let mut path = "main.tf".to_owned();
        for line in text.lines() {
            let header = line
                .trim()
                .strip_prefix("-- ")
                .and_then(|l| l.strip_suffix(" --"));
            if let Some(header) = header {
                path = header.to_owned();
            }
            let file: &mut String = files.entry(path.clone()).or_default();
            if header.is_none() {
                file.push_str(line);
                file.push('\n');
            }
        }
        files.entry("main.tf".to_owned()).or_default();
        Self(files)
    }
}

impl ConfigFiles for Memory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let found = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(found.clone().into_bytes())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let prefix = if dir == "." {
            String::new()
        } else {
            format!("{dir}/")
        };
        let names: Vec<String> = self
            .0
            .keys()
            .filter_map(|path| path.strip_prefix(&prefix))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(names)
    }
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no files here".into())
    }
    fn exists(&self, _: &str) -> Result<bool, String> {
        Ok(false)
    }
    fn walk(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
    fn home(&self) -> Option<String> {
        None
    }
    fn cwd(&self) -> String {
        "/".into()
    }
}

type Variables = BTreeMap<Str, Value>;

/// See the module.
#[derive(Default)]
pub(crate) struct Lab {
    /// The state.
    pub(crate) state: Snapshot,
    world: Arc<Mutex<World>>,
    events: Arc<Mutex<Vec<Event>>>,
    /// Is shown each event when it is told.
    pub(crate) watch: Option<Watch>,
    /// Summaries and details of everything reported since they were last taken.
    details: Mutex<String>,
}

/// See [`Lab::watch`].
pub(crate) type Watch = Arc<dyn Fn(&Event) + Send + Sync>;

/// What a configuration came to.
pub(crate) struct Run {
    /// The plan; `None` when there is none.
    pub(crate) plan: Option<Plan>,
    /// Summaries of errors and warnings, `ADDRESS: ` before them where there is one.
    pub(crate) diags: Vec<String>,
}

impl Lab {
    /// The provider's side.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Makes a call fail from now on; `create a`.
    pub(crate) fn fault(&self, call: &str, fault: Fault) {
        self.world().faults.insert(call.into(), fault);
    }

    /// Everything goes well from now on.
    pub(crate) fn heal(&self) {
        self.world().faults.clear();
    }

    /// The calls since the last time.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.world().calls)
    }

    /// The events since the last time.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    fn context(&self, config: &str) -> Result<(Context, Variables), Diags> {
        let mut sources = Sources::default();
        let (config, diags) = muster_config::load(".", &Memory::parse(config), &mut sources);
        if diags.has_errors() {
            return Err(diags);
        }
        let (variables, diags) = InputVariables::new().resolve(config.root(), &mut sources);
        if diags.has_errors() {
            return Err(diags);
        }
        let mut schemas = Schemas::default();
        let schema = schema_with(self.world().identified);
        schemas.insert(ProviderAddr::new("hashicorp", "fake"), schema);
        schemas.insert(ProviderAddr::builtin(), Builtin::default().schema());
        let events = Arc::clone(&self.events);
        let watch = self.watch.clone();
        let context = Context {
            config: Arc::new(config),
            schemas: Arc::new(schemas),
            pool: Arc::new(Pool::new(Arc::new(Starter(Arc::clone(&self.world))))),
            settings: Settings {
                workspace: "default".into(),
                ..Settings::default()
            },
            files: Arc::new(NoFiles),
            stand_in: None,
            parallelism: 4,
            sink: Arc::new(move |event| {
                if let Some(watch) = &watch {
                    watch(&event);
                }
                events.lock().unwrap().push(event);
            }),
            stop: match &self.world().stop_at {
                Some((_, stop)) => stop.clone(),
                None => Stop::default(),
            },
        };
        Ok((context, variables))
    }

    /// The whole text of what was reported since the last time.
    pub(crate) fn take_details(&self) -> String {
        std::mem::take(&mut self.details.lock().unwrap())
    }

    fn summaries(&self, rest: Diags) -> Vec<String> {
        let mut events = self.events.lock().unwrap();
        let mut found: Vec<_> = rest.0;
        events.retain(|event| match event {
            Event::Diagnostic(d) => {
                found.push(d.clone());
                false
            }
            _ => true,
        });
        let mut details = self.details.lock().unwrap();
        for d in &found {
            *details += &format!("{}: {}\n", d.summary, d.detail);
        }
        drop(details);
        let mut lines: Vec<String> = found
            .into_iter()
            .map(|d| match d.address {
                Some(address) => format!("{address}: {}", d.summary),
                None => d.summary,
            })
            .collect();
        lines.sort();
        lines
    }

    /// Plans with options.
    pub(crate) fn plan_with(&self, config: &str, options: Options) -> Run {
        let (context, variables) = match self.context(config) {
            Ok(found) => found,
            Err(diags) => {
                return Run {
                    plan: None,
                    diags: self.summaries(diags),
                };
            }
        };
        let state = self.state.clone();
        let result = block_on(muster_run::plan(&context, variables, state, options));
        match result {
            Ok((plan, diags)) => Run {
                plan: Some(plan),
                diags: self.summaries(diags),
            },
            Err(diags) => Run {
                plan: None,
                diags: self.summaries(diags),
            },
        }
    }

    /// Plans what must be possible.
    pub(crate) fn plan(&self, config: &str) -> Plan {
        self.plan_ok(config, Options::default())
    }

    fn plan_ok(&self, config: &str, options: Options) -> Plan {
        let run = self.plan_with(config, options);
        assert!(run.diags.is_empty(), "{:?}\n{config}", run.diags);
        run.plan.unwrap()
    }

    /// Applies a plan; gives what was reported.
    pub(crate) fn carry_out(&mut self, config: &str, plan: Plan) -> Vec<String> {
        self.carry_out_saving(config, plan, |_| {})
    }

    /// As [`Lab::carry_out`]; `save` is given the state from time to time.
    pub(crate) fn carry_out_saving(
        &mut self,
        config: &str,
        plan: Plan,
        save: impl FnMut(&Snapshot) + Send,
    ) -> Vec<String> {
        let keep = Keep {
            save: Some(Save::often(save)),
            ..Keep::default()
        };
        self.carry_out_keeping(config, plan, keep)
    }

    /// As [`Lab::carry_out`], with what is to be kept meanwhile.
    pub(crate) fn carry_out_keeping(
        &mut self,
        config: &str,
        plan: Plan,
        keep: Keep<'_>,
    ) -> Vec<String> {
        assert!(!plan.errored);
        let (context, variables) = self.context(config).unwrap();
        let applied = muster_run::apply(&context, Arc::new(plan), variables, keep);
        let Outcome { state, diags, .. } = block_on(applied);
        self.state = state;
        self.summaries(diags)
    }

    /// Plans and applies; gives what was reported. The calls of planning are not kept.
    pub(crate) fn try_apply(&mut self, config: &str, options: Options) -> Vec<String> {
        let plan = self.plan_ok(config, options);
        self.take_calls();
        self.take_events();
        self.carry_out(config, plan)
    }

    /// Plans and applies what must go well.
    pub(crate) fn apply(&mut self, config: &str) {
        let found = self.try_apply(config, Options::default());
        assert!(found.is_empty(), "{found:?}\n{config}");
    }

    /// What a plan for a configuration does, no-ops left out.
    pub(crate) fn check(&self, config: &str, expect: &str) {
        self.check_with(config, Options::default(), expect);
    }

    /// As [`Lab::check`].
    pub(crate) fn check_with(&self, config: &str, options: Options, expect: &str) {
        same(&lines(&self.plan_ok(config, options)), expect);
    }

    /// The calls since the last time, in order.
    pub(crate) fn check_calls(&self, expect: &str) {
        let mut calls = self.take_calls();
        calls.retain(|c| !c.starts_with("configure"));
        same(&calls, expect);
    }

    /// The state: `ADDRESS name size`, with `tainted` and `deposed`.
    pub(crate) fn check_state(&self, expect: &str) {
        same(&state_lines(&self.state), expect);
    }

    /// A plan that cannot be: what is reported.
    pub(crate) fn check_refused(&self, config: &str, options: Options, expect: &str) {
        let run = self.plan_with(config, options);
        same(&run.diags, expect);
        assert!(run.plan.is_none_or(|p| p.errored));
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Compares line by line; indentation and empty lines do not count.
pub(crate) fn same(found: &[String], expect: &str) {
    let expect: Vec<&str> = expect
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(found, expect);
}

/// One line for each change that is not a no-op, each drift and each output.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let mut found: Vec<String> = plan.drift.iter().map(|c| line("drift ", c)).collect();
    let real = plan.changes.iter().filter(|c| c.action != Action::NoOp);
    found.extend(real.map(|c| line("", c)));
    let outputs = plan
        .outputs
        .iter()
        .filter(|(_, o)| o.action != Action::NoOp);
    found.extend(outputs.map(|(name, o)| format!("{:?} output {name}", o.action)));
    found
}

fn line(word: &str, change: &Change) -> String {
    let mut line = format!("{word}{:?} {}", change.action, change.addr);
    if change.deposed.is_some() {
        line += " deposed";
    }
    if let Some(reason) = change.reason.json_name() {
        line += " ";
        line += reason;
    }
    for path in &change.replace_paths {
        line += &format!(" {path}");
    }
    line
}

fn state_lines(state: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    for (resource, stored) in &state.resources {
        for (key, instance) in &stored.instances {
            let addr = resource.instance(key.clone());
            let deposed = instance.deposed.values().map(|o| (o, " deposed"));
            for (object, word) in instance.current.iter().map(|o| (o, "")).chain(deposed) {
                if resource.resource.mode == muster_addr::Mode::Data {
                    found.push(addr.to_string());
                    continue;
                }
                let value = object.decode(&thing_type()).unwrap();
                let name = value.get("name").and_then(Value::as_str).cloned();
                let size = value
                    .get("size")
                    .and_then(Value::as_number)
                    .and_then(|n| n.to_i64());
                let tainted = if object.is_tainted() { " tainted" } else { "" };
                let size = size.map(|n| format!(" {n}")).unwrap_or_default();
                found.push(format!(
                    "{addr} {}{size}{word}{tainted}",
                    name.unwrap_or("-".into())
                ));
            }
        }
    }
    found
}
