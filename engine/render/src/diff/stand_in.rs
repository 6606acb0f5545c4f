//! Words that stand for the key of an instance, so that instances which differ only in their key
//! are drawn alike.

use std::borrow::Cow;

use muster_addr::InstanceKey;

use crate::strings::quote;

/// The key of an instance as it occurs in strings, and what is drawn in its place.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    key: String,
    word: &'static str,
}

impl StandIn {
    /// `None` where nothing can stand for the key: there is none, or it has no letters and digits
    /// at its ends by which it could be told from what is around it.
    pub(crate) fn new(key: &InstanceKey) -> Option<Self> {
        let (key, word) = match key {
            InstanceKey::None => return None,
            InstanceKey::Int(index) => (index.to_string(), "${count.index}"),
            InstanceKey::Str(key) => (key.to_string(), "${each.key}"),
        };
        let whole = key.starts_with(char::is_alphanumeric) && key.ends_with(char::is_alphanumeric);
        whole.then_some(Self { key, word })
    }

    /// The text with the word in the place of the key, wherever that stands by itself. A text that
    /// has the word already cannot be told from one that got it: it is given back quoted, so that
    /// it differs from every other one.
    pub(crate) fn put<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.contains(self.word) {
            return Cow::Owned(quote(&format!("{}{text}", self.key)));
        }
        let mut out = String::new();
        let mut done = 0;
        for (at, key) in text.match_indices(&self.key) {
            if stands_alone(&text[..at], &text[at + key.len()..]) {
                out.push_str(&text[done..at]);
                out.push_str(self.word);
                done = at + key.len();
            }
        }
        match done {
            0 => Cow::Borrowed(text),
            _ => {
                out.push_str(&text[done..]);
                Cow::Owned(out)
            }
        }
    }
}

/// Whether what is between is a word of its own, and no part of a number with a point.
fn stands_alone(before: &str, after: &str) -> bool {
    let (mut before, mut after) = (before.chars().rev(), after.chars());
    let apart = |nearest: Option<char>, next: Option<char>| match nearest {
        Some('.') => !next.is_some_and(|c| c.is_ascii_digit()),
        Some(c) => !c.is_alphanumeric(),
        None => true,
    };
    apart(before.next(), before.next()) && apart(after.next(), after.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_keys_only() {
        let check = |key: InstanceKey, text: &str, expect: &str| {
            assert_eq!(StandIn::new(&key).unwrap().put(text), expect);
        };
        let name = |key: &str| InstanceKey::Str(key.into());
        check(name("a"), "web-a", "web-${each.key}");
        check(name("a"), "a/a bar", "${each.key}/${each.key} bar");
        check(name("a"), "bar", "bar");
        check(name("é"), "né é", "né ${each.key}");
        check(
            InstanceKey::Int(1),
            "web-1.example",
            "web-${count.index}.example",
        );
        check(InstanceKey::Int(1), "10.1.0.1", "10.1.0.1");
        check(InstanceKey::Int(1), "11 1", "11 ${count.index}");
        check(name("a"), "${each.key}", "\"a${each.key}\"");
    }

    #[test]
    fn some_keys_have_no_word() {
        for key in [InstanceKey::None, InstanceKey::Str("".into())] {
            assert!(StandIn::new(&key).is_none());
        }
        assert!(StandIn::new(&InstanceKey::Str("-".into())).is_none());
    }
}
