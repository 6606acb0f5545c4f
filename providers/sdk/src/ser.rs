//! Rust types to values of a given type, through serde.

use std::collections::BTreeMap;

use muster_value::{Number, PathStep, Str, Type, Value, set_value};
use serde::Serialize;
use serde::ser::{
    Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};

use crate::de::deeper;
use crate::fault::Fault;
use crate::field::FIELD_NAME;

/// Writes a Rust type as a value of `ty`. Attributes of an object that the Rust type does not
/// have become null; a field that the object does not have is an error.
pub fn to_value<T: Serialize + ?Sized>(content: &T, ty: &Type) -> Result<Value, Fault> {
    deeper(|| content.serialize(Ser { ty }))
}

#[derive(Clone, Copy)]
struct Ser<'a> {
    ty: &'a Type,
}

impl Ser<'_> {
    fn scalar(self, own: &Type, value: Value) -> Result<Value, Fault> {
        if self.ty == own || *self.ty == Type::Dynamic {
            Ok(value)
        } else {
            Err(Fault::new(format!(
                "a {} is required, not a {}",
                self.ty.friendly_name(),
                own.friendly_name()
            )))
        }
    }

    fn number(self, number: Number) -> Result<Value, Fault> {
        self.scalar(&Type::Number, Value::Number(number))
    }

    fn items(self, len: Option<usize>) -> Items {
        Items {
            ty: self.ty.clone(),
            items: Vec::with_capacity(len.unwrap_or(0).min(4096)),
        }
    }

    fn entries(self) -> Entries {
        Entries {
            ty: self.ty.clone(),
            entries: BTreeMap::new(),
            key: None,
        }
    }
}

macro_rules! integers {
    ($($method:ident: $from:ty => $wide:ty),* $(,)?) => {$(
        fn $method(self, n: $from) -> Result<Value, Fault> {
            self.number(Number::from(<$wide>::from(n)))
        }
    )*};
}

impl Serializer for Ser<'_> {
    type Ok = Value;
    type Error = Fault;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Impossible<Value, Fault>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Impossible<Value, Fault>;

    integers! {
        serialize_i8: i8 => i64, serialize_i16: i16 => i64, serialize_i32: i32 => i64,
        serialize_i64: i64 => i64, serialize_u8: u8 => u64, serialize_u16: u16 => u64,
        serialize_u32: u32 => u64, serialize_u64: u64 => u64,
    }

    fn serialize_bool(self, b: bool) -> Result<Value, Fault> {
        self.scalar(&Type::Bool, Value::Bool(b))
    }

    fn serialize_f32(self, n: f32) -> Result<Value, Fault> {
        self.serialize_f64(n.into())
    }

    /// Goes through the shortest decimal text, so that `0.1` is what people mean by it.
    fn serialize_f64(self, n: f64) -> Result<Value, Fault> {
        let number = Number::parse(&n.to_string()).map_err(Fault::custom)?;
        self.number(number)
    }

    fn serialize_char(self, c: char) -> Result<Value, Fault> {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Fault> {
        self.scalar(&Type::String, Value::string_nfc(text))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Fault> {
        Err(Fault::new("bytes are not a value of the language"))
    }

    fn serialize_none(self) -> Result<Value, Fault> {
        Ok(Value::Null(self.ty.clone()))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Fault> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Fault> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Fault> {
        match (name, variant) {
            (FIELD_NAME, "Unknown") => Ok(Value::unknown(self.ty.clone())),
            (FIELD_NAME, _) => self.serialize_none(),
            _ => self.serialize_str(variant),
        }
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        if name == FIELD_NAME {
            return value.serialize(self);
        }
        Err(Fault::new(format!(
            "the enum variant {variant} holds data, which no schema describes"
        )))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Items, Fault> {
        Ok(self.items(len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Items, Fault> {
        Ok(self.items(Some(len)))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Items, Fault> {
        Ok(self.items(Some(len)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Fault> {
        Err(Fault::new(format!(
            "the enum variant {variant} holds data, which no schema describes"
        )))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Fault> {
        Ok(self.entries())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Fault> {
        Ok(self.entries())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Fault> {
        Err(Fault::new(format!(
            "the enum variant {variant} holds data, which no schema describes"
        )))
    }
}

/// Collects a list, set or tuple.
pub(crate) struct Items {
    ty: Type,
    items: Vec<Value>,
}

impl Items {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let index = self.items.len();
        let ty = match &self.ty {
            Type::List(t) | Type::Set(t) => (**t).clone(),
            Type::Tuple(ts) => ts.get(index).cloned().unwrap_or(Type::Dynamic),
            _ => Type::Dynamic,
        };
        let item =
            to_value(value, &ty).map_err(|fault| fault.inside(PathStep::Index(index as u64)))?;
        self.items.push(item);
        Ok(())
    }

    fn finish(self) -> Result<Value, Fault> {
        match self.ty {
            Type::List(t) => Ok(Value::list((*t).clone(), self.items)),
            Type::Set(t) => Ok(set_value((*t).clone(), self.items)),
            Type::Tuple(ts) if ts.len() != self.items.len() => Err(Fault::new(format!(
                "{} elements are required, not {}",
                ts.len(),
                self.items.len()
            ))),
            Type::Tuple(_) | Type::Dynamic => Ok(Value::tuple(self.items)),
            other => Err(Fault::new(format!(
                "a {} is required, not a list",
                other.friendly_name()
            ))),
        }
    }
}

impl SerializeSeq for Items {
    type Ok = Value;
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.add(value)
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

impl SerializeTuple for Items {
    type Ok = Value;
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.add(value)
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

impl SerializeTupleStruct for Items {
    type Ok = Value;
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.add(value)
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

/// Collects a map or object.
pub(crate) struct Entries {
    ty: Type,
    entries: BTreeMap<Str, Value>,
    key: Option<Str>,
}

impl Entries {
    fn add<T: Serialize + ?Sized>(&mut self, key: Str, value: &T) -> Result<(), Fault> {
        let (ty, step) = match &self.ty {
            Type::Map(t) => ((**t).clone(), PathStep::Key(key.clone())),
            Type::Object(o) => {
                let ty = o.attributes.get(&key).ok_or_else(|| {
                    Fault::new(format!("the schema has no attribute named {key:?}"))
                })?;
                (ty.clone(), PathStep::Attr(key.clone()))
            }
            _ => (Type::Dynamic, PathStep::Attr(key.clone())),
        };
        let value = to_value(value, &ty).map_err(|fault| fault.inside(step))?;
        self.entries.insert(key, value);
        Ok(())
    }

    fn finish(mut self) -> Result<Value, Fault> {
        match self.ty {
            Type::Map(t) => Ok(Value::map((*t).clone(), self.entries)),
            Type::Object(o) => {
                for (name, ty) in &o.attributes {
                    if !self.entries.contains_key(name) {
                        self.entries.insert(name.clone(), Value::Null(ty.clone()));
                    }
                }
                Ok(Value::object(self.entries))
            }
            Type::Dynamic => Ok(Value::object(self.entries)),
            other => Err(Fault::new(format!(
                "a {} is required, not an object",
                other.friendly_name()
            ))),
        }
    }
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        match to_value(key, &Type::Dynamic)? {
            Value::String(key) => {
                self.key = Some(key);
                Ok(())
            }
            Value::Number(n) => {
                self.key = Some(n.to_string().into());
                Ok(())
            }
            _ => Err(Fault::new("the key of a map must be a string")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        match self.key.take() {
            Some(key) => self.add(key, value),
            None => Err(Fault::new("a map's value came before its key")),
        }
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

impl SerializeStruct for Entries {
    type Ok = Value;
    type Error = Fault;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.add(key.into(), value)
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, from_value};

    #[derive(Serialize)]
    struct Sample {
        name: &'static str,
        sizes: Vec<u8>,
        ratio: Field<f64>,
    }

    fn object(attributes: &[(&str, Type)]) -> Type {
        Type::object(attributes.iter().map(|(k, t)| (*k, t.clone())))
    }

    #[test]
    fn missing_attributes_become_null_and_lists_follow_the_type() {
        let ty = object(&[
            ("name", Type::String),
            ("sizes", Type::set(Type::Number)),
            ("ratio", Type::Number),
            ("id", Type::String),
        ]);
        let sample = Sample {
            name: "a",
            sizes: vec![2],
            ratio: Field::Unknown,
        };
        let value = to_value(&sample, &ty).unwrap();
        assert_eq!(value.ty(), ty);
        assert!(value.get("id").unwrap().is_null());
        assert!(!value.get("ratio").unwrap().is_known());
        assert!(matches!(value.get("sizes"), Some(Value::Set(_))));
    }

    #[test]
    fn a_field_outside_the_schema_is_an_error() {
        let sample = Sample {
            name: "a",
            sizes: Vec::new(),
            ratio: Field::Null,
        };
        let fault = to_value(&sample, &object(&[("name", Type::String)])).unwrap_err();
        assert_eq!(
            fault.reason(),
            "the schema has no attribute named \"sizes\""
        );
    }

    #[test]
    fn decimals_survive_the_way_there_and_back() {
        let value = to_value(&0.1, &Type::Number).unwrap();
        assert_eq!(value, Value::Number(Number::parse("0.1").unwrap()));
        assert_eq!(from_value::<f64>(&value), Ok(0.1));
    }
}
