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
    let mut exact = String::new();
    write_digits(value, &mut exact);
    text + &exact
}

/// The exact digits of all numbers.
fn write_digits(value: &Value, out: &mut String) {
    match value {
        // Writing to a String cannot fail.
        Value::Number(n) => _ = write!(out, ";{n}"),
        other => other.children().for_each(|item| {
            stacker::maybe_grow(64 * 1024, 1024 * 1024, || write_digits(item, out));
        }),
    }
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

/// Ten digits at most, with an exponent where that is shorter.
fn write_number(n: &crate::Number, out: &mut String) {
    const DIGITS: usize = 10;
    if n.is_zero() || n.is_infinite() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{n}");
        return;
    }
    let text = n.exact_text();
    let plain = text.trim_start_matches('-');
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = all.len() - digits.len();
    let (digits, carried) = rounded(digits.trim_end_matches('0'), DIGITS);
    // The number is 0.digits times ten to this power.
    let point = whole.len() as i64 - leading as i64 + i64::from(carried);
    let count = digits.len() as i64;
    if n.is_negative() {
        out.push('-');
    }
    let most = if count >= point {
        count.min(DIGITS as i64)
    } else {
        DIGITS as i64
    };
    if point - 1 < -4 || point > most {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if point < 1 { '-' } else { '+' };
        let _ = write!(out, "{first}{dot}{rest}e{sign}{:02}", (point - 1).abs());
    } else if point <= 0 {
        let _ = write!(
            out,
            "0.{}{digits}",
            "0".repeat(point.unsigned_abs() as usize)
        );
    } else if count <= point {
        let _ = write!(out, "{digits}{}", "0".repeat((point - count) as usize));
    } else {
        let (whole, fraction) = digits.split_at(point as usize);
        let _ = write!(out, "{whole}.{fraction}");
    }
}

/// So many digits at most, rounded to even, without zeros at the end; and whether there is a
/// digit more in front.
fn rounded(digits: &str, most: usize) -> (String, bool) {
    if digits.len() <= most {
        return (digits.into(), false);
    }
    let (kept, rest) = digits.split_at(most);
    let odd = kept.ends_with(['1', '3', '5', '7', '9']);
    let up = rest > "5" || rest == "5" && odd;
    let mut kept: Vec<u8> = kept.bytes().collect();
    if up {
        while kept.last() == Some(&b'9') {
            kept.pop();
        }
        match kept.last_mut() {
            Some(last) => *last += 1,
            None => return ("1".into(), true),
        }
    }
    let text: String = kept.into_iter().map(char::from).collect();
    (text.trim_end_matches('0').into(), false)
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
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
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

    /// What Terraform 1.11.4 gives.
    #[test]
    fn numbers_inside_of_others_sort_by_ten_digits() {
        let sorted = [
            "-0.5",
            "-100",
            "-1",
            "0.0001",
            "0.1",
            "0",
            "1.23456789012",
            "12345678901",
            "123456789012345678901",
            "1.5",
            "1000000000",
            "100",
            "10",
            "10000000000",
            "9999999999.5",
            "99999999995",
            "0.00001",
            "0.0000000001",
            "2",
        ];
        let item = |text: &str| {
            let number = crate::Number::parse(text).expect("it is a number");
            Value::tuple([number.into()])
        };
        let set = set_value(
            Type::tuple([Type::Number]),
            sorted.iter().rev().map(|t| item(t)).collect(),
        );
        let expect: Vec<_> = sorted.iter().map(|t| item(t)).collect();
        assert_eq!(set.as_slice(), Some(&expect[..]));
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
