//! Regular expressions, in the syntax of RE2.

use std::sync::LazyLock;

use muster_value::{Type, Value};
use regex::Captures;

use self::compiled::{Regex, compile};
use super::limits::{check_bytes, check_elements};
use super::string::text;
use super::{Function, FunctionError, Param, Returns};

mod compiled;
mod syntax;

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "regex",
        "The first part of a string that matches a regular expression, or its groups.",
        &[Param::string("pattern"), Param::string("string")],
        Returns::of(found_type),
        |a, _| {
            let regex = compile(text(a, 0)).map_err(|e| FunctionError::argument(0, e))?;
            let shape = Shape::of(&regex).map_err(|e| FunctionError::argument(0, e))?;
            match regex.regex.captures(text(a, 1)) {
                Some(found) => Ok(shape.value(&regex, &found)),
                None => Err("the pattern does not match the string".into()),
            }
        },
    )
    .checked(is_pattern),
    Function::new(
        "regexall",
        "All parts of a string that match a regular expression, or their groups.",
        &[Param::string("pattern"), Param::string("string")],
        Returns::of(|a| Type::list(found_type(a))),
        |a, _| {
            let regex = compile(text(a, 0)).map_err(|e| FunctionError::argument(0, e))?;
            let shape = Shape::of(&regex).map_err(|e| FunctionError::argument(0, e))?;
            let all = regex.regex.captures_iter(text(a, 1));
            let mut values = Vec::new();
            for found in all {
                values.push(shape.value(&regex, &found));
                check_elements(values.len().saturating_mul(1 + regex.names.len()))?;
            }
            Ok(Value::list(shape.ty(&regex), values))
        },
    )
    .checked(is_pattern),
    Function::new(
        "replace",
        "A string with all occurrences of a text, or of a pattern between slashes, replaced.",
        &[
            Param::string("str"),
            Param::string("substr"),
            Param::string("replace"),
        ],
        Returns::STRING,
        |a, _| {
            let (whole, part, by) = (text(a, 0), text(a, 1), text(a, 2));
            let pattern = part.strip_prefix('/').and_then(|p| p.strip_suffix('/'));
            Ok(match pattern {
                Some(pattern) => {
                    let regex = compile(pattern).map_err(FunctionError::from)?;
                    Value::from(replace_all(&regex, whole, by)?)
                }
                None => {
                    let added = by.len().saturating_sub(part.len());
                    check_bytes(whole.len() + whole.matches(part).count().saturating_mul(added))?;
                    Value::from(whole.replace(part, by))
                }
            })
        },
    ),
];

/// The first argument, if it is known, must be a pattern.
fn is_pattern(args: &[Value]) -> Result<(), FunctionError> {
    let Some(pattern) = args[0].as_str() else {
        return Ok(());
    };
    compile(pattern)
        .and_then(|regex| Shape::of(&regex).map(|_| ()))
        .map_err(|e| FunctionError::argument(0, e))
}

/// The string with each match replaced.
fn replace_all(pattern: &Regex, whole: &str, by: &str) -> Result<String, FunctionError> {
    let mut out = String::new();
    let mut rest = 0;
    for found in pattern.regex.captures_iter(whole) {
        let Some(all) = found.get(0) else { continue };
        out.push_str(&whole[rest..all.start()]);
        expand(pattern, &found, by, &mut out)?;
        rest = all.end();
    }
    out.push_str(&whole[rest..]);
    Ok(out)
}

/// Appends a replacement with the groups it names put in: `$1`, `${1}`, `$name` or `${name}`, and
/// `$$` for the sign itself. A group that is not there is empty; what is no name is left as it is.
fn expand(
    pattern: &Regex,
    found: &Captures<'_>,
    by: &str,
    out: &mut String,
) -> Result<(), FunctionError> {
    let mut rest = by;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = group_name(rest) else {
            out.push('$');
            continue;
        };
        rest = after;
        let numbered = name == "0" || !name.starts_with('0');
        let group = match name.parse() {
            Ok(index) if numbered => found.get(index),
            // Of several groups with a name the first that is there.
            _ => pattern.named(name).find_map(|index| found.get(index)),
        };
        out.push_str(group.map_or("", |g| g.as_str()));
        // A long group can be named many times.
        check_bytes(out.len())?;
    }
    out.push_str(rest);
    check_bytes(out.len())
}

/// Letters, decimal digits and underscores. Rust's own notion of letters is wider.
static NAME: LazyLock<regex::Regex> =
    LazyLock::new(|| regex::Regex::new(r"^[\pL\p{Nd}_]+").expect("it is a pattern"));

/// The name after a dollar sign, and what follows it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let (name, after) = inner.split_at(NAME.find(inner)?.end());
    let after = match inner.len() < text.len() {
        true => after.strip_prefix('}')?,
        false => after,
    };
    Some((name, after))
}

fn found_type(args: &[Value]) -> Type {
    let Some(pattern) = args.first().and_then(Value::as_str) else {
        return Type::Dynamic;
    };
    compile(pattern)
        .and_then(|regex| Shape::of(&regex).map(|shape| shape.ty(&regex)))
        .unwrap_or(Type::Dynamic)
}

/// What a match becomes.
enum Shape {
    /// No groups: the text itself.
    Text,
    /// Groups without names: a tuple.
    Groups,
    /// Groups with names: an object.
    Names,
}

impl Shape {
    fn of(pattern: &Regex) -> Result<Self, String> {
        let names = pattern.names.iter().flatten().count();
        match (pattern.names.len(), names) {
            (0, _) => Ok(Self::Text),
            (_, 0) => Ok(Self::Groups),
            (g, n) if g == n => Ok(Self::Names),
            _ => Err("either all groups of a pattern have names or none has".into()),
        }
    }

    fn ty(&self, pattern: &Regex) -> Type {
        match self {
            Self::Text => Type::String,
            Self::Groups => Type::tuple(pattern.names.iter().map(|_| Type::String)),
            Self::Names => {
                let names = pattern.names.iter().flatten();
                Type::object(names.map(|name| (name.as_str(), Type::String)))
            }
        }
    }

    fn value(&self, pattern: &Regex, found: &Captures<'_>) -> Value {
        let part = |group: usize| match found.get(group) {
            Some(m) => Value::from(m.as_str()),
            None => Value::Null(Type::String),
        };
        match self {
            Self::Text => part(0),
            Self::Groups => Value::tuple((1..=pattern.names.len()).map(part)),
            // Of several groups with a name the last counts, matched or not.
            Self::Names => {
                let names = pattern.names.iter().flatten().enumerate();
                Value::object(names.map(|(i, name)| (name.as_str(), part(i + 1))))
            }
        }
    }
}
