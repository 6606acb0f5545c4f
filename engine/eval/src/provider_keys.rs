//! Provider configurations that have `for_each`: which instances there are, and which one a resource
//! uses.

use muster_addr::{InstanceKey, ProviderConfigAddr};
use muster_config::{ModuleId, ProviderBlock, Repetition, Resource};
use muster_lang::{Diagnostic, Diags, eval};
use muster_value::{Type, convert};

use crate::expand::expand;
use crate::scope::ModuleScope;
use crate::{Evaluator, Expansion, ModuleInst, Repeat};

/// The instances of a provider configuration: itself alone, when it is not repeated.
///
/// # Errors
/// Its `for_each` cannot be worked out.
pub fn provider_instances(
    eval: &Evaluator,
    addr: &ProviderConfigAddr,
) -> Result<Vec<ProviderConfigAddr>, Diags> {
    let Some(expansion) = expansion(eval, addr)? else {
        return Ok(vec![addr.clone()]);
    };
    let keys = expansion.keys().into_iter().map(|key| match key {
        InstanceKey::Str(key) => addr.instance(Some(key)),
        InstanceKey::None | InstanceKey::Int(_) => addr.clone(),
    });
    Ok(keys.collect())
}

impl Evaluator {
    /// The provider configuration of one instance of a resource: of a repeated one, the instance
    /// that the configuration selects. When validating, all of it.
    ///
    /// # Errors
    /// The key cannot be worked out, or there is no such instance.
    pub fn provider_of(
        &self,
        inst: ModuleInst,
        resource: &Resource,
        key: &InstanceKey,
    ) -> Result<ProviderConfigAddr, Diags> {
        let Some(selected) = &resource.provider_key else {
            return Ok(ProviderConfigAddr::clone(&resource.provider));
        };
        let scope = match selected.call {
            None => self.instance_scope(inst, &resource.id, key)?,
            Some(called) => self.call_scope(inst, called),
        };
        let value = eval(&selected.expr, &scope, &[])?;
        let error = |detail: String| -> Diags {
            let summary = "Invalid provider instance key";
            Diagnostic::error(summary, detail)
                .at(selected.expr.span())
                .into()
        };
        if !value.marks().is_empty() {
            return Err(error(
                "The key becomes a part of an address, which is stored and shown, so it cannot \
                 come from a sensitive or ephemeral value."
                    .into(),
            ));
        }
        if self.settings.validating {
            return Ok(ProviderConfigAddr::clone(&resource.provider));
        }
        let fits = convert(&value, &Type::String).ok();
        let Some(key) = fits.as_ref().and_then(|v| v.as_str()).cloned() else {
            let found = match (value.is_null(), value.is_known()) {
                (true, _) => "is null",
                (_, false) => "is only known after apply, but the provider is needed before",
                _ => "is no string",
            };
            return Err(error(format!("The key {found}.")));
        };
        let addr = resource.provider.instance(Some(key.clone()));
        let all = provider_instances(self, &resource.provider)?;
        if all.contains(&addr) {
            return Ok(addr);
        }
        let known: Vec<String> = all
            .iter()
            .filter_map(|a| Some(format!("{:?}", a.key.as_deref()?)))
            .collect();
        let known = match known.is_empty() {
            true => "none".to_owned(),
            false => known.join(", "),
        };
        Err(error(format!(
            "{} has no instance with the key {key:?}; the keys of its for_each are: {known}.",
            resource.provider
        )))
    }

    /// The names that a module call sees, for the instance of it that leads to `inst`.
    fn call_scope(&self, mut inst: ModuleInst, called: ModuleId) -> ModuleScope<'_> {
        let memory = self.memory.borrow();
        loop {
            let data = &memory.insts[inst.0 as usize];
            let Some(parent) = data.parent else {
                return self.scope(inst, None);
            };
            if data.module == called {
                return self.scope(parent, data.repeat.clone());
            }
            inst = parent;
        }
    }
}

/// The block that declares a provider configuration, or the one that this is an instance of.
pub(crate) fn block_of<'a>(
    eval: &'a Evaluator,
    addr: &ProviderConfigAddr,
) -> Option<&'a ProviderBlock> {
    let addr = addr.config();
    let mut blocks = eval.config().find(&addr.module)?.provider_configs.values();
    blocks.find(|block| block.addr == addr)
}

/// The instances that the block of a configuration has; `None` when it is not repeated.
fn expansion(eval: &Evaluator, addr: &ProviderConfigAddr) -> Result<Option<Expansion>, Diags> {
    let Some(expr) = block_of(eval, addr).and_then(|block| block.for_each.clone()) else {
        return Ok(None);
    };
    let mut modules = eval.config().iter();
    let found = modules.find(|(_, m)| m.path == addr.module);
    let instances = match found {
        Some((id, _)) => eval.module_instances(id)?,
        None => return Ok(None),
    };
    let Some(&inst) = instances.first() else {
        return Ok(Some(Expansion::Disabled));
    };
    let repetition = Repetition::ForEach(expr);
    let validating = eval.settings.validating;
    expand(&repetition, &eval.scope(inst, None), validating).map(Some)
}

/// What `each` means in a configuration.
pub(crate) fn repeat_of(
    eval: &Evaluator,
    addr: &ProviderConfigAddr,
) -> Result<Option<Repeat>, Diags> {
    let expansion = match (expansion(eval, addr)?, &addr.key) {
        (None, None) => return Ok(None),
        (Some(expansion), _) => expansion,
        (None, Some(_)) => Expansion::Disabled,
    };
    let key = match &addr.key {
        Some(key) => InstanceKey::Str(key.clone()),
        None => InstanceKey::None,
    };
    if !expansion.contains(&key) {
        return Err(not_present(addr));
    }
    Ok(Some(expansion.repeat(&key)))
}

fn not_present(addr: &ProviderConfigAddr) -> Diags {
    let detail = format!(
        "{addr} is needed for objects of the state, but the for_each of its block does not have \
         this key any more. Put the key back until these objects are gone; then it can be removed."
    );
    Diagnostic::error("Provider instance not present", detail).into()
}
