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

/// Parses a text. After an error the document is empty.
pub(crate) fn parse(file: FileId, text: &str) -> (Arc<Doc>, Diags) {
    let mut p = JsonParser {
        text,
        bytes: text.as_bytes(),
        pos: 0,
        file,
        nodes: Vec::new(),
    };
    if text.starts_with('\u{feff}') {
        p.pos = '\u{feff}'.len_utf8();
    }
    match p.document() {
        Ok(root) => (
            Arc::new(Doc {
                file,
                nodes: p.nodes,
                root,
            }),
            Diags::new(),
        ),
        Err(d) => {
            let nodes = vec![(Json::Object(Vec::new()), 0, 0)];
            (
                Arc::new(Doc {
                    file,
                    nodes,
                    root: 0,
                }),
                (*d).into(),
            )
        }
    }
}

struct JsonParser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    file: FileId,
    nodes: Vec<(Json, u32, u32)>,
}

type Fallible<T> = Result<T, Box<Diagnostic>>;

impl JsonParser<'_> {
    fn document(&mut self) -> Fallible<u32> {
        let root = self.value()?;
        match self.peek() {
            0 if self.pos >= self.bytes.len() => Ok(root),
            _ => self.fail(
                "Extraneous data after value",
                "Nothing may follow the JSON value.",
                1,
            ),
        }
    }

    /// Skips blanks and gives the next byte, 0 at the end.
    fn peek(&mut self) -> u8 {
        while matches!(self.bytes.get(self.pos), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
        self.bytes.get(self.pos).copied().unwrap_or(0)
    }

    fn fail<T>(&self, summary: &str, detail: impl Into<String>, len: usize) -> Fallible<T> {
        let mut end = (self.pos + len).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        let span = Span {
            file: self.file,
            start: self.pos as u32,
            end: end as u32,
        };
        Err(Box::new(Diagnostic::error(summary, detail).at(span)))
    }

    fn add(&mut self, json: Json, start: usize) -> u32 {
        self.nodes.push((json, start as u32, self.pos as u32));
        self.nodes.len() as u32 - 1
    }

    fn value(&mut self) -> Fallible<u32> {
        let next = self.peek();
        match next {
            b'{' => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.object()),
            b'[' => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.array()),
            b'"' => self.string(),
            b'-' | b'.' | b'0'..=b'9' => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.keyword(),
            0 if self.pos >= self.bytes.len() => self.fail(
                "Missing value",
                "The text ends where a JSON value is expected.",
                0,
            ),
            _ => self.fail(
                "Invalid start of value",
                "A JSON value is expected here.",
                1,
            ),
        }
    }

    fn object(&mut self) -> Fallible<u32> {
        let start = self.pos;
        self.pos += 1;
        let mut properties = Vec::new();
        if self.peek() == b'}' {
            self.pos += 1;
            return Ok(self.add(Json::Object(properties), start));
        }
        loop {
            if self.peek() != b'"' {
                return self.fail(
                    "Invalid object property name",
                    "The name of a property is a string.",
                    1,
                );
            }
            let key = self.string()?;
            if self.peek() != b':' {
                return self.fail(
                    "Missing property value colon",
                    "A colon is expected between the name and the value.",
                    1,
                );
            }
            self.pos += 1;
            properties.push((key, self.value()?));
            match self.peek() {
                b'}' => break,
                b',' => {
                    let comma = self.pos;
                    self.pos += 1;
                    if self.peek() == b'}' {
                        self.pos = comma;
                        return self.fail(
                            "Trailing comma in object",
                            "JSON has no comma after the last property.",
                            1,
                        );
                    }
                }
                0 if self.pos >= self.bytes.len() => {
                    self.pos = start;
                    return self.fail(
                        "Unclosed object",
                        "There is no closing brace for this object.",
                        1,
                    );
                }
                _ => {
                    return self.fail(
                        "Missing attribute seperator comma",
                        "Properties are separated by commas.",
                        1,
                    );
                }
            }
        }
        self.pos += 1;
        Ok(self.add(Json::Object(properties), start))
    }

    fn array(&mut self) -> Fallible<u32> {
        let start = self.pos;
        self.pos += 1;
        let mut items = Vec::new();
        if self.peek() == b']' {
            self.pos += 1;
            return Ok(self.add(Json::Array(items), start));
        }
        loop {
            items.push(self.value()?);
            match self.peek() {
                b']' => break,
                b',' => {
                    let comma = self.pos;
                    self.pos += 1;
                    if self.peek() == b']' {
                        self.pos = comma;
                        return self.fail(
                            "Trailing comma in array",
                            "JSON has no comma after the last item.",
                            1,
                        );
                    }
                }
                0 if self.pos >= self.bytes.len() => {
                    self.pos = start;
                    return self.fail(
                        "Unclosed array",
                        "There is no closing bracket for this array.",
                        1,
                    );
                }
                _ => {
                    return self.fail(
                        "Missing attribute seperator comma",
                        "Items are separated by commas.",
                        1,
                    );
                }
            }
        }
        self.pos += 1;
        Ok(self.add(Json::Array(items), start))
    }

    fn keyword(&mut self) -> Fallible<u32> {
        let rest = &self.bytes[self.pos..];
        let len = rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        let start = self.pos;
        let json = match &self.text[start..start + len] {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            word => {
                let detail = format!(
                    "The word \"{word}\" has no meaning in JSON; strings are in double quotes."
                );
                return self.fail("Invalid JSON keyword", detail, len);
            }
        };
        self.pos += len;
        Ok(self.add(json, start))
    }

    fn number(&mut self) -> Fallible<u32> {
        let start = self.pos;
        let rest = &self.bytes[start..];
        let len = rest
            .iter()
            .take_while(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let text = &self.text[start..start + len];
        if !is_number(text.as_bytes()) {
            return self.fail(
                "Invalid JSON number",
                format!("{text} is not a JSON number."),
                len,
            );
        }
        self.pos += len;
        let json = Json::Number(text.into());
        Ok(self.add(json, start))
    }

    fn string(&mut self) -> Fallible<u32> {
        let start = self.pos;
        let mut escaped = false;
        self.pos += 1;
        loop {
            match self.bytes.get(self.pos) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.pos += if self.pos + 1 < self.bytes.len() {
                        2
                    } else {
                        1
                    };
                }
                Some(0..0x20) => {
                    return self.fail(
                        "Invalid JSON string",
                        "A control character in a string must be written as an escape.",
                        1,
                    );
                }
                Some(_) => self.pos += 1,
                None => {
                    self.pos = start;
                    return self.fail(
                        "Invalid JSON string",
                        "The closing quote of this string is missing.",
                        1,
                    );
                }
            }
        }
        self.pos += 1;
        let raw = self.text.get(start + 1..self.pos - 1).unwrap_or_default();
        let text: Str = match escaped {
            false => raw.into(),
            true => match unescape(raw) {
                Some(text) => text.into(),
                None => {
                    let len = self.pos - start;
                    self.pos = start;
                    return self.fail(
                        "Invalid JSON string",
                        "An escape in this string is not one of JSON's.",
                        len,
                    );
                }
            },
        };
        Ok(self.add(Json::String(text, escaped), start))
    }
}
