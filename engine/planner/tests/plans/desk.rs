//! One state in memory: configurations go in, plans come out.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use futures::FutureExt;
use muster_addr::ProviderAddr;
use muster_config::{ConfigFiles, InputVariables};
use muster_eval::Settings;
use muster_lang::{Diags, Files, Sources};
use muster_plan::{Action, Plan};
use muster_planner::{Inputs, Options, Planner};
use muster_provider::{MockObject, MockProvider, MockValues, Provider, Request, Schemas};
use muster_schema::{Attribute, Block, ProviderSchema, Schema};
use muster_snapshot::{Object, Snapshot};
use muster_value::{Type, Value};

/// Directories with one `main.tf` each. A line `-- DIRECTORY --` begins the next one; the first is
/// that of the root module.
struct Dirs<'a>(BTreeMap<&'a str, String>);

impl<'a> Dirs<'a> {
    fn parse(text: &'a str) -> Self {
        let mut dirs = BTreeMap::new();
        let mut dir = ".";
        for line in text.lines() {
            let header = line.strip_prefix("-- ").and_then(|l| l.strip_suffix(" --"));
            dir = header.unwrap_or(dir);
            let file: &mut String = dirs.entry(dir).or_default();
            if header.is_none() {
                *file += line;
                file.push('\n');
            }
        }
        Self(dirs)
    }
}

impl ConfigFiles for Dirs<'_> {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let (dir, name) = path.rsplit_once('/').unwrap_or((".", path));
        let file = self.0.get(dir).filter(|_| name == "main.tf");
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        Ok(file.clone().into_bytes())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        match self.0.contains_key(dir) {
            true => Ok(vec!["main.tf".to_owned()]),
            false => Err(io::ErrorKind::NotFound.into()),
        }
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

/// See the module. The provider is `fake`: a `fake_thing` is known as soon as it is planned, the
/// `id` of a `fake_late` only after apply; `fake_look` is a data source, and `zone` is an argument
/// of the provider itself.
#[derive(Default)]
pub(crate) struct Desk {
    state: Snapshot,
}

/// What planning came to.
pub(crate) struct Planned {
    /// The plan; `None` when there is none.
    pub(crate) plan: Option<Plan>,
    /// Which provider was configured how, and which object was planned by which: in order.
    pub(crate) calls: Vec<String>,
    /// `SUMMARY: DETAIL` of errors and warnings.
    pub(crate) diags: Vec<String>,
    /// How many of these are errors.
    pub(crate) errors: usize,
}

impl Desk {
    /// Plans for a configuration.
    pub(crate) fn plan(&self, config: &str, options: Options) -> Planned {
        let mut planned = Planned {
            plan: None,
            calls: Vec::new(),
            diags: Vec::new(),
            errors: 0,
        };
        let diags = match self.try_plan(config, options, &mut planned.calls) {
            Ok((plan, diags)) => {
                planned.plan = Some(plan);
                diags
            }
            Err(diags) => diags,
        };
        planned.errors = diags.iter().filter(|d| d.is_error()).count();
        planned.diags = lines(diags);
        planned
    }

    /// Lets an object look as if a newer provider had made it.
    pub(crate) fn store_newer(&mut self, addr: &str) {
        let resources = self.state.resources.iter();
        let mut found = resources.filter(|(resource, _)| resource.to_string() == addr);
        let (resource, stored) = found.next().expect("a stored resource");
        let addr = resource.instance(muster_addr::InstanceKey::None);
        let provider = stored.provider.clone();
        let mut object = self.state.current(&addr).expect("an object").clone();
        object.schema_version = 99;
        self.state.put(&addr, &provider, object);
    }

    fn try_plan(
        &self,
        config: &str,
        options: Options,
        calls: &mut Vec<String>,
    ) -> Result<(Plan, Diags), Diags> {
        let mut sources = Sources::default();
        let (config, diags) = muster_config::load(".", &Dirs::parse(config), &mut sources);
        if diags.has_errors() {
            return Err(diags);
        }
        let (variables, _) = InputVariables::new().resolve(config.root(), &mut sources);
        let schema = schema();
        let mut schemas = Schemas::default();
        schemas.insert(ProviderAddr::new("hashicorp", "fake"), Arc::clone(&schema));
        let mut planner = Planner::new(Inputs {
            config: Arc::new(config),
            schemas: Arc::new(schemas),
            variables,
            files: Arc::new(NoFiles),
            functions: None,
            settings: Settings::default(),
            prior: self.state.clone(),
            options,
        })?;
        answer(&mut planner, &provider(schema), calls);
        let mut found = diags;
        found.extend(planner.take_diags());
        let (plan, rest) = planner.finish();
        found.extend(rest);
        Ok((plan, found))
    }

    /// Plans, and takes everything for done.
    pub(crate) fn apply(&mut self, config: &str) -> Planned {
        let planned = self.plan(config, Options::default());
        assert!(planned.diags.is_empty(), "{:?}\n{config}", planned.diags);
        let plan = planned.plan.as_ref().expect("a plan without errors");
        let mut state = plan.prior.clone();
        for change in &plan.changes {
            match change.action {
                Action::Delete => _ = state.remove(&change.addr),
                Action::Create => {
                    let object = Object::encode(&change.after, &thing().implied_type());
                    let object = object.expect("a planned object that is wholly known");
                    state.put(&change.addr, &change.provider, object);
                }
                Action::NoOp | Action::Read => {}
                other => panic!("{other:?} {} cannot be taken for done here", change.addr),
            }
        }
        self.state = state;
        planned
    }
}

impl Planned {
    /// What changes, as `ACTION ADDRESS`.
    #[track_caller]
    pub(crate) fn changes(&self, expect: &[&str]) -> &Self {
        assert!(self.diags.is_empty(), "{:?}", self.diags);
        let plan = self.plan.as_ref().expect("a plan without errors");
        let real = plan.changes.iter().filter(|c| c.action != Action::NoOp);
        let real: Vec<String> = real.map(|c| format!("{:?} {}", c.action, c.addr)).collect();
        assert_eq!(real, expect);
        self
    }

    /// What was asked of which provider.
    #[track_caller]
    pub(crate) fn calls(&self, expect: &[&str]) -> &Self {
        assert_eq!(self.calls, expect);
        self
    }

    /// There is no plan that could be applied: everything that is reported, each with words of it.
    #[track_caller]
    pub(crate) fn refused(&self, expect: &[&[&str]]) {
        assert!(self.plan.as_ref().is_none_or(|plan| plan.errored));
        assert_eq!(self.diags.len(), expect.len(), "{:#?}", self.diags);
        for words in expect {
            let says = |line: &&String| words.iter().all(|word| line.contains(word));
            let found = self.diags.iter().find(says);
            assert!(found.is_some(), "{words:?} is not in {:#?}", self.diags);
        }
    }
}

fn answer(planner: &mut Planner, provider: &MockProvider, calls: &mut Vec<String>) {
    while let Some(ask) = planner.poll() {
        match (&ask.request, &ask.object) {
            (Request::Configure { config }, _) => {
                let zone = config.get("zone").and_then(Value::as_str);
                let zone = zone.map(|zone| format!(" in {zone}")).unwrap_or_default();
                calls.push(format!("configure {}{zone}", name_of(&ask.provider)));
            }
            (Request::Plan(_), Some(addr)) => {
                calls.push(format!("plan {addr} by {}", name_of(&ask.provider)));
            }
            _ => {}
        }
        let answer = provider.call(ask.request).now_or_never();
        let answer = answer.expect("what is made up is there at once");
        planner.answer(ask.id, answer);
    }
}

/// `fake.ALIAS["KEY"]`
fn name_of(addr: &muster_addr::ProviderConfigAddr) -> String {
    let text = addr.to_string();
    let short = text.split_once(']').map(|(_, rest)| format!("fake{rest}"));
    short.unwrap_or(text)
}

fn lines(diags: Diags) -> Vec<String> {
    let line = |d: muster_lang::Diagnostic| format!("{}: {}", d.summary, d.detail);
    diags.into_iter().map(line).collect()
}

fn provider(schema: Arc<ProviderSchema>) -> MockProvider {
    let known = MockObject {
        in_plan: true,
        ..MockObject::default()
    };
    let values = MockValues {
        resources: [("fake_thing".into(), known)].into(),
        ..MockValues::default()
    };
    MockProvider::new(schema, values)
}

fn schema() -> Arc<ProviderSchema> {
    let thing = || {
        let block = thing();
        Arc::new(Schema { version: 0, block })
    };
    let zone = Block {
        attributes: [("zone".into(), optional())].into_iter().collect(),
        ..Block::default()
    };
    Arc::new(ProviderSchema {
        provider: Arc::new(Schema {
            version: 0,
            block: zone,
        }),
        resources: [
            ("fake_thing".into(), thing()),
            ("fake_late".into(), thing()),
        ]
        .into(),
        data_sources: [("fake_look".into(), thing())].into(),
        ..ProviderSchema::default()
    })
}

fn thing() -> Block {
    let id = Attribute {
        computed: true,
        ..Attribute::new(Type::String)
    };
    Block {
        attributes: [("id".into(), id), ("name".into(), optional())]
            .into_iter()
            .collect(),
        ..Block::default()
    }
}

fn optional() -> Attribute {
    Attribute {
        optional: true,
        ..Attribute::new(Type::String)
    }
}
