//! Lists, sets, maps and their structural kin: lookups and simple transformations.

use std::collections::HashSet;

use muster_value::{Number, Str, Type, Value, convert, unify};

use super::numeric::whole;
use super::signature::{first_element, first_list};
use super::{Function, FunctionError, Param, Returns};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "alltrue",
        "Whether all elements of a list are true.",
        &[Param::typed("list", bools).unknown()],
        Returns::BOOL,
        |a, _| settle(a, false),
    ),
    Function::new(
        "anytrue",
        "Whether at least one element of a list is true.",
        &[Param::typed("list", bools).unknown()],
        Returns::BOOL,
        |a, _| settle(a, true),
    ),
    Function::new(
        "chunklist",
        "A list cut into lists of a given length.",
        &[
            Param::list("list").unknown().marked(),
            Param::number("size"),
        ],
        Returns::of(|a| Type::list(first_list(a))),
        |a, _| chunk(a),
    ),
    Function::new(
        "coalescelist",
        "The first of the lists that is not empty.",
        &[],
        Returns::ANY,
        |a, _| coalesce_list(a),
    )
    .more(Param::any("vals").null().unknown().untyped()),
    Function::new(
        "compact",
        "A list of strings without those that are null or empty.",
        &[Param::strings("list")],
        Returns::STRINGS,
        |a, _| {
            let kept = items(&a[0], 0)?.iter();
            let kept = kept.filter(|v| v.as_str().is_some_and(|s| !s.is_empty()));
            Ok(Value::list(Type::String, kept.cloned().collect()))
        },
    ),
    Function::new(
        "contains",
        "Whether a list, set or tuple has a value as an element.",
        &[Param::any("list").unknown(), Param::any("value").unknown()],
        Returns::of(|a| {
            if a.is_empty() {
                Type::Dynamic
            } else {
                Type::Bool
            }
        }),
        |a, _| contains(a),
    ),
    Function::new(
        "distinct",
        "A list without repeated elements; the first of each stays.",
        &[Param::list("list").unknown()],
        Returns::of(first_list),
        |a, _| distinct(a),
    ),
    Function::new(
        "length",
        "How many elements a collection has, or characters a string.",
        &[Param::any("value").unknown().untyped().marked()],
        Returns::NUMBER,
        |a, _| length(&a[0]),
    ),
    Function::new(
        "matchkeys",
        "The elements of a list whose partners in another list are in a third.",
        &[
            Param::list("values"),
            Param::list("keys"),
            Param::list("searchset"),
        ],
        Returns::of(first_list),
        |a, _| match_keys(a),
    )
    .checked(match_keys_fit),
    Function::new(
        "reverse",
        "A list with its elements in the opposite order.",
        &[Param::any("list").unknown().marked()],
        Returns::ANY,
        |a, _| reverse(&a[0]),
    ),
    Function::new(
        "sort",
        "A list of strings in the order of their characters.",
        &[Param::strings("list")],
        Returns::STRINGS,
        |a, _| sort(&a[0]),
    ),
];

fn bools() -> Type {
    Type::list(Type::Bool)
}

/// The elements of an argument that is a known list, set or tuple.
pub(super) fn items(value: &Value, at: usize) -> Result<&[Value]> {
    value
        .as_slice()
        .ok_or_else(|| FunctionError::argument(at, "a list, set or tuple is required"))
}

fn settle(args: &[Value], wanted: bool) -> Result {
    if !args[0].is_known() {
        return Ok(Value::unknown_not_null(Type::Bool));
    }
    let mut unknown = false;
    for item in items(&args[0], 0)? {
        match item.as_bool() {
            _ if !item.is_known() => unknown = true,
            // Null counts as false.
            found if found.unwrap_or(false) == wanted => return Ok(Value::Bool(wanted)),
            _ => {}
        }
    }
    Ok(if unknown {
        Value::unknown_not_null(Type::Bool)
    } else {
        Value::Bool(!wanted)
    })
}

fn chunk(args: &[Value]) -> Result {
    let (list, marks) = args[0].clone().unmark();
    let ty = list.ty();
    if !list.is_known() {
        return Ok(Value::unknown_not_null(Type::list(ty)).mark(marks));
    }
    let size = whole(args, 1)?;
    let Ok(size) = usize::try_from(size) else {
        return Err("the size must not be negative".into());
    };
    let all = items(&list, 0)?;
    let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
    let size = if size == 0 { all.len().max(1) } else { size };
    let chunks = all
        .chunks(size)
        .map(|c| Value::list(elem.clone(), c.to_vec()));
    Ok(Value::list(ty, chunks.collect()).mark(marks))
}

fn coalesce_list(args: &[Value]) -> Result {
    if args.is_empty() {
        return Err("at least one list is needed".into());
    }
    // What follows an unknown list is not looked at before it is known.
    let mut decided = args.iter().take_while(|v| v.is_known());
    if !decided.all(|v| matches!(v.ty(), Type::List(_) | Type::Tuple(_))) {
        return Err("all arguments must be lists or tuples".into());
    }
    for arg in args {
        match arg {
            Value::Unknown(_) => return Ok(Value::unknown_not_null(Type::Dynamic)),
            Value::List(_) | Value::Tuple(_) if arg.len() != Some(0) => return Ok(arg.clone()),
            _ => {}
        }
    }
    Err("all of the lists are empty or null".into())
}

fn contains(args: &[Value]) -> Result {
    let list = &args[0];
    if !list.is_known() || !args[1].is_known() && list.as_slice().is_none() {
        return Ok(Value::unknown_not_null(Type::Bool));
    }
    let Some(all) = list.as_slice() else {
        return Err("the first argument must be a list, set or tuple".into());
    };
    let wanted = &args[1];
    let mut unknown = false;
    for item in all {
        match item.equals(wanted).peel() {
            Value::Bool(true) => return Ok(Value::Bool(true)),
            Value::Bool(false) => {}
            _ => unknown = true,
        }
    }
    Ok(if unknown {
        Value::unknown_not_null(Type::Bool)
    } else {
        Value::Bool(false)
    })
}

/// Texts of scalars that are equal exactly when the scalars are.
fn scalar_key(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(format!("s{s}")),
        // Zero is the same with and without a sign.
        Value::Number(n) if n.is_zero() => Some("n0".into()),
        Value::Number(n) => Some(format!("n{n}")),
        Value::Bool(b) => Some(format!("b{b}")),
        Value::Null(_) => Some("0".into()),
        _ => None,
    }
}

fn distinct(args: &[Value]) -> Result {
    let ty = args[0].ty();
    if !args[0].is_wholly_known() {
        return Ok(Value::unknown_not_null(ty));
    }
    let all = items(&args[0], 0)?;
    let mut kept: Vec<Value> = Vec::new();
    let mut seen = HashSet::new();
    for item in all {
        let key = scalar_key(item).map_or_else(|| serialised(item), Ok)?;
        if seen.insert(key) {
            kept.push(item.clone());
        }
    }
    let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
    Ok(Value::list(elem, kept))
}

/// A text that is equal for equal values of one type.
fn serialised(value: &Value) -> Result<String> {
    super::json::encode(&without_signs(value)).map_err(FunctionError::from)
}

/// The value where zeros have no sign.
fn without_signs(value: &Value) -> Value {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value {
        Value::Number(n) if n.is_zero() => Value::int(0),
        other => other.map_children(|_, part| without_signs(part)),
    })
}

fn length(value: &Value) -> Result {
    let (value, marks) = value.clone().unmark();
    let count = match &value {
        Value::String(s) => super::string::graphemes(s).len(),
        Value::Unknown(u) => match &u.ty {
            Type::Tuple(types) => types.len(),
            Type::Object(o) => o.attributes.len(),
            Type::Bool | Type::Number => return Err(LENGTH.into()),
            _ => {
                let r = &u.refinement;
                let number = |n: u64| (Number::from(n), true);
                let bounds = muster_value::Refinement {
                    not_null: true,
                    lower: Some(number(r.min_length.unwrap_or(0))),
                    upper: r.max_length.map(number),
                    ..Default::default()
                };
                return Ok(Value::refined(Type::Number, bounds).mark(marks));
            }
        },
        // Elements of a set that are not known may turn out equal.
        Value::Set(set) if !value.is_wholly_known() => {
            let bounds = muster_value::Refinement {
                not_null: true,
                lower: Some((Number::from(1u64), true)),
                upper: Some((Number::from(set.items.len() as u64), true)),
                ..Default::default()
            };
            return Ok(Value::refined(Type::Number, bounds).mark(marks));
        }
        known => known.len().ok_or(LENGTH)?,
    };
    Ok(Value::Number(Number::from(count as u64)).mark(marks))
}

const LENGTH: &str = "the argument must be a string, a collection, a tuple or an object";

/// What can be told before all elements are known.
fn match_keys_fit(args: &[Value]) -> Result<()> {
    let types = [args[1].ty(), args[2].ty()];
    unify(&types).ok_or("keys and search set must be of one type")?;
    let known = args.iter().all(Value::is_known);
    match known && args[0].len() != args[1].len() {
        true => Err("values and keys must be of equal length".into()),
        false => Ok(()),
    }
}

fn match_keys(args: &[Value]) -> Result {
    let (values, keys, wanted) = (
        items(&args[0], 0)?,
        items(&args[1], 1)?,
        items(&args[2], 2)?,
    );
    let elem = first_element(args);
    let types = [args[1].ty(), args[2].ty()];
    let common = unify(&types).ok_or("keys and search set must be of one type")?;
    let part = common.element().cloned().unwrap_or(Type::Dynamic);
    let text = |v: &Value| -> Result<String> {
        let v = convert(v, &part).map_err(|e| e.reason)?;
        scalar_key(&v).map_or_else(|| serialised(&v), Ok)
    };
    let wanted: HashSet<String> = wanted.iter().map(text).collect::<Result<_>>()?;
    let mut kept = Vec::new();
    for (value, key) in values.iter().zip(keys) {
        if wanted.contains(&text(key)?) {
            kept.push(value.clone());
        }
    }
    Ok(Value::list(elem, kept))
}

fn reverse(value: &Value) -> Result {
    let (value, marks) = value.clone().unmark();
    let ty = value.ty();
    let reversed = |all: &[Value]| all.iter().rev().cloned().collect::<Vec<_>>();
    Ok(match (&value, &ty) {
        (_, Type::Dynamic) => Value::unknown_not_null(Type::Dynamic),
        (Value::Unknown(_), Type::Tuple(types)) => {
            Value::unknown_not_null(Type::tuple(types.iter().rev().cloned()))
        }
        (Value::Unknown(_), Type::List(elem) | Type::Set(elem)) => {
            Value::unknown_not_null(Type::List(elem.clone()))
        }
        (Value::Tuple(all), _) => Value::tuple(reversed(all)),
        (known, Type::List(elem) | Type::Set(elem)) => {
            Value::list(elem.as_ref().clone(), reversed(items(known, 0)?))
        }
        _ => {
            return Err(FunctionError::argument(
                0,
                "a list, set or tuple is required",
            ));
        }
    }
    .mark(marks))
}

fn sort(value: &Value) -> Result {
    let mut texts: Vec<Str> = Vec::new();
    for item in items(value, 0)? {
        texts.push(
            item.as_str()
                .cloned()
                .ok_or("a null string cannot be sorted")?,
        );
    }
    texts.sort();
    Ok(Value::list(
        Type::String,
        texts.into_iter().map(Value::String).collect(),
    ))
}
