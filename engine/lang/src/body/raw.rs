//! Expressions as they stand in the source.

use std::sync::Arc;

use muster_value::{PathStep, Value};

use crate::expr::{Node, NodeId, UnaryOp};
use crate::functions;
use crate::lower;
use crate::syntax::json::{Doc, Json};
use crate::syntax::{self, NodeKind, Origin, TokenKind, Tree, is_ident};
use crate::{Diags, Expr, Span, Str};

/// An expression as it stands in the source, not yet lowered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RawExpr(pub(crate) Source);

/// Where an expression stands.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A node of a native file.
    Native(Arc<Tree>, u32),
    /// A value of a JSON file.
    Json(Arc<Doc>, u32),
}

impl RawExpr {
    /// The whole of a tree.
    pub(crate) fn native(tree: Arc<Tree>) -> Self {
        let root = tree.root();
        Self(Source::Native(tree, root))
    }

    pub(crate) fn node(tree: &Arc<Tree>, node: u32) -> Self {
        Self(Source::Native(tree.clone(), node))
    }

    pub(crate) fn json(doc: &Arc<Doc>, node: u32) -> Self {
        Self(Source::Json(doc.clone(), node))
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        match &self.0 {
            Source::Native(tree, node) => tree.span(*node),
            Source::Json(doc, node) => doc.span(*node),
        }
    }

    /// Where tools point when it is not what is wanted: of a string in quotes, what is between
    /// them, and of a list or an object the opening bracket.
    pub fn head_span(&self) -> Span {
        let span = self.span();
        match &self.0 {
            Source::Native(tree, node)
                if matches!(tree.kind(*node), NodeKind::Tuple | NodeKind::Object) =>
            {
                tree.token_span(tree.tokens(*node).start)
            }
            Source::Native(tree, node)
                if tree.kind(*node) == NodeKind::Quoted && span.end > span.start + 1 =>
            {
                Span {
                    start: span.start + 1,
                    end: span.end - 1,
                    ..span
                }
            }
            _ => span,
        }
    }

    /// Where the name of a call stands, and its arguments with their parentheses.
    pub fn call_spans(&self) -> Option<(Span, Span)> {
        let Source::Native(tree, node) = self.unquoted()?.0 else {
            return None;
        };
        let mut tokens = tree.tokens(node);
        let first = tokens.start;
        let open = tokens.find(|&t| tree.token_kind(t) == TokenKind::OParen)?;
        let (name, open) = (tree.token_span(first), tree.token_span(open));
        let end = tree.span(node).end;
        Some((name, Span { end, ..open }))
    }

    /// Resolves names. `iterators` are the names of the iterators of enclosing `dynamic` blocks,
    /// outermost first (an inner one of the same name wins); they get slots 0, 1, ... and their
    /// value is the object `{key, value}`. Diagnostics: invalid references ("Invalid reference",
    /// `Reference to undeclared ...` is not known here), unknown functions ("Call to unknown
    /// function" with a suggestion).
    pub fn lower(&self, iterators: &[Str]) -> (Expr, Diags) {
        lower::lower(&self.0, iterators, functions::lookup)
    }

    /// As [`RawExpr::lower`], with the functions of a console: `type` is there, and what has a
    /// meaning only in a plan is not.
    pub fn lower_for_console(&self) -> (Expr, Diags) {
        lower::lower(&self.0, &[], functions::lookup_for_console)
    }

    /// A bare word such as `string` or `all`; in JSON a string that is one.
    pub fn as_keyword(&self) -> Option<Str> {
        match &self.0 {
            Source::Native(tree, node) if tree.kind(*node) == NodeKind::Name => {
                Some(tree.token_text(tree.tokens(*node).start).into())
            }
            Source::Native(..) => None,
            Source::Json(doc, node) => match doc.get(*node) {
                Json::String(text, _) if is_ident(text) => Some(text.clone()),
                _ => None,
            },
        }
    }

    /// A traversal of static steps, `aws.west`, `a.b["c"][0]`: root name and steps. In JSON a
    /// string that holds one.
    pub fn as_traversal(&self) -> Option<(Str, Vec<PathStep>)> {
        match self.unquoted()?.0 {
            Source::Native(tree, node) => {
                let (root, steps) = lower::chain(&tree, node);
                if tree.kind(root) != NodeKind::Name {
                    return None;
                }
                let steps = steps.iter().map(|&s| lower::static_step(&tree, s));
                let name = tree.token_text(tree.tokens(root).start);
                Some((name.into(), steps.collect::<Option<_>>()?))
            }
            Source::Json(..) => None,
        }
    }

    /// What is indexed and the index, of `base[key]`. In JSON a string that holds one.
    pub fn as_index(&self) -> Option<(RawExpr, RawExpr)> {
        let Source::Native(tree, node) = self.unquoted()?.0 else {
            return None;
        };
        if tree.kind(node) != NodeKind::Index {
            return None;
        }
        let part = |child| Self::node(&tree, child);
        let (base, key) = (tree.second_last_child(node)?, tree.last_child(node)?);
        Some((part(base), part(key)))
    }

    /// The items of a tuple constructor.
    pub fn as_list(&self) -> Option<Vec<RawExpr>> {
        match &self.0 {
            Source::Native(tree, node) if tree.kind(*node) == NodeKind::Tuple => Some(
                tree.children(*node)
                    .into_iter()
                    .map(|c| Self::node(tree, c))
                    .collect(),
            ),
            Source::Native(..) => None,
            Source::Json(doc, node) => match doc.get(*node) {
                Json::Array(items) => Some(items.iter().map(|&i| Self::json(doc, i)).collect()),
                _ => self.unquoted()?.as_list(),
            },
        }
    }

    /// The pairs of an object constructor.
    pub fn as_pairs(&self) -> Option<Vec<(RawExpr, RawExpr)>> {
        match &self.0 {
            Source::Native(tree, node) if tree.kind(*node) == NodeKind::Object => {
                let items = tree.children(*node).into_iter();
                let pair = |item| {
                    let key = Self::node(tree, tree.second_last_child(item)?);
                    Some((key, Self::node(tree, tree.last_child(item)?)))
                };
                items.map(pair).collect()
            }
            Source::Native(..) => None,
            Source::Json(doc, node) => match doc.get(*node) {
                Json::Object(entries) => {
                    let real = entries.iter().filter(|(key, _)| &*doc.text(*key) != "//");
                    Some(
                        real.map(|&(k, v)| (Self::json(doc, k), Self::json(doc, v)))
                            .collect(),
                    )
                }
                _ => self.unquoted()?.as_pairs(),
            },
        }
    }

    /// Function name and arguments of a call: for type expressions such as `list(string)`. In
    /// JSON a string that holds one.
    pub fn as_call(&self) -> Option<(Str, Vec<RawExpr>)> {
        let Source::Native(tree, node) = self.unquoted()?.0 else {
            return None;
        };
        if tree.kind(node) != NodeKind::Call {
            return None;
        }
        let name: String = tree
            .tokens(node)
            .take_while(|&t| tree.token_kind(t) != TokenKind::OParen)
            .filter(|&t| {
                matches!(
                    tree.token_kind(t),
                    TokenKind::Ident | TokenKind::DoubleColon
                )
            })
            .map(|t| tree.token_text(t))
            .collect();
        let args = tree
            .children(node)
            .into_iter()
            .map(|c| Self::node(&tree, c))
            .collect();
        Some((name.into(), args))
    }

    /// The value, if it is a literal: no references, no calls; a quoted string without
    /// interpolation, a number, bool, null, or tuples and objects of them.
    pub fn as_literal(&self) -> Option<Value> {
        let (expr, diags) = self.lower(&[]);
        match diags.has_errors() {
            true => None,
            // What stands for something that could not be read is no value.
            false => literal(&expr, expr.0.root).filter(Value::is_wholly_known),
        }
    }

    /// In JSON, the value of what is written, strings being no templates: what counts where
    /// nothing is evaluated. `None` in native syntax.
    ///
    /// # Errors
    /// An object names an attribute twice, or a number has no value.
    pub fn verbatim(&self) -> Option<Result<Value, Diags>> {
        let Source::Json(doc, node) = &self.0 else {
            return None;
        };
        let mut diags = Diags::new();
        let value = super::verbatim(doc, *node, &mut diags);
        Some(match diags.has_errors() {
            true => Err(diags),
            false => Ok(value),
        })
    }

    /// The expression itself, or in JSON the one inside a string.
    fn unquoted(&self) -> Option<RawExpr> {
        let Source::Json(doc, node) = &self.0 else {
            return Some(self.clone());
        };
        let Json::String(text, escaped) = doc.get(*node) else {
            return None;
        };
        let (tree, diags) =
            syntax::expression_at(doc.file, text, json_origin(doc, *node, *escaped));
        (!diags.has_errors()).then(|| Self::native(tree))
    }
}

/// How positions inside a JSON string map to the file.
pub(crate) fn json_origin(doc: &Doc, node: u32, escaped: bool) -> Origin {
    let span = doc.span(node);
    match escaped {
        true => Origin::Whole(span.start, span.end),
        false => Origin::Shift(span.start + 1),
    }
}

fn literal(expr: &Expr, id: NodeId) -> Option<Value> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match expr.node(id) {
        Node::Literal(value) => Some(value.clone()),
        Node::Tuple(items) => {
            let items: Option<Vec<_>> = items.iter().map(|&i| literal(expr, i)).collect();
            Some(Value::tuple(items?))
        }
        Node::Object(items) => {
            let pair = |&(k, v): &(NodeId, NodeId)| {
                Some((literal(expr, k)?.as_str()?.clone(), literal(expr, v)?))
            };
            let items: Option<Vec<_>> = items.iter().map(pair).collect();
            Some(Value::object(items?))
        }
        Node::Unary(UnaryOp::Neg, operand) => literal(expr, *operand)?
            .as_number()
            .map(|n| Value::Number(n.neg())),
        _ => None,
    })
}
