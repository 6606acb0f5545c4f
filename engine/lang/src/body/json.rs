//! Bodies in JSON syntax: properties become attributes or blocks as the schema says.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Attribute, Block, BlockSchema, Body, BodySource, Content, Hidden, Look, RawExpr};
use crate::body::did_you_mean;
use crate::syntax::json::{Doc, Json};
use crate::{Diagnostic, Diags, Reference, Span, Str};

/// Whether the root can be a body.
pub(super) fn check_root(doc: &Doc) -> Diags {
    let mut diags = Diags::new();
    match doc.get(doc.root) {
        Json::Object(_) => {}
        Json::Array(items) => {
            let wrong = items
                .iter()
                .filter(|&&i| !matches!(doc.get(i), Json::Object(_)));
            for &item in wrong {
                let detail = "Where a file holds an array, all its items are objects.";
                let d = Diagnostic::error("Incorrect JSON value type", detail);
                diags.push(d.at(doc.head(item)));
            }
        }
        _ => {
            let detail = "A file holds a JSON object, or an array of objects.";
            let at = doc.head(doc.root);
            diags.push(Diagnostic::error("Root value must be object", detail).at(at));
        }
    }
    diags
}

/// The properties of an object, or of all objects of an array, without comments.
fn properties(doc: &Doc, node: u32) -> Vec<(u32, u32)> {
    let objects = match doc.get(node) {
        Json::Array(items) => items.as_slice(),
        _ => &[node],
    };
    let mut out = Vec::new();
    for &object in objects {
        if let Json::Object(found) = doc.get(object) {
            out.extend(found.iter().filter(|(key, _)| &*doc.text(*key) != "//"));
        }
    }
    out
}

/// Reports that a body is made of something else than objects. What is wrong with a whole file is
/// said when it is parsed.
fn check_body(doc: &Doc, node: u32, diags: &mut Diags) {
    if node == doc.root {
        return;
    }
    let mut wrong = |node| {
        let detail = "The content of a block is an object.";
        let d = Diagnostic::error("Incorrect JSON value type", detail);
        diags.push(d.at(doc.head(node)));
    };
    match doc.get(node) {
        Json::Null | Json::Object(_) => {}
        Json::Array(items) => {
            let no_object = |item: &&u32| !matches!(doc.get(**item), Json::Object(_));
            items.iter().filter(no_object).for_each(|&item| wrong(item));
        }
        _ => wrong(node),
    }
}

pub(super) fn content(doc: &Arc<Doc>, node: u32, look: &Look<'_>) -> (Content, Diags) {
    let mut content = Content::default();
    let mut diags = Diags::new();
    check_body(doc, node, &mut diags);
    for (key, value) in properties(doc, node) {
        let name = doc.text(key);
        if look.hidden.attribute(&name) || look.hidden.block(&name) {
            continue;
        }
        if look.schema.attribute(&name).is_some() {
            if content.attributes.iter().any(|a| a.name == name) {
                let detail =
                    format!("The argument \"{name}\" is set already. It can be set only once.");
                diags.push(Diagnostic::error("Duplicate argument", detail).at(doc.span(key)));
            } else {
                content.attributes.push(attribute(doc, key, value));
            }
        } else if let Some(schema) = look.schema.block(&name) {
            let mut blocks = Blocks {
                doc,
                schema,
                out: &mut content.blocks,
                diags: &mut diags,
            };
            blocks.labelled(value, &mut Vec::new());
        } else if !look.partial {
            let attributes = look.schema.attributes.iter().map(|a| &*a.name);
            let known = attributes.chain(look.schema.blocks.iter().map(|b| &*b.type_name));
            let detail = format!(
                "There is no argument or block type \"{name}\" here.{}",
                did_you_mean(&name, known)
            );
            diags.push(
                Diagnostic::error("Extraneous JSON object property", detail).at(doc.span(key)),
            );
        }
    }
    look.require(
        &content.attributes,
        || missing_item_span(doc, node),
        &mut diags,
    );
    (content, diags)
}

fn attribute(doc: &Arc<Doc>, key: u32, value: u32) -> Attribute {
    Attribute {
        name: doc.text(key),
        name_span: doc.span(key),
        span: doc.span(key).to(doc.span(value)),
        expr: RawExpr::json(doc, value),
    }
}

/// Takes the nested objects that stand for labels apart.
struct Blocks<'a> {
    doc: &'a Arc<Doc>,
    schema: &'a BlockSchema,
    out: &'a mut Vec<Block>,
    diags: &'a mut Diags,
}

impl Blocks<'_> {
    fn labelled(&mut self, node: u32, labels: &mut Vec<(Str, Span)>) {
        let Some(wanted) = self.schema.labels.get(labels.len()) else {
            return self.bodies(node, labels);
        };
        let objects = match self.doc.get(node) {
            Json::Array(items) => items.as_slice(),
            Json::Null => &[],
            _ => &[node],
        };
        let mut found = false;
        for &object in objects {
            let Json::Object(entries) = self.doc.get(object) else {
                let detail = format!(
                    "An object is needed here, its property names being the {wanted} of the block."
                );
                self.wrong(detail, object);
                continue;
            };
            for &(key, value) in entries {
                let label = self.doc.text(key);
                if &*label == "//" {
                    continue;
                }
                found = true;
                labels.push((label, self.doc.span(key)));
                self.labelled(value, labels);
                labels.pop();
            }
        }
        if !found {
            let detail = format!(
                "At least one property is needed, whose name is the {wanted} of the block."
            );
            let at = self.doc.head(node);
            self.diags
                .push(Diagnostic::error("Missing block label", detail).at(at));
        }
    }

    /// What an item of an array is made of is seen when the block is read.
    fn bodies(&mut self, node: u32, labels: &[(Str, Span)]) {
        match self.doc.get(node) {
            Json::Null => {}
            Json::Object(_) => self.block(node, node, labels),
            Json::Array(items) => items.iter().for_each(|&i| self.block(i, node, labels)),
            _ => self.wrong(
                "The content of a block is an object, or an array of objects for several.".into(),
                node,
            ),
        }
    }

    /// A block of a content that stands in `whole`: messages are about the beginning of that.
    fn block(&mut self, node: u32, whole: u32, labels: &[(Str, Span)]) {
        self.out.push(Block {
            type_name: self.schema.type_name.clone(),
            labels: labels.to_vec(),
            header: self.doc.head(whole),
            body: Body {
                source: BodySource::Json(self.doc.clone(), node),
                hidden: None,
            },
        });
    }

    fn wrong(&mut self, detail: String, node: u32) {
        let at = self.doc.head(node);
        self.diags
            .push(Diagnostic::error("Incorrect JSON value type", detail).at(at));
    }
}

pub(super) fn just_attributes(
    doc: &Arc<Doc>,
    node: u32,
    hidden: &Hidden,
) -> (Vec<Attribute>, Diags) {
    let mut found = Vec::new();
    let mut diags = Diags::new();
    let mut seen = HashSet::new();
    // What is wrong with a whole file is said when it is parsed, but an array of objects is a body.
    let is_checked = node == doc.root && !matches!(doc.get(node), Json::Array(_));
    if !is_checked && !matches!(doc.get(node), Json::Object(_)) {
        let detail = "The content of the block is an object: names and values.";
        let d = Diagnostic::error("Incorrect JSON value type", detail);
        return (found, d.at(doc.head(node)).into());
    }
    for (key, value) in properties(doc, node) {
        let name = doc.text(key);
        if hidden.attribute(&name) || hidden.block(&name) {
            continue;
        }
        if seen.insert(name.clone()) {
            found.push(attribute(doc, key, value));
        } else {
            let detail =
                format!("The argument \"{name}\" is set already. It can be set only once.");
            diags.push(
                Diagnostic::error("Duplicate attribute definition", detail).at(doc.span(key)),
            );
        }
    }
    (found, diags)
}

/// The closing brace of an object; the beginning of anything else.
pub(super) fn missing_item_span(doc: &Doc, node: u32) -> Span {
    if !matches!(doc.get(node), Json::Object(_)) {
        return doc.head(node);
    }
    let span = doc.span(node);
    Span {
        start: span.end.saturating_sub(1).max(span.start),
        ..span
    }
}

pub(super) fn references(
    doc: &Arc<Doc>,
    node: u32,
    hidden: &Hidden,
    iterators: &mut Vec<Str>,
    out: &mut Vec<Reference>,
) {
    for (key, value) in properties(doc, node) {
        let name = doc.text(key);
        if hidden.attribute(&name) || hidden.block(&name) {
            continue;
        }
        property(doc, &name, value, iterators, out);
    }
}

fn property(
    doc: &Arc<Doc>,
    name: &str,
    value: u32,
    iterators: &mut Vec<Str>,
    out: &mut Vec<Reference>,
) {
    if name == "dynamic" {
        for (label, inner) in properties(doc, value) {
            dynamic(doc, &doc.text(label), inner, iterators, out);
        }
        return;
    }
    anything(doc, value, iterators, out);
}

/// A value that may be an expression or hold blocks: nobody has said which.
fn anything(doc: &Arc<Doc>, node: u32, iterators: &mut Vec<Str>, out: &mut Vec<Reference>) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match doc.get(node) {
        Json::Array(items) => {
            for &item in items {
                anything(doc, item, iterators, out);
            }
        }
        Json::Object(entries) => {
            for &(key, value) in entries {
                out.extend(
                    RawExpr::json(doc, key)
                        .lower(iterators)
                        .0
                        .references()
                        .iter()
                        .cloned(),
                );
                property(doc, &doc.text(key), value, iterators, out);
            }
        }
        Json::String(..) => {
            out.extend(
                RawExpr::json(doc, node)
                    .lower(iterators)
                    .0
                    .references()
                    .iter()
                    .cloned(),
            );
        }
        Json::Invalid | Json::Null | Json::Bool(_) | Json::Number(_) => {}
    });
}

fn dynamic(
    doc: &Arc<Doc>,
    label: &Str,
    node: u32,
    iterators: &mut Vec<Str>,
    out: &mut Vec<Reference>,
) {
    let objects = match doc.get(node) {
        Json::Array(items) => items.as_slice(),
        _ => &[node],
    };
    for &object in objects {
        let entries = properties(doc, object);
        let given = entries
            .iter()
            .find(|(key, _)| &*doc.text(*key) == "iterator");
        let iterator = match given {
            Some((_, value)) => doc.text(*value),
            None => label.clone(),
        };
        for (key, value) in entries {
            match &*doc.text(key) {
                "iterator" => {}
                "content" | "labels" => {
                    iterators.push(iterator.clone());
                    anything(doc, value, iterators, out);
                    iterators.pop();
                }
                _ => anything(doc, value, iterators, out),
            }
        }
    }
}
