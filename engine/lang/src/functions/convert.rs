//! Type conversions, marks, and functions that look at failure.

use muster_value::{Marks, Type, Value, convert};

use super::{Function, FunctionError, Param, Returns};

pub(super) static TABLE: &[Function] = &[
    Function::new(
        "can",
        "Whether an expression can be evaluated without an error.",
        &[Param::any("expression").null().unknown().marked()],
        Returns::BOOL,
        // An argument that fails never gets here: the evaluator answers for those.
        |_, _| Ok(Value::Bool(true)),
    ),
    Function::new(
        "try",
        "The value of the first expression that can be evaluated without an error.",
        &[],
        Returns::ANY_OR_NULL,
        |a, _| {
            a.first()
                .cloned()
                .ok_or_else(|| "at least one argument is needed".into())
        },
    )
    .more(Param::any("expressions").null().unknown().marked()),
    Function::new(
        "ephemeralasnull",
        "A value in which everything ephemeral is replaced by null.",
        &[Param::any("value").null().unknown().untyped().marked()],
        Returns::ANY_OR_NULL,
        |a, _| Ok(ephemeral_as_null(&a[0])),
    ),
    Function::new(
        "issensitive",
        "Whether a value is sensitive.",
        &[Param::any("value").null().unknown().untyped().marked()],
        Returns::BOOL,
        |a, _| {
            let (value, marks) = a[0].clone().unmark();
            Ok(match marks.contains(Marks::SENSITIVE) {
                true => Value::Bool(true),
                false if value.is_known() => Value::Bool(false),
                // It may turn out sensitive when it becomes known.
                false => Value::unknown_not_null(Type::Bool),
            })
        },
    ),
    Function::new(
        "nonsensitive",
        "A value without its sensitive mark.",
        &[Param::any("value").null().unknown().untyped().marked()],
        Returns::ANY_OR_NULL,
        |a, _| {
            let (value, marks) = a[0].clone().unmark();
            Ok(value.mark(marks.without(Marks::SENSITIVE)))
        },
    ),
    Function::new(
        "sensitive",
        "A value marked as sensitive.",
        &[Param::any("value").null().unknown().untyped().marked()],
        Returns::ANY_OR_NULL,
        |a, _| Ok(a[0].clone().mark(Marks::SENSITIVE)),
    ),
    Function::new(
        "tobool",
        "A value converted to a bool.",
        &[Param::any("v").null().unknown().untyped().marked()],
        Returns::maybe(|_| Type::Bool),
        |a, _| to(a, &Type::Bool),
    ),
    Function::new(
        "tolist",
        "A value converted to a list.",
        &[Param::any("v").null().unknown().untyped().marked()],
        Returns::maybe(|_| Type::list(Type::Dynamic)),
        |a, _| to(a, &Type::list(Type::Dynamic)),
    ),
    Function::new(
        "tomap",
        "A value converted to a map.",
        &[Param::any("v").null().unknown().untyped().marked()],
        Returns::maybe(|_| Type::map(Type::Dynamic)),
        |a, _| to(a, &Type::map(Type::Dynamic)),
    ),
    Function::new(
        "tonumber",
        "A value converted to a number.",
        &[Param::any("v").null().unknown().untyped().marked()],
        Returns::maybe(|_| Type::Number),
        |a, _| to(a, &Type::Number),
    ),
    Function::new(
        "toset",
        "A value converted to a set, without duplicates and order.",
        &[Param::any("v").null().unknown().untyped().marked()],
        Returns::maybe(|_| Type::set(Type::Dynamic)),
        |a, _| to(a, &Type::set(Type::Dynamic)),
    ),
    Function::new(
        "tostring",
        "A value converted to a string.",
        &[Param::any("v").null().unknown().untyped().marked()],
        Returns::maybe(|_| Type::String),
        |a, _| to(a, &Type::String),
    ),
];

fn to(args: &[Value], ty: &Type) -> Result<Value, FunctionError> {
    convert(&args[0], ty).map_err(|e| {
        let what = args[0].ty().friendly_name();
        let want = ty.friendly_name();
        let text = match args[0].as_str() {
            Some(s) if args[0].marks().is_empty() && s.len() <= 60 => format!(" {s:?}"),
            _ => String::new(),
        };
        let at = e.path;
        let reason = e.reason;
        let found = if at.is_root() {
            String::new()
        } else {
            format!("{at}: ")
        };
        FunctionError::argument(
            0,
            format!("cannot convert {what}{text} to {want}: {found}{reason}"),
        )
    })
}

fn ephemeral_as_null(value: &Value) -> Value {
    if !value.marks_deep().contains(Marks::EPHEMERAL) {
        return value.clone();
    }
    let (inner, marks) = value.clone().unmark();
    let rest = marks.without(Marks::EPHEMERAL);
    if marks.contains(Marks::EPHEMERAL) {
        // Its type may yet turn out to be more than what is known of it.
        let nothing = match inner.is_known() {
            true => Value::Null(inner.ty()),
            false => Value::unknown(inner.ty()),
        };
        return nothing.mark(rest);
    }
    stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        inner.map_children(|_, v| ephemeral_as_null(v)).mark(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ephemeral_and_unknown_stays_unknown() {
        for ty in [Type::String, Type::Dynamic] {
            let value = Value::unknown(ty.clone()).mark(Marks::EPHEMERAL | Marks::SENSITIVE);
            let expect = Value::unknown(ty).mark(Marks::SENSITIVE);
            assert_eq!(ephemeral_as_null(&value), expect);
        }
    }

    #[test]
    fn what_has_no_type_yet_is_marked_as_anything_else() {
        for name in [
            "ephemeralasnull",
            "issensitive",
            "nonsensitive",
            "sensitive",
        ] {
            let function = crate::functions::lookup(name).expect("there is such a function");
            let takes_anything = function.param(0).is_some_and(|param| param.allow_untyped);
            assert!(takes_anything, "{name} would leave the marks as they are");
        }
    }
}
