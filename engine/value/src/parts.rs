//! What collections are made of, and how it goes: values can be nested so deep that taking them
//! apart needs more stack than a thread has.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::types::deeper;
use crate::{List, Map, Set, Str, Value};

/// The items of a tuple. Cheap to clone.
#[derive(Clone, PartialEq)]
pub struct Tuple(Arc<[Value]>);

/// The attributes of an object.
#[derive(Clone, Default, PartialEq)]
pub struct Object(BTreeMap<Str, Value>);

impl fmt::Debug for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Deref for Tuple {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.0
    }
}

impl FromIterator<Value> for Tuple {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl Object {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for Object {
    type Target = BTreeMap<Str, Value>;

    fn deref(&self) -> &BTreeMap<Str, Value> {
        &self.0
    }
}

impl DerefMut for Object {
    fn deref_mut(&mut self) -> &mut BTreeMap<Str, Value> {
        &mut self.0
    }
}

impl From<BTreeMap<Str, Value>> for Object {
    fn from(attributes: BTreeMap<Str, Value>) -> Self {
        Self(attributes)
    }
}

impl<const N: usize> From<[(Str, Value); N]> for Object {
    fn from(attributes: [(Str, Value); N]) -> Self {
        Self(attributes.into())
    }
}

impl FromIterator<(Str, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Str, Value)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

impl IntoIterator for Object {
    type Item = (Str, Value);
    type IntoIter = btree_map::IntoIter<Str, Value>;

    fn into_iter(mut self) -> Self::IntoIter {
        mem::take(&mut self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Str, &'a Value);
    type IntoIter = btree_map::Iter<'a, Str, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Whether a value has parts that may have parts.
fn nests(value: &Value) -> bool {
    matches!(
        value,
        Value::List(_)
            | Value::Set(_)
            | Value::Map(_)
            | Value::Tuple(_)
            | Value::Object(_)
            | Value::Marked(_)
    )
}

impl Drop for Tuple {
    fn drop(&mut self) {
        // Most often somebody else has the items still.
        if Arc::strong_count(&self.0) > 1 || !self.0.iter().any(nests) {
            return;
        }
        let Some(items) = Arc::get_mut(&mut self.0) else {
            return;
        };
        deeper(|| {
            for item in items.iter_mut().filter(|item| nests(item)) {
                drop(mem::replace(item, Value::Bool(false)));
            }
        });
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            let attributes = mem::take(&mut self.0);
            deeper(move || drop(attributes));
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        if !self.elem.is_primitive() {
            let items = mem::take(&mut self.items);
            deeper(move || drop(items));
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        if !self.elem.is_primitive() {
            let items = mem::take(&mut self.items);
            deeper(move || drop(items));
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if !self.elem.is_primitive() {
            let entries = mem::take(&mut self.entries);
            deeper(move || drop(entries));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Type;

    /// Values are compared, copied and dropped on the 2 MiB of stack that tests have.
    #[test]
    fn values_of_any_depth_come_apart() {
        const DEPTH: usize = 100_000;
        let check = |around: &dyn Fn(Value) -> Value| {
            let value = (0..DEPTH).fold(Value::from("a"), |value, _| around(value));
            let shared = value.clone();
            drop(value);
            assert!(shared.same(&shared));
            drop(shared);
        };
        check(&|value| Value::tuple([value]));
        check(&|value| Value::object([("a", value)]));
        check(&|value| Value::list(Type::Dynamic, vec![value]));
        check(&|value| Value::map(Type::Dynamic, [("a".into(), value)].into()));
        check(&|value| {
            let (elem, items) = (Type::Dynamic, vec![value]);
            Value::Set(Arc::new(Set { elem, items }))
        });
        check(&|value| Value::tuple([1.into(), value]).mark(crate::Marks::SENSITIVE));
    }
}
