//! Expressions ready for evaluation: an arena of nodes in which references, iteration
//! variables and functions are resolved. Both syntaxes are lowered to this.

use std::sync::Arc;

use muster_value::Value;

use crate::body::verbatim;
use crate::functions::Function;
use crate::syntax::json::Doc;
use crate::{Diagnostic, Diags, FileId, Span, Str};

/// Index of a node in its [`Expr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub u32);

/// A lowered expression. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Expr(pub Arc<ExprData>);

/// What an [`Expr`] shares.
#[derive(Clone, Debug)]
pub struct ExprData {
    /// The file all spans are in.
    pub file: FileId,
    /// The nodes; children come before their parents.
    pub nodes: Box<[Node]>,
    /// Byte range of each node, same length as `nodes`.
    pub spans: Box<[(u32, u32)]>,
    /// The node whose value is the value of the expression.
    pub root: NodeId,
    /// What the expression refers to outside itself.
    pub references: Box<[Reference]>,
    /// How many iteration variables evaluation needs room for (those of enclosing `dynamic`
    /// blocks, which are given by the caller and come first, included).
    pub slots: u32,
    /// The value in a JSON file that this is.
    pub(crate) json: Option<(Arc<Doc>, u32)>,
}

impl Expr {
    /// In JSON syntax, the value as it stands in the file: strings are not taken for templates.
    /// `None` in native syntax.
    pub fn verbatim(&self) -> Option<Value> {
        let (doc, node) = self.0.json.as_ref()?;
        Some(verbatim(doc, *node, &mut Diags::new()))
    }

    /// What the expression refers to.
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// Where the whole expression stands.
    pub fn span(&self) -> Span {
        self.node_span(self.0.root)
    }

    /// Where a node stands.
    pub fn node_span(&self, id: NodeId) -> Span {
        let (start, end) = self.0.spans[id.0 as usize];
        Span {
            file: self.0.file,
            start,
            end,
        }
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.0.nodes[id.0 as usize]
    }

    /// One of its nodes as an expression of its own.
    #[must_use]
    pub fn part(&self, root: NodeId) -> Self {
        let span = self.node_span(root);
        let inside = |r: &Reference| span.start <= r.span.start && r.span.end <= span.end;
        let mut data = (*self.0).clone();
        let mut places = Vec::with_capacity(data.references.len());
        let mut kept = Vec::new();
        for reference in &data.references {
            places.push(kept.len() as u32);
            kept.extend(inside(reference).then(|| reference.clone()));
        }
        for node in &mut data.nodes {
            if let Node::Reference(place) = node {
                *place = places[*place as usize];
            }
        }
        data.references = kept.into();
        data.root = root;
        data.json = None;
        Self(Arc::new(data))
    }

    /// An expression that is just a value, for defaults.
    pub fn literal(value: Value, span: Span) -> Self {
        Self(Arc::new(ExprData {
            file: span.file,
            nodes: Box::new([Node::Literal(value)]),
            spans: Box::new([(span.start, span.end)]),
            root: NodeId(0),
            references: Box::default(),
            slots: 0,
            json: None,
        }))
    }
}

/// One operation.
#[derive(Clone, Debug)]
pub enum Node {
    /// A constant.
    Literal(Value),
    /// `Expr.references[i]`: the value of the subject; the steps after it are nodes of their own.
    Reference(u32),
    /// An iteration variable.
    Slot(u32),
    /// Text and interpolations joined to a string. A lone interpolation in quotes is not a
    /// `Template`: it is lowered to the expression itself.
    Template(Box<[NodeId]>),
    /// `for` directive of a template: like `For` to a tuple, results joined to a string.
    TemplateFor(Box<ForExpr>),
    /// `object.name`; on a list also the number form `list.0`.
    GetAttr(NodeId, Str),
    /// `collection[key]`
    Index(NodeId, NodeId),
    /// `source[*].rest` or `source.*.rest`: `each` uses the slot.
    Splat {
        /// What is iterated.
        source: NodeId,
        /// The result for one element.
        each: NodeId,
        /// Slot of the element.
        slot: u32,
    },
    /// `-x`, `!x`
    Unary(UnaryOp, NodeId),
    /// `a + b` and the like.
    Binary(BinaryOp, NodeId, NodeId),
    /// `cond ? a : b`; also the `if` directive of a template (without `else`: an empty string).
    Conditional(NodeId, NodeId, NodeId),
    /// `[a, b]`
    Tuple(Box<[NodeId]>),
    /// `{ k = v }`; keys are nodes (a bare word is a literal string).
    Object(Box<[(NodeId, NodeId)]>),
    /// `[for ...]`, `{for ...}`
    For(Box<ForExpr>),
    /// A call of a builtin function.
    Call {
        /// The function.
        function: &'static Function,
        /// Arguments.
        args: Box<[NodeId]>,
        /// Whether the last argument has `...`.
        expand: bool,
    },
    /// `provider::NAME::FUNCTION(...)`
    ProviderCall {
        /// Local name of the provider.
        provider: Str,
        /// Function name.
        function: Str,
        /// Arguments.
        args: Box<[NodeId]>,
        /// Whether the last argument has `...`.
        expand: bool,
    },
    /// A part that did not parse: evaluates to unknown; the error is reported already.
    Invalid,
    /// A part that is well-formed but cannot have a value. That is told when it is evaluated, so
    /// that `try`, `can` and the result of a conditional that is not taken may hold one.
    Fails(Box<Diagnostic>),
}

/// A `for` expression.
#[derive(Clone, Debug)]
pub struct ForExpr {
    /// What is iterated.
    pub collection: NodeId,
    /// Slot of the key, if it has a name.
    pub key_slot: Option<u32>,
    /// Slot of the value.
    pub value_slot: u32,
    /// Result key; `Some` makes an object.
    pub key: Option<NodeId>,
    /// Result value.
    pub value: NodeId,
    /// `if` clause.
    pub condition: Option<NodeId>,
    /// `...` after the value: values are grouped by key.
    pub group: bool,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the operators")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Eq,
    NotEq,
    Less,
    LessEq,
    Greater,
    GreaterEq,
    And,
    Or,
}

/// A reference to something outside the expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// What is referred to.
    pub subject: Subject,
    /// The static steps that follow the subject (`.a`, `["k"]`, `[0]`), for `ignore_changes`-like
    /// analysis and for dependency precision. They are evaluated by nodes of their own.
    pub steps: Vec<muster_value::PathStep>,
    /// The subject's own text.
    pub span: Span,
    /// Subject and steps.
    pub full_span: Span,
}

/// What a reference names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// `var.NAME`
    Variable(Str),
    /// `local.NAME`
    Local(Str),
    /// `TYPE.NAME` or `resource.TYPE.NAME`
    Managed(Str, Str),
    /// `data.TYPE.NAME`
    Data(Str, Str),
    /// `ephemeral.TYPE.NAME`
    Ephemeral(Str, Str),
    /// `module.NAME`
    Module(Str),
    /// `output.NAME` (only in tests)
    Output(Str),
    /// `each.key`
    EachKey,
    /// `each.value`
    EachValue,
    /// `count.index`
    CountIndex,
    /// `path.module`, `path.root`, `path.cwd`
    Path(Str),
    /// `terraform.workspace` and the like
    Terraform(Str),
    /// `self`
    SelfObject,
}
