//! What objects are known by for all of their life.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use muster_value::{Path, Type, Value, convert};

use crate::{SchemaError, Str};

/// What a provider knows the objects of a resource type by. The value is an object that stays the
/// same for all of an object's life, and that no other object has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdentitySchema {
    /// Version of the stored form.
    pub version: u64,
    /// Attributes by name, in the provider's order.
    pub attributes: IndexMap<Str, IdentityAttribute>,
}

/// A part of an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentityAttribute {
    /// Its type.
    pub ty: Type,
    /// Nothing can be imported without it.
    pub required_for_import: bool,
    /// It may be left out of an import: the provider knows it, an account or a region.
    pub optional_for_import: bool,
    /// Description, in Markdown.
    pub description: String,
}

impl IdentitySchema {
    /// The type of an identity.
    pub fn implied_type(&self) -> Type {
        let attributes = self.attributes.iter();
        Type::object(attributes.map(|(name, a)| (name.clone(), a.ty.clone())))
    }

    /// Whether a value has the type of an identity.
    pub fn conforms(&self, value: &Value) -> bool {
        value.ty() == self.implied_type()
    }

    /// An identity to import by from what somebody wrote: an unmarked value in which attributes
    /// may be missing or of another type that can be converted. What is left out is null.
    ///
    /// # Errors
    /// Everything that is wrong with it, by path.
    pub fn for_import(&self, written: &Value) -> Result<Value, Vec<SchemaError>> {
        let Some(entries) = written.as_entries() else {
            let reason = "an object with the attributes of the identity is required";
            return Err(vec![SchemaError::new(&Path::root(), reason)]);
        };
        let mut errors: Vec<SchemaError> = entries
            .keys()
            .filter(|name| !self.attributes.contains_key(*name))
            .map(|name| {
                let known: Vec<&str> = self.attributes.keys().map(|n| &**n).collect();
                let reason = format!(
                    "is no attribute of the identity, which has {}",
                    known.join(", ")
                );
                SchemaError::new(&Path::root().attr(name.clone()), reason)
            })
            .collect();
        let mut identity = BTreeMap::new();
        for (name, attribute) in &self.attributes {
            match attribute.for_import(entries.get(name)) {
                Ok(value) => {
                    identity.insert(name.clone(), value);
                }
                Err(reason) => {
                    errors.push(SchemaError::new(&Path::root().attr(name.clone()), reason));
                }
            }
        }
        match errors.is_empty() {
            true => Ok(Value::object(identity)),
            false => Err(errors),
        }
    }
}

impl IdentityAttribute {
    fn for_import(&self, written: Option<&Value>) -> Result<Value, String> {
        match written.filter(|value| !value.is_null()) {
            Some(value) => convert(value, &self.ty).map_err(|error| error.to_string()),
            None if self.required_for_import => Err("is required".to_owned()),
            None => Ok(Value::Null(self.ty.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> IdentitySchema {
        let attribute = |ty, required| IdentityAttribute {
            ty,
            required_for_import: required,
            optional_for_import: !required,
            description: String::new(),
        };
        IdentitySchema {
            version: 1,
            attributes: [
                ("name".into(), attribute(Type::String, true)),
                ("port".into(), attribute(Type::Number, true)),
                ("region".into(), attribute(Type::String, false)),
            ]
            .into(),
        }
    }

    #[track_caller]
    fn check(written: Value, expect: Result<Value, &[&str]>) {
        let found = schema().for_import(&written).map_err(|errors| {
            let shown = errors.iter().map(ToString::to_string);
            shown.collect::<Vec<_>>()
        });
        match expect {
            Ok(value) => assert!(found.unwrap().same(&value)),
            Err(errors) => assert_eq!(found.unwrap_err(), errors),
        }
    }

    #[test]
    fn what_is_written_becomes_an_identity() {
        let region = || ("region", Value::Null(Type::String));
        check(
            Value::object([("name", "a".into()), ("port", "80".into())]),
            Ok(Value::object([
                ("name", "a".into()),
                ("port", Value::int(80)),
                region(),
            ])),
        );
        let map = [("name", "a"), ("port", "1")].map(|(k, v)| (k.into(), v.into()));
        check(
            Value::map(Type::String, map.into()),
            Ok(Value::object([
                ("name", "a".into()),
                ("port", Value::int(1)),
                region(),
            ])),
        );
        check(
            Value::object([
                ("name", Value::NULL),
                ("port", "x".into()),
                ("id", "y".into()),
            ]),
            Err(&[
                ".id: is no attribute of the identity, which has name, port, region",
                ".name: is required",
                ".port: a number is required",
            ]),
        );
        check(
            "text".into(),
            Err(&["an object with the attributes of the identity is required"]),
        );
    }

    #[test]
    fn values_of_other_types_do_not_conform() {
        let whole = Value::object([
            ("name", Value::unknown(Type::String)),
            ("port", Value::int(1)),
            ("region", Value::Null(Type::String)),
        ]);
        assert!(schema().conforms(&whole));
        assert!(!schema().conforms(&Value::object([("name", "a".into())])));
        assert!(!schema().conforms(&Value::NULL));
    }
}
