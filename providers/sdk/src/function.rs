//! Functions of a provider, `provider::NAME::function(...)`: their signature and their call.

use muster_schema::{FunctionSignature, Parameter};
use muster_value::{Type, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::Fault;
use crate::{from_value, ser};

/// A function of a provider: pure, without access to the provider's configuration.
pub trait Function: Send + Sync + 'static {
    /// Parameters, result and documentation.
    fn signature(&self) -> Signature;

    /// Computes the result. Arguments are of the declared types.
    ///
    /// # Errors
    /// Says what is wrong, and with which argument.
    fn call(&self, args: Args<'_>) -> Result<Value, FunctionError>;
}

/// Describes a function: `Signature::returning(Type::String).param("name", Type::String)`.
#[derive(Clone, Debug)]
pub struct Signature(pub(crate) FunctionSignature);

impl Signature {
    /// A function without parameters yet.
    pub fn returning(returns: Type) -> Self {
        Self(FunctionSignature {
            params: Vec::new(),
            variadic: None,
            returns,
            summary: String::new(),
            description: String::new(),
        })
    }

    /// Adds a parameter that takes neither null nor unknown values.
    #[must_use]
    pub fn param(mut self, name: &str, ty: Type) -> Self {
        self.0.params.push(parameter(name, ty));
        self
    }

    /// Takes any number of further arguments.
    #[must_use]
    pub fn variadic(mut self, name: &str, ty: Type) -> Self {
        self.0.variadic = Some(parameter(name, ty));
        self
    }

    /// One line on what it does, and the full story.
    #[must_use]
    pub fn describe(mut self, summary: &str, description: &str) -> Self {
        self.0.summary = summary.into();
        self.0.description = description.into();
        self
    }
}

fn parameter(name: &str, ty: Type) -> Parameter {
    Parameter {
        name: name.into(),
        ty,
        allow_null: false,
        allow_unknown: false,
        description: String::new(),
    }
}

/// The arguments of a call.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a>(pub(crate) &'a [Value]);

impl Args<'_> {
    /// One argument, counted from zero.
    ///
    /// # Errors
    /// When it does not fit `T`.
    pub fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, FunctionError> {
        let value = self.0.get(index).unwrap_or(&Value::NULL);
        from_value(value).map_err(|fault| FunctionError::argument(index, fault.to_string()))
    }

    /// Number of arguments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Makes a function's result from a Rust value.
///
/// # Errors
/// When it is not of the type.
pub fn result<T: Serialize>(value: &T, ty: &Type) -> Result<Value, FunctionError> {
    Ok(ser::to_value(value, ty)?)
}

/// Why a function has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// What is wrong.
    pub text: String,
    /// The argument to blame, counted from zero.
    pub argument: Option<usize>,
}

impl FunctionError {
    /// An error of the call as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// An error of one argument.
    pub fn argument(index: usize, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: Some(index),
        }
    }
}

impl From<Fault> for FunctionError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.to_string())
    }
}
