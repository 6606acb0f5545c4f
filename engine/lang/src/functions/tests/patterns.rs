//! What is a regular expression, and what it matches: RE2 as Go has it.

use super::{check, check_error};

/// A pattern as a string of the language.
fn quoted(pattern: &str) -> String {
    format!("\"{}\"", pattern.replace('\\', "\\\\").replace('"', "\\\""))
}

/// All that a pattern finds, joined by commas.
#[track_caller]
fn check_found(pattern: &str, text: &str, expect: &str) {
    let found = format!("regexall({}, \"{text}\")", quoted(pattern));
    check(&format!("join(\",\", {found})"), &format!("\"{expect}\""));
}

#[track_caller]
fn check_wrong(pattern: &str, reason: &str) {
    check_error(&format!("regex({}, \"a\")", quoted(pattern)), reason);
}

#[test]
fn properties() {
    check_found("\\p{L}", "a1é", "a,é");
    check_found("\\p{^L}|\\P{Any}", "a1é", "1");
    check_found("\\P{^L}", "a1é", "a,é");
    check_found("[^\\p{^Lu}\\d]", "aB1", "B");
    check_found("[\\pN-a]", "a1-b", "a,1,-");
    check_found("\\p{Greek}", "aβ", "β");
    check_found("\\p{C}|\\p{Cs}", "a\\u0378\\u00ad", "\\u00ad");
    for name in [
        "Script=Latin",
        "gc=Lu",
        "lu",
        "latin",
        "Letter",
        "LC",
        "Cn",
        "ASCII",
        "any",
        "",
        "^",
        "Old Italic",
        "Garay",
    ] {
        check_wrong(&format!("\\p{{{name}}}"), "is not a known class");
    }
    check_wrong("\\p{L", "is not a known class");
    check_wrong("\\p", "is not a known class");
}

#[test]
fn classes() {
    check_found("[[:alpha:]-]", "a-1", "a,-");
    check_found("[[:^alpha:]]", "a1", "1");
    check_found("[[:alpha]", "a:[x", "a,:,[");
    check_found("[]a]", "]a^", "],a");
    check_found("[--a]", "-A*", "-,A");
    check_found("[a&&b]", "a&b", "a,&,b");
    check_found("[\\x{D800}a-\\x{DFFF}]", "b", "b");
    check_found("[^\\x{D800}]", "b", "b");
    for pattern in ["[[:foo:]]", "[[:ALPHA:]]"] {
        check_wrong(pattern, "is not a known class");
    }
    check_wrong("[z-a]", "before its start");
    check_wrong("[a-\\d]", "not a known escape");
    check_wrong("[\\b]", "not a known escape");
    check_wrong("[a", "no closing bracket");
}

#[test]
fn groups_and_flags() {
    check("regex(\"(?P<n>a)(?P<n>b)\", \"ab\")", "{ n = \"b\" }");
    check("regex(\"(?<1a>a)\", \"ab\")", "{ \"1a\" = \"a\" }");
    check(
        "replace(\"ab\", \"/(?P<n>z)?(?P<n>b)/\", \"<$n>\")",
        "\"a<b>\"",
    );
    for name in ["é", "n.x", "n[x]", "n-x", ""] {
        check_wrong(&format!("(?P<{name}>a)"), "a group cannot be called");
    }
    check_found("(?i-i)A", "aA", "A");
    check_found("(?ii)a", "aA", "a,A");
    check_found("a(?i)*b", "aaB", "aaB");
    check_found("(?:a(?i)b|c)D", "aBDcdCD", "aBD,CD");
    check_found("(?)b(?:)", "ab", "b");
    check_found("(?U)a+b*", "aab", "a,a");
    for pattern in [
        "(?x)a", "(?-)a", "(?i--s)a", "(?i-)a", "(?=a)", "(?P=n)", "(?#c)",
    ] {
        check_wrong(pattern, "starts no group");
    }
    check_wrong("(?i*)", "starts no group");
    check_wrong("a)", "no opening one");
}

#[test]
fn escapes() {
    check_found("\\Qa.b\\E+", "a.bb a-b", "a.bb");
    check_found("\\101\\x42\\x{43}", "ABC", "ABC");
    check_found("\\Aa\\z", "a", "a");
    check_found("\\B.", "aé日b", "日");
    for pattern in [
        "\\C", "\\Z", "\\E", "\\1", "\\8", "\\u0041", "\\_\\é", "\\e",
    ] {
        check_wrong(
            pattern,
            if pattern == "\\1" {
                "references"
            } else {
                "not a known escape"
            },
        );
    }
    for pattern in ["\\x", "\\x4", "\\x{}", "\\x{110000}", "\\x{+41}", "\\xéa"] {
        check_wrong(pattern, "wants two digits");
    }
    check_wrong("a\\", "ends with a backslash");
}

#[test]
fn repetitions() {
    check_found("a{01}|b{,2}|c{", "a{01}b{,2}c{", "a{01},b{,2},c{");
    check_found("x*{a}", "xx{a}", "xx{a}");
    check_found("\\Qx*\\E{2}", "x**", "x**");
    for pattern in ["a**", "a+??", "a{2}*", "a{2}{3}"] {
        check_wrong(pattern, "cannot be repeated");
    }
    for pattern in [
        "a{1001}",
        "a{0,1001}",
        "a{99999999999}",
        "(a{100}){11}",
        "((a{10}){10}){11}",
        "(a{2,}){501}",
        "((a{0}){1000}){2}",
        "(?:x{500}|y{3}){3}",
        "((a{1000})*){2}",
    ] {
        check_wrong(pattern, "repeated more than 1000 times");
    }
    for pattern in [
        "a{1000}",
        "(a{1000}){1}",
        "(a{1000,})*",
        "(a{0,}){1000}",
        "(a{500}|b{500}){2}c{1000}",
    ] {
        check(&format!("regexall(\"{pattern}z\", \"a\") == []"), "false");
    }
    check_wrong("a{2,1}", "not a regular expression");
    check_wrong("*a", "not a regular expression");
}

#[test]
fn large_patterns() {
    check_found("\\pL{500}", "a", "");
    let groups = |depth| format!("{}a{}", "(?:".repeat(depth), ")".repeat(depth));
    check_found(&groups(990), "a", "a");
    check_wrong(&groups(100_000), "exceed");
    check_wrong(&"(".repeat(100_000), "unclosed group");
}

#[test]
fn names_in_replacements() {
    let check_replaced = |by: &str, expect: &str| {
        check(
            &format!("replace(\"ab\", \"/(a)/\", \"{by}\")"),
            &format!("\"{expect}\""),
        );
    };
    check_replaced("[$1]", "[a]b");
    check_replaced("[$\u{b2}]", "[$\u{b2}]b");
    check_replaced("[$1\u{b2}]", "[a\u{b2}]b");
    check_replaced("[$\u{2167}]", "[$\u{2167}]b");
    check_replaced("[$\u{e9}]", "[]b");
}
