use muster_value::{Type, set_value};

use super::*;

#[test]
fn digests_tell_values_and_runs_apart() {
    let value = |text: &str| Value::from(text);
    let digest = attribute_digest("run", &value("a"));
    assert_eq!(digest.len(), 32);
    assert_eq!(digest, attribute_digest("run", &value("a")));
    assert_ne!(digest, attribute_digest("run", &value("b")));
    assert_ne!(digest, attribute_digest("other", &value("a")));
}

#[test]
fn digests_do_not_depend_on_how_a_value_is_written() {
    let check = |a: Value, b: Value, same: bool| {
        let equal = attribute_digest("run", &a) == attribute_digest("run", &b);
        assert_eq!(equal, same, "{a:?} {b:?}");
    };
    let text = |text: &str| Value::from(text);
    let number = |text: &str| Value::Number(Number::parse(text).unwrap());
    let float = |f: f64| Value::Number(Number::from_f64(f).unwrap());
    check(number("1.0"), Value::int(1), true);
    check(number("0.1"), float(0.1), true);
    check(number("0.1"), float(0.2), false);
    check(text("a").mark(Marks::SENSITIVE), text("a"), true);
    check(text("1"), Value::int(1), false);
    check(
        text("{\"a\": 1, \"b\": [2]}"),
        text("{\"b\":[2],\"a\":1}"),
        true,
    );
    check(text("{\"a\":1}"), text("{\"a\":2}"), false);
    check(text("[1"), text("[1 "), false);
    check(
        set_value(Type::String, vec!["a".into(), "b".into()]),
        set_value(Type::String, vec!["b".into(), "a".into()]),
        true,
    );
}

fn object(attributes: &[(&str, Value)]) -> Value {
    let attributes = attributes.iter();
    Value::object(attributes.map(|(name, value)| (*name, value.clone())))
}

#[test]
fn digests_are_of_what_is_known_and_public() {
    let planned = object(&[
        ("id", Value::unknown(Type::String)),
        ("name", "a".into()),
        ("none", Value::Null(Type::String)),
        ("empty", Value::list(Type::String, vec![])),
        ("no", false.into()),
        ("secret", Value::from("s").mark(Marks::SENSITIVE)),
        (
            "list",
            Value::list(Type::String, vec![Value::from("s").mark(Marks::SENSITIVE)]),
        ),
        ("half", Value::tuple([Value::unknown(Type::String)])),
    ]);
    let found = digests("run", &planned);
    let names: Vec<&str> = found.keys().map(|name| &**name).collect();
    assert_eq!(names, ["name", "no"]);
    assert_eq!(
        found["name"],
        attribute_digest("run", &Value::from("a")),
        "as others make them"
    );
    assert!(digests("run", &Value::NULL).is_empty());
}

fn in_flight(planned: &Value) -> InFlight {
    InFlight {
        addr: "a_b.c".parse().unwrap(),
        resume: None,
        identity: None,
        ids: Vec::new(),
        salt: "run".into(),
        digests: digests("run", planned),
        since: "2024-01-01T00:00:00Z".into(),
    }
}

#[test]
fn an_object_is_told_by_what_was_planned() {
    let made = in_flight(&object(&[("name", "a".into()), ("size", Value::int(1))]));
    let check = |name: Value, size: Value, expect: bool| {
        let found = object(&[("id", "i".into()), ("name", name), ("size", size)]);
        assert_eq!(made.has_made(&found), expect, "{found:?}");
    };
    check("a".into(), Value::int(1), true);
    check("a".into(), Value::Null(Type::Number), true);
    check("".into(), Value::int(1), true);
    check("b".into(), Value::int(1), false);
    check("a".into(), Value::int(2), false);
    check("".into(), Value::Null(Type::Number), false);
    assert!(!made.has_made(&Value::NULL));
    let nothing = in_flight(&object(&[]));
    assert!(!nothing.has_made(&object(&[("name", "a".into())])));
}

#[test]
fn another_plan_is_told_from_the_same() {
    let made = in_flight(&object(&[("name", "a".into()), ("size", Value::int(1))]));
    let check = |planned: &[(&str, Value)], expect: &[&str]| {
        let found = made.differing(&object(planned));
        let found: Vec<&str> = found.iter().map(|name| &**name).collect();
        assert_eq!(found, expect, "{planned:?}");
    };
    let name = || ("name", Value::from("a"));
    check(&[name(), ("size", Value::int(1))], &[]);
    check(&[name(), ("size", Value::int(2))], &["size"]);
    check(&[name(), ("size", Value::unknown(Type::Number))], &["size"]);
    check(&[name()], &["size"]);
    check(
        &[name(), ("size", Value::int(1)), ("more", "x".into())],
        &["more"],
    );
}

#[test]
fn the_likeliest_ids_come_first() {
    let check = |type_name: &str, attributes: &[(&str, &str)], expect: &[&str]| {
        let planned = object(
            &attributes
                .iter()
                .map(|(name, value)| (*name, Value::from(*value)))
                .collect::<Vec<_>>(),
        );
        let found = import_ids(type_name, &planned);
        let found: Vec<String> = found.iter().map(|(a, id)| format!("{a}={id}")).collect();
        assert_eq!(found, expect, "{type_name}");
    };
    check(
        "aws_s3_bucket",
        &[("bucket", "b"), ("region", "r"), ("s3_bucket", "c")],
        &["bucket=b", "s3_bucket=c"],
    );
    check(
        "aws_lambda_function",
        &[
            ("a_identifier", "6"),
            ("function_name", "2"),
            ("handler_name", "5"),
            ("id", "0"),
            ("identifier", "3"),
            ("name", "4"),
        ],
        &["id=0", "function_name=2", "identifier=3", "name=4"],
    );
    check("aws_iam_policy", &[("policy", "{ }")], &[]);
    check("aws_x", &[("name", ""), ("host_name", "a b")], &[]);
    check("thing", &[("thing", "a"), ("", "b")], &[]);
    let hidden = object(&[
        ("name", Value::from("a").mark(Marks::SENSITIVE)),
        ("id", Value::unknown(Type::String)),
        ("identifier", Value::Null(Type::String)),
    ]);
    assert_eq!(import_ids("aws_x", &hidden), []);
}

#[test]
fn names_are_no_identities() {
    for (attribute, expect) in [
        ("id", true),
        ("zone", true),
        ("zone_id", true),
        ("identifier", true),
        ("name", false),
        ("host_name", false),
        ("region", false),
    ] {
        assert_eq!(
            is_identity("aws_dns_zone", attribute),
            expect,
            "{attribute}"
        );
    }
}

#[test]
fn tokens_are_found_in_private_bytes() {
    let check = |private: &str, expect: Option<&str>| {
        let found = idempotency_token(private.as_bytes());
        assert_eq!(found.as_deref(), expect, "{private}");
    };
    check("{\"idempotency_token\":\"t\",\"x\":1}", Some("t"));
    check("{\"idempotency_token\":\"\"}", None);
    check("{\"idempotency_token\":1}", None);
    check("{\"token\":\"t\"}", None);
    check("", None);
    check("\u{1}\u{2}", None);
    check(&"[".repeat(100_000), None);
}

#[test]
fn marked_tokens_are_those_of_the_sdk() {
    let check = |private: Option<&str>, expect: bool| {
        let record = InFlight {
            resume: private.map(|bytes| bytes.as_bytes().to_vec().into()),
            ..in_flight(&Value::object::<&str>([]))
        };
        assert_eq!(record.tells_absence(), expect, "{private:?}");
    };
    check(Some("{\"idempotency_token\":\"t\",\"muster_sdk\":1}"), true);
    check(Some("{\"idempotency_token\":\"t\"}"), false);
    check(Some("{\"muster_sdk\":1}"), false);
    check(
        Some("{\"idempotency_token\":\"t\",\"muster_sdk\":2}"),
        false,
    );
    check(
        Some("{\"idempotency_token\":\"t\",\"muster_sdk\":\"x\"}"),
        false,
    );
    check(Some("muster_sdk"), false);
    check(None, false);
}
