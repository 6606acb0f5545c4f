//! Differences that are meant, or known. `docs/differences.md` says more on each.

use super::Found;
use super::outcome::{Difference, Outcome};

/// A difference and how it is recognised.
struct Explanation {
    /// A heading of `docs/differences.md`.
    heading: &'static str,
    matches: fn(&Found) -> bool,
}

const ALL: &[Explanation] = &[
    Explanation {
        heading: "Untyped null as an argument",
        matches: |found| has(found, "null") && has(found, "coalesce("),
    },
    Explanation {
        heading: "Functions of terraform that panic",
        matches: |found| matches!(&found.theirs, Outcome::Error(all) if all.iter().any(|e| e.contains("panic"))),
    },
    Explanation {
        heading: "Rare character encodings",
        matches: |found| has(found, "codebase64(") && has(found, "cp437"),
    },
    Explanation {
        heading: "Tabs and directives in YAML",
        matches: |found| {
            let odd = has(found, "%YAML") || has(found, "\\t");
            found.difference == Difference::Accepted && has(found, "yamldecode(") && odd
        },
    },
    Explanation {
        heading: "Conditions of empty for expressions",
        matches: |found| {
            let condition = has(found, "for ") && has(found, " if ");
            condition && (refused_as(&found.ours) || refused_as(&found.theirs))
        },
    },
    Explanation {
        heading: "Unlike objects in one list",
        matches: |found| {
            let list = has(found, "tolist(") || has(found, "toset(");
            list && found.difference == Difference::Refused && empty_objects(&found.theirs)
        },
    },
    Explanation {
        heading: "Logarithms of the smallest floats",
        matches: |found| (has(found, "log(") || has(found, "pow(")) && tiny(&found.text),
    },
];

/// Whether an error says that a condition or an argument has the wrong type.
fn refused_as(outcome: &Outcome) -> bool {
    let Outcome::Error(all) = outcome else {
        return false;
    };
    let first = all.first().map(String::as_str);
    matches!(
        first,
        Some("Invalid 'for' condition" | "Invalid function argument" | "Error in function call")
    )
}

/// Whether the value is a list of objects without attributes.
fn empty_objects(outcome: &Outcome) -> bool {
    let Outcome::Value { ty, .. } = outcome else {
        return false;
    };
    ty.to_string().contains("[\"object\",{}]")
}

fn has(found: &Found, text: &str) -> bool {
    found.text.contains(text)
}

/// Whether there is a literal that is a float with fewer digits than others.
fn tiny(text: &str) -> bool {
    let text = text.to_lowercase();
    let mut exponents = text.split("e-3").skip(1);
    exponents.any(|rest| rest.bytes().take_while(u8::is_ascii_digit).count() == 2)
}

/// The reason for a difference: a heading of `docs/differences.md`.
pub(crate) fn explain(found: &Found) -> Option<&'static str> {
    let explanation = ALL.iter().find(|e| (e.matches)(found))?;
    Some(explanation.heading)
}
