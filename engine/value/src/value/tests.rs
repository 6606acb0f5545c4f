use super::*;

/// As Terraform 1.11.4 answers in plans with unknown values.
#[test]
fn equality_with_what_is_unknown() {
    let unknown = Value::unknown;
    let texts = || Type::list(Type::String);
    let check = |a: Value, b: Value, expect: Option<bool>| {
        let expect = expect.map_or(Value::unknown_not_null(Type::Bool), Value::Bool);
        assert_eq!(a.equals(&b), expect, "{a:?} == {b:?}");
        assert_eq!(b.equals(&a), expect, "{b:?} == {a:?}");
    };
    let object = |value: Value| Value::object([("x", value)]);
    check(object(1.into()), unknown(Type::String), Some(false));
    check(true.into(), unknown(texts()), Some(false));
    check(
        Value::tuple(vec!["a".into()]),
        unknown(texts()),
        Some(false),
    );
    check(
        Value::list(Type::String, vec!["a".into()]),
        unknown(texts()),
        None,
    );
    check(
        Value::list(Type::Dynamic, vec![]),
        unknown(texts()),
        Some(false),
    );
    check("a".into(), unknown(Type::Dynamic), None);
    check(unknown(Type::Number), unknown(Type::String), None);
    check(
        object(unknown(texts())),
        object(unknown(Type::String)),
        Some(false),
    );
    check(
        object(unknown(Type::Dynamic)),
        object(unknown(Type::String)),
        None,
    );
    check(Value::NULL, unknown(Type::String), None);
}

#[test]
fn what_is_sensitive_is_not_printed() {
    let secret = Value::from("hunter2").mark(Marks::SENSITIVE);
    let shown = format!("{:?}", Value::tuple(vec![secret, "seen".into()]));
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("seen") && shown.contains("sensitive"));
}
