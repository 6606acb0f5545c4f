//! Functions on sets.

use std::collections::BTreeMap;

use muster_value::{Marks, Type, Value, convert, set_value, unify, unify_all};

use super::collection::items;
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

/// Elements keep their marks, which in a set are those of the whole set.
fn combinations(args: &[Value]) -> Result {
    if args.len() < 2 {
        return Err("at least two collections are needed".into());
    }
    if args.iter().any(|v| !v.is_known()) {
        return Ok(Value::unknown_not_null(Type::Dynamic));
    }
    let mut factors = Vec::new();
    let mut set = false;
    let mut total = 1usize;
    for (at, arg) in args.iter().enumerate() {
        let required = "a list, set or tuple is required";
        set |= matches!(arg, Value::Set(_));
        let (elem, items) = match arg {
            Value::List(_) | Value::Set(_) => {
                let elem = arg.ty().element().cloned().unwrap_or(Type::Dynamic);
                (elem, items(arg, at)?.to_vec())
            }
            Value::Tuple(all) if all.is_empty() => (Type::Dynamic, Vec::new()),
            Value::Tuple(all) => unify_all(all)
                .ok_or_else(|| FunctionError::argument(at, "all elements must be of one type"))?,
            _ => return Err(FunctionError::argument(at, required)),
        };
        total = total.saturating_mul(items.len());
        check_elements(total.saturating_mul(args.len()))?;
        factors.push((elem, items));
    }
    let elem = Type::tuple(factors.iter().map(|(ty, _)| ty.clone()));
    if set && !args.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown_not_null(Type::set(elem)));
    }
    let mut rows = Vec::with_capacity(total);
    for row in 0..total {
        let mut rest = row;
        let mut picked = Vec::with_capacity(factors.len());
        for (_, items) in factors.iter().rev() {
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
