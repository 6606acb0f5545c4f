//! Conditionals and collections of values that are not of one type, as Terraform 1.11 has them.

use super::*;

const MISMATCH: &str = "Inconsistent conditional result types";
const ARGUMENT: &str = "Invalid function argument";

fn secret(value: Value) -> Value {
    value.mark(Marks::SENSITIVE)
}

fn list<const N: usize>(elem: Type, items: [Value; N]) -> Value {
    Value::list(elem, items.into())
}

fn map<const N: usize>(elem: Type, entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter().map(|(k, v)| (k.into(), v));
    Value::map(elem, entries.collect())
}

#[test]
fn nulls_beside_structures() {
    let empty = Type::tuple([]);
    let nothing = || Value::tuple([]);
    let nulls = Value::Null(empty.clone());
    let both = map(empty, [("a", nothing()), ("b", nulls)]);
    check("tomap({a = [], b = null})", both.clone());
    check("false ? {} : {a = [], b = null}", both.clone());
    check("false ? tomap({}) : {a = [], b = null}", both);
    check_error("tomap({a = [], b = null, c = [1]})", ARGUMENT, &[]);
    check_error("tolist([[], null])", ARGUMENT, &[]);
    check_error("true ? [] : [[], null]", MISMATCH, &[]);
    let null = list(Type::Dynamic, [Value::NULL]);
    check("false ? [[1], [2]] : [null]", null);
    let one = || list(Type::Number, [Value::int(1)]);
    let two = list(Type::Number, [Value::int(1), Value::int(2)]);
    let lists = list(Type::list(Type::Number), [one(), two]);
    check("true ? [[1], [1, 2]] : [null]", lists);
}

#[test]
fn members_that_do_not_go_together_are_left_out() {
    let one = map(Type::Number, [("d", Value::int(1))]);
    check("false ? {a = null, b = 1, c = true} : {d = 1}", one);
    check_error(
        "true ? {a = null, b = 1, c = true} : {d = 1}",
        MISMATCH,
        &[],
    );
    check_error("false ? {a = null} : {b = 1, c = true}", MISMATCH, &[]);
    check_error("false ? [null, 1, true] : [1]", MISMATCH, &[]);
    let one = map(Type::Number, [("d", Value::int(1))]);
    check("false ? {a = [], b = null} : tomap({d = 1})", one);
    check_error("true ? {a = [], b = null} : tomap({d = 1})", MISMATCH, &[]);
}

#[test]
fn structures_join_collections_of_no_type_as_they_are() {
    let one = || Value::tuple([Value::int(1)]);
    let ones = list(one().ty(), [one(), one()]);
    check("false ? tolist([]) : [[1], [1]]", ones);
    let none = || list(Type::Dynamic, []);
    check("true ? tolist([]) : [[1], [\"a\"]]", none());
    for text in [
        "false ? tolist([]) : [[1], [\"a\"]]",
        "false ? tolist([]) : [[1], [1, 2]]",
        "false ? tolist([]) : [[1], tolist([1])]",
        "false ? tomap({}) : {a = [1], b = [\"a\"]}",
    ] {
        check_error(text, MISMATCH, &[]);
    }
    check(
        "false ? tolist([[]]) : [[]]",
        list(Type::tuple([]), [Value::tuple([])]),
    );
    check_error("tolist([tolist([1]), [\"a\"], null])", ARGUMENT, &[]);
}

#[test]
fn elements_that_are_not_there_have_a_type_all_the_same() {
    check_error("compact(csvdecode(1))", ARGUMENT, &[]);
    let name = "setproduct([\"a\"], [])[*][0][*].name";
    check_error(name, "Unsupported attribute", &[]);
    check("compact(tolist([]))", list(Type::String, []));
}

#[test]
fn nulls_with_marks_have_no_type() {
    check("false ? 1 : sensitive(null)", secret(Value::NULL));
    check("true ? sensitive(null) : [1]", secret(Value::NULL));
    check("true ? 1 : sensitive(null)", secret(Value::int(1)));
    check("issensitive(toset([sensitive(null), 1]))", false.into());
    let untaken = "issensitive(true ? toset([]) : [var.secret])";
    check(untaken, false.into());
    check(
        "issensitive(toset([sensitive(null), sensitive(1)]))",
        true.into(),
    );
    check("issensitive(toset([[sensitive(null)]]))", true.into());
}

#[test]
fn what_failed_and_is_not_taken() {
    // What is no condition says nothing about what is sensitive.
    check("true ? \"a\" : (1 ? var.secret : \"b\")", "a".into());
    check("true ? \"a\" : (null ? var.secret : \"b\")", "a".into());
    let marked = secret("a".into());
    check("true ? \"a\" : ([1][3] ? var.secret : \"b\")", marked);
    // An element of what failed is as sensitive as that.
    let element = "issensitive(true ? 0 : (var.secret[*].tags)[0])";
    check(element, true.into());
    let none = "issensitive(true ? 0 : (var.secret[*].tags)[5])";
    check(none, false.into());
    // So is an object with a key that failed.
    let key = "%{for k in sensitive([\"a\"])~}%{if k}%{endif}%{endfor~}";
    let object = format!("issensitive(true ? 0 : {{for v in [1] : \"{key}\" => v}})");
    check(&object, true.into());
    // Elements that failed are not known, so that nobody knows what iterating over them gives.
    check("true ? 1 : [for x in 1[*].name : x]", Value::int(1));
    check(
        "true ? 1 : {for x in tolist([{}])[*].a : 1 => x}",
        Value::int(1),
    );
    check_error("true ? 1 : [for x in [1 + []] : x]", MISMATCH, &[]);
    check_error("true ? [] : (tomap({a = 1}).*.b)[0]", MISMATCH, &[]);
    // What a round saw leaves its marks, but not where the clause is wrong from the start.
    let marked = || secret(Value::int(1));
    check(
        "true ? 1 : [for x in sensitive([\"a\"]) : x if x]",
        marked(),
    );
    check("true ? 1 : {for x in sensitive([1]) : null => x}", marked());
    check(
        "true ? 1 : {for x in [1] : sensitive(null) => x}",
        Value::int(1),
    );
    check(
        "true ? 1 : [for x in sensitive([1]) : x if 1]",
        Value::int(1),
    );
}

#[test]
fn lists_as_arguments_of_try_and_can() {
    check("try([][0], [1]...)", Value::int(1));
    check("try(1 ? 1 : 1, 2, []...)", Value::int(2));
    check("can([][0], []...)", false.into());
    check("can([1]...)", true.into());
    let expanding = "Invalid expanding argument value";
    check_error("try(1, null...)", expanding, &[]);
    check_error("can([1, 2]...)", "Too many function arguments", &[]);
    check_error("can([][0], 1)", "Too many function arguments", &[]);
    check_error("can([]...)", "Not enough function arguments", &[]);
    check_error("try([]...)", "Error in function call", &[]);
}

#[test]
fn nothing_is_known_of_what_functions_make_of_anything() {
    let open = || Value::unknown(Type::Dynamic);
    check("contains(var.any, 1)", open());
    check("index([1], var.any)", open());
    check("concat(var.any, 1)", open());
    check("sum(var.any)", open());
    check("merge(var.any, 1)", unknown(Type::Dynamic));
    check("flatten({a = var.any})", unknown(Type::Dynamic));
    check("upper(var.any)", unknown(Type::String));
    check("length(var.any) >= 0", true.into());
    check("tonumber(var.any)", Value::unknown(Type::Number));
    check("coalesce(null, \"\", [], 1)", "".into());
    let object = Value::object([("a", Value::int(1))]);
    let ty = object.ty();
    let null = || Value::Null(ty.clone());
    check(
        "concat(tolist([null]), tolist([{a = 1}]))",
        list(ty.clone(), [null(), object]),
    );
}

#[test]
fn errors_of_results_that_may_not_be_taken_do_not_count() {
    check("var.bool ? 1 : [1][3]", Value::unknown(Type::Dynamic));
    check("\"%{if var.bool}${[]}%{endif}\"", unknown(Type::String));
    check("[for x in [] : x if x ? true : [1][3]]", Value::tuple([]));
}

#[test]
fn zeros_are_equal_whatever_their_sign() {
    let zero = || Value::Number(muster_value::Number::from(0i64).neg());
    check("distinct([-0, 0])", list(Type::Number, [zero()]));
    check("length(distinct([[-0], [0]]))", Value::int(1));
    check(
        "matchkeys([1, 2], [0, 1], [-0])",
        list(Type::Number, [Value::int(1)]),
    );
}
