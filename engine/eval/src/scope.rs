//! Names as one place of the configuration sees them.

use muster_addr::{InstanceKey, Mode, ResourceId};
use muster_config::ModuleId;
use muster_lang::{Diagnostic, Diags, Files, Reference, Scope, Span, Subject};
use muster_value::{Marks, Type, Value};

use crate::evaluator::refuse_parts_of_disabled;
use crate::{Evaluator, ModuleInst, Repeat, Str};

/// A module instance, with `count`, `each` and `self` where they mean something.
pub struct ModuleScope<'a> {
    pub(crate) evaluator: &'a Evaluator,
    pub(crate) inst: ModuleInst,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) self_value: Option<Value>,
}

impl<'a> ModuleScope<'a> {
    /// With `self`.
    #[must_use]
    pub fn with_self(mut self, value: Value) -> Self {
        self.self_value = Some(value);
        self
    }

    fn each(&self, reference: &Reference, value: bool) -> Result<Value, Diags> {
        match &self.repeat {
            Some(Repeat { unknown: true, .. }) if value => Ok(Value::unknown(Type::Dynamic)),
            Some(Repeat { unknown: true, .. }) => Ok(Value::unknown_not_null(Type::String)),
            Some(Repeat {
                key: InstanceKey::Str(key),
                each_value: Some(each),
                ..
            }) => Ok(if value {
                each.clone()
            } else {
                Value::string(key.clone())
            }),
            _ => Err(Diagnostic::error(
                if value {
                    "each.value cannot be used in this context"
                } else {
                    "Reference to \"each\" in context without for_each"
                },
                "\"each\" has a meaning only inside a block that has for_each.",
            )
            .at(reference.span)
            .into()),
        }
    }

    fn count_index(&self, reference: &Reference) -> Result<Value, Diags> {
        match &self.repeat {
            Some(Repeat { unknown: true, .. }) => Ok(Value::unknown_not_null(Type::Number)),
            Some(Repeat {
                key: InstanceKey::Int(n),
                ..
            }) => Ok(Value::Number((*n).into())),
            _ => Err(Diagnostic::error(
                "Reference to \"count\" in non-counted context",
                "\"count\" has a meaning only inside a block that has count.",
            )
            .at(reference.span)
            .into()),
        }
    }

    fn resource(
        &self,
        mode: Mode,
        type_name: &Str,
        name: &Str,
        reference: &Reference,
    ) -> Result<Value, Diags> {
        let id = ResourceId {
            mode,
            type_name: type_name.clone(),
            name: name.clone(),
        };
        if let Ok(expansion) = self.evaluator.expand_resource(self.inst, &id) {
            refuse_parts_of_disabled(&expansion, reference, || id.to_string())?;
        }
        let whole = self
            .evaluator
            .resource_value(self.inst, &id, reference.span);
        whole.or_else(|diags| {
            let only = self.evaluator.only_instance(self.inst, &id, reference);
            only.ok_or(diags)
        })
    }
}

/// Names that are the same everywhere.
impl Evaluator {
    /// `path.NAME`
    pub(crate) fn path(&self, module: ModuleId, which: &str, at: Span) -> Result<Value, Diags> {
        match which {
            "module" => Ok(Value::string(self.config.module(module).dir.clone())),
            "root" => Ok(Value::string(self.config.root().dir.clone())),
            "cwd" => Ok(Value::string(self.settings.cwd.clone())),
            other => Err(Diagnostic::error(
                "Invalid \"path\" attribute",
                format!("There is no path.{other}; there are path.module, path.root and path.cwd."),
            )
            .at(at)
            .into()),
        }
    }

    /// `terraform.NAME`
    pub(crate) fn engine_value(&self, which: &str, at: Span) -> Result<Value, Diags> {
        match which {
            "workspace" => Ok(Value::string(self.settings.workspace.clone())),
            "applying" => Ok(Value::Bool(self.settings.impure_now).mark(Marks::EPHEMERAL)),
            other => Err(Diagnostic::error(
                "Invalid \"terraform\" attribute",
                format!("There is no terraform.{other}; there are terraform.workspace and terraform.applying."),
            )
            .at(at)
            .into()),
        }
    }
}

impl Scope for ModuleScope<'_> {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        let ev = self.evaluator;
        match &reference.subject {
            Subject::Variable(name) => ev.variable(self.inst, name, reference.span),
            Subject::Local(name) => ev.local(self.inst, name, reference.span),
            Subject::Managed(t, n) => self.resource(Mode::Managed, t, n, reference),
            Subject::Data(t, n) => self.resource(Mode::Data, t, n, reference),
            Subject::Ephemeral(t, n) => self.resource(Mode::Ephemeral, t, n, reference),
            Subject::Module(name) => ev.module_value(self.inst, name, reference),
            Subject::EachKey => self.each(reference, false),
            Subject::EachValue => self.each(reference, true),
            Subject::CountIndex => self.count_index(reference),
            Subject::Path(which) => ev.path(ev.module_of(self.inst), which, reference.span),
            Subject::Terraform(which) => ev.engine_value(which, reference.span),
            Subject::SelfObject => self.self_value.clone().ok_or_else(|| {
                Diagnostic::error(
                    "Invalid \"self\" reference",
                    "\"self\" has a meaning only in postconditions and provisioners.",
                )
                .at(reference.span)
                .into()
            }),
            Subject::Output(_) => Err(Diagnostic::error(
                "Reference to undeclared output value",
                "Outputs of this module cannot be referred to from inside it; use a local value.",
            )
            .at(reference.span)
            .into()),
        }
    }

    fn call_provider(
        &self,
        provider: &str,
        function: &str,
        args: &[Value],
        span: Span,
    ) -> Result<Value, Diags> {
        let module = self.evaluator.module_of(self.inst);
        self.evaluator
            .call_provider(module, provider, function, args, span)
    }

    fn files(&self) -> &dyn Files {
        &*self.evaluator.files
    }

    fn plan_timestamp(&self) -> Option<Str> {
        self.evaluator.settings.plan_timestamp.clone()
    }

    fn impure_now(&self) -> bool {
        self.evaluator.settings.impure_now
    }
}
