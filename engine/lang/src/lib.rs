//! The language: text to spanned syntax, diagnostics, and the evaluation of expressions.
//!
//! Both syntaxes (HCL native and JSON) give a [`Body`]; what belongs in a body is said by a
//! [`BodySchema`]. An expression is lowered once to an [`Expr`], in which every reference and
//! function is resolved, and evaluated as often as wanted with [`eval`]. Nothing here does I/O:
//! files are read through the [`Files`] that a caller provides.

pub mod body;
pub mod diag;
pub mod eval;
pub mod expr;
pub mod fmt;
pub mod functions;
mod lower;
pub mod syntax;

pub use body::{
    Attribute, AttributeSchema, Block, BlockSchema, Body, BodySchema, Content, RawExpr,
};
pub use diag::{Diagnostic, DiagnosticKind, Diags, FileId, Severity, SourceFile, Sources, Span};
pub use eval::{Files, Scope, eval, eval_stored, referred_values};
pub use expr::{Expr, Node, NodeId, Reference, Subject};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
