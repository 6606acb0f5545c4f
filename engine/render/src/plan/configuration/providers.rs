//! Provider configurations by keys that say which module has them.

use std::collections::BTreeMap;

use muster_addr::{ModulePath, ProviderAddr};
use muster_config::version::Constraints;
use muster_config::{Config, LocalProvider, Module, ModuleCall, ProviderBlock, Resource};
use muster_provider::Schemas;

use super::body::write_expressions;
use crate::json::JsonWriter;

/// All provider configurations of a configuration, those that modules are given included.
pub(super) struct Providers<'c>(BTreeMap<String, Entry<'c>>);

struct Entry<'c> {
    name: String,
    alias: Option<&'c str>,
    provider: ProviderAddr,
    constraint: String,
    module: &'c ModulePath,
    block: Option<&'c ProviderBlock>,
    /// The key of the configuration that this is another name of.
    source: Option<String>,
}

impl<'c> Providers<'c> {
    pub(super) fn new(config: &'c Config) -> Self {
        let mut providers = Self(BTreeMap::new());
        for module in &config.modules {
            let parent = module.parent.map(|id| config.module(id));
            let call = parent.zip(module.path.0.last());
            if let Some((call, parent)) =
                call.and_then(|(parent, name)| Some((parent.calls.get(name)?, parent)))
            {
                providers.pass(call, module, parent);
            }
            providers.add(module, parent);
        }
        providers
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of the configuration that a resource belongs to.
    pub(super) fn key_of(&self, resource: &Resource, module: &Module) -> String {
        let key = key(&local_name(&resource.local_provider), &module.path);
        let source = self.0.get(&key).and_then(|entry| entry.source.clone());
        source.unwrap_or(key)
    }

    /// What the caller passes to a module.
    fn pass(&mut self, call: &ModuleCall, module: &'c Module, parent: &'c Module) {
        for (inner, outer) in &call.providers {
            let provider = module.provider(&inner.name);
            let name = local_name(inner);
            let source = self.source(key(&local_name(outer), &parent.path), &provider);
            let entry = Entry {
                source,
                ..Entry::new(name.clone(), provider, &module.path)
            };
            self.0.insert(key(&name, &module.path), entry);
        }
    }

    /// What a module has itself: blocks, and what it needs without one.
    fn add(&mut self, module: &'c Module, parent: Option<&'c Module>) {
        let required = requirements(module);
        let constraint = |provider: &ProviderAddr| -> String {
            let found = required.get(provider).cloned().unwrap_or_default();
            found.to_string()
        };
        for (local, block) in &module.provider_configs {
            let provider = module.provider(&local.name);
            let entry = Entry {
                alias: local.alias.as_deref(),
                constraint: constraint(&provider),
                block: Some(block),
                ..Entry::new(local.name.to_string(), provider, &module.path)
            };
            self.0.insert(key(&local_name(local), &module.path), entry);
        }
        for local in &module.empty_provider_configs {
            let provider = module.provider(&local.name);
            let entry = Entry {
                alias: local.alias.as_deref(),
                constraint: constraint(&provider),
                ..Entry::new(local.name.to_string(), provider, &module.path)
            };
            self.0.insert(key(&local_name(local), &module.path), entry);
        }
        for (name, wanted) in &module.required_providers {
            let constraint = constraint(&wanted.source);
            self.imply(name, &wanted.source, constraint, module, parent);
        }
        for provider in required.keys() {
            // Those that nobody names are known by their type.
            self.imply(&provider.type_name, provider, String::new(), module, parent);
        }
    }

    /// A configuration without a block: that of the caller, if it has one of the name.
    fn imply(
        &mut self,
        name: &str,
        provider: &ProviderAddr,
        constraint: String,
        module: &'c Module,
        parent: Option<&Module>,
    ) {
        let own = key(name, &module.path);
        if self.0.contains_key(&own) {
            return;
        }
        let source = parent.and_then(|parent| self.source(key(name, &parent.path), provider));
        let entry = Entry {
            constraint,
            source,
            ..Entry::new(name.to_owned(), provider.clone(), &module.path)
        };
        self.0.insert(own, entry);
    }

    /// The configuration that the one of a key is another name of, or that one itself.
    fn source(&self, key: String, provider: &ProviderAddr) -> Option<String> {
        let entry = self.0.get(&key).filter(|e| e.provider == *provider)?;
        let source = entry.source.as_ref();
        Some(source.cloned().unwrap_or(key))
    }

    pub(super) fn write(&self, w: &mut JsonWriter<'_>, schemas: &Schemas) {
        for (key, entry) in self.0.iter().filter(|(_, e)| e.source.is_none()) {
            w.key(key).object(|w| entry.write(w, schemas));
        }
    }
}

impl<'c> Entry<'c> {
    fn new(name: String, provider: ProviderAddr, module: &'c ModulePath) -> Self {
        Self {
            name,
            alias: None,
            provider,
            constraint: String::new(),
            module,
            block: None,
            source: None,
        }
    }

    fn write(&self, w: &mut JsonWriter<'_>, schemas: &Schemas) {
        w.key("name").string(&self.name);
        w.key("full_name").string(&self.provider.to_string());
        if let Some(alias) = self.alias {
            w.key("alias").string(alias);
        }
        if !self.constraint.is_empty() {
            w.key("version_constraint").string(&self.constraint);
        }
        if !self.module.is_root() {
            w.key("module_address").string(&self.module.to_string());
        }
        let schema = schemas.provider(&self.provider);
        if let Some((block, schema)) = self.block.zip(schema) {
            write_expressions(w, &block.body, &schema.provider.block);
        }
    }
}

/// The providers that a module alone needs, with the versions it allows.
fn requirements(module: &Module) -> BTreeMap<ProviderAddr, Constraints> {
    let mut found: BTreeMap<ProviderAddr, Constraints> = BTreeMap::new();
    for required in module.required_providers.values() {
        let constraints = found.entry(required.source.clone()).or_default();
        if let Ok(more) = Constraints::parse(&required.version) {
            *constraints = std::mem::take(constraints).and(more);
        }
    }
    let blocks = module.provider_configs.keys();
    let resources = module.resources.values().map(|r| &r.local_provider);
    for local in blocks.chain(resources) {
        found.entry(module.provider(&local.name)).or_default();
    }
    found
}

fn local_name(local: &LocalProvider) -> String {
    match &local.alias {
        Some(alias) => format!("{}.{alias}", local.name),
        None => local.name.to_string(),
    }
}

fn key(name: &str, module: &ModulePath) -> String {
    match module.is_root() {
        true => name.to_owned(),
        false => format!("{module}:{name}"),
    }
}
