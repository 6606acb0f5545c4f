//! Sets: order and identity of elements. Skeleton to be replaced.
use std::cmp::Ordering;
use std::sync::Arc;

use crate::{Set, Type, Value};

/// A set of the items: sorted as the language sorts, duplicates gone, marks of elements moved
/// to the set itself.
pub fn set_value(elem: Type, items: Vec<Value>) -> Value {
    Value::Set(Arc::new(Set { elem, items }))
}

/// The order in which a set holds its elements.
pub fn set_order(_a: &Value, _b: &Value) -> Ordering {
    Ordering::Equal
}
