//! Bodies, read by the schema of their provider.

use std::collections::BTreeMap;

use muster_config::Provisioner;
use muster_lang::{AttributeSchema, Block, BlockSchema, Body, BodySchema, Content, RawExpr, Str};
use muster_schema::Nesting;

use super::attribute_blocks::{self, AttributeBlocks};
use super::expression::write_expression;
use crate::json::JsonWriter;

/// Writes `expressions`, unless nothing is written in the body.
pub(super) fn write_expressions(
    w: &mut JsonWriter<'_>,
    body: &Body,
    schema: &muster_schema::Block,
) {
    let content = content(body, schema);
    let as_blocks = attribute_blocks::find(body, schema);
    if content.attributes.is_empty() && content.blocks.is_empty() && as_blocks.is_empty() {
        return;
    }
    w.key("expressions")
        .object(|w| write_content(w, &content, &as_blocks, schema));
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

fn write_content(
    w: &mut JsonWriter<'_>,
    content: &Content,
    as_blocks: &[AttributeBlocks],
    schema: &muster_schema::Block,
) {
    enum Member<'c> {
        Attribute(&'c RawExpr),
        AttributeBlocks(&'c AttributeBlocks),
        Blocks(Vec<&'c Block>),
    }
    let mut members: BTreeMap<&Str, Member<'_>> = BTreeMap::new();
    for found in as_blocks {
        members.insert(&found.name, Member::AttributeBlocks(found));
    }
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
            Member::AttributeBlocks(found) => w.key(name).object(|w| found.write(w)),
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
        let as_blocks = attribute_blocks::find(&block.body, &nested.block);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            w.object(|w| write_content(w, &inner, &as_blocks, &nested.block));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_string;
    use muster_lang::{FileId, syntax};
    use muster_schema::{Attribute, NestedBlock};
    use muster_value::Type;

    fn schema() -> muster_schema::Block {
        let attribute = |name: &str| (name.into(), Attribute::new(Type::String));
        let inner = muster_schema::Block {
            attributes: [attribute("x"), attribute("y")].into(),
            ..muster_schema::Block::default()
        };
        let nested = |name: &str, nesting| {
            let nested = NestedBlock {
                block: inner.clone(),
                nesting,
                min_items: 0,
                max_items: 0,
            };
            (name.into(), nested)
        };
        let rule = Type::object([
            (Str::from("cidrs"), Type::list(Type::String)),
            ("port".into(), Type::Number),
        ]);
        let rules = ("rules".into(), Attribute::new(Type::set(rule)));
        muster_schema::Block {
            attributes: [attribute("b"), attribute("z"), rules].into(),
            blocks: [
                nested("list", Nesting::List),
                nested("map", Nesting::Map),
                nested("one", Nesting::Single),
            ]
            .into(),
            ..muster_schema::Block::default()
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let (body, diags) = syntax::parse_native(FileId(0), &text.into());
        assert!(!diags.has_errors(), "{diags:?}");
        let json = to_string(|w| w.object(|w| write_expressions(w, &body, &schema())));
        assert_eq!(json, expect);
    }

    #[test]
    fn blocks_have_the_shape_of_their_nesting() {
        check(
            "z = 1\nlist {\n y = 1\n x = a.b\n}\nb = 2\nlist {}\n",
            concat!(
                r#"{"expressions":{"b":{"constant_value":2},"#,
                r#""list":[{"x":{"references":["a.b"]},"y":{"constant_value":1}},{}],"#,
                r#""z":{"constant_value":1}}}"#
            ),
        );
        check("one {}\n", r#"{"expressions":{"one":{}}}"#);
        check(
            "map \"l\" {\n x = 1\n}\nmap \"k\" {}\n",
            r#"{"expressions":{"map":{"k":{},"l":{"x":{"constant_value":1}}}}}"#,
        );
    }

    #[test]
    fn attributes_can_be_written_as_blocks() {
        check(
            "rules {\n port = \"80\"\n}\nrules {\n cidrs = [\"a\"]\n}\n",
            concat!(
                r#"{"expressions":{"rules":{"constant_value":["#,
                r#"{"cidrs":null,"port":80},{"cidrs":["a"],"port":null}]}}}"#
            ),
        );
        check(
            "rules {\n port = var.p\n cidrs = [a.b]\n}\n",
            r#"{"expressions":{"rules":{"references":["a.b","var.p"]}}}"#,
        );
        check(
            "rules = [{ port = 1, cidrs = null }]\n",
            r#"{"expressions":{"rules":{"constant_value":[{"cidrs":null,"port":1}]}}}"#,
        );
    }

    #[test]
    fn what_is_not_in_the_schema_is_left_out() {
        check("other = 1\ndynamic \"list\" {\n for_each = []\n}\n", "{}");
    }
}
