//! What the state tells about the objects of a type.

use std::collections::{BTreeMap, HashSet};

use muster_addr::Mode;
use muster_plan::is_identity;
use muster_snapshot::Snapshot;
use muster_value::{Type, Value};

use crate::Str;

/// See the module.
pub(crate) struct Known {
    ids: HashSet<Str>,
    /// Objects that have no id.
    others: Vec<Value>,
    /// Attributes that have the id in some object, and whether they have it in all.
    named_by: BTreeMap<Str, bool>,
}

impl Known {
    pub(crate) fn new(state: &Snapshot, type_name: &str, ty: &Type) -> Self {
        let mut known = Self {
            ids: HashSet::new(),
            others: Vec::new(),
            named_by: BTreeMap::new(),
        };
        let resources = state.resources.iter();
        let of_type = resources.filter(|(addr, _)| {
            addr.resource.mode == Mode::Managed && *addr.resource.type_name == *type_name
        });
        for instance in of_type.flat_map(|(_, resource)| resource.instances.values()) {
            for object in instance.current.iter().chain(instance.deposed.values()) {
                // One of another version of the schema has nothing to tell.
                if let Ok(value) = object.decode(ty) {
                    known.learn(&value);
                }
            }
        }
        known
    }

    /// Takes note of an object.
    pub(crate) fn learn(&mut self, object: &Value) {
        let Some(id) = id(object) else {
            return self.others.push(object.clone());
        };
        for (name, value) in object.as_entries().into_iter().flatten() {
            if let (Some(text), true) = (value.as_str(), **name != *"id") {
                let all = self.named_by.entry(name.clone()).or_insert(true);
                *all &= text == id;
            }
        }
        self.ids.insert(id.clone());
    }

    /// Whether an object is among them.
    pub(crate) fn has(&self, object: &Value) -> bool {
        match id(object) {
            Some(id) => self.ids.contains(id),
            None => self.others.iter().any(|other| other.same(object)),
        }
    }

    /// Whether no object was made if there is none by the id that an attribute gives. A name
    /// alone does not prove that: many types have ids that only the service knows.
    pub(crate) fn proves(&self, type_name: &str, attribute: &str) -> bool {
        match self.named_by.get(attribute) {
            Some(always) if attribute != "id" => *always,
            _ => is_identity(type_name, attribute),
        }
    }
}

fn id(object: &Value) -> Option<&Str> {
    object.get("id").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str, name: &str, host: &str) -> Value {
        Value::object([("id", id), ("name", name), ("host", host)].map(|(k, v)| (k, v.into())))
    }

    fn known(objects: &[Value]) -> Known {
        let mut known = Known::new(&Snapshot::default(), "a_host", &Type::Dynamic);
        for object in objects {
            known.learn(object);
        }
        known
    }

    #[test]
    fn other_objects_show_which_attribute_is_the_id() {
        let check = |objects: &[Value], attribute: &str, expect: bool| {
            let proves = known(objects).proves("a_host", attribute);
            assert_eq!(proves, expect, "{objects:?} {attribute}");
        };
        check(&[], "name", false);
        check(&[], "host", true);
        check(&[], "id", true);
        let (a, b, c) = (
            object("a", "a", "h"),
            object("b", "b", "b"),
            object("c", "x", "c"),
        );
        check(&[a.clone(), b.clone()], "name", true);
        check(&[a.clone(), b.clone(), c.clone()], "name", false);
        check(std::slice::from_ref(&a), "host", false);
        check(&[b, c], "host", true);
        check(&[a], "id", true);
    }

    #[test]
    fn objects_are_known_by_their_id() {
        let known = known(&[object("a", "x", "y"), Value::object([("name", "n".into())])]);
        assert!(known.has(&object("a", "other", "other")));
        assert!(!known.has(&object("b", "x", "y")));
        assert!(known.has(&Value::object([("name", "n".into())])));
        assert!(!known.has(&Value::object([("name", "m".into())])));
    }
}
