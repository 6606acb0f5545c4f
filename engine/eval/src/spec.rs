//! A body laid out by a schema, once for all instances: which expression fills which attribute.

use std::sync::{Arc, LazyLock};

use muster_lang::{
    AttributeSchema, BlockSchema, Body, BodySchema, Content, Diagnostic, Diags, Expr, Span,
};
use muster_value::{Path, PathStep};

use crate::Str;
use crate::layout::{BlocksLayout, Layout};

/// See the module.
#[derive(Clone, Debug)]
pub struct Spec {
    pub(crate) layout: Arc<Layout>,
    /// Attributes that are written.
    pub(crate) attributes: Box<[AttributeSpec]>,
    /// Block types of which some are written.
    pub(crate) blocks: Box<[BlocksSpec]>,
    pub(crate) span: Span,
    header: Span,
    /// Whether nothing of this body is ever stored.
    pub(crate) ephemeral: bool,
}

/// An attribute that is written.
#[derive(Clone, Debug)]
pub(crate) struct AttributeSpec {
    pub name: Str,
    pub expr: Expr,
}

/// The blocks of one type that are written.
#[derive(Clone, Debug)]
pub(crate) struct BlocksSpec {
    pub layout: Arc<BlocksLayout>,
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
    pub(crate) fn compile(layout: &Arc<Layout>, body: &Body, iterators: &[Str]) -> (Self, Diags) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || compile(layout, body, iterators))
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
        self.ephemeral = true;
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
            .find(|b| b.layout.name == *name && !b.items.is_empty())?;
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
                .any(|b| &*b.layout.name == name && !b.items.is_empty())
    }
}

fn compile(layout: &Arc<Layout>, body: &Body, iterators: &[Str]) -> (Spec, Diags) {
    let as_blocks = layout.attributes_written_as_blocks(body);
    let (content, mut diags) = match as_blocks.is_empty() {
        true => body.content(&layout.body),
        false => body.content(&layout.body_with_blocks(&as_blocks)),
    };
    let mut attributes = Vec::with_capacity(content.attributes.len());
    for (name, _) in &layout.attributes {
        if let Some(written) = content.attribute(name) {
            let (expr, found) = written.expr.lower(iterators);
            diags.extend(found);
            attributes.push(AttributeSpec {
                name: name.clone(),
                expr,
            });
        }
    }
    let mut blocks = Vec::new();
    if !content.blocks.is_empty() {
        for kind in as_blocks.iter().chain(&layout.blocks) {
            blocks.extend(compile_blocks(kind, &content, iterators, &mut diags));
        }
        check_dynamic_names(layout, &as_blocks, &content, &mut diags);
    }
    let span = body.missing_item_span();
    let spec = Spec {
        layout: Arc::clone(layout),
        attributes: attributes.into(),
        blocks: blocks.into(),
        span,
        header: span,
        ephemeral: false,
    };
    (spec, diags)
}

/// The blocks of one type, if there are any.
fn compile_blocks(
    kind: &Arc<BlocksLayout>,
    content: &Content,
    iterators: &[Str],
    diags: &mut Diags,
) -> Option<BlocksSpec> {
    let mut items = Vec::new();
    let mut span = None;
    for block in &content.blocks {
        if block.type_name == kind.name {
            span = span.or(Some(block.header));
            let (body, found) = Spec::compile(&kind.block, &block.body, iterators);
            diags.extend(found);
            items.push(Item::Static {
                label: block.labels.first().cloned(),
                body,
            });
        } else if &*block.type_name == "dynamic"
            && block.labels.first().is_some_and(|l| l.0 == kind.name)
        {
            span = span.or(Some(block.header));
            items.extend(compile_dynamic(kind, &block.body, iterators, diags));
        }
    }
    Some(BlocksSpec {
        layout: Arc::clone(kind),
        items,
        span: span?,
    })
}

fn compile_dynamic(
    kind: &BlocksLayout,
    body: &Body,
    iterators: &[Str],
    diags: &mut Diags,
) -> Option<Item> {
    let (content, found) = body.content(&DYNAMIC);
    diags.extend(found);
    let for_each = content.attribute("for_each")?;
    let (for_each, found) = for_each.expr.lower(iterators);
    diags.extend(found);
    let iterator = match content.attribute("iterator") {
        None => kind.name.clone(),
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
    let (spec, found) = Spec::compile(&kind.block, &block.body, &inner);
    diags.extend(found);
    Some(Item::Dynamic {
        for_each,
        label,
        body: spec,
    })
}

/// What a `dynamic` block holds.
static DYNAMIC: LazyLock<BodySchema> = LazyLock::new(|| {
    let attribute = |name: &str, required| AttributeSchema {
        name: name.into(),
        required,
    };
    BodySchema {
        attributes: Arc::new([
            attribute("for_each", true),
            attribute("iterator", false),
            attribute("labels", false),
        ]),
        blocks: Arc::new([BlockSchema {
            type_name: "content".into(),
            labels: vec![],
        }]),
    }
});

fn check_dynamic_names(
    layout: &Layout,
    as_blocks: &[Arc<BlocksLayout>],
    content: &Content,
    diags: &mut Diags,
) {
    for dynamic in content.blocks_of("dynamic") {
        let Some((name, span)) = dynamic.labels.first() else {
            continue;
        };
        let known = layout.blocks.iter().chain(as_blocks);
        if !known.into_iter().any(|b| b.name == *name) {
            let detail =
                format!("There are no blocks of type \"{name}\" here, so none can be made.");
            diags.push(Diagnostic::error("Unsupported block type", detail).at(*span));
        }
    }
}
