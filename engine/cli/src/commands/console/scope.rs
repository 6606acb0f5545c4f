//! The names of the root module, as an expression in the console sees them.

use muster_eval::{Evaluator, ModuleInst, ModuleScope};
use muster_lang::{Diags, Expr, Files, Reference, Scope, Span};
use muster_value::{Type, Value};

/// The root module's scope. What failed was told when the console was opened; its value is
/// unknown.
pub(super) struct ConsoleScope<'a>(pub ModuleScope<'a>);

impl ConsoleScope<'_> {
    /// Resolves every name, so that one that means nothing is told wherever it stands.
    pub(super) fn check(&self, expr: &Expr) -> Result<(), Diags> {
        let failed = expr.references().iter().map(|r| self.resolve(r).err());
        let diags = Diags(failed.flatten().flatten().collect());
        match diags.has_errors() {
            true => Err(diags),
            false => Ok(()),
        }
    }
}

impl Scope for ConsoleScope<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match self.0.resolve(reference) {
            Err(diags) if diags.is_empty() => Ok(Value::unknown(Type::Dynamic)),
            result => result,
        }
    }

    fn call_provider(
        &self,
        provider: &str,
        function: &str,
        args: &[Value],
        span: Span,
    ) -> Result<Value, Diags> {
        self.0.call_provider(provider, function, args, span)
    }

    fn files(&self) -> &dyn Files {
        self.0.files()
    }

    fn impure_now(&self) -> bool {
        self.0.impure_now()
    }
}

/// Evaluates everything that has a name, in every module, and gives what goes wrong.
pub(super) fn problems(eval: &Evaluator) -> Diags {
    let mut diags = Diags::new();
    let config = eval.config().clone();
    for name in config.root().variables.keys() {
        diags.extend(eval.validate_variable(ModuleInst::ROOT, name));
    }
    for (id, module) in config.iter() {
        let instances = match eval.module_instances(id) {
            Ok(instances) => instances,
            Err(found) => {
                diags.extend(found);
                continue;
            }
        };
        for &inst in instances.iter() {
            for (name, local) in &module.locals {
                let found = eval.local(inst, name, local.expr.span());
                diags.extend(found.err().unwrap_or_default());
            }
            for name in module.outputs.keys() {
                diags.extend(eval.output(inst, name).err().unwrap_or_default());
            }
        }
    }
    diags
}
