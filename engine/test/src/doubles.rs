//! Who answers in place of providers and modules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use muster_addr::{InstanceAddr, InstanceKey, ModuleInstance, ProviderConfigAddr, Target};
use muster_config::Config;
use muster_config::testing::{During, Mock, MockDefaults, Override};
use muster_lang::{Diagnostic, Diags};
use muster_provider::{MockObject, MockProvider, MockValues, Provider, Schemas};
use muster_run::StandIn;
use muster_value::Value;

use crate::Str;

/// The stand-ins of one run.
pub(crate) struct Doubles {
    mocks: HashMap<ProviderConfigAddr, Arc<MockProvider>>,
    /// Objects whose values are given, those that come first win. With a provider configuration
    /// only objects of that.
    overrides: Vec<(Option<ProviderConfigAddr>, Target, MockObject)>,
    schemas: Arc<Schemas>,
}

impl Doubles {
    /// The stand-ins for mocked provider configurations and for overridden objects; earlier
    /// overrides win.
    pub(crate) fn new<'o>(
        mocks: &[(ProviderConfigAddr, &Mock)],
        overrides: impl Iterator<Item = &'o Override>,
        schemas: Arc<Schemas>,
    ) -> Self {
        let mut all: Vec<(Option<ProviderConfigAddr>, &Override)> = Vec::new();
        all.extend(overrides.map(|o| (None, o)));
        for (addr, mock) in mocks {
            all.extend(mock.overrides.iter().map(|o| (Some(addr.clone()), o)));
        }
        let of_objects = all
            .into_iter()
            .filter(|(_, o)| matches!(o.target, Target::Resource(_)))
            .map(|(addr, o)| {
                let object = MockObject {
                    values: o.values.clone(),
                    in_plan: o.during == During::Plan,
                };
                (addr, o.target.clone(), object)
            });
        let mut overrides: Vec<_> = of_objects.collect();
        // One that names an instance says more than one that names all of them.
        overrides.sort_by_key(|(_, target, _)| !is_exact(target));
        let mocks = mocks.iter().filter_map(|(addr, mock)| {
            let schema = schemas.provider(&addr.provider)?;
            let provider = MockProvider::new(Arc::clone(schema), values(mock));
            Some((addr.clone(), Arc::new(provider)))
        });
        Self {
            mocks: mocks.collect(),
            overrides,
            schemas,
        }
    }
}

fn is_exact(target: &Target) -> bool {
    matches!(target, Target::Resource(addr) if addr.key != InstanceKey::None)
}

fn values(mock: &Mock) -> MockValues {
    let objects = |from: &BTreeMap<Str, MockDefaults>| {
        let objects = from.iter().map(|(name, defaults)| {
            let object = MockObject {
                values: defaults.values.clone(),
                in_plan: defaults.during == During::Plan,
            };
            (name.clone(), object)
        });
        objects.collect()
    };
    MockValues {
        resources: objects(&mock.resources),
        data_sources: objects(&mock.data_sources),
        // What nobody has described is known after apply only, whatever the provider's block says.
        others: MockObject::default(),
    }
}

impl StandIn for Doubles {
    fn answers(
        &self,
        provider: &ProviderConfigAddr,
        object: Option<&InstanceAddr>,
    ) -> Option<Arc<dyn Provider>> {
        let provider = &provider.config();
        let fits = |(of, target, _): &&(Option<ProviderConfigAddr>, Target, MockObject)| {
            of.as_ref().is_none_or(|of| of == provider)
                && object.is_some_and(|addr| target.contains(addr))
        };
        if let Some((_, _, object)) = self.overrides.iter().find(fits)
            && let Some(schema) = self.schemas.provider(&provider.provider)
        {
            let values = MockValues {
                others: object.clone(),
                ..MockValues::default()
            };
            return Some(Arc::new(MockProvider::new(Arc::clone(schema), values)));
        }
        let mock = self.mocks.get(provider)?;
        Some(Arc::clone(mock) as Arc<dyn Provider>)
    }
}

/// The outputs of modules that are overridden, those that say most first.
pub(crate) fn modules<'a>(
    overrides: impl Iterator<Item = &'a Override>,
) -> Arc<[(ModuleInstance, Value)]> {
    let mut found: Vec<_> = overrides
        .filter_map(|o| match &o.target {
            Target::Module(module) => Some((module.clone(), o.values.clone())),
            Target::Resource(_) => None,
        })
        .collect();
    let open = |module: &ModuleInstance| {
        let steps = module.0.iter();
        steps.filter(|s| s.key == InstanceKey::None).count()
    };
    found.sort_by_key(|(module, _)| open(module));
    found.into()
}

/// Warnings about overrides of what a configuration does not have.
pub(crate) fn without_target<'a>(
    overrides: impl Iterator<Item = &'a Override>,
    config: &Config,
) -> Diags {
    let is_there = |target: &Target| match target {
        Target::Module(module) => config.find(&module.path()).is_some(),
        Target::Resource(addr) => config
            .find(&addr.resource.module.path())
            .is_some_and(|m| m.resources.contains_key(&addr.resource.resource)),
    };
    let warnings = overrides.filter(|o| !is_there(&o.target)).map(|o| {
        let target = match &o.target {
            Target::Module(module) => module.to_string(),
            Target::Resource(addr) => addr.to_string(),
        };
        let detail = format!(
            "The configuration under test has no {target}, so that the block has no effect. Its \
             target may be misspelt."
        );
        Diagnostic::warning("Invalid override target", detail).at(o.target_span)
    });
    Diags(warnings.collect())
}
