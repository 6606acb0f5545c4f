//! Parameters and results of functions.

use muster_value::{Type, Value};

use super::Function;

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name in messages.
    pub name: &'static str,
    /// Type constraint; `Dynamic` takes any value.
    pub ty: fn() -> Type,
    /// Whether null is taken.
    pub allow_null: bool,
    /// Whether values that are unknown, or have unknown parts, are handed to the function; else
    /// the result is unknown at once.
    pub allow_unknown: bool,
    /// Whether values of which not even the type is known are handed to the function; else the
    /// type of the result is unknown as well.
    pub allow_untyped: bool,
    /// Whether marked values are handed to the function; else marks are taken off and put on
    /// the result.
    pub allow_marked: bool,
}

impl Param {
    const fn new(name: &'static str, ty: fn() -> Type) -> Self {
        Self {
            name,
            ty,
            allow_null: false,
            allow_unknown: false,
            allow_untyped: false,
            allow_marked: false,
        }
    }

    pub(super) const fn string(name: &'static str) -> Self {
        Self::new(name, || Type::String)
    }

    pub(super) const fn number(name: &'static str) -> Self {
        Self::new(name, || Type::Number)
    }

    pub(super) const fn any(name: &'static str) -> Self {
        Self::new(name, || Type::Dynamic)
    }

    /// A list of anything of one type.
    pub(super) const fn list(name: &'static str) -> Self {
        Self::new(name, || Type::list(Type::Dynamic))
    }

    /// A set of anything of one type.
    pub(super) const fn set(name: &'static str) -> Self {
        Self::new(name, || Type::set(Type::Dynamic))
    }

    pub(super) const fn strings(name: &'static str) -> Self {
        Self::new(name, || Type::list(Type::String))
    }

    pub(super) const fn typed(name: &'static str, ty: fn() -> Type) -> Self {
        Self::new(name, ty)
    }

    pub(super) const fn null(mut self) -> Self {
        self.allow_null = true;
        self
    }

    pub(super) const fn unknown(mut self) -> Self {
        self.allow_unknown = true;
        self
    }

    pub(super) const fn untyped(mut self) -> Self {
        self.allow_untyped = true;
        self
    }

    pub(super) const fn marked(mut self) -> Self {
        self.allow_marked = true;
        self
    }
}

/// What is known about a result before it can be computed.
#[derive(Clone, Copy, Debug)]
pub struct Returns {
    /// Its type, from the arguments as far as they are known. Without arguments: the type that
    /// all results have, `Dynamic` when that depends on the arguments.
    pub ty: fn(&[Value]) -> Type,
    /// Whether the result is never null.
    pub not_null: bool,
}

impl Returns {
    pub(super) const STRING: Self = Self::of(|_| Type::String);
    pub(super) const NUMBER: Self = Self::of(|_| Type::Number);
    pub(super) const BOOL: Self = Self::of(|_| Type::Bool);
    pub(super) const STRINGS: Self = Self::of(|_| Type::list(Type::String));
    /// Anything but null.
    pub(super) const ANY: Self = Self::of(|_| Type::Dynamic);
    /// Anything, null as well.
    pub(super) const ANY_OR_NULL: Self = Self::maybe(|_| Type::Dynamic);

    /// A result that is never null.
    pub(super) const fn of(ty: fn(&[Value]) -> Type) -> Self {
        Self { ty, not_null: true }
    }

    /// A result that may be null.
    pub(super) const fn maybe(ty: fn(&[Value]) -> Type) -> Self {
        Self {
            ty,
            not_null: false,
        }
    }
}

impl Function {
    /// How it is called, as `join(separator: string, lists: list(string)...) -> string`. `any`
    /// stands for types that depend on the arguments.
    pub fn signature(&self) -> String {
        let param = |p: &Param| format!("{}: {}", p.name, (p.ty)());
        let params = self.params.iter().map(param);
        let more = self.variadic.iter().map(|p| param(p) + "...");
        let all: Vec<String> = params.chain(more).collect();
        let returns = (self.returns.ty)(&[]);
        format!("{}({}) -> {returns}", self.name, all.join(", "))
    }
}

/// Type of the first argument.
pub(super) fn first_type(args: &[Value]) -> Type {
    args.first().map_or(Type::Dynamic, Value::ty)
}

/// A list of the elements of the first argument.
pub(super) fn first_list(args: &[Value]) -> Type {
    match first_type(args) {
        ty @ Type::List(_) => ty,
        _ => Type::list(Type::Dynamic),
    }
}

/// Element type of the first argument.
pub(super) fn first_element(args: &[Value]) -> Type {
    first_type(args).element().cloned().unwrap_or(Type::Dynamic)
}
