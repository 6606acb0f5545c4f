//! How an apply stores its state.

use std::path::{Path, PathBuf};

use muster_snapshot::Snapshot;
use muster_store::{Journaled, Store, StoreError};

use crate::error::{Failure, Outcome};
use crate::session::TERRAFORM_VERSION;
use crate::{encryption, rescue};

/// Stores the state at the end of a run. Where that fails, the journal keeps what was done; a
/// state that the journal does not have whole either is written elsewhere.
pub(super) fn save_last(
    store: &Journaled,
    saved: &Snapshot,
    state: Snapshot,
    unrecorded: Option<StoreError>,
) -> Outcome<()> {
    let mut next = successor(saved, state);
    let Err(error) = store.merge(saved, &mut next) else {
        return match unrecorded {
            None => Ok(()),
            Some(error) => Err(error.into()),
        };
    };
    // What was recorded went with the workspace.
    let is_deleted = matches!(error, StoreError::Deleted { .. });
    let mut diags = match is_deleted {
        true => Failure::new("Failed to save state", format!("{error}.")).diags,
        false => Failure::from(error).diags,
    };
    if unrecorded.is_none() && !is_deleted {
        let detail = format!(
            "Everything that was done is recorded in {}. The next command brings it into the state, when the cause is mended.",
            store.journal_path().display()
        );
        diags.extend(Failure::new("The state is not stored yet", detail).diags);
        return Err(diags.into());
    }
    if let Some(error) = unrecorded {
        diags.extend(Failure::from(error).diags);
    }
    // So that it is newer than the stored one, and can be pushed in its place.
    next.serial = saved.serial.saturating_add(1);
    let bytes = encryption::state_codec().encode(&next);
    let bytes = bytes.map_err(std::io::Error::other);
    let path = bytes.and_then(|bytes| rescue::write(Path::new("."), &bytes));
    diags.extend(rescued(path, store.journal_path()).diags);
    Err(diags.into())
}

/// Writes the state; afterwards `saved` is what this run has stored. What others have stored
/// beside it is none of its business.
pub(super) fn save(
    store: &Journaled,
    saved: &mut Snapshot,
    state: &Snapshot,
) -> Result<(), StoreError> {
    let mut next = successor(saved, state.clone());
    store.merge(saved, &mut next)?;
    *saved = Snapshot {
        serial: next.serial,
        lineage: next.lineage,
        ..state.clone()
    };
    Ok(())
}

/// A state that may take the place of the stored one.
fn successor(saved: &Snapshot, state: Snapshot) -> Snapshot {
    Snapshot {
        serial: saved.serial,
        lineage: saved.lineage.clone(),
        terraform_version: TERRAFORM_VERSION.to_owned(),
        ..state
    }
}

fn rescued(result: Result<PathBuf, std::io::Error>, journal: &Path) -> Failure {
    match result {
        Ok(path) => Failure::new(
            "The state was written elsewhere",
            format!(
                "Everything that was done is in {}. Keep it, and put it in the state's place when the cause is mended.",
                path.display()
            ),
        ),
        Err(error) => Failure::new(
            "Failed to persist state",
            format!(
                "The state could not be written anywhere else, either: {error}. What was done until {} could not be written is in there, and the next command brings it into the state; what was done after that is in this output only.",
                journal.display()
            ),
        ),
    }
}
