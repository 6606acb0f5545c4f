//! Where states live between runs: the [`Store`] interface, and the store that keeps a state in
//! a local file that Terraform can use in turn.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod local;
mod lock;
mod os;
mod time;

use std::time::Duration;

use muster_snapshot::Snapshot;

pub use error::StoreError;
pub use local::LocalStore;
pub use lock::{LockGuard, LockInfo};
pub use time::now as timestamp;

/// A place that keeps one state.
///
/// Calls block; a store may be used from several threads. Two values that stand for the same
/// place exclude each other by [`Store::lock`], in one process or in several.
pub trait Store: Send + Sync {
    /// Names the place for people: a path or an address.
    fn describe(&self) -> String;

    /// Takes the lock, trying again for as long as `timeout` when somebody else holds it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with what is known of the holder, or the place cannot be reached.
    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError>;

    /// Reads the state; `None` if there is none yet.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or the place cannot be reached.
    fn read(&self) -> Result<Option<Snapshot>, StoreError>;

    /// Writes a state that was made from the one that is stored, and gives it the next serial
    /// number. A state that says nothing new is not written: the answer is `false`.
    ///
    /// Either the whole new state is stored afterwards, or the old one still is.
    ///
    /// # Errors
    /// [`StoreError::Lineage`] and [`StoreError::Stale`] if the stored state is not the one that
    /// this was made from, or the place cannot be written.
    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError>;

    /// Writes a state as it is, serial number included, whatever is stored: for people who put
    /// a state in its place by hand. What was stored is backed up as by [`Store::write`].
    ///
    /// # Errors
    /// The place cannot be written.
    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError>;
}

/// Whether `new` was made from `stored`, and says something else.
pub(crate) fn is_change(stored: Option<&Snapshot>, new: &Snapshot) -> Result<bool, StoreError> {
    let Some(stored) = stored else {
        return Ok(true);
    };
    if !stored.lineage.is_empty() && stored.lineage != new.lineage {
        return Err(StoreError::Lineage {
            stored: stored.lineage.clone(),
            given: new.lineage.clone(),
        });
    }
    if stored.serial != new.serial {
        return Err(StoreError::Stale {
            stored: stored.serial,
            given: new.serial,
        });
    }
    Ok(!stored.same_content(new))
}
