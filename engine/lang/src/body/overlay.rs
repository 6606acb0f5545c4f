//! One body laid over another, as override files are.

use std::collections::HashSet;

use super::{
    Attribute, AttributeSchema, Block, Body, BodySchema, BodySource, Content, Hidden, Look,
};
use crate::{Diags, Reference, Span, Str};

/// Two bodies that are seen as one.
#[derive(Debug)]
pub(super) struct Overlay {
    base: Body,
    over: Body,
    inside: Vec<Str>,
}

impl Body {
    /// This body with another laid over it: an argument of the other replaces the one of the same
    /// name, and blocks of the other replace all blocks of their type. Blocks of the types in
    /// `inside` are merged in the same way instead, the first of the one with the first of the
    /// other.
    #[must_use]
    pub fn overridden_by(&self, over: &Body, inside: &[&str]) -> Body {
        let overlay = Overlay {
            base: self.clone(),
            over: over.clone(),
            inside: inside.iter().map(|name| Str::from(*name)).collect(),
        };
        Body {
            source: BodySource::Overlay(overlay.into()),
            hidden: None,
        }
    }

    /// The body without some more names.
    fn without(&self, names: &Hidden) -> Body {
        let mut hidden = self.hidden.as_deref().cloned().unwrap_or_default();
        hidden.0.extend(names.0.iter().cloned());
        Body {
            source: self.source.clone(),
            hidden: Some(hidden.into()),
        }
    }
}

impl Overlay {
    pub(super) fn content(&self, look: &Look<'_>) -> (Content, Diags) {
        let optional = |a: &AttributeSchema| AttributeSchema {
            name: a.name.clone(),
            required: false,
        };
        let relaxed = BodySchema {
            attributes: look.schema.attributes.iter().map(optional).collect(),
            blocks: look.schema.blocks.clone(),
        };
        let read = |body: &Body| {
            let body = body.without(look.hidden);
            let (mut content, diags) =
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || body.read(&relaxed, look.partial));
            // What was taken out of one body must not come back as part of both.
            if let Some(hidden) = &body.hidden {
                content.attributes.retain(|a| !hidden.attribute(&a.name));
                content.blocks.retain(|b| !hidden.block(&b.type_name));
            }
            (content, diags)
        };
        let (base, mut diags) = read(&self.base);
        let (over, more) = read(&self.over);
        diags.extend(more);
        let content = Content {
            attributes: merge_attributes(base.attributes, over.attributes),
            blocks: self.merge_blocks(base.blocks, over.blocks),
        };
        look.require(&content.attributes, || self.missing_item_span(), &mut diags);
        (content, diags)
    }

    pub(super) fn just_attributes(&self, hidden: &Hidden) -> (Vec<Attribute>, Diags) {
        let read = |body: &Body| {
            let body = body.without(hidden);
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || body.just_attributes())
        };
        let (base, mut diags) = read(&self.base);
        let (over, more) = read(&self.over);
        diags.extend(more);
        (merge_attributes(base, over), diags)
    }

    pub(super) fn missing_item_span(&self) -> Span {
        let mut body = &self.base;
        while let BodySource::Overlay(overlay) = &body.source {
            body = &overlay.base;
        }
        body.missing_item_span()
    }

    /// References of replaced arguments are not among them; those of replaced blocks are.
    pub(super) fn references(&self, hidden: &Hidden) -> Vec<Reference> {
        let over = self.over.without(hidden);
        let mut replaced = hidden.clone();
        let set_again = over.just_attributes().0.into_iter();
        replaced.0.push(BodySchema {
            attributes: set_again
                .map(|a| AttributeSchema {
                    name: a.name,
                    required: false,
                })
                .collect(),
            blocks: Default::default(),
        });
        let base = self.base.without(&replaced);
        let mut out = stacker::maybe_grow(64 * 1024, 1024 * 1024, || base.references());
        out.extend(over.references());
        out
    }

    fn merge_blocks(&self, base: Vec<Block>, over: Vec<Block>) -> Vec<Block> {
        let replaced: HashSet<Str> = over.iter().map(|b| b.type_name.clone()).collect();
        let mut over: Vec<Option<Block>> = over.into_iter().map(Some).collect();
        let mut out = Vec::new();
        for block in base {
            if !replaced.contains(&block.type_name) {
                out.push(block);
            } else if self.inside.contains(&block.type_name) {
                let same = |o: &&mut Option<Block>| {
                    o.as_ref().is_some_and(|o| o.type_name == block.type_name)
                };
                let body = match over.iter_mut().find(same).and_then(Option::take) {
                    Some(over) => block.body.overridden_by(&over.body, &[]),
                    None => block.body.clone(),
                };
                out.push(Block { body, ..block });
            }
        }
        out.extend(over.into_iter().flatten());
        out
    }
}

fn merge_attributes(base: Vec<Attribute>, over: Vec<Attribute>) -> Vec<Attribute> {
    let replaced: HashSet<&str> = over.iter().map(|a| &*a.name).collect();
    let kept: Vec<_> = base
        .into_iter()
        .filter(|a| !replaced.contains(&*a.name))
        .collect();
    kept.into_iter().chain(over).collect()
}
