//! `for` expressions and directives.

use std::collections::BTreeMap;

use muster_value::{Marks, Str, Type, Value, convert};

use super::construct::Joined;
use super::{Evaluated, Evaluator, Failure};
use crate::NodeId;
use crate::expr::ForExpr;

/// What one round gave.
enum Round {
    /// The condition left it out.
    Skipped,
    /// Not known whether it is left out.
    Undecided,
    /// Key, if the result is an object (`None` when it is not known), and value.
    Result(Option<Option<Str>>, Evaluated),
}

/// The value, or what is known of it. Of many rounds that fail, the first one tells why.
fn spared(value: Evaluated, failed: &mut Option<Failure>) -> Value {
    value.unwrap_or_else(|failure| {
        let spare = failure.spare.clone();
        failed.get_or_insert(failure);
        spare
    })
}

impl Evaluator<'_> {
    pub(super) fn for_expr(&mut self, each: &ForExpr) -> Evaluated {
        let mut failed: Option<Failure> = None;
        let collection = spared(self.node(each.collection), &mut failed);
        let (collection, mut marks) = collection.unmark();
        let items = match (self.items(each.collection, &collection), failed.take()) {
            (_, Some(failure)) if !collection.is_known() => {
                let unknown = Value::unknown(Type::Dynamic).mark(marks);
                return Err(failure.with_spare(unknown));
            }
            (Err(_), Some(failure)) => return Err(failure.without_spare()),
            (items, failure) => {
                failed = failure;
                items?
            }
        };
        let Some(items) = items else {
            return Ok(Value::unknown_not_null(Type::Dynamic).mark(marks));
        };
        self.count_rounds(each.collection, items.len())?;
        self.check_condition(each, items.is_empty())?;
        let mut unknown = false;
        let mut values = Vec::new();
        let mut groups: BTreeMap<Str, Vec<Value>> = BTreeMap::new();
        for (key, value) in items {
            let round = self.round(each, key, value, &mut marks);
            let round = round.map_err(|failure| self.broken_off(each, failure, marks))?;
            if let Round::Result(..) = round {
                self.count_elements(each.value, 1)?;
            }
            match round {
                Round::Skipped => {}
                Round::Undecided | Round::Result(Some(None), _) => unknown = true,
                Round::Result(None, value) => values.push(spared(value, &mut failed)),
                Round::Result(Some(Some(name)), value) => {
                    let value = spared(value, &mut failed);
                    let group = groups.entry(name.clone()).or_default();
                    if group.is_empty() || each.group {
                        group.push(value);
                    } else {
                        failed.get_or_insert_with(|| self.duplicate(each, &name, marks));
                    }
                }
            }
        }
        let result = match (unknown, each.key, each.group) {
            (true, ..) => Value::unknown_not_null(Type::Dynamic),
            (_, None, _) => Value::tuple(values),
            (_, _, true) => Value::object(groups.into_iter().map(|(k, v)| (k, Value::tuple(v)))),
            _ => Value::object(
                groups
                    .into_iter()
                    .filter_map(|(k, mut v)| Some((k, v.pop()?))),
            ),
        };
        match failed {
            Some(failure) => Err(failure.with_spare(result.mark(marks))),
            None => Ok(result.mark(marks)),
        }
    }

    /// An `if` clause that is wrong whatever the elements are is so when there are none as well.
    fn check_condition(&mut self, each: &ForExpr, empty: bool) -> Result<(), Failure> {
        let Some(condition) = each.condition.filter(|_| empty) else {
            return Ok(());
        };
        for slot in each.key_slot.into_iter().chain([each.value_slot]) {
            self.slots[slot as usize] = Value::unknown(Type::Dynamic);
        }
        let mut ignored = Marks::NONE;
        self.wanted(condition, &mut ignored).map(drop)
    }

    /// The failure of a round after which there are no more. What was seen up to it leaves its
    /// marks, unless the `if` clause is wrong from the start.
    fn broken_off(&mut self, each: &ForExpr, failure: Failure, marks: Marks) -> Failure {
        let counted = self.count_rounds(each.collection, 1);
        match counted.and_then(|()| self.check_condition(each, true)) {
            Ok(()) => failure.with_spare(Value::unknown(Type::Dynamic).mark(marks)),
            Err(_) => failure.without_spare(),
        }
    }

    pub(super) fn template_for(&mut self, id: NodeId, each: &ForExpr) -> Evaluated {
        let (collection, mut marks) = self.node(each.collection)?.unmark();
        let Some(items) = self.items(each.collection, &collection)? else {
            return Ok(Value::unknown_not_null(Type::String).mark(marks));
        };
        self.count_rounds(each.collection, items.len())?;
        let mut failed: Option<Failure> = None;
        let mut text = Joined::default();
        for (key, value) in items {
            let Round::Result(_, value) = self.round(each, key, value, &mut marks)? else {
                continue;
            };
            let value = value.and_then(|value| self.interpolate(id, &value));
            let added = text.push(spared(value.map_err(Failure::of_text), &mut failed));
            self.count_bytes(id, added)?;
        }
        let result = text.finish().mark(marks);
        match failed {
            Some(failure) => Err(failure.with_spare(result)),
            None => Ok(result),
        }
    }

    /// Keys and values of what is iterated; `None` when they are not known yet.
    fn items(
        &self,
        id: NodeId,
        collection: &Value,
    ) -> Result<Option<Vec<(Value, Value)>>, Failure> {
        let numbered = |items: &[Value]| {
            (0i64..)
                .zip(items)
                .map(|(i, v)| (Value::int(i), v.clone()))
                .collect()
        };
        Ok(Some(match collection {
            Value::Null(_) => {
                let detail = "A for expression cannot iterate over null.";
                return Err(self.error(id, "Iteration over null value", detail));
            }
            Value::Unknown(u) => match &u.ty {
                ty if ty.is_primitive() => return Err(self.not_iterable(id, ty)),
                _ => return Ok(None),
            },
            Value::List(list) => numbered(&list.items),
            Value::Tuple(items) => numbered(items),
            Value::Set(set) => set.items.iter().map(|v| (v.clone(), v.clone())).collect(),
            Value::Map(_) | Value::Object(_) => collection
                .as_entries()
                .into_iter()
                .flatten()
                .map(|(k, v)| (Value::String(k.clone()), v.clone()))
                .collect(),
            other => return Err(self.not_iterable(id, &other.ty())),
        }))
    }

    fn not_iterable(&self, id: NodeId, ty: &Type) -> Failure {
        let detail = format!(
            "A for expression cannot iterate over a {}.",
            ty.friendly_name()
        );
        self.error(id, "Iteration over non-iterable value", detail)
    }

    fn round(
        &mut self,
        each: &ForExpr,
        key: Value,
        value: Value,
        marks: &mut Marks,
    ) -> Result<Round, Failure> {
        if let Some(slot) = each.key_slot {
            self.slots[slot as usize] = key;
        }
        self.slots[each.value_slot as usize] = value;
        if let Some(condition) = each.condition {
            match self.wanted(condition, marks)? {
                Some(true) => {}
                Some(false) => return Ok(Round::Skipped),
                None => return Ok(Round::Undecided),
            }
        }
        let Some(key) = each.key else {
            return Ok(Round::Result(None, self.node(each.value)));
        };
        let (name, failed) = match self.result_key(key, marks) {
            Ok(name) => (name, None),
            // A string with something wrong in it is a key all the same.
            Err(failure) if failure.spare.as_str().is_some() => {
                (failure.spare.as_str().cloned(), Some(failure))
            }
            Err(failure) => return Err(failure),
        };
        let value = match (self.node(each.value), failed) {
            (Ok(value), Some(failure)) => Err(failure.with_spare(value)),
            (value, _) => value,
        };
        Ok(Round::Result(Some(name), value))
    }

    /// The `if` clause; `None` when it is not known yet.
    fn wanted(&mut self, condition: NodeId, marks: &mut Marks) -> Result<Option<bool>, Failure> {
        let value = self.node(condition).map_err(Failure::without_spare)?;
        *marks |= value.marks();
        if value.is_null() {
            let detail = "The if clause is null: neither true nor false.";
            return Err(self.error(condition, "Condition is null", detail));
        }
        let value = convert(&value, &Type::Bool).map_err(|e| {
            let detail = format!("The if clause must be a bool: {e}.");
            self.error(condition, "Invalid 'for' condition", detail)
        })?;
        Ok(value.as_bool())
    }

    fn result_key(&mut self, id: NodeId, marks: &mut Marks) -> Result<Option<Str>, Failure> {
        let key = self.node(id).map_err(|failure| {
            *marks |= failure.spare.marks();
            failure.unless_text()
        })?;
        let summary = "Invalid object key";
        if key.is_null() {
            return Err(self.error(id, summary, "The key of a result is null."));
        }
        *marks |= key.marks();
        let key = convert(&key, &Type::String).map_err(|e| {
            let detail = format!("The key of a result must be a string: {e}.");
            self.error(id, summary, detail)
        })?;
        Ok(key.as_str().cloned())
    }

    fn duplicate(&self, each: &ForExpr, name: &str, marks: Marks) -> Failure {
        let which = match marks.is_empty() {
            true => format!("the key \"{name}\""),
            false => "a key that is not shown here".into(),
        };
        let detail = format!(
            "Two rounds of this for expression give {which}. Put ... after the value to group values by key."
        );
        let id = each.key.unwrap_or(each.value);
        self.error(id, "Duplicate object key", detail)
    }
}
