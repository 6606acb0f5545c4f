//! The builtin functions, one file per family. Skeleton to be replaced.
use muster_value::{Type, Value};

use crate::Scope;

/// A builtin function.
#[derive(Debug)]
pub struct Function {
    /// Its name, without `core::`.
    pub name: &'static str,
    /// Parameters in order.
    pub params: &'static [Param],
    /// The parameter that takes all further arguments.
    pub variadic: Option<Param>,
    /// What is known of a result before the arguments are.
    pub returns: Returns,
    /// One sentence for `metadata functions` and editors.
    pub description: &'static str,
    /// The implementation. Arguments are converted to the parameters' types; marks and unknowns
    /// are handled by the caller as the parameters say.
    pub call: fn(&[Value], &Call<'_>) -> Result<Value, FunctionError>,
}

/// What is known of a result before the arguments are.
#[derive(Clone, Copy, Debug)]
pub struct Returns {
    /// Its type, from the arguments as far as they are known.
    pub ty: fn(&[Value]) -> Type,
    /// It is never null.
    pub not_null: bool,
}

impl Function {
    /// The parameter that takes the argument at an index.
    pub fn param(&self, at: usize) -> Option<&Param> {
        self.params.get(at).or(self.variadic.as_ref())
    }
}

impl FunctionError {
    /// The argument at an index is to blame.
    pub fn argument(at: usize, reason: impl Into<String>) -> Self {
        Self { argument: Some(at), reason: reason.into() }
    }
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Name in messages.
    pub name: &'static str,
    /// Type constraint; `None` takes any value.
    pub ty: fn() -> Type,
    /// Whether null is taken.
    pub allow_null: bool,
    /// Whether unknown values are handed to the function; else the result is unknown at once.
    pub allow_unknown: bool,
    /// Whether marked values are handed to the function; else marks are taken off and put on
    /// the result.
    pub allow_marked: bool,
}

/// What a call may use besides its arguments.
pub struct Call<'a> {
    /// The scope of the expression.
    pub scope: &'a dyn Scope,
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// Which argument is to blame, counted from zero.
    pub argument: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

/// The function of a name (`core::` prefix taken off by the caller).
pub fn lookup(name: &str) -> Option<&'static Function> { let _ = name; None }

/// Every function, sorted by name.
pub fn all() -> &'static [&'static Function] { &[] }
