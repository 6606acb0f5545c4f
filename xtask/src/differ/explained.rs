//! Differences that are meant, or known. `docs/differences.md` says why.

use super::Found;

/// The reason for a difference: a heading of `docs/differences.md`.
pub(crate) fn explain(found: &Found) -> Option<&'static str> {
    let _ = found;
    None
}
