//! Bodies in native syntax.

use std::sync::Arc;

use super::{Attribute, Block, Body, BodySource, Content, Hidden, Look, RawExpr, did_you_mean};
use crate::syntax::text::unescape;
use crate::syntax::{NodeKind, TokenKind, Tree};
use crate::{Diagnostic, Diags, Reference, Span, Str};

pub(super) fn content(tree: &Arc<Tree>, body: u32, look: &Look<'_>) -> (Content, Diags) {
    let mut content = Content::default();
    let mut diags = Diags::new();
    for node in tree.children(body) {
        let name = name(tree, node);
        match tree.kind(node) {
            NodeKind::Attribute if look.hidden.attribute(name) => {}
            NodeKind::Block if look.hidden.block(name) => {}
            NodeKind::Attribute if look.schema.attribute(name).is_some() => {
                // One that is set twice was reported by the parser.
                let new = content.attributes.iter().all(|a| &*a.name != name);
                content
                    .attributes
                    .extend(new.then(|| attribute(tree, node)));
            }
            NodeKind::Attribute => extra_attribute(tree, node, look, &mut diags),
            NodeKind::Block => match look.schema.block(name) {
                Some(schema) => match block(tree, node, &schema.labels) {
                    Ok(block) => content.blocks.push(block),
                    Err(d) => diags.push(*d),
                },
                None => extra_block(tree, node, look, &mut diags),
            },
            _ => {}
        }
    }
    look.require(
        &content.attributes,
        || missing_item_span(tree, body),
        &mut diags,
    );
    (content, diags)
}

fn extra_attribute(tree: &Tree, node: u32, look: &Look<'_>, diags: &mut Diags) {
    let name = name(tree, node);
    if look.partial {
        return;
    }
    let mut detail = format!("There is no argument \"{name}\" here.");
    if look.schema.block(name).is_some() {
        detail += &format!(" There is a block type \"{name}\": write it without the equals sign.");
    } else {
        let known = look.schema.attributes.iter().map(|a| &*a.name);
        detail += &did_you_mean(name, known.filter(|k| !look.hidden.attribute(k)));
    }
    let at = tree.token_span(tree.tokens(node).start);
    diags.push(Diagnostic::error("Unsupported argument", detail).at(at));
}

fn extra_block(tree: &Tree, node: u32, look: &Look<'_>, diags: &mut Diags) {
    let name = name(tree, node);
    if look.partial {
        return;
    }
    let mut detail = format!("There is no block type \"{name}\" here.");
    if look.schema.attribute(name).is_some() {
        detail += &format!(" There is an argument \"{name}\": set it with an equals sign.");
    } else {
        detail += &did_you_mean(name, look.schema.blocks.iter().map(|b| &*b.type_name));
    }
    let at = tree.token_span(tree.tokens(node).start);
    diags.push(Diagnostic::error("Unsupported block type", detail).at(at));
}

pub(super) fn just_attributes(
    tree: &Arc<Tree>,
    body: u32,
    hidden: &Hidden,
) -> (Vec<Attribute>, Diags) {
    let mut found: Vec<Attribute> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut diags = Diags::new();
    let mut blocks = 0usize;
    for node in tree.children(body) {
        let name = name(tree, node);
        match tree.kind(node) {
            NodeKind::Attribute if hidden.attribute(name) => {}
            NodeKind::Attribute => {
                let new = seen.insert(name);
                found.extend(new.then(|| attribute(tree, node)));
            }
            NodeKind::Block if hidden.block(name) => {}
            NodeKind::Block => {
                blocks += 1;
                // The first says it all.
                if blocks == 1 {
                    let at = tree.token_span(tree.tokens(node).start);
                    let summary = format!("Unexpected \"{name}\" block");
                    diags.push(
                        Diagnostic::error(summary, "Only arguments are possible here.").at(at),
                    );
                }
            }
            _ => {}
        }
    }
    (found, diags)
}

/// Name of an attribute or type of a block.
fn name(tree: &Tree, node: u32) -> &str {
    tree.token_text(tree.tokens(node).start)
}

fn attribute(tree: &Arc<Tree>, node: u32) -> Attribute {
    let expr = tree.last_child(node).unwrap_or(node);
    Attribute {
        name: name(tree, node).into(),
        name_span: tree.token_span(tree.tokens(node).start),
        span: tree.span(node),
        expr: RawExpr::node(tree, expr),
    }
}

/// A block with as many labels as the schema names.
fn block(tree: &Arc<Tree>, node: u32, wanted: &[Str]) -> Result<Block, Box<Diagnostic>> {
    let parts = tree.children(node);
    let (&body, labels) = parts.split_last().unwrap_or((&node, &[]));
    let type_name: Str = name(tree, node).into();
    if let Some(missing) = wanted.get(labels.len()) {
        let all = wanted.join(", ");
        let detail = format!(
            "A block of type {type_name} has {} labels: {all}.",
            wanted.len()
        );
        let summary = format!("Missing {missing} for {type_name}");
        let d = Diagnostic::error(summary, detail).at(missing_item_span(tree, body));
        return Err(Box::new(d.within(header(tree, node, labels))));
    }
    if let Some(&extra) = labels.get(wanted.len()) {
        let detail = match wanted {
            [] => format!("A block of type {type_name} has no labels."),
            _ => format!(
                "A block of type {type_name} has {} labels: {}.",
                wanted.len(),
                wanted.join(", ")
            ),
        };
        let summary = format!("Extraneous label for {type_name}");
        let d = Diagnostic::error(summary, detail).at(tree.span(extra));
        return Err(Box::new(d.within(header(tree, node, labels))));
    }
    Ok(Block {
        labels: labels
            .iter()
            .map(|&l| (label(tree, l), tree.span(l)))
            .collect(),
        header: header(tree, node, labels),
        body: Body {
            source: BodySource::Native(tree.clone(), body),
            hidden: None,
        },
        type_name,
    })
}

fn header(tree: &Tree, node: u32, labels: &[u32]) -> Span {
    let start = tree.token_span(tree.tokens(node).start);
    labels.last().map_or(start, |&l| start.to(tree.span(l)))
}

fn label(tree: &Tree, node: u32) -> Str {
    let mut out = String::new();
    for token in tree.tokens(node) {
        match tree.token_kind(token) {
            TokenKind::Ident => out.push_str(tree.token_text(token)),
            TokenKind::Text => out.push_str(&unescape(tree.token_text(token), true)),
            _ => {}
        }
    }
    out.into()
}

/// The opening brace, or the end of the file.
pub(super) fn missing_item_span(tree: &Tree, body: u32) -> Span {
    let first = tree.tokens(body).start;
    match body == tree.root() {
        true => tree.token_span(tree.token_count() - 1),
        // A block without its brace has an empty body right after its header.
        false => tree.token_span(first.saturating_sub(1)),
    }
}

pub(super) fn references(
    tree: &Arc<Tree>,
    body: u32,
    hidden: &Hidden,
    iterators: &mut Vec<Str>,
    out: &mut Vec<Reference>,
) {
    let none = Hidden::default();
    for node in tree.children(body) {
        let name = name(tree, node);
        match tree.kind(node) {
            NodeKind::Attribute if !hidden.attribute(name) => {
                let expr = RawExpr::node(tree, tree.last_child(node).unwrap_or(node));
                out.extend(expr.lower(iterators).0.references().iter().cloned());
            }
            NodeKind::Block if !hidden.block(name) => {
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                    if name == "dynamic" {
                        dynamic(tree, node, iterators, out);
                    } else if let Some(inner) = tree.last_child(node) {
                        references(tree, inner, &none, iterators, out);
                    }
                });
            }
            _ => {}
        }
    }
}

/// A `dynamic` block: its iterator has a meaning in `labels` and `content` only.
fn dynamic(tree: &Arc<Tree>, node: u32, iterators: &mut Vec<Str>, out: &mut Vec<Reference>) {
    let parts = tree.children(node);
    let (&body, labels) = parts.split_last().unwrap_or((&node, &[]));
    let items = tree.children(body);
    let value = |item: u32| RawExpr::node(tree, tree.last_child(item).unwrap_or(item));
    let given = items
        .iter()
        .find(|&&i| name(tree, i) == "iterator")
        .map(|&i| value(i));
    let iterator = given
        .and_then(|g| g.as_keyword())
        .or_else(|| labels.first().map(|&l| label(tree, l)))
        .unwrap_or_else(|| "".into());
    for item in items {
        let in_scope = matches!(name(tree, item), "labels" | "content");
        if in_scope {
            iterators.push(iterator.clone());
        }
        match tree.kind(item) {
            NodeKind::Attribute if name(tree, item) == "iterator" => {}
            NodeKind::Attribute => {
                out.extend(value(item).lower(iterators).0.references().iter().cloned());
            }
            NodeKind::Block => {
                if let Some(inner) = tree.last_child(item) {
                    references(tree, inner, &Hidden::default(), iterators, out);
                }
            }
            _ => {}
        }
        if in_scope {
            iterators.pop();
        }
    }
}
