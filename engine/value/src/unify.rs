use std::collections::BTreeMap;
use std::sync::Arc;

use crate::convert::{convert, convert_type};
use crate::{ObjectType, Str, Type, Value};

/// The type all of `types` convert to, as a conditional, a list or a map needs it: the most
/// general of them, element by element for structures. `None` when there is none or no types.
/// `Dynamic` when it depends on a type that is not known yet.
pub fn unify(types: &[Type]) -> Option<Type> {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || unify_types(types))
}

/// The common type of the values, and the values converted to it. `None` when there is none or
/// no values, or when a value does not convert.
pub fn unify_all(values: &[Value]) -> Option<(Type, Vec<Value>)> {
    let mut types: Vec<Type> = Vec::new();
    for value in values {
        let ty = value.ty();
        if types.last() != Some(&ty) {
            types.push(ty);
        }
    }
    let ty = unify(&types)?;
    if types.len() == 1 {
        return Some((ty, values.to_vec()));
    }
    let converted = values
        .iter()
        .map(|v| convert(v, &ty).ok())
        .collect::<Option<Vec<_>>>()?;
    Some((ty, converted))
}

/// How many types are of which kind.
#[derive(Default)]
struct Kinds {
    list: usize,
    set: usize,
    map: usize,
    tuple: usize,
    object: usize,
    dynamic: usize,
}

impl Kinds {
    fn of(types: &[Type]) -> Self {
        let mut kinds = Self::default();
        for ty in types {
            match ty {
                Type::List(_) => kinds.list += 1,
                Type::Set(_) => kinds.set += 1,
                Type::Map(_) => kinds.map += 1,
                Type::Tuple(_) => kinds.tuple += 1,
                Type::Object(_) => kinds.object += 1,
                Type::Dynamic => kinds.dynamic += 1,
                Type::Bool | Type::Number | Type::String => {}
            }
        }
        kinds
    }
}

fn unify_types(types: &[Type]) -> Option<Type> {
    let mut distinct: Vec<Type> = types.to_vec();
    distinct.sort();
    distinct.dedup();
    let types = &distinct[..];
    if types.len() <= 1 {
        return types.first().cloned();
    }
    let kinds = Kinds::of(types);
    let all = types.len() - kinds.dynamic;
    let collections = [kinds.list, kinds.set, kinds.map];
    let structures = [kinds.tuple, kinds.object];
    if kinds.dynamic > 0 && all > 0 && collections.iter().chain(&structures).any(|n| *n == all) {
        // What the unknown type turns out to be may change the common type.
        return Some(Type::Dynamic);
    }
    if collections.contains(&all) {
        return unify_collections(types);
    }
    if kinds.object == all {
        return unify_objects(types);
    }
    if kinds.tuple == all {
        return unify_tuples(types);
    }
    if kinds.object > 0 && kinds.tuple > 0 {
        return None;
    }
    let one_kind = [kinds.map + kinds.object, kinds.list + kinds.tuple].contains(&types.len());
    if one_kind && let Some(collection) = joined(types) {
        return Some(collection);
    }
    first_that_fits(types)
}

/// The common type of lists and tuples, or of maps and objects: that of the collections and of the
/// one that all structures together make.
fn joined(types: &[Type]) -> Option<Type> {
    let (structures, mut collections): (Vec<Type>, Vec<Type>) =
        types.iter().cloned().partition(Type::is_structural);
    let made = collection_of_all(
        &structures,
        match structures.first()? {
            Type::Tuple(_) => Type::list,
            _ => Type::map,
        },
    )?;
    collections.push(made);
    // Whether the members convert to what the collections settle on is left to the values.
    unify(&collections)
}

/// The collection of the common type of all elements, if all types convert to it.
fn collection_of_all(types: &[Type], collection: fn(Type) -> Type) -> Option<Type> {
    let want = collection(unify(&all_elements(types))?);
    let mut others = types.iter().filter(|t| **t != Type::Dynamic);
    others
        .all(|t| convert_type(t, &want).is_some())
        .then_some(want)
}

fn unify_collections(types: &[Type]) -> Option<Type> {
    let elem = unify(&all_elements(types))?;
    match types.first()? {
        Type::List(_) => Some(Type::list(elem)),
        Type::Set(_) => Some(Type::set(elem)),
        _ => Some(Type::map(elem)),
    }
}

/// Element types of collections, member types of structures.
fn all_elements(types: &[Type]) -> Vec<Type> {
    let mut elements = Vec::new();
    for ty in types {
        match ty {
            Type::List(t) | Type::Set(t) | Type::Map(t) => elements.push((**t).clone()),
            Type::Tuple(ts) => elements.extend(ts.iter().cloned()),
            Type::Object(o) => elements.extend(o.attributes.values().cloned()),
            _ => {}
        }
    }
    elements
}

/// Objects with the same attribute names stay objects, others become maps.
fn unify_objects(types: &[Type]) -> Option<Type> {
    let objects: Vec<&ObjectType> = types
        .iter()
        .filter_map(|t| match t {
            Type::Object(o) => Some(&**o),
            _ => None,
        })
        .collect();
    let first = objects.first()?;
    let alike = objects.iter().all(|o| {
        o.attributes.len() == first.attributes.len()
            && o.attributes.keys().eq(first.attributes.keys())
    });
    if !alike {
        return collection_of_all(types, Type::map);
    }
    let mut attributes: BTreeMap<Str, Type> = BTreeMap::new();
    for name in first.attributes.keys() {
        let each: Vec<Type> = objects
            .iter()
            .filter_map(|o| o.attributes.get(name).cloned())
            .collect();
        attributes.insert(name.clone(), unify(&each)?);
    }
    Some(Type::Object(Arc::new(ObjectType {
        attributes,
        optional: Default::default(),
    })))
}

/// Tuples of the same length stay tuples, others become lists.
fn unify_tuples(types: &[Type]) -> Option<Type> {
    let tuples: Vec<&[Type]> = types
        .iter()
        .filter_map(|t| match t {
            Type::Tuple(ts) => Some(&**ts),
            _ => None,
        })
        .collect();
    let len = tuples.first()?.len();
    if tuples.iter().any(|t| t.len() != len) {
        return collection_of_all(types, Type::list);
    }
    let members = (0..len)
        .map(|i| unify(&tuples.iter().map(|t| t[i].clone()).collect::<Vec<_>>()))
        .collect::<Option<Vec<_>>>()?;
    Some(Type::tuple(members))
}

/// How many types are tried as the common one.
const CANDIDATES: usize = 16;

/// The first type, general ones first, that all others convert to. Where there is none, a type
/// that is not known yet leaves it open.
fn first_that_fits(types: &[Type]) -> Option<Type> {
    let mut order: Vec<&Type> = types.iter().filter(|t| **t != Type::Dynamic).collect();
    order.sort_by(|a, b| generality(a).cmp(&generality(b)).then_with(|| b.cmp(a)));
    // What the most general candidates cannot take, the others cannot either. The bound keeps
    // a long list of structures from costing its square.
    order
        .into_iter()
        .take(CANDIDATES)
        .find(|want| types.iter().all(|t| convert_type(t, want).is_some()))
        .or_else(|| types.iter().find(|t| **t == Type::Dynamic))
        .cloned()
}

fn generality(ty: &Type) -> u8 {
    match ty {
        Type::String => 0,
        Type::Number => 1,
        Type::Bool => 2,
        Type::List(_) => 3,
        Type::Set(_) => 4,
        Type::Map(_) => 5,
        Type::Tuple(_) => 6,
        Type::Object(_) => 7,
        Type::Dynamic => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(types: &[Type], expect: Option<Type>) {
        assert_eq!(unify(types), expect, "{types:?}");
        let reversed: Vec<Type> = types.iter().rev().cloned().collect();
        assert_eq!(unify(&reversed), expect, "{reversed:?}");
    }

    #[test]
    fn primitives() {
        check(&[], None);
        check(&[Type::Bool], Some(Type::Bool));
        check(&[Type::Number, Type::String], Some(Type::String));
        check(&[Type::Bool, Type::Number], None);
        check(
            &[Type::Bool, Type::Number, Type::String],
            Some(Type::String),
        );
        check(&[Type::Dynamic, Type::Number], Some(Type::Number));
        check(&[Type::Number, Type::list(Type::Number)], None);
    }

    #[test]
    fn tuples_with_untyped_elements() {
        let empty = Type::tuple([]);
        let mixed = Type::tuple([empty.clone(), Type::Dynamic]);
        check(&[mixed, empty.clone()], None);
        let some = Type::tuple([Type::Number, Type::Dynamic]);
        check(&[some, empty.clone()], Some(Type::list(Type::Number)));
        let none = Type::tuple([Type::Dynamic]);
        check(&[none, empty], Some(Type::list(Type::Dynamic)));
    }

    #[test]
    fn one_untyped_type_leaves_it_open() {
        let types = [Type::Number, Type::Bool, Type::Dynamic];
        check(&types, Some(Type::Dynamic));
        let object = Type::object([("a", Type::Number), ("b", Type::Dynamic)]);
        let other = Type::object([("c", Type::Bool)]);
        check(&[object, other], Some(Type::map(Type::Dynamic)));
    }

    #[test]
    fn structures_beside_collections() {
        let list = Type::list(Type::Number);
        let empty = Type::tuple([]);
        let text = Type::tuple([Type::String]);
        let joined = Some(Type::list(Type::String));
        check(&[list.clone(), empty, text.clone()], joined);
        check(&[list.clone(), text, Type::Dynamic], Some(list.clone()));
        let open = Type::list(Type::Dynamic);
        let mixed = Type::tuple([Type::tuple([Type::Number]), list]);
        check(&[open.clone(), mixed], Some(open));
    }

    #[test]
    fn maps_and_objects_with_unlike_attributes() {
        let object = Type::object([("a", Type::Number), ("b", Type::tuple([]))]);
        check(
            &[object.clone(), Type::map(Type::Dynamic)],
            Some(object.clone()),
        );
        check(&[object, Type::map(Type::Number)], None);
    }

    #[test]
    fn sequences() {
        let numbers = Type::tuple([Type::Number]);
        let strings = Type::tuple([Type::String, Type::String]);
        check(
            &[numbers.clone(), Type::tuple([])],
            Some(Type::list(Type::Number)),
        );
        check(
            &[numbers.clone(), strings.clone()],
            Some(Type::list(Type::String)),
        );
        check(
            &[numbers.clone(), Type::tuple([Type::String])],
            Some(Type::tuple([Type::String])),
        );
        check(
            &[Type::tuple([Type::Bool]), strings],
            Some(Type::list(Type::String)),
        );
        check(
            &[numbers.clone(), Type::tuple([Type::Bool, Type::Bool])],
            None,
        );
        check(
            &[numbers.clone(), Type::set(Type::String)],
            Some(Type::set(Type::String)),
        );
        check(
            &[numbers.clone(), Type::list(Type::String)],
            Some(Type::list(Type::String)),
        );
        let (list, set) = (Type::list(Type::String), Type::set(Type::Number));
        check(&[list.clone(), set], Some(list.clone()));
        check(
            &[list, Type::list(Type::Number)],
            Some(Type::list(Type::String)),
        );
        check(&[Type::Dynamic, numbers], Some(Type::Dynamic));
    }

    #[test]
    fn maps_and_objects() {
        let a = Type::object([("a", Type::Number)]);
        let b = Type::object([("b", Type::String)]);
        check(&[a.clone(), b], Some(Type::map(Type::String)));
        let other = Type::object([("a", Type::String)]);
        check(&[a.clone(), other.clone()], Some(other));
        check(
            &[a.clone(), Type::map(Type::String)],
            Some(Type::map(Type::String)),
        );
        check(
            &[
                Type::object([("b", Type::tuple([]))]),
                Type::map(Type::String),
            ],
            None,
        );
        check(&[a.clone(), Type::tuple([])], None);
        check(&[a.clone(), Type::object([("a", Type::Dynamic)])], Some(a));
    }

    #[test]
    fn values_convert_to_the_common_type() {
        let (ty, values) = unify_all(&[Value::int(1), "a".into(), Value::NULL]).unwrap();
        assert_eq!(ty, Type::String);
        assert_eq!(values, ["1".into(), "a".into(), Value::Null(Type::String)]);
        assert_eq!(unify_all(&[Value::int(1), Value::Bool(true)]), None);
        assert_eq!(unify_all(&[]), None);
    }

    #[test]
    fn many_different_types_do_not_cost_their_square() {
        let types: Vec<Type> = (0..20_000)
            .map(|i| Type::object([(format!("a{i}"), Type::Number)]))
            .collect();
        check(&types, Some(Type::map(Type::Number)));
    }
}
