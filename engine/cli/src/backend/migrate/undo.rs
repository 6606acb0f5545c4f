//! Puts back what was in the new place when states could not be copied, and gives back the locks.

use std::collections::BTreeSet;

use muster_lang::Diags;
use muster_snapshot::Snapshot;
use muster_store::{Backend, LockGuard, Store as _, StoreError};

use super::{Pair, SUMMARY};
use crate::args;
use crate::error::{Failure, Outcome, sentence};
use crate::locking::lock;
use crate::session::TERRAFORM_VERSION;

/// Something that was done to one of the pairs.
pub(super) enum Step {
    /// The workspace was made in the new place, or it was tried.
    Made(usize),
    /// The state was written, or it was tried.
    Written(usize),
}

/// A lock that is held while states are copied.
pub(super) struct Held {
    /// The state for people.
    pub(super) place: String,
    pub(super) workspace: String,
    pub(super) guard: LockGuard,
}

/// Puts back what was in the new place, as far as that goes. Tells of what stays otherwise, which
/// includes locks.
pub(super) fn undone(
    failure: Failure,
    target: &dyn Backend,
    pairs: &[Pair],
    locking: &args::Locking,
    (mut held, done): (Vec<Held>, &[Step]),
) -> Failure {
    let mut diags: Diags = failure.diags;
    let mut gone = BTreeSet::new();
    for step in done.iter().rev() {
        let (Step::Made(index) | Step::Written(index)) = *step;
        let pair = &pairs[index];
        let undone = match step {
            Step::Written(_) => pair.put_back().map_err(Failure::from),
            Step::Made(_) => pair.unmake(target, locking, &mut held).map(|is_gone| {
                gone.extend(is_gone.then(|| pair.to.describe()));
            }),
        };
        if let Err(failure) = undone {
            let detail = format!(
                "{} cannot be put back as it was: {}. The old place has not been touched and stays in use.",
                pair.to.describe(),
                failure.reason()
            );
            diags.extend(Failure::new(SUMMARY, detail).diags);
        }
    }
    diags.extend(released(held, &gone));
    diags.into()
}

impl Pair {
    /// Whether there was nothing in the new place that anybody could miss.
    fn was_unused(&self) -> bool {
        self.replaced.as_ref().is_none_or(Snapshot::is_empty)
    }

    /// Puts back the state that was in the new place.
    fn put_back(&self) -> Result<(), StoreError> {
        match &self.replaced {
            // The workspace goes as a whole.
            _ if self.is_new && self.was_unused() => Ok(()),
            Some(state) => self.to.replace(state),
            // The default workspace cannot be deleted, but what is in it can.
            None if self.to.read()?.is_some() => self.to.replace(&Snapshot::new(TERRAFORM_VERSION)),
            None => Ok(()),
        }
    }

    /// Deletes the workspace from the new place, unless somebody else uses it by now. Whether it
    /// was deleted.
    fn unmake(
        &self,
        target: &dyn Backend,
        locking: &args::Locking,
        held: &mut Vec<Held>,
    ) -> Outcome<bool> {
        if !self.is_seen {
            if !target.workspaces()?.contains(&self.workspace) {
                return Ok(false);
            }
            if !held.iter().any(|held| held.place == self.to.describe()) {
                held.extend(self.lock_new(locking)?);
            }
            if self.to.read()?.is_some_and(|state| !state.is_empty()) {
                return Ok(false);
            }
        } else if !self.was_unused() {
            return Ok(false);
        }
        target.delete(&self.workspace)?;
        Ok(true)
    }

    pub(super) fn lock_old(&self, locking: &args::Locking) -> Outcome<Option<Held>> {
        let guard = lock(&self.from, locking, "migration source state")?;
        Ok(guard.map(|guard| self.held(self.from.describe(), guard)))
    }

    pub(super) fn lock_new(&self, locking: &args::Locking) -> Outcome<Option<Held>> {
        let guard = lock(&self.to, locking, "migration destination state")?;
        Ok(guard.map(|guard| self.held(self.to.describe(), guard)))
    }

    fn held(&self, place: String, guard: LockGuard) -> Held {
        Held {
            place,
            workspace: self.workspace.clone(),
            guard,
        }
    }
}

/// Gives all locks back, also after one that could not be, and tells of each of these. Of places
/// that are gone, the locks may be, too.
pub(super) fn released(held: Vec<Held>, gone: &BTreeSet<String>) -> Diags {
    let mut diags = Diags::new();
    for held in held {
        let id = held.guard.info().id.clone();
        let error = match held.guard.release() {
            Ok(()) => continue,
            Err(error) => error,
        };
        let is_lost = matches!(
            error,
            StoreError::NotLocked { .. } | StoreError::Deleted { .. } | StoreError::LockLost { .. }
        );
        if is_lost && gone.contains(&held.place) {
            continue;
        }
        let failure = match &error {
            StoreError::Remote { .. } => Failure::new(
                "Error releasing the state lock",
                format!(
                    "The lock on {} was not given back: {} Others may find it locked still. When it can be reached again and nobody works with it, take the lock away where that place is the backend and the workspace \"{}\" is selected: muster force-unlock {id}",
                    held.place,
                    sentence(error.to_string()),
                    held.workspace
                ),
            ),
            _ => error.into(),
        };
        diags.extend(failure.diags);
    }
    diags
}
