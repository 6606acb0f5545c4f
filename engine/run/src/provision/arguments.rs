//! Arguments of provisioners and connections, as plain as they are.

use muster_value::{Number, Value};

use crate::Str;

/// The attributes of an object. Null counts as not there.
pub(super) struct Arguments(Value);

impl Arguments {
    /// Of an object that is wholly known, marked or not.
    pub(super) fn new(object: &Value) -> Self {
        Self(object.unmark_deep())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<Str> {
        self.0.get(name)?.as_str().cloned()
    }

    /// A text with something in it.
    pub(super) fn filled(&self, name: &str) -> Option<Str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// A bool.
    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    /// A number.
    pub(super) fn number(&self, name: &str) -> Option<&Number> {
        self.0.get(name)?.as_number()
    }

    /// A list of texts, nulls left out; `None` when the list itself is null.
    pub(super) fn list(&self, name: &str) -> Option<Vec<Str>> {
        match self.0.get(name)? {
            Value::List(list) => Some(
                list.items
                    .iter()
                    .filter_map(|v| v.as_str().cloned())
                    .collect(),
            ),
            _ => None,
        }
    }

    /// A map of texts, nulls left out.
    pub(super) fn map(&self, name: &str) -> Vec<(Str, Str)> {
        match self.0.get(name) {
            Some(Value::Map(map)) => {
                let entries = map.entries.iter();
                let entries = entries.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.clone())));
                entries.collect()
            }
            _ => Vec::new(),
        }
    }
}
