//! What an expression depends on, found without evaluating it.

use super::Evaluator;
use crate::NodeId;
use crate::expr::Node;

impl Evaluator<'_> {
    /// All nodes at and below one, parents first.
    pub(super) fn below(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            found.push(id);
            children(self.expr.node(id), &mut open);
        }
        found
    }

    /// Whether anything the expression refers to is not wholly known, so that nobody can tell
    /// yet whether it will fail.
    pub(super) fn depends_on_unknown(&mut self, id: NodeId) -> bool {
        let nodes = self.below(id);
        let mut inner = Vec::new();
        for node in &nodes {
            match self.expr.node(*node) {
                Node::For(each) | Node::TemplateFor(each) => {
                    inner.extend(each.key_slot);
                    inner.push(each.value_slot);
                }
                Node::Splat { slot, .. } => inner.push(*slot),
                _ => {}
            }
        }
        self.chains(id, &inner)
    }

    /// Looks at the longest chains of constant steps only: of `a.b.c` the value of `a.b` alone
    /// does not matter.
    fn chains(&mut self, id: NodeId, inner: &[u32]) -> bool {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match self.root(id) {
                Some(Node::Slot(slot)) if inner.contains(slot) => {}
                Some(_) => {
                    if self.node(id).is_ok_and(|v| !v.is_wholly_known()) {
                        return true;
                    }
                }
                None => children(self.expr.node(id), &mut open),
            }
        }
        false
    }

    /// The reference or iteration variable that a chain of constant steps starts from.
    fn root(&self, mut id: NodeId) -> Option<&Node> {
        loop {
            match self.expr.node(id) {
                root @ (Node::Reference(_) | Node::Slot(_)) => return Some(root),
                Node::GetAttr(object, _) => id = *object,
                Node::Index(collection, key)
                    if matches!(self.expr.node(*key), Node::Literal(_)) =>
                {
                    id = *collection;
                }
                _ => return None,
            }
        }
    }
}

/// Appends the children of a node.
fn children(node: &Node, to: &mut Vec<NodeId>) {
    match node {
        Node::Literal(_) | Node::Reference(_) | Node::Slot(_) | Node::Invalid | Node::Fails(_) => {}
        Node::Template(ids) | Node::Tuple(ids) => to.extend(ids),
        Node::Call { args, .. } | Node::ProviderCall { args, .. } => to.extend(args),
        Node::TemplateFor(each) | Node::For(each) => {
            to.extend([each.collection, each.value]);
            to.extend(each.key);
            to.extend(each.condition);
        }
        Node::GetAttr(id, _) | Node::Unary(_, id) => to.push(*id),
        Node::Index(a, b) | Node::Binary(_, a, b) => to.extend([a, b]),
        Node::Splat { source, each, .. } => to.extend([source, each]),
        Node::Conditional(a, b, c) => to.extend([a, b, c]),
        Node::Object(items) => to.extend(items.iter().flat_map(|(k, v)| [k, v])),
    }
}
