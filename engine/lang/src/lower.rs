//! Syntax to expressions: names become subjects and slots, functions are looked up, templates
//! are put together. Afterwards nothing is left that only the source could tell.

mod calls;
mod names;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use muster_value::{Number, PathStep, Type, Value};

use crate::body::Source;
use crate::expr::{BinaryOp, ExprData, ForExpr, Node, NodeId, UnaryOp};
use crate::functions::Function;
use crate::syntax::json::{Doc, Json};
use crate::syntax::text::unescape;
use crate::syntax::{NodeKind, TokenKind, Tree};
use crate::{Diagnostic, Diags, Expr, FileId, Reference, Span, Str};

/// Finds a builtin function by its name.
pub(crate) type Lookup = fn(&str) -> Option<&'static Function>;

/// Lowers an expression; what is wrong in it becomes [`Node::Invalid`].
pub(crate) fn lower(source: &Source, iterators: &[Str], lookup: Lookup) -> (Expr, Diags) {
    let file = match source {
        Source::Native(tree, _) => tree.file,
        Source::Json(doc, _) => doc.file,
    };
    let scope: Vec<_> = iterators.iter().cloned().zip(0u32..).collect();
    let mut lowerer = Lowerer {
        file,
        nodes: Vec::new(),
        spans: Vec::new(),
        references: Vec::new(),
        slots: scope.len() as u32,
        scope,
        diags: Diags::new(),
        lookup,
    };
    let root = match source {
        Source::Native(tree, node) => lowerer.node(tree, *node),
        Source::Json(doc, node) => lowerer.json(doc, *node),
    };
    let Lowerer {
        nodes,
        spans,
        references,
        slots,
        diags,
        ..
    } = lowerer;
    let json = match source {
        Source::Native(..) => None,
        Source::Json(doc, node) => Some((doc.clone(), *node)),
    };
    (
        Expr(Arc::new(ExprData {
            file,
            nodes: nodes.into(),
            spans: spans.into(),
            root,
            references: references.into(),
            slots,
            json,
        })),
        diags,
    )
}

/// The node at the bottom of a chain of steps, and the steps from there outwards.
pub(crate) fn chain(tree: &Tree, node: u32) -> (u32, Vec<u32>) {
    let mut steps = Vec::new();
    let mut at = node;
    loop {
        let base = match tree.kind(at) {
            NodeKind::GetAttr | NodeKind::LegacyIndex => tree.last_child(at),
            NodeKind::Index => tree.second_last_child(at),
            _ => None,
        };
        let Some(base) = base else { break };
        steps.push(at);
        at = base;
    }
    steps.reverse();
    (at, steps)
}

/// A step whose key is a constant.
pub(crate) fn static_step(tree: &Tree, step: u32) -> Option<PathStep> {
    let last = || tree.token_text(tree.tokens(step).end - 1);
    match tree.kind(step) {
        NodeKind::GetAttr => Some(PathStep::Attr(last().into())),
        NodeKind::LegacyIndex => last().parse().ok().map(PathStep::Index),
        NodeKind::Index => {
            let key = tree.last_child(step)?;
            match tree.kind(key) {
                NodeKind::Number => {
                    let text = tree.token_text(tree.tokens(key).start);
                    text.parse().ok().map(PathStep::Index)
                }
                NodeKind::Quoted => plain_string(tree, key).map(PathStep::Key),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Where a step stands, without what it is a step from.
pub(crate) fn step_span(tree: &Tree, step: u32) -> Span {
    let before = match tree.kind(step) {
        NodeKind::Index => tree.second_last_child(step),
        _ => tree.last_child(step),
    };
    let from = tree.tokens(before.unwrap_or(step)).end;
    let tokens = tree.tokens(step);
    let mut own = (from..tokens.end).filter(|&t| !tree.token_kind(t).is_blank());
    let first = own.next().unwrap_or(tokens.start);
    tree.token_span(first).to(tree.token_span(tokens.end - 1))
}

/// A string in quotes without sequences.
fn plain_string(tree: &Tree, node: u32) -> Option<Str> {
    let parts = tree.last_child(node)?;
    if tree.last_child(parts).is_some() {
        return None;
    }
    let text: String = tree
        .tokens(parts)
        .filter(|&t| tree.token_kind(t) == TokenKind::Text)
        .map(|t| unescape(tree.token_text(t), true))
        .collect();
    Value::string_nfc(&text).as_str().cloned()
}

struct Lowerer {
    file: FileId,
    nodes: Vec<Node>,
    spans: Vec<(u32, u32)>,
    references: Vec<Reference>,
    /// Iteration variables in scope, innermost last.
    scope: Vec<(Str, u32)>,
    /// Slots handed out so far.
    slots: u32,
    diags: Diags,
    lookup: Lookup,
}

impl Lowerer {
    fn add(&mut self, node: Node, span: Span) -> NodeId {
        self.nodes.push(node);
        self.spans.push((span.start, span.end));
        NodeId(self.nodes.len() as u32 - 1)
    }

    fn fail(&mut self, summary: &str, detail: impl Into<String>, span: Span) -> NodeId {
        self.diags.push(Diagnostic::error(summary, detail).at(span));
        self.add(Node::Invalid, span)
    }

    /// As `fail`, where the error is that of an evaluation.
    fn fail_later(&mut self, summary: &str, detail: impl Into<String>, span: Span) -> NodeId {
        let why = Diagnostic::error(summary, detail).at(span);
        self.add(Node::Fails(Box::new(why)), span)
    }

    fn node(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.node_here(tree, node))
    }

    fn node_here(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        let span = tree.span(node);
        let lowered = match tree.kind(node) {
            NodeKind::Number => return self.number(tree, node),
            NodeKind::Paren => return self.last(tree, node),
            NodeKind::Name | NodeKind::GetAttr | NodeKind::LegacyIndex | NodeKind::Index => {
                return self.traversal(tree, node);
            }
            NodeKind::SplatItem => Node::Slot(self.scope.last().map_or(0, |(_, slot)| *slot)),
            NodeKind::Splat => self.splat(tree, node),
            NodeKind::Unary => {
                let op = match tree.token_kind(tree.tokens(node).start) {
                    TokenKind::Minus => UnaryOp::Neg,
                    _ => UnaryOp::Not,
                };
                Node::Unary(op, self.last(tree, node))
            }
            NodeKind::Binary => return self.binary(tree, node),
            NodeKind::Conditional => {
                let [a, b, c] = self.children(tree, node)[..] else {
                    return self.invalid(span);
                };
                Node::Conditional(a, b, c)
            }
            NodeKind::Tuple => Node::Tuple(self.children(tree, node).into()),
            NodeKind::Object => self.object(tree, node),
            NodeKind::Call | NodeKind::CallExpand => return self.call(tree, node),
            NodeKind::ForTuple | NodeKind::ForObject => self.for_expr(tree, node),
            NodeKind::Quoted | NodeKind::Heredoc | NodeKind::Bare => {
                return self.template(tree, node);
            }
            _ => Node::Invalid,
        };
        self.add(lowered, span)
    }

    fn invalid(&mut self, span: Span) -> NodeId {
        self.add(Node::Invalid, span)
    }

    fn children(&mut self, tree: &Arc<Tree>, node: u32) -> Vec<NodeId> {
        tree.children(node)
            .into_iter()
            .map(|c| self.node(tree, c))
            .collect()
    }

    fn last(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        match tree.last_child(node) {
            Some(child) => self.node(tree, child),
            None => self.invalid(tree.span(node)),
        }
    }

    fn number(&mut self, tree: &Tree, node: u32) -> NodeId {
        let text = tree.token_text(tree.tokens(node).start);
        self.number_text(
            &text.replacen(".e", "e", 1).replacen(".E", "e", 1),
            tree.span(node),
        )
    }

    fn number_text(&mut self, text: &str, span: Span) -> NodeId {
        match Number::parse(text) {
            Ok(number) => self.add(Node::Literal(Value::Number(number)), span),
            Err(error) => self.fail("Invalid number literal", error.to_string(), span),
        }
    }

    fn splat(&mut self, tree: &Arc<Tree>, node: u32) -> Node {
        let (Some(source), Some(each)) = (tree.second_last_child(node), tree.last_child(node))
        else {
            return Node::Invalid;
        };
        let source = self.node(tree, source);
        let slot = self.enter("".into());
        let each = self.node(tree, each);
        self.scope.pop();
        Node::Splat { source, each, slot }
    }

    /// Brings an iteration variable into scope; the caller takes it off again.
    fn enter(&mut self, name: Str) -> u32 {
        let slot = self.slots;
        self.slots += 1;
        self.scope.push((name, slot));
        slot
    }

    /// Long chains such as `a + b + c` lean to the left: those are walked, not recursed into.
    fn binary(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        let mut spine = Vec::new();
        let mut at = node;
        while tree.kind(at) == NodeKind::Binary {
            let Some(left) = tree.second_last_child(at) else {
                return self.invalid(tree.span(node));
            };
            spine.push((at, left));
            at = left;
        }
        let mut result = self.node(tree, at);
        for (at, left) in spine.into_iter().rev() {
            let operator = (tree.tokens(left).end..tree.tokens(at).end)
                .find_map(|t| binary_op(tree.token_kind(t)));
            let right = self.last(tree, at);
            let node = match operator {
                Some(op) => Node::Binary(op, result, right),
                None => Node::Invalid,
            };
            result = self.add(node, tree.span(at));
        }
        result
    }

    fn object(&mut self, tree: &Arc<Tree>, node: u32) -> Node {
        let mut items = Vec::new();
        for item in tree.children(node) {
            let (Some(key), Some(value)) = (tree.second_last_child(item), tree.last_child(item))
            else {
                continue;
            };
            let key = self.object_key(tree, key);
            items.push((key, self.node(tree, value)));
        }
        Node::Object(items.into())
    }

    fn object_key(&mut self, tree: &Arc<Tree>, key: u32) -> NodeId {
        let (root, steps) = chain(tree, key);
        if tree.kind(root) != NodeKind::Name {
            return self.node(tree, key);
        }
        if steps.is_empty() {
            let text = tree.token_text(tree.tokens(root).start);
            return self.add(Node::Literal(Value::string_nfc(text)), tree.span(key));
        }
        if steps.iter().any(|&s| static_step(tree, s).is_none()) {
            return self.node(tree, key);
        }
        let detail = "It is not clear whether this key is a reference or text. Put it in parentheses for its value, or in quotes for the text.";
        self.node(tree, key);
        self.fail_later("Ambiguous attribute key", detail, tree.span(key))
    }

    fn for_expr(&mut self, tree: &Arc<Tree>, node: u32) -> Node {
        let children = tree.children(node);
        let object = tree.kind(node) == NodeKind::ForObject;
        let results = if object { 2 } else { 1 };
        if children.len() < 1 + results {
            return Node::Invalid;
        }
        let collection = self.node(tree, children[0]);
        let depth = self.scope.len();
        let (key_slot, value_slot) = self.enter_for(tree, node);
        let key = object.then(|| self.node(tree, children[1]));
        let value = self.node(tree, children[results]);
        let rest = &children[1 + results..];
        let group = rest.iter().any(|&c| tree.kind(c) == NodeKind::ForGroup);
        let condition = rest
            .iter()
            .find(|&&c| tree.kind(c) == NodeKind::ForCondition);
        let condition = condition.map(|&c| self.last(tree, c));
        self.scope.truncate(depth);
        Node::For(Box::new(ForExpr {
            collection,
            key_slot,
            value_slot,
            key,
            value,
            condition,
            group,
        }))
    }

    /// Brings the variables of a `for` into scope: slots of the key, if it has one, and value.
    fn enter_for(&mut self, tree: &Tree, node: u32) -> (Option<u32>, u32) {
        let mut words = tree
            .tokens(node)
            .filter(|&t| matches!(tree.token_kind(t), TokenKind::Ident | TokenKind::Comma));
        // The first word is `for` itself.
        let first: Str = words.nth(1).map_or("", |t| tree.token_text(t)).into();
        let comma = words
            .next()
            .is_some_and(|t| tree.token_kind(t) == TokenKind::Comma);
        match words.next().filter(|_| comma) {
            Some(second) => {
                let key = self.enter(first);
                (Some(key), self.enter(tree.token_text(second).into()))
            }
            None => (None, self.enter(first)),
        }
    }

    fn json(&mut self, doc: &Arc<Doc>, node: u32) -> NodeId {
        let span = doc.span(node);
        let lowered = match doc.get(node) {
            Json::Invalid => Node::Literal(Value::unknown(Type::Dynamic)),
            Json::Null => Node::Literal(Value::NULL),
            Json::Bool(b) => Node::Literal(Value::Bool(*b)),
            Json::Number(text) => return self.number_text(text, span),
            Json::String(text, escaped) => return self.json_string(doc, node, text, *escaped),
            Json::Array(items) => stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                Node::Tuple(items.iter().map(|&i| self.json(doc, i)).collect())
            }),
            Json::Object(entries) => {
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.json_object(doc, entries))
            }
        };
        self.add(lowered, span)
    }

    fn json_object(&mut self, doc: &Arc<Doc>, entries: &[(u32, u32)]) -> Node {
        let mut seen = std::collections::HashSet::new();
        let mut items = Vec::with_capacity(entries.len());
        for &(key, value) in entries {
            let name = doc.text(key);
            if !seen.insert(name.clone()) {
                let detail = format!("The attribute \"{name}\" is defined already.");
                self.fail("Duplicate object attribute", detail, doc.span(key));
                continue;
            }
            items.push((self.json(doc, key), self.json(doc, value)));
        }
        Node::Object(items.into())
    }
}

fn binary_op(token: TokenKind) -> Option<BinaryOp> {
    Some(match token {
        TokenKind::Plus => BinaryOp::Add,
        TokenKind::Minus => BinaryOp::Sub,
        TokenKind::Star => BinaryOp::Mul,
        TokenKind::Slash => BinaryOp::Div,
        TokenKind::Percent => BinaryOp::Rem,
        TokenKind::EqualEqual => BinaryOp::Eq,
        TokenKind::NotEqual => BinaryOp::NotEq,
        TokenKind::Less => BinaryOp::Less,
        TokenKind::LessEq => BinaryOp::LessEq,
        TokenKind::Greater => BinaryOp::Greater,
        TokenKind::GreaterEq => BinaryOp::GreaterEq,
        TokenKind::AndAnd => BinaryOp::And,
        TokenKind::OrOr => BinaryOp::Or,
        _ => return None,
    })
}
