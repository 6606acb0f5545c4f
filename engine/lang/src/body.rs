//! Bodies: what stands between the braces of a block or in a file, in either syntax, before
//! anyone has said what belongs there. Skeleton to be replaced.
use muster_value::{PathStep, Value};

use crate::{Diags, Expr, Reference, Span, Str};

/// A body in either syntax. Cheap to clone (shares its file).
#[derive(Clone, Debug)]
pub struct Body {}

/// What a body may hold.
#[derive(Clone, Debug, Default)]
pub struct BodySchema {
    /// Attributes by name.
    pub attributes: Vec<AttributeSchema>,
    /// Block types by name.
    pub blocks: Vec<BlockSchema>,
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
        self.blocks.iter().filter(move |b| &*b.type_name == type_name)
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
    /// Type and labels: what a message about the block points at.
    pub header: Span,
    /// What is inside.
    pub body: Body,
}

impl Body {
    /// Everything the schema names; anything else is an error ("Unsupported argument",
    /// "Unsupported block type", with a suggestion when a name is close; a block where an
    /// attribute is meant and the other way round are told apart).
    pub fn content(&self, schema: &BodySchema) -> (Content, Diags) { let _ = schema; Default::default() }

    /// Everything the schema names; the rest is ignored here and given back for a later look.
    pub fn partial_content(&self, schema: &BodySchema) -> (Content, Body, Diags) { let _ = schema; (Content::default(), self.clone(), Diags::new()) }

    /// All attributes; blocks are errors.
    pub fn just_attributes(&self) -> (Vec<Attribute>, Diags) { Default::default() }

    /// Where to point when something is missing: the opening brace's end or the header's line.
    pub fn missing_item_span(&self) -> Span { Span { file: crate::FileId(0), start: 0, end: 0 } }

    /// Everything referred to anywhere inside, nested and `dynamic` blocks included; iterators of
    /// `dynamic` blocks are not references. In JSON every string is looked through as a template.
    /// Errors in expressions are not reported here.
    pub fn references(&self) -> Vec<Reference> { Vec::new() }
}

/// An expression as it stands in the source, not yet lowered. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RawExpr {}

impl RawExpr {
    /// Where it stands.
    pub fn span(&self) -> Span { Span { file: crate::FileId(0), start: 0, end: 0 } }

    /// Resolves names. `iterators` are the names of the iterators of enclosing `dynamic` blocks,
    /// outermost first (an inner one of the same name wins); they get slots 0, 1, ... and their
    /// value is the object `{key, value}`. Diagnostics: invalid references ("Invalid reference",
    /// `Reference to undeclared ...` is not known here), unknown functions ("Call to unknown
    /// function" with a suggestion).
    pub fn lower(&self, iterators: &[Str]) -> (Expr, Diags) { let _ = iterators; (Expr::literal(Value::NULL, self.span()), Diags::new()) }

    /// A bare word such as `string` or `all`; in JSON a string that is one.
    pub fn as_keyword(&self) -> Option<Str> { None }

    /// A traversal of static steps, `aws.west`, `a.b["c"][0]`: root name and steps. In JSON a
    /// string that holds one.
    pub fn as_traversal(&self) -> Option<(Str, Vec<PathStep>)> { None }

    /// The items of a tuple constructor.
    pub fn as_list(&self) -> Option<Vec<RawExpr>> { None }

    /// The pairs of an object constructor.
    pub fn as_pairs(&self) -> Option<Vec<(RawExpr, RawExpr)>> { None }

    /// Function name and arguments of a call: for type expressions such as `list(string)`.
    pub fn as_call(&self) -> Option<(Str, Vec<RawExpr>)> { None }

    /// The value, if it is a literal: no references, no calls; a quoted string without
    /// interpolation, a number, bool, null, or tuples and objects of them.
    pub fn as_literal(&self) -> Option<Value> { None }
}
