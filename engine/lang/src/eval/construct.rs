//! Values put together: templates and objects.

use std::collections::BTreeMap;

use muster_value::{Marks, Refinement, Str, Type, Value, convert};

use super::operators::both;
use super::{Evaluated, Evaluator, Failure};
use crate::NodeId;

impl Evaluator<'_> {
    pub(super) fn template(&mut self, parts: &[NodeId]) -> Evaluated {
        let mut text = Joined::default();
        let mut failed: Option<Failure> = None;
        for &part in parts {
            let joined = self
                .node(part)
                .and_then(|value| self.interpolate(part, &value));
            match joined {
                Ok(value) => text.push(value),
                Err(diags) => failed.get_or_insert_default().extend(diags),
            }
        }
        match failed {
            Some(diags) => Err(diags),
            None => Ok(text.finish()),
        }
    }

    /// A value as a part of a string.
    pub(super) fn interpolate(&self, id: NodeId, value: &Value) -> Evaluated {
        let summary = "Invalid template interpolation value";
        if value.is_null() {
            let detail = "The value is null, which cannot be put into a string.";
            return Err(self.error(id, summary, detail));
        }
        convert(value, &Type::String).map_err(|e| {
            let what = value.ty().friendly_name();
            let detail = format!("The value is a {what}, which cannot be put into a string: {e}.");
            self.error(id, summary, detail)
        })
    }

    pub(super) fn object(&mut self, items: &[(NodeId, NodeId)]) -> Evaluated {
        let mut attributes = BTreeMap::new();
        let mut marks = Marks::NONE;
        let mut unknown = false;
        let mut failed: Option<Failure> = None;
        for &(key, value) in items {
            let pair = both(self.node(key), self.node(value));
            let pair = pair.and_then(|(k, v)| Ok((self.object_key(key, &k)?, k.marks(), v)));
            match pair {
                Ok((name, key_marks, value)) => {
                    marks |= key_marks;
                    match name {
                        Some(name) => {
                            attributes.insert(name, value);
                        }
                        None => unknown = true,
                    }
                }
                Err(diags) => failed.get_or_insert_default().extend(diags),
            }
        }
        match failed {
            Some(diags) => Err(diags),
            None if unknown => Ok(Value::unknown_not_null(Type::Dynamic).mark(marks)),
            None => Ok(Value::Object(attributes.into()).mark(marks)),
        }
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
    /// Appends a string, known or not.
    pub(super) fn push(&mut self, value: Value) {
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
