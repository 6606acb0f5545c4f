//! Changes of one writer beside those of others.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_addr::AbsResource;
use muster_snapshot::{JsonText, Snapshot};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::StoreError;

/// What is to be stored when `next` was made from `base`, and `old` is stored now at `place`.
/// Whole resources, outputs and results of checks are taken from the one who has changed them.
///
/// # Errors
/// [`StoreError::Lineage`] and [`StoreError::Stale`] if the states do not belong together,
/// [`StoreError::Remote`] if somebody else has changed the same resources, or the same outputs
/// in another way.
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
    let refused = |what: String| StoreError::Remote {
        place: place.to_owned(),
        action: "write",
        reason: format!("somebody else has changed {what}"),
    };
    let theirs = changed_resources(base, old);
    let mut outputs = changed_outputs(base, next);
    if let Some(name) = outputs.find(|name| {
        let stored = old.outputs.get(*name);
        stored != base.outputs.get(*name) && stored != next.outputs.get(*name)
    }) {
        return Err(refused(format!("output {name}")));
    }
    let mut merged = Snapshot {
        serial: old.serial.saturating_add(1),
        ..root(base, next, old)
    };
    merged.resources.clone_from(&old.resources);
    for addr in changed_resources(base, next) {
        if theirs.contains(&addr) {
            return Err(refused(addr.to_string()));
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
        && changed_outputs(base, next).all(|name| old.outputs.get(name) == next.outputs.get(name))
}

fn changed_resources(old: &Snapshot, new: &Snapshot) -> BTreeSet<AbsResource> {
    differing(old, new).cloned().collect()
}

/// The resources that two states do not agree on, in the order of their addresses.
pub fn differing<'a>(
    old: &'a Snapshot,
    new: &'a Snapshot,
) -> impl Iterator<Item = &'a AbsResource> {
    let mut old = old.resources.iter().peekable();
    let mut new = new.resources.iter().peekable();
    std::iter::from_fn(move || {
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some((before, _)), Some((now, _))) => before.cmp(now),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            match order {
                Ordering::Less => return old.next().map(|(addr, _)| addr),
                Ordering::Greater => return new.next().map(|(addr, _)| addr),
                Ordering::Equal => {
                    let (before, now) = (old.next()?, new.next()?);
                    if before.1 != now.1 {
                        return Some(now.0);
                    }
                }
            }
        }
    })
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

/// The names of the outputs that two states do not agree on. A name may come twice.
fn changed_outputs<'a>(old: &'a Snapshot, new: &'a Snapshot) -> impl Iterator<Item = &'a Arc<str>> {
    let all = old.outputs.keys().chain(new.outputs.keys());
    all.filter(|name| old.outputs.get(*name) != new.outputs.get(*name))
}

/// Everything but resources. Outputs and results of checks are taken one by one from the one who
/// has changed them.
fn root(base: &Snapshot, next: &Snapshot, old: &Snapshot) -> Snapshot {
    let mut root = without_resources(old);
    for name in changed_outputs(base, next) {
        match next.outputs.get(name) {
            Some(output) => root.outputs.insert(name.clone(), output.clone()),
            None => root.outputs.remove(name),
        };
    }
    root.checks = merged_checks(base, next, old);
    if next.extra != base.extra {
        root.extra.clone_from(&next.extra);
    }
    root.terraform_version.clone_from(&next.terraform_version);
    root
}

/// What the results of checks are about: the kind of object, and its address in the
/// configuration.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Checked {
    #[serde(default)]
    object_kind: String,
    config_addr: String,
}

/// The results of checks of whoever has changed them, one object of the configuration after the
/// other. Where both have, those of `next` are the later ones.
fn merged_checks(base: &Snapshot, next: &Snapshot, old: &Snapshot) -> Option<JsonText> {
    if next.checks == base.checks {
        return old.checks.clone();
    }
    let lists = [base, next, old].map(|state| results(state.checks.as_ref()));
    let [Some(base), Some(ours), Some(theirs)] = lists else {
        // Nobody knows what they are about.
        return next.checks.clone();
    };
    let base: BTreeMap<_, _> = base.into_iter().collect();
    let index: BTreeMap<_, _> = ours.iter().map(|(about, text)| (about, *text)).collect();
    let is_changed = |about: &Checked| base.get(about) != index.get(about);
    let mut known = BTreeSet::new();
    let mut merged = Vec::new();
    for (about, text) in &theirs {
        known.insert(about);
        merged.extend(match is_changed(about) {
            true => index.get(about).copied(),
            false => Some(*text),
        });
    }
    let new = ours.iter().filter(|(about, _)| !known.contains(about));
    merged.extend(
        new.filter(|(about, _)| is_changed(about))
            .map(|(_, text)| *text),
    );
    if merged.is_empty() {
        return None;
    }
    JsonText::parse(&format!("[{}]", merged.join(","))).ok()
}

/// The results of checks as text, each with what it is about; `None` if that is not how they look.
fn results(checks: Option<&JsonText>) -> Option<Vec<(Checked, &str)>> {
    let text = checks.map_or("null", JsonText::as_str);
    let list: Option<Vec<&RawValue>> = serde_json::from_str(text).ok()?;
    let list = list.unwrap_or_default().into_iter();
    list.map(|raw| Some((serde_json::from_str(raw.get()).ok()?, raw.get())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A state that says `a1 b2`: resource `x.a` has the value 1, and so on. `A1` is an output,
    /// and `:a1` the results of check `a`.
    fn state(serial: u64, words: &str) -> Snapshot {
        let (checks, words): (Vec<_>, Vec<_>) =
            words.split_whitespace().partition(|w| w.starts_with(':'));
        let words: Vec<_> = words.into_iter().map(|w| w.split_at(1)).collect();
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                let (name, value) = check[1..].split_at(1);
                format!(
                    r#"{{"object_kind": "check", "config_addr": "check.{name}",
                       "status": "pass", "objects": {value}}}"#
                )
            })
            .collect();
        let checks = match checks.is_empty() {
            true => "null".to_owned(),
            false => format!("[{}]", checks.join(",")),
        };
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
               "outputs": {{{}}}, "resources": [{}], "check_results": {checks}}}"#,
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
    fn resources_that_differ_come_once_and_in_order() {
        let check = |a: &str, b: &str, expect: &str| {
            for (old, new) in [(a, b), (b, a)] {
                let (old, new) = (state(1, old), state(2, new));
                let found: Vec<_> = differing(&old, &new).map(ToString::to_string).collect();
                assert_eq!(found.join(" "), expect, "{a} to {b}");
            }
        };
        check("", "", "");
        check("a1 b1", "a1 b1", "");
        check("", "a1 b1", "x.a x.b");
        check("a1 b1", "c1 d1", "x.a x.b x.c x.d");
        check("a1 c1 d1", "b1 c2 d1 e1", "x.a x.b x.c x.e");
        check("a1 b1 c1", "b2", "x.a x.b x.c");
    }

    #[test]
    fn changes_of_different_resources_go_together() {
        check("a1 b1", "a2 b1", "a1 b2", Ok("a2 b2"));
        check("a1 b1", "b1", "a1 c1 b1", Ok("b1 c1"));
        check("", "a1", "b1", Ok("a1 b1"));
        check("a1", "a1", "a2", Ok("a2"));
        check("O1 P1", "O2 P1", "O1 P2 Q1", Ok("O2 P2 Q1"));
        check("O1 P1", "O2 P1", "O2 P2", Ok("O2 P2"));
    }

    #[test]
    fn changes_of_the_same_output_do_not() {
        let refused = Err("cannot write here: somebody else has changed output O");
        check("O1 P1", "O2 P1", "O3 P1", refused);
        check("O1 P1", "P1", "O2 P1", refused);
        check("O1", "O2", "", refused);
        check("", "O1", "O2", refused);
        let (base, next, old) = (state(1, "O1"), state(1, "O2"), state(7, "O3"));
        assert!(!is_merged(&base, &next, Some(&old)));
    }

    #[test]
    fn results_of_checks_are_those_of_whoever_has_changed_them() {
        check(":a1 :b1", ":a2 :b1", ":a1 :b2", Ok(":a2 :b2"));
        check(":a1 :b1", ":b1", ":a1 :b2 :c1", Ok(":b2 :c1"));
        check(":a1", ":a1", "", Ok(""));
        check("", ":a1", ":b1", Ok(":b1 :a1"));
        check(":a1", ":a2", ":a3", Ok(":a2"));
        check(":a1", "", ":a1", Ok(""));
    }

    #[test]
    fn checks_that_look_different_are_taken_as_they_are() {
        let odd = Snapshot {
            checks: JsonText::parse("[1]").ok(),
            ..state(1, "")
        };
        let merged = merge(&state(1, ":a1"), &odd, Some(&state(7, ":a2")), "here").unwrap();
        assert_eq!(merged.checks, odd.checks);
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
