//! Conditions with their messages.

use std::collections::HashSet;

use muster_config::{Check, ModuleId};
use muster_lang::{
    Diagnostic, DiagnosticKind, Diags, Expr, Node, Scope, Severity, Span, eval, referred_values,
};
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

/// What is wrong with messages.
#[derive(Default)]
pub(crate) struct Notes {
    new: Diags,
    told: HashSet<Option<Span>>,
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

/// Whether a condition holds; `None` when nobody knows yet.
fn holds(check: &Check, kind: CheckKind, scope: &dyn Scope) -> Result<Option<bool>, Diags> {
    let value = eval(&check.condition, scope, &[])?;
    let summary = match kind {
        CheckKind::Validation => "Invalid variable validation result",
        _ => "Invalid condition result",
    };
    let invalid = |detail: String| -> Diags {
        Diagnostic::error(summary, detail)
            .at(check.condition.span())
            .into()
    };
    if value.is_null() {
        return Err(invalid(
            "The condition is null; it must be true or false.".into(),
        ));
    }
    let result = convert(value.peel(), &Type::Bool)
        .map_err(|e| invalid(format!("The condition must be true or false: {e}.")))?;
    Ok(result.as_bool())
}

/// What there is to say where a condition does not hold.
struct Message {
    text: String,
    /// Whether it could be evaluated.
    evaluated: bool,
    /// Whether nothing in it is still to be known.
    known: bool,
    /// What is wrong with it: errors where it has no value, or else a warning at most.
    wrong: Diags,
}

impl Message {
    fn new(check: &Check, scope: &dyn Scope) -> Self {
        let value = match eval(&check.message, scope, &[]) {
            Ok(value) => value,
            Err(wrong) => {
                let text =
                    "The condition does not hold, and its error_message could not be evaluated.";
                return Self {
                    text: text.into(),
                    evaluated: false,
                    known: true,
                    wrong,
                };
            }
        };
        let with = |text: &str, wrong: Option<Diagnostic>| Self {
            text: format!("The condition does not hold. Its error_message {text}"),
            evaluated: true,
            known: true,
            wrong: Diags(wrong.into_iter().collect()),
        };
        let at = check.message.span();
        let marks = value.marks_deep();
        let text = match convert(value.peel(), &Type::String) {
            Ok(text) if !text.is_null() => text,
            _ => {
                let detail = "An error message is a string that is not null.";
                let error = Diagnostic::error("Invalid error message", detail).at(at);
                return with("is not a string, so it is not shown.", Some(error));
            }
        };
        let Value::String(text) = text else {
            return Self {
                known: false,
                ..with("is not known yet.", None)
            };
        };
        if marks.contains(Marks::SENSITIVE) {
            let detail = "The message contains something sensitive, so it is not shown. Leave that \
                          out, or use nonsensitive() if it may be seen.";
            let summary = "Error message refers to sensitive values";
            let warning = Diagnostic::warning(summary, detail).at(at);
            return with(
                "contains a sensitive value, so it is not shown.",
                Some(warning),
            );
        }
        if marks.contains(Marks::EPHEMERAL) {
            let detail =
                "The message contains something ephemeral, so it is not shown. Leave that out.";
            let summary = "Error message refers to ephemeral values";
            let warning = Diagnostic::warning(summary, detail).at(at);
            return with(
                "contains an ephemeral value, which is shown and stored nowhere.",
                Some(warning),
            );
        }
        Self {
            text: text.trim().to_owned(),
            evaluated: true,
            known: true,
            wrong: Diags::new(),
        }
    }
}

fn failure(check: &Check, kind: CheckKind, message: String, scope: &dyn Scope) -> Diagnostic {
    let mut d = Diagnostic::error(kind.summary(), message)
        .at(check.condition.span())
        .of_kind(DiagnosticKind::Condition);
    d.values = referred_values(&check.condition, scope);
    d
}

/// What becomes of a rule of a variable: its message matters where the rule does not hold, and what
/// is wrong with it is wrong then.
fn validated(
    held: Option<bool>,
    message: Message,
    failure: impl FnOnce(String) -> Diagnostic,
) -> CheckResult {
    let Message {
        text,
        evaluated,
        mut wrong,
        ..
    } = message;
    match held {
        _ if !evaluated => CheckResult::Fail(wrong),
        Some(true) => CheckResult::Pass,
        None => CheckResult::Unknown,
        Some(false) => {
            for found in &mut wrong.0 {
                found.severity = Severity::Error;
            }
            wrong.push(failure(text));
            CheckResult::Fail(wrong)
        }
    }
}

impl Evaluator {
    /// Evaluates a condition. What is wrong with its message goes to [`Self::take_notes`], as
    /// whether it holds is another question; only a message without a value is a failure.
    pub fn check(&self, check: &Check, kind: CheckKind, scope: &ModuleScope<'_>) -> CheckResult {
        deep(|| {
            let held = match holds(check, kind, scope) {
                Ok(held) => held,
                Err(mut found) => {
                    if self.settings.validating {
                        found.extend(eval(&check.message, scope, &[]).err().unwrap_or_default());
                    }
                    return CheckResult::Fail(found);
                }
            };
            let root = check.message.node(check.message.0.root);
            let is_text = matches!(root, Node::Literal(Value::String(_)));
            let mut message = match (held, is_text) {
                // Most messages are plain text, which nobody has to look at.
                (Some(true), true) => return CheckResult::Pass,
                (None, true) => return CheckResult::Unknown,
                _ => Message::new(check, scope),
            };
            // What objects will be is not known, so their messages only have to make sense.
            let is_of_object = matches!(kind, CheckKind::Precondition | CheckKind::Postcondition);
            if self.settings.validating && is_of_object && message.evaluated {
                message.wrong = Diags::new();
            }
            let broken = message.wrong.has_errors();
            let fails = held == Some(false);
            if kind == CheckKind::Validation {
                // Where the message is not known, the value is not: nobody has given it yet.
                if self.settings.validating && !message.known {
                    return CheckResult::Unknown;
                }
                return validated(held, message, |text| failure(check, kind, text, scope));
            }
            // What failed says itself that its message is not shown.
            if broken || !fails || kind != CheckKind::OutputPrecondition {
                self.note(message.wrong);
            }
            match held {
                _ if broken => CheckResult::Fail(Diags::new()),
                _ if fails => CheckResult::Fail(failure(check, kind, message.text, scope).into()),
                Some(_) => CheckResult::Pass,
                None => CheckResult::Unknown,
            }
        })
    }

    /// Keeps what is wrong with a message, once for each message.
    fn note(&self, wrong: Diags) {
        let notes = &mut self.memory.borrow_mut().notes;
        for found in wrong {
            if notes.told.insert(found.subject) {
                notes.new.push(found);
            }
        }
    }

    /// What is wrong with messages of conditions, as far as it was found since the last call:
    /// errors where a message has no value, and warnings where it is not to be shown.
    pub fn take_notes(&self) -> Diags {
        std::mem::take(&mut self.memory.borrow_mut().notes.new)
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
                    let place = |d: Diagnostic| match d.kind {
                        DiagnosticKind::Condition => d.at(at),
                        _ => d,
                    };
                    CheckResult::Fail(Diags(found.into_iter().map(place).collect()))
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
