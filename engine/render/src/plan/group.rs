//! Instances of a resource that change alike, which are shown once.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use muster_addr::InstanceKey;
use muster_plan::{Action, Change, Reason};

/// Fewer changes than this are shown one by one.
const FEWEST: usize = 3;

/// Changes that are shown together.
pub(super) struct Group<'c> {
    /// At least one, all of the same resource, in the order of the listing.
    pub(super) changes: Vec<&'c Change>,
    /// They are alike only when a word stands for the key of each.
    pub(super) keyed: bool,
}

/// What is drawn of a change, as far as it can be shared by several instances.
#[derive(Debug)]
pub(super) struct Drawn {
    /// As it is.
    pub(super) plain: String,
    /// With a word for the key of the instance, if there can be one.
    pub(super) keyed: Option<String>,
}

/// A number for what is drawn, which nobody can choose: so the texts need not be kept.
type Digest = (u64, u64);

/// Changes in groups, each at the place of its first change. `draw` is asked for changes of
/// resources with enough of them, one at a time.
pub(super) fn groups<'c>(
    changes: &[&'c Change],
    draw: impl Fn(&Change) -> Drawn,
) -> Vec<Group<'c>> {
    let same = |a: &&Change, b: &&Change| a.addr.resource == b.addr.resource;
    let mut groups = Vec::new();
    for run in changes.chunk_by(same) {
        match run.len() < FEWEST {
            true => groups.extend(run.iter().map(|change| alone(change))),
            false => groups.extend(of_resource(run, &draw)),
        }
    }
    groups
}

fn alone<'c>(change: &'c Change) -> Group<'c> {
    Group {
        changes: vec![change],
        keyed: false,
    }
}

/// The digests of one change, and whether it was put into a group.
struct Entry {
    plain: Digest,
    keyed: Option<Digest>,
}

fn of_resource<'c>(run: &[&'c Change], draw: &impl Fn(&Change) -> Drawn) -> Vec<Group<'c>> {
    let entries = entries(run, draw);
    let mut placed = vec![false; run.len()];
    let mut found = Vec::new();
    for keyed in [false, true] {
        let digest = |entry: &Entry| match keyed {
            true => entry.keyed,
            false => Some(entry.plain),
        };
        let digests = entries.iter().map(|entry| entry.as_ref().and_then(digest));
        for members in alike(digests, &placed) {
            members.iter().for_each(|at| placed[*at] = true);
            found.push((members, keyed));
        }
    }
    let left = (0..run.len()).filter(|at| !placed[*at]);
    found.extend(left.map(|at| (vec![at], false)));
    found.sort_by_key(|(members, _)| members.first().copied());
    let group = |(members, keyed): (Vec<usize>, bool)| Group {
        changes: members.into_iter().map(|at| run[at]).collect(),
        keyed,
    };
    found.into_iter().map(group).collect()
}

/// Nothing for changes that are shown one by one in any case.
fn entries(run: &[&Change], draw: &impl Fn(&Change) -> Drawn) -> Vec<Option<Entry>> {
    let random = (RandomState::new(), RandomState::new());
    let entry = |change: &Change| {
        let digest = |text: &String| {
            let parts = (looks(change), text);
            (random.0.hash_one(parts), random.1.hash_one(parts))
        };
        let drawn = draw(change);
        Entry {
            plain: digest(&drawn.plain),
            keyed: drawn.keyed.as_ref().map(digest),
        }
    };
    let entries = run.iter();
    entries
        .map(|change| is_ordinary(change).then(|| entry(change)))
        .collect()
}

/// Indexes of equal digests, where there are enough of them.
fn alike(digests: impl Iterator<Item = Option<Digest>>, placed: &[bool]) -> Vec<Vec<usize>> {
    let mut members: HashMap<Digest, Vec<usize>> = HashMap::new();
    for (at, digest) in digests.enumerate() {
        if let Some(digest) = digest.filter(|_| !placed[at]) {
            members.entry(digest).or_default().push(at);
        }
    }
    let enough = members.into_values().filter(|m| m.len() >= FEWEST);
    enough.collect()
}

/// Whether nothing but the drawn body, the action and the reason is told about a change.
fn is_ordinary(change: &Change) -> bool {
    change.addr.key != InstanceKey::None
        && change.deposed.is_none()
        && change.previous.is_none()
        && change.importing.is_none()
        && change.generated_config.is_none()
}

/// What the lines above the body are made from, without the key.
fn looks(change: &Change) -> (Action, Reason, bool) {
    let is_index = matches!(change.addr.key, InstanceKey::Int(_));
    (change.action, change.reason, is_index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{change, object};

    /// Keys with what is drawn of each, `@` where the key is; groups as `keys:keyed`.
    fn check(keys: &[(&str, &str)], expect: &str) {
        let changes: Vec<Change> = keys
            .iter()
            .map(|(key, _)| Change {
                addr: format!("x_y.z[{key:?}]").parse().unwrap(),
                ..change(Action::Create, object(&[]), object(&[]))
            })
            .collect();
        let draw = |change: &Change| {
            let InstanceKey::Str(key) = &change.addr.key else {
                panic!("{}", change.addr);
            };
            let (_, text) = keys.iter().find(|(k, _)| **k == **key).unwrap();
            Drawn {
                plain: text.replace('@', key),
                keyed: Some((*text).to_owned()),
            }
        };
        let found = groups(&changes.iter().collect::<Vec<_>>(), draw);
        let shown = found.iter().map(|group| {
            let keys = group.changes.iter().map(|c| match &c.addr.key {
                InstanceKey::Str(key) => key.to_string(),
                other => other.to_string(),
            });
            let sign = if group.keyed { "@" } else { "" };
            format!("{}{sign}", keys.collect::<String>())
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expect);
    }

    #[test]
    fn three_that_are_alike_are_a_group() {
        check(&[("a", "1"), ("b", "1")], "a b");
        check(&[("a", "1"), ("b", "1"), ("c", "1")], "abc");
        check(&[("a", "1"), ("b", "2"), ("c", "1"), ("d", "1")], "acd b");
        check(&[("a", "n@"), ("b", "n@"), ("c", "n@")], "abc@");
        check(
            &[
                ("a", "@"),
                ("b", "1"),
                ("c", "@"),
                ("d", "1"),
                ("e", "@"),
                ("f", "1"),
            ],
            "ace@ bdf",
        );
    }
}
