//! Objects whose provider configuration is no more.

use muster_config::{Config, Resource};
use muster_snapshot::{Resource as Stored, Snapshot};

/// Hands objects of provider configurations that are no more over to those that their resources
/// name now. They are all that is left to look at such an object; where a resource has no block
/// any more either, its provider is missed.
pub(crate) fn hand_over(config: &Config, state: &mut Snapshot) {
    for (addr, stored) in &mut state.resources {
        let module = config.find(&addr.module.path());
        let resource = module.and_then(|module| module.resources.get(&addr.resource));
        if let Some(resource) = resource.filter(|now| takes_over(config, now, stored)) {
            stored.provider = (*resource.provider).clone();
        }
    }
}

fn takes_over(config: &Config, now: &Resource, stored: &Stored) -> bool {
    let before = &stored.provider;
    // One without a block is there all the same.
    let is_implied = before.alias.is_none() && before.module.is_root();
    let is_same_kind = now.provider.provider == before.provider;
    let mut instances = stored.instances.values();
    let is_repeated = now.provider_key.is_some() || instances.any(|i| i.provider_key.is_some());
    let is_written = || {
        let module = config.find(&before.module);
        let configs = module.map(|module| module.provider_configs.values());
        configs.is_some_and(|mut configs| configs.any(|block| block.addr == *before))
    };
    is_same_kind && !is_implied && !is_repeated && *now.provider != *before && !is_written()
}
