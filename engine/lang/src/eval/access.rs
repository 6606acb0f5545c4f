//! Parts of values: attributes, elements, splats.

use muster_value::{Type, Value, convert};

use super::{Evaluated, Evaluator, Failure, Gathered};
use crate::{NodeId, Str};

impl Evaluator<'_> {
    pub(super) fn get_attr(&mut self, id: NodeId, object: NodeId, name: &Str) -> Evaluated {
        let value = self.node(object).map_err(|failure| {
            let part = self.attribute((id, object), &failure.spare, name);
            failure.with_spare(part.unwrap_or_else(|other| other.spare))
        })?;
        self.attribute((id, object), &value, name)
    }

    fn attribute(&self, (id, object): (NodeId, NodeId), value: &Value, name: &Str) -> Evaluated {
        let marks = value.marks();
        let error =
            |summary: &str, detail: String| Err(self.error_at_step(id, object, summary, detail));
        let unsupported = |detail: String| error("Unsupported attribute", detail);
        match value.peel() {
            Value::Null(_) => {
                let detail = format!("This value is null, so it has no attribute \"{name}\".");
                error("Attempt to get attribute from null value", detail)
            }
            Value::Object(attributes) => match attributes.get(name) {
                Some(found) => Ok(found.clone().mark(marks)),
                None => unsupported(no_attribute(name, attributes.keys())),
            },
            Value::Map(map) => match map.entries.get(name) {
                Some(found) => Ok(found.clone().mark(marks)),
                None => {
                    let detail = format!("This map has no element \"{name}\".");
                    error("Missing map element", detail)
                }
            },
            Value::Unknown(unknown) => match &unknown.ty {
                Type::Dynamic => Ok(Value::unknown(Type::Dynamic).mark(marks)),
                Type::Map(elem) => Ok(Value::unknown(elem.as_ref().clone()).mark(marks)),
                Type::Object(object) => match object.attributes.get(name) {
                    Some(ty) => Ok(Value::unknown(ty.clone()).mark(marks)),
                    None => unsupported(no_attribute(name, object.attributes.keys())),
                },
                ty => unsupported(attributeless(ty, name)),
            },
            other => unsupported(attributeless(&other.ty(), name)),
        }
    }

    pub(super) fn index(&mut self, id: NodeId, collection: NodeId, key: NodeId) -> Evaluated {
        let (value, key) = match (self.node(collection), self.node(key)) {
            (Ok(value), Ok(key)) => (value, key),
            (value, key) => return Err(self.no_element(value, key)),
        };
        if value.is_null() {
            let detail = "This value is null, so it has no elements.";
            return Err(self.error_at_step(id, collection, "Attempt to index null value", detail));
        }
        if key.is_null() {
            return Err(self.error_at_step(id, collection, "Invalid index", "The key is null."));
        }
        let marks = value.marks() | key.marks();
        element(value.peel(), key.peel())
            .map(|found| found.mark(marks))
            .map_err(|detail| self.error_at_step(id, collection, "Invalid index", detail))
    }

    /// What is known of an element when the collection or the key failed.
    fn no_element(&self, value: Evaluated, key: Evaluated) -> Failure {
        let mut both = Gathered::new(());
        let (value, key) = (both.take(value), both.take(key));
        let marks = value.marks() | key.marks();
        let part = element(value.peel(), key.peel()).map(|found| found.mark(marks));
        let spare = part.unwrap_or_else(|_| Value::unknown(Type::Dynamic));
        Failure::from(both.failed.unwrap_or_default()).with_spare(spare)
    }

    pub(super) fn splat(&mut self, source: NodeId, each: NodeId, slot: u32) -> Evaluated {
        let (value, marks) = self.node(source).map_err(Failure::without_spare)?.unmark();
        let result = match &value {
            Value::Null(Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
                let detail = "This value is null, so it has no elements. A single value that is null would give none.";
                return Err(self.error(source, "Splat of null value", detail));
            }
            Value::Null(_) => Ok(Value::tuple([])),
            Value::Tuple(items) => self.each_in_tuple(items, each, slot),
            Value::List(_) | Value::Set(_) => self.each_in_list(&value, each, slot),
            Value::Unknown(unknown) => {
                let result = self.splat_unknown(&unknown.ty, &value, each, slot)?;
                return Ok(result.mark(marks));
            }
            single => self.each_in_tuple(std::slice::from_ref(single), each, slot),
        };
        match result {
            Ok(result) => Ok(result.mark(marks)),
            Err(failure) => {
                let spare = self.splat_type(&value, each, slot)?;
                Err(failure.with_spare(Value::unknown(spare).mark(marks)))
            }
        }
    }

    /// The type of a splat of which elements failed: what elements give that are not known.
    fn splat_type(&mut self, value: &Value, each: NodeId, slot: u32) -> Result<Type, Failure> {
        let types = match value {
            Value::List(_) | Value::Set(_) => value.ty().element().cloned().into_iter().collect(),
            Value::Tuple(items) => items.iter().map(Value::ty).collect(),
            single => vec![single.ty()],
        };
        self.count_rounds(each, types.len())?;
        let items: Vec<Value> = types.into_iter().map(Value::unknown).collect();
        let mut results = self
            .each_of(&items, each, slot)
            .so_far
            .into_iter()
            .map(|v| v.ty());
        Ok(match value {
            Value::List(_) | Value::Set(_) => Type::list(results.next().unwrap_or(Type::Dynamic)),
            _ => Type::tuple(results),
        })
    }

    /// A list where all results are of one type. Without elements, one that is not known tells
    /// the type.
    fn each_in_list(&mut self, value: &Value, each: NodeId, slot: u32) -> Evaluated {
        let items = value.as_slice().unwrap_or_default();
        if items.is_empty() {
            let elem = value.ty().element().cloned().unwrap_or(Type::Dynamic);
            let shape = self.each(&[Value::unknown(elem)], each, slot)?;
            return Ok(Value::list(shape[0].ty(), Vec::new()));
        }
        let together = |results: Vec<Value>| {
            let elem = results[0].ty();
            match results.iter().all(|v| v.ty() == elem) {
                true => Value::list(elem, results),
                false => Value::tuple(results),
            }
        };
        self.each_of(items, each, slot).finish(together)
    }

    fn each_in_tuple(&mut self, items: &[Value], each: NodeId, slot: u32) -> Evaluated {
        self.each_of(items, each, slot).finish(Value::tuple)
    }

    fn each_of(&mut self, items: &[Value], each: NodeId, slot: u32) -> Gathered<Vec<Value>> {
        let mut results = Gathered::new(Vec::with_capacity(items.len()));
        for item in items {
            self.slots[slot as usize] = item.clone();
            let result = self.node(each);
            let result = results.take(result);
            results.so_far.push(result);
        }
        results
    }

    fn splat_unknown(&mut self, ty: &Type, value: &Value, each: NodeId, slot: u32) -> Evaluated {
        Ok(match ty {
            Type::List(elem) | Type::Set(elem) => {
                let shape = self.each(&[Value::unknown(elem.as_ref().clone())], each, slot)?;
                Value::unknown_not_null(Type::list(shape[0].ty()))
            }
            Type::Tuple(types) => {
                let items: Vec<_> = types.iter().cloned().map(Value::unknown).collect();
                Value::tuple(self.each(&items, each, slot)?)
            }
            Type::Dynamic => Value::unknown(Type::Dynamic),
            // A single value gives a tuple of one, null gives none: which one is not known.
            _ => {
                let one = Value::tuple(self.each(std::slice::from_ref(value), each, slot)?);
                match value {
                    Value::Unknown(u) if u.refinement.not_null => one,
                    _ => Value::unknown_not_null(Type::Dynamic),
                }
            }
        })
    }

    fn each(&mut self, items: &[Value], each: NodeId, slot: u32) -> Result<Vec<Value>, Failure> {
        self.count_elements(each, items.len())?;
        items
            .iter()
            .map(|item| {
                self.slots[slot as usize] = item.clone();
                self.node(each)
            })
            .collect()
    }
}

/// The element of a collection that is not null, by a key that is not null.
pub(super) fn element(collection: &Value, key: &Value) -> Result<Value, String> {
    let unknown = matches!(collection, Value::Unknown(u) if u.ty == Type::Dynamic)
        || matches!(key, Value::Unknown(u) if u.ty == Type::Dynamic);
    let ty = match collection {
        Value::Unknown(u) => u.ty.clone(),
        Value::List(_) | Value::Tuple(_) => Type::list(Type::Dynamic),
        Value::Map(_) | Value::Object(_) => Type::map(Type::Dynamic),
        other => other.ty(),
    };
    match ty {
        Type::Set(_) => Err("The elements of a set have no keys. Use a for expression, or tolist() when the order does not matter.".into()),
        _ if unknown && !matches!(ty, Type::Bool | Type::Number | Type::String) => Ok(Value::unknown(Type::Dynamic)),
        Type::List(_) | Type::Tuple(_) => item(collection, key),
        Type::Map(_) | Type::Object(_) => entry(collection, key),
        other => Err(format!("A {} has no elements.", other.friendly_name())),
    }
}

/// The element of a list or tuple.
fn item(collection: &Value, key: &Value) -> Result<Value, String> {
    let key = convert(key, &Type::Number)
        .map_err(|e| format!("A list or tuple is indexed by a number: {e}."))?;
    let Some(number) = key.as_number() else {
        return Ok(Value::unknown(match collection {
            Value::List(list) => list.elem.clone(),
            Value::Unknown(u) => u.ty.element().cloned().unwrap_or(Type::Dynamic),
            _ => Type::Dynamic,
        }));
    };
    if number.is_negative() {
        return Err(format!(
            "The index {number} is negative: elements are counted from zero."
        ));
    }
    if !number.is_integer() {
        return Err(format!("The index {number} is not a whole number."));
    }
    let index = number.to_u64().and_then(|i| usize::try_from(i).ok());
    let count = match collection {
        Value::Unknown(u) => match &u.ty {
            Type::Tuple(types) => match index.and_then(|i| types.get(i)) {
                Some(ty) => return Ok(Value::unknown(ty.clone())),
                None => types.len(),
            },
            other => {
                let elem = other.element().cloned().unwrap_or(Type::Dynamic);
                match u.refinement.max_length {
                    Some(max) if index.is_none_or(|i| i as u64 >= max) => max as usize,
                    _ => return Ok(Value::unknown(elem)),
                }
            }
        },
        known => {
            let items = known.as_slice().unwrap_or_default();
            match index.and_then(|i| items.get(i)) {
                Some(found) => return Ok(found.clone()),
                None => items.len(),
            }
        }
    };
    Err(match count {
        0 => "There are no elements.".into(),
        1 => format!("There is only one element, with index 0, but the index is {number}."),
        n => format!(
            "There are only {n} elements, with indexes 0 to {}, but the index is {number}.",
            n - 1
        ),
    })
}

/// The element of a map or the attribute of an object.
fn entry(collection: &Value, key: &Value) -> Result<Value, String> {
    let key = convert(key, &Type::String)
        .map_err(|e| format!("A map or object is indexed by a string: {e}."))?;
    let Some(name) = key.as_str() else {
        return Ok(Value::unknown(match collection {
            Value::Map(map) => map.elem.clone(),
            Value::Unknown(u) => u.ty.element().cloned().unwrap_or(Type::Dynamic),
            _ => Type::Dynamic,
        }));
    };
    match collection {
        Value::Unknown(u) => match &u.ty {
            Type::Map(elem) => Ok(Value::unknown(elem.as_ref().clone())),
            ty => match ty.attribute(name) {
                Some(ty) => Ok(Value::unknown(ty.clone())),
                None => Err(format!("There is no attribute \"{name}\".")),
            },
        },
        known => match known.get(name) {
            Some(found) => Ok(found.clone()),
            None => Err(format!("There is no element with the key \"{name}\".")),
        },
    }
}

fn no_attribute<'a>(name: &str, known: impl Iterator<Item = &'a Str>) -> String {
    let hint = crate::body::did_you_mean(name, known.map(|k| &**k));
    format!("This object has no attribute \"{name}\".{hint}")
}

fn attributeless(ty: &Type, name: &str) -> String {
    let what = ty.friendly_name();
    match ty {
        Type::List(elem) | Type::Set(elem) if elem.attribute(name).is_some() => format!(
            "A {what} has no attributes, but its elements have \"{name}\": pick one with an index, or take all with [*].{name}."
        ),
        Type::List(_) | Type::Set(_) | Type::Tuple(_) => {
            format!(
                "A {what} has no attributes. Pick an element with an index, or take all with [*].{name}."
            )
        }
        _ => format!("A {what} has no attributes."),
    }
}
