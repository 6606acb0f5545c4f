//! What is asked and told about states that are copied, or are not.

use muster_lang::{Diagnostic, Diags};
use muster_snapshot::Snapshot;
use muster_store::Store as _;

use super::{Pair, SUMMARY, aborted};
use crate::backend::consent::Consent;
use crate::backend::place::Place;
use crate::error::{Failure, Outcome};

/// Tells of workspaces whose states are not copied, if there are any.
pub(super) fn left_behind(old: &Place, others: &[String]) -> Diags {
    if others.is_empty() {
        return Diags::new();
    }
    let detail = format!(
        "The states of these workspaces stay in the backend of type \"{}\", where they were: {}. With the new backend block, nothing manages their objects.",
        old.kind.name,
        others.join(", ")
    );
    Diagnostic::warning("States were left behind", detail).into()
}

/// Tells what becomes of states that a person did not want to be copied.
pub(super) fn declined(pairs: &[Pair]) -> Diags {
    let mut diags = Diags::new();
    for pair in pairs {
        let detail = format!(
            "The old state stays in {}. An apply with what is in {} may make its objects once more. To have it there after all, bring it in with \"muster state push\".",
            pair.from.describe(),
            pair.to.describe()
        );
        diags.push(Diagnostic::warning("State was not copied", detail));
    }
    diags
}

/// Lets a person decide about workspaces that the new place cannot have. Without one, there has
/// to be something to copy.
pub(super) fn one_only(
    new: &Place,
    wanted: &[String],
    selected: &str,
    consent: Consent,
) -> Outcome<()> {
    let fact = format!(
        "There are no workspaces in a backend of type \"{}\", and {} with a state here: {}.",
        new.kind.name,
        wanted.len(),
        wanted.join(", "),
    );
    let has_state = wanted.iter().any(|name| name == selected);
    if !has_state && consent != Consent::Asked {
        let detail = format!(
            "{fact} The selected one, \"{selected}\", has none, so that there is nothing to copy, and nothing was changed. Go back to the old backend block and select the workspace to copy, or let init ask whether to start with an empty state."
        );
        return Err(Failure::new(SUMMARY, detail));
    }
    let what = match has_state {
        true => format!(
            "copy the state of the selected one, \"{selected}\", and leave the others\nwhere they are"
        ),
        false => format!(
            "leave them all where they are and start with an empty state,\nbecause the selected one, \"{selected}\", has none"
        ),
    };
    let explanation = format!("{fact}\nEnter \"yes\" to {what}, and \"no\" to change nothing.");
    let question = "Do you want to copy only your current workspace?";
    match consent.to(question, &explanation, &fact)? {
        true => Ok(()),
        false => Err(aborted()),
    }
}

impl Pair {
    /// Tells that a newer state stays.
    pub(super) fn kept(&self) -> Outcome<Diags> {
        let here = self.from.read()?;
        let serial = |state: Option<&Snapshot>| state.map_or(0, |state| state.serial);
        if serial(self.replaced.as_ref()) == serial(here.as_ref()) {
            return Ok(Diags::new());
        }
        let detail = format!(
            "{} has a newer version ({}) of the state in {} ({}), and keeps it.",
            self.to.describe(),
            told(self.replaced.as_ref()),
            self.from.describe(),
            told(here.as_ref())
        );
        Ok(Diagnostic::warning("State was not copied", detail).into())
    }

    /// The workspace in a list of those that would be copied.
    pub(super) fn listed(&self) -> Outcome<String> {
        let name = &self.workspace;
        Ok(match self.is_overwritten() {
            true => format!(
                "{name}, where another state ({}) is overwritten by this one ({})",
                told(self.replaced.as_ref()),
                told(self.from.read()?.as_ref())
            ),
            false => name.clone(),
        })
    }

    /// What a person should know who decides, and what the answers mean.
    pub(super) fn explanation(&self) -> Outcome<(String, &'static str)> {
        const OVERWRITE: &str = "Enter \"yes\" to overwrite that one, and \"no\" to go on with it and leave the old one\nwhere it is.";
        const COPY: &str = "Enter \"yes\" to copy it, and \"no\" to start with an empty state and leave the old one\nwhere it is.";
        let (from, to) = (self.from.describe(), self.to.describe());
        let here = told(self.from.read()?.as_ref());
        let there = told(self.replaced.as_ref());
        Ok(match &self.replaced {
            Some(_) if self.is_overwritten() => (
                format!(
                    "The state in {from} ({here}) would take the place of the one in {to} ({there})."
                ),
                OVERWRITE,
            ),
            Some(_) => (
                format!("There is a state in {from} ({here}), and an empty one in {to} ({there})."),
                COPY,
            ),
            None => (
                format!("There is a state in {from} ({here}), and none in {to} yet."),
                COPY,
            ),
        })
    }
}

/// How much there is in a state, and how new it is.
fn told(state: Option<&Snapshot>) -> String {
    let (serial, resources) = state.map_or((0, 0), |s| (s.serial, s.resources.len()));
    match resources {
        1 => format!("1 resource, serial {serial}"),
        n => format!("{n} resources, serial {serial}"),
    }
}
