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
            Param::number("index"),
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
            Param::string("key").marked(),
        ],
        Returns::maybe(|a| match first_type(a) {
            Type::Map(elem) => elem.as_ref().clone(),
            _ => Type::Dynamic,
        }),
        |a, _| lookup(a),
    )
    .more(Param::any("default").null().unknown().marked()),
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
            Param::number("start_index"),
            Param::number("end_index"),
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
    match list.ty() {
        Type::List(_) | Type::Tuple(_) => {}
        Type::Dynamic => return Ok(Value::unknown_not_null(Type::Number)),
        _ => return Err("the first argument must be a list or tuple".into()),
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
    let at = whole(args, 1)?;
    let (count, types) = match (&list, list.ty()) {
        (_, Type::Dynamic) => return Ok(Value::unknown(Type::Dynamic).mark(marks)),
        (Value::Unknown(_), Type::List(elem)) => {
            return Ok(Value::unknown(elem.as_ref().clone()).mark(marks));
        }
        (_, Type::Tuple(types)) => (types.len(), types.to_vec()),
        (Value::List(l), _) => (l.items.len(), Vec::new()),
        _ => return Err("the first argument must be a list or tuple".into()),
    };
    if count == 0 {
        return Err("the list has no elements".into());
    }
    let at = match list {
        // Negative indices count from the end.
        Value::List(_) => at.rem_euclid(count as i64),
        _ => at % count as i64,
    };
    let Ok(at) = usize::try_from(at) else {
        return Err("the index in a tuple is negative".into());
    };
    Ok(match list.as_slice() {
        Some(all) => all[at].clone(),
        None => Value::unknown(types[at].clone()),
    }
    .mark(marks))
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
                None => return Err(no_key(name, marks)),
            },
            None => Value::unknown(elem),
        }
        .mark(marks)),
        (_, None) => match default {
            Some(default) => Ok(default.mark(marks)),
            None => Err(no_key(name, marks)),
        },
    }
}

fn no_key(name: &str, marks: Marks) -> FunctionError {
    let reason = match marks.is_empty() {
        true => format!("there is no key \"{name}\", and no default is given"),
        false => "there is no such key, and no default is given".into(),
    };
    FunctionError::argument(0, reason)
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
    let (start, end) = (whole(args, 1)?, whole(args, 2)?);
    let ty = list.ty();
    let all: Vec<Value> = match (&list, &ty) {
        (_, Type::Dynamic) => return Ok(Value::unknown(Type::Dynamic).mark(marks)),
        (Value::Unknown(_), Type::List(_)) => return Ok(Value::unknown_not_null(ty).mark(marks)),
        (Value::Unknown(_), Type::Tuple(types)) => {
            types.iter().cloned().map(Value::unknown).collect()
        }
        (Value::List(l), _) => l.items.clone(),
        (Value::Tuple(all), _) => all.to_vec(),
        (_, Type::Set(_)) => {
            return Err(FunctionError::argument(
                0,
                "a set has no order; convert it with tolist() first",
            ));
        }
        _ => return Err(FunctionError::argument(0, "a list or tuple is required")),
    };
    let limit = all.len() as i64;
    let check = |at: usize, index: i64| match (0..=limit).contains(&index) {
        true => Ok(index as usize),
        false => Err(FunctionError::argument(
            at,
            format!("the index {index} is outside the list, which has {limit} elements"),
        )),
    };
    let (start, end) = (check(1, start)?, check(2, end)?);
    if start > end {
        return Err(FunctionError::argument(
            1,
            "the start must not be after the end",
        ));
    }
    let part = all[start..end].to_vec();
    Ok(match ty {
        Type::List(elem) => Value::list(elem.as_ref().clone(), part),
        _ => Value::tuple(part),
    }
    .mark(marks))
}
