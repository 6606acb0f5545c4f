//! Names: what a reference refers to.

use std::sync::Arc;

use muster_value::{PathStep, Value};

use super::{Lowerer, chain, static_step, step_span};
use crate::expr::{Node, NodeId};
use crate::syntax::{NodeKind, Tree};
use crate::{Reference, Span, Str, Subject};

const SUMMARY: &str = "Invalid reference";

/// What is wrong with a reference.
struct Wrong {
    summary: String,
    detail: String,
    span: Span,
}

impl Lowerer {
    /// A name with the steps that follow it.
    pub(super) fn traversal(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        let (root, steps) = chain(tree, node);
        let (mut base, used) = match tree.kind(root) {
            NodeKind::Name => match self.name(tree, root, &steps) {
                Ok(found) => found,
                Err(wrong) => {
                    let Wrong {
                        summary,
                        detail,
                        span,
                    } = *wrong;
                    return self.fail(&summary, detail, span);
                }
            },
            _ => (self.node(tree, root), 0),
        };
        for &step in &steps[used..] {
            base = self.step(tree, base, step);
        }
        base
    }

    fn step(&mut self, tree: &Arc<Tree>, base: NodeId, step: u32) -> NodeId {
        let span = tree.span(step);
        let name = || -> Str { tree.token_text(tree.tokens(step).end - 1).into() };
        let node = match tree.kind(step) {
            NodeKind::GetAttr => Node::GetAttr(base, name()),
            NodeKind::LegacyIndex => {
                let last = tree.token_span(tree.tokens(step).end - 1);
                let index = self.number_text(&name(), last);
                Node::Index(base, index)
            }
            _ => {
                let index = self.last(tree, step);
                Node::Index(base, index)
            }
        };
        self.add(node, span)
    }

    /// The value of a bare word, and how many of the steps belong to its name.
    fn name(
        &mut self,
        tree: &Arc<Tree>,
        root: u32,
        steps: &[u32],
    ) -> Result<(NodeId, usize), Box<Wrong>> {
        let text = tree.token_text(tree.tokens(root).start);
        let span = tree.span(root);
        let literal = match text {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::NULL),
            _ => None,
        };
        if let Some(value) = literal {
            return Ok((self.add(Node::Literal(value), span), 0));
        }
        if let Some((_, slot)) = self.scope.iter().rev().find(|(name, _)| &**name == text) {
            return Ok((self.add(Node::Slot(*slot), span), 0));
        }
        let (subject, used) = subject(tree, root, steps)?;
        let span = used.checked_sub(1).map_or(span, |i| tree.span(steps[i]));
        if let Some(&next) = steps.get(used) {
            instance_index(tree, &subject, next)?;
        }
        let rest: Vec<PathStep> = steps[used..]
            .iter()
            .map_while(|&s| static_step(tree, s))
            .collect();
        let full_span = match rest.len() {
            0 => span,
            n => tree.span(steps[used + n - 1]),
        };
        self.references.push(Reference {
            subject,
            steps: rest,
            span,
            full_span,
        });
        let index = self.references.len() as u32 - 1;
        Ok((self.add(Node::Reference(index), span), used))
    }
}

/// Instances of objects and modules are counted, so that a number after one is whole.
fn instance_index(tree: &Tree, subject: &Subject, step: u32) -> Result<(), Box<Wrong>> {
    let counted = matches!(
        subject,
        Subject::Managed(..) | Subject::Data(..) | Subject::Ephemeral(..) | Subject::Module(_)
    );
    let key = (tree.kind(step) == NodeKind::Index)
        .then(|| tree.last_child(step))
        .flatten()
        .filter(|&key| tree.kind(key) == NodeKind::Number);
    let (Some(key), true) = (key, counted) else {
        return Ok(());
    };
    let text = tree.token_text(tree.tokens(key).start);
    let whole = text.parse::<f64>();
    // 2^63, beyond which there is no index.
    if whole.is_ok_and(|n| n.fract() == 0.0 && n < 9_223_372_036_854_775_808.0) {
        return Ok(());
    }
    Err(Box::new(Wrong {
        summary: "Invalid index key".into(),
        detail: "Instances are counted from zero: the index is a whole number below 2^63.".into(),
        span: step_span(tree, step),
    }))
}

/// What a root name and its first steps refer to, and the number of those steps.
fn subject(tree: &Tree, root: u32, steps: &[u32]) -> Result<(Subject, usize), Box<Wrong>> {
    let names = Names {
        tree,
        root,
        steps,
        name: tree.token_text(tree.tokens(root).start),
    };
    let name = names.name;
    Ok(match name {
        "var" => (Subject::Variable(names.only()?), 1),
        "local" => (Subject::Local(names.only()?), 1),
        "module" => (Subject::Module(names.only()?), 1),
        "path" => (Subject::Path(names.only()?), 1),
        "terraform" => (Subject::Terraform(names.only()?), 1),
        "self" => (Subject::SelfObject, 0),
        "each" => match &*names.only()? {
            "key" => (Subject::EachKey, 1),
            "value" => (Subject::EachValue, 1),
            other => return Err(names.no_attribute(other, "each.key and each.value")),
        },
        "count" => match &*names.only()? {
            "index" => (Subject::CountIndex, 1),
            other => return Err(names.no_attribute(other, "count.index")),
        },
        "data" | "resource" | "ephemeral" => {
            let (first, second) = names.two()?;
            let subject = match name {
                "data" => Subject::Data(first, second),
                "resource" => Subject::Managed(first, second),
                _ => Subject::Ephemeral(first, second),
            };
            (subject, 2)
        }
        "template" | "lazy" | "arg" => {
            let detail = format!("The name \"{name}\" is kept for later versions of the language.");
            return Err(names.wrong("Reserved symbol name", detail, names.whole()));
        }
        _ => (Subject::Managed(name.into(), names.resource_name()?), 1),
    })
}

struct Names<'a> {
    tree: &'a Tree,
    root: u32,
    steps: &'a [u32],
    name: &'a str,
}

impl Names<'_> {
    fn wrong(
        &self,
        summary: impl Into<String>,
        detail: impl Into<String>,
        span: Span,
    ) -> Box<Wrong> {
        Box::new(Wrong {
            summary: summary.into(),
            detail: detail.into(),
            span,
        })
    }

    fn whole(&self) -> Span {
        self.tree
            .span(self.steps.last().copied().unwrap_or(self.root))
    }

    fn attribute(&self, index: usize) -> Option<Str> {
        match static_step(self.tree, *self.steps.get(index)?)? {
            PathStep::Attr(name) => Some(name),
            PathStep::Index(_) | PathStep::Key(_) => None,
        }
    }

    /// The attribute that must follow.
    fn only(&self) -> Result<Str, Box<Wrong>> {
        let name = self.name;
        // What follows is missing, so nothing that is declared can be meant.
        let summary = match name {
            "var" => "Reference to undeclared input variable".into(),
            "local" => "Reference to undeclared local value".into(),
            "module" => SUMMARY.into(),
            _ => format!("Invalid \"{name}\" attribute"),
        };
        self.attribute(0).ok_or_else(|| match self.steps.first() {
            None => {
                let detail =
                    format!("\"{name}\" is not a value; name one of its attributes: {name}.NAME.");
                self.wrong(summary, detail, self.whole())
            }
            Some(&step) => {
                let detail = format!("\"{name}\" must be followed by a dot and a name.");
                self.wrong(summary, detail, step_span(self.tree, step))
            }
        })
    }

    fn two(&self) -> Result<(Str, Str), Box<Wrong>> {
        self.attribute(0).zip(self.attribute(1)).ok_or_else(|| {
            let name = self.name;
            let detail =
                format!("\"{name}\" must be followed by a type and a name: {name}.TYPE.NAME.");
            self.wrong(SUMMARY, detail, self.whole())
        })
    }

    fn resource_name(&self) -> Result<Str, Box<Wrong>> {
        self.attribute(0).ok_or_else(|| {
            let name = self.name;
            let detail = format!("\"{name}\" is taken for a resource type, which must be followed by the name of a resource: {name}.NAME. If text is meant, put it in quotes.");
            let root = self.tree.span(self.root);
            let span = self.steps.first().map_or(root, |&s| step_span(self.tree, s));
            self.wrong(SUMMARY, detail, span)
        })
    }

    fn no_attribute(&self, found: &str, known: &str) -> Box<Wrong> {
        let name = self.name;
        let detail = format!("There is no {name}.{found}; there is {known}.");
        self.wrong(
            format!("Invalid \"{name}\" attribute"),
            detail,
            self.tree.span(self.steps[0]),
        )
    }
}
