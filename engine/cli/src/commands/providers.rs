//! `muster providers`

mod lock;
mod mirror;
mod schema;

use muster_store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use muster_addr::ProviderAddr;
use muster_config::testing::{TestPlace, load_tests, module_key};
use muster_config::version::Constraints;
use muster_config::{Config, InstalledModules, RootPlace, load_with_providers};
use muster_install::Platform;
use muster_lang::Sources;

use crate::args::{self, Providers, ProvidersCommand};
use crate::error::{Failure, Outcome};
use crate::refusal;
use crate::session::{Disk, Session};
use crate::view::View;

use super::test::{missing_directory, not_installed};

/// Shows which providers are needed, or does something with them.
pub(crate) async fn run(args: &Providers) -> ExitCode {
    let view = View::new(&args::View::default());
    if let Some(ProvidersCommand::Schema(args::ProvidersSchema { json: false })) = &args.command {
        return refusal::only_json(&["providers", "schema"]);
    }
    let session = match Session::load(Sources::default()) {
        Ok(session) => session,
        Err((failure, sources)) => return view.fail(&failure, &sources),
    };
    if args.command.is_none() && session.sources.files().is_empty() {
        let detail = "This directory has no .tf files. Change to the directory of a configuration, or name it with -chdir.";
        let failure = Failure::new("No configuration files", detail);
        return view.fail(&failure, &session.sources);
    }
    let result = match &args.command {
        None => list(&view, &session, &args.test_directory),
        Some(ProvidersCommand::Lock(args)) => lock::run(args, &view, &session).await,
        Some(ProvidersCommand::Mirror(args)) => mirror::run(args, &view, &session).await,
        Some(ProvidersCommand::Schema(_)) => schema::run(&session).await,
    };
    session.pool.shutdown().await;
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => view.fail(&failure, &session.sources),
    }
}

fn list(view: &View, session: &Session, tests: &str) -> Outcome<()> {
    view.diags(&missing_directory(tests), &Sources::default());
    let mut tree = Tree::of(&session.config);
    let mut sources = session.sources.clone();
    let added = tree.add_tests(tests, &mut sources);
    added.map_err(|failure| failure.within(sources))?;
    outln!("\nProviders required by configuration:\n.");
    tree.print("");
    if let Some(state) = session.store(None)?.any().read()? {
        let used: BTreeSet<&ProviderAddr> = state
            .resources
            .values()
            .map(|r| &r.provider.provider)
            .collect();
        if !used.is_empty() {
            outln!("\nProviders required by state:\n");
        }
        for addr in used {
            outln!("    provider[{addr}]");
        }
    }
    outln!("");
    Ok(())
}

/// The providers that a module and the modules it calls need.
#[derive(Default)]
struct Tree {
    providers: BTreeMap<ProviderAddr, String>,
    /// Files with tests, and in each of them the runs that are about another module.
    tests: BTreeMap<String, Tree>,
    modules: BTreeMap<String, Tree>,
}

impl Tree {
    fn of(config: &Config) -> Self {
        let mut tree = Self::default();
        for (_, module) in config.iter() {
            tree.at(&module.path.to_string());
        }
        for (addr, requirements) in config.providers() {
            for requirement in requirements {
                let path = config.module(requirement.module).path.to_string();
                let constraints = match Constraints::parse(&requirement.version) {
                    Ok(constraints) => format!(" {constraints}"),
                    Err(_) => String::new(),
                };
                tree.at(&path).providers.insert(addr.clone(), constraints);
            }
        }
        tree
    }

    /// Adds what tests need besides the configuration; `dir` is the directory with more of them.
    fn add_tests(&mut self, dir: &str, sources: &mut Sources) -> Outcome<()> {
        let place = TestPlace {
            dir: ".",
            tests: dir,
        };
        let (files, diags) = load_tests(place, &Disk, sources);
        if diags.has_errors() {
            return Err(diags.into());
        }
        let installed = InstalledModules::read(".", &Disk).map_err(|diagnostic| *diagnostic)?;
        for file in &files {
            let mut runs = Self::default();
            for run in &file.runs {
                let Some(module) = &run.module else { continue };
                let key = module_key(file, run);
                let Some(found) = installed.0.get(&key) else {
                    return Err(not_installed(run, module.span).into());
                };
                let place = RootPlace {
                    dir: &found.dir,
                    key: &key,
                };
                // What is wrong with it is told by those who validate it or run the tests.
                let (config, _) = load_with_providers(place, &Disk, sources, &[]);
                let name = format!("run.{}", run.name);
                runs.tests.insert(name, Self::of(&config));
            }
            let stem = file.path.split(".tftest.").next().unwrap_or_default();
            self.tests
                .insert(format!("test.{}", stem.replace('/', ".")), runs);
        }
        Ok(())
    }

    /// The part of a module, `module.a.module.b`.
    fn at(&mut self, path: &str) -> &mut Self {
        let names = path.split('.').skip(1).step_by(2);
        names.fold(self, |tree, name| {
            tree.modules.entry(name.to_owned()).or_default()
        })
    }

    fn print(&self, indent: &str) {
        let mut left = self.providers.len() + self.tests.len() + self.modules.len();
        let mut branch = || {
            left -= 1;
            match left {
                0 => ("└── ", "    "),
                _ => ("├── ", "│   "),
            }
        };
        for (addr, constraints) in &self.providers {
            outln!("{indent}{}provider[{addr}]{constraints}", branch().0);
        }
        let tests = self.tests.iter().map(|(name, runs)| (name.clone(), runs));
        let modules = self.modules.iter();
        let modules = modules.map(|(name, module)| (format!("module.{name}"), module));
        for (name, module) in tests.chain(modules) {
            let (mark, more) = branch();
            outln!("{indent}{mark}{name}");
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                module.print(&format!("{indent}{more}"))
            });
        }
    }
}

/// The platforms that options name, or this one.
fn platforms(names: &[String]) -> Outcome<Vec<Platform>> {
    if names.is_empty() {
        return Ok(vec![Platform::current()]);
    }
    let parse = |name: &String| {
        Platform::parse(name).ok_or_else(|| {
            let detail = format!(
                "\"{name}\" is no platform: write the operating system and the processor, such as linux_amd64."
            );
            Failure::new("Invalid target platform", detail)
        })
    };
    names.iter().map(parse).collect()
}

/// The providers that packages exist of, with what the configuration asks of their versions.
fn packaged(session: &Session) -> BTreeMap<ProviderAddr, Constraints> {
    let addrs = session.config.providers().into_keys();
    let packaged =
        addrs.filter(|addr| !addr.is_builtin() && !session.plugins.finder().is_embedded(addr));
    packaged
        .map(|addr| {
            let constraints = session.plugins.constraints(&addr);
            (addr, constraints)
        })
        .collect()
}
