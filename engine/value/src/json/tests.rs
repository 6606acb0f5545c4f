use super::*;
use crate::Marks;
use crate::testing::Random;

fn parse(json: &str) -> Json {
    serde_json::from_str(json).unwrap()
}

/// Reads, compares and writes back.
fn check(json: &str, ty: &Type, expect: Value) {
    let value = json_to_value(&parse(json), ty).unwrap();
    assert_eq!(value, expect, "{json}");
    assert_eq!(value_to_json(&value, ty).unwrap().to_string(), json);
}

fn check_error(json: &str, ty: &Type, expect: &str) {
    let error = json_to_value(&parse(json), ty).unwrap_err();
    assert_eq!(format!("{}: {}", error.path, error.reason), expect);
}

fn n(text: &str) -> Value {
    Value::Number(Number::parse(text).unwrap())
}

#[test]
fn values() {
    check("null", &Type::String, Value::Null(Type::String));
    check("true", &Type::Bool, Value::Bool(true));
    check("\"é\"", &Type::String, "é".into());
    check(
        "[\"a\",\"b\"]",
        &Type::list(Type::String),
        Value::list(Type::String, vec!["a".into(), "b".into()]),
    );
    check(
        "[1,2]",
        &Type::set(Type::Number),
        set_value(Type::Number, vec![n("1"), n("2")]),
    );
    check(
        "{\"a\":1}",
        &Type::map(Type::Number),
        Value::map(Type::Number, BTreeMap::from([("a".into(), n("1"))])),
    );
    check(
        "[1,\"x\"]",
        &Type::tuple([Type::Number, Type::String]),
        Value::tuple([n("1"), "x".into()]),
    );
    let ty = Type::object([("a", Type::Number), ("b", Type::Bool)]);
    check(
        "{\"a\":1,\"b\":null}",
        &ty,
        Value::object([("a", n("1")), ("b", Value::Null(Type::Bool))]),
    );
}

#[test]
fn numbers_are_exact() {
    for text in [
        "0.1",
        "9007199254740993",
        "18446744073709551616",
        "-1.5",
        "123456789.123456789123456789",
    ] {
        check(text, &Type::Number, n(text));
    }
    let third = n("1")
        .as_number()
        .unwrap()
        .div(n("3").as_number().unwrap())
        .unwrap();
    let json = value_to_json(&Value::Number(third.clone()), &Type::Number).unwrap();
    assert_eq!(
        json_to_value(&json, &Type::Number),
        Ok(Value::Number(third))
    );
    assert_eq!(json_to_value(&parse("1e3"), &Type::Number), Ok(n("1000")));
    assert!(json_to_value(&parse("1e999999999"), &Type::Number).is_err());
}

#[test]
fn dynamic_positions_carry_their_type() {
    check(
        "{\"value\":\"x\",\"type\":\"string\"}",
        &Type::Dynamic,
        "x".into(),
    );
    check(
        "{\"value\":null,\"type\":\"string\"}",
        &Type::Dynamic,
        Value::Null(Type::String),
    );
    check("null", &Type::Dynamic, Value::NULL);
    check(
        "[{\"value\":1,\"type\":\"number\"}]",
        &Type::list(Type::Dynamic),
        Value::list(Type::Number, vec![n("1")]),
    );
    check_error(
        "\"x\"",
        &Type::Dynamic,
        ": an object with \"value\" and \"type\" is required",
    );
    check_error(
        "[{\"value\":1,\"type\":\"number\"},{\"value\":true,\"type\":\"bool\"}]",
        &Type::list(Type::Dynamic),
        ": all elements must have the same type",
    );
}

#[test]
fn errors_name_the_place() {
    let ty = Type::object([("a", Type::list(Type::map(Type::Number)))]);
    check_error(
        "{\"a\":[{\"k\":true}]}",
        &ty,
        ".a[0][\"k\"]: a number is required",
    );
    check_error("{\"b\":1}", &ty, ": unsupported attribute \"b\"");
    check_error(
        "[[1,{}]]",
        &Type::set(Type::list(Type::Number)),
        ": a number is required",
    );
    check_error("{}", &Type::list(Type::Bool), ": list of bool required");
}

#[test]
fn missing_attributes_are_null_and_texts_are_read() {
    let ty = Type::object([("a", Type::Number), ("b", Type::Bool), ("c", Type::String)]);
    let value = json_to_value(&parse("{\"a\":\"5\",\"c\":1}"), &ty).unwrap();
    let expect = Value::object([
        ("a", n("5")),
        ("b", Value::Null(Type::Bool)),
        ("c", "1".into()),
    ]);
    assert_eq!(value, expect);
}

#[test]
fn some_values_have_no_json() {
    for value in [
        Value::unknown(Type::String),
        Value::from("x").mark(Marks::SENSITIVE),
        Value::Number(Number::infinity(false)),
    ] {
        assert!(value_to_json(&value, &Type::Dynamic).is_err());
        assert!(value_to_json(&value, &value.ty()).is_err());
    }
    assert!(value_to_json(&n("1"), &Type::String).is_err());
}

#[test]
fn types() {
    for text in [
        "\"dynamic\"",
        "[\"list\",\"string\"]",
        "[\"map\",[\"set\",\"bool\"]]",
        "[\"tuple\",[\"number\",\"bool\"]]",
        "[\"object\",{\"a\":\"number\",\"b\":[\"list\",\"string\"]}]",
        "[\"object\",{\"a\":\"number\",\"b\":\"bool\"},[\"b\"]]",
    ] {
        let ty = type_from_json(&parse(text)).unwrap();
        assert_eq!(type_to_json(&ty).to_string(), text);
    }
    for text in [
        "1",
        "\"text\"",
        "[]",
        "[\"list\"]",
        "[\"object\",[]]",
        "[\"object\",{},[\"b\"]]",
        "[\"list\",\"bool\",[]]",
    ] {
        assert!(type_from_json(&parse(text)).is_err(), "{text}");
    }
}

#[test]
fn implied_types() {
    let json = parse("{\"a\":[1,\"x\",null],\"b\":{}}");
    let list = Type::tuple([Type::Number, Type::String, Type::Dynamic]);
    let expect = Type::object([("a", list), ("b", Type::object::<&str>([]))]);
    assert_eq!(implied_type(&json), expect);
}

#[test]
fn random_values_survive() {
    let mut random = Random(11);
    for _ in 0..3000 {
        let ty = random.ty(3, true);
        let value = random.value(&ty, false);
        let text = value_to_json(&value, &ty).unwrap().to_string();
        assert_eq!(json_to_value(&parse(&text), &ty), Ok(value), "{ty} {text}");
        let json = type_to_json(&ty).to_string();
        assert_eq!(type_from_json(&parse(&json)), Ok(ty));
    }
}
