//! The types that the codecs are tried with.

use std::sync::LazyLock;

use muster_value::{Type, Value, convert};

/// One of each kind, and nests of them.
pub static TYPES: LazyLock<Vec<Type>> = LazyLock::new(|| {
    let small = Type::object([("id", Type::String), ("size", Type::Number)]);
    vec![
        Type::Dynamic,
        Type::Bool,
        Type::Number,
        Type::String,
        Type::list(Type::String),
        Type::set(Type::Number),
        Type::map(Type::Bool),
        Type::tuple([Type::Number, Type::Dynamic]),
        small.clone(),
        Type::set(small.clone()),
        Type::list(Type::Dynamic),
        Type::map(Type::list(Type::set(Type::String))),
        Type::set(Type::set(Type::Number)),
        Type::object([
            ("any", Type::Dynamic),
            ("blocks", Type::list(small.clone())),
            ("keys", Type::map(small)),
            ("on", Type::Bool),
        ]),
    ]
});

/// A decoded value is of the type it was decoded as: converting it changes nothing.
pub fn conforms(value: &Value, ty: &Type) {
    let converted = convert(value, ty);
    assert_eq!(converted.as_ref(), Ok(value), "{ty}");
}
