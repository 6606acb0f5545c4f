//! Calls whose results would be out of all proportion, and values that are nested very deep.

use std::sync::Arc;

use muster_value::{Type, Value, convert, from_msgpack, implied_type, to_msgpack};

use super::{Fixtures, check, check_error};
use crate::FileId;
use crate::functions::{MOST_DEPTH, MOST_STORED_DEPTH};
use crate::syntax::parse_expression;

const LONG: &str = "longer than 134217728 bytes";
const MANY: &str = "more than 8388608 elements";

/// A string of a million bytes.
const MILLION: &str = "format(\"%1000000s\", \"\")";

#[test]
fn long_strings() {
    check_error("format(\"%999999999d\", 1)", "more than 10000009");
    check_error("format(\"%.999999999f\", 1)", "more than 1000000");
    check_error(
        "format(\"%99999999999999999999s\", 1)",
        "more than 134217728",
    );
    check_error("format(\"%2147483648d\", 1)", "more than 10000009");
    check("length(format(\"%2000000d\", 1))", "2000000");
    check_error(
        "format(\"%.99999999999999999999d\", 1)",
        "more than 1000000",
    );
    check("format(\"%.99999999999999999999s\", \"a\")", "\"a\"");
    check("length(format(\"%2000000v\", 1))", "2000000");
    check_error("indent(1000000000, \"a\\nb\")", LONG);
    check_error("formatlist(\"%1000000d\", range(1000))", LONG);
    check_error(
        &format!(
            "format(\"{}\", [for i in range(200) : 1]...)",
            "%1000000d".repeat(200)
        ),
        LONG,
    );
    check_error(&format!("join({MILLION}, range(1000))"), LONG);
    check_error(
        &format!("replace(join(\"\", range(1000)), \"1\", {MILLION})"),
        LONG,
    );
    check_error(
        &format!("replace(join(\"\", range(1000)), \"/1/\", {MILLION})"),
        LONG,
    );
    // One match is enough when the replacement names it often.
    let often = "$0".repeat(200);
    check_error(&format!("replace({MILLION}, \"/ +/\", \"{often}\")"), LONG);
    let doubled = String::from("[for a in [\"0123456789\"] : ")
        + &"[for a in [\"${a}${a}${a}${a}${a}${a}${a}${a}\"] : ".repeat(9)
        + "a"
        + &"]".repeat(10);
    check_error(&doubled, "A string can have 134217728 bytes");
}

#[test]
fn many_elements() {
    check_error("range(1e9)", "more than 1024 numbers");
    check_error("range(0, 1, 1e-9)", "more than 1024 numbers");
    check_error("setproduct(range(1000), range(1000), range(1000))", MANY);
    check_error("setproduct([for i in range(500) : [1, 2]]...)", MANY);
    check_error(
        &format!("[for l in [split(\"\", {MILLION})] : [for i in range(100) : try(l)]]"),
        MANY,
    );
    // A match has the text itself and its groups.
    check_error(
        &format!("regexall(\"{}\", {MILLION})", "()".repeat(100)),
        MANY,
    );
    check_error(
        "flatten([for l in [range(1024)] : [for l in [[l, l, l, l, l, l, l, l]] : [for l in [[l, l, l, l, l, l, l, l]] : [for l in [[l, l, l, l, l, l, l, l]] : [for l in [[l, l, l, l, l, l, l, l]] : [l, l, l, l, l, l, l, l]]]]]])",
        MANY,
    );
}

/// Values that take little memory, for they share their parts, but could never be gone through.
#[test]
fn shared_parts() {
    check_error("local.doubled", "more than 8388608 elements");
    check("length(local.doubled[0][1])", "2");
    check_error("local.wrapped", "Collections can be nested 10000 deep");
    check("local.wrapped[0] != null", "true");
}

#[test]
fn numbers() {
    check_error("tonumber(\"1e99999999\")", "too large");
    check_error("jsondecode(\"1e99999999\")", "too large");
    check_error("1e19000 * 1e19000", "too large");
    let digits = "join(\"\", [for i in range(1000) : join(\"\", range(1000))])";
    check_error(&format!("parseint({digits}, 10)"), "too large");
    check_error(&format!("tonumber({digits})"), "too large");
    check_error("bcrypt(\"a\", 31)", "from 4 to 18");
}

#[test]
fn aliases_of_aliases() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\\n");
    for i in 1..12 {
        let alias = format!("*a{}, ", i - 1).repeat(10);
        text += &format!("a{i}: &a{i} [{alias}]\\n");
    }
    check_error(
        &format!("yamldecode(\"{text}\")"),
        "more than 8388608 parts",
    );
}

#[test]
fn patterns() {
    let backtracking = format!("regexall(\"(a*)*b\", \"{}\")", "a".repeat(10_000));
    check(&backtracking, "tolist(regexall(\"(a)\", \"b\"))");
    let large = (0..100).map(|_| "\\\\pL{1000}").collect::<String>();
    check_error(&format!("regex(\"{large}\", \"a\")"), "size limit");
}

/// JSON and YAML text of a value as deep as can be.
fn deep(open: &str, close: &str, depth: usize) -> String {
    format!("{}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn too_deep() {
    let words = "nested more than 10000 deep";
    for open in ["[", "{\\\"a\\\":"] {
        check_error(
            &format!("jsondecode(\"{}\")", open.repeat(1_000_000)),
            words,
        );
    }
    let yaml = deep("[", "]", 100_000);
    check_error(&format!("yamldecode(\"{yaml}\")"), "recursion limit");
    let yaml: String = (0..600)
        .map(|n| format!("{}a:\\n", " ".repeat(n)))
        .collect();
    check_error(
        &format!("yamldecode(\"{yaml}\")"),
        "nested more than 500 deep",
    );
    check_error(
        &deep("[", "]", 100_000),
        "Collections can be nested 10000 deep",
    );
    check_error(
        &format!("{}1{}", "{a=".repeat(100_000), "}".repeat(100_000)),
        "Collections can be nested 10000 deep",
    );
}

/// Texts of expressions whose values are nested so deep.
fn nested(depth: usize) -> [String; 4] {
    let (open, close) = ("{\\\"a\\\":".repeat(depth), "}".repeat(depth));
    [
        format!("jsondecode(\"{}\")", deep("[", "]", depth)),
        format!("jsondecode(\"{open}1{close}\")"),
        deep("[", "]", depth),
        format!("{}1{close}", "{a=".repeat(depth)),
    ]
}

/// Whatever the language does with a value that was let in must not need more stack than there
/// is: tests have 2 MiB, as threads do.
#[test]
fn the_language_takes_values_as_deep_as_terraform_does() {
    // What is around them counts, too.
    let [json, objects, tuples, braces] = nested(MOST_DEPTH - 8);
    for value in [&json, &objects, &tuples, &braces] {
        check(
            &format!(
                "[for x in [{value}] : jsonencode(x) == jsonencode(jsondecode(jsonencode(x)))]"
            ),
            "[true]",
        );
        check(
            &format!("[for x in [{value}] : x == x && x != [x]]"),
            "[true]",
        );
        check(
            &format!("length(toset([for x in [{value}] : [x][0]]))"),
            "1",
        );
        check(&format!("length(distinct([{value}, {value}]))"), "1");
        check(&format!("can(tostring({value}))"), "false");
        check(
            &format!("try(nonsensitive(sensitive({value})).nope, 1)"),
            "1",
        );
        check(&format!("length(format(\"%v\", {value})) > 9000"), "true");
        check(&format!("length(concat([{value}], [1]))"), "2");
        check(&format!("length(merge({{x = {value}}}, {{y = 1}}))"), "2");
        check(&format!("length(true ? [{value}] : [])"), "1");
    }
    check(&format!("length(flatten([{tuples}, [1]]))"), "1");
    check(&format!("length(yamlencode({tuples})) > 9000"), "true");
}

#[test]
fn values_that_are_stored_are_less_deep() {
    let stored = |text: &str| {
        let (raw, _) = parse_expression(FileId(0), &Arc::from(text));
        crate::eval_stored(&raw.lower(&[]).0, &Fixtures, &[])
    };
    for text in nested(MOST_STORED_DEPTH) {
        let value = stored(&text).expect("it is not too deep");
        use_everywhere(&value);
    }
    for text in nested(MOST_STORED_DEPTH + 2) {
        let diags = stored(&text).expect_err("it is too deep");
        assert_eq!(
            diags.0[0].detail,
            "Collections can be nested 400 deep here."
        );
    }
}

fn use_everywhere(value: &Value) {
    let again = value.map_children(|_, part| part.clone());
    assert_eq!(value.equals(&again), Value::Bool(true));
    assert!(value.same(&again) && *value == again);
    let ty = value.ty();
    assert_eq!(ty, again.ty());
    assert!(value.is_wholly_known() && !value.is_marked_deep());
    assert!(convert(value, &ty).is_ok_and(|v| v.same(value)));
    assert!(convert(value, &Type::String).is_err());
    let json = muster_value::value_to_json(value, &ty).expect("it has a JSON form");
    assert_eq!(implied_type(&json).without_optional(), ty);
    assert!(muster_value::json_to_value(&json, &ty).is_ok_and(|v| v.same(value)));
    drop(json);
    let ty_json = muster_value::type_to_json(&ty);
    assert_eq!(muster_value::type_from_json(&ty_json).as_ref(), Ok(&ty));
    let packed = to_msgpack(value, &ty).expect("it can be packed");
    match from_msgpack(&packed, &ty) {
        Ok(unpacked) => assert!(unpacked.same(value)),
        Err(e) => assert_eq!(e.reason, "the value is nested too deeply"),
    }
    let set = muster_value::set_value(ty.clone(), vec![value.clone(), again]);
    assert_eq!(set.len(), Some(1));
    assert!(muster_value::unify(&[ty.clone(), ty.clone()]).is_some());
    assert!(value.as_stored().is_ok() && value.unmark_deep().same(value));
    assert!(!ty.friendly_name().is_empty());
}
