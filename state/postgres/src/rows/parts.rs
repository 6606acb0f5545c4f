//! A state as parts: one for each resource instance, and the root with everything else.

use std::collections::BTreeMap;

use muster_addr::{AbsResource, InstanceKey};
use muster_snapshot::{Instance, Resource, Snapshot};

/// What has to change for one state to become another.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// Addresses of parts that are not as they were.
    pub(super) gone: Vec<String>,
    /// Parts that are new or not as they were, with their addresses.
    pub(super) come: Vec<(String, Snapshot)>,
}

/// How many parts there are apart from the root.
pub(super) fn count(snapshot: &Snapshot) -> usize {
    let all = snapshot.resources.values();
    all.map(|resource| resource.instances.len().max(1)).sum()
}

/// How many instances have an object that is not deposed.
pub(super) fn instances(snapshot: &Snapshot) -> usize {
    let all = snapshot.instances();
    all.filter(|(_, _, instance)| instance.current.is_some())
        .count()
}

/// Puts a part into a state. The answer is its address, or `None` if it is not one part.
pub(super) fn join(snapshot: &mut Snapshot, part: Snapshot) -> Option<String> {
    let mut resources = part.resources.into_iter();
    let (addr, resource) = resources.next()?;
    if resources.next().is_some() || resource.instances.len() > 1 {
        return None;
    }
    let address = address(&addr, resource.instances.keys().next());
    let into = snapshot.resources.entry(addr).or_insert_with(|| Resource {
        instances: BTreeMap::new(),
        ..resource.clone()
    });
    into.instances.extend(resource.instances);
    Some(address)
}

/// What has to change for `old` to become `new`.
pub(super) fn changes(old: &Snapshot, new: &Snapshot) -> Changes {
    let mut changes = Changes::default();
    for (addr, resource) in &old.resources {
        match new.resources.get(addr) {
            Some(other) if other == resource => {}
            Some(other) => changes.within(addr, resource, other),
            None => changes.gone.extend(addresses(addr, resource)),
        }
    }
    for (addr, resource) in &new.resources {
        if !old.resources.contains_key(addr) {
            changes.come.extend(split(addr, resource, |_, _| true));
        }
    }
    changes
}

/// All parts of a state.
pub(super) fn all(snapshot: &Snapshot) -> Vec<(String, Snapshot)> {
    changes(&Snapshot::default(), snapshot).come
}

impl Changes {
    /// Compares the instances of a resource that both have.
    fn within(&mut self, addr: &AbsResource, old: &Resource, new: &Resource) {
        let same_frame = old.provider == new.provider && old.extra == new.extra;
        if !same_frame || old.instances.is_empty() || new.instances.is_empty() {
            self.gone.extend(addresses(addr, old));
            self.come.extend(split(addr, new, |_, _| true));
            return;
        }
        for (key, instance) in &old.instances {
            if new.instances.get(key) != Some(instance) {
                self.gone.push(address(addr, Some(key)));
            }
        }
        let is_new =
            |key: &InstanceKey, instance: &Instance| old.instances.get(key) != Some(instance);
        self.come.extend(split(addr, new, is_new));
    }
}

fn address(resource: &AbsResource, key: Option<&InstanceKey>) -> String {
    match key {
        Some(key) => resource.instance(key.clone()).to_string(),
        None => resource.to_string(),
    }
}

/// The addresses of the parts of a resource. One without instances is a part itself.
fn addresses(addr: &AbsResource, resource: &Resource) -> Vec<String> {
    if resource.instances.is_empty() {
        return vec![address(addr, None)];
    }
    let keys = resource.instances.keys();
    keys.map(|key| address(addr, Some(key))).collect()
}

/// The parts of a resource that are wanted.
fn split(
    addr: &AbsResource,
    resource: &Resource,
    is_wanted: impl Fn(&InstanceKey, &Instance) -> bool,
) -> Vec<(String, Snapshot)> {
    let part = |instances: BTreeMap<InstanceKey, Instance>| {
        let name = address(addr, instances.keys().next());
        let resource = Resource {
            provider: resource.provider.clone(),
            instances,
            extra: resource.extra.clone(),
        };
        let part = Snapshot {
            resources: [(addr.clone(), resource)].into(),
            ..Snapshot::default()
        };
        (name, part)
    };
    if resource.instances.is_empty() {
        return vec![part(BTreeMap::new())];
    }
    let wanted = resource.instances.iter();
    wanted
        .filter(|(key, instance)| is_wanted(key, instance))
        .map(|(key, instance)| part([(key.clone(), instance.clone())].into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(resources: &str) -> Snapshot {
        let text = format!(
            r#"{{"version": 4, "terraform_version": "1.11.4", "serial": 3, "lineage": "l",
               "outputs": {{"o": {{"value": 1, "type": "number"}}}},
               "resources": [{resources}], "check_results": null}}"#
        );
        muster_snapshot::decode(text.as_bytes()).unwrap()
    }

    fn resource(name: &str, instances: &str) -> String {
        format!(
            r#"{{"mode": "managed", "type": "x", "name": "{name}",
               "provider": "provider[\"example.com/x/y\"]", "instances": [{instances}]}}"#
        )
    }

    fn instance(key: &str, value: u32) -> String {
        format!(r#"{{"index_key": {key}, "schema_version": 0, "attributes": {{"v": {value}}}}}"#)
    }

    fn check(old: &[String], new: &[String], gone: &[&str], come: &[&str]) {
        let (old, new) = (state(&old.join(",")), state(&new.join(",")));
        let changes = changes(&old, &new);
        assert_eq!(changes.gone, gone);
        let found: Vec<_> = changes.come.iter().map(|(address, _)| address).collect();
        assert_eq!(found, come);
        let mut parts: BTreeMap<_, _> = all(&old).into_iter().collect();
        assert_eq!(parts.len(), count(&old));
        changes.gone.iter().for_each(|address| {
            assert!(parts.remove(address).is_some());
        });
        parts.extend(changes.come);
        let mut joined = muster_store::without_resources(&new);
        for (address, part) in parts {
            let bytes = muster_snapshot::encode(&part);
            let part = muster_snapshot::decode(&bytes).unwrap();
            assert_eq!(join(&mut joined, part), Some(address));
        }
        assert_eq!(joined, new);
    }

    #[test]
    fn only_what_changes_is_touched() {
        let (a1, a2, b1) = (instance("0", 1), instance("0", 2), instance("\"b\\\"\"", 1));
        let both = format!("{a1},{b1}");
        check(&[], &[], &[], &[]);
        check(
            &[],
            &[resource("r", &both)],
            &[],
            &["x.r[0]", r#"x.r["b\""]"#],
        );
        check(&[resource("r", &both)], &[resource("r", &both)], &[], &[]);
        check(
            &[resource("r", &both)],
            &[resource("r", &a1)],
            &[r#"x.r["b\""]"#],
            &[],
        );
        check(
            &[resource("r", &both), resource("s", &a1)],
            &[resource("r", &format!("{a2},{b1}")), resource("s", &a1)],
            &["x.r[0]"],
            &["x.r[0]"],
        );
        check(
            &[resource("r", &a1)],
            &[resource("s", &a1)],
            &["x.r[0]"],
            &["x.s[0]"],
        );
        check(
            &[resource("r", "")],
            &[resource("r", &a1)],
            &["x.r"],
            &["x.r[0]"],
        );
        check(
            &[resource("r", &a1)],
            &[resource("r", "")],
            &["x.r[0]"],
            &["x.r"],
        );
    }

    #[test]
    fn a_provider_is_part_of_each_instance() {
        let old = resource("r", &instance("0", 1));
        let new = old.replace("x/y", "x/z");
        check(&[old], &[new], &["x.r[0]"], &["x.r[0]"]);
    }

    #[test]
    fn what_is_not_one_part_is_refused() {
        let two = state(&resource(
            "r",
            &format!("{},{}", instance("0", 1), instance("1", 1)),
        ));
        assert_eq!(join(&mut Snapshot::default(), two), None);
        assert_eq!(join(&mut Snapshot::default(), Snapshot::default()), None);
    }
}
