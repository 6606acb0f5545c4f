//! Parts of collections.

use muster_value::{Marks, Type, Value, convert};

use super::numeric::whole;
use super::signature::{first_element, first_type};
use super::{Function, FunctionError, Param, Returns};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "element",
        "The element at an index, counted around past either end.",
        &[
            Param::any("list").unknown().marked(),
            Param::number("index").unknown(),
        ],
        Returns::maybe(first_element),
        |a, _| element(a),
    ),
    Function::new(
        "index",
        "The index at which a list has a value.",
        &[Param::any("list").unknown(), Param::any("value").unknown()],
        Returns::of(|a| {
            if a.is_empty() {
                Type::Dynamic
            } else {
                Type::Number
            }
        }),
        |a, _| index(a),
    ),
    Function::new(
        "lookup",
        "The element of a map at a key, or a default when there is none.",
        &[
            Param::any("inputMap").unknown().marked(),
            Param::string("key").unknown().marked(),
        ],
        Returns::maybe(|a| match first_type(a) {
            Type::Map(elem) => elem.as_ref().clone(),
            _ => Type::Dynamic,
        }),
        |a, _| lookup(a),
    )
    .more(Param::any("default").null().unknown().untyped().marked()),
    Function::new(
        "one",
        "The only element of a collection, or null when it is empty.",
        &[Param::any("list").unknown().marked()],
        Returns::maybe(first_element),
        |a, _| one(&a[0]),
    ),
    Function::new(
        "slice",
        "The elements of a list from one index to before another.",
        &[
            Param::any("list").unknown().marked(),
            Param::number("start_index").unknown(),
            Param::number("end_index").unknown(),
        ],
        Returns::of(|a| match first_type(a) {
            ty @ Type::List(_) => ty,
            _ => Type::Dynamic,
        }),
        |a, _| slice(a),
    ),
];

fn index(args: &[Value]) -> Result {
    let list = &args[0];
    if !list.is_known() || !args[1].is_known() {
        return Ok(Value::unknown_not_null(Type::Number));
    }
    if !matches!(list.ty(), Type::List(_) | Type::Tuple(_)) {
        return Err("the first argument must be a list or tuple".into());
    }
    let Some(all) = list.as_slice() else {
        return Ok(Value::unknown_not_null(Type::Number));
    };
    if all.is_empty() {
        return Err("the list is empty".into());
    }
    for (at, item) in (0i64..).zip(all) {
        match item.equals(&args[1]).peel() {
            Value::Bool(true) => return Ok(Value::int(at)),
            Value::Bool(false) => {}
            _ => return Ok(Value::unknown_not_null(Type::Number)),
        }
    }
    Err("the list does not have the value".into())
}

fn element(args: &[Value]) -> Result {
    let (list, marks) = args[0].clone().unmark();
    let types = match list.ty() {
        Type::Tuple(types) => Some(types),
        Type::List(_) => None,
        _ => return Err("the first argument must be a list or tuple".into()),
    };
    let count = types.as_ref().map(|types| types.len()).or(list.len());
    let Some(count) = count.filter(|_| args[1].is_known()) else {
        return Ok(Value::unknown(first_element(args)).mark(marks));
    };
    let at = whole(args, 1)?;
    if count == 0 {
        return Err("the list has no elements".into());
    }
    let at = match types {
        // Negative indices count from the end.
        None => at.rem_euclid(count as i64),
        Some(_) => at % count as i64,
    };
    let Ok(at) = usize::try_from(at) else {
        return Err("the index in a tuple is negative".into());
    };
    let found = list.as_slice().map(|all| all[at].clone());
    let unknown = || Value::unknown(types.map_or(Type::Dynamic, |types| types[at].clone()));
    Ok(found.unwrap_or_else(unknown).mark(marks))
}

fn lookup(args: &[Value]) -> Result {
    if args.len() > 3 {
        return Err("it takes a map, a key and one default".into());
    }
    let (map, map_marks) = args[0].clone().unmark();
    let (key, key_marks) = args[1].clone().unmark();
    let marks = map_marks | key_marks;
    let default = args.get(2);
    let ty = map.ty();
    let default = match (&ty, default) {
        (Type::Map(elem), Some(default)) => Some(convert(default, elem).map_err(|_| {
            FunctionError::argument(2, "the default must be of the type of the elements")
        })?),
        (Type::Map(_) | Type::Object(_) | Type::Dynamic, default) => default.cloned(),
        _ => return Err(FunctionError::argument(0, "a map or object is required")),
    };
    let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
    let Some(name) = key.as_str() else {
        return Ok(Value::unknown(elem).mark(marks));
    };
    match (&map, map.get(name)) {
        (_, Some(found)) => Ok(found.clone().mark(marks)),
        (Value::Unknown(u), _) => Ok(match u.ty.attribute(name) {
            Some(ty) => Value::unknown(ty.clone()),
            None if matches!(u.ty, Type::Object(_)) => match default {
                Some(default) => default,
                None => return Err(FunctionError::argument(0, no_key(name, marks))),
            },
            None => Value::unknown(elem),
        }
        .mark(marks)),
        (_, None) => match default {
            Some(default) => Ok(default.mark(marks)),
            None if matches!(map, Value::Map(_)) => Err(no_key(name, marks).into()),
            None => Err(FunctionError::argument(0, no_key(name, marks))),
        },
    }
}

fn no_key(name: &str, marks: Marks) -> String {
    match marks.is_empty() {
        true => format!("there is no key \"{name}\", and no default is given"),
        false => "there is no such key, and no default is given".into(),
    }
}

fn one(value: &Value) -> Result {
    let (value, marks) = value.clone().unmark();
    let wrong = || {
        FunctionError::argument(
            0,
            "a list, set or tuple with one element at most is required",
        )
    };
    let ty = value.ty();
    let result = match (&value, &ty) {
        (_, Type::Dynamic) => Value::unknown(Type::Dynamic),
        (Value::Unknown(_), Type::Tuple(types)) => match &types[..] {
            [] => Value::NULL,
            [only] => Value::unknown(only.clone()),
            _ => return Err(wrong()),
        },
        (Value::Unknown(_), Type::List(elem) | Type::Set(elem)) => {
            Value::unknown(elem.as_ref().clone())
        }
        _ => match value.as_slice().ok_or_else(wrong)? {
            [] => Value::Null(ty.element().cloned().unwrap_or(Type::Dynamic)),
            [only] => only.clone(),
            _ => return Err(wrong()),
        },
    };
    Ok(result.mark(marks))
}

fn slice(args: &[Value]) -> Result {
    let (list, marks) = args[0].clone().unmark();
    let ty = list.ty();
    let (all, limit) = match (&list, &ty) {
        (Value::Unknown(_), Type::List(_)) => (Vec::new(), None),
        (Value::Unknown(_), Type::Tuple(types)) => {
            let parts: Vec<_> = types.iter().cloned().map(Value::unknown).collect();
            (parts, Some(types.len()))
        }
        (Value::List(_) | Value::Tuple(_), _) => {
            (list.as_slice().unwrap_or_default().to_vec(), list.len())
        }
        (_, Type::Set(_)) => {
            return Err(FunctionError::argument(
                0,
                "a set has no order; convert it with tolist() first",
            ));
        }
        _ => return Err(FunctionError::argument(0, "a list or tuple is required")),
    };
    let (start, end) = (bound(args, 1, limit)?, bound(args, 2, limit)?);
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        let reason = "the start must not be after the end";
        return Err(FunctionError::argument(1, reason));
    }
    let part = start.zip(end).filter(|_| limit.is_some());
    Ok(match (ty, part) {
        (ty @ Type::List(_), None) => Value::unknown_not_null(ty),
        (_, None) => Value::unknown_not_null(Type::Dynamic),
        (Type::List(elem), Some((start, end))) => {
            Value::list(elem.as_ref().clone(), all[start..end].to_vec())
        }
        (_, Some((start, end))) => Value::tuple(all[start..end].to_vec()),
    }
    .mark(marks))
}

/// An index between elements of a list, or before or behind it, if it is known already. Nor is
/// the length of the list always known.
fn bound(args: &[Value], at: usize, limit: Option<usize>) -> Result<Option<usize>> {
    if !args[at].is_known() {
        return Ok(None);
    }
    let wrong = |reason| FunctionError::argument(at, reason);
    let index = whole(args, at).map_err(|e| wrong(e.reason))?;
    let inside = |index: &usize| limit.is_none_or(|limit| *index <= limit);
    match usize::try_from(index).ok().filter(inside) {
        Some(index) => Ok(Some(index)),
        None => Err(wrong(match limit {
            Some(n) => format!("the index {index} is outside the list, which has {n} elements"),
            None => format!("the index {index} is before the list"),
        })),
    }
}
