//! Provider schemas, and what can be said about a value by its schema alone: its type, whether
//! a plan or a result is allowed, what the proposed new state is, which parts are sensitive.
//!
//! Nothing here evaluates expressions, knows of source positions or talks to a provider. Values
//! that do not fit their schema never panic: what cannot be looked at is reported or left alone.

mod applied;
mod body;
mod check;
mod coerce;
mod correlate;
mod count;
mod identity;
mod ignore;
mod map;
mod normalize;
mod planned;
mod propose;
#[cfg(test)]
mod recorded;
mod replace;
#[cfg(test)]
mod testing;
mod types;
mod write_only;

pub use applied::check_applied;
pub use check::{SchemaError, check_conforms};
pub use coerce::coerce;
pub use count::{BlockCountError, block_count_errors};
pub use identity::{IdentityAttribute, IdentitySchema};
pub use ignore::{IgnoreChanges, apply_ignore_changes, keep_ignored};
pub use map::SchemaMap;
pub use normalize::normalize_blocks;
pub use planned::check_planned;
pub use propose::{proposed_new, unknown_computed};
pub use replace::{check_replace_paths, requires_replace};
pub use types::{
    Attribute, AttributeType, Block, FunctionSignature, NestedBlock, Nesting, Parameter,
    ProviderSchema, Schema, StringKind,
};
pub use write_only::{check_write_only_null, write_only_paths};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
