//! `-replace`: addresses that stand for no instance, because they lack a key.

use muster_addr::{AbsResource, InstanceAddr, InstanceKey, Mode, ModuleInstance};
use muster_eval::Expansion;
use muster_lang::Diagnostic;

use crate::Planner;

/// How many addresses a message lists.
const LISTED: usize = 20;

impl Planner {
    /// Warns where `-replace` names a resource that has keys, without one: no instance is called
    /// that, so nothing would be replaced.
    pub(crate) fn check_requested(&mut self, resource: &AbsResource, expansion: &Expansion) {
        if resource.resource.mode != Mode::Managed || expansion.contains(&InstanceKey::None) {
            return;
        }
        let asked = |addr: &&InstanceAddr| {
            addr.key == InstanceKey::None
                && addr.resource.resource == resource.resource
                && may_mean(&addr.resource.module, &resource.module)
        };
        if let Some(addr) = self.options.replace.iter().find(asked) {
            let warning = lacks_key(addr, resource, &expansion.keys());
            self.diags.push(warning);
        }
    }
}

/// Whether a module instance is the one that was asked for, save for keys that were left out.
fn may_mean(asked: &ModuleInstance, module: &ModuleInstance) -> bool {
    let mut steps = asked.0.iter().zip(module.0.iter());
    asked.0.len() == module.0.len()
        && steps.all(|(a, m)| a.name == m.name && (a.key == InstanceKey::None || a.key == m.key))
}

fn lacks_key(addr: &InstanceAddr, resource: &AbsResource, keys: &[InstanceKey]) -> Diagnostic {
    let option = |key: &InstanceKey| {
        let named = resource.instance(key.clone()).to_string();
        format!("\n  -replace={named:?}")
    };
    let detail = match keys {
        [] => format!(
            "-replace names {addr}, which has no instances, so there is nothing to replace."
        ),
        [only] => format!(
            "-replace names {addr}, whose one instance has a key, so it stands for nothing. To replace it, write:{}",
            option(only)
        ),
        keys => {
            let options: String = keys.iter().take(LISTED).map(option).collect();
            let rest = match keys.len().saturating_sub(LISTED) {
                0 => String::new(),
                n => format!("\n  and so on for {n} more"),
            };
            format!(
                "-replace names {addr}, which has several instances, so it stands for none of them. To replace some, write one or more of:{options}{rest}"
            )
        }
    };
    let summary = "Incompletely-matched force-replace resource instance";
    Diagnostic::warning(summary, detail)
}
