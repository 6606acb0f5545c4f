//! Where a part of a resource stands in its block.

use muster_lang::{AttributeSchema, Block, BlockSchema, Body, BodySchema, Expr, Span};
use muster_value::PathStep;

use crate::Str;

/// The expression that gives a part of an object its value, or the place where it would stand.
pub(crate) enum Place {
    /// An argument and its expression, and whether that gives no more than the part.
    Argument(Expr, Span, bool),
    /// A nested block.
    Block(Block),
    /// Nothing in the block speaks of it.
    Nowhere,
}

/// Finds what a body says of a part of its object.
pub(crate) fn find(body: &Body, steps: &[PathStep]) -> Place {
    let names = steps.iter().enumerate();
    let names = names.filter_map(|(i, step)| match step {
        PathStep::Attr(name) => Some((i, name)),
        PathStep::Index(_) | PathStep::Key(_) => None,
    });
    let mut body = body.clone();
    let mut last = Place::Nowhere;
    for (i, name) in names {
        if let Some(attribute) = body.partial_content(&attributes(name)).0.attributes.pop() {
            let (expr, _) = attribute.expr.lower(&[]);
            return Place::Argument(expr, attribute.name_span, i + 1 == steps.len());
        }
        let mut blocks = body.partial_content(&blocks(name)).0.blocks;
        // Among several blocks of a type, which is which depends on values.
        if blocks.len() != 1 {
            return match blocks.pop() {
                Some(block) => Place::Block(block),
                None => last,
            };
        }
        let block = blocks.remove(0);
        body = block.body.clone();
        last = Place::Block(block);
    }
    last
}

fn attributes(name: &Str) -> BodySchema {
    BodySchema {
        attributes: [AttributeSchema {
            name: name.clone(),
            required: false,
        }]
        .into(),
        ..BodySchema::default()
    }
}

fn blocks(name: &Str) -> BodySchema {
    let block = |type_name: Str, labels: Vec<Str>| BlockSchema { type_name, labels };
    BodySchema {
        blocks: [block(name.clone(), Vec::new())].into(),
        ..BodySchema::default()
    }
}
