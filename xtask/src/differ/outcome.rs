//! What becomes of an input, by either engine, and how two of them differ.

use std::fmt;

use serde_json::Value as Json;

/// What becomes of an input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It has a value.
    Value {
        /// The value, with the digits that numbers are stored with.
        json: Json,
        /// Its type, as it is stored.
        ty: Json,
        /// Whether the value, and whether anything in it is sensitive.
        sensitive: (bool, bool),
    },
    /// It gives a text.
    Text(String),
    /// It has a value that cannot be stored: there is an infinite number in it.
    Infinite,
    /// It has a value that is not known, or not in all its parts.
    Unknown,
    /// It is refused, with these summaries.
    Error(Vec<String>),
    /// The program broke down.
    Crash(String),
}

/// How two outcomes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Both are values, which are not equal.
    Value,
    /// The values look alike, but are of other types.
    Type,
    /// The values are equal, but not what is sensitive.
    Sensitive,
    /// Only muster refuses it.
    Refused,
    /// Only terraform refuses it.
    Accepted,
    /// A program broke down.
    Crash,
}

impl Outcome {
    /// How muster's outcome (this) differs from terraform's.
    pub(crate) fn differs(&self, theirs: &Outcome) -> Option<Difference> {
        match (self, theirs) {
            (Outcome::Crash(_), _) | (_, Outcome::Crash(_)) => Some(Difference::Crash),
            (Outcome::Error(_), Outcome::Error(_)) => None,
            (Outcome::Error(_), _) => Some(Difference::Refused),
            (_, Outcome::Error(_)) => Some(Difference::Accepted),
            (a, b) if a == b => None,
            (
                Outcome::Value { json, ty, .. },
                Outcome::Value {
                    json: json2,
                    ty: ty2,
                    ..
                },
            ) => Some(match (json == json2, ty == ty2) {
                (false, _) => Difference::Value,
                (true, false) => Difference::Type,
                (true, true) => Difference::Sensitive,
            }),
            _ => Some(Difference::Value),
        }
    }

    /// Whether both are refused, and the first summary is the same.
    pub(crate) fn same_summary(&self, theirs: &Outcome) -> bool {
        match (self, theirs) {
            (Outcome::Error(a), Outcome::Error(b)) => a.first() == b.first(),
            _ => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Value {
                json,
                ty,
                sensitive,
            } => {
                write!(f, "{json} of type {ty}")?;
                match sensitive {
                    (true, _) => write!(f, ", sensitive"),
                    (_, true) => write!(f, ", sensitive inside"),
                    _ => Ok(()),
                }
            }
            Outcome::Text(text) => write!(f, "{text:?}"),
            Outcome::Unknown => write!(f, "unknown"),
            Outcome::Infinite => write!(f, "an infinite number"),
            Outcome::Error(all) => write!(f, "refused: {}", all.join("; ")),
            Outcome::Crash(why) => write!(f, "CRASH: {why}"),
        }
    }
}
