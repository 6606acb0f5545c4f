//! Provider schemas, and what can be said about a value by its schema alone: its type, whether
//! a plan or a result is allowed, what the proposed new state is, which parts are sensitive.
//!
//! Nothing here evaluates expressions, knows of source positions or talks to a provider.

mod check;
mod propose;
mod types;

pub use check::{
    SchemaError, check_applied, check_conforms, check_planned, check_write_only_null,
    normalize_blocks,
};
pub use propose::{proposed_new, unknown_computed};
pub use types::{
    Attribute, AttributeType, Block, FunctionSignature, NestedBlock, Nesting, Parameter,
    ProviderSchema, Schema, StringKind,
};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
