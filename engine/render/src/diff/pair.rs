//! Which elements of two lists belong together.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use muster_value::{Str, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::json::to_string;

/// An element before and the element after that it became.
pub(super) type Pair = (Option<usize>, Option<usize>);

/// Lists longer than this (the product of both lengths) are compared by a quicker algorithm that
/// may break ties in another way.
const LARGE: usize = 1_000_000;

/// A number for each different value. Values with unknown parts are all different.
fn number(ids: &mut HashMap<String, usize>, next: &mut usize, values: &[&Value]) -> Vec<usize> {
    let fresh = |next: &mut usize| {
        *next += 1;
        *next
    };
    let ids = values.iter().map(|value| {
        if !value.is_wholly_known() {
            return fresh(next);
        }
        *ids.entry(to_string(|w| w.value(value)))
            .or_insert_with(|| fresh(next))
    });
    ids.collect()
}

/// Attributes that tell the elements of a list apart, the first one that does is taken.
const KEYS: [&str; 3] = ["name", "id", "key"];

/// Pairs of lists. Objects with a key of their own belong together by that. When as many elements follow as there were, and some of them are new, each is
/// taken to be the old one at its place; else the longest common part stays.
pub(super) fn list(old: &[&Value], new: &[&Value]) -> Vec<Pair> {
    if let Some((a, b)) = keys(old, new) {
        // Where as many come as go, they have new names.
        let renamed = |i: Range<usize>, j: Range<usize>| match i.len() == j.len() {
            true => i.len(),
            false => 0,
        };
        return aligned(&a, &b, renamed);
    }
    let (mut ids, mut next) = (HashMap::new(), 0);
    let a = number(&mut ids, &mut next, old);
    let b = number(&mut ids, &mut next, new);
    let known: HashSet<usize> = a.iter().copied().collect();
    if a.len() == b.len() && b.iter().any(|id| !known.contains(id)) {
        return (0..a.len()).map(|i| (Some(i), Some(i))).collect();
    }
    let is_object = |v: &Value| v.as_entries().is_some();
    aligned(&a, &b, |i, j| {
        let both = |(i, j): &(usize, usize)| is_object(old[*i]) && is_object(new[*j]);
        i.zip(j).take_while(both).count()
    })
}

/// A number for the key of each element. Nothing when there is none that all elements have, that
/// everybody may see and that no two elements of a list share.
fn keys(old: &[&Value], new: &[&Value]) -> Option<(Vec<usize>, Vec<usize>)> {
    if old.is_empty() || new.is_empty() {
        return None;
    }
    KEYS.iter().find_map(|name| {
        let mut ids: HashMap<Str, usize> = HashMap::new();
        let a = numbered(&mut ids, old, name)?;
        let b = numbered(&mut ids, new, name)?;
        Some((a, b))
    })
}

fn numbered(ids: &mut HashMap<Str, usize>, values: &[&Value], name: &str) -> Option<Vec<usize>> {
    let mut seen = HashSet::new();
    let numbers = values.iter().map(|value| {
        if !value.marks().is_empty() {
            return None;
        }
        let key = value.get(name).filter(|key| key.marks().is_empty())?;
        let Value::String(text) = key else {
            return None;
        };
        let next = ids.len();
        let number = *ids.entry(text.clone()).or_insert(next);
        seen.insert(number).then_some(number)
    });
    numbers.collect()
}

/// Pairs around the longest common part. Of what is between its elements, `changed` tells how many
/// old ones become new ones, one by one; the others go and come.
fn aligned(
    a: &[usize],
    b: &[usize],
    changed: impl Fn(Range<usize>, Range<usize>) -> usize,
) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(a.len().max(b.len()));
    let (mut i, mut j) = (0, 0);
    for (x, y) in earliest(a, b).into_iter().chain([(a.len(), b.len())]) {
        let count = changed(i..x, j..y);
        pairs.extend((0..count).map(|k| (Some(i + k), Some(j + k))));
        (i, j) = (i + count, j + count);
        pairs.extend((i..x).map(|i| (Some(i), None)));
        pairs.extend((j..y).map(|j| (None, Some(j))));
        if x < a.len() {
            pairs.push((Some(x), Some(y)));
        }
        (i, j) = (x + 1, y + 1);
    }
    pairs
}

/// Pairs of sets: what stays and what goes in order, then what comes.
pub(super) fn set(old: &[&Value], new: &[&Value]) -> Vec<Pair> {
    let (mut ids, mut next) = (HashMap::new(), 0);
    let a = number(&mut ids, &mut next, old);
    let b = number(&mut ids, &mut next, new);
    let at: HashMap<usize, usize> = b.iter().enumerate().map(|(j, id)| (*id, j)).collect();
    let known: HashSet<usize> = a.iter().copied().collect();
    let stay_or_go = a
        .iter()
        .enumerate()
        .map(|(i, id)| (Some(i), at.get(id).copied()));
    let come = b.iter().enumerate().filter(|(_, id)| !known.contains(id));
    stay_or_go
        .chain(come.map(|(j, _)| (None, Some(j))))
        .collect()
}

/// The longest common subsequence, each part of it at the first place it can be.
fn earliest(a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    for (x, _) in common(a, b) {
        let next = |ids: &[usize], from: usize| ids[from..].iter().position(|id| *id == a[x]);
        let (Some(skip_a), Some(skip_b)) = (next(a, i), next(b, j)) else {
            break;
        };
        found.push((i + skip_a, j + skip_b));
        (i, j) = (i + skip_a + 1, j + skip_b + 1);
    }
    found
}

/// Indexes of the longest common subsequence.
fn common(a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > LARGE {
        return common_large(a, b);
    }
    let width = b.len() + 1;
    let mut longest = vec![0u32; (a.len() + 1) * width];
    for i in 0..a.len() {
        for j in 0..b.len() {
            longest[(i + 1) * width + j + 1] = if a[i] == b[j] {
                longest[i * width + j] + 1
            } else {
                longest[i * width + j + 1].max(longest[(i + 1) * width + j])
            };
        }
    }
    let (mut i, mut j) = (a.len(), b.len());
    let mut found = Vec::new();
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            found.push((i - 1, j - 1));
            (i, j) = (i - 1, j - 1);
        } else if longest[(i - 1) * width + j] > longest[i * width + j - 1] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    found.reverse();
    found
}

fn common_large(a: &[usize], b: &[usize]) -> Vec<(usize, usize)> {
    let deadline = Instant::now() + Duration::from_millis(500);
    let ops = capture_diff_slices_deadline(Algorithm::Myers, a, b, Some(deadline));
    let equal = ops.iter().filter_map(|op| match *op {
        DiffOp::Equal {
            old_index,
            new_index,
            len,
        } => Some((old_index, new_index, len)),
        _ => None,
    });
    equal
        .flat_map(|(old, new, len)| (0..len).map(move |k| (old + k, new + k)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &[&str], new: &[&str], expect: &str) {
        let (old, new): (Vec<_>, Vec<_>) = (
            old.iter().map(|s| Value::from(*s)).collect(),
            new.iter().map(|s| Value::from(*s)).collect(),
        );
        let pairs = list(
            &old.iter().collect::<Vec<_>>(),
            &new.iter().collect::<Vec<_>>(),
        );
        let text = |v: &Value| v.as_str().map(|s| s.to_string()).unwrap_or_default();
        let shown: Vec<String> = pairs
            .into_iter()
            .map(|pair| match pair {
                (Some(i), Some(j)) if old[i] == new[j] => text(&old[i]),
                (Some(i), Some(j)) => format!("{}>{}", text(&old[i]), text(&new[j])),
                (Some(i), None) => format!("-{}", text(&old[i])),
                (None, Some(j)) => format!("+{}", text(&new[j])),
                (None, None) => String::new(),
            })
            .collect();
        assert_eq!(shown.join(" "), expect);
    }

    #[test]
    fn pairs_as_terraform_does() {
        check(
            &["a", "b", "c", "d"],
            &["b", "a", "d", "c"],
            "-a b -c +a d +c",
        );
        check(&["a", "a", "b"], &["a", "b", "b"], "a -a b +b");
        check(
            &["a", "b", "c", "d"],
            &["a", "x", "b", "c"],
            "a b>x c>b d>c",
        );
        check(
            &["a", "b", "c", "d", "e"],
            &["a", "X", "b", "c", "d", "Y"],
            "a +X b c d -e +Y",
        );
        check(&[], &["a"], "+a");
    }

    /// Objects as `name=value`; pairs of a key that stays as the key, with `~` when they differ.
    fn check_keyed(old: &str, new: &str, expect: &str) {
        let objects = |text: &str| -> Vec<Value> {
            let object = |part: &str| {
                let (name, value) = part.split_once('=').unwrap();
                Value::object([("name", name.into()), ("value", value.into())])
            };
            text.split_whitespace().map(object).collect()
        };
        let (a, b) = (objects(old), objects(new));
        let pairs = list(&a.iter().collect::<Vec<_>>(), &b.iter().collect::<Vec<_>>());
        let name = |v: &Value| v.get("name").unwrap().as_str().unwrap().to_string();
        let shown = pairs.into_iter().map(|pair| match pair {
            (Some(i), Some(j)) if a[i] == b[j] => name(&a[i]),
            (Some(i), Some(j)) if name(&a[i]) == name(&b[j]) => format!("~{}", name(&a[i])),
            (Some(i), Some(j)) => format!("{}>{}", name(&a[i]), name(&b[j])),
            (Some(i), None) => format!("-{}", name(&a[i])),
            (None, Some(j)) => format!("+{}", name(&b[j])),
            (None, None) => String::new(),
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn objects_belong_together_by_their_names() {
        check_keyed("a=1 b=1 c=1", "x=1 a=1 b=2 c=1", "+x a ~b c");
        // As many follow as there were, but not the same ones.
        check_keyed("a=1 b=1 c=1", "x=1 a=1 b=1", "+x a b -c");
        check_keyed("a=1 b=1 c=1", "b=1 c=2", "-a b ~c");
        check_keyed("a=1 b=1", "a=1 c=1", "a b>c");
        check_keyed("a=1 b=1", "b=1 a=1", "-a b +a");
        // Names that two share tell nothing.
        check_keyed("a=1 a=2", "a=2 a=3", "~a ~a");
    }

    #[test]
    fn what_is_hidden_is_no_key() {
        let object = |name: Value| Value::object([("name", name)]);
        let hidden = |name: &str| object(Value::from(name).mark(muster_value::Marks::SENSITIVE));
        let check = |a: Value, b: Value, keyed: bool| {
            assert_eq!(keys(&[&a], &[&b]).is_some(), keyed);
        };
        check(object("a".into()), object("b".into()), true);
        check(object("a".into()), hidden("a"), false);
        check(object("a".into()), object(Value::NULL), false);
        let unknown = object(Value::unknown(muster_value::Type::String));
        check(object("a".into()), unknown, false);
    }

    #[test]
    fn long_lists_are_quick() {
        let many: Vec<Value> = (0..20_000).map(Value::int).collect();
        let old: Vec<&Value> = many.iter().collect();
        let new: Vec<&Value> = many.iter().skip(1).collect();
        let pairs = list(&old, &new);
        assert_eq!(pairs[0], (Some(0), None));
        assert_eq!(pairs.len(), 20_000);
    }
}
