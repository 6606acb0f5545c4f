//! The msgpack form of values on the plugin wire. Skeleton to be replaced.
use std::fmt;

use crate::{Path, Type, Value};

/// Why bytes are not a value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsgpackError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong.
    pub reason: String,
}
impl fmt::Display for MsgpackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
impl std::error::Error for MsgpackError {}

/// Encodes an unmarked value as a value of the type; unknowns become extension values.
pub fn to_msgpack(value: &Value, ty: &Type) -> Result<Vec<u8>, MsgpackError> {
    let _ = (value, ty);
    Ok(Vec::new())
}
/// Decodes a value of the type.
pub fn from_msgpack(bytes: &[u8], ty: &Type) -> Result<Value, MsgpackError> {
    let _ = (bytes, ty);
    Ok(Value::NULL)
}
