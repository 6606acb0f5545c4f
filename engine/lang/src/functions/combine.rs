//! Collections put together from others.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_value::{Marks, Str, Type, Value, convert, unify};

use super::limits::{MOST_ELEMENTS, check_elements};
use super::signature::first_type;
use super::{Function, FunctionError, Param, Returns};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "coalesce",
        "The first argument that is neither null nor an empty string.",
        &[],
        Returns::of(|a| common(a).unwrap_or(Type::Dynamic)),
        |a, _| coalesce(a),
    )
    .more(Param::any("vals").null().unknown().untyped()),
    Function::new(
        "concat",
        "The elements of all the lists in one.",
        &[],
        Returns::of(|a| same_type(a).unwrap_or(Type::Dynamic)),
        |a, _| concat(a),
    )
    .more(Param::any("seqs").unknown().marked()),
    Function::new(
        "flatten",
        "A list in which elements that are lists are replaced by their own elements.",
        &[Param::any("list").unknown().marked()],
        Returns::ANY,
        |a, _| flatten(&a[0]),
    ),
    Function::new(
        "keys",
        "The keys of a map or the attribute names of an object, in order.",
        &[Param::any("inputMap").unknown().marked()],
        Returns::ANY,
        |a, _| keys(&a[0]),
    ),
    Function::new(
        "merge",
        "The entries of all the maps or objects in one; of a repeated key the last stays.",
        &[],
        Returns::of(|a| same_type(a).unwrap_or(Type::Dynamic)),
        |a, _| merge(a),
    )
    .more(Param::any("maps").null().unknown().untyped().marked()),
    Function::new(
        "transpose",
        "A map of lists in which keys and elements have changed places.",
        &[Param::typed("values", lists)],
        Returns::of(|_| lists()),
        |a, _| transpose(&a[0]),
    ),
    Function::new(
        "values",
        "The elements of a map or the attributes of an object, in the order of the keys.",
        &[Param::any("mapping").unknown().marked()],
        Returns::of(|a| match first_type(a) {
            Type::Map(elem) => Type::List(elem),
            _ => Type::Dynamic,
        }),
        |a, _| values(&a[0]),
    ),
    Function::new(
        "zipmap",
        "A map or object from a list of keys and a list of values.",
        &[
            Param::strings("keys").unknown().marked(),
            Param::any("values").unknown().marked(),
        ],
        Returns::of(|a| match a.get(1).map(Value::ty) {
            Some(Type::List(elem)) => Type::Map(elem),
            _ => Type::Dynamic,
        }),
        |a, _| zip(a),
    ),
];

fn lists() -> Type {
    Type::map(Type::list(Type::String))
}

/// The type all arguments convert to.
pub(super) fn common(args: &[Value]) -> Option<Type> {
    unify(&args.iter().map(Value::ty).collect::<Vec<_>>())
}

/// The type all arguments have, if it is one collection type.
fn same_type(args: &[Value]) -> Option<Type> {
    let first = args.first()?.ty();
    (first.is_collection() && args[1..].iter().all(|v| v.ty() == first)).then_some(first)
}

fn coalesce(args: &[Value]) -> Result {
    if args.is_empty() {
        return Err("at least one argument is needed".into());
    }
    let ty = match common(args) {
        Some(ty) => ty,
        None if args.iter().all(Value::is_null) => Type::Dynamic,
        None => return Err("all arguments must be of one type".into()),
    };
    for arg in args {
        let arg = match ty {
            Type::Dynamic => arg.clone(),
            // The common type may be wider than what can be converted: `{ a = null, b = [] }` beside
            // a map of strings. Terraform passes over such arguments.
            _ => match convert(arg, &ty) {
                Ok(arg) => arg,
                Err(_) => continue,
            },
        };
        let (inner, marks) = arg.clone().unmark();
        match &inner {
            Value::Unknown(_) => return Ok(Value::unknown_not_null(ty).mark(marks)),
            Value::Null(_) => {}
            Value::String(s) if s.is_empty() && ty == Type::String => {}
            _ => return Ok(arg),
        }
    }
    Err("all of the arguments are null or empty strings".into())
}

fn concat(args: &[Value]) -> Result {
    if args.is_empty() {
        return Err("at least one list is needed".into());
    }
    check_elements(args.iter().filter_map(Value::len).sum())?;
    let marks = args.iter().fold(Marks::NONE, |m, v| m | v.marks());
    let lists = args.iter().all(|v| matches!(v.ty(), Type::List(_)));
    for (at, arg) in args.iter().enumerate() {
        match arg.ty() {
            // What follows is not looked at before this is known.
            Type::List(_) if !lists && !arg.is_known() => {
                return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks));
            }
            Type::List(_) | Type::Tuple(_) => {}
            _ => return Err(FunctionError::argument(at, "a list or tuple is required")),
        }
    }
    let list_type = if lists {
        common(args).filter(|t| matches!(t, Type::List(_)))
    } else {
        None
    };
    if let Some(ty) = list_type {
        return concat_lists(args, ty, marks);
    }
    let mut joined = Vec::new();
    for arg in args {
        match (arg.peel(), arg.ty()) {
            (Value::Unknown(_), Type::Tuple(types)) => {
                joined.extend(types.iter().cloned().map(Value::unknown));
            }
            (Value::Unknown(_), _) => {
                return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks));
            }
            (known, _) => joined.extend_from_slice(known.as_slice().unwrap_or_default()),
        }
    }
    Ok(Value::tuple(joined).mark(marks))
}

fn concat_lists(args: &[Value], ty: Type, marks: Marks) -> Result {
    if args.iter().any(|v| !v.is_known()) {
        return Ok(Value::unknown_not_null(ty).mark(marks));
    }
    let mut joined = Vec::new();
    for (at, arg) in args.iter().enumerate() {
        let arg = convert(arg, &ty).map_err(|e| FunctionError::argument(at, e.reason))?;
        joined.extend_from_slice(arg.as_slice().unwrap_or_default());
    }
    let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
    if elem == Type::Dynamic {
        return Ok(settled_list(joined).mark(marks));
    }
    Ok(Value::list(elem, joined).mark(marks))
}

/// A list of elements of one type, which nulls of no type take as well.
fn settled_list(mut items: Vec<Value>) -> Value {
    let mut types = items.iter().map(Value::ty);
    let Some(elem) = types.find(|ty| *ty != Type::Dynamic) else {
        return Value::list(Type::Dynamic, items);
    };
    for item in items.iter_mut().filter(|v| *v.peel() == Value::NULL) {
        *item = Value::Null(elem.clone()).mark(item.marks());
    }
    Value::list(elem, items)
}

fn flatten(list: &Value) -> Result {
    let (inner, mut marks) = list.clone().unmark();
    match inner.ty() {
        Type::List(_) | Type::Set(_) | Type::Tuple(_) | Type::Dynamic => {}
        _ if !inner.is_wholly_known() => {
            return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks));
        }
        _ => return Err("only lists, sets and tuples can be flattened".into()),
    }
    let mut flat = Vec::new();
    let known = flatten_into(&inner, &mut flat, &mut marks);
    check_elements(flat.len())?;
    Ok(match known {
        true => Value::tuple(flat),
        false => Value::unknown_not_null(Type::Dynamic),
    }
    .mark(marks))
}

/// Appends the elements; `false` when an element may turn out to be a list.
fn flatten_into(list: &Value, flat: &mut Vec<Value>, marks: &mut Marks) -> bool {
    let Some(items) = list.as_slice() else {
        return false;
    };
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        items.iter().all(|item| match (item.peel(), item.peel()) {
            (Value::List(_) | Value::Set(_) | Value::Tuple(_), inner) => {
                *marks |= item.marks();
                flatten_into(inner, flat, marks)
            }
            (Value::Unknown(u), _)
                if matches!(
                    u.ty,
                    Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_)
                ) =>
            {
                *marks |= item.marks();
                false
            }
            // One too many is enough to tell.
            _ if flat.len() > MOST_ELEMENTS => false,
            _ => {
                flat.push(item.clone());
                true
            }
        })
    })
}

fn keys(map: &Value) -> Result {
    let (map, marks) = map.clone().unmark();
    let text = |k: &Str| Value::String(k.clone());
    Ok(match (&map, map.ty()) {
        (Value::Map(m), _) => Value::list(Type::String, m.entries.keys().map(text).collect()),
        (Value::Object(o), _) => Value::tuple(o.keys().map(text)),
        (_, Type::Object(ty)) => Value::tuple(ty.attributes.keys().map(text)),
        (_, Type::Map(_)) => Value::unknown_not_null(Type::list(Type::String)),
        (_, Type::Dynamic) => Value::unknown_not_null(Type::Dynamic),
        _ => return Err(FunctionError::argument(0, "a map or object is required")),
    }
    .mark(marks))
}

fn values(map: &Value) -> Result {
    let (map, marks) = map.clone().unmark();
    Ok(match (&map, map.ty()) {
        (Value::Map(m), _) => Value::list(m.elem.clone(), m.entries.values().cloned().collect()),
        (Value::Object(o), _) => Value::tuple(o.values().cloned()),
        (_, Type::Object(ty)) => {
            Value::unknown_not_null(Type::tuple(ty.attributes.values().cloned()))
        }
        (_, Type::Map(elem)) => Value::unknown_not_null(Type::List(elem)),
        (_, Type::Dynamic) => Value::unknown_not_null(Type::Dynamic),
        _ => return Err("a map or object is required".into()),
    }
    .mark(marks))
}

fn merge(args: &[Value]) -> Result {
    let mut marks = Marks::NONE;
    let mut entries: BTreeMap<Str, Value> = BTreeMap::new();
    let mut unknown = false;
    for arg in args {
        match arg.ty() {
            // What follows is not looked at before this is known.
            Type::Dynamic if !arg.is_known() => {
                return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks | arg.marks()));
            }
            Type::Map(_) | Type::Object(_) | Type::Dynamic => {}
            _ => return Err("all arguments must be maps or objects".into()),
        }
        marks |= arg.marks();
        match (arg.peel(), arg.ty()) {
            (Value::Null(_), _) => {}
            (Value::Unknown(_), Type::Object(ty)) => {
                let attributes = ty.attributes.iter();
                entries.extend(attributes.map(|(k, t)| (k.clone(), Value::unknown(t.clone()))));
            }
            (Value::Unknown(_), _) => unknown = true,
            (known, _) => {
                let pairs = known.as_entries().into_iter().flatten();
                entries.extend(pairs.map(|(k, v)| (k.clone(), v.clone())));
            }
        }
    }
    let ty = same_type(args);
    Ok(match ty {
        Some(ty) if unknown => Value::unknown_not_null(ty),
        Some(Type::Map(elem)) => Value::map(elem.as_ref().clone(), entries),
        _ if unknown => Value::unknown_not_null(Type::Dynamic),
        _ => Value::Object(Arc::new(entries.into())),
    }
    .mark(marks))
}

fn transpose(map: &Value) -> Result {
    let mut turned: BTreeMap<Str, Vec<Value>> = BTreeMap::new();
    for (key, list) in map.as_entries().into_iter().flatten() {
        let list = list.as_slice().ok_or("a list in the map is null")?;
        for item in list {
            let item = item.as_str().ok_or("a string in a list is null")?;
            turned
                .entry(item.clone())
                .or_default()
                .push(Value::String(key.clone()));
        }
    }
    let lists = turned
        .into_iter()
        .map(|(k, v)| (k, Value::list(Type::String, v)));
    Ok(Value::map(Type::list(Type::String), lists.collect()))
}

fn zip(args: &[Value]) -> Result {
    let (names, key_marks) = args[0].clone().unmark();
    let (values, value_marks) = args[1].clone().unmark();
    let mut marks = key_marks | value_marks;
    let elem = match values.ty() {
        Type::List(elem) => Some(elem.as_ref().clone()),
        Type::Tuple(_) => None,
        Type::Dynamic => return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks)),
        _ => return Err("the values must be a list or tuple".into()),
    };
    let unknown = |marks| {
        let ty = elem.clone().map_or(Type::Dynamic, Type::map);
        Ok(Value::unknown_not_null(ty).mark(marks))
    };
    let Some(names) = names.as_slice() else {
        return unknown(marks);
    };
    let items: Vec<Value> = match (&values, values.ty()) {
        (Value::Unknown(_), Type::Tuple(types)) => {
            types.iter().cloned().map(Value::unknown).collect()
        }
        (Value::Unknown(_), _) => return unknown(marks),
        (known, _) => known.as_slice().unwrap_or_default().to_vec(),
    };
    marks = names.iter().fold(marks, |marks, name| marks | name.marks());
    if !names.iter().all(Value::is_known) {
        return unknown(marks);
    }
    if names.len() != items.len() {
        let reason = format!("there are {} keys but {} values", names.len(), items.len());
        return Err(reason.into());
    }
    let mut entries = BTreeMap::new();
    for (name, value) in names.iter().zip(items) {
        let name = name.as_str().ok_or("a key is null")?;
        entries.insert(name.clone(), value);
    }
    Ok(match elem {
        Some(elem) => Value::map(elem, entries),
        None => Value::Object(Arc::new(entries.into())),
    }
    .mark(marks))
}
