//! Names: which are valid, and which one was probably meant.

use muster_lang::{Diagnostic, Span};

/// What a name may look like, for messages.
pub(crate) const NAME_RULE: &str = "A name starts with a letter or an underscore and goes on with \
                                    letters, digits, underscores and dashes.";

/// More candidates than this are not searched for a similar name: it would cost more than the
/// hint is worth.
const MAX_CANDIDATES: usize = 1000;

/// Whether a text is an identifier of the language.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// An error with `summary` if the text is not an identifier.
pub(crate) fn check_name(text: &str, span: Span, summary: &str) -> Option<Diagnostic> {
    if is_name(text) {
        return None;
    }
    let detail = format!("{text:?} is not a valid name. {NAME_RULE}");
    Some(Diagnostic::error(summary, detail).at(span))
}

/// ` Did you mean "x"?` when a candidate is close to the name; else empty.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let limit = name.chars().count() / 4 + 1;
    candidates
        .take(MAX_CANDIDATES)
        .filter(|c| c.len().abs_diff(name.len()) <= limit * 4)
        .map(|c| (distance(name, c), c))
        .filter(|(d, _)| *d <= limit)
        .min()
        .map(|(_, c)| format!(" Did you mean {c:?}?"))
        .unwrap_or_default()
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers() {
        for name in ["a", "_x", "a-b_1", "größe"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "-a", "a b", "a.b"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_close_name_is_offered() {
        let names = ["region", "zone"];
        assert_eq!(
            did_you_mean("regoin", names.into_iter()),
            " Did you mean \"region\"?"
        );
        assert_eq!(
            did_you_mean("zon", names.into_iter()),
            " Did you mean \"zone\"?"
        );
        assert_eq!(did_you_mean("else", names.into_iter()), "");
    }
}
