use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::{Marks, Set, Type, Value};

/// A set of the items, which must all be of type `elem`: sorted as the language sorts,
/// duplicates gone, marks of elements at any depth moved to the set itself.
///
/// Elements with unknown parts are all kept, as nobody can tell yet which of them are equal.
pub fn set_value(elem: Type, items: Vec<Value>) -> Value {
    let marks = items
        .iter()
        .fold(Marks::NONE, |marks, item| marks | item.marks_deep());
    let mut items = items;
    if !marks.is_empty() {
        items = items.iter().map(Value::unmark_deep).collect();
    }
    if elem.is_primitive() {
        items.sort_by(set_order);
    } else {
        items = sorted_by_text(items);
    }
    items.dedup_by(|later, kept| later == kept && kept.is_wholly_known());
    Value::Set(Arc::new(Set { elem, items })).mark(marks)
}

/// The order in which a set holds its elements: strings by bytes, numbers by value, false before
/// true, anything else by a stable text form; null after those and unknown last. Marks do not
/// count.
pub fn set_order(a: &Value, b: &Value) -> Ordering {
    match (a.peel(), b.peel()) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (a, b) => rank(a)
            .cmp(&rank(b))
            .then_with(|| order_text(a).cmp(&order_text(b))),
    }
}

/// Each text is made once, not once per comparison.
fn sorted_by_text(items: Vec<Value>) -> Vec<Value> {
    let mut keyed: Vec<_> = items
        .into_iter()
        .map(|item| (rank(&item), order_text(&item), item))
        .collect();
    keyed.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    keyed.into_iter().map(|(_, _, item)| item).collect()
}

fn rank(value: &Value) -> u8 {
    match value.peel() {
        Value::Null(_) => 1,
        Value::Unknown(_) => 2,
        _ => 0,
    }
}

/// Equal for equal values and, as it ends in the exact digits of numbers, for no others.
fn order_text(value: &Value) -> String {
    let mut text = String::new();
    write_text(value, &mut text);
    text
}

fn write_text(value: &Value, out: &mut String) {
    let seq = |open: char, close: char, items: &[Value], out: &mut String| {
        out.push(open);
        for item in items {
            nested(item, out);
            out.push(';');
        }
        out.push(close);
    };
    match value {
        Value::Marked(m) => nested(&m.value, out),
        Value::Unknown(_) => out.push('?'),
        Value::Null(_) => out.push('~'),
        Value::Bool(b) => out.push(if *b { 'T' } else { 'F' }),
        Value::Number(n) => write_number(n, out),
        Value::String(s) => write_quoted(s, out),
        Value::List(l) => seq('[', ']', &l.items, out),
        Value::Set(s) => seq('[', ']', &s.items, out),
        Value::Tuple(items) => seq('<', '>', items, out),
        Value::Map(m) => {
            out.push('{');
            for (key, item) in &m.entries {
                write_quoted(key, out);
                out.push(':');
                nested(item, out);
                out.push(';');
            }
            out.push('}');
        }
        Value::Object(attrs) => {
            out.push('<');
            for item in attrs.values() {
                nested(item, out);
                out.push(';');
            }
            out.push('>');
        }
    }
}

fn nested(value: &Value, out: &mut String) {
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || write_text(value, out));
}

fn write_number(n: &crate::Number, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(out, "{n}");
}

/// The text in quotes, escaped so that the closing quote is unmistakable.
fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(items: Vec<Value>, expect: Vec<Value>) {
        let set = set_value(Type::String, items);
        assert_eq!(set.as_slice(), Some(&expect[..]));
    }

    #[test]
    fn sorts_and_drops_duplicates() {
        check(
            vec!["b".into(), "a".into(), "B".into(), "a".into()],
            vec!["B".into(), "a".into(), "b".into()],
        );
    }

    #[test]
    fn null_and_unknown_come_last_and_unknowns_are_all_kept() {
        let unknown = Value::unknown(Type::String);
        let null = Value::Null(Type::String);
        check(
            vec![
                unknown.clone(),
                null.clone(),
                unknown.clone(),
                "z".into(),
                null.clone(),
            ],
            vec!["z".into(), null, unknown.clone(), unknown],
        );
    }

    #[test]
    fn marks_of_elements_move_to_the_set() {
        let object = Value::object([("a", Value::from("x").mark(Marks::SENSITIVE))]);
        let set = set_value(object.ty(), vec![object.clone(), object.unmark_deep()]);
        assert_eq!(set.marks(), Marks::SENSITIVE);
        assert_eq!(set.as_slice().map(<[Value]>::len), Some(1));
        assert!(!set.peel().is_marked_deep());
    }

    #[test]
    fn structures_sort_by_text() {
        let tuple = |n: i64| Value::list(Type::Number, vec![n.into()]);
        let set = set_value(
            Type::list(Type::Number),
            vec![tuple(2), tuple(10), tuple(1), tuple(2)],
        );
        assert_eq!(set.as_slice(), Some(&[tuple(10), tuple(1), tuple(2)][..]));
    }
}
