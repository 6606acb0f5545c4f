//! Names as one place of the configuration sees them.

use muster_addr::{InstanceKey, Mode, ResourceId};
use muster_config::{ModuleId, Repetition};
use muster_lang::{Diagnostic, Diags, Files, Reference, Scope, Span, Subject};
use muster_schema::AttributeType;
use muster_value::{Marks, PathStep, Type, Value};

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

impl ModuleScope<'_> {
    /// What no object of the type has is a mistake even where `try` or a condition would hide it.
    fn refuse_unknown_attribute(
        &self,
        id: &ResourceId,
        reference: &Reference,
    ) -> Result<(), Diags> {
        let config = self.evaluator.config_of(self.inst);
        let Some(resource) = config.resources.get(id) else {
            return Ok(());
        };
        let steps = match (&resource.repetition, &reference.steps[..]) {
            (
                Repetition::Count(_) | Repetition::ForEach(_),
                [PathStep::Index(_) | PathStep::Key(_), rest @ ..],
            ) => rest,
            (Repetition::Single | Repetition::Enabled(_), rest) => rest,
            _ => return Ok(()),
        };
        let [PathStep::Attr(name), below @ ..] = steps else {
            return Ok(());
        };
        // That there is no such type is said with the resource.
        let Ok(schema) = self.evaluator.schema_of(resource) else {
            return Ok(());
        };
        let block = &schema.block;
        let (depth, (summary, detail)) = match block.attributes.get(name) {
            Some(attribute) => match &attribute.ty {
                AttributeType::Plain(ty) => match leads_nowhere(ty, below) {
                    Some((depth, wrong)) => (depth + 1, wrong),
                    None => return Ok(()),
                },
                AttributeType::Nested { .. } => return Ok(()),
            },
            None if block.blocks.contains_key(name) => return Ok(()),
            None => {
                let detail = format!(
                    "{} has no argument, block or attribute \"{name}\".",
                    id.type_name
                );
                (0, ("Unsupported attribute", detail))
            }
        };
        let after = Span {
            start: reference.span.end,
            ..reference.full_span
        };
        let at = step_of(after, steps, depth).unwrap_or(after);
        Err(Diagnostic::error(summary, detail).at(at).into())
    }
}

/// The first step that a value of the type cannot have, whatever it is, with what is wrong.
fn leads_nowhere(ty: &Type, steps: &[PathStep]) -> Option<(usize, (&'static str, String))> {
    let mut ty = ty;
    for (depth, step) in steps.iter().enumerate() {
        ty = match (ty, step) {
            (Type::Object(object), PathStep::Attr(name)) => match object.attributes.get(name) {
                Some(ty) => ty,
                None => {
                    let detail = format!("The object there has no attribute \"{name}\".");
                    return Some((depth, ("Unsupported attribute", detail)));
                }
            },
            (Type::String | Type::Number | Type::Bool, PathStep::Attr(_)) => {
                let detail = format!("A {} has no attributes.", ty.friendly_name());
                return Some((depth, ("Unsupported attribute", detail)));
            }
            (Type::String | Type::Number | Type::Bool, _) => {
                let detail = format!("A {} has no elements.", ty.friendly_name());
                return Some((depth, ("Invalid index", detail)));
            }
            _ => return None,
        };
    }
    None
}

/// Where one of the steps at the end of a reference stands, as steps with names are mostly written.
fn step_of(whole: Span, steps: &[PathStep], depth: usize) -> Option<Span> {
    let len = |step: &PathStep| match step {
        PathStep::Attr(name) => u32::try_from(name.len() + 1).ok(),
        PathStep::Index(_) | PathStep::Key(_) => None,
    };
    let behind = steps
        .get(depth + 1..)?
        .iter()
        .map(len)
        .sum::<Option<u32>>()?;
    let end = whole.end.checked_sub(behind)?;
    let start = end.checked_sub(len(steps.get(depth)?)?)?;
    (start >= whole.start).then_some(Span {
        start,
        end,
        ..whole
    })
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
    fn refuse(&self, reference: &Reference) -> Result<(), Diags> {
        let (mode, type_name, name) = match &reference.subject {
            // Whatever is planned has been validated.
            _ if !self.evaluator.settings.validating => return Ok(()),
            Subject::Managed(type_name, name) => (Mode::Managed, type_name, name),
            Subject::Data(type_name, name) => (Mode::Data, type_name, name),
            Subject::Ephemeral(type_name, name) => (Mode::Ephemeral, type_name, name),
            _ => return Ok(()),
        };
        let id = ResourceId {
            mode,
            type_name: type_name.clone(),
            name: name.clone(),
        };
        self.refuse_unknown_attribute(&id, reference)
    }

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
