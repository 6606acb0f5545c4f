//! A JSON parser that keeps positions and repeated keys.

mod scalars;

use std::sync::Arc;

use scalars::{is_number, unescape};

use crate::{Diagnostic, Diags, FileId, Span, Str};

/// A JSON value.
#[derive(Debug)]
pub(crate) enum Json {
    /// `null`, or what did not parse.
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as written.
    Number(Str),
    /// A string, and whether it holds escapes.
    String(Str, bool),
    /// Items by index.
    Array(Vec<u32>),
    /// Keys, which are strings, and values by index.
    Object(Vec<(u32, u32)>),
}

/// A parsed JSON text; values are addressed by index.
#[derive(Debug)]
pub(crate) struct Doc {
    pub(crate) file: FileId,
    pub(crate) nodes: Vec<(Json, u32, u32)>,
    pub(crate) root: u32,
}

impl Doc {
    pub(crate) fn get(&self, node: u32) -> &Json {
        &self.nodes[node as usize].0
    }

    pub(crate) fn span(&self, node: u32) -> Span {
        let (_, start, end) = self.nodes[node as usize];
        Span {
            file: self.file,
            start,
            end,
        }
    }

    /// The text of a string; empty for anything else.
    pub(crate) fn text(&self, node: u32) -> Str {
        match self.get(node) {
            Json::String(text, _) => text.clone(),
            _ => "".into(),
        }
    }
}

/// Parses a text. What does not parse becomes null, and reading goes on behind it where that is
/// possible, so that one run tells of all errors; they are those that Terraform tells of.
pub(crate) fn parse(file: FileId, text: &str) -> (Arc<Doc>, Diags) {
    let mut p = JsonParser {
        text,
        bytes: text.as_bytes(),
        pos: 0,
        file,
        nodes: Vec::new(),
        diags: Diags::new(),
    };
    if text.starts_with('\u{feff}') {
        p.pos = '\u{feff}'.len_utf8();
    }
    let root = p.document();
    let nodes = p.nodes;
    (Arc::new(Doc { file, nodes, root }), p.diags)
}

struct JsonParser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    file: FileId,
    nodes: Vec<(Json, u32, u32)>,
    diags: Diags,
}

impl JsonParser<'_> {
    fn document(&mut self) -> u32 {
        let root = self.value();
        self.peek();
        if self.pos < self.bytes.len() && self.diags.is_empty() {
            self.report(
                "Extraneous data after value",
                "Nothing may follow the JSON value.",
                1,
            );
        }
        root
    }

    /// Skips blanks and gives the next byte, 0 at the end.
    fn peek(&mut self) -> u8 {
        while matches!(self.bytes.get(self.pos), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    fn at_end(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    /// Reports what is wrong with the bytes that come next.
    fn report(&mut self, summary: &str, detail: impl Into<String>, len: usize) {
        self.report_at(self.pos, summary, detail, len);
    }

    fn report_at(&mut self, start: usize, summary: &str, detail: impl Into<String>, len: usize) {
        let mut end = (start + len).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        let span = Span {
            file: self.file,
            start: start as u32,
            end: end as u32,
        };
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    /// What stands for something that is not right, from where it begins.
    fn invalid(&mut self, start: usize) -> u32 {
        self.add(Json::Null, start)
    }

    /// Goes behind the end of the object or array that cannot be made sense of any more. As in
    /// Terraform, whatever comes first is skipped, and what is nested ends the search too.
    fn recover(&mut self, open: u8, close: u8) {
        let mut depth = 1usize;
        loop {
            let next = self.peek();
            match next {
                _ if self.at_end() => return,
                b'"' => self.pos = self.string_end(),
                b'-' | b'+' | b'.' | b'0'..=b'9' => self.pos += self.number_len(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.pos += self.word_len(),
                b'{' | b'}' | b'[' | b']' | b',' | b':' | b'=' => self.pos += 1,
                // Nothing that JSON knows: what follows is not looked at.
                _ => self.pos = self.bytes.len(),
            }
            if next == open {
                depth += 1;
            } else if next == close {
                depth -= 1;
                if depth <= 1 {
                    return;
                }
            }
        }
    }

    fn add(&mut self, json: Json, start: usize) -> u32 {
        self.nodes.push((json, start as u32, self.pos as u32));
        self.nodes.len() as u32 - 1
    }

    fn value(&mut self) -> u32 {
        let next = self.peek();
        let start = self.pos;
        let found = match next {
            b'{' => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.object()),
            b'[' => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.array()),
            b'"' => self.string(),
            b'-' | b'+' | b'.' | b'0'..=b'9' => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.keyword(),
            _ => {
                self.no_value(next);
                None
            }
        };
        found.unwrap_or_else(|| self.invalid(start))
    }

    /// Reports that no value begins here; nothing is skipped.
    fn no_value(&mut self, next: u8) {
        let (summary, detail) = match next {
            _ if self.at_end() => (
                "Missing value",
                "The text ends where a JSON value is expected.",
            ),
            b'}' => (
                "Missing JSON value",
                "A JSON value is expected before the closing brace.",
            ),
            b']' => (
                "Missing array element value",
                "A JSON value is expected before the closing bracket.",
            ),
            _ => ("Invalid start of value", "A JSON value is expected here."),
        };
        self.report(summary, detail, usize::from(!self.at_end()));
    }

    fn object(&mut self) -> Option<u32> {
        let start = self.pos;
        self.pos += 1;
        let mut properties = Vec::new();
        if self.peek() != b'}' {
            loop {
                properties.push(self.property()?);
                let next = self.peek();
                if next == b'}' {
                    break;
                }
                self.between(start, next, b'}')?;
            }
        }
        self.pos += 1;
        Some(self.add(Json::Object(properties), start))
    }

    /// Reads a name and its value. `None` when the object cannot be made sense of.
    fn property(&mut self) -> Option<(u32, u32)> {
        self.peek();
        let start = self.pos;
        let key = self.value();
        if !matches!(self.nodes[key as usize].0, Json::String(..)) {
            let detail = "The name of a property is a string in double quotes.";
            self.report_at(start, "Invalid object property name", detail, 1);
            return None;
        }
        let next = self.peek();
        if next != b':' {
            let (summary, detail) = match next {
                b'}' | b',' => (
                    "Missing object value",
                    "A colon and a value are expected after the name.",
                ),
                _ => (
                    "Missing property value colon",
                    "A colon is expected between the name and the value.",
                ),
            };
            self.report(summary, detail, 1);
            self.recover(b'{', b'}');
            return None;
        }
        self.pos += 1;
        Some((key, self.value()))
    }

    /// Reads what separates two parts of the object or array that begins at `start`. `None` when
    /// it cannot be made sense of.
    fn between(&mut self, start: usize, next: u8, close: u8) -> Option<()> {
        let is_object = close == b'}';
        match next {
            b',' => {
                let comma = self.pos;
                self.pos += 1;
                if self.peek() == close {
                    let (summary, what) = match is_object {
                        true => ("Trailing comma in object", "property"),
                        false => ("Trailing comma in array", "item"),
                    };
                    let detail = format!("JSON has no comma after the last {what}.");
                    self.report_at(comma, summary, detail, 1);
                    return None;
                }
                return Some(());
            }
            _ if self.at_end() => {
                let detail = match is_object {
                    true => "There is no closing brace for this object.",
                    false => "There is no closing bracket for this array.",
                };
                self.report_at(start, "Unclosed object", detail, 1);
            }
            b']' if is_object => {
                let detail = "A bracket stands where the object that is open here could end.";
                self.report("Mismatched braces", detail, 1);
                self.pos += 1;
            }
            b'}' => {
                let detail = "A brace stands where the array that is open here could end.";
                self.report("Mismatched brackets", detail, 1);
                self.recover(b'[', b']');
            }
            b':' if !is_object => {
                let detail = "Only objects have names and values; this is an array.";
                self.report("Invalid array value", detail, 1);
                self.recover(b'[', b']');
            }
            _ => {
                let detail = match is_object {
                    true => "Properties are separated by commas.",
                    false => "Items are separated by commas.",
                };
                self.report("Missing attribute seperator comma", detail, 1);
                match is_object {
                    true => self.recover(b'{', b'}'),
                    false => self.recover(b'[', b']'),
                }
            }
        }
        None
    }

    fn array(&mut self) -> Option<u32> {
        let start = self.pos;
        self.pos += 1;
        let mut items = Vec::new();
        if self.peek() != b']' {
            loop {
                items.push(self.value());
                let next = self.peek();
                if next == b']' {
                    break;
                }
                self.between(start, next, b']')?;
            }
        }
        self.pos += 1;
        Some(self.add(Json::Array(items), start))
    }

    /// The length of the word that comes next.
    fn word_len(&self) -> usize {
        let rest = self.bytes[self.pos..].iter();
        rest.take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count()
    }

    fn keyword(&mut self) -> Option<u32> {
        let start = self.pos;
        let len = self.word_len();
        let json = match &self.text[start..start + len] {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            word => {
                let detail = format!(
                    "The word \"{word}\" has no meaning in JSON; strings are in double quotes."
                );
                self.report("Invalid JSON keyword", detail, len);
                self.pos += len;
                return None;
            }
        };
        self.pos += len;
        Some(self.add(json, start))
    }

    /// The length of what comes next and could be a number.
    fn number_len(&self) -> usize {
        let rest = self.bytes[self.pos..].iter();
        rest.take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count()
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.pos;
        let len = self.number_len();
        let text = &self.text[start..start + len];
        if !is_number(text.as_bytes()) {
            let detail = format!("{text} is not a JSON number.");
            self.report("Invalid JSON number", detail, len);
            self.pos += len;
            return None;
        }
        self.pos += len;
        let json = Json::Number(text.into());
        Some(self.add(json, start))
    }

    /// Where the string that begins here ends: behind its closing quote, or before a control
    /// character, or at the end of the text.
    fn string_end(&self) -> usize {
        let mut at = self.pos + 1;
        loop {
            match self.bytes.get(at) {
                Some(b'"') => return at + 1,
                // What is escaped may be a part of a longer character; none of its parts is a
                // quote.
                Some(b'\\') if self.bytes.get(at + 1).is_some_and(|b| *b >= 0x20) => at += 2,
                Some(0..0x20) | None => return at,
                Some(_) => at += 1,
            }
        }
    }

    fn string(&mut self) -> Option<u32> {
        let start = self.pos;
        let end = self.string_end();
        let is_closed = end > start + 1 && self.bytes[end - 1] == b'"';
        if !is_closed || self.text.get(start + 1..end - 1).is_none() {
            return self.broken_string(start, end);
        }
        let raw = &self.text[start + 1..end - 1];
        let escaped = raw.contains('\\');
        let text: Str = match escaped {
            false => raw.into(),
            true => match unescape(raw) {
                Some(text) => text.into(),
                None => {
                    let detail = "An escape in this string is not one of JSON's.";
                    self.report("Invalid JSON string", detail, end - start);
                    self.pos = end;
                    return None;
                }
            },
        };
        self.pos = end;
        Some(self.add(Json::String(text, escaped), start))
    }

    fn broken_string(&mut self, start: usize, end: usize) -> Option<u32> {
        let summary = "Invalid JSON string";
        match self.bytes.get(end) {
            Some(_) => {
                let detail = "A control character in a string must be written as an escape.";
                self.report_at(end, summary, detail, 1);
            }
            None => {
                let detail = "The closing quote of this string is missing.";
                self.report_at(start, summary, detail, 1);
            }
        }
        self.pos = end;
        None
    }
}
