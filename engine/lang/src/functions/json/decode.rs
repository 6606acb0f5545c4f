//! JSON text to values, without recursion.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_value::{Number, Str, Value};

use super::super::limits::MOST_DEPTH;

/// What is wrong with a text, and where.
struct Wrong {
    at: usize,
    reason: String,
}

/// A collection that is not complete yet.
enum Open {
    Array(Vec<Value>),
    /// What is there, and the name of the part that follows.
    Object(BTreeMap<Str, Value>, Str),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
}

/// The value of a JSON text.
pub(in super::super) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader {
        text,
        at: 0,
        open: Vec::new(),
    };
    reader.document().map_err(|Wrong { at, reason }| {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        format!("the text is not JSON: line {line}, column {column}: {reason}")
    })
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Value, Wrong> {
        loop {
            let Some(value) = self.start()? else { continue };
            if let Some(value) = self.finish(value)? {
                self.skip_space();
                return match self.peek() {
                    None => Ok(value),
                    Some(_) => self.wrong("the value ends before this"),
                };
            }
        }
    }

    /// A whole scalar or empty collection; `None` when a collection was opened.
    fn start(&mut self) -> Result<Option<Value>, Wrong> {
        self.skip_space();
        Ok(Some(match self.peek() {
            Some(b'[') => {
                self.enter()?;
                if !self.take(b']') {
                    self.open.push(Open::Array(Vec::new()));
                    return Ok(None);
                }
                Value::tuple([])
            }
            Some(b'{') => {
                self.enter()?;
                if !self.take(b'}') {
                    let name = self.name()?;
                    self.open.push(Open::Object(BTreeMap::new(), name));
                    return Ok(None);
                }
                Value::Object(Arc::default())
            }
            Some(b'"') => Value::from(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        }))
    }

    fn enter(&mut self) -> Result<(), Wrong> {
        if self.open.len() == MOST_DEPTH {
            return self.wrong(format!(
                "collections are nested more than {MOST_DEPTH} deep"
            ));
        }
        self.at += 1;
        Ok(())
    }

    /// Puts a value where it belongs; the value of the whole text comes back.
    fn finish(&mut self, mut value: Value) -> Result<Option<Value>, Wrong> {
        loop {
            match self.open.pop() {
                None => return Ok(Some(value)),
                Some(Open::Array(mut items)) => {
                    items.push(value);
                    if self.more(b']')? {
                        self.open.push(Open::Array(items));
                        return Ok(None);
                    }
                    value = Value::tuple(items);
                }
                Some(Open::Object(mut entries, name)) => {
                    entries.insert(name, value);
                    if self.more(b'}')? {
                        let name = self.name()?;
                        self.open.push(Open::Object(entries, name));
                        return Ok(None);
                    }
                    value = Value::Object(Arc::new(entries.into()));
                }
            }
        }
    }

    /// Whether another part follows.
    fn more(&mut self, end: u8) -> Result<bool, Wrong> {
        match (self.take(b','), self.take(end)) {
            (true, false) => Ok(true),
            (false, true) => Ok(false),
            (true, true) => self.wrong("a comma must be followed by another part"),
            (false, false) => self.wrong(format!("a comma or \"{}\" is expected", char::from(end))),
        }
    }

    /// The name of a part of an object, and the colon.
    fn name(&mut self) -> Result<Str, Wrong> {
        self.skip_space();
        if self.peek() != Some(b'"') {
            return self.wrong("the name of a part, in double quotes, is expected");
        }
        let name = Value::from(self.string()?);
        if !self.take(b':') {
            return self.wrong("a colon is expected");
        }
        Ok(name.as_str().cloned().unwrap_or_default())
    }

    fn string(&mut self) -> Result<String, Wrong> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c| matches!(c, '"' | '\\' | '\0'..='\u{1f}'));
            let Some(plain) = plain else {
                self.at = self.text.len();
                return self.wrong("the closing quote of a string is missing");
            };
            out.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    return Ok(out);
                }
                b'\\' => out.push(self.escape()?),
                _ => return self.wrong("a control character must be written as an escape"),
            }
        }
    }

    /// The character of an escape. No string can hold half a surrogate pair: U+FFFD stands for it.
    fn escape(&mut self) -> Result<char, Wrong> {
        let c = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(first) = self.code_unit(self.at) else {
                    return self.wrong("\\u needs four hexadecimal digits");
                };
                let second = self.code_unit(self.at + 6);
                let pair = [first, second.unwrap_or(0)];
                let (c, units) = match char::decode_utf16(pair).next() {
                    Some(Ok(c)) => (c, c.len_utf16()),
                    _ => (char::REPLACEMENT_CHARACTER, 1),
                };
                self.at += 6 * units;
                return Ok(c);
            }
            _ => return self.wrong("this is not an escape"),
        };
        self.at += 2;
        Ok(c)
    }

    /// The code unit that is escaped at a place, as in `\ud83d`.
    fn code_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)
    }

    fn number(&mut self) -> Result<Value, Wrong> {
        let start = self.at;
        self.step(b"-");
        if !self.step(b"0") && self.digits() == 0 {
            return self.wrong("a digit is expected");
        }
        if self.step(b".") && self.digits() == 0 {
            return self.wrong("a digit is expected");
        }
        if self.step(b"eE") {
            self.step(b"+-");
            if self.digits() == 0 {
                return self.wrong("a digit is expected");
            }
        }
        Number::parse(&self.text[start..self.at])
            .map(Value::Number)
            .map_err(|e| Wrong {
                at: start,
                reason: e.to_string(),
            })
    }

    fn word(&mut self) -> Result<Value, Wrong> {
        let rest = &self.text[self.at..];
        let words = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::NULL),
        ];
        match words.into_iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) => {
                self.at += word.len();
                Ok(value)
            }
            None if rest.is_empty() => self.wrong("the text ends where a value is expected"),
            None => self.wrong("a value is expected"),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.step(b" \t\n\r") {}
    }

    /// Takes one byte of these, if it is next.
    fn step(&mut self, any: &[u8]) -> bool {
        let found = self.peek().is_some_and(|b| any.contains(&b));
        self.at += usize::from(found);
        found
    }

    /// Takes a byte behind white space, if it is next.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        self.step(&[byte])
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.step(b"0123456789") {}
        self.at - start
    }

    fn wrong<T>(&self, reason: impl Into<String>) -> Result<T, Wrong> {
        Err(Wrong {
            at: self.at,
            reason: reason.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_surrogate_pairs_are_replaced() {
        let check = |text: &str, expect: &str| {
            assert_eq!(decode(text), Ok(Value::string(expect)), "{text}");
        };
        check(r#""\ud83d\ude00""#, "\u{1f600}");
        check(r#""\ud83d""#, "\u{fffd}");
        check(r#""a\ude00\ud83db""#, "a\u{fffd}\u{fffd}b");
        check(r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}");
        check(r#""\\ud83d""#, r"\ud83d");
        check(r#""é\u00e9e\u0301""#, "ééé");
        check(r#""\"\\\/\b\f\n\r\t\u0000""#, "\"\\/\u{8}\u{c}\n\r\t\0");
    }

    #[test]
    fn values() {
        let check = |text: &str, expect: Value| assert_eq!(decode(text), Ok(expect), "{text}");
        check(" null ", Value::NULL);
        check("[]", Value::tuple([]));
        check("[ 1 , [true],{}]", {
            let empty = Value::Object(Arc::default());
            Value::tuple([Value::int(1), Value::tuple([true.into()]), empty])
        });
        let half = Number::parse("-0.5").expect("it is a number");
        let object = Value::object([("a", Value::int(2)), ("b", half.into())]);
        check(r#"{"a":1,"b":-5E-1,"a":2}"#, object);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |text: &str, expect: &str| {
            let told = decode(text).expect_err(text);
            assert!(told.contains(expect), "{text}: {told}");
        };
        check("", "line 1, column 1: the text ends");
        check("[1,\n 2", "line 2, column 3: a comma or \"]\"");
        check("[1,]", "comma must be followed");
        check("{\"a\" 1}", "column 6: a colon");
        check("{a:1}", "column 2: the name");
        check("01", "column 2: the value ends");
        check("-", "a digit");
        check("1.e3", "a digit");
        check("nul", "a value is expected");
        check("\"a", "closing quote");
        check("\"\\x\"", "not an escape");
        check("\"\\ud83\"", "four hexadecimal digits");
        check("\"\\u+123\"", "four hexadecimal digits");
        check("\"\t\"", "control character");
        check("1e99999999", "too large");
        check(&"[".repeat(1_000_000), "more than 10000 deep");
        check(&"{\"a\":".repeat(1_000_000), "more than 10000 deep");
    }
}
