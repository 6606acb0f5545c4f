//! What a schema means for the bodies written by it, worked out once for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use muster_lang::{AttributeSchema, BlockSchema, Body, BodySchema};
use muster_schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use muster_value::{Object, ObjectType, Type, Value};

use crate::Str;

/// A block of a schema.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Attributes by name, in the schema's order.
    pub attributes: IndexMap<Str, AttributeLayout>,
    /// Nested block types, in the schema's order.
    pub blocks: Vec<Arc<BlocksLayout>>,
    /// What may be written.
    pub body: BodySchema,
    /// The value of a body in which nothing is written.
    pub empty: Object,
    /// Type of the value.
    pub ty: Type,
    /// Attributes that may be written as blocks too, and how to look for them.
    either: Vec<Str>,
    written_as_blocks: BodySchema,
}

/// An attribute of a schema.
#[derive(Debug)]
pub(crate) struct AttributeLayout {
    /// What the value is converted to; optional attributes included.
    pub constraint: Type,
    /// Whether it takes ephemeral values.
    pub write_only: bool,
    ty: Type,
}

/// A nested block type of a schema.
#[derive(Debug)]
pub(crate) struct BlocksLayout {
    /// Block type.
    pub name: Str,
    /// What is inside one.
    pub block: Arc<Layout>,
    /// Shape.
    pub nesting: Nesting,
    /// Least number of blocks.
    pub min_items: u64,
    /// Greatest number of blocks; 0 is no limit.
    pub max_items: u64,
    /// Type of all blocks together.
    pub ty: Type,
    /// Whether the blocks may differ in type.
    pub dynamic: bool,
}

impl Layout {
    /// Lays out a block of a schema, once for all bodies of it.
    pub(crate) fn new(block: &Block) -> Arc<Self> {
        let attributes: IndexMap<Str, AttributeLayout> = block
            .attributes
            .iter()
            .map(|(name, attribute)| (name.clone(), AttributeLayout::new(attribute)))
            .collect();
        let blocks: Vec<Arc<BlocksLayout>> = block
            .blocks
            .iter()
            .map(|(name, nested)| Arc::new(BlocksLayout::new(name, nested)))
            .collect();
        let own = attributes.iter().map(|(k, a)| (k.clone(), a.ty.clone()));
        let ty = Type::object(own.chain(blocks.iter().map(|b| (b.name.clone(), b.ty.clone()))));
        let null = |(k, a): (&Str, &AttributeLayout)| (k.clone(), Value::Null(a.ty.clone()));
        let none = |b: &Arc<BlocksLayout>| (b.name.clone(), b.assemble_none());
        let empty = attributes.iter().map(null).chain(blocks.iter().map(none));
        let either: Vec<Str> = attributes
            .iter()
            .filter(|(name, a)| {
                matches!(block.attributes[*name].ty, AttributeType::Plain(_))
                    && object_elements(&a.ty).is_some()
            })
            .map(|(name, _)| name.clone())
            .collect();
        Arc::new(Self {
            body: body_schema(block, &blocks),
            empty: empty.collect(),
            written_as_blocks: BodySchema {
                attributes: Arc::new([]),
                blocks: with_dynamic(either.iter().map(unlabelled).collect()),
            },
            either,
            ty,
            attributes,
            blocks,
        })
    }

    /// Lists and sets of objects may be written as blocks, too: providers have such attributes
    /// from the time when attributes and blocks were one. Those that are, as block types.
    pub(crate) fn attributes_written_as_blocks(&self, body: &Body) -> Vec<Arc<BlocksLayout>> {
        if self.either.is_empty() {
            return Vec::new();
        }
        let (content, _, _) = body.partial_content(&self.written_as_blocks);
        let written: BTreeSet<Str> = content
            .blocks
            .iter()
            .filter_map(|b| match &*b.type_name {
                "dynamic" => b.labels.first().map(|l| l.0.clone()),
                _ => Some(b.type_name.clone()),
            })
            .collect();
        let chosen = self.either.iter().filter(|name| written.contains(*name));
        chosen
            .map(|name| Arc::new(blocks_of_attribute(name, &self.attributes[name].ty)))
            .collect()
    }

    /// What may be written when some attributes are written as blocks.
    pub(crate) fn body_with_blocks(&self, as_blocks: &[Arc<BlocksLayout>]) -> BodySchema {
        let is_block = |a: &&AttributeSchema| as_blocks.iter().any(|b| b.name == a.name);
        let attributes = self.body.attributes.iter().filter(|a| !is_block(a));
        let mut blocks: Vec<BlockSchema> = self.body.blocks.to_vec();
        blocks.retain(|b| &*b.type_name != "dynamic");
        blocks.extend(as_blocks.iter().map(|b| unlabelled(&b.name)));
        BodySchema {
            attributes: attributes.cloned().collect(),
            blocks: with_dynamic(blocks),
        }
    }
}

impl AttributeLayout {
    fn new(attribute: &Attribute) -> Self {
        Self {
            constraint: constraint(attribute),
            write_only: attribute.write_only,
            ty: attribute.implied_type(),
        }
    }
}

impl BlocksLayout {
    fn new(name: &Str, nested: &NestedBlock) -> Self {
        let block = stacker::maybe_grow(64 * 1024, 1024 * 1024, || Layout::new(&nested.block));
        let dynamic = block.ty.has_dynamic();
        let ty = match nested.nesting {
            Nesting::List | Nesting::Map if dynamic => Type::Dynamic,
            Nesting::List => Type::list(block.ty.clone()),
            Nesting::Set => Type::set(block.ty.clone()),
            Nesting::Map => Type::map(block.ty.clone()),
            Nesting::Single | Nesting::Group => block.ty.clone(),
        };
        Self {
            name: name.clone(),
            nesting: nested.nesting,
            min_items: nested.min_items,
            max_items: nested.max_items,
            ty,
            dynamic,
            block,
        }
    }

    /// The value when no block of this type is there.
    pub(crate) fn assemble_none(&self) -> Value {
        let elem = || self.block.ty.clone();
        match self.nesting {
            Nesting::Single => Value::Null(self.ty.clone()),
            Nesting::Group => Value::Object(Arc::new(self.block.empty.clone())),
            Nesting::List if self.dynamic => Value::tuple([]),
            Nesting::List => Value::list(elem(), Vec::new()),
            Nesting::Set => muster_value::set_value(elem(), Vec::new()),
            Nesting::Map if self.dynamic => Value::Object(Arc::default()),
            Nesting::Map => Value::map(elem(), Default::default()),
        }
    }
}

fn body_schema(block: &Block, nested: &[Arc<BlocksLayout>]) -> BodySchema {
    let attributes = block.attributes.iter().map(|(name, a)| AttributeSchema {
        name: name.clone(),
        required: a.required,
    });
    let blocks = nested.iter().map(|nested| BlockSchema {
        type_name: nested.name.clone(),
        labels: match nested.nesting {
            Nesting::Map => vec!["key".into()],
            _ => vec![],
        },
    });
    BodySchema {
        attributes: attributes.collect(),
        blocks: with_dynamic(blocks.collect()),
    }
}

fn unlabelled(name: &Str) -> BlockSchema {
    BlockSchema {
        type_name: name.clone(),
        labels: vec![],
    }
}

/// Blocks can be made by `dynamic` ones; where there are none, it is their type that is wrong.
fn with_dynamic(mut blocks: Vec<BlockSchema>) -> Arc<[BlockSchema]> {
    blocks.push(BlockSchema {
        type_name: "dynamic".into(),
        labels: vec!["type".into()],
    });
    blocks.into()
}

fn object_elements(ty: &Type) -> Option<&ObjectType> {
    match ty {
        Type::List(t) | Type::Set(t) => match &**t {
            Type::Object(o) => Some(o),
            _ => None,
        },
        _ => None,
    }
}

fn blocks_of_attribute(name: &Str, ty: &Type) -> BlocksLayout {
    let mut block = Block::default();
    if let Some(object) = object_elements(ty) {
        for (name, ty) in &object.attributes {
            let attribute = Attribute {
                optional: true,
                ..Attribute::new(ty.clone())
            };
            block.attributes.insert(name.clone(), attribute);
        }
    }
    let nesting = match ty {
        Type::Set(_) => Nesting::Set,
        _ => Nesting::List,
    };
    let nested = NestedBlock {
        block,
        nesting,
        min_items: 0,
        max_items: 0,
    };
    BlocksLayout::new(name, &nested)
}

/// What an attribute's value is converted to: nested attributes that need not be written may
/// be left out.
fn constraint(attribute: &Attribute) -> Type {
    match &attribute.ty {
        AttributeType::Plain(ty) => ty.clone(),
        AttributeType::Nested {
            attributes,
            nesting,
        } => {
            let object = Type::Object(Arc::new(ObjectType {
                attributes: attributes
                    .iter()
                    .map(|(k, a)| (k.clone(), constraint(a)))
                    .collect(),
                optional: attributes
                    .iter()
                    .filter(|(_, a)| !a.required)
                    .map(|(k, _)| k.clone())
                    .collect(),
            }));
            match nesting {
                Nesting::Single | Nesting::Group => object,
                Nesting::List => Type::list(object),
                Nesting::Set => Type::set(object),
                Nesting::Map => Type::map(object),
            }
        }
    }
}
