use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::unify::{unify, unify_all};
use crate::{Number, ObjectType, Path, PathStep, Refinement, Str, Type, Unknown, Value, set_value};

/// Why a value does not convert, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertError {
    /// The part that does not fit. It stops at a set, as its elements have no path.
    pub path: Path,
    /// What is wrong with it: `a number is required`.
    pub reason: String,
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ConvertError {}

/// Converts a value to a type as the language does: exactly what a variable's `type` or a
/// provider's schema demands. Unknown and null values convert by their type, marks stay.
///
/// Attributes that an object type does not have are dropped; optional ones that are missing
/// become null. `Dynamic` takes any value as it is; inside a collection it stands for one type
/// common to all elements.
pub fn convert(value: &Value, ty: &Type) -> Result<Value, ConvertError> {
    Converter { path: Path::root() }.convert(value, ty)
}

/// The type that a value of type `from` has after conversion to `to`; `None` when no value
/// converts. Some values may still fail, such as a string that is not a number.
pub(crate) fn convert_type(from: &Type, to: &Type) -> Option<Type> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || convert_type_inner(from, to))
}

fn convert_type_inner(from: &Type, to: &Type) -> Option<Type> {
    match (from, to) {
        (_, Type::Dynamic) => Some(from.clone()),
        (Type::Dynamic, _) => Some(to.without_optional()),
        (Type::Bool | Type::Number, Type::String) | (Type::String, Type::Bool | Type::Number) => {
            Some(to.clone())
        }
        (a, b) if a.is_primitive() && a == b => Some(to.clone()),
        (Type::List(a) | Type::Set(a), Type::List(b)) => Some(Type::list(convert_type(a, b)?)),
        (Type::List(a) | Type::Set(a), Type::Set(b)) => Some(Type::set(convert_type(a, b)?)),
        (Type::Map(a), Type::Map(b)) => Some(Type::map(convert_type(a, b)?)),
        (Type::Tuple(ts), Type::List(b)) => Some(Type::list(settled_element(ts, b)?)),
        (Type::Tuple(ts), Type::Set(b)) => Some(Type::set(settled_element(ts, b)?)),
        (Type::Object(o), Type::Map(b)) => {
            Some(Type::map(common_element(o.attributes.values(), b)?))
        }
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
            let each = a.iter().zip(b.iter()).map(|(a, b)| convert_type(a, b));
            Some(Type::tuple(each.collect::<Option<Vec<_>>>()?))
        }
        (Type::Object(a), Type::Object(b)) => object_type(b, |name| a.attributes.get(name)),
        (Type::Map(a), Type::Object(b)) => object_type(b, |_| Some(a)),
        _ => None,
    }
}

fn object_type<'a>(to: &ObjectType, from: impl Fn(&Str) -> Option<&'a Type>) -> Option<Type> {
    let mut attributes = BTreeMap::new();
    for (name, want) in &to.attributes {
        let ty = match from(name) {
            Some(have) => convert_type(have, want)?,
            None if to.optional.contains(name) => want.without_optional(),
            None => return None,
        };
        attributes.insert(name.clone(), ty);
    }
    Some(Type::Object(Arc::new(ObjectType {
        attributes,
        optional: Default::default(),
    })))
}

/// The common type of the members of a tuple, which is not left open: nulls of no type do not go
/// with tuples and such in one list.
fn settled_element(types: &[Type], want: &Type) -> Option<Type> {
    let elem = common_element(types.iter(), want)?;
    let settled = elem != Type::Dynamic || types.iter().all(|t| *t == Type::Dynamic);
    settled.then_some(elem)
}

fn common_element<'a>(types: impl Iterator<Item = &'a Type>, want: &Type) -> Option<Type> {
    let mut each: Vec<Type> = Vec::new();
    for ty in types {
        let ty = convert_type(ty, want)?;
        if each.last() != Some(&ty) {
            each.push(ty);
        }
    }
    if each.is_empty() {
        return Some(want.without_optional());
    }
    unify(&each)
}

/// A conversion under way; `path` leads to the part being converted.
struct Converter {
    path: Path,
}

impl Converter {
    fn convert(&mut self, value: &Value, ty: &Type) -> Result<Value, ConvertError> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.convert_inner(value, ty))
    }

    fn convert_inner(&mut self, value: &Value, ty: &Type) -> Result<Value, ConvertError> {
        match (value, ty) {
            (Value::Marked(m), _) => Ok(self.convert(&m.value, ty)?.mark(m.marks)),
            (_, Type::Dynamic) => Ok(value.clone()),
            (Value::Null(from), _) => Ok(Value::Null(self.type_only(from, ty)?)),
            (Value::Unknown(u), _) => {
                let to = self.type_only(&u.ty, ty)?;
                Ok(Value::refined(to.clone(), carried(u, &to)))
            }
            (Value::Bool(_), Type::Bool)
            | (Value::Number(_), Type::Number)
            | (Value::String(_), Type::String) => Ok(value.clone()),
            (Value::Bool(b), Type::String) => Ok(Value::string(if *b { "true" } else { "false" })),
            (Value::Number(n), Type::String) => Ok(Value::string(n.to_string())),
            (Value::String(s), Type::Number) => Number::parse(s)
                .map(Value::Number)
                .map_err(|e| self.error(e.0)),
            (Value::String(s), Type::Bool) => self.bool_from(s),
            (Value::List(_) | Value::Set(_) | Value::Tuple(_), Type::List(_) | Type::Set(_)) => {
                self.sequence(value, ty)
            }
            (Value::Map(_) | Value::Object(_), Type::Map(elem)) => self.map(value, elem),
            (Value::Map(_) | Value::Object(_), Type::Object(to)) => self.object(value, to),
            (Value::Tuple(items), Type::Tuple(types)) => self.tuple(items, types),
            _ => Err(self.error(mismatch(&value.ty(), ty))),
        }
    }

    fn type_only(&self, from: &Type, to: &Type) -> Result<Type, ConvertError> {
        convert_type(from, to).ok_or_else(|| self.error(mismatch(from, to)))
    }

    fn bool_from(&self, text: &str) -> Result<Value, ConvertError> {
        match text {
            "true" | "1" => Ok(Value::Bool(true)),
            "false" | "0" => Ok(Value::Bool(false)),
            _ => {
                let lower = text.to_lowercase();
                let hint = match &*lower {
                    "true" | "false" => {
                        format!("; to convert from string, use lowercase \"{lower}\"")
                    }
                    _ => String::new(),
                };
                Err(self.error(format!("a bool is required{hint}")))
            }
        }
    }

    fn sequence(&mut self, value: &Value, ty: &Type) -> Result<Value, ConvertError> {
        let Some(want) = ty.element() else {
            return Err(self.error(mismatch(&value.ty(), ty)));
        };
        let source = value.as_slice().unwrap_or_default();
        let same_kind = matches!(
            (value, ty),
            (Value::List(_), Type::List(_)) | (Value::Set(_), Type::Set(_))
        );
        let have = match value {
            Value::List(l) => Some(&l.elem),
            Value::Set(s) => Some(&s.elem),
            _ => None,
        };
        if same_kind && (have == Some(want) || *want == Type::Dynamic) {
            return Ok(value.clone());
        }
        if source.is_empty() {
            self.element_type(value, ty, have, want)?;
        }
        let addressed = !matches!(value, Value::Set(_));
        let set = matches!(ty, Type::Set(_));
        let mut items = Vec::with_capacity(source.len());
        for (i, item) in (0u64..).zip(source) {
            let step = addressed.then_some(PathStep::Index(i));
            // A null among the elements tells no secret: it does not make the set sensitive.
            let item = if set && item.is_null() {
                item.peel()
            } else {
                item
            };
            items.push(self.part(step, item, want)?);
        }
        let kind = if set { "set" } else { "list" };
        let Some((elem, items)) = self.common(items, want, have, kind)? else {
            return Ok(Value::unknown(ty.without_optional()));
        };
        Ok(if set {
            set_value(elem, items)
        } else {
            Value::list(elem, items)
        })
    }

    fn map(&mut self, value: &Value, want: &Type) -> Result<Value, ConvertError> {
        let have = match value {
            Value::Map(m) => Some(&m.elem),
            _ => None,
        };
        if have == Some(want) || have.is_some() && *want == Type::Dynamic {
            return Ok(value.clone());
        }
        if value.len() == Some(0) {
            self.element_type(value, &Type::map(want.clone()), have, want)?;
        }
        let is_map = have.is_some();
        let mut keys = Vec::new();
        let mut items = Vec::new();
        for (name, item) in value.as_entries().into_iter().flatten() {
            let step = step(name, is_map);
            items.push(self.part(Some(step), item, want)?);
            keys.push(name.clone());
        }
        let Some((elem, items)) = self.common(items, want, have, "map")? else {
            return Ok(Value::unknown(Type::map(want.without_optional())));
        };
        Ok(Value::map(elem, keys.into_iter().zip(items).collect()))
    }

    /// Without elements it is their type that must convert.
    fn element_type(
        &self,
        value: &Value,
        ty: &Type,
        have: Option<&Type>,
        want: &Type,
    ) -> Result<(), ConvertError> {
        match have {
            Some(have) if convert_type(have, want).is_none() => {
                Err(self.error(mismatch(&value.ty(), ty)))
            }
            _ => Ok(()),
        }
    }

    /// One type for all elements. `None` when that depends on an element of unknown type.
    fn common(
        &self,
        items: Vec<Value>,
        want: &Type,
        have: Option<&Type>,
        kind: &str,
    ) -> Result<Option<(Type, Vec<Value>)>, ConvertError> {
        if !want.has_dynamic() {
            return Ok(Some((want.without_optional(), items)));
        }
        if items.is_empty() {
            let elem = have.and_then(|have| convert_type(have, want));
            return Ok(Some((
                elem.unwrap_or_else(|| want.without_optional()),
                items,
            )));
        }
        match unify_all(&items) {
            Some((elem, items)) => {
                let settled = !elem.has_dynamic() || items.iter().all(|v| v.ty() == elem);
                if settled {
                    return Ok(Some((elem, items)));
                }
                let open = |v: &Value| !v.is_known() && v.ty() == Type::Dynamic;
                if items.iter().any(open) {
                    return Ok(None);
                }
                if kind == "map"
                    && let Some(settled) = with_typed_nulls(&items)
                {
                    return Ok(Some(settled));
                }
                Err(self.error(format!("all {kind} elements must have the same type")))
            }
            None => Err(self.error(format!("all {kind} elements must have the same type"))),
        }
    }

    fn object(&mut self, value: &Value, to: &ObjectType) -> Result<Value, ConvertError> {
        let is_map = matches!(value, Value::Map(_));
        let Some(source) = value.as_entries() else {
            return Err(self.error("object required".into()));
        };
        let missing: Vec<&Str> = to
            .attributes
            .keys()
            .filter(|name| !source.contains_key(*name) && !to.optional.contains(*name))
            .collect();
        if !missing.is_empty() {
            return Err(self.error(missing_reason(&missing, is_map)));
        }
        let mut attributes = BTreeMap::new();
        for (name, want) in &to.attributes {
            let converted = match source.get(name) {
                Some(item) => self.part(Some(step(name, is_map)), item, want)?,
                None => Value::Null(want.without_optional()),
            };
            attributes.insert(name.clone(), converted);
        }
        Ok(Value::Object(Arc::new(attributes.into())))
    }

    fn tuple(&mut self, items: &[Value], types: &[Type]) -> Result<Value, ConvertError> {
        if items.len() != types.len() {
            return Err(self.error("tuple required".into()));
        }
        let mut converted = Vec::with_capacity(items.len());
        for (i, (item, ty)) in (0u64..).zip(items.iter().zip(types)) {
            converted.push(self.part(Some(PathStep::Index(i)), item, ty)?);
        }
        Ok(Value::tuple(converted))
    }

    /// Converts a part. Elements of sets have no step, so errors in them stop at the set.
    fn part(
        &mut self,
        step: Option<PathStep>,
        value: &Value,
        ty: &Type,
    ) -> Result<Value, ConvertError> {
        let depth = self.path.0.len();
        let Some(step) = step else {
            return self.convert(value, ty).map_err(|mut e| {
                e.path.0.truncate(depth);
                e
            });
        };
        self.path.0.push(step);
        let result = self.convert(value, ty);
        self.path.0.truncate(depth);
        result
    }

    fn error(&self, reason: String) -> ConvertError {
        ConvertError {
            path: self.path.clone(),
            reason,
        }
    }
}

/// The elements of a map where nulls of no type take the type of all the others.
fn with_typed_nulls(items: &[Value]) -> Option<(Type, Vec<Value>)> {
    let untyped = |v: &Value| *v.peel() == Value::NULL;
    let mut others = items.iter().filter(|v| !untyped(v));
    let elem = others.next()?.ty();
    let typed = |v: &Value| match untyped(v) {
        true => Value::Null(elem.clone()).mark(v.marks()),
        false => v.clone(),
    };
    let alike = others.all(|v| v.ty() == elem);
    alike.then(|| (elem.clone(), items.iter().map(typed).collect()))
}

fn step(name: &Str, is_map: bool) -> PathStep {
    if is_map {
        PathStep::Key(name.clone())
    } else {
        PathStep::Attr(name.clone())
    }
}

/// What stays true of an unknown value after its type changed.
fn carried(unknown: &Unknown, to: &Type) -> Refinement {
    let old = &unknown.refinement;
    if unknown.ty == *to {
        return old.clone();
    }
    let same_length = matches!(
        (&unknown.ty, to),
        (Type::List(_) | Type::Set(_), Type::List(_)) | (Type::Map(_), Type::Map(_))
    );
    Refinement {
        not_null: old.not_null,
        min_length: old.min_length.filter(|_| same_length),
        max_length: old.max_length.filter(|_| same_length),
        ..Refinement::default()
    }
}

fn missing_reason(names: &[&Str], is_map: bool) -> String {
    match names {
        [one] if is_map => format!("map has no element for required attribute {one:?}"),
        [one] => format!("attribute {one:?} is required"),
        [a, b] => format!("attributes {a:?} and {b:?} are required"),
        [init @ .., last] => {
            let list: Vec<String> = init.iter().map(|n| format!("{n:?}")).collect();
            format!("attributes {}, and {last:?} are required", list.join(", "))
        }
        [] => "object required".into(),
    }
}

/// What to say when no value of one type converts to the other.
fn mismatch(from: &Type, to: &Type) -> String {
    match (from, to) {
        (Type::Tuple(_), Type::List(e)) if **e == Type::Dynamic => {
            "all list elements must have the same type".into()
        }
        (Type::Tuple(_), Type::Set(e)) if **e == Type::Dynamic => {
            "all set elements must have the same type".into()
        }
        (Type::Object(_), Type::Map(e)) if **e == Type::Dynamic => {
            "all map elements must have the same type".into()
        }
        _ => format!("{} required", to.friendly_name()),
    }
}

#[cfg(test)]
mod tests;
