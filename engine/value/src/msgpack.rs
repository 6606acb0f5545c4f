mod read;
mod write;

use std::fmt;

use crate::{Path, PathStep, Type, Value};

/// Extension type of an unknown value with refinements.
const REFINED: i8 = 12;

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
        if self.path.is_root() {
            f.write_str(&self.reason)
        } else {
            write!(
                f,
                "{}: {}",
                self.path.to_string().trim_start_matches('.'),
                self.reason
            )
        }
    }
}

impl std::error::Error for MsgpackError {}

impl MsgpackError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: Path::root(),
            reason: reason.into(),
        }
    }

    fn inside(mut self, step: PathStep) -> Self {
        self.path.0.insert(0, step);
        self
    }

    /// Elements of sets have no path: what went wrong in one is told of the set.
    fn in_set(mut self) -> Self {
        self.path = Path::root();
        self
    }
}

type Done<T> = Result<T, MsgpackError>;

/// Encodes an unmarked value as a value of the type; unknowns become extension values.
///
/// # Errors
/// A part is marked or not of the type.
pub fn to_msgpack(value: &Value, ty: &Type) -> Result<Vec<u8>, MsgpackError> {
    let mut out = Vec::new();
    write::value(&mut out, value, ty)?;
    Ok(out)
}

/// Decodes a value of the type.
///
/// # Errors
/// The bytes are not one msgpack value of the type's shape.
pub fn from_msgpack(bytes: &[u8], ty: &Type) -> Result<Value, MsgpackError> {
    read::whole(bytes, &ty.without_optional())
}

#[cfg(test)]
mod tests;
