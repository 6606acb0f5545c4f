//! What one expression may make.

use muster_value::Value;

use super::{Evaluated, Evaluator, Failure};
use crate::NodeId;
use crate::functions::{MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS};

/// How many bytes of text the strings may have that one expression makes.
const MOST_TEXT: usize = 8 * MOST_BYTES;

/// How often the bodies of loops may be evaluated in one expression.
const MOST_ROUNDS: usize = 1 << 27;

/// What an expression has made so far.
#[derive(Default)]
pub(super) struct Made {
    /// About as many elements as are in memory.
    elements: usize,
    /// About as many bytes of text as are in memory.
    bytes: usize,
    rounds: usize,
    /// How many constructors of collections the present node is in.
    depth: usize,
}

impl Evaluator<'_> {
    /// Takes note of elements that are made.
    pub(super) fn count_elements(&mut self, id: NodeId, more: usize) -> Result<(), Failure> {
        self.made.elements = self.made.elements.saturating_add(more);
        if self.made.elements > MOST_ELEMENTS {
            let detail = format!("This expression makes more than {MOST_ELEMENTS} elements.");
            return Err(self.error(id, "Too many elements", detail));
        }
        Ok(())
    }

    /// Takes note of rounds of a loop that are about to be made.
    pub(super) fn count_rounds(&mut self, id: NodeId, more: usize) -> Result<(), Failure> {
        self.made.rounds = self.made.rounds.saturating_add(more);
        if self.made.rounds > MOST_ROUNDS {
            let detail = format!("This expression goes through more than {MOST_ROUNDS} elements.");
            return Err(self.error(id, "Too many elements", detail));
        }
        Ok(())
    }

    /// Refuses a result that is too large or too deep to be gone through. It can be so without
    /// much being made: a collection that is in others twice is shared, but has to be gone
    /// through twice.
    pub(super) fn measured(&self, id: NodeId, value: Value, most_depth: usize) -> Evaluated {
        let mut parts = 0usize;
        let mut waiting = vec![(&value, 0)];
        while let Some((part, depth)) = waiting.pop() {
            let more = wait_for_parts(part, depth + 1, &mut waiting);
            parts = parts.saturating_add(more);
            if parts > MOST_ELEMENTS {
                let detail = format!(
                    "This value has more than {MOST_ELEMENTS} elements, those of its elements included."
                );
                return Err(self.error(id, "Too many elements", detail));
            }
            if more > 0 && depth == most_depth {
                let detail = format!("Collections can be nested {most_depth} deep here.");
                return Err(self.error(id, "Collections nested too deep", detail));
            }
        }
        Ok(value)
    }

    /// Takes note of text that was made.
    pub(super) fn count_bytes(&mut self, id: NodeId, more: usize) -> Result<(), Failure> {
        self.made.bytes = self.made.bytes.saturating_add(more);
        if more > MOST_BYTES || self.made.bytes > MOST_TEXT {
            let detail = format!(
                "A string can have {MOST_BYTES} bytes, and all that one expression makes can have {MOST_TEXT}."
            );
            return Err(self.error(id, "String too long", detail));
        }
        Ok(())
    }

    /// Takes no note of what an operation makes: it is gone afterwards.
    pub(super) fn forget(&mut self, operation: impl FnOnce(&mut Self) -> Evaluated) -> Evaluated {
        let (elements, bytes) = (self.made.elements, self.made.bytes);
        let result = operation(self);
        self.made.elements = elements;
        self.made.bytes = bytes;
        result
    }

    /// Takes note of the result of an operation only.
    pub(super) fn count_result(
        &mut self,
        id: NodeId,
        operation: impl FnOnce(&mut Self) -> Evaluated,
    ) -> Evaluated {
        let result = self.forget(operation);
        if let Ok(value) = &result {
            match value.as_str() {
                Some(text) => self.count_bytes(id, text.len())?,
                None => self.count_elements(id, value.len().unwrap_or(0))?,
            }
        }
        result
    }

    /// Evaluates what is inside of the constructor of a collection.
    pub(super) fn deeper(
        &mut self,
        id: NodeId,
        inside: impl FnOnce(&mut Self) -> Evaluated,
    ) -> Evaluated {
        if self.made.depth == MOST_DEPTH {
            let detail = format!("Collections can be nested {MOST_DEPTH} deep here.");
            return Err(self.error(id, "Collections nested too deep", detail));
        }
        self.made.depth += 1;
        let result = inside(self);
        self.made.depth -= 1;
        result
    }
}

/// Adds the collections directly in a value to those that wait, and tells how many parts it has.
fn wait_for_parts<'a>(
    value: &'a Value,
    depth: usize,
    waiting: &mut Vec<(&'a Value, usize)>,
) -> usize {
    let mut wait = |parts: &mut dyn Iterator<Item = &'a Value>| {
        let parts = parts.filter(|part| part.peel().len().is_some());
        waiting.extend(parts.map(|part| (part, depth)));
    };
    match value.peel() {
        Value::List(list) => wait(&mut list.items.iter()),
        Value::Set(set) => wait(&mut set.items.iter()),
        Value::Tuple(items) => wait(&mut items.iter()),
        Value::Map(map) => wait(&mut map.entries.values()),
        Value::Object(object) => wait(&mut object.values()),
        _ => return 0,
    }
    value.peel().len().unwrap_or(0)
}
