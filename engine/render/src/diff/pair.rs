//! Which elements of two lists belong together.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use muster_value::Value;
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

/// Pairs of lists. When as many elements follow as there were, and some of them are new, each is
/// taken to be the old one at its place; else the longest common part stays.
pub(super) fn list(old: &[&Value], new: &[&Value]) -> Vec<Pair> {
    let (mut ids, mut next) = (HashMap::new(), 0);
    let a = number(&mut ids, &mut next, old);
    let b = number(&mut ids, &mut next, new);
    let known: HashSet<usize> = a.iter().copied().collect();
    if a.len() == b.len() && b.iter().any(|id| !known.contains(id)) {
        return (0..a.len()).map(|i| (Some(i), Some(i))).collect();
    }
    let is_object = |v: &Value| v.as_entries().is_some();
    let mut pairs = Vec::with_capacity(a.len().max(b.len()));
    let (mut i, mut j) = (0, 0);
    for (x, y) in earliest(&a, &b).into_iter().chain([(a.len(), b.len())]) {
        while i < x && j < y && is_object(old[i]) && is_object(new[j]) {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        }
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
