//! Errors of evaluation, with a word on the values that led to them.

use muster_value::{Marks, Path, Type, Value};

use super::{Evaluator, Failure};
use crate::expr::Node;
use crate::{Diagnostic, NodeId, Reference, Span, Subject};

/// How many values a message shows at most.
const MOST_VALUES: usize = 10;

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
        diagnostic.values = self.values(id, Told::WhatIsKnown);
        diagnostic.into()
    }

    /// An error about the last step of a node, which leads from another one to a part of it.
    pub(super) fn error_at_step(
        &self,
        id: NodeId,
        source: NodeId,
        summary: &str,
        detail: impl Into<String>,
    ) -> Failure {
        let whole = self.expr.node_span(id);
        let start = self.expr.node_span(source).end.max(whole.start);
        let step = match start < whole.end {
            true => Span { start, ..whole },
            false => whole,
        };
        self.error_at(id, step, summary, detail)
    }

    /// Where a node begins, as Terraform sees it: its first operand, what opens its brackets, or
    /// the text in its quotes.
    pub(super) fn start(&self, mut id: NodeId) -> Span {
        loop {
            let span = self.expr.node_span(id);
            let first = |len: usize| {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                let end = span.start.saturating_add(len).min(span.end);
                Span { end, ..span }
            };
            id = match self.expr.node(id) {
                Node::Binary(_, left, _) | Node::Conditional(left, ..) => *left,
                Node::Splat { source, .. } => *source,
                Node::Template(parts) => match parts.first() {
                    Some(part) if *part != id => *part,
                    _ => return span,
                },
                Node::Call { function, .. } => return first(function.name.len() + 1),
                Node::Tuple(_) | Node::Object(_) | Node::For(_) | Node::Unary(..) => {
                    return first(1);
                }
                Node::Literal(Value::String(text)) => {
                    let quoted = (span.end - span.start) as usize >= text.len() + 2;
                    return match quoted && !text.is_empty() {
                        true => Span {
                            start: span.start + 1,
                            end: span.end - 1,
                            ..span
                        },
                        false => span,
                    };
                }
                _ => return span,
            };
        }
    }

    /// References below a node with a short word on their values.
    pub(super) fn values(&self, id: NodeId, told: Told) -> Vec<(String, String)> {
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
                found.extend(describe(&value, told).map(|word| (name, word)));
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

/// Which values are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Those that are known and may be seen, and the types of others.
    WhatIsKnown,
    /// Also that others are not known, or must not be seen.
    All,
}

/// A short word on a value that gives nothing sensitive away, if one is wanted; the same words
/// Terraform uses.
fn describe(value: &Value, told: Told) -> Option<String> {
    let all = told == Told::All;
    if value.marks().contains(Marks::SENSITIVE) {
        return all.then(|| "has a sensitive value".into());
    }
    if value.marks().contains(Marks::EPHEMERAL) {
        return all.then(|| "has an ephemeral value".into());
    }
    if let Value::Unknown(unknown) = value.peel() {
        let name = unknown.ty.friendly_name();
        return match (&unknown.ty, all) {
            (Type::Dynamic, true) => Some("will be known only after apply".into()),
            (Type::Dynamic, false) => None,
            (_, true) => Some(format!("is a {name}, known only after apply")),
            (_, false) => Some(format!("is a {name}")),
        };
    }
    Some(known(value))
}

fn known(value: &Value) -> String {
    match value.peel() {
        Value::Null(_) => "is null".into(),
        Value::Unknown(_) => "is unknown".into(),
        Value::Bool(b) => format!("is {b}"),
        Value::Number(n) => format!("is {n}"),
        Value::String(s) => format!("is {s:?}"),
        Value::List(_) | Value::Set(_) | Value::Map(_) => elements(value),
        Value::Tuple(items) if items.is_empty() => "is empty tuple".into(),
        Value::Tuple(items) => format!("is tuple with {}", counted(items.len(), "element")),
        Value::Object(attributes) => match attributes.len() {
            0 => "is object with no attributes".into(),
            1 => {
                let name = attributes.keys().next().map(|name| &**name);
                format!("is object with 1 attribute {:?}", name.unwrap_or_default())
            }
            n => format!("is object with {n} attributes"),
        },
        Value::Marked(_) => "is marked".into(),
    }
}

/// A word on a collection.
fn elements(value: &Value) -> String {
    let ty = value.ty().friendly_name();
    let ty = ty.replace("any single type", "dynamic");
    match value.len().unwrap_or(0) {
        0 => format!("is empty {ty}"),
        n => format!("is {ty} with {}", counted(n, "element")),
    }
}

fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
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
