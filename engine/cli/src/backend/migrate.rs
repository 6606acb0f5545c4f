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
    /// What is in the new place, and may be overwritten.
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
    let mut done = Vec::new();
    let copied = copy(&*target, &mut pairs, locking, force, &mut done);
    copied.map_err(|failure| undone(failure, &*target, &pairs, &done))
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

/// Copies while nobody else works with any of the states. What was done is in `done`, also after
/// an error: how many workspaces were made, and how many states were written.
fn copy(
    target: &dyn Backend,
    pairs: &mut [Pair],
    locking: &args::Locking,
    force: bool,
    done: &mut Vec<Step>,
) -> Outcome<()> {
    for (index, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.is_new) {
        target.create(&pair.workspace)?;
        done.push(Step::Made(index));
    }
    let mut held: Vec<Option<LockGuard>> = Vec::new();
    for pair in &*pairs {
        held.push(lock(&pair.from, locking, "migration source state")?);
        held.push(lock(&pair.to, locking, "migration destination state")?);
        pair.check_settled()?;
    }
    for pair in pairs.iter().filter(|_| !force) {
        let now = pair.to.read()?;
        let is_as_seen = match (&pair.replaced, &now) {
            (Some(seen), Some(now)) => is_copy(seen, now),
            (seen, now) => [seen, now].into_iter().flatten().all(Snapshot::is_empty),
        };
        if !is_as_seen {
            let place = pair.to.describe();
            let detail = format!("Somebody else has just written to {place}. Nothing was copied.");
            return Err(Failure::new(SUMMARY, detail));
        }
    }
    for (index, pair) in pairs.iter().enumerate() {
        if let Some(state) = pair.from.read()? {
            done.push(Step::Written(index));
            pair.to.replace(&state)?;
        }
    }
    for guard in held.into_iter().flatten() {
        guard.release()?;
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
        let (pair, undone) = match *step {
            Step::Made(index) => (&pairs[index], target.delete(&pairs[index].workspace)),
            Step::Written(index) => match &pairs[index].replaced {
                Some(state) => (&pairs[index], pairs[index].to.replace(state)),
                None => continue,
            },
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
