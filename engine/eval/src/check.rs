//! Conditions with their messages.

use muster_config::{Check, ModuleId};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Expr, Scope, eval, referred_values};
use muster_value::{Marks, Type, Value, convert};

use crate::evaluator::deep;
use crate::{Evaluator, ModuleInst, ModuleScope, Str};

/// Which kind of condition it is; the summary of its failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// `validation` of a variable.
    Validation,
    /// `precondition` of a resource or data source.
    Precondition,
    /// `postcondition`
    Postcondition,
    /// `precondition` of an output.
    OutputPrecondition,
    /// `assert` of a check block.
    Assertion,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum CheckResult {
    /// It holds.
    Pass,
    /// Nobody knows yet.
    Unknown,
    /// It does not hold, or could not be evaluated; the diagnostics say why.
    Fail(muster_lang::Diags),
}

impl CheckResult {
    /// `None` when nobody knows yet; else whether it holds.
    pub fn outcome(&self) -> Option<Result<(), &muster_lang::Diags>> {
        match self {
            Self::Pass => Some(Ok(())),
            Self::Unknown => None,
            Self::Fail(diags) => Some(Err(diags)),
        }
    }

    /// What became of several conditions together: every failure, or else whether any of them
    /// is still open.
    pub fn all(results: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::Pass;
        for result in results {
            whole = match (whole, result) {
                (Self::Fail(mut diags), Self::Fail(more)) => {
                    diags.extend(more);
                    Self::Fail(diags)
                }
                (failed @ Self::Fail(_), _) | (_, failed @ Self::Fail(_)) => failed,
                (Self::Pass, Self::Pass) => Self::Pass,
                _ => Self::Unknown,
            };
        }
        whole
    }
}

impl CheckKind {
    fn summary(self) -> &'static str {
        match self {
            Self::Validation => "Invalid value for variable",
            Self::Precondition => "Resource precondition failed",
            Self::Postcondition => "Resource postcondition failed",
            Self::OutputPrecondition => "Module output value precondition failed",
            Self::Assertion => "Check block assertion failed",
        }
    }
}

/// Evaluates a condition.
pub(crate) fn check(check: &Check, kind: CheckKind, scope: &dyn Scope) -> CheckResult {
    let value = match eval(&check.condition, scope, &[]) {
        Ok(value) => value,
        Err(diags) => return CheckResult::Fail(diags),
    };
    let span = check.condition.span();
    let invalid = |detail: String| {
        CheckResult::Fail(
            Diagnostic::error("Invalid condition result", detail)
                .at(span)
                .into(),
        )
    };
    if value.is_null() {
        return invalid("The condition is null; it must be true or false.".into());
    }
    let result = match convert(value.peel(), &Type::Bool) {
        Ok(result) => result,
        Err(e) => return invalid(format!("The condition must be true or false: {e}.")),
    };
    match result.as_bool() {
        Some(true) => CheckResult::Pass,
        None => CheckResult::Unknown,
        Some(false) => {
            let detail = message(check, scope);
            let mut d = Diagnostic::error(kind.summary(), detail)
                .at(span)
                .of_kind(DiagnosticKind::Condition);
            d.values = referred_values(&check.condition, scope);
            CheckResult::Fail(d.into())
        }
    }
}

fn message(check: &Check, scope: &dyn Scope) -> String {
    let Ok(value) = eval(&check.message, scope, &[]) else {
        return "The condition does not hold, and its error_message could not be evaluated.".into();
    };
    let marks = value.marks_deep();
    if marks.contains(Marks::SENSITIVE) {
        return "The condition does not hold. Its error_message contains a sensitive value, so it is not shown.".into();
    }
    if marks.contains(Marks::EPHEMERAL) {
        return "The condition does not hold. Its error_message contains an ephemeral value, which is shown and stored nowhere.".into();
    }
    match convert(value.peel(), &Type::String) {
        Ok(Value::String(text)) => text.trim().to_owned(),
        _ => "The condition does not hold. Its error_message is not known yet.".into(),
    }
}

impl Evaluator {
    /// Evaluates a condition.
    pub fn check(
        &self,
        condition: &muster_config::Check,
        kind: CheckKind,
        scope: &ModuleScope<'_>,
    ) -> CheckResult {
        deep(|| {
            let result = check(condition, kind, scope);
            if !self.settings.validating {
                return result;
            }
            // Nobody knows yet whether the message is going to be needed.
            match (eval(&condition.message, scope, &[]), result) {
                (Ok(_), result) => result,
                (Err(mut more), CheckResult::Fail(mut found)) => {
                    found.0.append(&mut more.0);
                    CheckResult::Fail(found)
                }
                (Err(more), _) => CheckResult::Fail(more),
            }
        })
    }

    /// Evaluates the validation rules of a variable.
    pub fn validate_variable(&self, inst: ModuleInst, name: &Str) -> CheckResult {
        let Some(variable) = self.config_of(inst).variables.get(name) else {
            return CheckResult::Pass;
        };
        if let Err(diags) = self.variable(inst, name, variable.span) {
            return CheckResult::Fail(diags);
        }
        let at = self
            .call_of(self.module_of(inst))
            .and_then(|c| c.arguments.get(name));
        let at = at.map_or(variable.span, Expr::span);
        let scope = self.scope(inst, None);
        let results = variable.validations.iter().map(|rule| {
            match self.check(rule, CheckKind::Validation, &scope) {
                CheckResult::Fail(found) => {
                    CheckResult::Fail(Diags(found.into_iter().map(|d| d.at(at)).collect()))
                }
                result => result,
            }
        });
        CheckResult::all(results)
    }

    /// What became of the rules of a variable, with where its value was set, as far as that was
    /// given from outside: for people, while the messages of conditions are as they were written.
    pub fn with_origin(&self, inst: ModuleInst, name: &Str, result: CheckResult) -> CheckResult {
        let is_root = self.module_of(inst) == ModuleId::ROOT;
        let origin = self.settings.origins.get(name).filter(|_| is_root);
        let (CheckResult::Fail(mut found), Some(origin)) = (result.clone(), origin) else {
            return result;
        };
        for diagnostic in &mut found.0 {
            let detail = &diagnostic.detail;
            diagnostic.detail = format!("{detail}\n\nThe value of var.{name} is set {origin}.");
        }
        CheckResult::Fail(found)
    }

    /// Evaluates the assertions of a `check` block.
    pub fn check_block(&self, inst: ModuleInst, name: &Str) -> CheckResult {
        let Some(block) = self.config_of(inst).checks.get(name) else {
            return CheckResult::Pass;
        };
        let scope = self.scope(inst, None);
        let rules = block.assertions.iter();
        CheckResult::all(rules.map(|r| self.check(r, CheckKind::Assertion, &scope)))
    }

    /// Checks the preconditions of an output.
    pub fn check_output(&self, inst: ModuleInst, name: &Str) -> CheckResult {
        let Some(output) = self.config_of(inst).outputs.get(name) else {
            return CheckResult::Pass;
        };
        let scope = self.scope(inst, None);
        let rules = output.preconditions.iter();
        CheckResult::all(rules.map(|r| self.check(r, CheckKind::OutputPrecondition, &scope)))
    }
}
