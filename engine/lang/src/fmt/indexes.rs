//! Indexes that are keywords, which Terraform loses: `a[true]` becomes `a[]`. Only steps of a
//! reference that is not to a name of a `for` are affected.

use std::collections::HashMap;

use super::rewrite::{Edit, first_word};
use crate::syntax::{NodeKind, TokenKind, Tree};

/// Whether an index is a keyword.
pub(super) fn is_keyword_index(tree: &Tree, index: u32) -> bool {
    tree.last_child(index)
        .is_some_and(|key| is_keyword(tree, key))
}

/// Empties those of these indexes that are affected. They come in the order of the tree.
pub(super) fn empty(tree: &Tree, indexes: &[u32], out: &mut Vec<Edit>) {
    let mut scopes = Scopes::new(tree);
    let roots = roots(tree, indexes);
    for (index, name) in roots.into_iter().rev() {
        if !scopes.binds(index, tree.token_text(tree.tokens(name).start)) {
            let tokens = open_bracket(tree, index) + 1..tree.tokens(index).end - 1;
            out.push(Edit::remove(tokens));
        }
    }
}

/// The indexes that are steps of a reference, each with the name that it begins with.
fn roots(tree: &Tree, indexes: &[u32]) -> Vec<(u32, u32)> {
    let mut out: Vec<(u32, u32)> = Vec::new();
    let mut last = None;
    for &index in indexes {
        // Steps before the last index need not be walked again.
        let root = tree
            .second_last_child(index)
            .and_then(|base| root(tree, base, last));
        last = Some((index, root));
        out.extend(root.map(|root| (index, root)));
    }
    out
}

/// The name that a reference begins with, if a node is one: a name with steps that are known
/// without evaluation. `last` is a node of which that is known.
fn root(tree: &Tree, mut node: u32, last: Option<(u32, Option<u32>)>) -> Option<u32> {
    loop {
        if let Some((_, root)) = last.filter(|(known, _)| *known == node) {
            return root;
        }
        node = match tree.kind(node) {
            NodeKind::Name => return (!is_keyword(tree, node)).then_some(node),
            NodeKind::GetAttr | NodeKind::LegacyIndex => tree.last_child(node)?,
            NodeKind::Index if is_literal(tree, tree.last_child(node)?) => {
                tree.second_last_child(node)?
            }
            _ => return None,
        };
    }
}

fn open_bracket(tree: &Tree, index: u32) -> usize {
    let key = tree
        .last_child(index)
        .map_or(0, |key| tree.tokens(key).start);
    (0..key)
        .rfind(|&token| tree.token_kind(token) == TokenKind::OBrack)
        .unwrap_or(key)
}

fn is_keyword(tree: &Tree, node: u32) -> bool {
    tree.kind(node) == NodeKind::Name && matches!(first_word(tree, node), "true" | "false" | "null")
}

/// Whether a key is a number, a keyword or a string without sequences.
fn is_literal(tree: &Tree, key: u32) -> bool {
    match tree.kind(key) {
        NodeKind::Number => true,
        NodeKind::Quoted => tree
            .last_child(key)
            .is_some_and(|parts| tree.last_child(parts).is_none()),
        _ => is_keyword(tree, key),
    }
}

/// The names that are bound by `for` around a node. Nodes are asked about from the last one to
/// the first, which meets the ones around before those inside.
struct Scopes<'a> {
    tree: &'a Tree,
    /// The last node looked at.
    at: u32,
    /// First node of each scope that is open.
    open: Vec<u32>,
    /// The names of each.
    names: Vec<Vec<&'a str>>,
    /// How often each name is bound.
    bound: HashMap<&'a str, usize>,
}

impl<'a> Scopes<'a> {
    fn new(tree: &'a Tree) -> Self {
        Self {
            tree,
            at: tree.len() as u32,
            open: Vec::new(),
            names: Vec::new(),
            bound: HashMap::new(),
        }
    }

    fn binds(&mut self, node: u32, name: &str) -> bool {
        while self.at > node {
            self.at -= 1;
            self.leave();
            if matches!(
                self.tree.kind(self.at),
                NodeKind::ForTuple | NodeKind::ForObject | NodeKind::ForDirective
            ) {
                self.enter();
            }
        }
        self.bound.get(name).is_some_and(|&times| times > 0)
    }

    /// Enters the scope of a `for`: all its parts but the first one, the collection.
    fn enter(&mut self) {
        let collection = self.tree.children(self.at).first().copied();
        let names = bound_names(self.tree, self.at);
        for &name in &names {
            *self.bound.entry(name).or_default() += 1;
        }
        self.open.push(collection.map_or(self.at, |node| node + 1));
        self.names.push(names);
    }

    /// Leaves the scopes that do not reach down to the present node.
    fn leave(&mut self) {
        while self.open.last().is_some_and(|&first| self.at < first) {
            self.open.pop();
            for name in self.names.pop().unwrap_or_default() {
                if let Some(times) = self.bound.get_mut(name) {
                    *times -= 1;
                }
            }
        }
    }
}

/// The one or two names after the word `for`.
fn bound_names(tree: &Tree, node: u32) -> Vec<&str> {
    let words = tree.tokens(node);
    words
        .filter(|&token| tree.token_kind(token) == TokenKind::Ident)
        .map(|token| tree.token_text(token))
        .skip(1)
        .enumerate()
        .take_while(|&(i, word)| i == 0 || (i == 1 && word != "in"))
        .map(|(_, word)| word)
        .collect()
}
