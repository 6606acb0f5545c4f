use super::*;
use crate::Marks;

fn object(attributes: &[(&str, Type)], optional: &[&str]) -> Type {
    Type::Object(Arc::new(ObjectType {
        attributes: attributes
            .iter()
            .map(|(k, t)| ((*k).into(), t.clone()))
            .collect(),
        optional: optional.iter().map(|k| (*k).into()).collect(),
    }))
}

fn tuple<const N: usize>(items: [Value; N]) -> Value {
    Value::tuple(items)
}

fn n(text: &str) -> Value {
    Value::Number(Number::parse(text).unwrap())
}

fn check(value: Value, ty: &Type, expect: Value) {
    assert_eq!(convert(&value, ty), Ok(expect), "{value:?} to {ty}");
}

fn check_error(value: Value, ty: &Type, expect: &str) {
    let error = convert(&value, ty).unwrap_err();
    assert_eq!(format!("{}: {}", error.path, error.reason), expect);
}

#[test]
fn primitives() {
    check(Value::Bool(true), &Type::String, "true".into());
    check("false".into(), &Type::Bool, Value::Bool(false));
    check("1".into(), &Type::Bool, Value::Bool(true));
    check(n("1.50"), &Type::String, "1.5".into());
    check("0.10".into(), &Type::Number, n("0.1"));
    check_error("x".into(), &Type::Number, ": a number is required");
    check_error(Value::Bool(true), &Type::Number, ": number required");
    check_error(n("1"), &Type::Bool, ": bool required");
    check_error("yes".into(), &Type::Bool, ": a bool is required");
    check_error(
        "True".into(),
        &Type::Bool,
        ": a bool is required; to convert from string, use lowercase \"true\"",
    );
    check_error(tuple([]), &Type::String, ": string required");
}

#[test]
fn sequences() {
    let strings =
        |items: &[&str]| Value::list(Type::String, items.iter().map(|s| (*s).into()).collect());
    let list = Type::list(Type::String);
    check(tuple([n("1"), "a".into()]), &list, strings(&["1", "a"]));
    check(
        strings(&["b", "a", "b"]),
        &Type::set(Type::String),
        set_value(Type::String, vec!["a".into(), "b".into()]),
    );
    check(
        set_value(Type::Number, vec![n("2"), n("1")]),
        &list,
        strings(&["1", "2"]),
    );
    check(
        tuple([]),
        &Type::list(Type::Dynamic),
        Value::list(Type::Dynamic, vec![]),
    );
    check(
        tuple([n("1"), "a".into(), Value::Bool(true)]),
        &Type::list(Type::Dynamic),
        strings(&["1", "a", "true"]),
    );
    check_error(
        Value::object([("a", n("1"))]),
        &list,
        ": list of string required",
    );
    check_error(
        "x".into(),
        &Type::list(Type::Dynamic),
        ": list of any single type required",
    );
    check_error(
        tuple(["a".into()]),
        &Type::list(Type::Number),
        "[0]: a number is required",
    );
    check_error(
        tuple([n("1"), Value::Bool(true)]),
        &Type::list(Type::Dynamic),
        ": all list elements must have the same type",
    );
    check_error(
        tuple([n("1"), tuple([])]),
        &Type::set(Type::Dynamic),
        ": all set elements must have the same type",
    );
    check_error(
        tuple([tuple([n("1")]), Value::NULL]),
        &Type::list(Type::Dynamic),
        ": all list elements must have the same type",
    );
    let inner = object(&[("a", Type::String)], &[]);
    let bad = Value::object([("a", tuple([]))]);
    check_error(
        set_value(bad.ty(), vec![bad]),
        &Type::set(inner),
        ": string required",
    );
}

#[test]
fn maps_and_objects() {
    let both = object(&[("a", Type::String), ("b", Type::Number)], &["b"]);
    let value = Value::object([("a", n("1")), ("c", n("2"))]);
    let expect = Value::object([("a", "1".into()), ("b", Value::Null(Type::Number))]);
    check(value.clone(), &both, expect.clone());
    let map = Value::map(Type::Number, BTreeMap::from([("a".into(), n("1"))]));
    check(map.clone(), &both, expect);
    check(
        Value::object([("a", n("1"))]),
        &Type::map(Type::Dynamic),
        map.clone(),
    );
    check_error(
        Value::object([("a", n("1")), ("b", tuple([]))]),
        &Type::map(Type::Dynamic),
        ": all map elements must have the same type",
    );
    let required = object(
        &[("a", Type::String), ("x", Type::Number), ("y", Type::Bool)],
        &[],
    );
    check_error(
        value.clone(),
        &required,
        ": attributes \"x\" and \"y\" are required",
    );
    check_error(
        Value::object::<&str>([]),
        &required,
        ": attributes \"a\", \"x\", and \"y\" are required",
    );
    check_error(
        tuple([value, Value::object::<&str>([])]),
        &Type::list(both),
        "[1]: attribute \"a\" is required",
    );
    check_error(
        map,
        &Type::map(Type::list(Type::String)),
        "[\"a\"]: list of string required",
    );
}

#[test]
fn nulls_and_unknowns_take_the_type() {
    let inner = object(&[("a", Type::String), ("b", Type::Number)], &["b"]);
    let plain = inner.without_optional();
    check(
        Value::NULL,
        &Type::list(inner.clone()),
        Value::Null(Type::list(plain.clone())),
    );
    check(Value::unknown(Type::Dynamic), &inner, Value::unknown(plain));
    check(
        Value::unknown_not_null(Type::Number),
        &Type::String,
        Value::unknown_not_null(Type::String),
    );
    check(
        Value::unknown(Type::tuple([Type::Number, Type::String])),
        &Type::list(Type::Dynamic),
        Value::unknown(Type::list(Type::String)),
    );
    check_error(Value::unknown(Type::Number), &Type::Bool, ": bool required");
    check_error(Value::Null(Type::Number), &Type::Bool, ": bool required");
    check(
        tuple([Value::unknown(Type::Dynamic), n("1")]),
        &Type::list(Type::Dynamic),
        Value::list(Type::Number, vec![Value::unknown(Type::Number), n("1")]),
    );
    check(
        tuple([Value::unknown(Type::Dynamic), tuple([n("1")])]),
        &Type::list(Type::Dynamic),
        Value::unknown(Type::list(Type::Dynamic)),
    );
}

#[test]
fn marks_stay_where_they_were() {
    let secret = n("1").mark(Marks::SENSITIVE);
    check(
        secret.clone(),
        &Type::String,
        Value::from("1").mark(Marks::SENSITIVE),
    );
    let value = tuple([secret, n("2")]);
    let list = convert(&value, &Type::list(Type::String)).unwrap();
    assert_eq!(list.marks(), Marks::NONE);
    assert_eq!(list.as_slice().unwrap()[0].marks(), Marks::SENSITIVE);
    let set = convert(&value, &Type::set(Type::String)).unwrap();
    assert_eq!(set.marks(), Marks::SENSITIVE);
}

#[test]
fn conversion_twice_is_conversion_once() {
    let ty = Type::list(object(
        &[("a", Type::set(Type::String)), ("b", Type::Dynamic)],
        &["b"],
    ));
    let value = tuple([
        Value::object([("a", tuple([n("2"), n("10"), n("2")]))]),
        Value::object([("a", tuple([]))]),
    ]);
    let once = convert(&value, &ty).unwrap();
    assert_eq!(convert(&once, &ty), Ok(once));
}

#[test]
fn deep_values_do_not_overflow_the_stack() {
    let depth = 400;
    let value = (0..depth).fold(n("1"), |v, _| tuple([v]));
    let ty = (0..depth).fold(Type::String, |t, _| Type::list(t));
    assert!(convert(&value, &ty).is_ok());
}
