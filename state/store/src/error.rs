use std::io;
use std::path::PathBuf;

use crate::{CodecError, LockInfo, SealError, os};

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Objects were being moved to or from the state when that was interrupted.
    #[error("objects of {} were being moved to {} when that was interrupted, and nobody has settled that since; {} says so", .transfer.source.place, .transfer.destination.place, .record.display())]
    Moving {
        /// What was being moved.
        transfer: Box<crate::Transfer>,
        /// The file that says so.
        record: PathBuf,
    },
    /// Somebody else holds the lock.
    #[error("{place} is locked by somebody else{}", holder_text(.holder.as_deref()))]
    Locked {
        /// The state.
        place: String,
        /// Who holds it, if that can be told.
        holder: Option<Box<LockInfo>>,
    },
    /// What is stored is not a state.
    #[error("{place} cannot be used: {reason}{}", backup_text(.backup.as_ref()))]
    Corrupt {
        /// The state.
        place: String,
        /// What is wrong with it.
        reason: CodecError,
        /// An earlier state that may be put in its place.
        backup: Option<PathBuf>,
    },
    /// The stored state belongs to another history.
    #[error(
        "the stored state has the lineage {stored:?}, the new one {given:?}: they are of different origin"
    )]
    Lineage {
        /// Lineage of what is stored.
        stored: String,
        /// Lineage of what was to be written.
        given: String,
    },
    /// The stored state is not the one that the new one was made from.
    #[error(
        "the stored state has the serial number {stored}, but the new one was made from number {given}: somebody else has changed it"
    )]
    Stale {
        /// Serial number of what is stored.
        stored: u64,
        /// Serial number that the new state was made from.
        given: u64,
    },
    /// The lock has ended, or was taken away, while it was needed.
    #[error("the lock on {place} was lost: {reason}")]
    LockLost {
        /// The state.
        place: String,
        /// What is known of it.
        reason: String,
    },
    /// A place that is not on this machine refuses something, or does not answer.
    #[error("cannot {action} {place}: {reason}")]
    Remote {
        /// The state, without secrets.
        place: String,
        /// What was tried: `write`.
        action: &'static str,
        /// Why not.
        reason: String,
    },
    /// An argument of the `backend` block, or what stands for it in the environment, is missing
    /// or makes no sense.
    #[error("the argument {name:?} of the backend {reason}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What is wrong with it: `is required`.
        reason: String,
    },
    /// The journal cannot be used.
    #[error("the journal cannot be used: {reason}")]
    Journal {
        /// Why not.
        reason: String,
    },
    /// The workspace was deleted while somebody waited for its lock, or was about to take it.
    #[error("{place} is not there any more: the workspace was deleted in the meantime")]
    Deleted {
        /// The state.
        place: String,
    },
    /// There is no lock that could be taken away.
    #[error("{place} is not locked")]
    NotLocked {
        /// The state.
        place: String,
    },
    /// Places of this kind do not do that.
    #[error("{place} does not {what}")]
    Unsupported {
        /// The state.
        place: String,
        /// What: `keep earlier states`.
        what: &'static str,
    },
    /// The state cannot be encrypted.
    #[error("{place} cannot be encrypted: {reason}")]
    Seal {
        /// The state.
        place: String,
        /// Why not.
        reason: SealError,
    },
    /// The operating system refuses something.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried: `write`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Files there cannot be locked.
    #[error(
        "{} cannot be locked: its file system has no locks. Where nobody else works with this state meanwhile, -lock=false goes on without", .path.display()
    )]
    NoLocks {
        /// The file.
        path: PathBuf,
    },
    /// The new state could not be stored; the old one is untouched.
    #[error("cannot write the state, and {} stays as it was: {source}", .path.display())]
    NotWritten {
        /// The state.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file that is locked is not the one that the state is read from any more.
    #[error("{} was removed, or another file was put in its place, while it was locked; nothing was written to it", .path.display())]
    Replaced {
        /// The state.
        path: PathBuf,
    },
    /// Writing stopped half-way. The whole new state is in another file and will be used.
    #[error("cannot finish writing {}: {source}. The whole new state is in {}", .path.display(), .complete.display())]
    HalfWritten {
        /// The state.
        path: PathBuf,
        /// The file with the new state.
        complete: PathBuf,
        /// Why it stopped.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether somebody else may be working on the state by now, so that it is best left alone.
    pub fn is_overtaken(&self) -> bool {
        matches!(
            self,
            Self::LockLost { .. } | Self::Locked { .. } | Self::Stale { .. } | Self::Lineage { .. }
        )
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match action {
            "lock" if os::has_no_locks(&source) => Self::NoLocks { path },
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

fn holder_text(holder: Option<&LockInfo>) -> String {
    match holder {
        Some(info) => format!("\n\n{info}"),
        None => String::new(),
    }
}

fn backup_text(backup: Option<&PathBuf>) -> String {
    match backup {
        Some(path) => format!(". An earlier state is in {}", path.display()),
        None => String::new(),
    }
}
