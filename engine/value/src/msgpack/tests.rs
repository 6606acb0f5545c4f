use super::*;
use crate::testing::Random;
use crate::{Marks, Number, Refinement, set_value};

fn check(value: Value, ty: &Type, bytes: &[u8]) {
    assert_eq!(to_msgpack(&value, ty).unwrap(), bytes);
    assert_eq!(from_msgpack(bytes, ty).unwrap(), value);
}

fn n(text: &str) -> Value {
    Value::Number(Number::parse(text).unwrap())
}

fn check_error(bytes: &[u8], ty: &Type, expect: &str) {
    assert_eq!(from_msgpack(bytes, ty).unwrap_err().to_string(), expect);
}

#[test]
fn numbers() {
    check(n("0"), &Type::Number, &[0]);
    check(n("-33"), &Type::Number, &[0xd0, 0xdf]);
    check(n("300"), &Type::Number, &[0xcd, 1, 44]);
    check(
        n("1.5"),
        &Type::Number,
        &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
    );
    check(n("0.1"), &Type::Number, b"\xa30.1");
    check(
        n("9223372036854775808"),
        &Type::Number,
        b"\xb39223372036854775808",
    );
}

/// A whole float beyond `i64` is sent as text, which must not be rounded to the digits that tell
/// it from other floats.
#[test]
fn large_floats_keep_their_value() {
    for float in [1e22 + 2e6, -2f64.powi(900) * 3.3, 2f64.powi(1009), f64::MAX] {
        let value = Value::Number(Number::from_f64(float).unwrap());
        let bytes = to_msgpack(&value, &Type::Number).unwrap();
        assert_eq!(from_msgpack(&bytes, &Type::Number).unwrap(), value);
    }
}

#[test]
fn unknowns() {
    check(Value::unknown(Type::Bool), &Type::Bool, &[0xd4, 0, 0]);
    let r = Refinement {
        prefix: Some("first-".into()),
        ..Refinement::not_null()
    };
    let bytes = b"\xc7\x0b\x0c\x82\x01\xc2\x02\xa6first-";
    check(Value::refined(Type::String, r), &Type::String, bytes);
}

#[test]
fn structures() {
    let ty = Type::object([("a", Type::list(Type::Bool)), ("b", Type::String)]);
    let value = Value::object([
        ("a", Value::list(Type::Bool, vec![Value::Bool(true)])),
        ("b", Value::Null(Type::String)),
    ]);
    check(value, &ty, b"\x82\xa1a\x91\xc3\xa1b\xc0");
    check(
        Value::string("x"),
        &Type::Dynamic,
        b"\x92\xc4\x08\"string\"\xa1x",
    );
}

#[test]
fn dynamic_positions_carry_their_type() {
    let dynamic = Type::Dynamic;
    check(Value::NULL, &dynamic, &[0xc0]);
    check(Value::unknown(dynamic.clone()), &dynamic, &[0xd4, 0, 0]);
    check(
        Value::Null(Type::Bool),
        &dynamic,
        b"\x92\xc4\x06\"bool\"\xc0",
    );
    check(
        Value::unknown(Type::Bool),
        &dynamic,
        b"\x92\xc4\x06\"bool\"\xd4\0\0",
    );
    let list = from_msgpack(
        b"\x91\x92\xc4\x06\"bool\"\xc3",
        &Type::list(dynamic.clone()),
    );
    assert_eq!(list, Ok(Value::list(Type::Bool, vec![Value::Bool(true)])));
    check_error(
        b"\x92\xc4\x09\"dynamic\"\xc3",
        &dynamic,
        "the type of a value must be a concrete one",
    );
    check_error(
        b"\x92\x92\xc4\x06\"bool\"\xc3\x92\xc4\x08\"string\"\xa0",
        &Type::list(dynamic.clone()),
        "all elements must have the same type",
    );
}

#[test]
fn refinements() {
    let bound = |text: &str, inclusive| Some((Number::parse(text).unwrap(), inclusive));
    let r = Refinement {
        lower: bound("1", true),
        upper: bound("2.5", false),
        ..Refinement::not_null()
    };
    let bytes = b"\xc7\x13\x0c\x83\x01\xc2\x03\x92\x01\xc3\x04\x92\xcb\x40\x04\0\0\0\0\0\0\xc2";
    check(Value::refined(Type::Number, r), &Type::Number, bytes);
    let r = Refinement {
        min_length: Some(1),
        max_length: Some(300),
        ..Refinement::default()
    };
    let list = Type::list(Type::Bool);
    check(
        Value::refined(list.clone(), r),
        &list,
        b"\xc7\x07\x0c\x82\x05\x01\x06\xcd\x01\x2c".as_slice(),
    );
    // An unknown fact, a fact that does not belong to the type, and nonsense.
    let not_null = Ok(Value::unknown_not_null(Type::Bool));
    assert_eq!(
        from_msgpack(b"\xc7\x08\x0c\x82\x63\x92\xa1x\xc0\x01\xc2", &Type::Bool),
        not_null
    );
    assert_eq!(
        from_msgpack(b"\xc7\x06\x0c\x82\x02\xa1x\x01\xc2", &Type::Bool),
        not_null
    );
    assert_eq!(
        from_msgpack(b"\xd6\x0c\x8f\x03\x03\x03", &Type::Number),
        Ok(Value::unknown(Type::Number))
    );
    let prefix = Refinement {
        prefix: Some("é".repeat(200).into()),
        ..Refinement::default()
    };
    let bytes = to_msgpack(&Value::refined(Type::String, prefix), &Type::String).unwrap();
    let Ok(Value::Unknown(read)) = from_msgpack(&bytes, &Type::String) else {
        panic!("an unknown value reads back as one");
    };
    assert_eq!(read.refinement.prefix, Some("é".repeat(128).into()));
}

#[test]
fn other_encoders_are_understood() {
    for (bytes, expect) in [
        (b"\xd3\0\0\0\0\0\0\0\x05".as_slice(), "5"),
        (b"\xd1\xff\xff", "-1"),
        (b"\xca\x3f\xc0\0\0", "1.5"),
        (
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            "18446744073709551615",
        ),
        (b"\xa51e400", &format!("1{}", "0".repeat(400))),
        (b"\xcb\x7f\xf0\0\0\0\0\0\0", "Inf"),
    ] {
        assert_eq!(from_msgpack(bytes, &Type::Number), Ok(n(expect)));
    }
    let ty = Type::object([("a", Type::Bool), ("b", Type::Bool)]);
    let swapped = from_msgpack(b"\x82\xa1b\xc3\xa1a\xc2", &ty);
    assert_eq!(
        swapped,
        Ok(Value::object([
            ("a", Value::Bool(false)),
            ("b", Value::Bool(true))
        ]))
    );
    let set = from_msgpack(b"\x93\xa1b\xa1a\xa1b", &Type::set(Type::String));
    assert_eq!(
        set,
        Ok(set_value(Type::String, vec!["a".into(), "b".into()]))
    );
}

#[test]
fn errors_name_the_place() {
    let ty = Type::object([("a", Type::list(Type::map(Type::Number)))]);
    check_error(
        b"\x81\xa1a\x91\x81\xa1k\xc3",
        &ty,
        "a[0][\"k\"]: a number is required",
    );
    check_error(b"\x81\xa1b\xc3", &ty, "there is no attribute \"b\"");
    check_error(b"\x80", &ty, "attribute \"a\" is missing");
    check_error(
        b"\x91\x91\xc3",
        &Type::set(Type::list(Type::String)),
        "a string is required",
    );
    check_error(b"\xcb\x7f\xf8\0\0\0\0\0\0", &Type::Number, "not a number");
    check_error(b"\xa1\xff", &Type::String, "a string is not UTF-8");
    let marked = Value::list(Type::Bool, vec![Value::Bool(true).mark(Marks::SENSITIVE)]);
    assert!(to_msgpack(&marked, &Type::list(Type::Bool)).is_err());
    assert!(to_msgpack(&n("1"), &Type::String).is_err());
}

#[test]
fn random_values_survive() {
    let mut random = Random(5);
    for _ in 0..3000 {
        let ty = random.ty(3, true);
        let value = random.value(&ty, true);
        let bytes = to_msgpack(&value, &ty).unwrap();
        assert_eq!(from_msgpack(&bytes, &ty), Ok(value), "{ty}");
    }
}

#[test]
fn damaged_values_do_no_harm() {
    let mut random = Random(17);
    for _ in 0..5000 {
        let ty = random.ty(3, true);
        let value = random.value(&ty, true);
        let mut bytes = to_msgpack(&value, &ty).unwrap();
        let at = random.below(bytes.len());
        bytes[at] = random.bits() as u8;
        if random.below(3) == 0 {
            bytes.truncate(at);
            assert!(from_msgpack(&bytes, &ty).is_err());
        } else if let Ok(value) = from_msgpack(&bytes, &ty) {
            // Texts of numbers from floats lose their origin once, so bytes are compared.
            let again = to_msgpack(&value, &ty).unwrap();
            let read = from_msgpack(&again, &ty).unwrap();
            assert_eq!(to_msgpack(&read, &ty), Ok(again));
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let list = b"\x91\x92\xc4\x12[\"list\",\"dynamic\"]";
    let mut bytes = b"\x92\xc4\x12[\"list\",\"dynamic\"]".to_vec();
    for _ in 0..100_000 {
        bytes.extend(list);
    }
    bytes.push(0xc0);
    let error = from_msgpack(&bytes, &Type::Dynamic).unwrap_err();
    assert_eq!(error.reason, "the value is nested too deeply");
}

#[test]
fn garbage_is_refused() {
    let ty = Type::object([("a", Type::list(Type::map(Type::Dynamic)))]);
    let mut seed = 0x9e37_79b9_u64;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..12)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        let _ = from_msgpack(&bytes, &ty);
        let _ = from_msgpack(&bytes, &Type::Dynamic);
    }
    assert!(from_msgpack(&[0xdd, 0xff, 0xff, 0xff, 0xff], &Type::list(Type::Bool)).is_err());
    assert!(from_msgpack(&[], &Type::Bool).is_err());
    assert!(from_msgpack(&[0xc3, 0xc3], &Type::Bool).is_err());
}
