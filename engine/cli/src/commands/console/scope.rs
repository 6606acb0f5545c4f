//! The names of the root module, as an expression in the console sees them.

use muster_addr::{Mode, ResourceId};
use muster_eval::{CheckResult, Evaluator, ModuleInst, ModuleScope};
use muster_lang::{Diagnostic, Diags, Expr, Files, Reference, Scope, Span, Subject};
use muster_value::{PathStep, Type, Value};

/// The root module's scope. What failed was told when the console was opened; its value is
/// unknown.
pub(super) struct ConsoleScope<'a> {
    eval: &'a Evaluator,
    module: ModuleScope<'a>,
}

impl<'a> ConsoleScope<'a> {
    pub(super) fn new(eval: &'a Evaluator) -> Self {
        Self {
            eval,
            module: eval.scope(ModuleInst::ROOT, None),
        }
    }

    /// Resolves every name, so that one that means nothing is told wherever it stands.
    pub(super) fn check(&self, expr: &Expr) -> Result<(), Diags> {
        let mut diags = Diags::new();
        for reference in expr.references() {
            match self.resolve(reference) {
                Ok(_) => diags.0.extend(self.misuse(reference)),
                Err(found) => diags.extend(found),
            }
        }
        match diags.has_errors() {
            true => Err(diags),
            false => Ok(()),
        }
    }

    /// What is wrong with a reference to a resource whatever its value is.
    fn misuse(&self, reference: &Reference) -> Option<Diagnostic> {
        let (mode, type_name, name) = match &reference.subject {
            Subject::Managed(type_name, name) => (Mode::Managed, type_name, name),
            Subject::Data(type_name, name) => (Mode::Data, type_name, name),
            _ => return None,
        };
        let id = ResourceId {
            mode,
            type_name: type_name.clone(),
            name: name.clone(),
        };
        let resource = self.eval.config().root().resources.get(&id)?;
        let Some(PathStep::Attr(attribute)) = reference.steps.first() else {
            return None;
        };
        if resource.repetition.expr().is_some() {
            let detail = format!(
                "{id} has several instances, by its count or for_each. Say which one is meant, as in {id}[KEY].{attribute}."
            );
            let error = Diagnostic::error("Missing resource instance key", detail);
            return Some(error.at(reference.full_span));
        }
        let schema = self.eval.schema_of(resource).ok()?;
        if schema.block.implied_type().attribute(attribute).is_some() {
            return None;
        }
        let detail = format!("{type_name} has no attribute \"{attribute}\".");
        Some(Diagnostic::error("Unsupported attribute", detail).at(reference.full_span))
    }
}

impl Scope for ConsoleScope<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match self.module.resolve(reference) {
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
        self.module.call_provider(provider, function, args, span)
    }

    fn files(&self) -> &dyn Files {
        self.module.files()
    }

    fn impure_now(&self) -> bool {
        self.module.impure_now()
    }
}

/// Evaluates everything that has a name, in every module, and gives what goes wrong.
pub(super) fn problems(eval: &Evaluator) -> Diags {
    let mut diags = Diags::new();
    let config = eval.config().clone();
    for name in config.root().variables.keys() {
        if let CheckResult::Fail(found) = eval.validate_variable(ModuleInst::ROOT, name) {
            diags.extend(found);
        }
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
