//! Functions on sets.

use std::collections::BTreeMap;

use muster_value::{Marks, Type, Value, convert, set_value, unify, unify_all};

use super::combine::common;
use super::limits::check_elements;
use super::{Function, FunctionError, Param, Returns};

type Result<T = Value> = std::result::Result<T, FunctionError>;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "setproduct",
        "Every combination of one element from each of the collections.",
        &[],
        Returns::ANY,
        |a, _| set_product(a),
    )
    .more(Param::any("sets").unknown().marked()),
    Function::new(
        "setintersection",
        "The elements that are in all of the sets.",
        &[Param::set("first_set")],
        Returns::of(|a| common(a).unwrap_or(Type::set(Type::Dynamic))),
        |a, _| sets(a, |in_all, _| in_all),
    )
    .more(Param::set("other_sets")),
    Function::new(
        "setsubtract",
        "The elements of the first set that are not in the second.",
        &[Param::set("a"), Param::set("b")],
        Returns::of(|a| common(a).unwrap_or(Type::set(Type::Dynamic))),
        |a, _| sets(a, |in_all, first| first && !in_all),
    ),
    Function::new(
        "setunion",
        "The elements that are in at least one of the sets.",
        &[Param::set("first_set").unknown()],
        Returns::of(|a| common(a).unwrap_or(Type::set(Type::Dynamic))),
        |a, _| sets(a, |_, _| true),
    )
    .more(Param::set("other_sets").unknown()),
];

fn set_product(args: &[Value]) -> Result {
    let marks = args.iter().fold(Marks::NONE, |m, v| m | v.marks());
    let plain: Vec<Value> = args.iter().map(|v| v.peel().clone()).collect();
    Ok(combinations(&plain)?.mark(marks))
}

/// A collection to combine: the type of its elements, and those as far as they are known.
struct Factor {
    elem: Type,
    items: Option<Vec<Value>>,
}

fn factor(arg: &Value, at: usize) -> Result<Factor> {
    let mixed = || FunctionError::argument(at, "all elements must be of one type");
    let (elem, items) = match (arg, arg.ty()) {
        (_, Type::List(elem) | Type::Set(elem)) => {
            (elem.as_ref().clone(), arg.as_slice().map(<[_]>::to_vec))
        }
        (_, Type::Tuple(types)) if types.is_empty() => (Type::Dynamic, Some(Vec::new())),
        (Value::Tuple(all), _) => {
            let (elem, items) = unify_all(all).ok_or_else(mixed)?;
            (elem, Some(items))
        }
        (_, Type::Tuple(types)) => (unify(&types).ok_or_else(mixed)?, None),
        _ => {
            let reason = "a list, set or tuple is required";
            return Err(FunctionError::argument(at, reason));
        }
    };
    Ok(Factor { elem, items })
}

/// Elements keep their marks, which in a set are those of the whole set.
fn combinations(args: &[Value]) -> Result {
    if args.len() < 2 {
        return Err("at least two collections are needed".into());
    }
    let mut types = Vec::with_capacity(args.len());
    let mut factors = Vec::with_capacity(args.len());
    let mut total = 1usize;
    for (at, arg) in args.iter().enumerate() {
        let Factor { elem, items } = factor(arg, at)?;
        types.push(elem);
        total = total.saturating_mul(items.as_ref().map_or(1, Vec::len));
        check_elements(total.saturating_mul(args.len()))?;
        factors.extend(items);
    }
    let elem = Type::tuple(types);
    let set = args.iter().any(|v| matches!(v.ty(), Type::Set(_)));
    let undecided = set && !args.iter().all(Value::is_wholly_known);
    if factors.len() < args.len() || undecided {
        let ty = if set {
            Type::set(elem)
        } else {
            Type::list(elem)
        };
        return Ok(Value::unknown_not_null(ty));
    }
    let mut rows = Vec::with_capacity(total);
    for row in 0..total {
        let mut rest = row;
        let mut picked = Vec::with_capacity(factors.len());
        for items in factors.iter().rev() {
            picked.push(items[rest % items.len()].clone());
            rest /= items.len();
        }
        rows.push(Value::tuple(picked.into_iter().rev()));
    }
    Ok(if set {
        let marks = rows.iter().fold(Marks::NONE, |m, v| m | v.marks_deep());
        let rows = rows.iter().map(Value::unmark_deep).collect();
        set_value(elem, rows).mark(marks)
    } else {
        Value::list(elem, rows)
    })
}

/// The elements that `keep` wants, which is told whether an element is in all sets and whether
/// it is in the first.
fn sets(args: &[Value], keep: fn(bool, bool) -> bool) -> Result {
    let incompatible = "the sets must have elements of one type";
    let typed: Vec<Type> = args.iter().map(Value::ty).collect();
    let with_items: Vec<Type> = args
        .iter()
        .zip(&typed)
        .filter(|(v, t)| !t.has_dynamic() || v.len() != Some(0))
        .map(|(_, t)| t.clone())
        .collect();
    let ty = match with_items.is_empty() {
        true => typed[0].clone(),
        false => unify(&with_items).ok_or(incompatible)?,
    };
    let elem = ty.element().cloned().unwrap_or(Type::Dynamic);
    if args.iter().any(|v| !v.is_known()) {
        return Ok(Value::unknown_not_null(ty));
    }
    let mut counted: BTreeMap<String, (Value, usize, bool)> = BTreeMap::new();
    let mut undecided = Vec::new();
    for (at, arg) in args.iter().enumerate() {
        let arg = convert(arg, &ty).map_err(|_| incompatible)?;
        for item in arg.as_slice().unwrap_or_default() {
            if !item.is_wholly_known() {
                undecided.push(item.clone());
                continue;
            }
            let key = super::json::encode(item)?;
            let entry = counted
                .entry(key)
                .or_insert_with(|| (item.clone(), 0, at == 0));
            entry.1 += 1;
        }
    }
    let all = args.len();
    let kept = counted
        .into_values()
        .filter(|(_, n, first)| keep(*n == all, *first));
    let kept = kept.map(|(item, ..)| item).chain(undecided).collect();
    Ok(set_value(elem, kept))
}
