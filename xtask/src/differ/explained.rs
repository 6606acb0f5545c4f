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
        matches: |found| found.theirs == Outcome::Unknown && found.text.contains("null"),
    },
    Explanation {
        heading: "Functions of terraform that panic",
        matches: |found| matches!(&found.theirs, Outcome::Error(all) if all.iter().any(|e| e.contains("panic"))),
    },
    Explanation {
        heading: "Subnets with a negative number",
        matches: |found| found.difference == Difference::Refused && has(found, "cidrsubnet("),
    },
    Explanation {
        heading: "IPv4 addresses written as IPv6",
        matches: |found| has(found, "cidr") && has(found, "::ffff:"),
    },
    Explanation {
        heading: "Logarithms of the smallest floats",
        matches: |found| (has(found, "log(") || has(found, "pow(")) && tiny(&found.text),
    },
];

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
