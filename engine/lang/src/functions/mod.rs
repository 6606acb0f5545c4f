//! The builtin functions, one file per family.

mod charset;
mod collection;
mod combine;
mod console;
mod convert;
mod csv;
mod encoding;
mod examples;
mod files;
mod float;
mod format;
mod glob;
mod gzip;
mod hash;
mod json;
mod limits;
mod network;
mod numeric;
mod pattern;
mod rsa;
mod select;
mod sets;
mod signature;
mod string;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod yaml;

use std::sync::LazyLock;

use muster_value::Value;

use crate::Scope;
pub use examples::Example;
pub(crate) use limits::{MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS, MOST_STORED_DEPTH};
pub use signature::{Param, Returns};
pub(crate) use template::INDIRECT as INDIRECT_TEMPLATE;

/// A builtin function.
#[derive(Debug)]
pub struct Function {
    /// Its name, without `core::`.
    pub name: &'static str,
    /// Parameters in order.
    pub params: &'static [Param],
    /// The parameter that takes all further arguments.
    pub variadic: Option<Param>,
    /// One sentence for `metadata functions` and editors.
    pub description: &'static str,
    /// What is known about the result when it cannot be computed yet.
    pub returns: Returns,
    /// What can be wrong with arguments of which some are not known yet, if anything can.
    pub check: Option<Check>,
    /// The implementation. Arguments are converted to the parameters' types; marks and unknowns
    /// are handled by the caller as the parameters say.
    pub call: Implementation,
}

/// Looks for mistakes in arguments that may be unknown.
pub type Check = fn(&[Value]) -> Result<(), FunctionError>;

/// The code of a function.
pub type Implementation = fn(&[Value], &Call<'_>) -> Result<Value, FunctionError>;

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
    /// What is wrong, without a full stop.
    pub reason: String,
}

impl FunctionError {
    /// An argument is to blame.
    pub fn argument(at: usize, reason: impl Into<String>) -> Self {
        Self {
            argument: Some(at),
            reason: reason.into(),
        }
    }
}

/// No single argument is to blame.
impl From<String> for FunctionError {
    fn from(reason: String) -> Self {
        Self {
            argument: None,
            reason,
        }
    }
}

/// No single argument is to blame.
impl From<&str> for FunctionError {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

impl Function {
    const fn new(
        name: &'static str,
        description: &'static str,
        params: &'static [Param],
        returns: Returns,
        call: Implementation,
    ) -> Self {
        Self {
            name,
            params,
            variadic: None,
            description,
            returns,
            check: None,
            call,
        }
    }

    /// With a check of its arguments before all of them are known.
    const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }

    const fn more(mut self, param: Param) -> Self {
        self.variadic = Some(param);
        self
    }

    /// The parameter that takes an argument, counted from zero.
    pub fn param(&self, argument: usize) -> Option<&Param> {
        self.params.get(argument).or(self.variadic.as_ref())
    }
}

static ALL: LazyLock<Vec<&'static Function>> = LazyLock::new(|| {
    let families: [&'static [Function]; 17] = [
        collection::TABLE,
        combine::TABLE,
        convert::TABLE,
        encoding::TABLE,
        files::TABLE,
        format::TABLE,
        hash::TABLE,
        json::TABLE,
        network::TABLE,
        numeric::TABLE,
        pattern::TABLE,
        select::TABLE,
        sets::TABLE,
        string::TABLE,
        template::TABLE,
        time::TABLE,
        yaml::TABLE,
    ];
    let mut all: Vec<_> = families.into_iter().flatten().collect();
    all.sort_by_key(|f| f.name);
    all
});

/// The function of a name (`core::` prefix taken off by the caller).
pub fn lookup(name: &str) -> Option<&'static Function> {
    let at = ALL.binary_search_by(|f| f.name.cmp(name)).ok()?;
    Some(ALL[at])
}

/// As [`lookup`], for expressions that are typed into a console.
pub(crate) fn lookup_for_console(name: &str) -> Option<&'static Function> {
    match name {
        "type" => Some(&console::TYPE),
        // There is no plan that could be of some time.
        "plantimestamp" => None,
        _ => lookup(name),
    }
}

/// Every function, sorted by name.
pub fn all() -> &'static [&'static Function] {
    &ALL
}
