//! A JSON parser that keeps positions and repeated keys.

mod scalars;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use scalars::{is_number, lossy, text_error, unescape};
use scan::Scanner;

use crate::body::did_you_mean;
use crate::{Diagnostic, Diags, FileId, Span, Str};

/// A JSON value.
#[derive(Debug)]
pub(crate) enum Json {
    /// What did not parse.
    Invalid,
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as written.
    Number(Str),
    /// A string, and whether it is written in another way, with escapes or bytes that are no text.
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

    /// What a message about a value points at: the opening bracket, or all that has none.
    pub(crate) fn head(&self, node: u32) -> Span {
        let span = self.span(node);
        match self.get(node) {
            Json::Array(_) | Json::Object(_) => Span {
                end: span.end.min(span.start + 1),
                ..span
            },
            _ => span,
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

/// Parses a text. What does not parse becomes invalid, and reading goes on behind it where that
/// is possible, so that one run tells of all errors; they are those that Terraform tells of. Bytes
/// inside of strings that are no text each become the replacement character.
pub(crate) fn parse(file: FileId, text: &[u8]) -> (Arc<Doc>, Diags) {
    let mut p = JsonParser {
        scan: Scanner::new(text),
        file,
        nodes: Vec::new(),
        diags: Diags::new(),
        unclosed: 0,
    };
    let root = p.document();
    let nodes = p.nodes;
    (Arc::new(Doc { file, nodes, root }), p.diags)
}

/// As many objects and arrays without an end are reported.
const MOST_UNCLOSED: usize = 20;

struct JsonParser<'a> {
    scan: Scanner<'a>,
    file: FileId,
    nodes: Vec<(Json, u32, u32)>,
    diags: Diags,
    /// How many objects and arrays were reported for having no end.
    unclosed: usize,
}

impl JsonParser<'_> {
    fn document(&mut self) -> u32 {
        let root = self.value();
        self.scan.peek();
        if !self.scan.at_end() && self.diags.is_empty() {
            self.report(
                "Extraneous data after value",
                "Nothing may follow the JSON value.",
                1,
            );
        }
        root
    }

    /// Reports what is wrong with the bytes that come next.
    fn report(&mut self, summary: &str, detail: impl Into<String>, len: usize) {
        self.report_at(self.scan.pos, summary, detail, len);
    }

    /// A message points at whole characters.
    fn report_at(&mut self, start: usize, summary: &str, detail: impl Into<String>, len: usize) {
        let span = Span {
            file: self.file,
            start: self.scan.boundary(start) as u32,
            end: self.scan.boundary(start + len) as u32,
        };
        self.diags.push(Diagnostic::error(summary, detail).at(span));
    }

    /// What stands for something that is not right.
    fn invalid(&mut self, start: usize, end: usize) -> u32 {
        let (start, end) = (self.scan.boundary(start), self.scan.boundary(end));
        self.nodes.push((Json::Invalid, start as u32, end as u32));
        self.nodes.len() as u32 - 1
    }

    fn add(&mut self, json: Json, start: usize) -> u32 {
        self.nodes.push((json, start as u32, self.scan.pos as u32));
        self.nodes.len() as u32 - 1
    }

    fn value(&mut self) -> u32 {
        let next = self.scan.peek();
        let start = self.scan.pos;
        let found = match next {
            b'{' => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.object()),
            b'[' => stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.array()),
            b'"' => self.string(),
            b'-' | b'+' | b'.' | b'0'..=b'9' => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' => self.keyword(),
            _ => {
                self.no_value(next);
                None
            }
        };
        found.unwrap_or_else(|| {
            // Of an object or array, only the beginning is sure.
            let end = match next {
                b'"' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'+' | b'.' | b'0'..=b'9' => {
                    self.scan.pos
                }
                _ => start + 1,
            };
            self.invalid(start, end)
        })
    }

    /// Reports that no value begins here; nothing is skipped.
    fn no_value(&mut self, next: u8) {
        let (summary, detail) = match next {
            _ if self.scan.at_end() => (
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
        self.report(summary, detail, usize::from(!self.scan.at_end()));
    }

    fn object(&mut self) -> Option<u32> {
        let start = self.scan.pos;
        self.scan.pos += 1;
        let mut properties = Vec::new();
        if self.scan.peek() != b'}' {
            loop {
                properties.push(self.property()?);
                let next = self.scan.peek();
                if next == b'}' {
                    break;
                }
                self.between(start, next, b'}')?;
            }
        }
        self.scan.pos += 1;
        Some(self.add(Json::Object(properties), start))
    }

    /// Reads a name and its value. `None` when the object cannot be made sense of.
    fn property(&mut self) -> Option<(u32, u32)> {
        self.scan.peek();
        let start = self.scan.pos;
        let key = self.value();
        if !matches!(self.nodes[key as usize].0, Json::String(..)) {
            let detail = "The name of a property is a string in double quotes.";
            self.report_at(start, "Invalid object property name", detail, 1);
            return None;
        }
        let next = self.scan.peek();
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
            self.scan.recover(b'{', b'}');
            return None;
        }
        self.scan.pos += 1;
        Some((key, self.value()))
    }

    /// Reads what separates two parts of the object or array that begins at `start`. `None` when
    /// it cannot be made sense of.
    fn between(&mut self, start: usize, next: u8, close: u8) -> Option<()> {
        let is_object = close == b'}';
        match next {
            b',' => {
                let comma = self.scan.pos;
                self.scan.pos += 1;
                if self.scan.peek() == close {
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
            _ if self.scan.at_end() => {
                let detail = match is_object {
                    true => "There is no closing brace for this object.",
                    false => "There is no closing bracket for this array.",
                };
                // Around it others have no end, either: a few of them tell enough.
                if self.unclosed < MOST_UNCLOSED {
                    self.report_at(start, "Unclosed object", detail, 1);
                }
                self.unclosed += 1;
            }
            _ => self.not_between(next, is_object),
        }
        None
    }

    /// Reports what separates no two parts. The rest of the object or array is skipped first, and
    /// the report is about what comes then.
    fn not_between(&mut self, next: u8, is_object: bool) {
        let (summary, detail) = match (next, is_object) {
            (b']', true) => (
                "Mismatched braces",
                "A bracket stands where the object that is open here could end.",
            ),
            (b'}', false) => (
                "Mismatched brackets",
                "A brace stands where the array that is open here could end.",
            ),
            (b':', false) => (
                "Invalid array value",
                "Only objects have names and values; this is an array.",
            ),
            (_, true) => (
                "Missing attribute seperator comma",
                "Properties are separated by commas.",
            ),
            (_, false) => (
                "Missing attribute seperator comma",
                "Items are separated by commas.",
            ),
        };
        match (next, is_object) {
            (b']', true) => self.scan.pos += 1,
            (_, true) => self.scan.recover(b'{', b'}'),
            (_, false) => self.scan.recover(b'[', b']'),
        }
        self.scan.peek();
        self.report(summary, detail, 1);
    }

    fn array(&mut self) -> Option<u32> {
        let start = self.scan.pos;
        self.scan.pos += 1;
        let mut items = Vec::new();
        if self.scan.peek() != b']' {
            loop {
                items.push(self.value());
                let next = self.scan.peek();
                if next == b']' {
                    break;
                }
                self.between(start, next, b']')?;
            }
        }
        self.scan.pos += 1;
        Some(self.add(Json::Array(items), start))
    }

    fn keyword(&mut self) -> Option<u32> {
        let start = self.scan.pos;
        let len = self.scan.word_len();
        let json = match &*self.scan.ascii(len) {
            "null" => Json::Null,
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            word => {
                let detail = format!(
                    "The word \"{word}\" has no meaning in JSON; strings are in double quotes.{}",
                    did_you_mean(word, ["null", "true", "false"].into_iter())
                );
                self.report("Invalid JSON keyword", detail, len);
                self.scan.pos += len;
                return None;
            }
        };
        self.scan.pos += len;
        Some(self.add(json, start))
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.scan.pos;
        let len = self.scan.number_len();
        let text = self.scan.ascii(len);
        if !is_number(text.as_bytes()) {
            let detail = format!("{text} is not a JSON number.");
            self.report("Invalid JSON number", detail, len);
            self.scan.pos += len;
            return None;
        }
        self.scan.pos += len;
        let json = Json::Number((&*text).into());
        Some(self.add(json, start))
    }

    fn string(&mut self) -> Option<u32> {
        let start = self.scan.pos;
        let end = self.scan.string_end();
        let token = &self.scan.bytes[start..end];
        let Some((text, differs)) = string_value(token) else {
            self.broken_string(start + text_error(token), end);
            self.scan.pos = end;
            return None;
        };
        self.scan.pos = end;
        Some(self.add(Json::String(text, differs), start))
    }

    fn broken_string(&mut self, at: usize, end: usize) {
        let detail = match self.scan.bytes.get(end) {
            _ if at < end => "An escape in this string is not one of JSON's.",
            Some(_) => "A control character in a string must be written as an escape.",
            None => "The closing quote of this string is missing.",
        };
        self.report_at(at, "Invalid JSON string", detail, 1);
    }
}

/// The value of a string with its quotes, and whether it differs from what is between them.
fn string_value(token: &[u8]) -> Option<(Str, bool)> {
    let raw = token.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let (raw, replaced) = match std::str::from_utf8(raw) {
        Ok(raw) => (Cow::Borrowed(raw), false),
        Err(_) => (Cow::Owned(lossy(raw)), true),
    };
    match raw.contains('\\') {
        false => Some((Str::from(&*raw), replaced)),
        true => Some((unescape(&raw)?.into(), true)),
    }
}
