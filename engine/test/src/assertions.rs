//! Assertions of a run.

use muster_config::Check;
use muster_lang::{Diagnostic, Diags, Scope, eval, referred_values};
use muster_plan::TestStatus;
use muster_value::{Marks, Type, Value, convert};

/// Evaluates assertions; every one of them, whatever became of those before.
pub(crate) fn evaluate(assertions: &[Check], scope: &dyn Scope) -> (TestStatus, Diags) {
    let mut status = TestStatus::Pass;
    let mut diags = Diags::new();
    for assertion in assertions {
        let (one, found) = assertion_result(assertion, scope);
        status = status.max(one);
        diags.extend(found);
    }
    (status, diags)
}

fn assertion_result(assertion: &Check, scope: &dyn Scope) -> (TestStatus, Diags) {
    let condition = &assertion.condition;
    let at = condition.span();
    let (message, mut diags) = message(assertion, scope);
    let value = match eval(condition, scope, &[]) {
        Ok(value) => value,
        Err(found) => {
            diags.extend(found);
            return (TestStatus::Error, diags);
        }
    };
    if diags.has_errors() {
        return (TestStatus::Error, diags);
    }
    let mut report = |summary: &str, detail: String| {
        let mut diagnostic = Diagnostic::error(summary, detail).at(at);
        diagnostic.values = referred_values(condition, scope);
        diags.push(diagnostic);
    };
    let status = match truth(&value) {
        Ok(Some(true)) => TestStatus::Pass,
        Ok(Some(false)) => {
            report("Test assertion failed", message.unwrap_or_default());
            TestStatus::Fail
        }
        Ok(None) => {
            let detail = "The condition depends on something that is only known after apply, and \
                          this run does not get that far. Leave that out of the condition, let \
                          the run apply, or override the value with override_during = plan.";
            report("Unknown condition value", detail.to_owned());
            TestStatus::Error
        }
        Err(reason) => {
            report("Invalid condition run", reason);
            TestStatus::Error
        }
    };
    (status, diags)
}

/// Whether a condition holds; `None` when nobody knows.
fn truth(value: &Value) -> Result<Option<bool>, String> {
    let value = value.peel();
    if value.is_null() {
        return Err("The condition is null; it must be true or false.".to_owned());
    }
    let value = convert(value, &Type::Bool)
        .map_err(|e| format!("The condition must be true or false: {e}."))?;
    Ok(value.as_bool())
}

/// The message of an assertion; `None` when it cannot be shown. Errors in it count whether the
/// condition holds or not.
fn message(assertion: &Check, scope: &dyn Scope) -> (Option<String>, Diags) {
    let at = assertion.message.span();
    let value = match eval(&assertion.message, scope, &[]) {
        Ok(value) => value,
        Err(found) => return (None, found),
    };
    let warn = |summary: &str, detail: &str| {
        let warning = Diagnostic::warning(summary, detail);
        (None, warning.at(at).into())
    };
    let marks = value.marks_deep();
    if marks.contains(Marks::SENSITIVE) {
        return warn(
            "Error message refers to sensitive values",
            "The message contains something sensitive, so it is not shown. Leave that out, or use \
             nonsensitive() if it may be seen.",
        );
    }
    if marks.contains(Marks::EPHEMERAL) {
        return warn(
            "Error message refers to ephemeral values",
            "The message contains something ephemeral, so it is not shown. Leave that out.",
        );
    }
    match convert(value.peel(), &Type::String) {
        Ok(Value::String(text)) => (Some(text.trim().to_owned()), Diags::new()),
        Ok(value) if value.is_null() => {
            let detail = "An error message is a string that is not null.";
            let error = Diagnostic::error("Invalid error message", detail);
            (None, error.at(at).into())
        }
        // Nothing is known of it.
        Ok(_) => (None, Diags::new()),
        Err(error) => {
            let detail = format!("The message must be a text: {error}.");
            let error = Diagnostic::error("Invalid error message", detail);
            (None, error.at(at).into())
        }
    }
}
