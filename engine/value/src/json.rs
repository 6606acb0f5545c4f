use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::{Number, ObjectType, Path, PathStep, Str, Type, Value, set_value};

/// Why JSON is not a value or type, or a value has no JSON form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// Where in the value.
    pub path: Path,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for JsonError {}

impl JsonError {
    fn cut_to(mut self, depth: usize) -> Self {
        self.path.0.truncate(depth);
        self
    }
}

/// The type a JSON value has when nobody asks for one: objects, tuples, primitives, `Dynamic`
/// for null.
pub fn implied_type(json: &Json) -> Type {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match json {
        Json::Null => Type::Dynamic,
        Json::Bool(_) => Type::Bool,
        Json::Number(_) => Type::Number,
        Json::String(_) => Type::String,
        Json::Array(items) => Type::tuple(items.iter().map(implied_type)),
        Json::Object(members) => Type::object(members.iter().map(|(k, v)| (&**k, implied_type(v)))),
    })
}

/// Reads a value of a type. At `Dynamic` positions JSON has `{"value":..., "type":...}`.
/// Attributes that an object lacks are null; ones that its type lacks are an error. Primitives
/// also read from the text of one another, as older state files have them.
pub fn json_to_value(json: &Json, ty: &Type) -> Result<Value, JsonError> {
    Reader { path: Path::root() }.value(json, &ty.without_optional())
}

/// Writes a wholly known, unmarked value as a value of the type. Unknowns, marks, infinities and
/// parts that are not of the type are errors.
pub fn value_to_json(value: &Value, ty: &Type) -> Result<Json, JsonError> {
    Writer { path: Path::root() }.value(value, ty)
}

/// Reads a type: `"string"`, `["list","string"]`, `["object",{...}]`, `["object",{...},[...]]`.
pub fn type_from_json(json: &Json) -> Result<Type, JsonError> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || read_type(json))
}

/// Writes a type. Object attributes are sorted by name.
pub fn type_to_json(ty: &Type) -> Json {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || write_type(ty))
}

fn read_type(json: &Json) -> Result<Type, JsonError> {
    match json {
        Json::String(name) => match name.as_str() {
            "bool" => Ok(Type::Bool),
            "number" => Ok(Type::Number),
            "string" => Ok(Type::String),
            "dynamic" => Ok(Type::Dynamic),
            _ => Err(type_error(format!("{name:?} is not a type"))),
        },
        Json::Array(parts) => match parts.as_slice() {
            [Json::String(kind), of] => compound_type(kind, of, None),
            [Json::String(kind), of, Json::Array(optional)] => {
                compound_type(kind, of, Some(optional))
            }
            _ => Err(type_error("not the form of a type")),
        },
        _ => Err(type_error("a type is a string or an array")),
    }
}

fn compound_type(kind: &str, of: &Json, optional: Option<&Vec<Json>>) -> Result<Type, JsonError> {
    match (kind, of, optional) {
        ("list", of, None) => type_from_json(of).map(Type::list),
        ("set", of, None) => type_from_json(of).map(Type::set),
        ("map", of, None) => type_from_json(of).map(Type::map),
        ("tuple", Json::Array(items), None) => {
            let items = items.iter().map(type_from_json);
            Ok(Type::tuple(items.collect::<Result<Vec<_>, _>>()?))
        }
        ("object", Json::Object(members), optional) => {
            let mut object = ObjectType::default();
            for (name, ty) in members {
                object.attributes.insert(nfc(name), type_from_json(ty)?);
            }
            for name in optional.into_iter().flatten() {
                let name = name.as_str().map(nfc);
                match name.filter(|n| object.attributes.contains_key(n)) {
                    Some(name) => object.optional.insert(name),
                    None => return Err(type_error("an optional attribute is not in the object")),
                };
            }
            Ok(Type::Object(Arc::new(object)))
        }
        _ => Err(type_error(format!("{kind:?} is not the form of a type"))),
    }
}

fn type_error(reason: impl Into<String>) -> JsonError {
    JsonError {
        path: Path::root(),
        reason: reason.into(),
    }
}

fn write_type(ty: &Type) -> Json {
    let compound = |kind: &str, of: Json| Json::Array(vec![kind.into(), of]);
    match ty {
        Type::Dynamic => "dynamic".into(),
        Type::Bool => "bool".into(),
        Type::Number => "number".into(),
        Type::String => "string".into(),
        Type::List(t) => compound("list", type_to_json(t)),
        Type::Set(t) => compound("set", type_to_json(t)),
        Type::Map(t) => compound("map", type_to_json(t)),
        Type::Tuple(ts) => compound("tuple", ts.iter().map(type_to_json).collect()),
        Type::Object(o) => {
            let members = o.attributes.iter();
            let members = members.map(|(k, t)| (k.to_string(), type_to_json(t)));
            let mut parts = vec!["object".into(), Json::Object(members.collect())];
            if !o.optional.is_empty() {
                parts.push(o.optional.iter().map(|n| Json::from(&**n)).collect());
            }
            Json::Array(parts)
        }
    }
}

/// Strings of the language are NFC, names included.
pub(crate) fn nfc(text: &str) -> Str {
    match Value::string_nfc(text) {
        Value::String(s) => s,
        _ => text.into(),
    }
}

/// An attribute by a name that may not be NFC.
pub(crate) fn find_attribute<'t>(
    object: &'t ObjectType,
    name: &str,
) -> Option<(&'t Str, &'t Type)> {
    let attributes = &object.attributes;
    let found = attributes.get_key_value(name);
    found.or_else(|| attributes.get_key_value(&nfc(name)))
}

/// The element type of a collection that was read: where the type says `Dynamic` the elements
/// do, and they must agree. `None` when they do not.
pub(crate) fn read_element(want: &Type, items: &[Value]) -> Option<Type> {
    if !want.has_dynamic() || items.is_empty() {
        return Some(want.clone());
    }
    let mut types = items.iter().map(Value::ty);
    let first = types.next()?;
    types.all(|t| t == first).then_some(first)
}

struct Reader {
    path: Path,
}

impl Reader {
    fn value(&mut self, json: &Json, ty: &Type) -> Result<Value, JsonError> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.value_inner(json, ty))
    }

    fn value_inner(&mut self, json: &Json, ty: &Type) -> Result<Value, JsonError> {
        match (ty, json) {
            (_, Json::Null) => Ok(Value::Null(ty.clone())),
            (Type::Dynamic, _) => self.dynamic(json),
            (Type::Bool | Type::Number | Type::String, _) => self.primitive(json, ty),
            (Type::List(elem), Json::Array(items)) => {
                let items = self.items(items, |_| elem, true)?;
                Ok(Value::list(self.element(elem, &items)?, items))
            }
            (Type::Set(elem), Json::Array(items)) => {
                let items = self.items(items, |_| elem, false)?;
                Ok(set_value(self.element(elem, &items)?, items))
            }
            (Type::Tuple(types), Json::Array(items)) if items.len() == types.len() => {
                Ok(Value::tuple(self.items(items, |i| &types[i], true)?))
            }
            (Type::Map(elem), Json::Object(members)) => {
                let mut keys = Vec::with_capacity(members.len());
                let mut items = Vec::with_capacity(members.len());
                for (key, json) in members {
                    let key = nfc(key);
                    items.push(self.part(PathStep::Key(key.clone()), json, elem)?);
                    keys.push(key);
                }
                let elem = self.element(elem, &items)?;
                Ok(Value::map(elem, keys.into_iter().zip(items).collect()))
            }
            (Type::Object(object), Json::Object(members)) => self.object(members, object),
            _ => Err(self.error(format!("{} required", ty.friendly_name()))),
        }
    }

    fn primitive(&self, json: &Json, ty: &Type) -> Result<Value, JsonError> {
        let required = || self.error(format!("a {ty} is required"));
        let number = |text: &str| {
            let parsed = Number::parse(text).map_err(|e| self.error(e.0));
            parsed.map(Value::Number)
        };
        match (ty, json) {
            (Type::Bool, Json::Bool(b)) => Ok(Value::Bool(*b)),
            (Type::Bool, Json::String(s)) => match s.as_str() {
                "true" | "1" => Ok(Value::Bool(true)),
                "false" | "0" => Ok(Value::Bool(false)),
                _ => Err(required()),
            },
            (Type::Number, Json::Number(n)) => number(n.as_str()),
            (Type::Number, Json::String(s)) => number(s),
            (Type::String, Json::String(s)) => Ok(Value::string_nfc(s)),
            (Type::String, Json::Number(n)) => number(n.as_str())
                .map(|v| v.as_number().map_or(Value::NULL, |n| n.to_string().into())),
            (Type::String, Json::Bool(b)) => Ok(Value::string(b.to_string())),
            _ => Err(required()),
        }
    }

    fn dynamic(&mut self, json: &Json) -> Result<Value, JsonError> {
        let (Some(value), Some(ty)) = (json.get("value"), json.get("type")) else {
            return Err(self.error("an object with \"value\" and \"type\" is required".into()));
        };
        let ty = type_from_json(ty).map_err(|e| self.error(e.reason))?;
        if ty == Type::Dynamic && !value.is_null() {
            return Err(self.error("a concrete type is required".into()));
        }
        self.value(value, &ty)
    }

    fn items<'t>(
        &mut self,
        items: &[Json],
        ty: impl Fn(usize) -> &'t Type,
        addressed: bool,
    ) -> Result<Vec<Value>, JsonError> {
        let mut values = Vec::with_capacity(items.len());
        for (i, json) in items.iter().enumerate() {
            values.push(if addressed {
                self.part(PathStep::Index(i as u64), json, ty(i))?
            } else {
                // Inside a set there is no address: an error stops at the set.
                let depth = self.path.0.len();
                let value = self.value(json, ty(i));
                value.map_err(|e| e.cut_to(depth))?
            });
        }
        Ok(values)
    }

    fn object(
        &mut self,
        members: &serde_json::Map<String, Json>,
        object: &ObjectType,
    ) -> Result<Value, JsonError> {
        let mut attributes = BTreeMap::new();
        for (name, json) in members {
            let Some((name, ty)) = find_attribute(object, name) else {
                return Err(self.error(format!("unsupported attribute {name:?}")));
            };
            let value = self.part(PathStep::Attr(name.clone()), json, ty)?;
            attributes.insert(name.clone(), value);
        }
        for (name, ty) in &object.attributes {
            if !attributes.contains_key(name) {
                attributes.insert(name.clone(), Value::Null(ty.clone()));
            }
        }
        Ok(Value::Object(Arc::new(attributes.into())))
    }

    fn element(&self, want: &Type, items: &[Value]) -> Result<Type, JsonError> {
        read_element(want, items)
            .ok_or_else(|| self.error("all elements must have the same type".into()))
    }

    fn part(&mut self, step: PathStep, json: &Json, ty: &Type) -> Result<Value, JsonError> {
        self.path.0.push(step);
        let value = self.value(json, ty);
        self.path.0.pop();
        value
    }

    fn error(&self, reason: String) -> JsonError {
        JsonError {
            path: self.path.clone(),
            reason,
        }
    }
}

struct Writer {
    path: Path,
}

impl Writer {
    fn value(&mut self, value: &Value, ty: &Type) -> Result<Json, JsonError> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.value_inner(value, ty))
    }

    fn value_inner(&mut self, value: &Value, ty: &Type) -> Result<Json, JsonError> {
        match (value, ty) {
            (Value::Marked(_), _) => Err(self.error("a marked value has no JSON form".into())),
            (Value::Null(Type::Dynamic), _) => Ok(Json::Null),
            (Value::Unknown(_), _) => Err(self.error("the value is not known".into())),
            (_, Type::Dynamic) => {
                let own = value.ty();
                let inner = self.value(value, &own)?;
                let mut wrapper = serde_json::Map::new();
                wrapper.insert("value".into(), inner);
                wrapper.insert("type".into(), type_to_json(&own));
                Ok(Json::Object(wrapper))
            }
            (Value::Null(_), _) => Ok(Json::Null),
            (Value::Bool(b), Type::Bool) => Ok(Json::Bool(*b)),
            (Value::Number(n), Type::Number) => self.number(n),
            (Value::String(s), Type::String) => Ok(Json::String(s.to_string())),
            (Value::List(l), Type::List(elem)) => self.items(&l.items, |_| elem, true),
            (Value::Set(s), Type::Set(elem)) => self.items(&s.items, |_| elem, false),
            (Value::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
                self.items(items, |i| &types[i], true)
            }
            (Value::Map(m), Type::Map(elem)) => {
                let mut members = serde_json::Map::new();
                for (key, item) in &m.entries {
                    let json = self.part(PathStep::Key(key.clone()), item, elem)?;
                    members.insert(key.to_string(), json);
                }
                Ok(Json::Object(members))
            }
            (Value::Object(attrs), Type::Object(object)) => self.object(attrs, object),
            _ => Err(self.error(format!("{} required", ty.friendly_name()))),
        }
    }

    fn number(&self, n: &Number) -> Result<Json, JsonError> {
        if n.is_infinite() {
            return Err(self.error("an infinite number has no JSON form".into()));
        }
        match n.to_i64() {
            Some(n) => Ok(n.into()),
            None => Ok(Json::Number(serde_json::Number::from_string_unchecked(
                n.to_string(),
            ))),
        }
    }

    fn items<'t>(
        &mut self,
        items: &[Value],
        ty: impl Fn(usize) -> &'t Type,
        addressed: bool,
    ) -> Result<Json, JsonError> {
        let mut array = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            array.push(if addressed {
                self.part(PathStep::Index(i as u64), item, ty(i))?
            } else {
                // Inside a set there is no address: an error stops at the set.
                let depth = self.path.0.len();
                let json = self.value(item, ty(i));
                json.map_err(|e| e.cut_to(depth))?
            });
        }
        Ok(Json::Array(array))
    }

    fn object(
        &mut self,
        attrs: &BTreeMap<Str, Value>,
        object: &ObjectType,
    ) -> Result<Json, JsonError> {
        if let Some(name) = attrs.keys().find(|n| !object.attributes.contains_key(*n)) {
            return Err(self.error(format!("unsupported attribute {name:?}")));
        }
        let mut members = serde_json::Map::new();
        for (name, ty) in &object.attributes {
            let Some(item) = attrs.get(name) else {
                return Err(self.error(format!("attribute {name:?} is required")));
            };
            let json = self.part(PathStep::Attr(name.clone()), item, ty)?;
            members.insert(name.to_string(), json);
        }
        Ok(Json::Object(members))
    }

    fn part(&mut self, step: PathStep, value: &Value, ty: &Type) -> Result<Json, JsonError> {
        self.path.0.push(step);
        let json = self.value(value, ty);
        self.path.0.pop();
        json
    }

    fn error(&self, reason: String) -> JsonError {
        JsonError {
            path: self.path.clone(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
