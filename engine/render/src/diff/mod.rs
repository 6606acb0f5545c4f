//! What changes between two values, as a tree that can be drawn.

mod block;
mod draw;
mod pair;
mod stand_in;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use muster_schema::{Attribute, AttributeType, Nesting};
use muster_value::{Marks, Path, PathStep, Str, Type, Value, implied_type, json_to_value};

pub(crate) use block::{Block, diff_block, diff_untyped};
pub(crate) use draw::{Canvas, Context};
pub(crate) use stand_in::StandIn;

/// What happens to a part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    NoOp,
    Create,
    Update,
    Delete,
}

/// A part of a value and what happens to it.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) act: Act,
    /// It forces the object to be replaced.
    pub(crate) replace: bool,
    pub(crate) kind: Kind<'a>,
}

#[derive(Debug)]
pub(crate) enum Kind<'a> {
    /// Unchanged; looked into only when it is drawn.
    Same(Value, Shape<'a>),
    /// Before and after; null when there is none.
    Scalar(Value, Value),
    /// A string that holds JSON or YAML.
    Text {
        /// The function that makes such a string.
        function: &'static str,
        inner: Box<Node<'static>>,
        whitespace: bool,
    },
    /// Known after apply, and what was there before.
    Unknown(Option<Box<Node<'a>>>),
    /// Not shown; with a note when that begins or ends with this change.
    Sensitive(Option<&'static str>),
    /// Not known to anybody but the provider.
    WriteOnly,
    List(Vec<Node<'a>>),
    Set(Vec<Node<'a>>),
    Object(BTreeMap<Str, Node<'a>>),
    Map(BTreeMap<Str, Node<'a>>),
    /// Another kind of value than before.
    Replaced(Box<Node<'a>>, Box<Node<'a>>),
}

/// What the schema says about a part of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape<'a> {
    Type(&'a Type),
    /// Attributes within attributes.
    Attributes(&'a IndexMap<Str, Attribute>),
    /// A collection of those.
    Nested(&'a IndexMap<Str, Attribute>),
}

static DYNAMIC: Type = Type::Dynamic;

impl<'a> Shape<'a> {
    /// Anything, as outputs are.
    pub(crate) const ANY: Shape<'static> = Shape::Type(&DYNAMIC);

    pub(crate) fn of(attribute: &'a Attribute) -> Self {
        match &attribute.ty {
            AttributeType::Plain(ty) => Self::Type(ty),
            AttributeType::Nested {
                attributes,
                nesting: Nesting::Single | Nesting::Group,
            } => Self::Attributes(attributes),
            AttributeType::Nested { attributes, .. } => Self::Nested(attributes),
        }
    }

    fn is_dynamic(self) -> bool {
        matches!(self, Self::Type(Type::Dynamic))
    }

    fn is_write_only(self, name: &str) -> bool {
        match self {
            Self::Attributes(attributes) => attributes.get(name).is_some_and(|a| a.write_only),
            _ => false,
        }
    }

    fn attribute(self, name: &str) -> Self {
        match self {
            Self::Type(Type::Object(object)) => {
                object.attributes.get(name).map_or(Self::ANY, Self::Type)
            }
            Self::Attributes(attributes) => attributes.get(name).map_or(Self::ANY, Self::of),
            _ => self.element(0),
        }
    }

    fn element(self, index: usize) -> Self {
        match self {
            Self::Type(Type::List(elem) | Type::Set(elem) | Type::Map(elem)) => Self::Type(elem),
            Self::Type(Type::Tuple(elems)) => elems.get(index).map_or(Self::ANY, Self::Type),
            Self::Nested(attributes) => Self::Attributes(attributes),
            _ => Self::ANY,
        }
    }
}

/// The paths that force a replacement, as seen from some part of the value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forced<'p>(Vec<&'p [PathStep]>);

impl<'p> Forced<'p> {
    pub(crate) fn new(paths: &'p [Path]) -> Self {
        Self(paths.iter().map(|path| path.0.as_slice()).collect())
    }

    fn here(&self) -> bool {
        self.0.iter().any(|path| path.is_empty())
    }

    fn step(&self, matches: impl Fn(&PathStep) -> bool) -> Self {
        let inner = self.0.iter().filter_map(|path| {
            let (first, rest) = path.split_first()?;
            matches(first).then_some(rest)
        });
        Self(inner.collect())
    }

    fn name(&self, name: &str) -> Self {
        self.step(|step| matches!(step, PathStep::Attr(n) | PathStep::Key(n) if **n == *name))
    }

    fn index(&self, index: usize) -> Self {
        self.step(|step| matches!(step, PathStep::Index(i) if *i == index as u64))
    }
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|v| !v.is_null())
}

fn is_sensitive(value: Option<&Value>) -> bool {
    value.is_some_and(|v| v.marks().contains(Marks::SENSITIVE))
}

/// What happens, as far as being there or not tells. Null is as good as not there, unless it is
/// written out on one side only.
fn act_of(before: Option<&Value>, after: Option<&Value>) -> Act {
    match (present(before), present(after)) {
        (Some(_), Some(_)) => Act::Update,
        (None, Some(_)) => Act::Create,
        (Some(_), None) => Act::Delete,
        (None, None) => match (before, after) {
            (None, Some(_)) => Act::Create,
            (Some(_), None) => Act::Delete,
            _ => Act::NoOp,
        },
    }
}

/// An attribute that is write-only comes and goes with its object; whether it changes, nobody can
/// say.
fn write_only<'a>(before: Option<&Value>, after: Option<&Value>) -> Node<'a> {
    let act = match act_of(before, after) {
        Act::Update => Act::NoOp,
        act => act,
    };
    Node {
        act,
        replace: false,
        kind: Kind::WriteOnly,
    }
}

/// What changes from one value to another.
pub(crate) fn diff<'a>(
    before: Option<&Value>,
    after: Option<&Value>,
    shape: Shape<'a>,
    forced: &Forced<'_>,
) -> Node<'a> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        let (act, kind) = compare(before, after, shape, forced);
        Node {
            act,
            replace: forced.here() && !shape.is_dynamic(),
            kind,
        }
    })
}

fn compare<'a>(
    before: Option<&Value>,
    after: Option<&Value>,
    shape: Shape<'a>,
    forced: &Forced<'_>,
) -> (Act, Kind<'a>) {
    let act = act_of(before, after);
    let (old, new) = (present(before), present(after));
    if is_sensitive(before) || is_sensitive(after) {
        return compare_sensitive(before, after, act, shape);
    }
    if new.is_some_and(|v| !v.is_known()) {
        let old = old.map(|v| Box::new(diff(Some(v), None, shape, &Forced::default())));
        return (act, Kind::Unknown(old));
    }
    match (old, new) {
        (Some(old), Some(new)) if old.same(new) => {
            return (Act::NoOp, Kind::Same(new.clone(), shape));
        }
        (Some(old), Some(new)) if form(old, shape) != form(new, shape) => {
            let none = Forced::default();
            let old = diff(Some(old), None, shape, &none);
            let new = diff(None, Some(new), shape, &none);
            return (act, Kind::Replaced(Box::new(old), Box::new(new)));
        }
        _ => {}
    }
    let Some(sample) = new.or(old) else {
        return (act, Kind::Scalar(Value::NULL, Value::NULL));
    };
    let kind = match form(sample, shape) {
        Form::Scalar => scalar(old, new),
        Form::List => Kind::List(list(old, new, shape, forced)),
        Form::Set => Kind::Set(set(old, new, shape)),
        Form::Map => Kind::Map(entries(old, new, shape, forced)),
        Form::Object => Kind::Object(entries(old, new, shape, forced)),
    };
    (act, kind)
}

fn compare_sensitive<'a>(
    before: Option<&Value>,
    after: Option<&Value>,
    act: Act,
    shape: Shape<'a>,
) -> (Act, Kind<'a>) {
    let same = matches!((before, after), (Some(b), Some(a)) if b.same(a));
    let note = match (is_sensitive(before), is_sensitive(after)) {
        _ if act != Act::Update || shape.is_dynamic() => None,
        (true, false) => Some("# Warning: this value is no longer sensitive after this change."),
        (false, true) => Some("# Warning: this value is sensitive after this change."),
        _ => None,
    };
    let act = if same && note.is_none() {
        Act::NoOp
    } else {
        act
    };
    (act, Kind::Sensitive(note))
}

/// How a value is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Scalar,
    List,
    Set,
    Map,
    Object,
}

/// Values of no declared type are drawn as JSON would have them: only lists and objects.
fn form(value: &Value, shape: Shape<'_>) -> Form {
    match value.peel() {
        Value::Set(_) if !shape.is_dynamic() => Form::Set,
        Value::List(_) | Value::Tuple(_) | Value::Set(_) => Form::List,
        Value::Map(_) if !shape.is_dynamic() => Form::Map,
        Value::Map(_) | Value::Object(_) => Form::Object,
        _ => Form::Scalar,
    }
}

fn scalar<'a>(old: Option<&Value>, new: Option<&Value>) -> Kind<'a> {
    let text = |v: Option<&Value>| v.and_then(|v| v.as_str().cloned());
    let (was, is) = (text(old), text(new));
    let json = |text: &Option<Str>| text.as_deref().and_then(parse_json);
    let (a, b) = (json(&was), json(&is));
    let all_json = (a.is_some() || old.is_none()) && (b.is_some() || new.is_none());
    if all_json && (a.is_some() || b.is_some()) {
        let inner = diff(a.as_ref(), b.as_ref(), Shape::ANY, &Forced::default());
        let whitespace = inner.act == Act::NoOp && was != is;
        return Kind::Text {
            function: "jsonencode",
            inner: Box::new(inner),
            whitespace,
        };
    }
    let yaml = |text: &Option<Str>| text.as_deref().and_then(yaml::parse);
    if let (Some(a), Some(b)) = (yaml(&was), yaml(&is))
        && !a.same(&b)
    {
        return Kind::Text {
            function: "yamlencode",
            inner: Box::new(diff(Some(&a), Some(&b), Shape::ANY, &Forced::default())),
            whitespace: false,
        };
    }
    let or_null = |v: Option<&Value>| v.map_or(Value::NULL, |v| v.peel().clone());
    Kind::Scalar(or_null(old), or_null(new))
}

/// The value in a string that holds a JSON object or array.
fn parse_json(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    json_to_value(&json, &implied_type(&json)).ok()
}

fn items(value: Option<&Value>) -> Vec<&Value> {
    value.map(|v| v.children().collect()).unwrap_or_default()
}

fn list<'a>(
    old: Option<&Value>,
    new: Option<&Value>,
    shape: Shape<'a>,
    forced: &Forced<'_>,
) -> Vec<Node<'a>> {
    let (old, new) = (items(old), items(new));
    let pairs = pair::list(&old, &new);
    let pairs = pairs.into_iter().map(|(o, n)| {
        let index = n.or(o).unwrap_or_default();
        let (o, n) = (o.map(|i| old[i]), n.map(|i| new[i]));
        diff(o, n, shape.element(index), &forced.index(index))
    });
    pairs.collect()
}

fn set<'a>(old: Option<&Value>, new: Option<&Value>, shape: Shape<'a>) -> Vec<Node<'a>> {
    let (old, new) = (items(old), items(new));
    let pairs = pair::set(&old, &new);
    let pairs = pairs.into_iter().map(|(o, n)| {
        let (o, n) = (o.map(|i| old[i]), n.map(|i| new[i]));
        diff(o, n, shape.element(0), &Forced::default())
    });
    pairs.collect()
}

fn entries<'a>(
    old: Option<&Value>,
    new: Option<&Value>,
    shape: Shape<'a>,
    forced: &Forced<'_>,
) -> BTreeMap<Str, Node<'a>> {
    let keys = |value: Option<&Value>| {
        let entries = value.and_then(|v| v.as_entries());
        entries
            .into_iter()
            .flat_map(|e| e.keys().cloned())
            .collect::<BTreeSet<Str>>()
    };
    // Attributes of a schema are all there, most of them null: those say nothing.
    let is_noise = |o: Option<&Value>, n: Option<&Value>| {
        matches!(shape, Shape::Attributes(_)) && present(o).is_none() && present(n).is_none()
    };
    let mut found = BTreeMap::new();
    for key in &keys(old) | &keys(new) {
        let (o, n) = (old.and_then(|v| v.get(&key)), new.and_then(|v| v.get(&key)));
        if shape.is_write_only(&key) {
            found.insert(key, write_only(old, new));
        } else if !is_noise(o, n) {
            let node = diff(o, n, shape.attribute(&key), &forced.name(&key));
            found.insert(key, node);
        }
    }
    found
}

/// An unchanged value, looked into one level deep.
pub(crate) fn expand<'a>(value: &Value, shape: Shape<'a>) -> Kind<'a> {
    let same = |value: &Value, shape: Shape<'a>| Node {
        act: Act::NoOp,
        replace: false,
        kind: Kind::Same(value.clone(), shape),
    };
    if is_sensitive(Some(value)) {
        return Kind::Sensitive(None);
    }
    if !value.is_known() {
        return Kind::Unknown(None);
    }
    let nodes = || {
        value
            .children()
            .enumerate()
            .map(|(i, v)| same(v, shape.element(i)))
            .collect()
    };
    let entries = || {
        let entries = value.as_entries().into_iter().flatten();
        let shown =
            entries.filter(|(_, v)| !(matches!(shape, Shape::Attributes(_)) && v.is_null()));
        let shown = shown.map(|(k, v)| (k.clone(), same(v, shape.attribute(k))));
        let hidden = value.as_entries().into_iter().flat_map(|e| e.keys());
        let hidden = hidden.filter(|k| shape.is_write_only(k));
        let hidden = hidden.map(|k| (k.clone(), write_only(Some(value), Some(value))));
        shown.chain(hidden).collect()
    };
    match form(value, shape) {
        Form::Scalar => match value.as_str().and_then(|text| parse_json(text)) {
            Some(json) => Kind::Text {
                function: "jsonencode",
                inner: Box::new(same_json(json)),
                whitespace: false,
            },
            None => Kind::Scalar(value.peel().clone(), value.peel().clone()),
        },
        Form::List => Kind::List(nodes()),
        Form::Set => Kind::Set(nodes()),
        Form::Map => Kind::Map(entries()),
        Form::Object => Kind::Object(entries()),
    }
}

fn same_json(json: Value) -> Node<'static> {
    Node {
        act: Act::NoOp,
        replace: false,
        kind: Kind::Same(json, Shape::ANY),
    }
}
