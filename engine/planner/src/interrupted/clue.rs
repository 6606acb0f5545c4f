//! What the object of an interrupted creation may be found by.

use std::fmt;

use muster_plan::InFlight;
use muster_provider::{ImportBy, identity_text};
use muster_value::Value;

use crate::Str;
use crate::task::Task;

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum Clue {
    /// What its provider was going to know it by: no two objects have the same.
    Identity(Value),
    /// An attribute that it may be imported by, and its value.
    Id(Str, Str),
}

impl Clue {
    /// How the provider is asked.
    pub(super) fn import(&self) -> ImportBy {
        match self {
            Self::Identity(identity) => ImportBy::Identity(identity.clone()),
            Self::Id(_, id) => ImportBy::Id(id.clone()),
        }
    }

    /// Whether an object that was found may be the one that is looked for, as far as its identity
    /// tells.
    pub(super) fn admits(&self, found: Option<&Value>) -> bool {
        match (self, found) {
            (Self::Identity(wanted), Some(found)) => found.same(wanted),
            (Self::Identity(_), None) | (Self::Id(..), _) => true,
        }
    }
}

impl fmt::Display for Clue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(identity) => write!(f, "the identity {}", identity_text(identity)),
            Self::Id(attribute, id) => write!(f, "the import id {id:?} (its {attribute})"),
        }
    }
}

/// What is known of an object, the surest first.
pub(super) fn clues(record: &InFlight, task: &Task) -> Vec<Clue> {
    let ids = record.ids.iter();
    let ids = ids.map(|(attribute, id)| Clue::Id(attribute.clone(), id.clone()));
    identity(record, task)
        .map(Clue::Identity)
        .into_iter()
        .chain(ids)
        .collect()
}

/// The planned identity. One of another version of the schema is no help: it was never stored, so
/// no provider has to be able to bring it up to date.
fn identity(record: &InFlight, task: &Task) -> Option<Value> {
    let (stored, schema) = (record.identity.as_ref()?, task.identity_schema.as_ref()?);
    if stored.schema_version != schema.version {
        return None;
    }
    stored.decode(&schema.implied_type()).ok()
}
