//! Patterns for paths.

/// A pattern: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any number of directories.
pub(super) struct Pattern {
    regex: regex::Regex,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let wrong = || format!("\"{pattern}\" is not a pattern for paths");
        let regex = translate(pattern).ok_or_else(wrong)?;
        let regex = regex::Regex::new(&regex).map_err(|_| wrong())?;
        Ok(Self { regex })
    }

    /// Whether a path matches as a whole.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path)
    }
}

fn translate(pattern: &str) -> Option<String> {
    let mut out = String::from("(?s)^");
    let mut depth = 0usize;
    let mut rest = pattern;
    let mut at_start = true;
    while let Some(c) = rest.chars().next() {
        let starts_part = at_start;
        at_start = c == '/';
        if starts_part && let Some(after) = rest.strip_prefix("**/") {
            out.push_str("(?:[^/]+/)*");
            rest = after;
            at_start = true;
            continue;
        }
        if starts_part && rest == "**" {
            out.push_str(".*");
            break;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => {
                rest = rest.trim_start_matches('*');
                out.push_str("[^/]*");
            }
            '?' => out.push_str("[^/]"),
            '[' => rest = class(rest, &mut out)?,
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            '\\' => {
                let escaped = rest.chars().next()?;
                out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4])));
                rest = &rest[escaped.len_utf8()..];
            }
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('$');
    (depth == 0).then_some(out)
}

/// The inside of `[...]`; gives what follows it.
fn class<'a>(text: &'a str, out: &mut String) -> Option<&'a str> {
    let negated = text.strip_prefix(['^', '!']);
    let text = negated.unwrap_or(text);
    let end = text.char_indices().skip(1).find(|(_, c)| *c == ']')?.0;
    out.push_str(if negated.is_some() { "[^/" } else { "[" });
    for c in text[..end].chars() {
        if matches!(c, '[' | ']' | '&' | '~' | '^') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(']');
    Some(&text[end + 1..])
}
