use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use crate::Str;

/// The type of a value, or a constraint on it.
#[expect(
    clippy::derived_hash_with_manual_eq,
    clippy::derive_ord_xor_partial_ord,
    reason = "equality is that of the parts, as it would be if it were derived"
)]
#[derive(Clone, Debug, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// Not known yet (as the type of an unknown or null value), or anything (as a constraint).
    Dynamic,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Elem),
    /// `set(T)`
    Set(Elem),
    /// `map(T)`
    Map(Elem),
    /// `tuple([T, ...])`
    Tuple(Elems),
    /// `object({name = T, ...})`
    Object(Arc<ObjectType>),
}

/// Compares part by part, on as much stack as that needs: types can be nested very deep.
impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b))
            | (Self::Set(a), Self::Set(b))
            | (Self::Map(a), Self::Map(b)) => Arc::ptr_eq(&a.0, &b.0) || deeper(|| a == b),
            (Self::Tuple(a), Self::Tuple(b)) => Arc::ptr_eq(&a.0, &b.0) || deeper(|| a == b),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b) || deeper(|| a == b),
            (Self::Dynamic, Self::Dynamic)
            | (Self::Bool, Self::Bool)
            | (Self::Number, Self::Number)
            | (Self::String, Self::String) => true,
            _ => false,
        }
    }
}

/// The type of the elements of a collection. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Elem(Arc<Type>);

impl fmt::Debug for Elem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Elem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Deref for Elem {
    type Target = Type;

    fn deref(&self) -> &Type {
        &self.0
    }
}

impl AsRef<Type> for Elem {
    fn as_ref(&self) -> &Type {
        &self.0
    }
}

/// The types of the items of a tuple. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Elems(Arc<[Type]>);

impl fmt::Debug for Elems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Deref for Elems {
    type Target = [Type];

    fn deref(&self) -> &[Type] {
        &self.0
    }
}

/// Types can be nested so deep that taking them apart needs more stack than a thread has.
impl Drop for Elem {
    fn drop(&mut self) {
        if self.0.nests()
            && Arc::strong_count(&self.0) == 1
            && let Some(elem) = Arc::get_mut(&mut self.0)
        {
            let elem = mem::replace(elem, Type::Dynamic);
            deeper(move || drop(elem));
        }
    }
}

impl Drop for Elems {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) == 1
            && self.0.iter().any(Type::nests)
            && let Some(elems) = Arc::get_mut(&mut self.0)
        {
            deeper(|| {
                for elem in elems.iter_mut().filter(|elem| elem.nests()) {
                    drop(mem::replace(elem, Type::Dynamic));
                }
            });
        }
    }
}

impl Drop for ObjectType {
    fn drop(&mut self) {
        if !self.attributes.is_empty() {
            let attributes = mem::take(&mut self.attributes);
            deeper(move || drop(attributes));
        }
    }
}

/// Continues where there is enough stack: values and types can be nested very deep.
pub(crate) fn deeper<R>(go_on: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, go_on)
}

/// The attributes of an object type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectType {
    /// Every attribute with its type, sorted by name.
    pub attributes: BTreeMap<Str, Type>,
    /// Those that a conversion may leave out. Only constraints have any; the type of a value
    /// never does.
    pub optional: BTreeSet<Str>,
}

impl Type {
    /// `list(elem)`
    pub fn list(elem: Type) -> Self {
        Self::List(Elem(Arc::new(elem)))
    }

    /// `set(elem)`
    pub fn set(elem: Type) -> Self {
        Self::Set(Elem(Arc::new(elem)))
    }

    /// `map(elem)`
    pub fn map(elem: Type) -> Self {
        Self::Map(Elem(Arc::new(elem)))
    }

    /// `tuple([...])`
    pub fn tuple(elems: impl IntoIterator<Item = Type>) -> Self {
        Self::Tuple(Elems(elems.into_iter().collect()))
    }

    /// `object({...})` without optional attributes.
    pub fn object<K: Into<Str>>(attributes: impl IntoIterator<Item = (K, Type)>) -> Self {
        Self::Object(Arc::new(ObjectType {
            attributes: attributes.into_iter().map(|(k, t)| (k.into(), t)).collect(),
            optional: BTreeSet::new(),
        }))
    }

    /// Bool, number or string.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Self::Bool | Self::Number | Self::String)
    }

    /// Whether it is made of other types.
    fn nests(&self) -> bool {
        self.is_collection() || self.is_structural()
    }

    /// List, set or map.
    pub fn is_collection(&self) -> bool {
        matches!(self, Self::List(_) | Self::Set(_) | Self::Map(_))
    }

    /// Tuple or object.
    pub fn is_structural(&self) -> bool {
        matches!(self, Self::Tuple(_) | Self::Object(_))
    }

    /// Element type of a list, set or map.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Self::List(t) | Self::Set(t) | Self::Map(t) => Some(t),
            _ => None,
        }
    }

    /// Type of one attribute of an object type.
    pub fn attribute(&self, name: &str) -> Option<&Type> {
        match self {
            Self::Object(o) => o.attributes.get(name),
            _ => None,
        }
    }

    /// Whether `Dynamic` occurs anywhere in the type.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Dynamic => true,
            Self::Bool | Self::Number | Self::String => false,
            Self::List(t) | Self::Set(t) | Self::Map(t) => deeper(|| t.has_dynamic()),
            Self::Tuple(ts) => deeper(|| ts.iter().any(Type::has_dynamic)),
            Self::Object(o) => deeper(|| o.attributes.values().any(Type::has_dynamic)),
        }
    }

    /// Whether an object type anywhere in it has optional attributes.
    pub fn has_optional(&self) -> bool {
        match self {
            Self::Dynamic | Self::Bool | Self::Number | Self::String => false,
            Self::List(t) | Self::Set(t) | Self::Map(t) => deeper(|| t.has_optional()),
            Self::Tuple(ts) => deeper(|| ts.iter().any(Type::has_optional)),
            Self::Object(o) => {
                !o.optional.is_empty() || deeper(|| o.attributes.values().any(Type::has_optional))
            }
        }
    }

    /// The same type with every object attribute required. Shares what has none optional.
    #[must_use]
    pub fn without_optional(&self) -> Self {
        if !self.has_optional() {
            return self.clone();
        }
        deeper(|| self.required())
    }

    fn required(&self) -> Self {
        match self {
            Self::List(t) => Self::list(t.without_optional()),
            Self::Set(t) => Self::set(t.without_optional()),
            Self::Map(t) => Self::map(t.without_optional()),
            Self::Tuple(ts) => Self::tuple(ts.iter().map(Type::without_optional)),
            Self::Object(o) => Self::object(
                o.attributes
                    .iter()
                    .map(|(k, t)| (k.clone(), t.without_optional())),
            ),
            other => other.clone(),
        }
    }

    /// The short name used in error messages: `string`, `list of string`, `object`.
    pub fn friendly_name(&self) -> String {
        match self {
            Self::Dynamic => "dynamic".into(),
            Self::Bool => "bool".into(),
            Self::Number => "number".into(),
            Self::String => "string".into(),
            Self::List(t) => format!("list of {}", t.friendly_element()),
            Self::Set(t) => format!("set of {}", t.friendly_element()),
            Self::Map(t) => format!("map of {}", t.friendly_element()),
            Self::Tuple(_) => "tuple".into(),
            Self::Object(_) => "object".into(),
        }
    }

    fn friendly_element(&self) -> String {
        match self {
            Self::Dynamic => "any single type".into(),
            t => t.friendly_name(),
        }
    }
}

/// Prints the type as the language writes it: `map(object({a = string, b = optional(number)}))`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        deeper(|| match self {
            Self::Dynamic => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::List(t) => write!(f, "list({t})"),
            Self::Set(t) => write!(f, "set({t})"),
            Self::Map(t) => write!(f, "map({t})"),
            Self::Tuple(ts) => {
                f.write_str("tuple([")?;
                for (i, t) in ts.iter().enumerate() {
                    write!(f, "{}{t}", if i > 0 { ", " } else { "" })?;
                }
                f.write_str("])")
            }
            Self::Object(o) => {
                f.write_str("object({")?;
                for (i, (name, t)) in o.attributes.iter().enumerate() {
                    let sep = if i > 0 { ", " } else { "" };
                    if o.optional.contains(name) {
                        write!(f, "{sep}{name} = optional({t})")?;
                    } else {
                        write!(f, "{sep}{name} = {t}")?;
                    }
                }
                f.write_str("})")
            }
        })
    }
}
