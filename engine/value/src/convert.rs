//! Conversions between types. Skeleton to be replaced.
use std::fmt;

use crate::{Path, Type, Value};

/// Why a value does not convert, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertError {
    /// The part that does not fit.
    pub path: Path,
    /// What is wrong with it: `a number is required`.
    pub reason: String,
}
impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
impl std::error::Error for ConvertError {}

/// Converts a value to a type as the language does: exactly what a variable's `type` or a
/// provider's schema demands. Unknown and null values convert by their type, marks stay.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    let _ = ty;
    Ok(value.clone())
}
