//! Function calls.

use std::sync::Arc;

use super::Lowerer;
use crate::body::did_you_mean;
use crate::expr::{Node, NodeId};
use crate::functions;
use crate::syntax::{NodeKind, TokenKind, Tree};
use crate::{Span, Str};

/// Whether a template is a plain reference. Afterwards parentheses and quotes around one leave no
/// trace.
fn is_direct(tree: &Tree, node: u32) -> bool {
    !matches!(tree.kind(node), NodeKind::Paren | NodeKind::Quoted)
}

impl Lowerer {
    pub(super) fn call(&mut self, tree: &Arc<Tree>, node: u32) -> NodeId {
        let span = tree.span(node);
        let words: Vec<usize> = tree
            .tokens(node)
            .take_while(|&t| tree.token_kind(t) != TokenKind::OParen)
            .filter(|&t| tree.token_kind(t) == TokenKind::Ident)
            .collect();
        let names: Vec<&str> = words.iter().map(|&t| tree.token_text(t)).collect();
        let name_span = match (words.first(), words.last()) {
            (Some(&first), Some(&last)) => tree.token_span(first).to(tree.token_span(last)),
            _ => span,
        };
        let expand = tree.kind(node) == NodeKind::CallExpand;
        let args: Box<[NodeId]> = self.children(tree, node).into();
        let builtin = match names[..] {
            [name] | ["core", name] => (self.lookup)(name),
            _ => None,
        };
        let direct = match (tree.children(node).first(), args.first()) {
            (Some(&written), Some(&arg)) => is_direct(tree, written) && self.is_reference(arg),
            _ => true,
        };
        let builtin = match builtin {
            Some(f) if f.name == "templatestring" && !direct => Some(&functions::INDIRECT_TEMPLATE),
            found => found,
        };
        let lowered = match (builtin, &names[..]) {
            (Some(function), _) => Node::Call {
                function,
                args,
                expand,
            },
            (None, [name]) => return self.unknown_function(name, name_span),
            (None, ["provider", provider, function]) => Node::ProviderCall {
                provider: Str::from(*provider),
                function: Str::from(*function),
                args,
                expand,
            },
            _ => return self.unknown_namespace(&names, name_span),
        };
        self.add(lowered, span)
    }

    /// Whether a node is a reference or a part of what one refers to.
    fn is_reference(&self, mut node: NodeId) -> bool {
        loop {
            match &self.nodes[node.0 as usize] {
                Node::GetAttr(inner, _) | Node::Index(inner, _) => node = *inner,
                // What cannot be read is reported as that.
                Node::Reference(_) | Node::Slot(_) | Node::Invalid | Node::Fails(_) => return true,
                _ => return false,
            }
        }
    }

    fn unknown_function(&mut self, name: &str, span: Span) -> NodeId {
        let known = functions::all().iter().map(|f| f.name);
        let detail = format!(
            "There is no function \"{name}\".{}",
            did_you_mean(name, known)
        );
        self.fail_later("Call to unknown function", detail, span)
    }

    fn unknown_namespace(&mut self, names: &[&str], span: Span) -> NodeId {
        let full = names.join("::");
        let detail = match names[0] {
            "provider" => format!(
                "\"{full}\" does not name a function of a provider, which is provider::NAME::FUNCTION."
            ),
            "core" => format!("There is no function \"{full}\"."),
            _ => format!(
                "There is no function \"{full}\". Functions of providers are written provider::NAME::FUNCTION."
            ),
        };
        self.fail("Unknown provider function", detail, span)
    }
}
