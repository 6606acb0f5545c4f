//! The providers around a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use muster_addr::ProviderAddr;
use muster_config::Config;
use muster_config::testing::Override;
use muster_eval::{Settings, outside_provider_config};
use muster_lang::{Diags, Scope};
use muster_plan::Event;
use muster_provider::Schemas;
use muster_run::{Context, Pool, Sink, StandIn};
use muster_snapshot::Snapshot;

use crate::doubles::{self, Doubles};
use crate::setup::Setup;
use crate::{Runner, lock};

/// A configuration with running providers.
pub(crate) struct World {
    pub(crate) context: Context,
    /// What was told while it was used.
    found: Arc<Mutex<Diags>>,
}

impl World {
    /// Finds the providers of a configuration and a state.
    ///
    /// # Errors
    /// Some cannot be started.
    pub(crate) async fn open(
        runner: &Runner<'_>,
        config: &Arc<Config>,
        state: &Snapshot,
    ) -> Result<Self, Diags> {
        let suite = runner.suite;
        let pool = Arc::new(Pool::new(suite.host.launcher(config)?));
        let mut wanted: BTreeSet<ProviderAddr> = config.providers().into_keys().collect();
        let stored = state.resources.values();
        wanted.extend(stored.map(|resource| resource.provider.provider.clone()));
        let schemas = match schemas(runner, &pool, wanted).await {
            Ok(schemas) => schemas,
            Err(diags) => {
                pool.shutdown().await;
                return Err(diags);
            }
        };
        let found = Arc::new(Mutex::new(Diags::new()));
        let context = Context {
            config: Arc::clone(config),
            schemas: Arc::new(schemas),
            pool,
            settings: suite.settings.clone(),
            files: Arc::clone(&suite.files),
            parallelism: suite.parallelism,
            stand_in: None,
            sink: collector(&found),
            stop: runner.halt.clone(),
        };
        Ok(Self { context, found })
    }

    /// Puts what a test says in the place of providers and modules. `names` are what `provider`
    /// blocks can refer to; earlier overrides win.
    ///
    /// # Errors
    /// A `provider` block cannot be evaluated.
    pub(crate) fn equip<'a>(
        &mut self,
        setup: &Setup<'_>,
        names: &dyn Scope,
        overrides: impl Iterator<Item = &'a Override> + Clone,
    ) -> Result<(), Diags> {
        let mut diags = Diags::new();
        let mut values = BTreeMap::new();
        for (addr, provider) in &setup.providers {
            let Some(schema) = self.context.schemas.provider(&addr.provider) else {
                continue;
            };
            let block = &schema.provider.block;
            let value = match provider.mock {
                Some(_) => Ok(block.empty_value()),
                None => outside_provider_config(block, &provider.body, provider.header, names),
            };
            match value {
                Ok(value) => {
                    values.insert(addr.clone(), value);
                }
                Err(found) => diags.extend(found),
            }
        }
        if diags.has_errors() {
            return Err(diags);
        }
        let settings = &mut self.context.settings;
        settings.providers = Arc::new(values);
        settings.modules = doubles::modules(overrides.clone());
        let schemas = Arc::clone(&self.context.schemas);
        let doubles = Doubles::new(&setup.mocks(), overrides, schemas);
        self.context.stand_in = Some(Arc::new(doubles));
        Ok(())
    }

    /// Takes over from another run what was put in the place of providers and modules.
    pub(crate) fn equip_as(&mut self, settings: Settings, stand_in: Option<Arc<dyn StandIn>>) {
        self.context.settings = settings;
        self.context.stand_in = stand_in;
    }

    /// What was told since the last call.
    pub(crate) fn take_diags(&self) -> Diags {
        std::mem::take(&mut lock(&self.found))
    }

    /// Ends the providers.
    pub(crate) async fn close(self) {
        self.context.pool.shutdown().await;
    }
}

async fn schemas(
    runner: &Runner<'_>,
    pool: &Pool,
    wanted: BTreeSet<ProviderAddr>,
) -> Result<Schemas, Diags> {
    let mut schemas = Schemas::default();
    let mut diags = Diags::new();
    for addr in wanted {
        let known = lock(&runner.schemas).get(&addr).cloned();
        let schema = match known {
            Some(schema) => Ok(schema),
            None => pool.bare(&addr).await.map(|provider| provider.schema()),
        };
        match schema {
            Ok(schema) => {
                lock(&runner.schemas).insert(addr.clone(), Arc::clone(&schema));
                schemas.insert(addr, schema);
            }
            Err(error) => diags.push(error.diagnostic(&addr)),
        }
    }
    match diags.has_errors() {
        true => Err(diags),
        false => Ok(schemas),
    }
}

/// Keeps the diagnostics of a run.
fn collector(found: &Arc<Mutex<Diags>>) -> Sink {
    let found = Arc::clone(found);
    Arc::new(move |event| {
        if let Event::Diagnostic(diagnostic) = event {
            lock(&found).push(diagnostic);
        }
    })
}
