//! Addresses in commands that people are told to type.

use std::borrow::Cow;

/// A text as one word of a POSIX shell: in single quotes, unless it says the same without.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(format!("'{}'", text.replace('\'', "'\\''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        let check = |text: &str, expect: &str| assert_eq!(shell_word(text), expect);
        check("module.m.t.a-b", "module.m.t.a-b");
        check("t.a[0]", "'t.a[0]'");
        check("t.a[\"x y\"]", "'t.a[\"x y\"]'");
        check("t.a[\"it's\"]", "'t.a[\"it'\\''s\"]'");
        check("t.größe", "'t.größe'");
        check("", "''");
    }
}
