use crate::{Number, Str, Type};

/// A value that is not known yet, with what is known about it already.
#[derive(Clone, Debug, PartialEq)]
pub struct Unknown {
    /// Its type; `Dynamic` when not even that is known.
    pub ty: Type,
    /// What the final value is sure to obey.
    pub refinement: Refinement,
}

/// Facts about a value that is not known yet. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refinement {
    /// The final value is not null.
    pub not_null: bool,
    /// For strings: what it starts with. Empty says nothing.
    pub prefix: Option<Str>,
    /// For numbers: lower bound, and whether the bound itself is possible.
    pub lower: Option<(Number, bool)>,
    /// For numbers: upper bound, and whether the bound itself is possible.
    pub upper: Option<(Number, bool)>,
    /// For collections: least number of elements.
    pub min_length: Option<u64>,
    /// For collections: greatest number of elements.
    pub max_length: Option<u64>,
}

impl Refinement {
    /// Only "not null".
    pub fn not_null() -> Self {
        Self {
            not_null: true,
            ..Self::default()
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
