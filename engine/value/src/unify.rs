//! The common type of several. Skeleton to be replaced.
use crate::{Type, Value};

/// The type all of `types` convert to without loss, as a conditional or a list needs it.
pub fn unify(types: &[Type]) -> Option<Type> {
    types.first().cloned()
}

/// The values converted to their common type.
pub fn unify_all(values: &[Value]) -> Option<(Type, Vec<Value>)> {
    let _ = values;
    None
}
