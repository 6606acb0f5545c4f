//! Which changes need a replacement.

use std::collections::BTreeSet;

use muster_value::{Path, Value};

use crate::{AttributeType, Block, Nesting, SchemaError};

/// Of the paths at which a provider asks for a replacement, those where something really
/// changes: the values differ, may differ once they are known, or cannot be seen because the
/// attribute is write-only. None when the object is to be created. Order stays, repeats go.
pub fn requires_replace(
    block: &Block,
    prior: &Value,
    planned: &Value,
    paths: &[Path],
) -> Vec<Path> {
    if prior.is_null() {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    paths
        .iter()
        .filter(|path| changes(prior, planned, path) || is_write_only(block, path))
        .filter(|path| seen.insert(*path))
        .cloned()
        .collect()
}

/// Paths at which a provider asks for a replacement lead somewhere, before or after the change.
pub fn check_replace_paths(prior: &Value, planned: &Value, paths: &[Path]) -> Vec<SchemaError> {
    if prior.is_null() {
        return Vec::new();
    }
    paths
        .iter()
        .filter(|path| prior.at(path).is_none() && planned.at(path).is_none())
        .filter(|path| !enters_unknown(planned, path))
        .map(|path| SchemaError::new(path, "a replacement is asked for where there is no value"))
        .collect()
}

fn changes(prior: &Value, planned: &Value, path: &Path) -> bool {
    if enters_unknown(planned, path) {
        return true;
    }
    let null = Value::NULL;
    match (prior.at(path), planned.at(path)) {
        (None, None) => false,
        (old, new) => {
            let (old, new) = (old.unwrap_or(&null), new.unwrap_or(&null));
            old.equals(new).as_bool() != Some(true)
        }
    }
}

/// Whether the path leads into a value that is not known yet.
fn enters_unknown(value: &Value, path: &Path) -> bool {
    let mut at = value;
    for step in &path.0 {
        if !at.is_known() {
            return true;
        }
        match at.child(step) {
            Some(inner) => at = inner,
            None => return false,
        }
    }
    false
}

fn is_write_only(block: &Block, path: &Path) -> bool {
    use muster_value::PathStep::Attr;
    let mut steps = path.0.iter();
    let (mut attributes, mut blocks) = (&block.attributes, Some(&block.blocks));
    while let Some(Attr(name)) = steps.next() {
        let nesting = if let Some(attribute) = attributes.get(name) {
            if attribute.write_only {
                return true;
            }
            let AttributeType::Nested {
                attributes: inner,
                nesting,
            } = &attribute.ty
            else {
                return false;
            };
            (attributes, blocks) = (inner, None);
            *nesting
        } else if let Some(nested) = blocks.and_then(|b| b.get(name)) {
            (attributes, blocks) = (&nested.block.attributes, Some(&nested.block.blocks));
            nested.nesting
        } else {
            return false;
        };
        if matches!(nesting, Nesting::List | Nesting::Map | Nesting::Set) {
            steps.next();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn check(prior: Value, planned: Value, path: &Path, expect: bool) {
        let inner = block([("key", leaf("o")), ("w", leaf("ow"))], []);
        let b = block(
            [("a", leaf("o")), ("w", leaf("ow"))],
            [("b", blocks("list", inner))],
        );
        let got = requires_replace(&b, &prior, &planned, &[path.clone(), path.clone()]);
        assert_eq!(
            got.len(),
            usize::from(expect),
            "{prior:?} {planned:?} {path}"
        );
    }

    fn value(a: Value) -> Value {
        obj([
            ("a", a),
            ("w", NULL),
            ("b", list([obj([("key", s("k")), ("w", NULL)])])),
        ])
    }

    #[test]
    fn only_real_changes_count() {
        let a = Path::root().attr("a");
        check(value(s("x")), value(s("x")), &a, false);
        check(value(s("x")), value(s("y")), &a, true);
        check(value(s("x")), value(unknown()), &a, true);
        check(value(NULL), value(NULL), &a, false);
        check(NULL, value(s("y")), &a, false);
    }

    #[test]
    fn a_part_that_appears_or_goes_is_a_change() {
        let key = Path::root().attr("b").index(0).attr("key");
        let without = obj([("a", s("x")), ("w", NULL), ("b", list([]))]);
        check(value(s("x")), value(s("x")), &key, false);
        check(value(s("x")), without.clone(), &key, true);
        check(without, value(s("x")), &key, true);
        let unknown = obj([
            ("a", s("x")),
            ("b", Value::unknown(muster_value::Type::Dynamic)),
        ]);
        check(value(s("x")), unknown, &key, true);
    }

    #[test]
    fn write_only_attributes_always_count() {
        check(value(s("x")), value(s("x")), &Path::root().attr("w"), true);
        let inner = Path::root().attr("b").index(0).attr("w");
        check(value(s("x")), value(s("x")), &inner, true);
    }

    #[test]
    fn paths_that_lead_nowhere_are_reported() {
        let paths = [
            Path::root().attr("a"),
            Path::root().attr("nope"),
            Path::root().attr("b").index(7),
        ];
        let errors = check_replace_paths(&value(s("x")), &value(s("y")), &paths);
        let at: Vec<_> = errors.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(at, [".nope", ".b[7]"]);
        assert_eq!(check_replace_paths(&NULL, &value(s("y")), &paths), []);
    }
}
