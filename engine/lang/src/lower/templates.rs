//! Templates: literal text and sequences put together.

use std::sync::Arc;

use muster_value::Value;

use super::Lowerer;
use crate::body::json_origin;
use crate::expr::{ForExpr, Node, NodeId};
use crate::syntax::json::Doc;
use crate::syntax::text::Texts;
use crate::syntax::{self, NodeKind, TokenKind, Tree};
use crate::{Diagnostic, DiagnosticKind, Str};

impl Lowerer {
    /// A string, heredoc or bare template. A lone interpolation is the value itself.
    pub(super) fn template(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        let span = tree.span(node);
        let Some(parts) = tree.last_child(node) else {
            return self.invalid(span);
        };
        if let Some(only) = lone_interpolation(tree, parts) {
            return self.last(tree, only);
        }
        let quoted = tree.kind(node) == NodeKind::Quoted;
        let flush = tree.kind(node) == NodeKind::Heredoc
            && tree.token_text(tree.tokens(node).start).starts_with("<<-");
        let tree_ref = tree.clone();
        let texts = Texts::read(&tree_ref, parts, quoted, flush);
        let lowered = self.parts(tree, parts, &texts);
        let last = self.spans.len() - 1;
        if lowered.0 as usize == last {
            self.spans[last] = (span.start, span.end);
        }
        lowered
    }

    /// The parts joined to one string.
    fn parts(&mut self, tree: &Arc<Tree>, parts: u32, texts: &Texts<'_>) -> NodeId {
        let span = tree.span(parts);
        let mut joined = Vec::new();
        let mut text = String::new();
        let mut text_span = span;
        let mut at = tree.tokens(parts).start;
        let end = tree.tokens(parts).end;
        for child in tree.children(parts).into_iter().map(Some).chain([None]) {
            let until = child.map_or(end, |c| tree.tokens(c).start);
            for token in at..until {
                if tree.token_kind(token) == TokenKind::Text {
                    if text.is_empty() {
                        text_span = tree.token_span(token);
                    }
                    text_span = text_span.to(tree.token_span(token));
                    text.push_str(texts.get(token));
                }
            }
            if !text.is_empty() {
                joined.push(self.add(Node::Literal(Value::string_nfc(&text)), text_span));
                text.clear();
            }
            if let Some(child) = child {
                at = tree.tokens(child).end;
                joined.push(self.sequence(tree, child, texts));
            }
        }
        match joined[..] {
            [] => self.add(Node::Literal(Value::string("")), span),
            [one] if matches!(self.nodes[one.0 as usize], Node::Literal(Value::String(_))) => one,
            _ => self.add(Node::Template(joined.into()), span),
        }
    }

    /// An interpolation or directive.
    fn sequence(&mut self, tree: &Arc<Tree>, node: u32, texts: &Texts<'_>) -> NodeId {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match tree.kind(node) {
            NodeKind::Interpolation => self.last(tree, node),
            NodeKind::If => self.if_directive(tree, node, texts),
            NodeKind::ForDirective => self.for_directive(tree, node, texts),
            _ => self.invalid(tree.span(node)),
        })
    }

    fn if_directive(&mut self, tree: &Arc<Tree>, node: u32, texts: &Texts<'_>) -> NodeId {
        let span = tree.span(node);
        let children = tree.children(node);
        let [condition, then, ref otherwise @ ..] = children[..] else {
            return self.invalid(span);
        };
        let condition = self.node(tree, condition);
        let then = self.parts(tree, then, texts);
        let otherwise = match otherwise.first() {
            Some(&parts) => self.parts(tree, parts, texts),
            None => self.add(Node::Literal(Value::string("")), span),
        };
        self.add(Node::Conditional(condition, then, otherwise), span)
    }

    fn for_directive(&mut self, tree: &Arc<Tree>, node: u32, texts: &Texts<'_>) -> NodeId {
        let span = tree.span(node);
        let [collection, body] = tree.children(node)[..] else {
            return self.invalid(span);
        };
        let collection = self.node(tree, collection);
        let depth = self.scope.len();
        let (key_slot, value_slot) = self.enter_for(tree, node);
        let value = self.parts(tree, body, texts);
        self.scope.truncate(depth);
        let each = ForExpr {
            collection,
            key_slot,
            value_slot,
            key: None,
            value,
            condition: None,
            group: false,
        };
        self.add(Node::TemplateFor(Box::new(each)), span)
    }

    /// A JSON string, which is a template.
    pub(super) fn json_string(
        &mut self,
        doc: &Arc<Doc>,
        node: u32,
        text: &Str,
        escaped: bool,
    ) -> NodeId {
        let span = doc.span(node);
        if !text.contains("${") && !text.contains("%{") {
            return self.add(Node::Literal(Value::string_nfc(text)), span);
        }
        let (tree, diags) = syntax::template_at(self.file, text, json_origin(doc, node, escaped));
        let late = |d: Diagnostic| d.of_kind(DiagnosticKind::JsonTemplate);
        self.diags.0.extend(diags.into_iter().map(late));
        self.node(&tree, tree.root())
    }
}

/// The interpolation that is all there is between the ends of a template.
fn lone_interpolation(tree: &Tree, parts: u32) -> Option<u32> {
    let only = tree.last_child(parts)?;
    let whole =
        tree.kind(only) == NodeKind::Interpolation && tree.tokens(only) == tree.tokens(parts);
    whole.then_some(only)
}
