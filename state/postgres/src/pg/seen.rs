//! What a store knows of the text in its row, to notice that somebody else has stored another one.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// What was read or written last; `None` before.
    last: Option<Print>,
    /// What may have been written since, although nobody has heard so.
    tried: Option<Print>,
}

/// Stands for a text, or for its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Print(u64);

impl Print {
    fn new(text: Option<&str>) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Seen {
    /// This is in the row, or there is none.
    pub(super) fn set(&self, text: Option<&str>) {
        *self.known() = Known {
            last: Some(Print::new(text)),
            tried: None,
        };
    }

    /// This may be in the row from now on.
    pub(super) fn trying(&self, text: &str) {
        self.known().tried = Some(Print::new(Some(text)));
    }

    /// Whether this is what the store knows of. It is if the store has not looked yet.
    pub(super) fn is(&self, text: Option<&str>) -> bool {
        let known = self.known();
        let print = Some(Print::new(text));
        known.last.is_none() || known.last == print || known.tried == print
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_is_noticed() {
        let seen = Seen::default();
        assert!(seen.is(Some("a")) && seen.is(None), "nobody has looked");
        seen.set(None);
        assert!(seen.is(None) && !seen.is(Some("a")) && !seen.is(Some("")));
        seen.trying("a");
        assert!(seen.is(None) && seen.is(Some("a")) && !seen.is(Some("b")));
        seen.set(Some("a"));
        assert!(seen.is(Some("a")) && !seen.is(None));
        seen.trying("b");
        seen.set(Some("c"));
        assert!(!seen.is(Some("a")) && !seen.is(Some("b")));
    }
}
