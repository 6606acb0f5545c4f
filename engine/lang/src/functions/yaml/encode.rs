//! Values to YAML text, in the one form that all versions agree on: strings in double quotes,
//! or as literal blocks when they have line breaks.

use std::fmt::Write;

use muster_value::{Type, Value, convert};

/// Strings longer than this are folded at spaces.
const WIDTH: usize = 80;
/// Keys longer than this, in bytes, are written with a question mark.
const LONGEST_KEY: usize = 128;
/// Columns from a collection to what is inside.
const STEP: usize = 2;

/// The text of a wholly known value.
pub(super) fn encode(value: &Value) -> Result<String, String> {
    let mut writer = Writer { out: String::new() };
    writer.value(value, None, Place::Root)?;
    let plain = matches!(
        value.peel(),
        Value::Null(_) | Value::Bool(_) | Value::Number(_)
    );
    if !writer.out.ends_with('\n') {
        writer.out.push('\n');
    }
    if plain {
        writer.out.push_str("...\n");
    }
    Ok(writer.out)
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It is the document.
    Root,
    /// After `key:`.
    AfterKey,
    /// After `- `, `? ` or `: ` at the start of a line.
    Inline,
}

struct Writer {
    out: String,
}

impl Writer {
    /// Writes a value; `indent` is the column of the collection around it.
    fn value(&mut self, value: &Value, indent: Option<usize>, place: Place) -> Result<(), String> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || match value.peel() {
            Value::Null(_) => self.plain("null", place),
            Value::Bool(b) => self.plain(if *b { "true" } else { "false" }, place),
            Value::Number(n) if n.is_infinite() => {
                self.plain(if n.is_negative() { "-Inf" } else { "+Inf" }, place)
            }
            number @ Value::Number(_) => {
                let text = convert(number, &Type::String).map_err(|e| e.reason)?;
                self.plain(text.as_str().map_or("", |s| s), place)
            }
            Value::String(text) => {
                self.space(place);
                self.string(text, indent);
                Ok(())
            }
            Value::Unknown(_) => Err("the value is not wholly known".into()),
            inner if inner.len() == Some(0) => {
                let empty = if inner.as_entries().is_some() {
                    "{}"
                } else {
                    "[]"
                };
                self.plain(empty, place)
            }
            inner if inner.as_entries().is_some() => self.mapping(inner, indent, place),
            inner => self.sequence(inner, indent, place),
        })
    }

    fn space(&mut self, place: Place) {
        if place == Place::AfterKey {
            self.out.push(' ');
        }
    }

    fn plain(&mut self, text: &str, place: Place) -> Result<(), String> {
        self.space(place);
        self.out.push_str(text);
        Ok(())
    }

    fn line(&mut self, indent: usize) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn mapping(&mut self, map: &Value, indent: Option<usize>, place: Place) -> Result<(), String> {
        let inner = indent.map_or(0, |i| i + STEP);
        let entries = map.as_entries().into_iter().flatten();
        for (i, (key, value)) in entries.enumerate() {
            if i > 0 || place != Place::Inline {
                self.line(inner);
            }
            if key.len() > LONGEST_KEY || key.contains(['\n', '\u{2028}', '\u{2029}', '\u{85}']) {
                self.out.push_str("? ");
                self.string(key, Some(inner));
                self.line(inner);
                self.out.push_str(": ");
                self.value(value, Some(inner), Place::Inline)?;
            } else {
                self.quoted(key, None);
                self.out.push(':');
                self.value(value, Some(inner), Place::AfterKey)?;
            }
        }
        Ok(())
    }

    /// The items of a sequence that is the value of a key stand in the column of the key.
    fn sequence(
        &mut self,
        list: &Value,
        indent: Option<usize>,
        place: Place,
    ) -> Result<(), String> {
        let inner = match (indent, place) {
            (Some(column), Place::AfterKey) => column,
            (Some(column), _) => column + STEP,
            (None, _) => 0,
        };
        for (i, item) in list.children().enumerate() {
            if i > 0 || place != Place::Inline {
                self.line(inner);
            }
            self.out.push_str("- ");
            self.value(item, Some(inner), Place::Inline)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &str, indent: Option<usize>) {
        let indent = indent.map_or(STEP, |i| i + STEP);
        if text.contains('\n') && fits_block(text) {
            self.block(text, indent);
        } else {
            self.quoted(text, Some(indent));
        }
    }

    fn block(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            let _ = write!(self.out, "{STEP}");
        }
        match text {
            "\n" => self.out.push('+'),
            text if text.ends_with("\n\n") => self.out.push('+'),
            text if !text.ends_with('\n') => self.out.push('-'),
            _ => {}
        }
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.out.extend(std::iter::repeat_n(' ', indent));
                self.out.push_str(line);
            }
        }
        if text.ends_with('\n') {
            self.out.push('\n');
        }
    }

    /// A string in double quotes; with an indent, long ones are folded.
    fn quoted(&mut self, text: &str, indent: Option<usize>) {
        let start = self.out.rfind('\n').map_or(0, |at| at + 1);
        let mut column = self.out[start..].chars().count() + 1;
        self.out.push('"');
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let fold = indent.filter(|_| {
                c == ' ' && !after_space && column > WIDTH && !first && chars.peek().is_some()
            });
            first = false;
            after_space = c == ' ';
            if let Some(indent) = fold {
                self.out.push('\n');
                self.out.extend(std::iter::repeat_n(' ', indent));
                column = indent;
                if chars.peek() == Some(&' ') {
                    self.out.push('\\');
                    column += 1;
                }
                continue;
            }
            let before = self.out.len();
            self.escaped(c);
            column += self.out[before..].chars().count();
        }
        self.out.push('"');
    }

    fn escaped(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' | '\\' => c,
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c if printable(c) => {
                self.out.push(c);
                return;
            }
            c => {
                let code = u32::from(c);
                let _ = match code {
                    0..=0xff => write!(self.out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(self.out, "\\u{code:04X}"),
                    _ => write!(self.out, "\\U{code:08X}"),
                };
                return;
            }
        };
        self.out.push('\\');
        self.out.push(short);
    }
}

/// Whether a character can stand for itself.
fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether a string can be written as a literal block.
fn fits_block(text: &str) -> bool {
    let special = |c| !printable(c) || matches!(c, '\u{2028}' | '\u{2029}');
    !text.ends_with(' ') && !text.contains(" \n") && !text.contains(special)
}
