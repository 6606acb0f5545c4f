//! Why something failed, and whether trying again may help.

use std::error::Error as _;
use std::fmt::Display;

use muster_store::{LockInfo, StoreError};
use tokio_postgres::error::SqlState;

/// Why a job did not come to its end.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The driver or the server says so.
    Database(tokio_postgres::Error),
    /// There is no connection any more.
    Cut,
    /// Something else about the connection.
    Other(String),
    /// What was found is not what should be there.
    Store(StoreError),
    /// The same, but that may change soon.
    Busy(StoreError),
}

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The connection is gone.
    Lost,
    /// Another transaction or session was in the way.
    Conflict,
    /// It would end the same way.
    Final,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    pub(crate) fn cut() -> Self {
        Self::Cut
    }

    pub(crate) fn other(reason: impl Display) -> Self {
        Self::Other(reason.to_string())
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Cut => Kind::Lost,
            Self::Busy(_) => Kind::Conflict,
            Self::Other(_) | Self::Store(_) => Kind::Final,
            Self::Database(error) => match error.code() {
                None if error.is_closed() || is_io(error) => Kind::Lost,
                None => Kind::Final,
                Some(code) => kind_of(code),
            },
        }
    }

    /// What a caller is told. The messages of the driver and the server hold no password.
    pub(crate) fn into_error(self, action: &'static str, place: &str) -> StoreError {
        let reason = match self {
            Self::Store(error) | Self::Busy(error) => return error,
            Self::Cut => "the connection was cut, or the server takes too long".to_owned(),
            Self::Other(reason) => reason,
            Self::Database(error) => text(&error),
        };
        StoreError::Remote {
            place: place.to_owned(),
            action,
            reason,
        }
    }
}

/// Whether a connection ended because somebody wanted it to: who ends a session, or shuts the
/// server down.
pub(crate) fn is_wanted(end: &tokio_postgres::Error) -> bool {
    end.code() == Some(&SqlState::ADMIN_SHUTDOWN)
}

/// Somebody who holds a lock, with what for where that is known.
pub(crate) fn holder(info: &LockInfo) -> String {
    match info.info.is_empty() {
        true => info.who.clone(),
        false => format!("{} ({})", info.who, info.info),
    }
}

fn kind_of(code: &SqlState) -> Kind {
    const CONFLICTS: [&SqlState; 4] = [
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::LOCK_NOT_AVAILABLE,
        &SqlState::TOO_MANY_CONNECTIONS,
    ];
    const LOST: [&SqlState; 4] = [
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::IDLE_SESSION_TIMEOUT,
    ];
    if CONFLICTS.contains(&code) {
        Kind::Conflict
    } else if LOST.contains(&code) || code.code().starts_with("08") {
        Kind::Lost
    } else {
        Kind::Final
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    error
        .source()
        .is_some_and(|source| source.is::<std::io::Error>())
}

/// What went wrong, with the server's own words where there are some.
fn text(error: &tokio_postgres::Error) -> String {
    if let Some(error) = error.as_db_error() {
        // Details are left out: they may quote what was to be stored.
        return error.message().to_owned();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_failure_decides_on_another_attempt() {
        let check = |code: &str, expect| {
            assert_eq!(kind_of(&SqlState::from_code(code)), expect, "{code}");
        };
        check("40001", Kind::Conflict);
        check("40P01", Kind::Conflict);
        check("53300", Kind::Conflict);
        check("57P01", Kind::Lost);
        check("57P03", Kind::Lost);
        check("08006", Kind::Lost);
        check("28P01", Kind::Final);
        check("42501", Kind::Final);
        assert_eq!(Fault::cut().kind(), Kind::Lost);
        assert_eq!(Fault::other("x").kind(), Kind::Final);
    }
}
