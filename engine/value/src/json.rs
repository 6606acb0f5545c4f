//! JSON forms of values and types. Skeleton to be replaced.
use std::fmt;

use crate::{Path, Type, Value};

/// Why JSON is not a value of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong.
    pub reason: String,
}
impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
impl std::error::Error for JsonError {}

/// The type a JSON value has when nobody asks for one: objects, tuples, primitives.
pub fn implied_type(json: &serde_json::Value) -> Type {
    let _ = json;
    Type::Dynamic
}
/// Reads a value of a type. At `dynamic` positions JSON has `{"value":..., "type":...}`.
pub fn json_to_value(json: &serde_json::Value, ty: &Type) -> Result<Value, JsonError> {
    let _ = (json, ty);
    Ok(Value::NULL)
}
/// Writes a wholly known, unmarked value as a value of the type; unknowns are an error.
pub fn value_to_json(value: &Value, ty: &Type) -> Result<serde_json::Value, JsonError> {
    let _ = (value, ty);
    Ok(serde_json::Value::Null)
}
/// Reads a type: `"string"`, `["list","string"]`, `["object",{...}]`.
pub fn type_from_json(json: &serde_json::Value) -> Result<Type, JsonError> {
    let _ = json;
    Ok(Type::Dynamic)
}
/// Writes a type.
pub fn type_to_json(ty: &Type) -> serde_json::Value {
    let _ = ty;
    serde_json::Value::Null
}
