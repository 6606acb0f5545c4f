//! Changes of one writer beside those of others.

use std::collections::{BTreeMap, BTreeSet};

use muster_addr::AbsResource;
use muster_snapshot::Snapshot;

use crate::StoreError;

/// What is to be stored when `next` was made from `base`, and `old` is stored now at `place`.
/// Whole resources are taken from the one who has changed them.
///
/// # Errors
/// [`StoreError::Lineage`] and [`StoreError::Stale`] if the states do not belong together,
/// [`StoreError::Remote`] if somebody else has changed the same resources.
pub fn merge(
    base: &Snapshot,
    next: &Snapshot,
    old: Option<&Snapshot>,
    place: &str,
) -> Result<Snapshot, StoreError> {
    let Some(old) = old else {
        return match base.serial {
            0 => Ok(Snapshot {
                serial: 1,
                ..next.clone()
            }),
            given => Err(StoreError::Stale { stored: 0, given }),
        };
    };
    // Where nothing was stored, whoever is first gives the state its lineage.
    if old.lineage != next.lineage && base.serial > 0 {
        return Err(StoreError::Lineage {
            stored: old.lineage.clone(),
            given: next.lineage.clone(),
        });
    }
    let theirs = changed_resources(base, old);
    let mut merged = Snapshot {
        serial: old.serial.saturating_add(1),
        ..root(base, next, old)
    };
    merged.resources.clone_from(&old.resources);
    for addr in changed_resources(base, next) {
        if theirs.contains(&addr) {
            return Err(StoreError::Remote {
                place: place.to_owned(),
                action: "write",
                reason: format!("somebody else has changed {addr}"),
            });
        }
        match next.resources.get(&addr) {
            Some(resource) => merged.resources.insert(addr, resource.clone()),
            None => merged.resources.remove(&addr),
        };
    }
    Ok(merged)
}

/// Whether all that `next` says otherwise than `base` is stored.
pub fn is_merged(base: &Snapshot, next: &Snapshot, old: Option<&Snapshot>) -> bool {
    let Some(old) = old else {
        return false;
    };
    let mut ours = changed_resources(base, next).into_iter();
    ours.all(|addr| old.resources.get(&addr) == next.resources.get(&addr))
}

/// The resources that two states do not agree on.
pub fn changed_resources(old: &Snapshot, new: &Snapshot) -> BTreeSet<AbsResource> {
    let all = old.resources.keys().chain(new.resources.keys());
    let differ = |addr: &&AbsResource| old.resources.get(*addr) != new.resources.get(*addr);
    all.filter(differ).cloned().collect()
}

/// A state without its resources.
pub fn without_resources(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        terraform_version: snapshot.terraform_version.clone(),
        serial: snapshot.serial,
        lineage: snapshot.lineage.clone(),
        outputs: snapshot.outputs.clone(),
        resources: BTreeMap::new(),
        checks: snapshot.checks.clone(),
        extra: snapshot.extra.clone(),
    }
}

/// Everything but resources. Outputs are taken one by one from the one who has changed them.
fn root(base: &Snapshot, next: &Snapshot, old: &Snapshot) -> Snapshot {
    let mut root = without_resources(old);
    let names = base.outputs.keys().chain(next.outputs.keys());
    for name in names.filter(|name| base.outputs.get(*name) != next.outputs.get(*name)) {
        match next.outputs.get(name) {
            Some(output) => root.outputs.insert(name.clone(), output.clone()),
            None => root.outputs.remove(name),
        };
    }
    if next.checks != base.checks {
        root.checks.clone_from(&next.checks);
    }
    if next.extra != base.extra {
        root.extra.clone_from(&next.extra);
    }
    root.terraform_version.clone_from(&next.terraform_version);
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that says `a1 b2`: resource `x.a` has the value 1, and so on. `A1` is an output.
    fn state(serial: u64, words: &str) -> Snapshot {
        let words: Vec<_> = words.split_whitespace().map(|w| w.split_at(1)).collect();
        let (outputs, resources): (Vec<_>, Vec<_>) = words
            .into_iter()
            .partition(|(name, _)| name.starts_with(char::is_uppercase));
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(name, value)| format!(r#""{name}": {{"value": {value}, "type": "number"}}"#))
            .collect();
        let resources: Vec<_> = resources
            .iter()
            .map(|(name, value)| {
                format!(
                    r#"{{"mode": "managed", "type": "x", "name": "{name}",
                       "provider": "provider[\"example.com/x/y\"]",
                       "instances": [{{"schema_version": 0, "attributes": {{"v": {value}}}}}]}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"version": 4, "terraform_version": "1", "serial": {serial}, "lineage": "l",
               "outputs": {{{}}}, "resources": [{}], "check_results": null}}"#,
            outputs.join(","),
            resources.join(",")
        );
        muster_snapshot::decode(text.as_bytes()).unwrap()
    }

    fn check(base: &str, next: &str, old: &str, expect: Result<&str, &str>) {
        let (base, next, old) = (state(1, base), state(1, next), state(7, old));
        let merged = merge(&base, &next, Some(&old), "here").map_err(|e| e.to_string());
        let expect = expect.map(|words| state(8, words));
        assert_eq!(merged, expect.map_err(str::to_owned));
        if let Ok(merged) = merged {
            assert!(is_merged(&base, &next, Some(&merged)));
        }
    }

    #[test]
    fn changes_of_different_resources_go_together() {
        check("a1 b1", "a2 b1", "a1 b2", Ok("a2 b2"));
        check("a1 b1", "b1", "a1 c1 b1", Ok("b1 c1"));
        check("", "a1", "b1", Ok("a1 b1"));
        check("a1", "a1", "a2", Ok("a2"));
        check("O1 P1", "O2 P1", "O1 P2 Q1", Ok("O2 P2 Q1"));
        check("O1 P1", "P1", "O2 P1", Ok("P1"));
    }

    #[test]
    fn changes_of_the_same_resource_do_not() {
        let refused = Err("cannot write here: somebody else has changed x.a");
        check("a1", "a2", "a3", refused);
        check("a1", "", "a3", refused);
        check("a1", "a2", "", refused);
    }

    #[test]
    fn states_of_other_origin_are_refused() {
        let foreign = Snapshot {
            lineage: "other".to_owned(),
            ..state(1, "a1")
        };
        let refused = merge(&foreign, &foreign, Some(&state(1, "a1")), "here");
        assert!(
            matches!(refused, Err(StoreError::Lineage { .. })),
            "{refused:?}"
        );
        let gone = merge(&foreign, &foreign, None, "here");
        assert!(
            matches!(
                gone,
                Err(StoreError::Stale {
                    stored: 0,
                    given: 1
                })
            ),
            "{gone:?}"
        );
    }
}
