//! Bodies: what stands between the braces of a block or in a file, in either syntax, before
//! anyone has said what belongs there.

mod json;
mod native;
mod overlay;
mod raw;
#[cfg(test)]
mod tests;
mod verbatim;

use std::sync::Arc;

pub use raw::RawExpr;
pub(crate) use raw::{Source, json_origin};
pub(crate) use verbatim::verbatim;

use crate::syntax::Tree;
use crate::syntax::json::Doc;
use crate::{Diags, Reference, Span, Str};

/// A body in either syntax. Cheap to clone (shares its file).
#[derive(Clone, Debug)]
pub struct Body {
    source: BodySource,
    hidden: Option<Arc<Hidden>>,
}

#[derive(Clone, Debug)]
enum BodySource {
    Native(Arc<Tree>, u32),
    Json(Arc<Doc>, u32),
    Overlay(Arc<overlay::Overlay>),
}

/// Names that an earlier look at the body took already.
#[derive(Clone, Debug, Default)]
struct Hidden(Vec<BodySchema>);

impl Hidden {
    fn attribute(&self, name: &str) -> bool {
        self.0.iter().any(|s| s.attribute(name).is_some())
    }

    fn block(&self, name: &str) -> bool {
        self.0.iter().any(|s| s.block(name).is_some())
    }
}

/// What a body may hold. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct BodySchema {
    /// Attributes by name.
    pub attributes: Arc<[AttributeSchema]>,
    /// Block types by name.
    pub blocks: Arc<[BlockSchema]>,
}

impl BodySchema {
    fn attribute(&self, name: &str) -> Option<&AttributeSchema> {
        self.attributes.iter().find(|a| &*a.name == name)
    }

    fn block(&self, name: &str) -> Option<&BlockSchema> {
        self.blocks.iter().find(|b| &*b.type_name == name)
    }
}

/// An attribute that may or must be there.
#[derive(Clone, Debug)]
pub struct AttributeSchema {
    /// Its name.
    pub name: Str,
    /// Whether its absence is an error ("Missing required argument").
    pub required: bool,
}

/// A block type that may be there any number of times.
#[derive(Clone, Debug)]
pub struct BlockSchema {
    /// Its type.
    pub type_name: Str,
    /// Names of its labels, for messages; the number of labels must match.
    pub labels: Vec<Str>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Attributes in source order.
    pub attributes: Vec<Attribute>,
    /// Blocks in source order.
    pub blocks: Vec<Block>,
}

impl Content {
    /// The attribute of a name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| &*a.name == name)
    }

    /// Blocks of a type in source order.
    pub fn blocks_of<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks
            .iter()
            .filter(move |b| &*b.type_name == type_name)
    }
}

/// `name = expr`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Name.
    pub name: Str,
    /// Where the name stands.
    pub name_span: Span,
    /// The whole definition.
    pub span: Span,
    /// The expression.
    pub expr: RawExpr,
}

/// `type "label" { ... }`
#[derive(Clone, Debug)]
pub struct Block {
    /// Block type.
    pub type_name: Str,
    /// Labels with their positions.
    pub labels: Vec<(Str, Span)>,
    /// What a message about the block points at: type and labels, and in JSON the beginning of
    /// the content.
    pub header: Span,
    /// What is inside.
    pub body: Body,
}

impl Body {
    pub(crate) fn native(tree: Arc<Tree>) -> Self {
        let root = tree.root();
        Self {
            source: BodySource::Native(tree, root),
            hidden: None,
        }
    }

    /// A JSON file; its root must be an object or an array of objects.
    pub(crate) fn json(doc: Arc<Doc>) -> (Self, Diags) {
        let diags = json::check_root(&doc);
        let root = doc.root;
        (
            Self {
                source: BodySource::Json(doc, root),
                hidden: None,
            },
            diags,
        )
    }

    /// Everything the schema names; anything else is an error ("Unsupported argument",
    /// "Unsupported block type", with a suggestion when a name is close; a block where an
    /// attribute is meant and the other way round are told apart).
    pub fn content(&self, schema: &BodySchema) -> (Content, Diags) {
        self.read(schema, false)
    }

    /// Everything the schema names; the rest is ignored here and given back for a later look.
    pub fn partial_content(&self, schema: &BodySchema) -> (Content, Body, Diags) {
        let (content, diags) = self.read(schema, true);
        let mut hidden = self.hidden.as_deref().cloned().unwrap_or_default();
        hidden.0.push(schema.clone());
        let rest = Body {
            source: self.source.clone(),
            hidden: Some(Arc::new(hidden)),
        };
        (content, rest, diags)
    }

    fn read(&self, schema: &BodySchema, partial: bool) -> (Content, Diags) {
        let none = Hidden::default();
        let look = Look {
            schema,
            partial,
            hidden: self.hidden.as_deref().unwrap_or(&none),
        };
        match &self.source {
            BodySource::Native(tree, node) => native::content(tree, *node, &look),
            BodySource::Json(doc, node) => json::content(doc, *node, &look),
            BodySource::Overlay(overlay) => overlay.content(&look),
        }
    }

    /// All attributes; blocks are errors.
    pub fn just_attributes(&self) -> (Vec<Attribute>, Diags) {
        let none = Hidden::default();
        let hidden = self.hidden.as_deref().unwrap_or(&none);
        match &self.source {
            BodySource::Native(tree, node) => native::just_attributes(tree, *node, hidden),
            BodySource::Json(doc, node) => json::just_attributes(doc, *node, hidden),
            BodySource::Overlay(overlay) => overlay.just_attributes(hidden),
        }
    }

    /// Where to point when something is missing: the opening brace in native syntax, the closing
    /// one in JSON, the end of the file for a whole file.
    pub fn missing_item_span(&self) -> Span {
        match &self.source {
            BodySource::Native(tree, node) => native::missing_item_span(tree, *node),
            BodySource::Json(doc, node) => json::missing_item_span(doc, *node),
            BodySource::Overlay(overlay) => overlay.missing_item_span(),
        }
    }

    /// Everything referred to anywhere inside, nested and `dynamic` blocks included; iterators of
    /// `dynamic` blocks are not references. In JSON every string is looked through as a template.
    /// Errors in expressions are not reported here.
    pub fn references(&self) -> Vec<Reference> {
        let none = Hidden::default();
        let hidden = self.hidden.as_deref().unwrap_or(&none);
        let mut out = Vec::new();
        let mut iterators = Vec::new();
        match &self.source {
            BodySource::Native(tree, node) => {
                native::references(tree, *node, hidden, &mut iterators, &mut out);
            }
            BodySource::Json(doc, node) => {
                json::references(doc, *node, hidden, &mut iterators, &mut out);
            }
            BodySource::Overlay(overlay) => out = overlay.references(hidden),
        }
        out
    }
}

/// How a body is looked at.
struct Look<'a> {
    schema: &'a BodySchema,
    partial: bool,
    hidden: &'a Hidden,
}

impl Look<'_> {
    /// Reports required attributes that are not there.
    fn require(&self, found: &[Attribute], at: impl Fn() -> Span, diags: &mut Diags) {
        for schema in self.schema.attributes.iter().filter(|a| a.required) {
            if !found.iter().any(|a| a.name == schema.name) {
                let detail = format!("The argument \"{}\" must be set here.", schema.name);
                diags.push(crate::Diagnostic::error("Missing required argument", detail).at(at()));
            }
        }
    }
}

/// ` Did you mean "x"?` for the closest of some names, if one is close; else nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let close = known
        .map(|k| (distance(name, k, 3), k))
        .filter(|(d, _)| *d < 3)
        .min_by_key(|(d, _)| *d);
    close
        .map(|(_, k)| format!(" Did you mean \"{k}\"?"))
        .unwrap_or_default()
}

/// Number of single-character edits between two names; `limit` or more is given as `limit`.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let a: Vec<char> = a.chars().take(200).collect();
    if a.len().abs_diff(b.len()) >= limit {
        return limit;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let change = corner + usize::from(ca != cb);
            corner = row[j + 1];
            row[j + 1] = change.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()].min(limit)
}
