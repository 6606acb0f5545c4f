//! What is right and what is not after a trial.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::process::Ended;
use super::{Action, Existing, Kill, Trial, Verdict, lines};

/// So many objects are named.
const NAMED: usize = 5;

/// How the run ended that was killed, or whose plugin was.
pub(super) fn first(trial: &Trial, first: &Ended, verdict: &mut Verdict) {
    verdict.too_late = first.code == Some(0);
    if trial.kill != Kill::Plugin {
        return;
    }
    match first.code {
        Some(0 | 1) => {}
        Some(code) => verdict.blame(format!("without its plugin it ended with code {code}")),
        None => verdict.blame("it died with its plugin".to_owned()),
    }
}

/// Nothing is done a second time that the killed run had told of.
pub(super) fn again(trial: &Trial, first: &Ended, next: &Ended, verdict: &mut Verdict) {
    let done = lines::done(trial.action, &first.said);
    let again = lines::begun(&next.said).filter(|addr| done.contains(addr));
    let again: Vec<&str> = again.collect();
    verdict.lost += again.len();
    if !again.is_empty() {
        verdict.blame(format!("done a second time: {}", some_of(&again)));
    }
}

/// How the last run ended.
pub(super) fn end(last: &Ended, verdict: &mut Verdict) {
    if last.code != Some(0) {
        verdict.failed = true;
        let error = last.said.lines().find(|line| line.contains("Error"));
        let error = error.unwrap_or("it says nothing");
        verdict.blame(format!("the next run failed ({:?}): {error}", last.code));
    }
}

/// What the next run says when the one before has ended in order.
pub(super) fn in_order(next: &Ended, verdict: &mut Verdict) {
    let signs = [
        "An earlier run was interrupted",
        "Earlier runs were interrupted",
    ];
    if signs.iter().any(|sign| next.said.contains(sign)) {
        verdict.blame("the run did not end in order".to_owned());
    }
}

/// When all is done, nothing is in flight.
pub(super) fn journal(folder: &Path, verdict: &mut Verdict) {
    if folder.join(".terraform.tfstate.journal").exists() {
        verdict.blame("a journal is left".to_owned());
    }
}

/// What exists.
pub(super) struct Objects {
    pub(super) existing: Vec<Existing>,
    /// See [`super::Ground::repeated`].
    pub(super) repeated: Vec<String>,
}

impl Objects {
    /// Takes out what providers have made again, of which no state can know; tells how many.
    fn take_repeated(&mut self, known: &BTreeSet<&str>) -> usize {
        let before = self.existing.len();
        for name in &self.repeated {
            let mut again = self.existing.iter();
            let again = again.position(|e| e.name == *name && !known.contains(e.id.as_str()));
            if let Some(at) = again {
                self.existing.remove(at);
            }
        }
        before - self.existing.len()
    }
}

/// What exists is what is in the state, once each.
pub(super) fn state(trial: &Trial, mut objects: Objects, path: &Path, verdict: &mut Verdict) {
    let state = document(path, verdict);
    let recorded = ids(&state);
    let known: BTreeSet<&str> = recorded.iter().copied().collect();
    verdict.repeated = objects.take_repeated(&known);
    let existing = &objects.existing;
    let names: BTreeSet<&str> = existing.iter().map(|e| e.name.as_str()).collect();
    verdict.doubled = existing.len() - names.len();
    if verdict.doubled > 0 {
        verdict.blame(format!("{} objects exist twice", verdict.doubled));
    }
    let all = existing.iter().map(|e| e.id.as_str());
    let orphans: Vec<&str> = all.filter(|id| !known.contains(id)).collect();
    verdict.orphaned = orphans.len();
    if !orphans.is_empty() {
        verdict.blame(format!("in no state: {}", some_of(&orphans)));
    }
    let expected = match trial.action {
        Action::Destroy => 0,
        Action::Create | Action::Update => trial.objects,
    };
    let by_id: BTreeMap<&str, bool> = existing.iter().map(|e| (e.id.as_str(), e.right)).collect();
    // An object that is there twice is right once.
    let right = known
        .iter()
        .filter(|id| by_id.get(*id) == Some(&true))
        .count();
    verdict.wrong = recorded.len().max(expected) - right;
    if verdict.wrong > 0 || recorded.len() != expected {
        verdict.blame(format!(
            "the state has {} of {expected} objects, and {right} of them are right",
            recorded.len()
        ));
    }
}

/// What is looked at of a state.
#[derive(Default, Deserialize)]
#[serde(default)]
struct State {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    id: Option<String>,
}

/// The ids of the objects in a state.
fn ids<'a>(state: &'a State) -> Vec<&'a str> {
    let instances = state.resources.iter().flat_map(|r| &r.instances);
    let id = |instance: &'a Instance| instance.attributes.as_ref()?.id.as_deref();
    instances.map(|i| id(i).unwrap_or_default()).collect()
}

/// A state file; nothing if it is not there or empty.
fn document(path: &Path, verdict: &mut Verdict) -> State {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    if text.is_empty() {
        return State::default();
    }
    serde_json::from_str(&text).unwrap_or_else(|error| {
        verdict.blame(format!("{}: {error}", path.display()));
        State::default()
    })
}

fn some_of(names: &[&str]) -> String {
    let mut text = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        text += &format!(" and {} more", names.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    const TRIAL: Trial = Trial {
        action: Action::Create,
        kill: Kill::Engine,
        objects: 2,
        latency: Duration::ZERO,
        after: Some(0),
        delay: Duration::ZERO,
        at_once: true,
    };

    /// Doubled, orphaned and wrong objects, when these exist by name and id and those ids are in
    /// the state.
    fn check(existing: &[(&str, &str)], recorded: &[&str], expect: [usize; 3]) {
        let exists = |(name, id): &(&str, &str)| Existing {
            name: (*name).to_owned(),
            id: (*id).to_owned(),
            right: true,
        };
        let existing: Vec<Existing> = existing.iter().map(exists).collect();
        let instances: Vec<Value> = recorded
            .iter()
            .map(|id| serde_json::json!({ "attributes": { "id": id } }))
            .collect();
        let state = serde_json::json!({ "resources": [{ "instances": instances }] });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, state.to_string()).unwrap();
        let mut verdict = Verdict::default();
        let repeated = Vec::new();
        let objects = Objects { existing, repeated };
        super::state(&TRIAL, objects, &path, &mut verdict);
        assert_eq!([verdict.doubled, verdict.orphaned, verdict.wrong], expect);
        assert_eq!(verdict.is_good(), expect == [0; 3]);
    }

    #[test]
    fn what_a_provider_repeats_is_not_the_engines_doing() {
        let existing =
            [("a", "1"), ("b", "2"), ("b", "3"), ("b", "4")].map(|(name, id)| Existing {
                name: name.to_owned(),
                id: id.to_owned(),
                right: true,
            });
        let mut objects = Objects {
            existing: existing.into(),
            repeated: vec!["b".to_owned(), "a".to_owned()],
        };
        // One of the three was sent again; the other one was asked for twice.
        assert_eq!(objects.take_repeated(&BTreeSet::from(["1", "3"])), 1);
        let left = objects.existing.iter().map(|e| e.id.as_str());
        assert_eq!(left.collect::<Vec<_>>(), ["1", "3", "4"]);
    }

    #[test]
    fn what_is_not_as_it_should_be_is_counted() {
        let two = [("a", "1"), ("b", "2")];
        check(&two, &["1", "2"], [0, 0, 0]);
        check(&two, &["1"], [0, 1, 1]);
        check(&two, &["1", "2", "2"], [0, 0, 1]);
        check(&two, &[], [0, 2, 2]);
        check(&two[..1], &["1", "2"], [0, 0, 1]);
        check(&[two[0], two[1], ("b", "3")], &["1", "3"], [1, 1, 0]);
    }

    #[test]
    fn what_was_done_is_not_done_again() {
        let said = |text: &str| Ended {
            code: Some(0),
            said: text.to_owned(),
        };
        let first = said("a: Creation complete after 0s [id=1]\nb: Creating...\n");
        let mut verdict = Verdict::default();
        again(&TRIAL, &first, &said("b: Creating...\n"), &mut verdict);
        assert!(verdict.is_good());
        again(&TRIAL, &first, &said("a: Creating...\n"), &mut verdict);
        assert_eq!(verdict.lost, 1);
    }
}
