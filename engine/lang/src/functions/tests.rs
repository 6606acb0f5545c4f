mod charsets;
mod limits;
mod patterns;
mod times;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use muster_value::Value;

use super::{all, lookup};
use crate::syntax::parse_expression;
use crate::{Diags, FileId, Files, Reference, Scope, Str, Subject, eval};

/// The files of the recorded cases, a clock that stands still, and a few local values.
struct Fixtures;

impl Fixtures {
    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/files"))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the files of a test are read from disk"
)]
impl Files for Fixtures {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(Self::root().join(path)).map_err(|e| e.to_string())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(Self::root().join(path).is_file())
    }

    fn walk(&self, dir: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(Self::root().join(dir)).map_err(|e| e.to_string())?;
        let files = entries.flatten().filter(|e| e.path().is_file());
        let mut names: Vec<_> = files
            .map(|e| e.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        Ok(names)
    }

    fn home(&self) -> Option<String> {
        Some("/home/ada".into())
    }

    fn cwd(&self) -> String {
        "/work".into()
    }

    fn now(&self) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
    }
}

impl Scope for Fixtures {
    fn resolve(&self, reference: &Reference) -> Result<Value, Diags> {
        match &reference.subject {
            Subject::Local(name) if &**name == "template" => Ok("Hello, ${name}!".into()),
            Subject::Local(name) if &**name == "doubled" => {
                let twice = |value: Value, _| Value::tuple([value.clone(), value]);
                Ok((0..60).fold("a".into(), twice))
            }
            Subject::Local(name) if &**name == "wrapped" => {
                let wrap = |value: Value, _| Value::tuple([value]);
                Ok((0..10_001).fold("a".into(), wrap))
            }
            _ => Err(Diags::new()),
        }
    }

    fn files(&self) -> &dyn Files {
        self
    }

    fn plan_timestamp(&self) -> Option<Str> {
        Some("2024-01-02T03:04:05Z".into())
    }

    fn impure_now(&self) -> bool {
        true
    }
}

/// The value of an expression, or what is wrong: summary and detail.
pub(super) fn run(text: &str) -> Result<Value, String> {
    let told = |diags: Diags| {
        let first = diags.into_iter().next();
        first.map_or_else(String::new, |d| format!("{}: {}", d.summary, d.detail))
    };
    let (raw, diags) = parse_expression(FileId(0), &Arc::from(text));
    if diags.has_errors() {
        return Err(told(diags));
    }
    let (expr, diags) = raw.lower(&[]);
    if diags.has_errors() {
        return Err(told(diags));
    }
    eval(&expr, &Fixtures, &[]).map_err(told)
}

/// Both expressions have the same value, of the same type.
#[track_caller]
pub(super) fn check(text: &str, expect: &str) {
    let value = run(text).map(|v| v.unmark_deep());
    let expected = run(expect).map(|v| v.unmark_deep());
    assert!(expected.is_ok(), "{expect}: {expected:?}");
    assert_eq!(value, expected, "{text}");
}

/// The call fails for a reason that has these words in it.
#[track_caller]
pub(super) fn check_error(text: &str, words: &str) {
    match run(text) {
        Ok(_) => panic!("{text:.200} has a value"),
        Err(told) => assert!(told.contains(words), "{text:.200}: {told}"),
    }
}

#[test]
fn every_function_is_found() {
    assert_eq!(all().len(), 118);
    for function in all() {
        let found = lookup(function.name).map(|f| f.name);
        assert_eq!(found, Some(function.name));
        assert!(function.description.ends_with('.'), "{}", function.name);
        // What is known of a result without arguments must not depend on them.
        let _ = (function.returns.ty)(&[]);
    }
    assert!(all().windows(2).all(|pair| pair[0].name < pair[1].name));
    assert!(lookup("nosuch").is_none());
}

#[test]
fn examples() {
    for function in all() {
        let example = function.example();
        let example = example.unwrap_or_else(|| panic!("{} has no example", function.name));
        assert!(example.call.contains(&format!("{}(", function.name)));
        check(example.call, example.result);
    }
}

#[test]
fn signatures() {
    let check = |name: &str, expect: &str| {
        let found = lookup(name).map(|f| f.signature());
        assert_eq!(found.as_deref(), Some(expect));
    };
    check("abs", "abs(num: number) -> number");
    check("uuid", "uuid() -> string");
    check(
        "join",
        "join(separator: string, lists: list(string)...) -> string",
    );
    check("merge", "merge(maps: any...) -> any");
    check(
        "setunion",
        "setunion(first_set: set(any), other_sets: set(any)...) -> set(any)",
    );
}

/// The page that describes all functions is written by this test when it is asked to.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads and writes the page on disk"
)]
fn reference_page() {
    let mut page = String::from(
        "# Functions\n\nAll functions of the language, each with an example and the value it has. Every one is there\nas `core::NAME` too. This page is written by `UPDATE_DOCS=1 cargo test -p muster-lang reference`.\n",
    );
    for function in all() {
        let (name, signature, says) = (function.name, function.signature(), function.description);
        page += &format!("\n## {name}\n`{signature}`\n\n{says}\n");
        if let Some(example) = function.example() {
            page += &format!("\n```hcl\n{} # {}\n```\n", example.call, example.result);
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/functions.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        assert!(std::fs::write(path, &page).is_ok());
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == page, "docs/functions.md is not up to date");
}

/// What Terraform 1.11.4 gives.
#[test]
fn blocks_of_text_in_yaml() {
    check(r#"yamldecode("|\n a\n b")"#, r#""a\nb""#);
    check(r#"yamldecode("|\n a\n b\n")"#, r#""a\nb\n""#);
    check(
        r#"yamldecode("a: |\n  é\nb: >\n  x")"#,
        r#"{ a = "é\n", b = "x" }"#,
    );
    check(r#"yamldecode("- |\n x\n- |\n y")"#, r#"["x\n", "true"]"#);
    check(r#"yamldecode("a: |-\n  0x1f\n")"#, r#"{ a = "31" }"#);
    check(r#"yamldecode("a: |-\n  ~\n")"#, "{ a = tostring(null) }");
    check(r#"yamldecode("a: !!int |-\n  1\n")"#, "{ a = 1 }");
    check(r#"yamldecode("a: !!str |-\n  yes\n")"#, r#"{ a = "yes" }"#);
    check_error(r#"yamldecode("[1, |\n a]")"#, "cannot stand in brackets");
}

/// What Terraform 1.11.4 gives.
#[test]
fn repetitions_in_patterns() {
    check(r#"regex("a{2}?", "aaa")"#, r#""aa""#);
    check(r#"regex("a{,2}", "a{,2}")"#, r#""a{,2}""#);
    check(
        r#"regexall("a{1000}", "aab")"#,
        "tolist(regexall(\"z\", \"\"))",
    );
    check_error(r#"regexall("a{1001}", "aab")"#, "more than 1000 times");
    check_error(
        r#"regexall("a{99999999999999999999}", "")"#,
        "more than 1000 times",
    );
    for pattern in ["a**", "a*??", "a{2}{3}", "a+*", "a??+"] {
        check_error(&format!("regex(\"{pattern}\", \"\")"), "cannot be repeated");
    }
}

/// Where a null without a type is among them, values of several types stay what they are.
#[test]
fn the_first_of_several_types() {
    check("coalesce(null, [], \"a\")", "[]");
    check("coalesce(null, 1, true)", "1");
    check("coalesce(null, { a = 1 }, { a = \"x\" })", "{ a = 1 }");
    check(
        "coalesce(null, tolist([1]), tolist([\"a\"]))",
        "tolist([1])",
    );
    check("coalesce(null, 1, \"a\")", "\"1\"");
    check("coalesce(null, [[]], [[\"a\"]]) == [[]]", "true");
    check(
        "coalesce({ a = null, b = [] }, tomap({ b = \"x\" })) == tomap({ b = \"x\" })",
        "true",
    );
    check_error("coalesce([], \"a\")", "one type");
    check_error("coalesce(null, [], {})", "one type");
    check_error("zipmap([null], [1])", "Error in function call");
}
