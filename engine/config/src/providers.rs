//! Which provider configuration each resource belongs to, and which providers are needed at all.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use foldhash::HashMap;
use muster_addr::{ModulePath, ProviderAddr, ProviderConfigAddr, ResourceId};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Span};

use crate::decode::{CallDraft, Draft, ProviderRef};
use crate::load::Tree;
use crate::provider_keys::{Bound, check_key, is_repeated, same_repetition};
use crate::{Config, Import, LocalProvider, Module, ModuleId, ProviderKey, Repetition, Str};

/// A provider that a module needs.
#[derive(Clone, Debug)]
pub struct ProviderRequirement {
    /// The module.
    pub module: ModuleId,
    /// What the module calls the provider.
    pub local_name: Str,
    /// Version constraint as written in `required_providers`; empty when none is given.
    pub version: Str,
    /// The entry of `required_providers`; `None` when the need follows from a resource or a
    /// `provider` block alone.
    pub span: Option<Span>,
}

impl Config {
    /// Every provider the configuration needs, with who needs it and in which versions. Built-in
    /// providers are among them.
    pub fn providers(&self) -> BTreeMap<ProviderAddr, Vec<ProviderRequirement>> {
        let mut all: BTreeMap<ProviderAddr, Vec<ProviderRequirement>> = BTreeMap::new();
        for (id, module) in self.iter() {
            let mut seen = HashSet::new();
            // Most resources belong to the provider of the one before.
            let mut last: Option<&ProviderAddr> = None;
            for (name, required) in &module.required_providers {
                seen.insert(required.source.clone());
                all.entry(required.source.clone())
                    .or_default()
                    .push(ProviderRequirement {
                        module: id,
                        local_name: name.clone(),
                        version: required.version.clone(),
                        span: Some(required.span),
                    });
            }
            let blocks = module
                .provider_configs
                .keys()
                .map(|local| (&*local.name, None));
            let resources = module
                .resources
                .values()
                .map(|r| (r.id.implied_provider(), Some(&r.provider.provider)));
            // Their resources may get a block that is generated.
            let undeclared = |i: &&Import| {
                i.target.modules.is_empty() && !module.resources.contains_key(&i.target.resource)
            };
            let imports = module.imports.iter().filter(undeclared).map(|i| {
                let name = i.provider.as_ref().map(|(local, _)| &*local.name);
                (name.unwrap_or(i.target.resource.implied_provider()), None)
            });
            for (name, addr) in blocks.chain(resources).chain(imports) {
                if addr.is_some() && addr == last {
                    continue;
                }
                last = addr;
                let addr = addr.cloned().unwrap_or_else(|| module.provider(name));
                if seen.insert(addr.clone()) {
                    let local_name = Str::from(&*addr.type_name);
                    let version = Str::from("");
                    let requirement = ProviderRequirement {
                        module: id,
                        local_name,
                        version,
                        span: None,
                    };
                    all.entry(addr).or_default().push(requirement);
                }
            }
        }
        all
    }
}

/// The provider configurations that can be used in a module, besides inherited default ones.
type Scope = HashMap<(ProviderAddr, Option<Str>), Bound>;

/// Fills in the provider configuration of every `provider` block and resource.
pub(crate) fn resolve(tree: &mut Tree, diags: &mut Diags) {
    let mut scopes: Vec<Scope> = Vec::with_capacity(tree.nodes.len());
    for index in 0..tree.nodes.len() {
        if index > 0 {
            drop_proxies(tree, index, diags);
        }
        let module = &mut tree.config.modules[index];
        let mut scope = own_configs(module);
        if let Some((caller, call)) = tree.call_of(index) {
            let wiring = Wiring {
                config: &tree.config,
                caller,
                index,
                call,
            };
            wiring.check(&tree.nodes[index].draft, diags);
            wiring.pass(&scopes, &mut scope, diags);
        }
        scopes.push(scope);
        let draft = tree.nodes[index].draft.clone();
        resolve_resources(&mut tree.config, index, &draft, &scopes, diags);
    }
}

/// The module's own `provider` blocks, which get their addresses here.
fn own_configs(module: &mut Module) -> Scope {
    let mut scope = Scope::default();
    let locals: Vec<LocalProvider> = module.provider_configs.keys().cloned().collect();
    for local in locals {
        let provider = module.provider(&local.name);
        let addr = ProviderConfigAddr {
            module: module.path.clone(),
            provider: provider.clone(),
            alias: local.alias.clone(),
            key: None,
        };
        if let Some(block) = module.provider_configs.get_mut(&local) {
            block.addr = addr.clone();
        }
        scope.insert((provider, local.alias), Bound::whole(addr));
    }
    scope
}

/// Empty `provider` blocks of called modules are an old way to say that a configuration is
/// expected from outside: they make room for the one that is passed or inherited.
fn drop_proxies(tree: &mut Tree, index: usize, diags: &mut Diags) {
    let passed: HashSet<LocalProvider> = match tree.call_of(index) {
        Some((_, call)) => call
            .providers
            .iter()
            .flatten()
            .map(|(inner, _)| inner.local.clone())
            .collect(),
        None => HashSet::new(),
    };
    let module = &mut tree.config.modules[index];
    let empty = &mut module.empty_provider_configs;
    module.provider_configs.retain(|local, block| {
        if !is_empty(block) {
            return true;
        }
        empty.push(local.clone());
        let detail = "An empty provider block in a called module has no effect of its own. Name the \
                      provider in the module's required_providers instead, with \
                      configuration_aliases for those with an alias.";
        diags.push(Diagnostic::warning("Redundant empty provider block", detail).at(block.span));
        local.alias.is_some() && !passed.contains(local)
    });
}

fn is_empty(block: &crate::ProviderBlock) -> bool {
    let (attributes, diags) = block.body.just_attributes();
    attributes.is_empty() && diags.is_empty() && block.for_each.is_none()
}

/// The provider configuration a module sees under a name: its own, one that was passed to it, or
/// for default configurations that of the nearest caller. The root has every default one.
fn find(
    config: &Config,
    scopes: &[Scope],
    index: usize,
    provider: &ProviderAddr,
    alias: Option<&Str>,
) -> Option<Bound> {
    let key = (provider.clone(), alias.cloned());
    if alias.is_some() {
        return scopes.get(index)?.get(&key).cloned();
    }
    let mut at = Some(index);
    while let Some(i) = at {
        if let Some(addr) = scopes.get(i)?.get(&key) {
            return Some(addr.clone());
        }
        at = config.modules[i].parent.map(|id| id.0 as usize);
    }
    Some(Bound::whole(ProviderConfigAddr {
        module: ModulePath::root(),
        provider: provider.clone(),
        alias: None,
        key: None,
    }))
}

fn resolve_resources(
    config: &mut Config,
    index: usize,
    draft: &Draft,
    scopes: &[Scope],
    diags: &mut Diags,
) {
    let mut known: HashMap<LocalProvider, Option<(Bound, bool)>> = HashMap::default();
    let mut implied = Implied::default();
    let mut resources = std::mem::take(&mut config.modules[index].resources);
    for resource in resources.values_mut() {
        let resource = Arc::make_mut(resource);
        let written = draft.providers.get(&resource.id);
        let local = match written {
            Some(reference) => reference.local.clone(),
            None => implied.of(&resource.id),
        };
        resource.local_provider = local.clone();
        let found = known.entry(local).or_insert_with_key(|local| {
            let provider = config.modules[index].provider(&local.name);
            let found = find(config, scopes, index, &provider, local.alias.as_ref())?;
            let repeated = is_repeated(config, &found.addr);
            Some((found, repeated))
        });
        match (found, written) {
            (Some((bound, repeated)), _) => {
                let key = written.and_then(|reference| reference.key.clone());
                let key = key.map(|expr| Arc::new(ProviderKey { expr, call: None }));
                let wrong = check_key(bound, key.is_some(), *repeated);
                let span = written.map_or(resource.span, |reference| reference.span);
                diags.0.extend(wrong.map(|d| d.at(span)));
                resource.provider = bound.addr.clone();
                resource.provider_key = bound.key.clone().or(key);
                diags.0.extend(same_repetition(config, resource));
            }
            (None, Some(reference)) if !draft.broken => {
                let module = &config.modules[index];
                // That it was not passed is reported at the call.
                if is_expected(module, &reference.local) {
                    continue;
                }
                diags.push(not_present(
                    module,
                    &reference.local,
                    reference.span,
                    &resource.id,
                ));
            }
            (None, _) => {}
        }
    }
    config.modules[index].resources = resources;
}

/// The local names that resource types imply; most types have the one of the type before.
#[derive(Default)]
struct Implied(Option<LocalProvider>);

impl Implied {
    fn of(&mut self, id: &ResourceId) -> LocalProvider {
        let name = id.implied_provider();
        match &self.0 {
            Some(last) if &*last.name == name => last.clone(),
            _ => {
                let name = name.into();
                self.0.insert(LocalProvider { name, alias: None }).clone()
            }
        }
    }
}

/// Whether a called module has asked its caller for a configuration.
fn is_expected(module: &Module, local: &LocalProvider) -> bool {
    let required = module.required_providers.get(&local.name);
    module.parent.is_some() && required.is_some_and(|r| r.aliases.contains(local))
}

fn not_present(
    module: &Module,
    local: &LocalProvider,
    span: Span,
    user: &dyn std::fmt::Display,
) -> Diagnostic {
    let addr = ProviderConfigAddr {
        module: module.path.clone(),
        provider: module.provider(&local.name),
        alias: local.alias.clone(),
        key: None,
    };
    let detail = format!(
        "{user} needs the provider configuration {addr}, which is neither declared in its module \
         nor passed to it. Add a provider block, or pass one in the module call."
    );
    Diagnostic::error("Provider configuration not present", detail)
        .at(span)
        .of_kind(DiagnosticKind::MissingProvider)
}

/// One call, seen from both sides.
struct Wiring<'a> {
    config: &'a Config,
    caller: usize,
    index: usize,
    call: &'a CallDraft,
}

impl Wiring<'_> {
    fn called(&self) -> &Module {
        &self.config.modules[self.index]
    }

    fn passed(&self) -> &[(ProviderRef, ProviderRef)] {
        self.call.providers.as_deref().unwrap_or_default()
    }

    fn check(&self, called: &Draft, diags: &mut Diags) {
        self.check_repetition(diags);
        let module = self.called();
        for (inner, outer) in self.passed() {
            self.check_pair(inner, outer, called, diags);
        }
        for required in module.required_providers.values() {
            for alias in &required.aliases {
                if !self.passed().iter().any(|(inner, _)| inner.local == *alias) {
                    let detail = format!(
                        "The module expects a configuration of {} under the name {}. Pass one in \
                         the providers argument.",
                        required.source.for_display(),
                        name_of(alias)
                    );
                    let summary = "Missing required provider configuration";
                    diags.push(Diagnostic::error(summary, detail).at(self.call.span));
                }
            }
        }
    }

    /// A module with provider blocks of its own is there once: the blocks cannot outlive an
    /// instance that is removed.
    fn check_repetition(&self, diags: &mut Diags) {
        let repeated = match &self.call.repetition {
            Repetition::Single => None,
            Repetition::Count(expr) | Repetition::ForEach(expr) | Repetition::Enabled(expr) => {
                Some(expr.span())
            }
        };
        let dependent = self.call.depends_on.first().map(|r| r.full_span);
        let (Some(span), Some(block)) = (
            repeated.or(dependent),
            self.called()
                .provider_configs
                .values()
                .find(|b| !is_empty(b)),
        ) else {
            return;
        };
        let name = &block.addr.provider.type_name;
        let detail = format!(
            "The module has a provider block of its own, for {name}, and so can use neither count, \
             for_each nor depends_on. Configure the provider in the caller and pass it to the module."
        );
        let summary = "Module is incompatible with count, for_each, and depends_on";
        diags.push(Diagnostic::error(summary, detail).at(span));
    }

    fn check_pair(
        &self,
        inner: &ProviderRef,
        outer: &ProviderRef,
        called: &Draft,
        diags: &mut Diags,
    ) {
        let (module, caller) = (self.called(), &self.config.modules[self.caller]);
        let (theirs, ours) = (
            module.provider(&inner.local.name),
            caller.provider(&outer.local.name),
        );
        if module.provider_configs.contains_key(&inner.local) {
            let detail = format!(
                "The module configures {} itself and so cannot be given another configuration for \
                 it. Remove one of the two.",
                name_of(&inner.local)
            );
            diags.push(
                Diagnostic::error("Cannot override provider configuration", detail).at(outer.span),
            );
        }
        if theirs != ours {
            let detail = format!(
                "{} is {} here, but {} is {} in the module. Both have to be the same provider: see \
                 the required_providers of both modules.",
                name_of(&outer.local),
                ours.for_display(),
                name_of(&inner.local),
                theirs.for_display()
            );
            diags.push(Diagnostic::error("Provider type mismatch", detail).at(outer.span));
        }
        if !called.module.provider_configs.contains_key(&inner.local) {
            self.check_expected(inner, diags);
        }
    }

    /// Whether the called module has asked for a configuration under a name.
    fn check_expected(&self, inner: &ProviderRef, diags: &mut Diags) {
        let (module, local) = (self.called(), &inner.local);
        let summary = "Reference to undefined provider";
        match module.required_providers.get(&local.name) {
            Some(required) if local.alias.is_some() && !required.aliases.contains(local) => {
                let detail = format!(
                    "The module does not expect a configuration under the name {}: it is not among \
                     the configuration_aliases of its required_providers.",
                    name_of(local)
                );
                diags.push(Diagnostic::error(summary, detail).at(inner.span));
            }
            Some(_) => {}
            None => {
                let detail = format!(
                    "The module does not name {} in its required_providers, so it is taken for {}.",
                    local.name,
                    module.provider(&local.name).for_display()
                );
                diags.push(Diagnostic::warning(summary, detail).at(inner.span));
            }
        }
    }

    /// Adds what is passed to the called module's scope.
    fn pass(&self, scopes: &[Scope], scope: &mut Scope, diags: &mut Diags) {
        let (module, caller) = (self.called(), &self.config.modules[self.caller]);
        for (inner, outer) in self.passed() {
            let provider = caller.provider(&outer.local.name);
            let alias = outer.local.alias.as_ref();
            match find(self.config, scopes, self.caller, &provider, alias) {
                Some(mut bound) => {
                    let name = (
                        module.provider(&inner.local.name),
                        inner.local.alias.clone(),
                    );
                    let repeated = is_repeated(self.config, &bound.addr);
                    let wrong = check_key(&bound, outer.key.is_some(), repeated);
                    diags.0.extend(wrong.map(|d| d.at(outer.span)));
                    if let Some(expr) = outer.key.clone() {
                        let call = Some(ModuleId(u32::try_from(self.index).unwrap_or(u32::MAX)));
                        bound.key = Some(Arc::new(ProviderKey { expr, call }));
                    }
                    scope.entry(name).or_insert(bound);
                }
                None => diags.push(not_present(caller, &outer.local, outer.span, &module.path)),
            }
        }
    }
}

fn name_of(local: &LocalProvider) -> String {
    match &local.alias {
        Some(alias) => format!("{}.{alias}", local.name),
        None => local.name.to_string(),
    }
}
