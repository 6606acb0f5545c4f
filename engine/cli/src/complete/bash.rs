//! The words of a line as shells read them, and how words are typed in bash.

/// A line up to the cursor.
pub(super) struct Typed {
    /// The words behind the program that are complete.
    pub words: Vec<String>,
    /// What the last word says so far.
    pub current: String,
    /// The quotes that the cursor is in.
    quote: Option<char>,
    /// How many bytes of `current` bash leaves alone, because it takes what follows for the word.
    kept: usize,
}

impl Typed {
    /// Takes a line apart. With `breaks`, bash also ends words that it asks for.
    pub(super) fn new(line: &str, breaks: &str) -> Self {
        let mut typed = Self {
            words: Vec::new(),
            current: String::new(),
            quote: None,
            kept: 0,
        };
        let mut is_word = false;
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match (c, typed.quote) {
                ('\\', None) => {
                    typed.current.extend(chars.next());
                    is_word = true;
                }
                ('\\', Some('"')) => {
                    let next = chars.next();
                    if next.is_none_or(|next| !"\"\\$`".contains(next)) {
                        typed.current.push('\\');
                    }
                    typed.current.extend(next);
                }
                (c, Some(open)) if c == open => typed.quote = None,
                (c, Some(_)) => typed.current.push(c),
                ('"' | '\'', None) => {
                    typed.quote = Some(c);
                    typed.kept = typed.current.len();
                    is_word = true;
                }
                (c, None) if c.is_whitespace() => {
                    if std::mem::take(&mut is_word) {
                        typed.words.push(std::mem::take(&mut typed.current));
                    }
                    typed.kept = 0;
                }
                (c, None) => {
                    typed.current.push(c);
                    is_word = true;
                    if breaks.contains(c) {
                        typed.kept = typed.current.len();
                    }
                }
            }
        }
        if !typed.words.is_empty() {
            typed.words.remove(0);
        }
        typed
    }

    /// The part of a word that bash wants to have in the place of what it takes for one, as it is
    /// typed there.
    pub(super) fn quoted(&self, word: &str) -> String {
        let rest = word.get(self.kept..).unwrap_or(word);
        let mut text = String::with_capacity(rest.len());
        for c in rest.chars() {
            match self.quote {
                Some('\'') if c == '\'' => text.push_str("'\\'"),
                Some('"') if "\"\\$`".contains(c) => text.push('\\'),
                None if !c.is_alphanumeric() && !"-_./=:@%+,".contains(c) => text.push('\\'),
                _ => {}
            }
            text.push(c);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters that bash breaks words at when nobody changes them.
    const BREAKS: &str = " \t\n\"'><=;|&(:";

    #[test]
    fn lines_are_read_as_bash_reads_them() {
        let check = |line: &str, words: &[&str], current: &str| {
            let typed = Typed::new(line, BREAKS);
            assert_eq!(typed.words, words, "{line}");
            assert_eq!(typed.current, current, "{line}");
        };
        check("muster", &[], "muster");
        check("muster ", &[], "");
        check("muster state  sh", &["state"], "sh");
        check(
            "muster -chdir='a b' plan -ta",
            &["-chdir=a b", "plan"],
            "-ta",
        );
        check("muster taint t.a\\[\\\"x", &["taint"], "t.a[\"x");
        check("muster taint 't.a[\"x", &["taint"], "t.a[\"x");
        check("muster taint \"t.a[\\\"x", &["taint"], "t.a[\"x");
        check("muster a '' ", &["a", ""], "");
        check("muster x\\", &[], "x");
    }

    #[test]
    fn words_are_typed_in_the_place_of_what_bash_takes_for_one() {
        let check = |line: &str, word: &str, expect: &str| {
            assert_eq!(Typed::new(line, BREAKS).quoted(word), expect, "{line}");
        };
        let word = "t.a[\"x y\"]";
        check("muster taint t.", word, "t.a\\[\\\"x\\ y\\\"\\]");
        check("muster taint 't.", word, word);
        check("muster taint \"t.", word, "t.a[\\\"x y\\\"]");
        check("muster taint 't.", "t.a[\"it's\"]", "t.a[\"it'\\''s\"]");
        check("muster plan -target=t.", "-target=t.a", "t.a");
        check("muster plan -target='t.", "-target=t.a[0]", "t.a[0]");
        check("muster plan -tar", "-target=", "-target=");
        check("muster plan -out=é", "-out=été", "été");
        let typed = Typed::new("muster plan -target=t.", " \t\n");
        assert_eq!(typed.quoted("-target=t.a"), "-target=t.a");
    }
}
