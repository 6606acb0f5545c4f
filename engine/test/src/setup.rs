//! What a run is about: a configuration with the providers of the test file.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use muster_addr::{ModulePath, ProviderAddr, ProviderConfigAddr};
use muster_config::testing::{Mock, TestFile, TestProvider, TestRun, module_key, run_module};
use muster_config::{Config, LocalProvider, ProviderBlock, RootPlace, load_with_providers};
use muster_lang::{Diagnostic, DiagnosticKind, Diags};

use crate::{Runner, Str, Suite, doubles, lock};

/// A configuration under test.
pub(crate) struct Setup<'a> {
    pub(crate) config: Arc<Config>,
    /// Provider configurations of the test file that it uses.
    pub(crate) providers: Vec<(ProviderConfigAddr, &'a TestProvider)>,
}

impl<'a> Setup<'a> {
    /// Those that are mocked.
    pub(crate) fn mocks(&self) -> Vec<(ProviderConfigAddr, &'a Mock)> {
        let mocks = self.providers.iter();
        let mocks = mocks.filter_map(|(addr, p)| Some((addr.clone(), p.mock.as_ref()?)));
        mocks.collect()
    }
}

/// The key of the state that a run uses.
pub(crate) fn state_key(run: &TestRun) -> Str {
    match (&run.state_key, &run.module) {
        (Some(key), _) => format!("={key}").into(),
        (None, Some(module)) => module.source.clone(),
        (None, None) => "".into(),
    }
}

/// The root module without anything from test files. What is wrong with it is only told when no
/// test can make it right, or tells it when it is its turn: a provider configuration that is
/// missing, a test file may have.
pub(crate) fn root(suite: &Suite) -> (Option<Arc<Config>>, Diags) {
    let files = suite.host.files();
    let (config, mut diags) = muster_config::load(".", files, &mut lock(&suite.sources));
    let mendable = |d: &Diagnostic| d.kind == DiagnosticKind::MissingProvider;
    let untested = suite.tests.is_empty();
    diags.0.retain(|d| untested || !mendable(d));
    let config = (!diags.has_errors()).then(|| Arc::new(config));
    diags.0.retain(|d| untested || !is_late(d));
    (config, diags)
}

/// Configurations by the directory, the test file and the provider configurations of that.
pub(crate) type Configs = HashMap<(Str, Str, Vec<LocalProvider>), Arc<Config>>;

/// Loads what a run is about.
///
/// # Errors
/// The configuration has errors.
pub(crate) fn setup<'a>(
    runner: &Runner<'_>,
    file: &'a TestFile,
    run: &'a TestRun,
) -> Result<(Setup<'a>, Diags), Diags> {
    let passed = passed(file, run)?;
    let names = passed.iter().map(|(local, _)| local.clone()).collect();
    let installed = run_module(file, run, runner.suite.host.files());
    let installed = installed.map_err(|diagnostic| Diags(vec![*diagnostic]))?;
    let dir = installed.unwrap_or_else(|| ".".into());
    let key = (dir.clone(), file.path.clone(), names);
    let known = lock(&runner.configs).get(&key).cloned();
    let (config, diags) = match known {
        Some(config) => (config, Diags::new()),
        None => {
            let own = run.module.as_ref().map(|_| module_key(file, run));
            let place = RootPlace {
                dir: &dir,
                key: own.as_deref().unwrap_or_default(),
            };
            load(runner.suite, place, &passed)?
        }
    };
    lock(&runner.configs).insert(key, Arc::clone(&config));
    let used = |(local, _): &(LocalProvider, _)| config.root().provider_configs.contains_key(local);
    let providers = passed.into_iter().filter(used).map(|(local, provider)| {
        let addr = ProviderConfigAddr {
            module: ModulePath::root(),
            provider: config.root().provider(&local.name),
            alias: local.alias,
            key: None,
        };
        (addr, provider)
    });
    let setup = Setup {
        providers: providers.collect(),
        config: Arc::clone(&config),
    };
    Ok((setup, diags))
}

/// Loads a configuration with those of the given provider configurations that it uses.
fn load(
    suite: &Suite,
    place: RootPlace<'_>,
    passed: &[(LocalProvider, &TestProvider)],
) -> Result<(Arc<Config>, Diags), Diags> {
    let blocks = passed.iter().map(|(local, provider)| {
        let block = ProviderBlock {
            addr: ProviderConfigAddr {
                module: ModulePath::root(),
                provider: ProviderAddr::implied(&local.name),
                alias: local.alias.clone(),
                key: None,
            },
            for_each: None,
            body: provider.body.clone(),
            references: Box::default(),
            span: provider.header,
        };
        (local.clone(), block)
    });
    let blocks: Vec<_> = blocks.collect();
    let (mut config, diags) = load_with_providers(
        place,
        suite.host.files(),
        &mut lock(&suite.sources),
        &blocks,
    );
    if diags.has_errors() {
        return Err(diags);
    }
    let used = used(&config, passed);
    if let Some(root) = config.modules.first_mut() {
        let ours = |local: &LocalProvider| passed.iter().any(|(name, _)| name == local);
        root.provider_configs
            .retain(|local, block| !ours(local) || used.contains(&block.addr.provider));
    }
    Ok((Arc::new(config), diags))
}

/// The provider configurations of the file that a run uses, under the module's names.
fn passed<'a>(
    file: &'a TestFile,
    run: &TestRun,
) -> Result<Vec<(LocalProvider, &'a TestProvider)>, Diags> {
    if run.providers.is_empty() {
        let all = file.providers.iter();
        return Ok(all.map(|(local, p)| (local.clone(), p)).collect());
    }
    let mut diags = Diags::new();
    let mut found = Vec::new();
    for passed in &run.providers {
        if let Some(provider) = file.providers.get(&passed.outer) {
            found.push((passed.inner.clone(), provider));
            continue;
        }
        let name = match &passed.outer.alias {
            Some(alias) => format!("{}.{alias}", passed.outer.name),
            None => passed.outer.name.to_string(),
        };
        let detail = format!("This file has no provider or mock_provider block for {name}.");
        let summary = format!("Missing provider definition for {name}");
        diags.push(Diagnostic::error(summary, detail).at(passed.span));
    }
    match diags.has_errors() {
        true => Err(diags),
        false => Ok(found),
    }
}

/// The providers that a configuration needs by itself.
fn used(config: &Config, passed: &[(LocalProvider, &TestProvider)]) -> BTreeSet<ProviderAddr> {
    let mut used = BTreeSet::new();
    for (_, module) in config.iter() {
        let required = module.required_providers.values();
        used.extend(required.map(|required| required.source.clone()));
        let resources = module.resources.values();
        used.extend(resources.map(|resource| resource.provider.provider.clone()));
        let blocks = module.provider_configs.iter();
        let own = blocks.filter(|(local, _)| {
            !module.path.is_root() || !passed.iter().any(|(name, _)| name == *local)
        });
        used.extend(own.map(|(_, block)| block.addr.provider.clone()));
    }
    used
}

/// What is told when it is the turn of a run: that something in a configuration leads nowhere.
fn is_late(diagnostic: &Diagnostic) -> bool {
    diagnostic.kind == DiagnosticKind::Reference
        || diagnostic
            .summary
            .starts_with("Missing provider definition")
}

/// Loads everything that a file is about, and gives what is wrong with it.
pub(crate) fn check_file(runner: &Runner<'_>, file: &TestFile) -> Diags {
    let mut diags = Diags::new();
    for run in &file.runs {
        match setup(runner, file, run) {
            Ok((_, warnings)) => diags.extend(warnings),
            Err(found) => {
                diags.0.extend(found.into_iter().filter(|d| !is_late(d)));
            }
        }
    }
    diags
}

/// Warnings about blocks of a file without an effect.
pub(crate) fn idle_blocks(file: &TestFile, root: &Config) -> Diags {
    let mocks = file.providers.values().filter_map(|p| p.mock.as_ref());
    let of_file = file.overrides.iter();
    let all = of_file.chain(mocks.flat_map(|mock| &mock.overrides));
    doubles::without_target(all, root)
}
