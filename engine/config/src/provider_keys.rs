//! Instances of provider configurations that have `for_each`: who selects which.

use std::sync::Arc;

use muster_addr::ProviderConfigAddr;
use muster_lang::{Diagnostic, Expr, Reference};

use crate::{Config, ProviderBlock, ProviderKey, Repetition, Resource};

/// A provider configuration that a module can use, perhaps one instance of it.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(crate) addr: Arc<ProviderConfigAddr>,
    pub(crate) key: Option<Arc<ProviderKey>>,
}

impl Bound {
    pub(crate) fn whole(addr: ProviderConfigAddr) -> Self {
        Self {
            addr: addr.into(),
            key: None,
        }
    }
}

/// The block that a provider configuration is declared by.
fn block_of<'a>(config: &'a Config, addr: &ProviderConfigAddr) -> Option<&'a ProviderBlock> {
    let mut blocks = config.find(&addr.module)?.provider_configs.values();
    blocks.find(|block| block.addr == *addr)
}

/// Whether a configuration has `for_each`.
pub(crate) fn is_repeated(config: &Config, addr: &ProviderConfigAddr) -> bool {
    block_of(config, addr).is_some_and(|block| block.for_each.is_some())
}

/// Exactly one key has to be given for a repeated configuration, and none for another.
pub(crate) fn check_key(bound: &Bound, keyed: bool, repeated: bool) -> Option<Diagnostic> {
    let detail = match (repeated, bound.key.is_some(), keyed) {
        (true, false, false) => {
            "{} has for_each, so there is an instance of it for each key. Say which one in brackets."
        }
        (true, true, true) => {
            "The caller has selected an instance of {} already: leave the key out."
        }
        (false, _, true) => "{} does not have for_each, so it has no instances: leave the key out.",
        _ => return None,
    };
    let detail = detail.replace("{}", &bound.addr.to_string());
    Some(Diagnostic::error(
        "Invalid provider configuration reference",
        detail,
    ))
}

/// A resource with the very `for_each` of its provider configuration: when a key is removed, the
/// provider is gone before it could destroy the object.
pub(crate) fn same_repetition(config: &Config, resource: &Resource) -> Option<Diagnostic> {
    let key = resource.provider_key.as_ref()?;
    let (Repetition::ForEach(ours), None) = (&resource.repetition, key.call) else {
        return None;
    };
    let block = block_of(config, &resource.provider)?;
    let theirs = block.for_each.as_ref()?;
    let (Some(a), Some(b)) = (whole_reference(ours), whole_reference(theirs)) else {
        return None;
    };
    if (&a.subject, &a.steps) != (&b.subject, &b.steps) {
        return None;
    }
    let detail = format!(
        "{} has the same for_each as {}, so a key that is removed takes the provider away before \
         it can destroy the object of that key. Give the resource a part of the provider's keys \
         only, so that a key can go from the resource first, and from the provider in a later run.",
        resource.id, resource.provider
    );
    let summary = "Provider configuration for_each matches resource";
    Some(Diagnostic::warning(summary, detail).at(ours.span()))
}

/// The reference that an expression consists of.
fn whole_reference(expr: &Expr) -> Option<&Reference> {
    match expr.references() {
        [reference] if reference.full_span == expr.span() => Some(reference),
        _ => None,
    }
}
