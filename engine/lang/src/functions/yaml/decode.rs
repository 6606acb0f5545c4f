//! YAML text to values.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use muster_value::{Str, Type, Value, convert};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::super::limits::MOST_ELEMENTS;
use super::scalar;

/// How deep collections can be nested.
const MOST_DEPTH: usize = 500;

/// A collection that is not complete yet.
struct Open {
    anchor: usize,
    /// How many parts it has so far, itself counted.
    parts: usize,
    kind: Kind,
}

enum Kind {
    Sequence(Vec<Value>),
    Mapping {
        entries: BTreeMap<Str, Value>,
        /// Entries of `<<`, which give way to those written out.
        merged: BTreeMap<Str, Value>,
        key: Option<Key>,
    },
}

/// A key that waits for its value.
enum Key {
    Name(Str),
    Merge,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Value, usize)>,
    root: Option<Value>,
    parts: usize,
}

/// The value of a text that holds one document.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (mut event, span) = event.map_err(|e| e.to_string())?;
        let line = span.start.line();
        if let Event::Scalar(scalar, ScalarStyle::Literal | ScalarStyle::Folded, ..) = &mut event
            && !text.ends_with('\n')
            && span.end.index() >= text.chars().count()
            && scalar.ends_with('\n')
        {
            // The parser adds the newline that is missing at the end of the text.
            scalar.to_mut().pop();
        }
        builder
            .event(event)
            .map_err(|e| format!("line {line}: {e}"))?;
    }
    builder.root.ok_or_else(|| "the text holds no value".into())
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("there is more than one document".into())
            }
            Event::Alias(anchor) => {
                let (value, parts) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or("an anchor is used inside of what it names")?;
                self.parts += parts;
                self.add(value, parts, false)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let merge = plain && text == "<<" && tag.is_none();
                if plain && text.starts_with(['|', '>']) {
                    return Err("a block of text cannot stand in brackets".into());
                }
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let tag = tag_name(tag.as_deref())?;
                let mut value = scalar::resolve(&text, plain || block, tag)?;
                if block && tag.is_none() {
                    // A block is text, but text as the value that a plain scalar has prints.
                    value = convert(&value, &Type::String).map_err(|e| e.reason)?;
                }
                self.parts += 1;
                self.remember(anchor, &value, 1);
                self.add(value, 1, merge)
            }
            Event::SequenceStart(anchor, tag) => {
                self.start(anchor, tag.as_deref(), "seq", Kind::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let kind = Kind::Mapping {
                    entries: BTreeMap::new(),
                    merged: BTreeMap::new(),
                    key: None,
                };
                self.start(anchor, tag.as_deref(), "map", kind)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        usual: &str,
        kind: Kind,
    ) -> Result<(), String> {
        match tag_name(tag)? {
            None => {}
            Some(name) if name == usual => {}
            Some(name) => return Err(format!("a collection cannot have the tag \"{name}\"")),
        }
        if self.open.len() == MOST_DEPTH {
            return Err(format!(
                "collections are nested more than {MOST_DEPTH} deep"
            ));
        }
        self.parts += 1;
        self.open.push(Open {
            anchor,
            parts: 1,
            kind,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            Kind::Sequence(items) => Value::tuple(items),
            Kind::Mapping {
                entries,
                mut merged,
                ..
            } => {
                merged.extend(entries);
                Value::Object(Arc::new(merged.into()))
            }
        };
        self.remember(open.anchor, &value, open.parts);
        self.add(value, open.parts, false)
    }

    fn remember(&mut self, anchor: usize, value: &Value, parts: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), parts));
        }
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, value: Value, parts: usize, merge: bool) -> Result<(), String> {
        if self.parts > MOST_ELEMENTS {
            return Err(format!(
                "the value has more than {MOST_ELEMENTS} parts once aliases are put in"
            ));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        open.parts += parts;
        match &mut open.kind {
            Kind::Sequence(items) => items.push(value),
            Kind::Mapping {
                entries,
                merged,
                key,
            } => match key.take() {
                None if merge => *key = Some(Key::Merge),
                None => *key = Some(Key::Name(name(&value)?)),
                Some(Key::Name(name)) => {
                    entries.insert(name, value);
                }
                Some(Key::Merge) => match &value {
                    Value::Object(from) => {
                        merged.extend(from.iter().map(|(k, v)| (k.clone(), v.clone())));
                    }
                    _ => return Err("only a mapping can be merged with <<".into()),
                },
            },
        }
        Ok(())
    }
}

fn name(key: &Value) -> Result<Str, String> {
    if key.is_null() {
        return Err("a key must not be null".into());
    }
    let text = convert(key, &Type::String).ok();
    let text = text.as_ref().and_then(Value::as_str).cloned();
    text.ok_or_else(|| "a key must be a scalar".into())
}

/// The name of one of YAML's own tags.
fn tag_name(tag: Option<&Tag>) -> Result<Option<&str>, String> {
    match tag {
        None => Ok(None),
        Some(tag) if tag.is_yaml_core_schema() => Ok(Some(&tag.suffix)),
        Some(tag) => Err(format!(
            "the tag \"{}{}\" is not supported",
            tag.handle, tag.suffix
        )),
    }
}
