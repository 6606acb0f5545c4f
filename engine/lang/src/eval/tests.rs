use std::collections::HashMap;
use std::sync::Arc;

use muster_value::{Marks, Refinement, Type, Value};

use crate::syntax::parse_expression;
use crate::{Diags, FileId, Files, Reference, Scope, Subject, eval};

mod unlike;

/// A scope with a few variables and no files.
struct Names(HashMap<&'static str, Value>);

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no files here".into())
    }
    fn exists(&self, _: &str) -> Result<bool, String> {
        Ok(false)
    }
    fn walk(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
    fn home(&self) -> Option<String> {
        None
    }
    fn cwd(&self) -> String {
        "/".into()
    }
}

impl Scope for Names {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match &reference.subject {
            Subject::Variable(name) => Ok(self.0[&**name].clone()),
            _ => Err(Diags::new()),
        }
    }

    fn files(&self) -> &dyn Files {
        &NoFiles
    }
}

fn scope() -> Names {
    let prefixed = Refinement {
        prefix: Some("ab-".into()),
        ..Refinement::not_null()
    };
    Names(HashMap::from([
        ("any", Value::unknown(Type::Dynamic)),
        ("bool", Value::unknown(Type::Bool)),
        ("string", Value::unknown(Type::String)),
        ("prefixed", Value::refined(Type::String, prefixed)),
        ("list", Value::unknown(Type::list(Type::String))),
        ("map", Value::unknown(Type::map(Type::Number))),
        (
            "some",
            Value::list(Type::String, vec!["a".into(), Value::unknown(Type::String)]),
        ),
        ("secret", Value::from("hush").mark(Marks::SENSITIVE)),
        ("passing", Value::from("now").mark(Marks::EPHEMERAL)),
        ("name", "Ada".into()),
        (
            "object",
            Value::object([("id", Value::int(5)), ("none", Value::NULL)]),
        ),
    ]))
}

fn run(text: &str) -> Result<Value, Diags> {
    let (raw, diags) = parse_expression(FileId(0), &Arc::from(text));
    assert!(diags.is_empty(), "{text}: {diags:?}");
    let (expr, diags) = raw.lower(&[]);
    assert!(diags.is_empty(), "{text}: {diags:?}");
    eval(&expr, &scope(), &[])
}

fn check(text: &str, expect: Value) {
    assert_eq!(run(text), Ok(expect), "{text}");
}

fn check_error(text: &str, summary: &str, values: &[(&str, &str)]) {
    let diags = run(text).expect_err(text);
    let first = &diags.0[0];
    let found: Vec<_> = first
        .values
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    assert_eq!(
        (first.summary.as_str(), &found[..]),
        (summary, values),
        "{text}: {first:?}"
    );
    assert!(first.subject.is_some(), "{text}: no position");
}

fn unknown(ty: Type) -> Value {
    Value::unknown_not_null(ty)
}

fn starting(prefix: &str) -> Value {
    let prefix = Some(prefix.into());
    Value::refined(
        Type::String,
        Refinement {
            prefix,
            ..Refinement::not_null()
        },
    )
}

#[test]
fn unknowns_keep_what_is_sure() {
    check("var.string == null", unknown(Type::Bool));
    check("\"x${var.string}\" == null", Value::Bool(false));
    check("\"id-${var.string}\"", starting("id-"));
    check("\"${var.prefixed}x\"", starting("ab-"));
    check("startswith(var.prefixed, \"ab\")", Value::Bool(true));
    check("startswith(var.prefixed, \"x\")", Value::Bool(false));
    check("var.bool ? \"ab1\" : \"ab2\"", starting("ab"));
    check("1 + var.map[\"a\"]", unknown(Type::Number));
    check("!var.bool", unknown(Type::Bool));
    check("var.bool ? 1 : 1", Value::int(1));
    check("var.bool ? null : null", Value::NULL);
    check("var.bool ? true : true", unknown(Type::Bool));
    check("var.any.a[0].b", Value::unknown(Type::Dynamic));
    check("var.list[3]", Value::unknown(Type::String));
    check("var.list[*]", unknown(Type::list(Type::String)));
    check("[for x in var.list : x]", unknown(Type::Dynamic));
    check("length(var.some)", Value::int(2));
    check("length(var.list) >= 0", Value::Bool(true));
    check("join(\",\", var.some)", unknown(Type::String));
    check("jsonencode(var.some)", starting("["));
    check(
        "concat(var.list, var.list)",
        unknown(Type::list(Type::String)),
    );
    check("keys(var.map)", unknown(Type::list(Type::String)));
    check("upper(var.any)", unknown(Type::String));
    check("max(var.any...)", Value::unknown(Type::Dynamic));
    check("length(setproduct([1], var.some))", Value::int(2));
    check("timestamp()", unknown(Type::String));
    check("{ (var.string) = 1 }", unknown(Type::Dynamic));
    check("format(\"a-%s\", var.string)", starting("a-"));
}

#[test]
fn failure_is_not_decided_while_something_is_unknown() {
    check("try(var.any.a, 1)", Value::unknown(Type::Dynamic));
    check("can(var.any.a)", unknown(Type::Bool));
    check("try(var.object.nope, 1)", Value::int(1));
    check("can(var.object.id)", Value::Bool(true));
    check("can([var.any])", unknown(Type::Bool));
}

#[test]
fn what_is_known_of_the_unknown_is_tried() {
    check("try(length([var.any]), 1)", Value::int(1));
    check("try(keys({ a = var.any })[0], 1)", Value::string("a"));
    check("try([for v in [var.any] : 2][0], 1)", Value::int(2));
    check("can(keys({ a = var.any }))", Value::Bool(true));
    check("try([var.any][1], 3)", Value::int(3));
}

#[test]
fn marks_travel() {
    let secret = |v: Value| v.mark(Marks::SENSITIVE);
    check("\"${var.secret}!\"", secret("hush!".into()));
    check("upper(var.secret)", secret("HUSH".into()));
    check("var.secret == \"hush\" ? 1 : 2", secret(Value::int(1)));
    check("[var.secret, var.name][1]", "Ada".into());
    check("{ a = var.secret }.a", secret("hush".into()));
    check("nonsensitive(var.secret)", "hush".into());
    check(
        "\"${var.secret}${var.passing}\"",
        Value::from("hushnow").mark(Marks::SENSITIVE | Marks::EPHEMERAL),
    );
    check("ephemeralasnull(var.passing)", Value::Null(Type::String));
    check("length([var.secret])", Value::int(1));
    check("coalesce(\"a\", var.secret)", secret("a".into()));
    check("issensitive(setproduct([1], [var.secret]))", false.into());
    check(
        "issensitive(setproduct([1], toset([var.secret])))",
        true.into(),
    );
}

#[test]
fn results_that_are_not_taken_decide_the_type() {
    let number = |n: i64| Value::int(n);
    check("true ? 1 : \"${var.name}\"", "1".into());
    check("true ? 1 : (null ? \"b\" : \"a\")", "1".into());
    check("true ? 1 : {a = 1 + []}.a", number(1));
    check("true ? true : upper()", true.into());
    check("true ? true : [1 + []][1]", true.into());
    check("true ? true : {a = 1}.b", true.into());
    let none = |ty: Type| Value::list(ty, vec![]);
    check("true ? [] : [1 + []]", none(Type::Number));
    check("true ? [] : [for x in [1] : x + []]", none(Type::Number));
    check("true ? [] : [upper()]", none(Type::Dynamic));
    check("true ? [] : tolist([1])[*].a", none(Type::Dynamic));
    let empty = none(Type::tuple([]));
    check("true ? [] : [for x in [1 / []] : []]", empty);
    let nothing = Value::tuple([]);
    check("true ? [] : {a = \"b\"}[\"${[]}b\"]", nothing);
    check(
        "true ? {} : {for x in 1 + [] : x => x}",
        Value::object::<&str>([]),
    );
    let numbers = Value::map(Type::Number, [].into());
    check("true ? {} : {a = 1 + []}", numbers.clone());
    check(
        "true ? {} : {for x in [\"a\"] : x => x + 1}",
        numbers.clone(),
    );
    check("true ? {} : {for x in [1] : \"${[]}b\" => x}", numbers);
    let texts = Value::map(Type::String, [].into());
    check("true ? {} : {for x in [\"a\", \"a\"] : x => x}", texts);
    check("true ? {} : {a = 1, (null) = 1}", Value::object::<&str>([]));
    let mismatch = "Inconsistent conditional result types";
    check_error("true ? true : 1 + []", mismatch, &[]);
    check_error("true ? true : [1 + []][0]", mismatch, &[]);
    check_error("true ? 1 : [1][*].a", mismatch, &[]);
    check_error("true ? true : -[]", mismatch, &[]);
    check_error("true ? [true] : [-[]]", mismatch, &[]);
    check_error("null ? 1 : []", mismatch, &[]);
    check_error("null ? 1 : 2", "Null condition", &[]);
    check_error("[] ? 1 : 2", "Incorrect condition type", &[]);
}

#[test]
fn results_that_are_not_taken_leave_their_marks() {
    let secret = |v: Value| v.mark(Marks::SENSITIVE);
    check("true ? \"a\" : var.secret", secret("a".into()));
    check("false ? var.secret : 1", secret("1".into()));
    for text in [
        "true ? \"a\" : \"x${[var.secret]}${var.secret}\"",
        "true ? \"a\" : \"${var.name.no}${sensitive([])}\"",
        "true ? \"a\" : \"%{for x in sensitive([1])}${[]}%{endfor}\"",
    ] {
        check(text, secret("a".into()));
    }
    check("true ? \"a\" : \"x${sensitive(null)}\"", "a".into());
    let plain = Value::tuple(["a".into()]);
    check("true ? [\"a\"] : [var.secret]", plain);
}

#[test]
fn nothing_to_iterate() {
    check("null[*]", Value::tuple([]));
    check_error("tolist(null)[*]", "Splat of null value", &[]);
    check_error("tolist(null).*.a", "Splat of null value", &[]);
    check_error("tolist([])[*][null]", "Invalid index", &[]);
    check("[for x in [] : x if x.a[0] + 1 == 3]", Value::tuple([]));
    let clause = "Invalid 'for' condition";
    check_error("[for x in [] : x if 1]", clause, &[]);
    check_error("{for k, x in {} : k => x if 1}", clause, &[]);
    check_error("[for x in [] : x if null]", "Condition is null", &[]);
}

#[test]
fn errors_name_the_values() {
    let object = [("var.object", "is object with 2 attributes")];
    check_error("var.object.nope", "Unsupported attribute", &object);
    let none = [("var.object.none", "is null")];
    check_error(
        "var.object.none.x",
        "Attempt to get attribute from null value",
        &none,
    );
    check_error(
        "1 + var.name",
        "Invalid operand",
        &[("var.name", "is \"Ada\"")],
    );
    check_error("1 + var.secret", "Invalid operand", &[]);
    check_error(
        "[1][var.object.id]",
        "Invalid index",
        &[("var.object.id", "is 5")],
    );
    check_error(
        "max(var.name)",
        "Invalid function argument",
        &[("var.name", "is \"Ada\"")],
    );
    check_error("\"a${null}\"", "Invalid template interpolation value", &[]);
    check_error("upper()", "Not enough function arguments", &[]);
    check_error("upper(1, 2)", "Too many function arguments", &[]);
    check_error("null ? 1 : 2", "Null condition", &[]);
}

#[test]
fn errors_stand_at_the_part_that_is_wrong() {
    let check = |text: &str, expect: &str| {
        let diags = run(text).expect_err(text);
        let at = diags.0[0]
            .subject
            .expect("an error about a part of the text");
        let part = &text[at.start as usize..at.end as usize];
        assert_eq!(part, expect, "{text}");
    };
    check("var.object.nope", ".nope");
    check("var.object.none.x", ".x");
    check("[1, 2][5]", "[5]");
    check("{a = 1}[var.name]", "[var.name]");
    check("upper(\"a\", \"b\", \"c\")", "b");
    check("tonumber(\"x\")", "x");
    check("tonumber(var.name)", "var.name");
    check("tonumber([1])", "[");
    check("tonumber(true ? \"a\" : \"b\")", "true");
    check("jsondecode(\"{\")", "jsondecode(");
    check("true ? [1] : {a = 1}", "[1] : {a = 1}");
    let call = |text: &str| run(text).expect_err(text).0[0].call;
    assert_eq!(call("tonumber(\"x\")"), Some("tonumber"));
    assert_eq!(call("1 + var.name"), None);
}

#[test]
fn reported_failures_stay_silent() {
    assert_eq!(run("aws_instance.web.id"), Err(Diags::new()));
    assert_eq!(run("try(aws_instance.web.id, 1)"), Err(Diags::new()));
}

#[test]
fn both_operands_are_reported() {
    let diags = run("\"a\" + \"b\"").expect_err("strings");
    assert_eq!(diags.0.len(), 2);
}

#[test]
fn deep_expressions_do_not_overflow() {
    let deep = 20_000;
    let text = format!("{}1{}", "(1+".repeat(deep), ")".repeat(deep));
    check(&text, Value::int(deep as i64 + 1));
    check(
        &format!("0{}", " + 1".repeat(deep)),
        Value::int(deep as i64),
    );
}

#[test]
fn a_sign_ties_the_character_after_it_to_the_text() {
    for (line, left) in [
        ("a \n", "a"),
        ("$ \n", "$ "),
        ("a%\t\r\n", "a%\t"),
        ("$\r\n", "$\r"),
        ("$  \n", "$"),
        ("$b \n", "$b"),
    ] {
        let text = format!("<<E\n{line}${{~var.name}}\nE\n");
        check(&text, format!("{left}Ada\n").into());
    }
}
