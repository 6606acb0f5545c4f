//! Errors of JSON: those that Terraform 1.11.4 tells of, where it tells of them.

use crate::FileId;
use crate::syntax::parse_json_bytes;

const ROOT: &str = "0 Root value must be object";

/// Each error with the byte that it is about.
fn errors(text: &[u8]) -> Vec<String> {
    let (_, diags) = parse_json_bytes(FileId(0), text);
    let show = |d: &crate::Diagnostic| {
        let start = d.subject.expect("all have a position").start;
        format!("{start} {}", d.summary)
    };
    diags.iter().map(show).collect()
}

fn check(text: &str, expect: &[&str]) {
    assert_eq!(errors(text.as_bytes()), expect, "{text}");
}

#[test]
fn values() {
    check("", &["0 Missing value", ROOT]);
    check("5", &[ROOT]);
    check("[]", &[]);
    check("[5]", &["1 Incorrect JSON value type"]);
    check("{\"a\": 01}", &["6 Invalid JSON number"]);
    check("{\"a\": -1.5e+3}", &[]);
    let comma = "12 Missing attribute seperator comma";
    check("{\"a\": null1}", &[comma, ROOT]);
    check("{\"a\": nu_l}", &["6 Invalid JSON keyword"]);
    check("{\"a\": tru}", &["6 Invalid JSON keyword"]);
    check("{\"a\": \"\\ud83d\\ude00\\ud83d\\/\"}", &[]);
    check("{\"a\": 1} x", &["9 Extraneous data after value"]);
}

#[test]
fn strings() {
    let error = |at: usize| format!("{at} Invalid JSON string");
    check("{\"a\": \"x\\q\"}", &[&error(10)]);
    check("{\"a\": \"\\u12G4\"}", &[&error(12)]);
    check("{\"a\": \"\\u12\"}", &[&error(12)]);
    let comma = "12 Missing attribute seperator comma";
    check("{\"a\": \"x\ny\"}", &[&error(8), comma, ROOT]);
    check("{\"a\": \"x", &[&error(8), "0 Unclosed object", ROOT]);
    check("{\"a\": \"x\\\"", &[&error(10), "0 Unclosed object", ROOT]);
}

#[test]
fn objects_and_arrays() {
    const NAME: &str = "Invalid object property name";
    const START: &str = "Invalid start of value";
    let comma = |at: usize| format!("{at} Missing attribute seperator comma");
    check("{\"a\": 1,}", &["7 Trailing comma in object", ROOT]);
    check("{\"a\" 1}", &["5 Missing property value colon", ROOT]);
    check("{\"a\": {\"b\"}}", &["10 Missing object value"]);
    check("{\"a\": {\"b\": 1]}", &["14 Mismatched braces"]);
    check(
        "{'a': 1}",
        &[&format!("1 {START}"), &format!("1 {NAME}"), ROOT],
    );
    check(
        "{\"a\": {",
        &[
            "7 Missing value",
            &format!("7 {NAME}"),
            "0 Unclosed object",
            ROOT,
        ],
    );
    check(
        "{\"a\": [1",
        &["6 Unclosed object", "0 Unclosed object", ROOT],
    );
    check("{\"a\": 'b'}", &[&format!("6 {START}"), &comma(7), ROOT]);
}

/// What separates nothing is told of where reading goes on.
#[test]
fn positions_after_recovery() {
    let comma = |at: usize| format!("{at} Missing attribute seperator comma");
    check("{\"a\":[1 2]}", &[&comma(10)]);
    check(
        "{\"a\":[1 2],\"b\":[nope]}",
        &[&comma(10), "16 Invalid JSON keyword"],
    );
    check("{\"a\":[1;2]}", &[&comma(8), "0 Unclosed object", ROOT]);
    check("{\"a\":[1:2]}", &["10 Invalid array value"]);
    check(
        "{\"a\":[}]}",
        &["6 Missing JSON value", "8 Mismatched brackets"],
    );
    check("{\"locals\":{\"a\":1} \"output\":{}}", &[&comma(29), ROOT]);
}

#[test]
fn bytes_that_are_no_text() {
    let check = |text: &[u8], expect: &[&str]| assert_eq!(errors(text), expect, "{text:?}");
    check(b"{\"a\":\"\xff\xed\xa0\"}", &[]);
    check(b"{\"\xff\":1}", &[]);
    check(b"{\"a\":1}\xff", &["7 Extraneous data after value"]);
    check(
        b"\xef\xbb\xbf{\"a\":1}",
        &["0 Invalid start of value", ROOT],
    );
    check(b"{\"a\":\"\\\xff\"}", &["8 Invalid JSON string"]);
}
