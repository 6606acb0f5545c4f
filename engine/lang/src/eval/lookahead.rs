//! The parts of an expression, found without evaluating it.

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
