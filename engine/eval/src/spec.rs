//! A body laid out by a schema, once for all instances: which expression fills which attribute.

use std::collections::HashSet;
use std::sync::Arc;

use muster_lang::{
    AttributeSchema, BlockSchema, Body, BodySchema, Content, Diagnostic, Diags, Expr, Span,
};
use muster_schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use muster_value::{ObjectType, Path, PathStep, Type};

use crate::Str;

/// See the module.
#[derive(Clone, Debug)]
pub struct Spec {
    pub(crate) attributes: Vec<AttributeSpec>,
    pub(crate) blocks: Vec<BlocksSpec>,
    /// Attributes that are not written.
    pub(crate) absent: Vec<(Str, Type)>,
    pub(crate) span: Span,
    header: Span,
}

/// An attribute that is written.
#[derive(Clone, Debug)]
pub(crate) struct AttributeSpec {
    pub name: Str,
    pub expr: Expr,
    /// What the value is converted to; optional attributes included.
    pub ty: Type,
    pub write_only: bool,
}

/// All blocks of one type, and whether any are written or not.
#[derive(Clone, Debug)]
pub(crate) struct BlocksSpec {
    pub name: Str,
    pub schema: Arc<NestedBlock>,
    pub items: Vec<Item>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A block as it is written.
    Static {
        label: Option<(Str, Span)>,
        body: Spec,
    },
    /// A `dynamic` block.
    Dynamic {
        for_each: Expr,
        label: Option<Expr>,
        body: Spec,
    },
}

impl Spec {
    /// Lays a body out. `iterators` are the iterators of the `dynamic` blocks around it.
    pub fn compile(block: &Block, body: &Body, iterators: &[Str]) -> (Self, Diags) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || compile(block, body, iterators))
    }

    /// The block whose body this is, for messages about it as a whole.
    #[must_use]
    pub fn with_header(mut self, header: Span) -> Self {
        self.header = header;
        self
    }

    /// Where the block stands.
    pub fn header(&self) -> Span {
        self.header
    }

    /// Takes ephemeral values everywhere: nothing of this body is ever stored.
    #[must_use]
    pub fn allowing_ephemeral(mut self) -> Self {
        for attribute in &mut self.attributes {
            attribute.write_only = true;
        }
        for item in self.blocks.iter_mut().flat_map(|b| &mut b.items) {
            let (Item::Static { body, .. } | Item::Dynamic { body, .. }) = item;
            *body = body.clone().allowing_ephemeral();
        }
        self
    }

    /// Where the value at a path is written, as exactly as that is known.
    pub fn span_at(&self, path: &Path) -> Span {
        self.find(&path.0).unwrap_or(self.header)
    }

    fn find(&self, steps: &[PathStep]) -> Option<Span> {
        let (PathStep::Attr(name) | PathStep::Key(name)) = steps.first()? else {
            return None;
        };
        if let Some(attribute) = self.attributes.iter().find(|a| a.name == *name) {
            return Some(attribute.expr.span());
        }
        let blocks = self
            .blocks
            .iter()
            .find(|b| b.name == *name && !b.items.is_empty())?;
        let (item, rest) = match steps.get(1) {
            Some(PathStep::Index(i)) => (blocks.items.get(usize::try_from(*i).ok()?), &steps[2..]),
            _ => (blocks.items.first(), &steps[1..]),
        };
        match item {
            Some(Item::Static { body, .. }) => Some(body.find(rest).unwrap_or(body.span)),
            Some(Item::Dynamic { body, .. }) => Some(body.find(rest).unwrap_or(body.span)),
            None => Some(blocks.span),
        }
    }

    /// Static parts of the attributes that are written: for checks that need no values.
    pub fn is_written(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| &*a.name == name)
            || self
                .blocks
                .iter()
                .any(|b| &*b.name == name && !b.items.is_empty())
    }
}

fn compile(block: &Block, body: &Body, iterators: &[Str]) -> (Spec, Diags) {
    let as_blocks = attributes_written_as_blocks(block, body);
    let (content, mut diags) = body.content(&body_schema(block, &as_blocks));
    let mut spec = Spec {
        attributes: Vec::new(),
        blocks: Vec::new(),
        absent: Vec::new(),
        span: body.missing_item_span(),
        header: body.missing_item_span(),
    };
    for (name, attribute) in &block.attributes {
        if as_blocks.contains(name) {
            let schema = blocks_of_attribute(&attribute.implied_type());
            spec.blocks.push(compile_blocks(
                name, schema, &content, iterators, &mut diags,
            ));
        } else if let Some(written) = content.attribute(name) {
            let (expr, found) = written.expr.lower(iterators);
            diags.extend(found);
            spec.attributes.push(AttributeSpec {
                name: name.clone(),
                expr,
                ty: constraint(attribute),
                write_only: attribute.write_only,
            });
        } else {
            spec.absent.push((name.clone(), attribute.implied_type()));
        }
    }
    for (name, nested) in &block.blocks {
        let schema = Arc::new(nested.clone());
        spec.blocks.push(compile_blocks(
            name, schema, &content, iterators, &mut diags,
        ));
    }
    check_dynamic_names(block, &as_blocks, &content, &mut diags);
    (spec, diags)
}

fn compile_blocks(
    name: &Str,
    schema: Arc<NestedBlock>,
    content: &Content,
    iterators: &[Str],
    diags: &mut Diags,
) -> BlocksSpec {
    let mut items = Vec::new();
    let mut span = None;
    for block in &content.blocks {
        if block.type_name == *name {
            span = span.or(Some(block.header));
            let (body, found) = Spec::compile(&schema.block, &block.body, iterators);
            diags.extend(found);
            items.push(Item::Static {
                label: block.labels.first().cloned(),
                body,
            });
        } else if &*block.type_name == "dynamic"
            && block.labels.first().is_some_and(|l| l.0 == *name)
        {
            span = span.or(Some(block.header));
            items.extend(compile_dynamic(
                name,
                &schema,
                &block.body,
                iterators,
                diags,
            ));
        }
    }
    let span = span.unwrap_or(Span {
        file: muster_lang::FileId(0),
        start: 0,
        end: 0,
    });
    BlocksSpec {
        name: name.clone(),
        schema,
        items,
        span,
    }
}

fn compile_dynamic(
    name: &Str,
    schema: &NestedBlock,
    body: &Body,
    iterators: &[Str],
    diags: &mut Diags,
) -> Option<Item> {
    let (content, found) = body.content(&dynamic_schema());
    diags.extend(found);
    let for_each = content.attribute("for_each")?;
    let (for_each, found) = for_each.expr.lower(iterators);
    diags.extend(found);
    let iterator = match content.attribute("iterator") {
        None => name.clone(),
        Some(attribute) => match attribute.expr.as_keyword() {
            Some(keyword) => keyword,
            None => {
                diags.push(
                    Diagnostic::error("Invalid expression", "\"iterator\" is a name to be used in this block: a bare word without quotes.")
                        .at(attribute.expr.span()),
                );
                return None;
            }
        },
    };
    let inner: Vec<Str> = iterators.iter().cloned().chain([iterator]).collect();
    let label = match content.attribute("labels") {
        Some(labels) => labels
            .expr
            .as_list()
            .and_then(|l| l.into_iter().next())
            .map(|raw| {
                let (expr, found) = raw.lower(&inner);
                diags.extend(found);
                expr
            }),
        None => None,
    };
    let mut bodies = content.blocks_of("content");
    let Some(block) = bodies.next() else {
        diags.push(
            Diagnostic::error(
                "Missing \"content\" block",
                "A dynamic block needs a \"content\" block: the body of each block it makes.",
            )
            .at(body.missing_item_span()),
        );
        return None;
    };
    if let Some(second) = bodies.next() {
        diags.push(
            Diagnostic::error(
                "Extraneous \"content\" block",
                "A dynamic block has only one \"content\" block.",
            )
            .at(second.header),
        );
    }
    let (spec, found) = Spec::compile(&schema.block, &block.body, &inner);
    diags.extend(found);
    Some(Item::Dynamic {
        for_each,
        label,
        body: spec,
    })
}

fn dynamic_schema() -> BodySchema {
    let attribute = |name: &str, required| AttributeSchema {
        name: name.into(),
        required,
    };
    BodySchema {
        attributes: vec![
            attribute("for_each", true),
            attribute("iterator", false),
            attribute("labels", false),
        ],
        blocks: vec![BlockSchema {
            type_name: "content".into(),
            labels: vec![],
        }],
    }
}

fn body_schema(block: &Block, as_blocks: &HashSet<Str>) -> BodySchema {
    let attributes = block
        .attributes
        .iter()
        .filter(|(name, _)| !as_blocks.contains(*name))
        .map(|(name, a)| AttributeSchema {
            name: name.clone(),
            required: a.required,
        });
    let nested = block.blocks.iter().map(|(name, nested)| BlockSchema {
        type_name: name.clone(),
        labels: if nested.nesting == Nesting::Map {
            vec!["key".into()]
        } else {
            vec![]
        },
    });
    let from_attributes = as_blocks.iter().map(|name| BlockSchema {
        type_name: name.clone(),
        labels: vec![],
    });
    let mut blocks: Vec<_> = nested.chain(from_attributes).collect();
    if !blocks.is_empty() {
        blocks.push(BlockSchema {
            type_name: "dynamic".into(),
            labels: vec!["type".into()],
        });
    }
    BodySchema {
        attributes: attributes.collect(),
        blocks,
    }
}

/// Lists and sets of objects may be written as blocks, too: providers have such attributes from
/// the time when attributes and blocks were one.
fn attributes_written_as_blocks(block: &Block, body: &Body) -> HashSet<Str> {
    let candidates: HashSet<Str> = block
        .attributes
        .iter()
        .filter(|(_, a)| matches!(&a.ty, AttributeType::Plain(ty) if object_elements(ty).is_some()))
        .map(|(name, _)| name.clone())
        .collect();
    if candidates.is_empty() {
        return candidates;
    }
    let names = candidates.iter().cloned().chain(["dynamic".into()]);
    let blocks = names
        .map(|type_name: Str| {
            let labels = if &*type_name == "dynamic" {
                vec!["type".into()]
            } else {
                vec![]
            };
            BlockSchema { type_name, labels }
        })
        .collect();
    let (content, _, _) = body.partial_content(&BodySchema {
        attributes: vec![],
        blocks,
    });
    let written = content.blocks.iter().map(|b| match &*b.type_name {
        "dynamic" => b.labels.first().map_or_else(|| "".into(), |l| l.0.clone()),
        _ => b.type_name.clone(),
    });
    written.filter(|name| candidates.contains(name)).collect()
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

fn blocks_of_attribute(ty: &Type) -> Arc<NestedBlock> {
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
    let nesting = if matches!(ty, Type::Set(_)) {
        Nesting::Set
    } else {
        Nesting::List
    };
    Arc::new(NestedBlock {
        block,
        nesting,
        min_items: 0,
        max_items: 0,
    })
}

fn check_dynamic_names(
    block: &Block,
    as_blocks: &HashSet<Str>,
    content: &Content,
    diags: &mut Diags,
) {
    for dynamic in content.blocks_of("dynamic") {
        let Some((name, span)) = dynamic.labels.first() else {
            continue;
        };
        if !block.blocks.contains_key(name) && !as_blocks.contains(name) {
            let detail =
                format!("There are no blocks of type \"{name}\" here, so none can be made.");
            diags.push(Diagnostic::error("Unsupported block type", detail).at(*span));
        }
    }
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
