//! What is asked by the name of a value.

use muster_addr::ModuleInstance;

use crate::Str;
use crate::cause::{Cause, Finding};
use crate::follow::{Owner, Scope};
use crate::trace::Tracer;

impl Tracer<'_> {
    /// An output, with what its expression refers to.
    pub(crate) fn output(&mut self, module: &ModuleInstance, name: &Str) -> Option<Cause> {
        let scope = self.inside(module)?;
        let declared = self.config.module(scope.module).outputs.get(name);
        if let (Some(step), Some(outer)) = (module.0.last(), module.parent()) {
            // It is called as its caller calls it.
            let declared = declared?;
            let call = ModuleInstance::root().child(step.name.clone(), step.key.clone());
            let caller = self.inside(&outer)?;
            let mut cause = self.name(&caller, format!("{call}.{name}"), &declared.expr, &scope);
            cause.is_secret = declared.sensitive;
            return Some(cause);
        }
        let change = self.plan.outputs.get(name);
        let finding = change.map_or(Finding::Named, |change| Finding::Output {
            before: change.before.clone(),
            after: change.after.clone(),
        });
        let shown = format!("output.{name}");
        let Some(declared) = declared else {
            // It was in the configuration before.
            change?;
            return Some(Cause::new(shown, module, finding));
        };
        let mut cause = self.name(&scope, shown, &declared.expr, &scope);
        cause.is_secret = declared.sensitive;
        cause.finding = finding;
        Some(cause)
    }

    /// A local value, with what its expression refers to.
    pub(crate) fn local(&mut self, module: &ModuleInstance, name: &Str) -> Option<Cause> {
        let scope = self.inside(module)?;
        let local = self.config.module(scope.module).locals.get(name)?;
        Some(self.name(&scope, format!("local.{name}"), &local.expr, &scope))
    }

    /// A variable, with where its value comes from.
    pub(crate) fn declared(&mut self, module: &ModuleInstance, name: &Str) -> Option<Cause> {
        let scope = self.inside(module)?;
        let declared = &self.config.module(scope.module).variables;
        declared
            .contains_key(name)
            .then(|| self.variable(&scope, name))
    }

    fn inside(&self, module: &ModuleInstance) -> Option<Scope> {
        Some(Scope {
            module: self.config.find_id(&module.path())?,
            addr: module.clone(),
            owner: Owner::Nobody,
        })
    }
}
