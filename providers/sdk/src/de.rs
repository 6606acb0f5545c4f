//! Values to Rust types, through serde.

use std::collections::btree_map;

use muster_value::{PathStep, Str, Value};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};

use crate::fault::Fault;
use crate::field::FIELD_NAME;

/// What a plain Rust type makes of a value that is not known yet. [`Field`](crate::Field)
/// always sees the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknowns {
    /// It is an error.
    Refuse,
    /// It is as good as absent: `None`, an empty list.
    AsNull,
}

/// Reads a Rust type from a value. An absent list or map reads as an empty one.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Fault> {
    T::deserialize(De {
        value,
        unknowns: Unknowns::Refuse,
    })
}

/// Reads a Rust type from a planned object, in which whatever the provider is still to fill in
/// is unknown: such parts read as absent.
pub(crate) fn from_planned<T: DeserializeOwned>(value: &Value) -> Result<T, Fault> {
    T::deserialize(De {
        value,
        unknowns: Unknowns::AsNull,
    })
}

#[derive(Clone, Copy)]
struct De<'a> {
    value: &'a Value,
    unknowns: Unknowns,
}

impl<'a> De<'a> {
    fn with(self, value: &'a Value) -> Self {
        Self { value, ..self }
    }

    /// Whether the value counts as absent.
    fn is_absent(self) -> bool {
        self.value.is_null() || (self.unknowns == Unknowns::AsNull && !self.value.is_known())
    }
}

impl<'de> Deserializer<'de> for De<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value.peel() {
            Value::Unknown(_) if self.unknowns == Unknowns::Refuse => {
                Err(Fault::new("the value is not known yet"))
            }
            Value::Null(_) | Value::Unknown(_) => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Number(n) => {
                if let Some(n) = n.to_i64() {
                    visitor.visit_i64(n)
                } else if let Some(n) = n.to_u64() {
                    visitor.visit_u64(n)
                } else {
                    visitor.visit_f64(n.to_f64())
                }
            }
            Value::String(s) => visitor.visit_str(s),
            Value::List(_) | Value::Set(_) | Value::Tuple(_) => self.deserialize_seq(visitor),
            Value::Map(_) | Value::Object(_) => self.deserialize_map(visitor),
            Value::Marked(_) => Err(Fault::new("the value carries marks")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_absent() {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_absent() {
            return visitor.visit_seq(Seq {
                de: self,
                items: [].iter(),
                next: 0,
            });
        }
        match self.value.as_slice() {
            Some(items) => visitor.visit_seq(Seq {
                de: self,
                items: items.iter(),
                next: 0,
            }),
            None => Err(Fault::invalid_type(unexpected(self.value), &visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.is_absent() {
            let none = btree_map::BTreeMap::new();
            return visitor.visit_map(Entries {
                de: self,
                entries: none.iter(),
                pending: None,
            });
        }
        match self.value.as_entries() {
            Some(entries) => visitor.visit_map(Entries {
                de: self,
                entries: entries.iter(),
                pending: None,
            }),
            None => Err(Fault::invalid_type(unexpected(self.value), &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.value.as_entries().is_none() {
            let reason = if self.value.is_known() {
                "a value is required"
            } else {
                "the value is not known yet"
            };
            return Err(Fault::new(reason));
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == FIELD_NAME {
            return visitor.visit_enum(FieldAccess(self));
        }
        match self.value.as_str() {
            Some(text) => {
                let text: StrDeserializer<'_, Fault> = (**text).into_deserializer();
                visitor.visit_enum(text)
            }
            None => Err(Fault::invalid_type(unexpected(self.value), &visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct identifier
    }
}

/// Runs one level of recursion with stack enough for it: values of dynamic attributes are as
/// deep as their author likes.
pub(crate) fn deeper<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, f)
}

fn unexpected(value: &Value) -> serde::de::Unexpected<'_> {
    use serde::de::Unexpected;
    match value.peel() {
        Value::Null(_) => Unexpected::Other("null"),
        Value::Unknown(_) => Unexpected::Other("a value that is not known yet"),
        Value::Bool(b) => Unexpected::Bool(*b),
        Value::Number(n) => Unexpected::Float(n.to_f64()),
        Value::String(s) => Unexpected::Str(s),
        Value::List(_) | Value::Set(_) | Value::Tuple(_) => Unexpected::Seq,
        _ => Unexpected::Map,
    }
}

struct Seq<'a> {
    de: De<'a>,
    items: std::slice::Iter<'a, Value>,
    next: u64,
}

impl<'de> SeqAccess<'de> for Seq<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.items.next() else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        deeper(|| seed.deserialize(self.de.with(item)))
            .map(Some)
            .map_err(|fault| fault.inside(PathStep::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'a, 'b> {
    de: De<'a>,
    entries: btree_map::Iter<'b, Str, Value>,
    pending: Option<(&'b Str, &'b Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.pending = self.entries.next();
        match self.pending {
            Some((key, _)) => {
                let key: StrDeserializer<'_, Fault> = (**key).into_deserializer();
                seed.deserialize(key).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.pending.take() else {
            return Err(Fault::new("a value was asked for before its key"));
        };
        let step = match self.de.value.peel() {
            Value::Map(_) => PathStep::Key(key.clone()),
            _ => PathStep::Attr(key.clone()),
        };
        let unknowns = self.de.unknowns;
        deeper(|| seed.deserialize(De { value, unknowns })).map_err(|fault| fault.inside(step))
    }
}

/// Presents a value to [`Field`](crate::Field)'s derived code as one of its variants.
struct FieldAccess<'a>(De<'a>);

impl<'a, 'de> EnumAccess<'de> for FieldAccess<'a> {
    type Error = Fault;
    type Variant = FieldContent<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Fault> {
        let variant = match self.0.value.peel() {
            Value::Unknown(_) => "Unknown",
            Value::Null(_) => "Null",
            _ => "Known",
        };
        let name: StrDeserializer<'_, Fault> = variant.into_deserializer();
        Ok((seed.deserialize(name)?, FieldContent(self.0)))
    }
}

struct FieldContent<'a>(De<'a>);

impl<'de> VariantAccess<'de> for FieldContent<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(unexpected(self.0.value), &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        Err(Fault::invalid_type(unexpected(self.0.value), &visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use muster_value::Type;
    use serde::Deserialize;

    use super::*;
    use crate::Field;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Sample {
        name: String,
        size: Field<u64>,
        id: Option<String>,
        tags: BTreeMap<String, String>,
    }

    fn sample(size: Value, id: Value) -> Value {
        Value::object([
            ("name", Value::from("a")),
            ("size", size),
            ("id", id),
            ("tags", Value::Null(Type::map(Type::String))),
        ])
    }

    #[test]
    fn fields_tell_unknown_from_null() {
        let read = |size| from_value::<Sample>(&sample(size, Value::from("i"))).map(|s| s.size);
        assert_eq!(read(Value::int(3)), Ok(Field::Known(3)));
        assert_eq!(read(Value::Null(Type::Number)), Ok(Field::Null));
        assert_eq!(read(Value::unknown(Type::Number)), Ok(Field::Unknown));
    }

    #[test]
    fn unknown_reads_as_absent_only_from_a_plan() {
        let value = sample(Value::int(1), Value::unknown(Type::String));
        assert_eq!(from_planned::<Sample>(&value).unwrap().id, None);
        let fault = from_value::<Sample>(&value).unwrap_err();
        assert_eq!(fault.path().to_string(), ".id");
        assert_eq!(fault.reason(), "the value is not known yet");
    }

    #[test]
    fn errors_name_the_part() {
        let fault = from_value::<Sample>(&sample(Value::int(-3), Value::from("i"))).unwrap_err();
        assert_eq!(fault.path().to_string(), ".size");
    }
}
