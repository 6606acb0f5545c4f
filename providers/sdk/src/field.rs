use serde::{Deserialize, Serialize};

/// The name under which the conversions recognise [`Field`].
pub(crate) const FIELD_NAME: &str = "$muster::Field";

/// A part of a configuration or plan that may be absent or not known yet.
///
/// Use it in a struct (`quantity: Field<u64>`) or read one part through
/// [`Fields::get`](crate::Fields::get).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename = "$muster::Field")]
pub enum Field<T> {
    /// It depends on something that is not there yet.
    Unknown,
    /// It was left out, or is null.
    #[default]
    Null,
    /// It has a value.
    Known(T),
}

impl<T> Field<T> {
    /// The value, if there is one already.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown | Self::Null => None,
        }
    }

    /// Whether it is not known yet.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether it is known to be absent.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The same with the value replaced.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Known(value) => Field::Known(f(value)),
            Self::Null => Field::Null,
            Self::Unknown => Field::Unknown,
        }
    }

    /// The value, `default` when absent, `None` when not known yet.
    pub fn or(self, default: T) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Null => Some(default),
            Self::Unknown => None,
        }
    }
}
