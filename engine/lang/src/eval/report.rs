//! Errors of evaluation, with a word on the values that led to them.

use muster_value::{Marks, Path, Value};

use super::{Evaluator, Failure};
use crate::expr::Node;
use crate::{Diagnostic, NodeId, Reference, Span, Subject};

/// How many values a message shows at most.
const MOST_VALUES: usize = 10;
/// How many characters of a string a message shows at most.
const MOST_TEXT: usize = 60;

impl Evaluator<'_> {
    /// An error about a node.
    pub(super) fn error(&self, id: NodeId, summary: &str, detail: impl Into<String>) -> Failure {
        self.error_at(id, self.expr.node_span(id), summary, detail)
    }

    /// An error about a part of a node; values are those the whole node refers to.
    pub(super) fn error_at(
        &self,
        id: NodeId,
        span: Span,
        summary: &str,
        detail: impl Into<String>,
    ) -> Failure {
        let mut diagnostic = Diagnostic::error(summary, detail).at(span);
        let whole = self.expr.node_span(id);
        if whole != span {
            diagnostic = diagnostic.within(whole);
        }
        diagnostic.values = self.values(id);
        diagnostic.into()
    }

    pub(super) fn values(&self, id: NodeId) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for node in self.below(id) {
            let Node::Reference(index) = self.expr.node(node) else {
                continue;
            };
            let reference = &self.expr.references()[*index as usize];
            let Some((value, steps)) = self.referred(reference) else {
                continue;
            };
            let path = Path(reference.steps[..steps].to_vec());
            let name = format!("{}{path}", subject(&reference.subject));
            if found.len() < MOST_VALUES && !found.iter().any(|(n, _)| *n == name) {
                found.push((name, describe(&value)));
            }
        }
        found.sort();
        found
    }

    /// The value that a reference leads to by as many of its static steps as there is
    /// something for, marks of the way included, and their number.
    fn referred(&self, reference: &Reference) -> Option<(Value, usize)> {
        let whole = self.scope.resolve(reference).ok()?;
        let mut marks = whole.marks();
        let mut at = &whole;
        let mut taken = 0;
        for step in &reference.steps {
            let Some(part) = at.child(step) else {
                break;
            };
            at = part;
            marks |= at.marks();
            taken += 1;
        }
        Some((at.clone().mark(marks), taken))
    }
}

/// A short word on a value that gives nothing sensitive away.
fn describe(value: &Value) -> String {
    if value.marks().contains(Marks::SENSITIVE) {
        return "is sensitive".into();
    }
    if value.marks().contains(Marks::EPHEMERAL) {
        return "is ephemeral".into();
    }
    let count = |kind: &str, one: &str, many: &str| {
        let n = value.len().unwrap_or(0);
        format!(
            "is {} {kind} with {n} {}",
            if kind == "object" { "an" } else { "a" },
            if n == 1 { one } else { many }
        )
    };
    match value.peel() {
        Value::Null(_) => "is null".into(),
        Value::Unknown(u) => match u.ty {
            muster_value::Type::Dynamic => "is known only after apply".into(),
            ref ty => {
                let name = ty.friendly_name();
                let a = if name.starts_with('o') { "an" } else { "a" };
                format!("is {a} {name}, known only after apply")
            }
        },
        Value::Bool(b) => format!("is {b}"),
        Value::Number(n) => format!("is {n}"),
        Value::String(s) if s.chars().count() > MOST_TEXT => {
            let start: String = s.chars().take(MOST_TEXT).collect();
            format!("is a string that starts with {start:?}")
        }
        Value::String(s) => format!("is {s:?}"),
        Value::List(_) | Value::Set(_) | Value::Map(_) => {
            count(&value.ty().friendly_name(), "element", "elements")
        }
        Value::Tuple(_) => count("tuple", "element", "elements"),
        Value::Object(_) => count("object", "attribute", "attributes"),
        Value::Marked(_) => "is marked".into(),
    }
}

/// A subject as an expression writes it.
fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Variable(name) => format!("var.{name}"),
        Subject::Local(name) => format!("local.{name}"),
        Subject::Managed(ty, name) => format!("{ty}.{name}"),
        Subject::Data(ty, name) => format!("data.{ty}.{name}"),
        Subject::Ephemeral(ty, name) => format!("ephemeral.{ty}.{name}"),
        Subject::Module(name) => format!("module.{name}"),
        Subject::Output(name) => format!("output.{name}"),
        Subject::EachKey => "each.key".into(),
        Subject::EachValue => "each.value".into(),
        Subject::CountIndex => "count.index".into(),
        Subject::Path(name) => format!("path.{name}"),
        Subject::Terraform(name) => format!("terraform.{name}"),
        Subject::SelfObject => "self".into(),
    }
}
