//! Default values of optional object attributes.

use std::collections::BTreeMap;

use muster_value::{Object, Value};

use crate::{Defaults, Str};

impl Defaults {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty() && self.children.is_empty()
    }

    /// The value with attributes that are missing or null filled in, at any depth. To be done
    /// before conversion to the type: collections that changed come back as tuples and objects.
    #[must_use]
    pub fn apply(&self, value: &Value) -> Value {
        if self.is_empty() {
            return value.clone();
        }
        let inner = value.peel();
        let filled = if let Some(items) = inner.as_slice() {
            self.apply_items(items)
        } else if let Some(entries) = inner.as_entries() {
            self.apply_entries(entries)
        } else {
            return value.clone();
        };
        filled.mark(value.marks())
    }

    /// Elements of a list or set share one child; elements of a tuple have one each.
    fn apply_items(&self, items: &[Value]) -> Value {
        let each = self.children.get("");
        Value::tuple(items.iter().enumerate().map(|(i, item)| {
            let child = each.or_else(|| self.children.get(i.to_string().as_str()));
            child.map_or_else(|| item.clone(), |child| child.apply(item))
        }))
    }

    fn apply_entries(&self, entries: &BTreeMap<Str, Value>) -> Value {
        let each = self.children.get("");
        let mut filled = Object::from(entries.clone());
        for (name, default) in &self.attributes {
            let absent = filled.get(name).is_none_or(|v| v.is_known() && v.is_null());
            if absent {
                filled.insert(name.clone(), default.clone());
            }
        }
        for (name, value) in filled.iter_mut() {
            if let Some(child) = each.or_else(|| self.children.get(name)) {
                *value = child.apply(value);
            }
        }
        Value::object(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Defaults {
        let inner = Defaults {
            attributes: [("port".into(), Value::int(80))].into(),
            children: BTreeMap::new(),
        };
        Defaults {
            attributes: [("web".into(), Value::object::<Str>([]))].into(),
            children: [("web".into(), inner)].into(),
        }
    }

    #[test]
    fn missing_and_null_attributes_are_filled_in() {
        let web = |port| Value::object([("web", Value::object([("port", Value::int(port))]))]);
        let empty = Value::object::<Str>([]);
        assert_eq!(defaults().apply(&empty), web(80));
        assert_eq!(
            defaults().apply(&Value::object([("web", Value::NULL)])),
            web(80)
        );
        assert_eq!(defaults().apply(&web(1)), web(1));
    }

    #[test]
    fn elements_of_collections_are_filled_in() {
        let list = Defaults {
            attributes: BTreeMap::new(),
            children: [("".into(), defaults())].into(),
        };
        let filled = list.apply(&Value::tuple([Value::object::<Str>([])]));
        let port = filled.as_slice().unwrap()[0]
            .get("web")
            .unwrap()
            .get("port")
            .cloned();
        assert_eq!(port, Some(Value::int(80)));
        assert_eq!(list.apply(&Value::NULL), Value::NULL);
    }
}
