//! Write-only attributes: they are in the configuration and nowhere else.

use muster_value::{Path, Value};

use crate::body::{Body, deep};
use crate::check::join_opt;
use crate::{AttributeType, Block, Nesting, SchemaError};

/// Where in the value write-only attributes are, null or not. Sets cannot hold any.
pub fn write_only_paths(block: &Block, value: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    visit(block.into(), value, &Path::root(), &mut |path, _| {
        found.push(path.clone());
    });
    found
}

/// Write-only attributes are null, as they must be in every value that a provider returns.
pub fn check_write_only_null(block: &Block, value: &Value) -> Vec<SchemaError> {
    let mut errors = Vec::new();
    visit(block.into(), value, &Path::root(), &mut |path, v| {
        if !v.is_null() {
            errors.push(SchemaError::new(
                path,
                "a write-only attribute must not have a value here",
            ));
        }
    });
    errors
}

type Found<'a> = &'a mut dyn FnMut(&Path, &Value);

fn visit(body: Body<'_>, value: &Value, at: &Path, found: Found<'_>) {
    for (name, attribute) in body.attributes {
        let Some(inner) = value.get(name) else {
            continue;
        };
        if attribute.write_only {
            found(&at.attr(name.clone()), inner);
        } else if let AttributeType::Nested {
            attributes,
            nesting,
        } = &attribute.ty
        {
            let path = at.attr(name.clone());
            visit_each(Body::nested(attributes), *nesting, inner, &path, found);
        }
    }
    for (name, nested) in body.blocks() {
        if let Some(inner) = value.get(name) {
            let path = at.attr(name.clone());
            visit_each((&nested.block).into(), nested.nesting, inner, &path, found);
        }
    }
}

fn visit_each(body: Body<'_>, nesting: Nesting, value: &Value, at: &Path, found: Found<'_>) {
    deep(|| match nesting {
        Nesting::Single | Nesting::Group => visit(body, value, at, found),
        Nesting::List | Nesting::Map | Nesting::Set => value.for_each_child(|step, v| {
            visit(body, v, &join_opt(at, step), found);
        }),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn write_only_attributes_are_found_at_every_depth() {
        let inner = || block([("secret", leaf("ow")), ("open", leaf("o"))], []);
        let b = block(
            [("w", leaf("ow")), ("n", nested("o", "map", inner()))],
            [("b", blocks("list", inner()))],
        );
        let part = |v: Value| obj([("secret", v), ("open", s("x"))]);
        let value = obj([
            ("w", NULL),
            ("n", map([("k", part(NULL))])),
            ("b", list([part(NULL), part(s("!"))])),
        ]);
        let paths: Vec<_> = write_only_paths(&b, &value)
            .iter()
            .map(Path::to_string)
            .collect();
        assert_eq!(
            paths,
            [".w", ".n[\"k\"].secret", ".b[0].secret", ".b[1].secret"]
        );
        let errors = check_write_only_null(&b, &value);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].path.to_string(), ".b[1].secret");
        assert_eq!(check_write_only_null(&b, &NULL), []);
    }
}
