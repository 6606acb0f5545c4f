//! Copies states from one place to another.

use muster_lang::Diags;
use muster_snapshot::Snapshot;
use muster_store::{Backend, DEFAULT_WORKSPACE, Journaled, LockGuard, Store};

use super::place::Place;
use crate::args;
use crate::error::{Failure, Outcome};
use crate::locking::lock;
use crate::prompt;

const SUMMARY: &str = "Error migrating the state";

/// The state of one workspace, in both places.
struct Pair {
    workspace: String,
    from: Journaled,
    to: Journaled,
    /// What is in the new place, and may be overwritten: as somebody has seen it, and from when
    /// it is locked as it is.
    replaced: Option<Snapshot>,
    /// The new place does not have the workspace yet.
    is_new: bool,
}

/// Copies the states of all workspaces. Either all of them may be written, or none is. With
/// `force` nobody is asked about states that are overwritten.
///
/// # Errors
/// A place cannot be reached, or a person does not want to go on. The old place is as it was.
pub(crate) fn copy_all(
    old: &Place,
    new: &Place,
    locking: &args::Locking,
    force: bool,
) -> Outcome<()> {
    let target = new.open()?;
    let mut pairs = pairs(old, new, &*target)?;
    for pair in pairs.iter().filter(|_| !force) {
        pair.ask()?;
    }
    copy(&*target, &mut pairs, locking, force)
}

/// All workspaces that have something in their states.
fn pairs(old: &Place, new: &Place, target: &dyn Backend) -> Outcome<Vec<Pair>> {
    let source = old.open()?;
    let there = target.workspaces()?;
    let mut pairs = Vec::new();
    for workspace in source.workspaces()? {
        let from = old.state(&workspace)?.any();
        if is_same(old, new, &workspace) || from.read()?.is_none_or(|state| state.is_empty()) {
            continue;
        }
        let to = new.state(&workspace)?.any();
        let is_new = workspace != DEFAULT_WORKSPACE && !there.contains(&workspace);
        pairs.push(Pair {
            replaced: if is_new { None } else { to.read()? },
            workspace,
            from,
            to,
            is_new,
        });
    }
    Ok(pairs)
}

/// Whether both places have the state in the same file.
fn is_same(old: &Place, new: &Place, workspace: &str) -> bool {
    let (Some(old), Some(new)) = (old.local(), new.local()) else {
        return false;
    };
    let (from, to) = (old.state_path(workspace), new.state_path(workspace));
    let whole = |path| std::fs::canonicalize(path).ok();
    from == to || (whole(&from).is_some() && whole(&from) == whole(&to))
}

impl Pair {
    /// What interrupted runs have begun to make is known beside the old state only, and must not
    /// be made again because of the new one.
    fn check_settled(&self) -> Outcome<()> {
        let open = self.from.in_flight()?;
        if open.is_empty() {
            return Ok(());
        }
        let names: String = open.iter().map(|i| format!("\n  - {}", i.addr)).collect();
        let detail = format!(
            "A run on {} was interrupted, and nobody knows yet whether these objects were made:{names}\n\nGo back to the old backend block and let plan and apply find out. Nothing was copied.",
            self.from.describe()
        );
        Err(Failure::new(SUMMARY, detail))
    }

    /// Whether nobody has written to the new place since somebody looked.
    fn is_as_seen(&self, now: Option<&Snapshot>) -> bool {
        match (self.replaced.as_ref(), now) {
            (Some(seen), Some(now)) => is_copy(seen, now),
            (seen, now) => [seen, now].into_iter().flatten().all(Snapshot::is_empty),
        }
    }

    /// Lets a person decide about a state that would be overwritten.
    fn ask(&self) -> Outcome<()> {
        let is_there = self.replaced.as_ref().filter(|state| !state.is_empty());
        let (Some(there), Some(new)) = (is_there, self.from.read()?) else {
            return Ok(());
        };
        if is_copy(there, &new) {
            return Ok(());
        }
        let (from, to) = (self.from.describe(), self.to.describe());
        let explanation = format!(
            "The state in {from} would take the place of the one in {to}, which is not empty."
        );
        let question = "Do you want to overwrite the state in the new backend?";
        if prompt::is_wanted() && prompt::approve(question, &explanation) == Some(true) {
            return Ok(());
        }
        let detail = format!(
            "{explanation} Nothing was copied. Use -force-copy to overwrite it without being asked."
        );
        Err(Failure::new(SUMMARY, detail))
    }
}

fn is_copy(a: &Snapshot, b: &Snapshot) -> bool {
    (a.serial, &a.lineage) == (b.serial, &b.lineage) && a.same_content(b)
}

/// Copies while nobody else works with any of the states. What was done is undone after an error,
/// while the locks are still held: what others may change is not touched.
fn copy(
    target: &dyn Backend,
    pairs: &mut [Pair],
    locking: &args::Locking,
    force: bool,
) -> Outcome<()> {
    let (mut held, mut done) = (Vec::new(), Vec::new());
    let copied = hold(target, pairs, locking, force, (&mut held, &mut done))
        .and_then(|()| write(pairs, &mut done));
    if let Err(failure) = copied {
        return Err(undone(failure, target, pairs, &done));
    }
    // All of them are given back, also after one that could not be.
    let released: Vec<_> = held.into_iter().map(LockGuard::release).collect();
    for result in released {
        result?;
    }
    Ok(())
}

/// Locks all states, and makes the workspaces that the new place does not have. From then on
/// nothing that may be overwritten changes. What is held and was done is told, also after an
/// error.
fn hold(
    target: &dyn Backend,
    pairs: &mut [Pair],
    locking: &args::Locking,
    force: bool,
    (held, done): (&mut Vec<LockGuard>, &mut Vec<Step>),
) -> Outcome<()> {
    for (index, pair) in pairs.iter_mut().enumerate() {
        held.extend(lock(&pair.from, locking, "migration source state")?);
        pair.check_settled()?;
        if pair.is_new {
            target.create(&pair.workspace)?;
        }
        // Whoever has locked a workspace that was made just now uses it, so that it stays.
        held.extend(lock(&pair.to, locking, "migration destination state")?);
        let now = pair.to.read()?;
        if !force && !pair.is_as_seen(now.as_ref()) {
            let place = pair.to.describe();
            let detail = format!("Somebody else has just written to {place}. Nothing was copied.");
            return Err(Failure::new(SUMMARY, detail));
        }
        pair.replaced = now;
        if pair.is_new {
            done.push(Step::Made(index));
        }
    }
    Ok(())
}

/// Writes the states. What was done is in `done`, also after an error.
fn write(pairs: &[Pair], done: &mut Vec<Step>) -> Outcome<()> {
    for (index, pair) in pairs.iter().enumerate() {
        if let Some(state) = pair.from.read()? {
            done.push(Step::Written(index));
            pair.to.replace(&state)?;
        }
    }
    Ok(())
}

/// Something that was done to one of the pairs.
enum Step {
    /// The workspace was made in the new place.
    Made(usize),
    /// The state was written, or it was tried.
    Written(usize),
}

/// Puts back what was in the new place, as far as that goes.
fn undone(failure: Failure, target: &dyn Backend, pairs: &[Pair], done: &[Step]) -> Failure {
    let mut diags: Diags = failure.diags;
    for step in done.iter().rev() {
        let (Step::Made(index) | Step::Written(index)) = *step;
        let pair = &pairs[index];
        let undone = match (step, &pair.replaced) {
            (Step::Made(_), None) => target.delete(&pair.workspace),
            (Step::Written(_), Some(state)) => pair.to.replace(state),
            // Either somebody was quicker than the lock and needs the workspace, or there was no
            // state to put back.
            (Step::Made(_), Some(_)) | (Step::Written(_), None) => continue,
        };
        if let Err(error) = undone {
            let detail = format!(
                "{} cannot be put back as it was: {error}. The old place has not been touched and stays in use.",
                pair.to.describe()
            );
            diags.extend(Failure::new(SUMMARY, detail).diags);
        }
    }
    diags.into()
}

#[cfg(test)]
mod tests;
