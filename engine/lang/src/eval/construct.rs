//! Values put together: templates and objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_value::{Marks, Refinement, Str, Type, Value, convert};

use super::{Evaluated, Evaluator, Failure, Gathered};
use crate::NodeId;

/// What stands in a string for a part that could not be put in: the string is known, but it is
/// no key of anything.
const MISSING: &str = "\u{fffd}";

impl Evaluator<'_> {
    pub(super) fn template(&mut self, id: NodeId, parts: &[NodeId]) -> Evaluated {
        let mut text = Gathered::new(Joined::default());
        for &part in parts {
            let joined = self
                .node(part)
                .and_then(|value| self.interpolate(part, &value))
                .map_err(Failure::of_text);
            let joined = text.take(joined);
            self.count_bytes(id, text.so_far.push(joined))?;
        }
        text.finish(Joined::finish)
    }

    /// A value as a part of a string.
    pub(super) fn interpolate(&self, id: NodeId, value: &Value) -> Evaluated {
        let summary = "Invalid template interpolation value";
        if value.is_null() {
            let detail = "The value is null, which cannot be put into a string.";
            return Err(self.error(id, summary, detail).with_spare(MISSING.into()));
        }
        convert(value, &Type::String).map_err(|e| {
            let what = value.ty().friendly_name();
            let detail = format!("The value is a {what}, which cannot be put into a string: {e}.");
            let spare = Value::from(MISSING).mark(value.marks());
            self.error(id, summary, detail).with_spare(spare)
        })
    }

    pub(super) fn object(&mut self, id: NodeId, items: &[(NodeId, NodeId)]) -> Evaluated {
        self.count_elements(id, items.len())?;
        let mut attributes = Gathered::new(BTreeMap::new());
        let mut marks = Marks::NONE;
        let mut unknown = false;
        for &(key, value) in items {
            let name = self
                .node(key)
                .and_then(|k| Ok((self.object_key(key, &k)?, k.marks())));
            let value = self.node(value);
            let value = attributes.take(value);
            match name {
                Ok((Some(name), key_marks)) => {
                    marks |= key_marks;
                    attributes.so_far.insert(name, value);
                }
                Ok((None, key_marks)) => {
                    marks |= key_marks;
                    unknown = true;
                }
                Err(failure) => {
                    attributes.take(Err(failure));
                    unknown = true;
                }
            }
        }
        attributes.finish(|attributes| match unknown {
            true => Value::unknown_not_null(Type::Dynamic).mark(marks),
            false => Value::Object(Arc::new(attributes.into())).mark(marks),
        })
    }

    /// The name of an attribute; `None` when it is not known yet.
    fn object_key(&self, id: NodeId, key: &Value) -> Result<Option<Str>, Failure> {
        if key.is_null() {
            return Err(self.error(id, "Null value as key", "The key is null."));
        }
        let key = convert(key, &Type::String).map_err(|e| {
            self.error(id, "Incorrect key type", format!("A key is a string: {e}."))
        })?;
        Ok(key.as_str().cloned())
    }
}

/// Strings joined to one; from the first unknown one on only the prefix is kept.
#[derive(Default)]
pub(super) struct Joined {
    text: String,
    unknown: bool,
    marks: Marks,
}

impl Joined {
    /// Appends a string, known or not, and says by how many bytes the text got longer.
    pub(super) fn push(&mut self, value: Value) -> usize {
        let before = self.text.len();
        self.marks |= value.marks();
        match value.peel() {
            Value::String(s) if !self.unknown => self.text.push_str(s),
            Value::Unknown(u) if !self.unknown => {
                self.unknown = true;
                self.text
                    .push_str(u.refinement.prefix.as_deref().unwrap_or_default());
            }
            _ => {}
        }
        self.text.len() - before
    }

    /// The whole string.
    pub(super) fn finish(self) -> Value {
        let value = if self.unknown {
            unknown_string(&self.text)
        } else {
            Value::string_nfc(&self.text)
        };
        value.mark(self.marks)
    }
}

/// An unknown string that starts with a text. The last character is left out, because what
/// follows may combine with it.
pub(crate) fn unknown_string(prefix: &str) -> Value {
    use unicode_segmentation::UnicodeSegmentation;
    let safe = prefix.grapheme_indices(true).next_back();
    let keep = match safe {
        Some((_, last)) if last.is_ascii() && last != "\r" => prefix.len(),
        Some((at, _)) => at,
        None => 0,
    };
    let prefix = (keep > 0).then(|| Str::from(&prefix[..keep]));
    Value::refined(
        Type::String,
        Refinement {
            not_null: true,
            prefix,
            ..Refinement::default()
        },
    )
}
