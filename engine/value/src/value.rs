use std::collections::BTreeMap;
use std::sync::Arc;

use crate::types::deeper;
use crate::{
    Marks, Number, Object, ObjectType, Path, PathStep, Refinement, Str, Tuple, Type, Unknown,
};

/// A value of the language. Cloning shares; nothing is ever changed in place.
///
/// `PartialEq` compares structure, marks and refinements included. The language's own `==`,
/// which may be unknown, is [`Value::equals`].
#[derive(Clone, Debug)]
pub enum Value {
    /// Null of a type; `Dynamic` for a bare `null`.
    Null(Type),
    /// Not known yet.
    Unknown(Arc<Unknown>),
    /// A bool.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, NFC-normalised.
    String(Str),
    /// A list.
    List(Arc<List>),
    /// A set, elements in the language's order, without duplicates or marks inside.
    Set(Arc<Set>),
    /// A map.
    Map(Arc<Map>),
    /// A tuple.
    Tuple(Tuple),
    /// An object.
    Object(Arc<Object>),
    /// A marked value. Never nested directly in another `Marked`, never with empty marks.
    Marked(Arc<Marked>),
}

/// Compares part by part, on as much stack as that needs: values can be nested very deep.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null(a), Self::Null(b)) => a == b,
            (Self::Unknown(a), Self::Unknown(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::List(a), Self::List(b)) => deeper(|| a == b),
            (Self::Set(a), Self::Set(b)) => deeper(|| a == b),
            (Self::Map(a), Self::Map(b)) => deeper(|| a == b),
            (Self::Tuple(a), Self::Tuple(b)) => deeper(|| a == b),
            (Self::Object(a), Self::Object(b)) => deeper(|| a == b),
            (Self::Marked(a), Self::Marked(b)) => a == b,
            _ => false,
        }
    }
}

/// Elements of a list with their common type.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// Type of every element.
    pub elem: Type,
    /// The elements.
    pub items: Vec<Value>,
}

/// Elements of a set with their common type. Make one with [`crate::set_value`].
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Type of every element.
    pub elem: Type,
    /// The elements in order, unmarked and without duplicates.
    pub items: Vec<Value>,
}

/// Elements of a map with their common type.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Type of every element.
    pub elem: Type,
    /// The elements by key.
    pub entries: BTreeMap<Str, Value>,
}

/// A value with its marks.
#[derive(Clone, PartialEq)]
pub struct Marked {
    /// The value itself; not `Marked` again.
    pub value: Value,
    /// Its marks; not empty.
    pub marks: Marks,
}

impl Value {
    /// An untyped null.
    pub const NULL: Value = Value::Null(Type::Dynamic);

    /// A string; the text must be NFC already (use [`Value::string_nfc`] for foreign text).
    pub fn string(text: impl Into<Str>) -> Self {
        Self::String(text.into())
    }

    /// A string, normalised to NFC as all strings of the language are.
    pub fn string_nfc(text: &str) -> Self {
        use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
        if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
            return Self::String(text.into());
        }
        Self::String(text.nfc().collect::<String>().into())
    }

    /// A whole number.
    pub fn int(n: i64) -> Self {
        Self::Number(Number::from(n))
    }

    /// An unknown value of a type, nothing else known.
    pub fn unknown(ty: Type) -> Self {
        Self::Unknown(Arc::new(Unknown {
            ty,
            refinement: Refinement::default(),
        }))
    }

    /// An unknown value that is known not to be null.
    pub fn unknown_not_null(ty: Type) -> Self {
        Self::refined(ty, Refinement::not_null())
    }

    /// An unknown value of which something is known. Refinements of a value whose type is not
    /// known are dropped, save "not null".
    pub fn refined(ty: Type, refinement: Refinement) -> Self {
        let refinement = match ty {
            Type::Dynamic => Refinement {
                not_null: refinement.not_null,
                ..Refinement::default()
            },
            _ => refinement,
        };
        Self::Unknown(Arc::new(Unknown { ty, refinement }))
    }

    /// A list; every item must be of type `elem`.
    pub fn list(elem: Type, items: Vec<Value>) -> Self {
        Self::List(Arc::new(List { elem, items }))
    }

    /// A map; every value must be of type `elem`.
    pub fn map(elem: Type, entries: BTreeMap<Str, Value>) -> Self {
        Self::Map(Arc::new(Map { elem, entries }))
    }

    /// A tuple.
    pub fn tuple(items: impl IntoIterator<Item = Value>) -> Self {
        Self::Tuple(items.into_iter().collect())
    }

    /// An object.
    pub fn object<K: Into<Str>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(Arc::new(
            attributes.into_iter().map(|(k, v)| (k.into(), v)).collect(),
        ))
    }

    /// The type. Costs a walk for tuples and objects.
    pub fn ty(&self) -> Type {
        match self {
            Self::Null(ty) => ty.clone(),
            Self::Unknown(u) => u.ty.clone(),
            Self::Bool(_) => Type::Bool,
            Self::Number(_) => Type::Number,
            Self::String(_) => Type::String,
            Self::List(l) => Type::list(l.elem.clone()),
            Self::Set(s) => Type::set(s.elem.clone()),
            Self::Map(m) => Type::map(m.elem.clone()),
            Self::Tuple(items) => deeper(|| Type::tuple(items.iter().map(Value::ty))),
            Self::Object(attrs) => deeper(|| {
                Type::Object(Arc::new(ObjectType {
                    attributes: attrs.iter().map(|(k, v)| (k.clone(), v.ty())).collect(),
                    optional: Default::default(),
                }))
            }),
            Self::Marked(m) => m.value.ty(),
        }
    }

    // ---- marks -------------------------------------------------------------------------

    /// The value with `marks` added at the top.
    #[must_use]
    pub fn mark(self, marks: Marks) -> Self {
        if marks.is_empty() {
            return self;
        }
        match self {
            Self::Marked(m) => Self::Marked(Arc::new(Marked {
                value: m.value.clone(),
                marks: m.marks | marks,
            })),
            value => Self::Marked(Arc::new(Marked { value, marks })),
        }
    }

    /// The value without the marks at the top, borrowed.
    pub fn peel(&self) -> &Value {
        match self {
            Self::Marked(m) => &m.value,
            other => other,
        }
    }

    /// The marks at the top.
    pub fn marks(&self) -> Marks {
        match self {
            Self::Marked(m) => m.marks,
            _ => Marks::NONE,
        }
    }

    /// The value and its marks at the top, apart.
    pub fn unmark(self) -> (Self, Marks) {
        match self {
            Self::Marked(m) => (m.value.clone(), m.marks),
            other => (other, Marks::NONE),
        }
    }

    /// All marks at any depth.
    pub fn marks_deep(&self) -> Marks {
        match self {
            Self::Marked(m) => m.marks | m.value.marks_deep(),
            scalar if scalar.is_scalar() => Marks::NONE,
            _ => deeper(|| {
                self.children()
                    .fold(Marks::NONE, |acc, v| acc | v.marks_deep())
            }),
        }
    }

    /// Whether a mark is set at any depth.
    pub fn is_marked_deep(&self) -> bool {
        match self {
            Self::Marked(_) => true,
            scalar if scalar.is_scalar() => false,
            _ => deeper(|| self.children().any(Value::is_marked_deep)),
        }
    }

    /// The value without any marks. Shares everything that has none.
    #[must_use]
    pub fn unmark_deep(&self) -> Self {
        if !self.is_marked_deep() {
            return self.clone();
        }
        deeper(|| self.peel().map_children(|_, v| v.unmark_deep()))
    }

    /// The value without any marks, and where each of them was. Paths are absolute.
    pub fn unmark_deep_with_paths(&self) -> (Self, Vec<(Path, Marks)>) {
        let mut found = Vec::new();
        self.collect_marks(&mut Path::root(), &mut found);
        if found.is_empty() {
            return (self.clone(), found);
        }
        (self.unmark_deep(), found)
    }

    fn collect_marks(&self, at: &mut Path, found: &mut Vec<(Path, Marks)>) {
        let inner = match self {
            Self::Marked(m) => {
                found.push((at.clone(), m.marks));
                &m.value
            }
            other => other,
        };
        inner.for_each_child(|step, child| {
            if let Some(step) = step {
                at.0.push(step);
                deeper(|| child.collect_marks(at, found));
                at.0.pop();
            }
        });
    }

    /// The value with marks added at each of the paths. A path that leads nowhere, or into an
    /// unknown or null value, marks the deepest value it reaches.
    #[must_use]
    pub fn mark_paths(&self, paths: &[(Path, Marks)]) -> Self {
        paths.iter().fold(self.clone(), |value, (path, marks)| {
            value.mark_at(&path.0, *marks)
        })
    }

    fn mark_at(&self, steps: &[PathStep], marks: Marks) -> Self {
        let Some((first, rest)) = steps.split_first() else {
            return self.clone().mark(marks);
        };
        let (inner, own) = self.clone().unmark();
        if inner.child(first).is_none() {
            return inner.mark(own | marks);
        }
        inner
            .map_children(|step, child| match step {
                Some(step) if step == *first => child.mark_at(rest, marks),
                _ => child.clone(),
            })
            .mark(own)
    }

    // ---- looking inside ----------------------------------------------------------------

    /// Whether it has no marks and no parts.
    fn is_scalar(&self) -> bool {
        matches!(
            self,
            Self::Null(_) | Self::Unknown(_) | Self::Bool(_) | Self::Number(_) | Self::String(_)
        )
    }

    /// Whether the value is null, whatever its marks.
    pub fn is_null(&self) -> bool {
        matches!(self.peel(), Self::Null(_))
    }

    /// Whether the value itself is known; parts of it may not be.
    pub fn is_known(&self) -> bool {
        !matches!(self.peel(), Self::Unknown(_))
    }

    /// Whether the value and all its parts are known.
    pub fn is_wholly_known(&self) -> bool {
        match self.peel() {
            Self::Unknown(_) => false,
            scalar if scalar.is_scalar() => true,
            inner => deeper(|| inner.children().all(Value::is_wholly_known)),
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&Str> {
        match self.peel() {
            Self::String(s) => Some(s),
            _ => None,
        }
    }

    /// A known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.peel() {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// A known number.
    pub fn as_number(&self) -> Option<&Number> {
        match self.peel() {
            Self::Number(n) => Some(n),
            _ => None,
        }
    }

    /// The elements of a known list, set or tuple.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match self.peel() {
            Self::List(l) => Some(&l.items),
            Self::Set(s) => Some(&s.items),
            Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a known map or object.
    pub fn as_entries(&self) -> Option<&BTreeMap<Str, Value>> {
        match self.peel() {
            Self::Map(m) => Some(&m.entries),
            Self::Object(attrs) => Some(attrs),
            _ => None,
        }
    }

    /// An attribute of a known object or an element of a known map; marks of the whole are not
    /// passed on.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_entries()?.get(name)
    }

    /// The part one step in, if it is there. Steps into maps may be `Attr` or `Key` alike.
    pub fn child(&self, step: &PathStep) -> Option<&Value> {
        match (self.peel(), step) {
            (Self::Object(attrs), PathStep::Attr(k) | PathStep::Key(k)) => attrs.get(k),
            (Self::Map(m), PathStep::Attr(k) | PathStep::Key(k)) => m.entries.get(k),
            (Self::List(l), PathStep::Index(i)) => l.items.get(usize::try_from(*i).ok()?),
            (Self::Tuple(items), PathStep::Index(i)) => items.get(usize::try_from(*i).ok()?),
            _ => None,
        }
    }

    /// The part at a path, if it is there.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.0
            .iter()
            .try_fold(self, |value, step| value.child(step))
    }

    /// The parts one step in; none for scalars, nulls and unknowns.
    pub fn children(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match self {
            Self::List(l) => Box::new(l.items.iter()),
            Self::Set(s) => Box::new(s.items.iter()),
            Self::Tuple(items) => Box::new(items.iter()),
            Self::Map(m) => Box::new(m.entries.values()),
            Self::Object(attrs) => Box::new(attrs.values()),
            Self::Marked(m) => m.value.children(),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Calls `f` with each part and the step to it; set elements have no step.
    pub fn for_each_child(&self, mut f: impl FnMut(Option<PathStep>, &Value)) {
        match self.peel() {
            Self::List(l) => {
                for (i, v) in l.items.iter().enumerate() {
                    f(Some(PathStep::Index(i as u64)), v);
                }
            }
            Self::Tuple(items) => {
                for (i, v) in items.iter().enumerate() {
                    f(Some(PathStep::Index(i as u64)), v);
                }
            }
            Self::Set(s) => s.items.iter().for_each(|v| f(None, v)),
            Self::Map(m) => {
                m.entries
                    .iter()
                    .for_each(|(k, v)| f(Some(PathStep::Key(k.clone())), v));
            }
            Self::Object(attrs) => {
                attrs
                    .iter()
                    .for_each(|(k, v)| f(Some(PathStep::Attr(k.clone())), v));
            }
            _ => {}
        }
    }

    /// A copy with each part replaced by what `f` makes of it. Marks at the top stay. The parts
    /// of lists, sets and maps must keep a common type, which is taken from the first of them
    /// (from the old element type when there is none).
    #[must_use]
    pub fn map_children(&self, mut f: impl FnMut(Option<PathStep>, &Value) -> Value) -> Self {
        let elem = |items: &mut dyn Iterator<Item = &Value>, old: &Type| match items.next() {
            Some(first) if !old.is_primitive() => first.ty(),
            _ => old.clone(),
        };
        match self {
            Self::List(l) => {
                let items: Vec<_> = (0u64..)
                    .zip(&l.items)
                    .map(|(i, v)| f(Some(PathStep::Index(i)), v))
                    .collect();
                Self::list(elem(&mut items.iter(), &l.elem), items)
            }
            Self::Set(s) => {
                let items: Vec<_> = s.items.iter().map(|v| f(None, v)).collect();
                crate::set_value(elem(&mut items.iter(), &s.elem), items)
            }
            Self::Map(m) => {
                let entries: BTreeMap<_, _> = m
                    .entries
                    .iter()
                    .map(|(k, v)| (k.clone(), f(Some(PathStep::Key(k.clone())), v)))
                    .collect();
                Self::map(elem(&mut entries.values(), &m.elem), entries)
            }
            Self::Tuple(items) => Self::tuple(
                (0u64..)
                    .zip(items.iter())
                    .map(|(i, v)| f(Some(PathStep::Index(i)), v)),
            ),
            Self::Object(attrs) => Self::object(
                attrs
                    .iter()
                    .map(|(k, v)| (k.clone(), f(Some(PathStep::Attr(k.clone())), v))),
            ),
            Self::Marked(m) => m.value.map_children(f).mark(m.marks),
            other => other.clone(),
        }
    }

    /// Number of elements of a known list, set, map, tuple or object.
    #[expect(
        clippy::len_without_is_empty,
        reason = "nulls and unknowns have no length, so emptiness is not a yes or no"
    )]
    pub fn len(&self) -> Option<usize> {
        self.as_slice()
            .map(<[Value]>::len)
            .or_else(|| self.as_entries().map(BTreeMap::len))
    }

    // ---- comparing ---------------------------------------------------------------------

    /// The language's `==`: type and value must agree, never converts. Unknown when it cannot
    /// be told yet; marks of both sides, at any depth, are on the result.
    #[must_use]
    pub fn equals(&self, other: &Value) -> Value {
        let marks = self.marks_deep() | other.marks_deep();
        let result = match (self.peel(), other.peel()) {
            // Both may turn out to be null, which has any type.
            (Self::Unknown(_), Self::Unknown(_)) => None,
            (a, b) => equal(a, b),
        };
        let result = match result {
            Some(b) => Value::Bool(b),
            None => Value::unknown_not_null(Type::Bool),
        };
        result.mark(marks)
    }

    /// Whether two values are the same for certain: unknown is the same as unknown of the same
    /// type, marks and refinements do not count. This is how changes are told from no changes.
    pub fn same(&self, other: &Value) -> bool {
        match (self.peel(), other.peel()) {
            (Self::Unknown(a), Self::Unknown(b)) => a.ty == b.ty,
            (Self::Null(_), Self::Null(_)) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (a, b) => deeper(|| same_parts(a, b)),
        }
    }
}

/// [`Value::same`] of two collections.
fn same_parts(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Map(_), Value::Map(_)) | (Value::Object(_), Value::Object(_)) => {
            match (a.as_entries(), b.as_entries()) {
                (Some(a), Some(b)) => {
                    a.len() == b.len()
                        && a.iter()
                            .zip(b)
                            .all(|((ka, va), (kb, vb))| ka == kb && va.same(vb))
                }
                _ => false,
            }
        }
        (Value::List(_), Value::List(_))
        | (Value::Tuple(_), Value::Tuple(_))
        | (Value::Set(_), Value::Set(_)) => match (a.as_slice(), b.as_slice()) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same(y)),
            _ => false,
        },
        _ => false,
    }
}

/// `None` when it depends on something unknown.
fn equal(a: &Value, b: &Value) -> Option<bool> {
    let (a, b) = (a.peel(), b.peel());
    match (a, b) {
        (Value::Null(_), Value::Null(_)) => Some(true),
        (Value::Null(_), Value::Unknown(u)) | (Value::Unknown(u), Value::Null(_)) => {
            if u.refinement.not_null {
                Some(false)
            } else {
                None
            }
        }
        (Value::Null(_), _) | (_, Value::Null(_)) => Some(false),
        (Value::Unknown(u), known) | (known, Value::Unknown(u)) => unknown_equal(u, known),
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::Number(a), Value::Number(b)) => Some(a == b),
        (Value::String(a), Value::String(b)) => Some(a == b),
        (Value::List(x), Value::List(y)) if x.elem == y.elem => all_equal(&x.items, &y.items),
        (Value::Tuple(x), Value::Tuple(y)) => all_equal(x, y),
        (Value::Set(x), Value::Set(y)) if x.elem == y.elem => {
            if !(a.is_wholly_known() && b.is_wholly_known()) {
                return None;
            }
            all_equal(&x.items, &y.items)
        }
        (Value::Map(x), Value::Map(y)) if x.elem == y.elem => entries_equal(&x.entries, &y.entries),
        (Value::Object(x), Value::Object(y)) => entries_equal(x, y),
        _ => Some(false),
    }
}

fn all_equal(a: &[Value], b: &[Value]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    all(a.iter().zip(b).map(|(x, y)| deeper(|| equal(x, y))))
}

fn entries_equal(a: &BTreeMap<Str, Value>, b: &BTreeMap<Str, Value>) -> Option<bool> {
    if a.len() != b.len() || !a.keys().eq(b.keys()) {
        return Some(false);
    }
    all(a
        .values()
        .zip(b.values())
        .map(|(x, y)| deeper(|| equal(x, y))))
}

/// One certain difference settles it, whatever is unknown elsewhere.
fn all(results: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut certain = true;
    for result in results {
        match result {
            Some(false) => return Some(false),
            Some(true) => {}
            None => certain = false,
        }
    }
    certain.then_some(true)
}

/// What types and refinements can tell: another type, a prefix, a bound or a length that does not
/// fit rules equality out.
fn unknown_equal(unknown: &Unknown, other: &Value) -> Option<bool> {
    let r = &unknown.refinement;
    let other_type = match other {
        Value::Unknown(other) if other.ty.has_dynamic() => return None,
        other => other.ty(),
    };
    if !unknown.ty.has_dynamic() && unknown.ty != other_type {
        return Some(false);
    }
    let impossible = match other {
        Value::Unknown(_) => false,
        Value::String(s) => r.prefix.as_ref().is_some_and(|p| !s.starts_with(&**p)),
        Value::Number(n) => {
            let below = r
                .lower
                .as_ref()
                .is_some_and(|(b, inc)| n < b || (n == b && !inc));
            let above = r
                .upper
                .as_ref()
                .is_some_and(|(b, inc)| n > b || (n == b && !inc));
            below || above
        }
        _ => match other.len() {
            Some(len) if unknown.ty.is_collection() => {
                r.min_length.is_some_and(|m| (len as u64) < m)
                    || r.max_length.is_some_and(|m| len as u64 > m)
            }
            _ => false,
        },
    };
    if impossible { Some(false) } else { None }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::string_nfc(s)
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::string_nfc(&s)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::int(n)
    }
}

impl From<Number> for Value {
    fn from(n: Number) -> Self {
        Self::Number(n)
    }
}

#[cfg(test)]
mod tests;
