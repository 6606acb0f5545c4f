//! What realises zones and everything in them.

use std::path::PathBuf;

use futures::future::BoxFuture;

use crate::model::{DrPolicy, Fleet, Kind, Object, Settlement, Zone, ZoneToken};

/// What every driver can do with one kind of object.
///
/// Every driver passes [`conformance`](crate::conformance).
pub trait Manages<K: Kind>: Send + Sync {
    /// Makes an object, unless the token has made one already: then that one is the answer, so
    /// that a create which was interrupted can be repeated. Refused when the name is taken,
    /// when something it refers to is missing, and when there is not enough capacity.
    fn create<'a>(
        &'a self,
        token: &'a str,
        spec: K::Spec,
    ) -> BoxFuture<'a, Result<Object<K>, DriverError>>;

    /// Looks at an object, and changes nothing. `None` when there is none of this id.
    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<Object<K>>, DriverError>>;

    /// Changes an object in place. All or nothing.
    fn update<'a>(
        &'a self,
        id: &'a str,
        spec: K::Spec,
    ) -> BoxFuture<'a, Result<Object<K>, DriverError>>;

    /// Ends an object. One that is not there is a success. Refused when others depend on it.
    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;
}

/// Realises zones and everything in them.
pub trait Driver: Manages<Zone> + Manages<Fleet> + Manages<Settlement> + Manages<DrPolicy> {
    /// The name by which a zone chooses it.
    fn name(&self) -> &'static str;

    /// Every zone there is, by id.
    fn zones(&self) -> BoxFuture<'_, Result<Vec<Object<Zone>>, DriverError>>;

    /// Gives out a token that lets its holder into a zone for some seconds, of
    /// [`TOKEN_LASTS`](crate::model::TOKEN_LASTS).
    fn open_token<'a>(
        &'a self,
        zone: &'a str,
        lasts: u64,
    ) -> BoxFuture<'a, Result<ZoneToken, DriverError>>;

    /// Makes a token last as long again as it did at first; gives its new end, in seconds since
    /// the epoch. Refused when it has ended.
    fn renew_token<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<i64, DriverError>>;

    /// Revokes a token. One that has ended is a success.
    fn close_token<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), DriverError>>;

    /// Signs in to a zone with something else from now on, or with nothing.
    fn set_credential<'a>(
        &'a self,
        zone: &'a str,
        credential: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(), DriverError>>;
}

/// Why a driver did not do what it was asked for. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// There is no such object.
    #[error("there is no {kind} with the id {id:?}")]
    NotFound {
        /// Kind of the object.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// The name is taken.
    #[error("a {kind} named {name:?} exists already, with the id {id:?}")]
    Exists {
        /// Kind of the object.
        kind: &'static str,
        /// The name.
        name: String,
        /// Id of the object that has it.
        id: String,
    },
    /// Something in the specification cannot be.
    #[error("{reason}")]
    Invalid {
        /// The attribute.
        field: &'static str,
        /// What is wrong, as a sentence without its full stop.
        reason: String,
    },
    /// There is not enough capacity.
    #[error("{reason}")]
    Capacity {
        /// The attribute that asks for it.
        field: &'static str,
        /// What is missing where, as a sentence without its full stop.
        reason: String,
    },
    /// Others depend on it.
    #[error("the {kind} {id:?} is still in use by {}", by.join(", "))]
    InUse {
        /// Kind of the object.
        kind: &'static str,
        /// Its id.
        id: String,
        /// Ids of the others.
        by: Vec<String>,
    },
    /// It must not be done now.
    #[error("{0}")]
    Refused(String),
    /// The driver's store cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl DriverError {
    /// An attribute that cannot be as it is.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }

    /// The attribute to blame, if it is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { field, .. } | Self::Capacity { field, .. } => Some(field),
            _ => None,
        }
    }
}
