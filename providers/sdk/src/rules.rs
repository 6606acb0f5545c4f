//! The planning rules that hold for every resource: defaults, computed values, replacements.
//! Pure functions over values and a schema.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use muster_schema::{Attribute, AttributeType, Block, NestedBlock, Nesting};
use muster_value::{Path, PathStep, Value, set_value};

use crate::schema::{Keep, Rule, Rules, Schema};
use crate::{Str, de};

/// The planned object before the author has a say. `prior` is null to create.
///
/// When nothing but computed values would differ from `prior`, the plan is `prior`. Otherwise
/// absent attributes take their defaults, and computed ones become unknown unless the schema
/// says that they outlive the update.
pub(crate) fn plan(schema: &Schema, prior: &Value, config: &Value, proposed: &Value) -> Value {
    let shape = Shape::of(schema.block(), &schema.rules);
    let filled = shape.fill(config, proposed);
    if !prior.is_null() && filled.same(prior) {
        return prior.clone();
    }
    shape.forget(prior, config, &filled)
}

/// Where a plan differs from the prior object in a way that needs a new one.
pub(crate) fn replacements(schema: &Schema, prior: &Value, planned: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    if !prior.is_null() && !planned.is_null() {
        let shape = Shape::of(schema.block(), &schema.rules);
        shape.replacements(prior, planned, &Path::root(), &mut found);
    }
    found
}

/// An answer of the provider brought in line with what was planned where the two mean the same:
/// a number that went through a float, an empty collection in place of null.
pub(crate) fn reconcile(expected: &Value, answer: &Value) -> Value {
    de::deeper(|| match (expected, answer) {
        (Value::Number(a), Value::Number(b)) if a.to_f64() == b.to_f64() => expected.clone(),
        (Value::Null(_), Value::List(_) | Value::Map(_) | Value::Set(_))
            if answer.len() == Some(0) && expected.ty() == answer.ty() =>
        {
            expected.clone()
        }
        (Value::List(_), Value::List(_))
        | (Value::Map(_), Value::Map(_))
        | (Value::Tuple(_), Value::Tuple(_))
        | (Value::Object(_), Value::Object(_)) => {
            answer.map_children(
                |step, inner| match step.and_then(|step| expected.child(&step)) {
                    Some(expected) => reconcile(expected, inner),
                    None => inner.clone(),
                },
            )
        }
        _ => answer.clone(),
    })
}

/// The attributes and blocks of one object, from a block or from a nested attribute.
#[derive(Clone, Copy)]
struct Shape<'a> {
    attributes: &'a IndexMap<Str, Attribute>,
    blocks: Option<&'a IndexMap<Str, NestedBlock>>,
    rules: &'a Rules,
}

/// Stands in where the author gave no rule.
static NO_RULE: Rule = Rule {
    forces_replace: false,
    keep: Keep::Never,
    default: None,
    checks: Vec::new(),
    nested: None,
};

static NO_RULES: Rules = Rules {
    attributes: std::collections::BTreeMap::new(),
    blocks: std::collections::BTreeMap::new(),
};

impl<'a> Shape<'a> {
    fn of(block: &'a Block, rules: &'a Rules) -> Self {
        Self {
            attributes: &block.attributes,
            blocks: Some(&block.blocks),
            rules,
        }
    }

    fn rule(self, name: &str) -> &'a Rule {
        self.rules.attributes.get(name).unwrap_or(&NO_RULE)
    }

    /// The objects inside an attribute or block, if it has any: their shape and nesting.
    fn inside(self, name: &str) -> Option<(Shape<'a>, Nesting)> {
        if let Some(attribute) = self.attributes.get(name) {
            let AttributeType::Nested {
                attributes,
                nesting,
            } = &attribute.ty
            else {
                return None;
            };
            let rules = self.rule(name).nested.as_ref().unwrap_or(&NO_RULES);
            let shape = Shape {
                attributes,
                blocks: None,
                rules,
            };
            return Some((shape, *nesting));
        }
        let nested = self.blocks?.get(name)?;
        let rules = self.rules.blocks.get(name).unwrap_or(&NO_RULES);
        Some((Shape::of(&nested.block, rules), nested.nesting))
    }

    /// A copy of `object` with each part replaced by what `f` makes of its name and value.
    fn map(self, object: &Value, mut f: impl FnMut(&Str, &Value) -> Value) -> Value {
        match object.as_entries() {
            Some(entries) => Value::object(
                entries
                    .iter()
                    .map(|(name, value)| (name.clone(), f(name, value))),
            ),
            None => object.clone(),
        }
    }

    /// The proposed object with defaults in place of absent values and without write-only ones.
    fn fill(self, config: &Value, proposed: &Value) -> Value {
        self.map(proposed, |name, value| {
            let given = config.get(name);
            if let Some(attribute) = self.attributes.get(name) {
                if attribute.write_only {
                    return Value::Null(attribute.implied_type());
                }
                if given.is_none_or(Value::is_null)
                    && let Some(default) = &self.rule(name).default
                {
                    return default.clone();
                }
            }
            match (self.inside(name), given) {
                (Some((shape, nesting)), Some(given)) if given.is_known() && !given.is_null() => {
                    each(nesting, value, |step, inner| {
                        let given = step.and_then(|step| given_at(given, step));
                        // Elements of a set cannot be paired: a null part is one left out.
                        shape.fill(given.unwrap_or(inner), inner)
                    })
                }
                _ => value.clone(),
            }
        })
    }

    /// The filled object with computed values unknown where the change may alter them.
    fn forget(self, prior: &Value, config: &Value, filled: &Value) -> Value {
        let unknown = self.forgotten(prior, config, filled);
        self.map(filled, |name, value| {
            if let Some(attribute) = self.attributes.get(name)
                && unknown.contains(name)
            {
                return Value::unknown(attribute.implied_type());
            }
            match (self.inside(name), config.get(name)) {
                (Some((shape, nesting)), Some(given)) if given.is_known() && !given.is_null() => {
                    let before = prior.get(name);
                    each(nesting, value, |step, inner| {
                        let given = step.and_then(|step| given_at(given, step));
                        let before = before.zip(step).and_then(|(b, step)| given_at(b, step));
                        shape.forget(
                            before.unwrap_or(&Value::NULL),
                            given.unwrap_or(inner),
                            inner,
                        )
                    })
                }
                _ => value.clone(),
            }
        })
    }

    /// Names of the computed attributes of one object that become unknown.
    fn forgotten(self, prior: &Value, config: &Value, filled: &Value) -> BTreeSet<Str> {
        let open = |name: &Str, attribute: &Attribute| {
            attribute.computed
                && config.get(name).is_none_or(Value::is_null)
                && self.rule(name).default.is_none()
        };
        let same = |name: &Str| match (prior.get(name), filled.get(name)) {
            (Some(before), Some(after)) => before.same(after),
            _ => false,
        };
        let mut changed: BTreeSet<Str> = filled
            .as_entries()
            .into_iter()
            .flat_map(|entries| entries.keys())
            .filter(|name| !same(name))
            .cloned()
            .collect();
        let mut unknown = BTreeSet::new();
        // A value may follow another computed one: repeat until nothing new turns up.
        loop {
            let before = unknown.len();
            for (name, attribute) in self.attributes {
                if !open(name, attribute) || unknown.contains(name) {
                    continue;
                }
                let had_value = prior.get(name).is_some_and(|value| !value.is_null());
                let forget = match &self.rule(name).keep {
                    Keep::Never => true,
                    Keep::Always => !had_value,
                    Keep::Unless(siblings) => {
                        prior.is_null() || siblings.iter().any(|s| changed.contains(s))
                    }
                };
                if forget {
                    unknown.insert(name.clone());
                    changed.insert(name.clone());
                }
            }
            if unknown.len() == before {
                return unknown;
            }
        }
    }

    fn replacements(self, prior: &Value, planned: &Value, at: &Path, found: &mut Vec<Path>) {
        let names = planned.as_entries().into_iter().flat_map(|e| e.keys());
        for name in names {
            let (Some(before), Some(after)) = (prior.get(name), planned.get(name)) else {
                continue;
            };
            if before.same(after) {
                continue;
            }
            let path = at.attr(name.clone());
            if self.rule(name).forces_replace {
                found.push(path);
            } else if let Some((shape, nesting)) = self.inside(name) {
                shape.inner_replacements(nesting, (before, after), &path, found);
            }
        }
    }

    fn inner_replacements(
        self,
        nesting: Nesting,
        (before, after): (&Value, &Value),
        at: &Path,
        found: &mut Vec<Path>,
    ) {
        match nesting {
            Nesting::Single | Nesting::Group if before.is_null() || after.is_null() => {
                // The object came or went as a whole: that is where the change is.
                if self
                    .rules
                    .attributes
                    .values()
                    .any(|rule| rule.forces_replace)
                {
                    found.push(at.clone());
                }
            }
            Nesting::Single | Nesting::Group => self.replacements(before, after, at, found),
            Nesting::List | Nesting::Map => before.for_each_child(|step, before| {
                if let Some(step) = step
                    && let Some(after) = after.child(&step)
                {
                    self.replacements(before, after, &at.join(step), found);
                }
            }),
            Nesting::Set => {
                if self
                    .rules
                    .attributes
                    .values()
                    .any(|rule| rule.forces_replace)
                {
                    found.push(at.clone());
                }
            }
        }
    }
}

/// How an object inside a part is reached from it; `None` for the part itself.
type Step<'a> = Option<&'a PathStep>;

fn given_at<'v>(value: &'v Value, step: Step<'_>) -> Option<&'v Value> {
    match step {
        Some(step) => value.child(step),
        None => Some(value),
    }
}

/// A copy of a part with every object inside replaced by what `f` makes of it. `f` is told how
/// to find its counterpart: `Some(None)` for the part itself, `None` when there is no telling.
fn each(
    nesting: Nesting,
    part: &Value,
    mut f: impl FnMut(Option<Step<'_>>, &Value) -> Value,
) -> Value {
    if part.is_null() || !part.is_known() {
        return part.clone();
    }
    match (nesting, part) {
        (Nesting::Single | Nesting::Group, _) => f(Some(None), part),
        (_, Value::Set(set)) => {
            let items = set.items.iter().map(|item| f(None, item)).collect();
            set_value(set.elem.clone(), items)
        }
        (_, Value::List(list)) => {
            let items = (0u64..)
                .zip(&list.items)
                .map(|(i, item)| f(Some(Some(&PathStep::Index(i))), item))
                .collect();
            Value::list(list.elem.clone(), items)
        }
        (_, Value::Map(map)) => {
            let entries = map
                .entries
                .iter()
                .map(|(k, item)| (k.clone(), f(Some(Some(&PathStep::Key(k.clone()))), item)))
                .collect();
            Value::map(map.elem.clone(), entries)
        }
        _ => part.map_children(|step, item| f(step.as_ref().map(Some), item)),
    }
}

/// A copy of `value` with the part at `path` replaced. A path that leads nowhere changes nothing.
pub(crate) fn replace_at(value: &Value, path: &[PathStep], new: &Value) -> Value {
    let Some((first, rest)) = path.split_first() else {
        return new.clone();
    };
    if value.child(first).is_none() {
        return value.clone();
    }
    value.map_children(|step, child| match step {
        Some(step) if step == *first => replace_at(child, rest, new),
        _ => child.clone(),
    })
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
