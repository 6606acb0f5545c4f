//! Writes JSON straight to where it goes, in the form the tools around Terraform compare byte by
//! byte: no spaces, and `<`, `>` and `&` escaped.

use std::io;

use muster_value::{Number, Type, Value};

/// Bytes that are gathered before they are handed on.
const BUFFER: usize = 64 * 1024;

/// A JSON writer. Commas are added as needed; the first failure of the sink is kept for
/// [`JsonWriter::finish`].
pub(crate) struct JsonWriter<'w> {
    sink: &'w mut dyn io::Write,
    buffer: Vec<u8>,
    last: u8,
    failed: Option<io::Error>,
}

impl<'w> JsonWriter<'w> {
    pub(crate) fn new(sink: &'w mut dyn io::Write) -> Self {
        Self {
            sink,
            buffer: Vec::with_capacity(1024),
            last: b'[',
            failed: None,
        }
    }

    /// Hands on what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush();
        self.failed.map_or(Ok(()), Err)
    }

    fn flush(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.sink.write_all(&self.buffer)
        {
            self.failed = Some(error);
        }
        self.buffer.clear();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.last = *last;
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    fn comma(&mut self) {
        if !matches!(self.last, b'{' | b'[' | b':') {
            self.bytes(b",");
        }
    }

    /// A member of an object; its value follows.
    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.string(key);
        self.bytes(b":");
        self
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.comma();
        self.bytes(b"\"");
        let mut rest = 0;
        for (i, c) in text.char_indices() {
            let escape = match c {
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                '\r' => "\\r".to_owned(),
                '\t' => "\\t".to_owned(),
                '\u{8}' => "\\b".to_owned(),
                '\u{c}' => "\\f".to_owned(),
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                    format!("\\u{:04x}", u32::from(c))
                }
                _ => continue,
            };
            self.bytes(&text.as_bytes()[rest..i]);
            self.bytes(escape.as_bytes());
            rest = i + c.len_utf8();
        }
        self.bytes(&text.as_bytes()[rest..]);
        self.bytes(b"\"");
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    pub(crate) fn null(&mut self) {
        self.raw("null");
    }

    pub(crate) fn uint(&mut self, value: u64) {
        self.raw(&value.to_string());
    }

    pub(crate) fn number(&mut self, value: &Number) {
        self.raw(&value.to_string());
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) {
        self.comma();
        self.bytes(json.as_bytes());
    }

    pub(crate) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.raw("{");
        members(self);
        self.bytes(b"}");
    }

    pub(crate) fn array(&mut self, items: impl FnOnce(&mut Self)) {
        self.raw("[");
        items(self);
        self.bytes(b"]");
    }

    /// A document of another writer, escaped like the rest.
    pub(crate) fn document(&mut self, json: &serde_json::Value) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match json {
            serde_json::Value::Null => self.null(),
            serde_json::Value::Bool(b) => self.bool(*b),
            serde_json::Value::Number(n) => self.raw(&n.to_string()),
            serde_json::Value::String(s) => self.string(s),
            serde_json::Value::Array(items) => self.array(|w| {
                for item in items {
                    w.document(item);
                }
            }),
            serde_json::Value::Object(members) => self.object(|w| {
                for (key, value) in members {
                    w.key(key).document(value);
                }
            }),
        });
    }

    /// The known parts of a value, marks left out: unknown attributes and map elements are
    /// absent, other unknown parts are null.
    pub(crate) fn value(&mut self, value: &Value) {
        self.parts(value, &|_| true);
    }

    /// As [`JsonWriter::value`], with null for what is sensitive.
    pub(crate) fn harmless(&mut self, value: &Value) {
        let secret = muster_value::Marks::SENSITIVE;
        self.parts(value, &|v| !v.marks().contains(secret));
    }

    fn parts(&mut self, value: &Value, shown: &dyn Fn(&Value) -> bool) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value.peel() {
            _ if !shown(value) => self.null(),
            Value::Bool(b) => self.bool(*b),
            Value::Number(n) => self.number(n),
            Value::String(s) => self.string(s),
            Value::List(_) | Value::Set(_) | Value::Tuple(_) => self.array(|w| {
                for item in value.children() {
                    w.parts(item, shown);
                }
            }),
            Value::Map(_) | Value::Object(_) => self.object(|w| {
                for (key, item) in value.as_entries().into_iter().flatten() {
                    if item.is_known() {
                        w.key(key).parts(item, shown);
                    }
                }
            }),
            Value::Null(_) | Value::Unknown(_) | Value::Marked(_) => self.null(),
        });
    }

    /// Where the value is unknown: `true` there, and for the rest the shape of the value with
    /// `false` in lists.
    pub(crate) fn unknown(&mut self, value: &Value) {
        self.mask(value, &|v| !v.is_known());
    }

    /// Where the value is sensitive, in the shape of [`JsonWriter::unknown`].
    pub(crate) fn sensitive(&mut self, value: &Value) {
        self.mask(value, &|v| {
            v.marks().contains(muster_value::Marks::SENSITIVE)
        });
    }

    fn mask(&mut self, value: &Value, hit: &dyn Fn(&Value) -> bool) {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match mask_shape(value, hit) {
            Shape::Bool(b) => self.bool(b),
            Shape::List => self.array(|w| {
                for item in value.children() {
                    w.mask(item, hit);
                }
            }),
            Shape::Object => self.object(|w| {
                for (key, item) in value.as_entries().into_iter().flatten() {
                    if !matches!(mask_shape(item, hit), Shape::Bool(false)) {
                        w.key(key).mask(item, hit);
                    }
                }
            }),
        });
    }

    /// A type: `"string"`, `["list","string"]`, `["object",{...}]`.
    pub(crate) fn ty(&mut self, ty: &Type) {
        self.document(&muster_value::type_to_json(ty));
    }

    /// A list of strings.
    pub(crate) fn strings<'s>(&mut self, items: impl IntoIterator<Item = &'s str>) {
        self.array(|w| {
            for item in items {
                w.string(item);
            }
        });
    }
}

enum Shape {
    Bool(bool),
    List,
    Object,
}

fn mask_shape(value: &Value, hit: &dyn Fn(&Value) -> bool) -> Shape {
    if hit(value) {
        return Shape::Bool(true);
    }
    match value.peel() {
        Value::List(_) | Value::Set(_) | Value::Tuple(_) => Shape::List,
        Value::Map(_) | Value::Object(_) => Shape::Object,
        Value::Unknown(unknown) => match &unknown.ty {
            Type::List(_) | Type::Set(_) | Type::Tuple(_) => Shape::List,
            Type::Map(_) | Type::Object(_) => Shape::Object,
            _ => Shape::Bool(false),
        },
        _ => Shape::Bool(false),
    }
}

/// A document as a string.
pub(crate) fn to_string(write: impl FnOnce(&mut JsonWriter<'_>)) -> String {
    let mut bytes = Vec::new();
    let mut writer = JsonWriter::new(&mut bytes);
    write(&mut writer);
    // Writing to memory cannot fail, and the writer only copies whole strings.
    let _ = writer.finish();
    String::from_utf8(bytes).unwrap_or_default()
}

/// The same document with two spaces of indentation per level.
pub(crate) fn indent(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        };
        match c {
            '{' | '[' if matches!(chars.peek(), Some('}' | ']')) => {
                out.push(c);
                out.extend(chars.next());
            }
            '{' | '[' => {
                depth += 1;
                out.push(c);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_string = true;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_value::Marks;

    #[test]
    fn escapes_as_the_tools_expect() {
        let json = to_string(|w| w.string("a\"<&>\u{1}\t\u{2028}é"));
        assert_eq!(json, r#""a\"\u003c\u0026\u003e\u0001\t\u2028é""#);
    }

    #[test]
    fn leaves_unknown_parts_out() {
        let value = Value::object([
            ("a", Value::unknown(Type::String)),
            (
                "b",
                Value::tuple([Value::unknown(Type::String), Value::int(1)]),
            ),
            ("c", Value::from("x").mark(Marks::SENSITIVE)),
        ]);
        assert_eq!(to_string(|w| w.value(&value)), r#"{"b":[null,1],"c":"x"}"#);
        assert_eq!(
            to_string(|w| w.unknown(&value)),
            r#"{"a":true,"b":[true,false]}"#
        );
        assert_eq!(
            to_string(|w| w.sensitive(&value)),
            r#"{"b":[false,false],"c":true}"#
        );
    }

    #[test]
    fn indents() {
        assert_eq!(
            indent(r#"{"a":[1,"x:{"],"b":{}}"#),
            "{\n  \"a\": [\n    1,\n    \"x:{\"\n  ],\n  \"b\": {}\n}"
        );
    }
}
