//! Differences that are meant, or known, made as small as they get. `docs/differences.md` says more on each.

use super::Found;
use super::outcome::{Difference, Outcome};

/// A difference and how it is recognised: by what was put in and by what came out, such that
/// little else can hide behind it.
struct Explanation {
    /// A heading of `docs/differences.md`.
    heading: &'static str,
    matches: fn(&Found) -> bool,
}

const ALL: &[Explanation] = &[
    Explanation {
        heading: "Functions of terraform that panic",
        matches: |found| {
            let panics = summary(&found.theirs).is_some_and(|s| s.ends_with(" (panic)"));
            found.difference == Difference::Accepted && panics
        },
    },
    Explanation {
        heading: "Rare character encodings",
        matches: |found| {
            let call = has(found, "codebase64(") && has(found, "\"cp437\"");
            let refused = summary(&found.ours) == Some("Invalid function argument");
            call && found.difference == Difference::Refused && refused
        },
    },
    Explanation {
        heading: "Tabs and directives in YAML",
        matches: |found| {
            let odd = ["\"%YAML 1.2", "\"\\t"];
            let call = odd
                .iter()
                .any(|text| has(found, &format!("yamldecode({text}")));
            let refused = summary(&found.theirs) == Some("Error in function call");
            call && found.difference == Difference::Accepted && refused
        },
    },
    Explanation {
        heading: "Logarithms of the smallest floats",
        matches: |found| {
            let call = has(found, "log(") || has(found, "pow(");
            let numbers = is_number(&found.ours) && is_number(&found.theirs);
            call && numbers && subnormal(&found.text)
        },
    },
    Explanation {
        heading: "Remainders of infinities from YAML",
        matches: |found| {
            let text = found.text.to_lowercase();
            let call =
                text.contains(" % ") && text.contains("yamldecode(") && text.contains(".inf");
            let refused = summary(&found.ours) == Some("Operation failed");
            call && refused && found.theirs == Outcome::Infinite
        },
    },
];

/// The summary of the first error.
fn summary(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Error(all) => all.first().map(String::as_str),
        _ => None,
    }
}

fn has(found: &Found, text: &str) -> bool {
    found.text.contains(text)
}

fn is_number(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Value { ty, .. } if ty == "number")
}

/// Whether there is a literal that is, as a float, one of those with fewer digits than others.
fn subnormal(text: &str) -> bool {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+');
    let mut literals = text.split(|c| !digits(c));
    literals.any(|word| word.parse().is_ok_and(f64::is_subnormal))
}

/// The reason for a difference: a heading of `docs/differences.md`.
pub(crate) fn explain(found: &Found) -> Option<&'static str> {
    let explanation = ALL.iter().find(|e| (e.matches)(found))?;
    Some(explanation.heading)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, ours: &Outcome, theirs: &Outcome, expect: Option<&str>) {
        let found = Found {
            text: text.into(),
            ours: ours.clone(),
            theirs: theirs.clone(),
            difference: ours.differs(theirs).expect("a difference"),
        };
        assert_eq!(explain(&found), expect, "{text}");
    }

    fn refused(summary: &str) -> Outcome {
        Outcome::Error(vec![summary.into()])
    }

    #[test]
    fn explanations_look_at_what_came_out() {
        let (some, other) = (Outcome::Text("1".into()), Outcome::Text("2".into()));
        let argument = refused("Invalid function argument");
        let call = refused("Error in function call");
        let panic = refused("Error in function call (panic)");
        let panics = Some("Functions of terraform that panic");
        check("element([1], -1)", &some, &panic, panics);
        check("element([1], -1)", &some, &call, None);
        let encoded = "textdecodebase64(\"YQ==\", \"cp437\")";
        check(encoded, &argument, &some, Some("Rare character encodings"));
        check(encoded, &some, &argument, None);
        check(encoded, &some, &other, None);
        let tab = "yamldecode(\"\\ta: 1\")";
        check(tab, &some, &call, Some("Tabs and directives in YAML"));
        check(
            "yamldecode(\"\\t${1}\")",
            &some,
            &call,
            Some("Tabs and directives in YAML"),
        );
        check(tab, &call, &some, None);
        check("yamldecode(\"a: 1\\t\")", &some, &call, None);
        let log = Some("Logarithms of the smallest floats");
        let number = |n: f64| Outcome::Value {
            json: n.into(),
            ty: "number".into(),
            sensitive: (false, false),
        };
        check("log(1e-320, 2)", &number(1.0), &number(2.0), log);
        check("pow(-4.9e-324, 0.5)", &number(1.0), &number(2.0), log);
        check("log(2.3e-308, 2)", &number(1.0), &number(2.0), None);
        check("log(1e320, 2)", &number(1.0), &number(2.0), None);
        check("log(1e-400, 2)", &number(1.0), &number(2.0), None);
        check("log(1e-320, 2)", &number(1.0), &other, None);
        check("log(1e-320, 2)", &number(1.0), &call, None);
        let failed = refused("Operation failed");
        let remainder = Some("Remainders of infinities from YAML");
        let infinity = "1 % yamldecode(\".inf\")";
        check(infinity, &failed, &Outcome::Infinite, remainder);
        check(infinity, &failed, &number(1.0), None);
        check(infinity, &number(1.0), &Outcome::Infinite, None);
        check("1 % (1 / 0)", &failed, &Outcome::Infinite, None);
        check("[for x in [] : x if coalesce(null, x)]", &call, &some, None);
    }

    #[test]
    fn explanations_are_documented() {
        let docs = include_str!("../../../docs/differences.md");
        for each in ALL {
            let heading = format!("\n## {}\n", each.heading);
            assert!(docs.contains(&heading), "{heading}");
        }
    }
}
