//! Copies states from one place to another.

mod told;
mod undo;

use std::collections::BTreeSet;

use muster_lang::Diags;
use muster_snapshot::Snapshot;
use muster_store::{Backend, DEFAULT_WORKSPACE, Journaled, Store};

use super::Opened;
use super::consent::Consent;
use super::place::{Place, is_since};
use crate::args;
use crate::commands::workspace::remember;
use crate::encryption;
use crate::error::{Failure, Outcome};
use crate::session::workspace;
use told::{declined, left_behind, one_only};
use undo::{Held, Step, released, undone};

const SUMMARY: &str = "Error migrating the state";

/// What is asked about the state of one workspace.
const COPY: &str = "Do you want to copy existing state to the new backend?";

/// The state of one workspace, in both places.
struct Pair {
    /// The name in the new place.
    workspace: String,
    from: Journaled,
    to: Journaled,
    /// What is in the new place, and may be overwritten: as somebody has seen it, and from when
    /// it is locked as it is.
    replaced: Option<Snapshot>,
    /// The new place does not have the workspace yet.
    is_new: bool,
    /// The new place is locked, and `replaced` is what is there.
    is_seen: bool,
}

/// Copies the states of all workspaces, if that is wanted; where the new place has no workspaces,
/// that of the selected one. Either all of them may be written, or none is. A state that the new
/// place has in a newer version stays as it is there. Answers what should be told of states that
/// stay behind.
///
/// # Errors
/// A place cannot be reached, nothing of what is there could be copied, or a person does not want
/// to go on. The old place is as it was.
pub(crate) fn copy_all(
    old: &Place,
    new: &Place,
    locking: &args::Locking,
    consent: Consent,
) -> Outcome<Diags> {
    let (source, target) = (old.open()?, new.open()?);
    let mut wanted = with_content(old, &*source)?;
    let selected = workspace();
    let mut warnings = Diags::new();
    let leaves_others = !new.kind.has_workspaces() && wanted.iter().any(|w| w != DEFAULT_WORKSPACE);
    if leaves_others {
        one_only(new, &wanted, &selected, consent)?;
        let others = wanted.extract_if(.., |name| *name != selected);
        warnings.extend(left_behind(old, &others.collect::<Vec<_>>()));
    }
    let (newer, mut pairs) = pairs((old, &*source), (new, &*target), &wanted)?;
    warnings.extend(newer);
    match agreed(new, &pairs, consent)? {
        true => copy(&*target, &mut pairs, locking, consent == Consent::Given)?,
        false => warnings.extend(declined(&pairs)),
    }
    if leaves_others && selected != DEFAULT_WORKSPACE {
        remember(DEFAULT_WORKSPACE)?;
    }
    Ok(warnings)
}

/// The workspaces that have something in their states.
fn with_content(place: &Place, backend: &dyn Backend) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for name in backend.workspaces()? {
        let state = state_in(place, backend, &name)?.read()?;
        if state.is_some_and(|state| !state.is_empty()) {
            found.push(name);
        }
    }
    Ok(found)
}

/// The state of a workspace. All of a place share its connections, so that one that is lost is not
/// waited for by each of them.
fn state_in(place: &Place, backend: &dyn Backend, workspace: &str) -> Outcome<Journaled> {
    if place.local().is_some() {
        return Ok(place.state(workspace)?.any());
    }
    encryption::ready()?;
    let store = backend.open(workspace)?;
    Ok(Opened::Elsewhere(store, encryption::state_codec()).any())
}

/// Whether states are to be copied, as people want it.
fn agreed(new: &Place, pairs: &[Pair], consent: Consent) -> Outcome<bool> {
    match pairs {
        [] => Ok(false),
        [pair] => {
            let (fact, choice) = pair.explanation()?;
            consent.to(COPY, &format!("{fact}\n{choice}"), &fact)
        }
        _ => {
            let names: Vec<_> = pairs.iter().map(Pair::listed).collect::<Outcome<_>>()?;
            let kind = new.kind.name;
            let explanation = format!(
                "{} workspaces have states that would be copied:\n  - {}\nEnter \"yes\" to copy all of them, and \"no\" to change nothing.",
                names.len(),
                names.join("\n  - ")
            );
            let fact = format!(
                "These workspaces have states that would be copied: {}.",
                names.join("; ")
            );
            let question = format!("Do you want to migrate all workspaces to \"{kind}\"?");
            match consent.to(&question, &explanation, &fact)? {
                true => Ok(true),
                false => Err(aborted()),
            }
        }
    }
}

fn aborted() -> Failure {
    let detail = "Nothing was copied, and the old place stays in use.";
    Failure::new("Migration aborted by user.", detail)
}

/// The states of workspaces in both places that the new one does not have yet. If that has no
/// workspaces, it is that of the default one there. Also tells of those that are newer there.
fn pairs(
    (old, source): (&Place, &dyn Backend),
    (new, target): (&Place, &dyn Backend),
    wanted: &[String],
) -> Outcome<(Diags, Vec<Pair>)> {
    let there = target.workspaces()?;
    let (mut newer, mut pairs) = (Diags::new(), Vec::new());
    for name in wanted {
        let workspace = match new.kind.has_workspaces() {
            true => name.clone(),
            false => DEFAULT_WORKSPACE.to_owned(),
        };
        if is_same(old, new, &workspace) {
            continue;
        }
        let from = state_in(old, source, name)?;
        let to = state_in(new, target, &workspace)?;
        let is_new = workspace != DEFAULT_WORKSPACE && !there.contains(&workspace);
        let pair = Pair {
            replaced: if is_new { None } else { to.read()? },
            workspace,
            from,
            to,
            is_new,
            is_seen: false,
        };
        match pair.is_copied()? {
            true => newer.extend(pair.kept()?),
            false => pairs.push(pair),
        }
    }
    Ok((newer, pairs))
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

    /// Whether the new place has the state already, or what was made of it.
    fn is_copied(&self) -> Outcome<bool> {
        let here = self.from.read()?;
        let pair = here.as_ref().zip(self.replaced.as_ref());
        Ok(pair.is_some_and(|(here, there)| is_since(there, here)))
    }

    /// Whether the new place has something that would be lost.
    fn is_overwritten(&self) -> bool {
        self.replaced
            .as_ref()
            .is_some_and(|there| !there.is_empty())
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
        return Err(undone(failure, target, pairs, locking, (held, &done)));
    }
    let kept = released(held, &BTreeSet::new());
    match kept.0.is_empty() {
        true => Ok(()),
        false => Err(kept.into()),
    }
}

/// Locks all states, and makes the workspaces that the new place does not have. From then on
/// nothing that may be overwritten changes. What is held and was done is told, also after an
/// error.
fn hold(
    target: &dyn Backend,
    pairs: &mut [Pair],
    locking: &args::Locking,
    force: bool,
    (held, done): (&mut Vec<Held>, &mut Vec<Step>),
) -> Outcome<()> {
    // A person may have thought about it for long.
    if pairs.iter().any(|pair| pair.is_new) {
        let there = target.workspaces()?;
        for pair in &mut *pairs {
            pair.is_new &= !there.contains(&pair.workspace);
        }
    }
    for (index, pair) in pairs.iter_mut().enumerate() {
        held.extend(pair.lock_old(locking)?);
        pair.check_settled()?;
        if pair.is_new {
            done.push(Step::Made(index));
            target.create(&pair.workspace)?;
        }
        // Whoever has locked a workspace that was made just now uses it, so that it stays.
        held.extend(pair.lock_new(locking)?);
        let now = pair.to.read()?;
        let is_as_seen = pair.is_as_seen(now.as_ref());
        pair.replaced = now;
        pair.is_seen = true;
        if !force && !is_as_seen {
            let place = pair.to.describe();
            let detail = format!("Somebody else has just written to {place}. Nothing was copied.");
            return Err(Failure::new(SUMMARY, detail));
        }
    }
    Ok(())
}

/// Writes the states. What was done is in `done`, also after an error.
fn write(pairs: &[Pair], done: &mut Vec<Step>) -> Outcome<()> {
    for (index, pair) in pairs.iter().enumerate() {
        // Somebody may have copied it, or written something newer, before it was locked.
        if pair.is_copied()? {
            continue;
        }
        if let Some(state) = pair.from.read()? {
            done.push(Step::Written(index));
            pair.to.replace(&state)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
