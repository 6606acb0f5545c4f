//! Values and types of the language.
//!
//! A [`Value`] carries its type, may be null or unknown (with refinements), and may be marked
//! sensitive or ephemeral at any depth. Values are immutable and cheap to clone: every
//! collection is shared. Nothing here reads files, evaluates expressions or knows of providers.

mod convert;
mod date;
mod json;
mod marks;
mod msgpack;
mod number;
mod parts;
mod path;
mod set;
mod stored;
#[cfg(test)]
mod testing;
mod types;
mod unify;
mod unknown;
mod value;

pub use convert::{ConvertError, convert};
pub use date::Date;
pub use json::{
    JsonError, implied_type, json_to_value, type_from_json, type_to_json, value_to_json,
};
pub use marks::Marks;
pub use msgpack::{MsgpackError, from_msgpack, to_msgpack};
pub use number::{Number, NumberError};
pub use parts::{Object, Tuple};
pub use path::{Path, PathStep};
pub use set::{set_order, set_value};
pub use types::{Elem, Elems, ObjectType, Type};
pub use unify::{unify, unify_all};
pub use unknown::{Refinement, Unknown};
pub use value::{List, Map, Marked, Set, Value};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
