//! Attributes that are written as blocks: lists and sets of objects, which providers have from the
//! time when attributes and blocks were one. They are told as the expressions that they stand for.

use std::sync::Arc;

use muster_lang::{AttributeSchema, BlockSchema, Body, BodySchema, Reference, Str};
use muster_schema::AttributeType;
use muster_value::{ObjectType, Type, Value, convert};

use super::expression::{value, write_references};
use crate::json::JsonWriter;

/// An attribute that is written as blocks.
pub(super) struct AttributeBlocks {
    pub(super) name: Str,
    /// The value, where the text alone tells it.
    value: Option<Value>,
    references: Vec<Reference>,
}

impl AttributeBlocks {
    /// Writes the members of the expression's object.
    pub(super) fn write(&self, w: &mut JsonWriter<'_>) {
        if let Some(value) = &self.value {
            w.key("constant_value").value(value);
        }
        write_references(w, self.references.iter());
    }
}

/// Finds the attributes of a schema that a body has as blocks.
pub(super) fn find(body: &Body, schema: &muster_schema::Block) -> Vec<AttributeBlocks> {
    let plain = schema
        .attributes
        .iter()
        .filter_map(|(name, a)| match &a.ty {
            AttributeType::Plain(ty) => Some((name, ty)),
            AttributeType::Nested { .. } => None,
        });
    blocks_of(body, plain)
}

/// Those of some attributes that a body has as blocks.
fn blocks_of<'s>(
    body: &Body,
    attributes: impl Iterator<Item = (&'s Str, &'s Type)>,
) -> Vec<AttributeBlocks> {
    let either: Vec<_> = attributes
        .filter_map(|(name, ty)| Some((name, elements(ty)?)))
        .collect();
    if either.is_empty() {
        return Vec::new();
    }
    let blocks = either.iter().map(|(name, ..)| BlockSchema {
        type_name: (*name).clone(),
        labels: Vec::new(),
    });
    let wanted = BodySchema {
        attributes: [].into(),
        blocks: blocks.collect(),
    };
    let content = body.partial_content(&wanted).0;
    let mut found = Vec::new();
    for (name, object) in either {
        let mut references = Vec::new();
        let mut items = content.blocks_of(name).peekable();
        if items.peek().is_none() {
            continue;
        }
        let values: Vec<Option<Value>> = items
            .map(|block| object_value(&block.body, object, &mut references))
            .collect();
        let element = Type::Object(Arc::clone(object));
        let value = values.into_iter().collect::<Option<Vec<_>>>();
        // In the order that they are written in, also where the attribute is a set.
        let value = value.map(|values| Value::list(element, values));
        found.push(AttributeBlocks {
            name: name.clone(),
            value,
            references,
        });
    }
    found
}

/// The object that a block stands for; attributes that are not written are null.
fn object_value(
    body: &Body,
    object: &ObjectType,
    references: &mut Vec<Reference>,
) -> Option<Value> {
    let attributes = object.attributes.keys().map(|name| AttributeSchema {
        name: name.clone(),
        required: false,
    });
    let wanted = BodySchema {
        attributes: attributes.collect(),
        blocks: [].into(),
    };
    let content = body.partial_content(&wanted).0;
    let nested = stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        blocks_of(body, object.attributes.iter())
    });
    let mut members = Some(Vec::new());
    for (name, ty) in &object.attributes {
        let member = if let Some(attribute) = content.attribute(name) {
            let expr = attribute.expr.lower(&[]).0;
            references.extend(expr.references().iter().cloned());
            value(&expr).and_then(|value| convert(&value, ty).ok())
        } else if let Some(blocks) = nested.iter().find(|found| found.name == *name) {
            references.extend(blocks.references.iter().cloned());
            blocks.value.clone()
        } else {
            Some(Value::Null(ty.clone()))
        };
        match (&mut members, member) {
            (Some(members), Some(member)) => members.push((name.clone(), member)),
            _ => members = None,
        }
    }
    members.map(Value::object)
}

fn elements(ty: &Type) -> Option<&Arc<ObjectType>> {
    match ty {
        Type::List(element) | Type::Set(element) => match &**element {
            Type::Object(object) => Some(object),
            _ => None,
        },
        _ => None,
    }
}
