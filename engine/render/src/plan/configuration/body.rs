//! Bodies, read by the schema of their provider.

use std::collections::BTreeMap;

use muster_config::Provisioner;
use muster_lang::{AttributeSchema, Block, BlockSchema, Body, BodySchema, Content, RawExpr, Str};
use muster_schema::Nesting;

use super::expression::write_expression;
use crate::json::JsonWriter;

/// Writes `expressions`, unless nothing is written in the body.
pub(super) fn write_expressions(
    w: &mut JsonWriter<'_>,
    body: &Body,
    schema: &muster_schema::Block,
) {
    let content = content(body, schema);
    if content.attributes.is_empty() && content.blocks.is_empty() {
        return;
    }
    w.key("expressions")
        .object(|w| write_content(w, &content, schema));
}

/// Writes one provisioner.
pub(super) fn write_provisioner(w: &mut JsonWriter<'_>, provisioner: &Provisioner) {
    w.key("type").string(provisioner.kind.as_str());
    let (attributes, _) = provisioner.body.just_attributes();
    if attributes.is_empty() {
        return;
    }
    let sorted: BTreeMap<&Str, &RawExpr> = attributes.iter().map(|a| (&a.name, &a.expr)).collect();
    w.key("expressions").object(|w| {
        for (name, raw) in sorted {
            w.key(name).object(|w| write_raw(w, raw));
        }
    });
}

fn write_raw(w: &mut JsonWriter<'_>, raw: &RawExpr) {
    write_expression(w, &raw.lower(&[]).0);
}

fn content(body: &Body, schema: &muster_schema::Block) -> Content {
    let attributes = schema.attributes.keys().map(|name| AttributeSchema {
        name: name.clone(),
        required: false,
    });
    let blocks = schema.blocks.iter().map(|(name, nested)| BlockSchema {
        type_name: name.clone(),
        labels: match nested.nesting {
            Nesting::Map => vec!["key".into()],
            _ => Vec::new(),
        },
    });
    let wanted = BodySchema {
        attributes: attributes.collect(),
        blocks: blocks.collect(),
    };
    body.partial_content(&wanted).0
}

fn write_content(w: &mut JsonWriter<'_>, content: &Content, schema: &muster_schema::Block) {
    enum Member<'c> {
        Attribute(&'c RawExpr),
        Blocks(Vec<&'c Block>),
    }
    let mut members: BTreeMap<&Str, Member<'_>> = BTreeMap::new();
    for attribute in &content.attributes {
        members.insert(&attribute.name, Member::Attribute(&attribute.expr));
    }
    for block in &content.blocks {
        let member = members.entry(&block.type_name);
        if let Member::Blocks(blocks) = member.or_insert_with(|| Member::Blocks(Vec::new())) {
            blocks.push(block);
        }
    }
    for (name, member) in members {
        match member {
            Member::Attribute(raw) => w.key(name).object(|w| write_raw(w, raw)),
            Member::Blocks(blocks) => {
                if let Some(nested) = schema.blocks.get(name) {
                    w.key(name);
                    write_blocks(w, &blocks, nested);
                }
            }
        }
    }
}

fn write_blocks(w: &mut JsonWriter<'_>, blocks: &[&Block], nested: &muster_schema::NestedBlock) {
    let write = |w: &mut JsonWriter<'_>, block: &Block| {
        let inner = content(&block.body, &nested.block);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            w.object(|w| write_content(w, &inner, &nested.block));
        });
    };
    match nested.nesting {
        Nesting::Single | Nesting::Group => match blocks.first() {
            Some(block) => write(w, block),
            None => w.null(),
        },
        Nesting::List | Nesting::Set => w.array(|w| {
            for block in blocks {
                write(w, block);
            }
        }),
        Nesting::Map => {
            let label = |block: &Block| block.labels.first().map(|(label, _)| label.clone());
            let by_label: BTreeMap<Str, &Block> = blocks
                .iter()
                .filter_map(|block| Some((label(block)?, *block)))
                .collect();
            w.object(|w| {
                for (label, block) in by_label {
                    w.key(&label);
                    write(w, block);
                }
            });
        }
    }
}
