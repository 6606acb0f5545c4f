//! The text of the CLI configuration as a tree. It is not the language of configurations but an
//! older one: blocks may stand on one line, commas between entries are optional, and keys may be
//! quoted. A text that begins with a brace is JSON.

use anyhow::{Result, bail};

/// Deeper nesting is nothing that anybody writes.
const DEEPEST: usize = 32;

/// `keys = value`, or `keys { ... }`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// The name, and the labels behind it.
    pub keys: Vec<String>,
    /// Whether it is written without an equals sign.
    pub is_block: bool,
    /// What it says.
    pub value: Node,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// A string, or a number or bool as it is written.
    Text(String),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{ ... }`
    Object(Vec<Item>),
}

impl Node {
    /// The entries of an object.
    pub(super) fn items(&self) -> Option<&[Item]> {
        match self {
            Self::Object(items) => Some(items),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a text.
///
/// # Errors
/// Something in it makes no sense; the text says where.
pub(super) fn parse(text: &str) -> Result<Vec<Item>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return Ok(match serde_json::from_str(text)? {
            serde_json::Value::Object(entries) => from_json(entries),
            _ => Vec::new(),
        });
    }
    let mut parser = Parser { text, at: 0 };
    parser.items(None, 0)
}

/// Arrays of objects are blocks of the same name.
fn from_json(entries: serde_json::Map<String, serde_json::Value>) -> Vec<Item> {
    use serde_json::Value as Json;
    fn node(value: Json) -> Node {
        match value {
            Json::Object(entries) => Node::Object(from_json(entries)),
            Json::Array(values) => Node::List(values.into_iter().map(node).collect()),
            Json::String(text) => Node::Text(text),
            other => Node::Text(other.to_string()),
        }
    }
    let item = |name: &str, value: Json| Item {
        keys: vec![name.to_owned()],
        is_block: value.is_object(),
        value: node(value),
    };
    let mut items = Vec::new();
    for (name, value) in entries {
        match value {
            Json::Array(values) if values.iter().any(Json::is_object) => {
                items.extend(values.into_iter().map(|value| item(&name, value)));
            }
            value => items.push(item(&name, value)),
        }
    }
    items
}

struct Parser<'a> {
    text: &'a str,
    /// How many bytes are read.
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fail<T>(&self, what: &str) -> Result<T> {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        bail!("At {line}:{column}: {what}")
    }

    /// Passes over blanks and comments.
    fn blanks(&mut self) -> Result<()> {
        loop {
            let rest = self.rest().trim_start();
            self.at = self.text.len() - rest.len();
            if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                match rest.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return self.fail("the comment does not end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// The next character that is not blank.
    fn next(&mut self) -> Result<Option<char>> {
        self.blanks()?;
        Ok(self.rest().chars().next())
    }

    fn take(&mut self, wanted: char) -> Result<bool> {
        let is_there = self.next()? == Some(wanted);
        if is_there {
            self.at += wanted.len_utf8();
        }
        Ok(is_there)
    }

    /// All entries up to what closes them.
    fn items(&mut self, close: Option<char>, depth: usize) -> Result<Vec<Item>> {
        if depth > DEEPEST {
            return self.fail("the nesting is too deep");
        }
        let mut items = Vec::new();
        loop {
            match (self.next()?, close) {
                (Some(c), Some(close)) if c == close => {
                    self.at += 1;
                    return Ok(items);
                }
                (None, None) => return Ok(items),
                (None, Some(close)) => return self.fail(&format!("a {close} is missing")),
                _ => items.push(self.item(depth)?),
            }
            self.take(',')?;
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item> {
        let mut keys = Vec::new();
        loop {
            match self.next()? {
                Some('=') if keys.len() == 1 => {
                    self.at += 1;
                    let value = self.value(depth)?;
                    return Ok(Item {
                        keys,
                        is_block: false,
                        value,
                    });
                }
                Some('{') if !keys.is_empty() => {
                    self.at += 1;
                    let value = Node::Object(self.items(Some('}'), depth + 1)?);
                    return Ok(Item {
                        keys,
                        is_block: true,
                        value,
                    });
                }
                Some('"') => keys.push(self.string()?),
                Some(c) if c.is_alphabetic() || c == '_' => keys.push(self.word()),
                _ => return self.fail("a name, = or { is expected here"),
            }
        }
    }

    /// A name, a number or a bool.
    fn word(&mut self) -> String {
        let rest = self.rest();
        let of_word = |c: char| c.is_alphanumeric() || "_-.+".contains(c);
        let end = rest.find(|c| !of_word(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn value(&mut self, depth: usize) -> Result<Node> {
        match self.next()? {
            Some('"') => self.string().map(Node::Text),
            Some('[') => {
                self.at += 1;
                self.list(depth + 1)
            }
            Some('{') => {
                self.at += 1;
                self.items(Some('}'), depth + 1).map(Node::Object)
            }
            Some('<') => self.heredoc().map(Node::Text),
            Some(c) if c.is_alphanumeric() || c == '-' => Ok(Node::Text(self.word())),
            _ => self.fail("a value is expected here"),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Node> {
        if depth > DEEPEST {
            return self.fail("the nesting is too deep");
        }
        let mut values = Vec::new();
        while !self.take(']')? {
            values.push(self.value(depth)?);
            if !self.take(',')? && self.next()? != Some(']') {
                return self.fail("a comma or ] is expected here");
            }
        }
        Ok(Node::List(values))
    }

    /// A quoted string, on one line.
    fn string(&mut self) -> Result<String> {
        let mut text = String::new();
        let rest = self.rest();
        let mut chars = rest.char_indices().skip(1);
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += i + 1;
                    return Ok(text);
                }
                '\n' => break,
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('u') => {
                        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&digits, 16).ok();
                        match code.and_then(char::from_u32) {
                            Some(c) => text.push(c),
                            None => return self.fail("the string has an invalid escape"),
                        }
                    }
                    Some(c @ ('"' | '\\')) => text.push(c),
                    _ => return self.fail("the string has an invalid escape"),
                },
                c => text.push(c),
            }
        }
        self.fail("the string does not end on its line")
    }

    /// `<<WORD`, lines, and the word again.
    fn heredoc(&mut self) -> Result<String> {
        let rest = self.rest();
        let (first, body) = rest.split_once('\n').unwrap_or((rest, ""));
        let marker = first.trim_start_matches(['<', '-']).trim();
        let mut text = String::new();
        let mut at = self.at + first.len() + 1;
        for line in body.split_inclusive('\n') {
            at += line.len();
            if line.trim() == marker && first.starts_with("<<") && !marker.is_empty() {
                self.at = at;
                return Ok(text);
            }
            text.push_str(line);
        }
        self.fail("the text behind << does not end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree as one line, with `=` for attributes.
    fn show(items: &[Item]) -> String {
        let shown = items.iter().map(|item| {
            let sign = if item.is_block { " " } else { "=" };
            format!("{}{sign}{}", item.keys.join(" "), node(&item.value))
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    fn node(node: &Node) -> String {
        match node {
            Node::Text(text) => format!("{text:?}"),
            Node::List(values) => {
                let values: Vec<String> = values.iter().map(self::node).collect();
                format!("[{}]", values.join(", "))
            }
            Node::Object(items) => format!("{{{}}}", show(items)),
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = parse(text).map(|items| show(&items));
        assert_eq!(found.unwrap_or_else(|e| e.to_string()), expect, "{text}");
    }

    #[test]
    fn blocks_on_one_line() {
        check("a { b {} }", "a {b {}}");
        check(
            "a { b { c = \"x\" d = [\"y\", 1,] } e {} }",
            "a {b {c=\"x\"; d=[\"y\", \"1\"]}; e {}}",
        );
        check("a { b = 1, c = true, }", "a {b=\"1\"; c=\"true\"}");
        check("a \"l\" { \"k.v1\" = \"x\" }", "a l {k.v1=\"x\"}");
        check("a = { b = 1 c = 2 }", "a={b=\"1\"; c=\"2\"}");
        check("a = 1 b = 2", "a=\"1\"; b=\"2\"");
    }

    #[test]
    fn comments_strings_and_heredocs() {
        check("# a {\n// b\nc = 1 /* d { */ e = 2", "c=\"1\"; e=\"2\"");
        check(r#"a = "x\"\\\u0041${b}""#, r#"a="x\"\\A${b}""#);
        check("a = <<EOT\nx\n y\nEOT\nb = 1", "a=\"x\\n y\\n\"; b=\"1\"");
    }

    #[test]
    fn json() {
        check(
            "{\"a\": [{\"b\": [{}, {\"c\": 1}]}], \"d\": {\"e\": [\"x\"]}}",
            "a {b {}; b {c=\"1\"}}; d {e=[\"x\"]}",
        );
    }

    #[test]
    fn what_makes_no_sense() {
        check("a { b {}", "At 1:9: a } is missing");
        check("a/b = 1", "At 1:2: a name, = or { is expected here");
        check("a b = 1", "At 1:5: a name, = or { is expected here");
        check(
            "a = [\"x\"\n\"y\"]",
            "At 2:1: a comma or ] is expected here",
        );
        check("a = \"x\n\"", "At 1:5: the string does not end on its line");
        check("a = <<X\ny", "At 1:5: the text behind << does not end");
        check("/* a", "At 1:1: the comment does not end");
        let deep = "a {".repeat(100_000);
        assert!(parse(&deep).is_err());
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).is_err());
    }
}
