//! States as the file, its backup and its history have them.

use std::borrow::Cow;
use std::path::PathBuf;

use muster_snapshot::Snapshot;

use super::LocalStore;
use super::file::Pieces;
use super::history::{Failed, Rewritten, Standing, Stored};
use super::session::Session;
use crate::{CodecError, Part, RemarkKind, Store, StoreError, differing};

impl LocalStore {
    /// What the file has at this moment.
    pub(super) fn read_once(&self, session: &Session) -> Result<Option<Snapshot>, StoreError> {
        let (bytes, is_begun) = self.inner.paths.look(session.alone())?;
        if bytes.is_empty() {
            self.check_missing(session.is_made || is_begun)?;
        }
        let state = self.parse(&bytes)?;
        if let Some(state) = &state {
            self.check_altered(self.stored(state, &[&bytes]))?;
        }
        Ok(state)
    }

    /// Stores a state after another one, which is backed up.
    pub(super) fn succeed(
        &self,
        session: &mut Session,
        old: &[u8],
        stored: Option<&Snapshot>,
        next: &Snapshot,
    ) -> Result<(), StoreError> {
        if !session.backed_up {
            let kept = self.kept(old, stored)?;
            self.inner.paths.back_up_once(&kept, session)?;
        }
        let old = [old];
        let before = stored.map(|state| self.stored(state, &old));
        let new = self.encode(next)?;
        let new: Vec<&[u8]> = new.iter().map(Vec::as_slice).collect();
        self.put(session, before, Stored::now(next, &new))
    }

    /// Refuses changes of what is not locked.
    pub(super) fn check_part(
        &self,
        part: &Part,
        stored: Option<&Snapshot>,
        next: &Snapshot,
    ) -> Result<(), StoreError> {
        let nothing = Snapshot::default();
        match part.outside(differing(stored.unwrap_or(&nothing), next)) {
            None => Ok(()),
            Some(other) => Err(StoreError::Remote {
                place: self.describe(),
                action: "write",
                reason: format!("{other} is not locked"),
            }),
        }
    }

    pub(super) fn encode(&self, snapshot: &Snapshot) -> Result<Vec<Vec<u8>>, StoreError> {
        self.codec
            .encode_pieces(snapshot)
            .map_err(|reason| StoreError::Seal {
                place: self.describe(),
                reason,
            })
    }

    /// Refuses an empty file where the history says that there were objects: something has gone
    /// wrong, and to go on would make them all once more. Where there is no file people mean to
    /// begin anew, or have lost it; they are told of the history.
    fn check_missing(&self, is_made: bool) -> Result<(), StoreError> {
        let history = &self.inner.paths.history;
        let is_there = !is_made && self.path().exists();
        let versions = match history.versions(None) {
            Err(error) if is_there => return Err(error),
            // The state does not depend on it.
            versions => versions.unwrap_or_default(),
        };
        let Some(last) = versions.first().filter(|last| last.instances > 0) else {
            return Ok(());
        };
        let (serial, instances) = (last.serial, last.instances);
        if is_there {
            let emptied = muster_snapshot::StateError::Emptied { serial, instances };
            return Err(self.corrupt(CodecError::State(emptied)));
        }
        self.inner.remark(RemarkKind::Missing, format!(
            "{} is not there, but {} has states of it, and the last one had {instances} resource instances. If the file was lost, `muster state restore {serial}` brings that one back; an apply begins anew and makes all objects once more.",
            self.describe(),
            history.path.display()
        ));
        Ok(())
    }

    /// Refuses a state that differs from what was written under its number.
    fn check_altered(&self, now: Stored<'_>) -> Result<(), StoreError> {
        let serial = now.state.serial;
        match self.inner.paths.history.standing(&self.codec, &now) {
            Standing::Fine => Ok(()),
            Standing::Altered(serial) => Err(self.corrupt(CodecError::State(
                muster_snapshot::StateError::Altered { serial },
            ))),
            Standing::Renumbered(written) => {
                self.inner.remark(RemarkKind::Damage, format!(
                    "{} has the serial number {serial}, and says what was stored as number {written}. If no other program has written it since, the number was damaged; that does no harm.",
                    self.describe()
                ));
                Ok(())
            }
        }
    }

    /// Encrypts earlier states, too, with the key that is set now. The state itself is stored by
    /// then, so that what does not work is told, and no more.
    pub(super) fn reseal_history(&self) {
        let history = &self.inner.paths.history;
        let shown = history.path.display();
        let text = match history.reseal(&self.codec) {
            Ok(Rewritten { left, kept }) => {
                self.tell_damaged(kept);
                if left == 0 {
                    return;
                }
                format!(
                    "{left} of the states in {shown} cannot be read with the keys that are set now, and stay as they are."
                )
            }
            Err(error) => format!("{shown} stays as it is: {error}."),
        };
        self.inner.remark(RemarkKind::Rekey, text);
    }

    /// Tells where a history is kept that was damaged.
    fn tell_damaged(&self, kept: Option<PathBuf>) {
        let Some(kept) = kept else {
            return;
        };
        let text = format!(
            "Some of {} could not be read, and states are missing there. The file is kept as it was in {}.",
            self.inner.paths.history.path.display(),
            kept.display()
        );
        self.inner.remark(RemarkKind::Damage, text);
    }

    fn corrupt(&self, reason: CodecError) -> StoreError {
        StoreError::Corrupt {
            place: self.describe(),
            reason,
            backup: self.inner.paths.backup.clone().filter(|path| path.exists()),
        }
    }

    /// Writes a new state, and keeps it in the history; the old one, too, if somebody else wrote
    /// it. What the history needs is made while the disk is waited for.
    pub(super) fn put(
        &self,
        session: &Session,
        old: Option<Stored<'_>>,
        new: Stored<'_>,
    ) -> Result<(), StoreError> {
        let paths = &self.inner.paths;
        let (written, addition) = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("state history".into());
            let prepare = || paths.history.prepare(&self.codec, old, new);
            let prepared = thread.spawn_scoped(scope, prepare);
            let write = || paths.write(session.locked.as_ref(), new.bytes);
            let written = match session.locked {
                Some(_) => write(),
                // The lock has seen to the folder otherwise.
                None => self.inner.in_folder(write),
            };
            let prepared = match prepared.map(std::thread::ScopedJoinHandle::join) {
                Ok(Ok(prepared)) => prepared,
                Ok(Err(panic)) => std::panic::resume_unwind(panic),
                // There are too many threads already.
                Err(_) => prepare(),
            };
            (written, prepared)
        });
        written?;
        match addition.and_then(|addition| paths.history.add(addition)) {
            Ok(kept) => self.tell_damaged(kept),
            // Earlier states are not worth failing for.
            Err(Failed(reason)) => {
                let text = format!(
                    "The state is stored, but it will not be among the earlier ones later, and damage to it would not be noticed: {reason}."
                );
                self.inner.remark(RemarkKind::History, text);
            }
        }
        Ok(())
    }

    /// The state that was, for the backup: what was written before states were encrypted does not
    /// stay in plain text.
    fn kept<'a>(
        &self,
        old: &'a [u8],
        stored: Option<&Snapshot>,
    ) -> Result<Cow<'a, [u8]>, StoreError> {
        match stored {
            Some(state) if self.codec.is_sealed() && muster_snapshot::decode(old).is_ok() => {
                Ok(Cow::Owned(self.encode(state)?.concat()))
            }
            _ => Ok(Cow::Borrowed(old)),
        }
    }

    /// Calls something with the state as it is stored now.
    pub(super) fn with_present<T>(
        &self,
        f: impl FnOnce(Option<Stored<'_>>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let session = self.inner.session();
        let bytes = self.inner.paths.read(session.alone())?;
        // A damaged one is when earlier ones are needed most.
        let state = self.parse(&bytes).ok().flatten();
        let bytes = [bytes.as_slice()];
        f(state.as_ref().map(|state| self.stored(state, &bytes)))
    }

    /// What is stored now.
    pub(super) fn stored<'a>(&self, state: &'a Snapshot, bytes: Pieces<'a>) -> Stored<'a> {
        let modified = std::fs::metadata(self.path()).and_then(|m| m.modified());
        Stored {
            state,
            bytes,
            modified: modified.ok(),
        }
    }

    pub(super) fn parse(&self, bytes: &[u8]) -> Result<Option<Snapshot>, StoreError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        self.codec
            .decode(bytes)
            .map(Some)
            .map_err(|reason| self.corrupt(reason))
    }
}
