//! JSON text: kept as it is, and written in the layout that state files have.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde_json::value::RawValue;

use crate::{StateError, Str, tree};

/// How deep values may be nested. What is written is indented by depth, so that its size would
/// grow with the square of it.
pub(crate) const DEEPEST: usize = 1000;

/// From so many elements on, an array is written by two threads.
const MANY: usize = 2048;

/// A piece of what is written has at least so many bytes.
const PIECE: usize = 512 << 10;

/// Text that is one valid JSON value. There is no space between its tokens, and no escape for
/// the characters that Go escapes without need, so that two texts are equal whatever their
/// layout and whoever wrote them. Cloning shares.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Str);

impl JsonText {
    /// Takes text after checking it.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        Ok(serde_json::from_str::<&RawValue>(text)?.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, shared.
    pub fn to_shared(&self) -> Str {
        self.0.clone()
    }

    /// The value that the text stands for.
    ///
    /// # Errors
    /// It is nested too deeply.
    pub fn to_value(&self) -> Result<serde_json::Value, StateError> {
        match depth(&self.0) {
            depth if depth <= tree::SHALLOW => Ok(serde_json::from_str(&self.0)?),
            depth if depth <= DEEPEST => tree::value(&self.0),
            _ => Err(StateError::TooDeep),
        }
    }
}

impl From<&RawValue> for JsonText {
    fn from(raw: &RawValue) -> Self {
        Self(compact(raw.get()).into())
    }
}

impl From<&serde_json::Value> for JsonText {
    fn from(value: &serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes JSON as Go's encoder does with an indent of two spaces: that is how state files look,
/// and files that did not change should stay the same byte for byte.
#[derive(Default)]
pub(crate) struct Writer {
    /// What stands before `out` in the file.
    done: Vec<Vec<u8>>,
    out: Vec<u8>,
    depth: usize,
    /// Nothing is in the innermost object or array yet.
    empty: bool,
    /// There is no layout.
    compact: bool,
}

impl Writer {
    /// Writes behind what is there, without a layout.
    pub(crate) fn compact(out: Vec<u8>) -> Self {
        Self {
            out,
            compact: true,
            ..Self::default()
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        if self.done.is_empty() {
            return self.out;
        }
        let pieces = self.into_pieces();
        let mut whole = Vec::with_capacity(pieces.iter().map(Vec::len).sum());
        // Each piece goes once it is copied, so that there is hardly ever more than one state.
        for piece in pieces {
            whole.extend_from_slice(&piece);
        }
        whole
    }

    /// What was written, in pieces that stand one behind the other.
    pub(crate) fn into_pieces(mut self) -> Vec<Vec<u8>> {
        self.done.push(self.out);
        self.done
    }

    pub(crate) fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.empty = true;
    }

    pub(crate) fn close(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.new_line();
        }
        self.out.push(bracket);
        self.empty = false;
    }

    /// Starts the next element of an array.
    pub(crate) fn item(&mut self) {
        if self.out.len() >= PIECE && !self.compact {
            let next = Vec::with_capacity(PIECE + PIECE / 8);
            self.done.push(std::mem::replace(&mut self.out, next));
        }
        if !self.empty {
            self.out.push(b',');
        }
        self.new_line();
        self.empty = false;
    }

    /// Writes elements of an array, those of very many things side by side. `each` starts an
    /// [`Writer::item`] for each one of a thing.
    pub(crate) fn items<T>(
        &mut self,
        (count, all): (usize, impl Iterator<Item = T> + Clone + Send),
        each: impl Fn(&mut Self, T) + Sync,
    ) {
        if count < MANY {
            return all.for_each(|thing| each(self, thing));
        }
        let (first, rest) = (all.clone().take(count / 2), all.skip(count / 2));
        let (depth, compact) = (self.depth, self.compact);
        let (second, each) = (rest.clone(), &each);
        let write_second = move || {
            let mut writer = Self {
                depth,
                compact,
                ..Self::default()
            };
            second.for_each(|thing| each(&mut writer, thing));
            (writer.done, writer.out)
        };
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("state".into());
            let second = thread.spawn_scoped(scope, write_second);
            first.for_each(|thing| each(self, thing));
            match second.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok((mut done, out))) if !self.empty => {
                    self.done.push(std::mem::replace(&mut self.out, out));
                    self.done.append(&mut done);
                }
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // There are too many threads already, or the second half has the first element.
                Ok(Ok(_)) | Err(_) => rest.for_each(|thing| each(self, thing)),
            }
        });
    }

    /// Starts the next member of an object, which has a name of the format: there is nothing to
    /// escape in it.
    pub(crate) fn key(&mut self, name: &'static str) {
        self.item();
        self.out.push(b'"');
        self.literal(name);
        self.literal(if self.compact { "\":" } else { "\": " });
    }

    /// Starts the next member of an object, whatever its name.
    pub(crate) fn member(&mut self, name: &str) {
        self.item();
        self.string(name);
        self.literal(if self.compact { ":" } else { ": " });
    }

    pub(crate) fn field(&mut self, name: &'static str, text: &str) {
        self.key(name);
        self.string(text);
    }

    /// A member that has the text of something.
    pub(crate) fn field_of(&mut self, name: &'static str, thing: &impl fmt::Display) {
        self.key(name);
        self.string_of(thing);
    }

    pub(crate) fn number(&mut self, n: u64) {
        // A vector takes everything.
        let _ = write!(self.out, "{n}");
    }

    pub(crate) fn literal(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.out.push(b'"');
        self.escaped(text);
        self.out.push(b'"');
    }

    /// The text of something, as a string.
    pub(crate) fn string_of(&mut self, thing: &impl fmt::Display) {
        self.out.push(b'"');
        // Fails only if the thing does, which none does that is written here.
        let _ = write!(Escaped(self), "{thing}");
        self.out.push(b'"');
    }

    /// What a string has between its quotes.
    fn escaped(&mut self, text: &str) {
        let is_plain = |byte: u8| KINDS[usize::from(byte)] == Kind::Plain;
        let mut rest = text;
        // A byte that is not plain starts a character.
        while let Some(at) = rest.bytes().position(|byte| !is_plain(byte)) {
            let (plain, from) = rest.split_at(at);
            self.literal(plain);
            let mut chars = from.chars();
            if let Some(c) = chars.next() {
                self.char(c);
            }
            rest = chars.as_str();
        }
        self.literal(rest);
    }

    fn char(&mut self, c: char) {
        let short = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => return self.escape(c),
            _ => return self.literal(c.encode_utf8(&mut [0; 4])),
        };
        self.literal(short);
    }

    /// Writes JSON text in this layout. Strings and numbers are copied.
    pub(crate) fn raw(&mut self, json: &JsonText) {
        let text = json.as_str();
        if self.compact {
            self.literal(text);
            self.empty = false;
            return;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'{' | b'[' => {
                    if std::mem::take(&mut self.empty) {
                        self.new_line();
                    }
                    self.open(byte);
                }
                b'}' | b']' => self.close(byte),
                b',' => {
                    self.out.push(b',');
                    self.new_line();
                }
                b':' => self.out.extend_from_slice(b": "),
                _ => {
                    if std::mem::take(&mut self.empty) {
                        self.new_line();
                    }
                    let (end, is_plain) = token(bytes, at - 1);
                    match is_plain {
                        true => self.out.extend_from_slice(&bytes[at - 1..end]),
                        false => self.token(&text[at - 1..end]),
                    }
                    at = end;
                }
            }
        }
        self.empty = false;
    }

    /// A string as it is in JSON, with characters that Go escapes without need.
    fn token(&mut self, text: &str) {
        let mut from = 0;
        for (at, c) in text.char_indices() {
            if matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') {
                self.literal(&text[from..at]);
                self.escape(c);
                from = at + c.len_utf8();
            }
        }
        self.literal(&text[from..]);
    }

    fn escape(&mut self, c: char) {
        let _ = write!(self.out, "\\u{:04x}", u32::from(c));
    }

    fn new_line(&mut self) {
        if self.compact {
            return;
        }
        // Nearly everything is nested less deep than that.
        const MARGIN: &[u8] = b"\n                                        ";
        match MARGIN.get(..=2 * self.depth) {
            Some(margin) => self.out.extend_from_slice(margin),
            None => {
                self.out.push(b'\n');
                self.out.resize(self.out.len() + 2 * self.depth, b' ');
            }
        }
    }
}

/// Writes what is within a string.
struct Escaped<'a>(&'a mut Writer);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.escaped(text);
        Ok(())
    }
}

/// What a byte in a string may need. Nearly none needs anything, which is told fastest byte by
/// byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing.
    Plain,
    /// It may be of a character that Go escapes without need. The first byte of the two line
    /// separators is that of many other characters too.
    Special,
    /// It is escaped in each JSON text, or ends the string.
    Escaped,
}

static KINDS: [Kind; 256] = kinds();

const fn kinds() -> [Kind; 256] {
    const LINE_SEPARATOR_START: u8 = 0xe2;
    let mut kinds = [Kind::Plain; 256];
    let mut byte = 0;
    while byte < kinds.len() {
        kinds[byte] = match byte as u8 {
            b'<' | b'>' | b'&' | LINE_SEPARATOR_START => Kind::Special,
            b'"' | b'\\' | ..0x20 => Kind::Escaped,
            _ => Kind::Plain,
        };
        byte += 1;
    }
    kinds
}

/// The text without space between its tokens and without needless escapes.
fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let end = match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at + 1,
            _ => token_end(bytes, at),
        };
        push_unescaped(&mut out, &text[at..end]);
        at = end;
    }
    out
}

fn push_unescaped(out: &mut String, token: &str) {
    const NEEDLESS: [(&str, char); 5] = [
        ("u003c", '<'),
        ("u003e", '>'),
        ("u0026", '&'),
        ("u2028", '\u{2028}'),
        ("u2029", '\u{2029}'),
    ];
    let mut rest = token;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        let needless = NEEDLESS.iter().find(|(code, _)| escape.starts_with(code));
        rest = if let Some((code, c)) = needless {
            out.push(*c);
            &escape[code.len()..]
        } else {
            // Whatever is escaped goes along, so that it is not taken for the next escape.
            let length = escape.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[at..at + 1 + length]);
            &escape[length..]
        };
    }
    out.push_str(rest);
}

/// How deep objects and arrays are nested in JSON text.
pub(crate) fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut deepest, mut at) = (0usize, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                at = token_end(bytes, at);
                continue;
            }
            _ => {}
        }
        deepest = deepest.max(depth);
        at += 1;
    }
    deepest
}

/// One past the string, word or number that starts at `start`.
pub(crate) fn token_end(bytes: &[u8], start: usize) -> usize {
    token(bytes, start).0
}

/// As [`token_end`], and whether there is no character in it that Go escapes without need.
fn token(bytes: &[u8], start: usize) -> (usize, bool) {
    let mut at = start + 1;
    if bytes.get(start) != Some(&b'"') {
        let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        while bytes.get(at).is_some_and(is_inside) {
            at += 1;
        }
        return (at, true);
    }
    let mut is_plain = true;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match KINDS[usize::from(byte)] {
            Kind::Plain => {}
            Kind::Special => is_plain = false,
            Kind::Escaped if byte == b'"' => return (at, is_plain),
            Kind::Escaped => at += usize::from(byte == b'\\'),
        }
    }
    (bytes.len(), is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let mut writer = Writer::default();
        writer.raw(&JsonText::parse(text).unwrap());
        assert_eq!(String::from_utf8(writer.into_bytes()).unwrap(), expect);
    }

    #[test]
    fn text_is_laid_out_anew() {
        check("1.50e3", "1.50e3");
        check("[ ]", "[]");
        check("{\n}", "{}");
        check(
            r#"{"a":[1,{"b":{}},[]] , "c":"x"}"#,
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    },\n    []\n  ],\n  \"c\": \"x\"\n}",
        );
        check("[[[]],[1]]", "[\n  [\n    []\n  ],\n  [\n    1\n  ]\n]");
    }

    #[test]
    fn elements_of_two_threads_are_those_of_one() {
        let check = |compact: bool, count: u64, from: u64| {
            let all: Vec<u64> = (0..count).collect();
            // Nothing is written of what comes before.
            let number = |w: &mut Writer, n: &u64| {
                if *n >= from {
                    w.item();
                    w.open(b'[');
                    w.item();
                    w.number(*n);
                    w.close(b']');
                }
            };
            let written = |write: &dyn Fn(&mut Writer)| {
                let mut w = Writer {
                    compact,
                    ..Writer::default()
                };
                w.open(b'[');
                write(&mut w);
                w.close(b']');
                w.into_bytes()
            };
            let by_one = written(&|w| all.iter().for_each(|n| number(w, n)));
            let by_two = written(&|w| w.items((all.len(), all.iter()), number));
            assert!(by_two == by_one, "{compact} {count} {from}");
        };
        let many = MANY as u64;
        for compact in [false, true] {
            for count in [0, 1, many - 1, many, many + 1] {
                for from in [0, count / 2, count / 2 + 1, count] {
                    check(compact, count, from);
                }
            }
        }
    }

    #[test]
    fn strings_are_escaped_as_terraform_does() {
        check(r#""a{,:}\"<&>\\""#, r#""a{,:}\"\u003c\u0026\u003e\\""#);
        check("\"\u{2028}é\u{7f}\"", "\"\\u2028é\u{7f}\"");
        let mut writer = Writer::default();
        writer.string("\u{8}\u{c}\t\n\r\u{1}\"\\/<\u{2029}é");
        let got = String::from_utf8(writer.into_bytes()).unwrap();
        assert_eq!(got, r#""\b\f\t\n\r\u0001\"\\/\u003c\u2029é""#);
    }

    #[test]
    fn layout_does_not_matter() {
        let text = JsonText::parse(" { \"a b\" : [ 1 , true ] }\n").unwrap();
        assert_eq!(text.as_str(), "{\"a b\":[1,true]}");
        let text = JsonText::parse(r#""\u003c\\u003c\\\u0026\n\u0001\u00e9\"\u2028""#).unwrap();
        assert_eq!(
            text.as_str(),
            "\"<\\\\u003c\\\\&\\n\\u0001\\u00e9\\\"\u{2028}\""
        );
    }

    #[test]
    fn only_json_is_taken() {
        for text in ["", "{", "x", "1 2", "\"", "[1,]"] {
            assert!(JsonText::parse(text).is_err(), "{text}");
        }
    }
}
