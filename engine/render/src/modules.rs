//! Resources in the nested modules of a document.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use muster_addr::{InstanceAddr, InstanceKey, ModuleInstance};

use crate::json::JsonWriter;

/// Items by the module they are in.
pub(crate) struct ModuleGroups<T>(BTreeMap<ModuleInstance, Vec<T>>);

impl<T> Default for ModuleGroups<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

type Write<'f, T> = &'f dyn Fn(&mut JsonWriter<'_>, &T);

impl<T> ModuleGroups<T> {
    pub(crate) fn add(&mut self, module: &ModuleInstance, item: T) {
        match self.0.get_mut(module) {
            Some(items) => items.push(item),
            None => _ = self.0.insert(module.clone(), vec![item]),
        }
    }

    pub(crate) fn sort_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        for items in self.0.values_mut() {
            items.sort_by(&compare);
        }
    }

    /// Members of the root module's object: `resources` and `child_modules`.
    pub(crate) fn write(&self, w: &mut JsonWriter<'_>, write: Write<'_, T>) {
        let groups: Vec<_> = self
            .0
            .iter()
            .map(|(m, items)| (m, items.as_slice()))
            .collect();
        write_module(w, &groups, 0, write);
    }
}

/// Writes one module; all groups are in it or further in, sorted.
fn write_module<T>(
    w: &mut JsonWriter<'_>,
    groups: &[(&ModuleInstance, &[T])],
    depth: usize,
    write: Write<'_, T>,
) {
    let own = groups.first().filter(|(module, _)| module.0.len() == depth);
    if let Some((_, items)) = own {
        w.key("resources").array(|w| {
            for item in *items {
                write(w, item);
            }
        });
    }
    if depth > 0
        && let Some((module, _)) = groups.first()
    {
        let own = ModuleInstance(module.0[..depth].into());
        w.key("address").string(&own.to_string());
    }
    let inner = &groups[usize::from(own.is_some())..];
    if inner.is_empty() {
        return;
    }
    // Siblings are in the order of their addresses as text, `[10]` before `[1]`, unlike their
    // keys.
    let mut children: Vec<_> = inner
        .chunk_by(|(a, _), (b, _)| a.0[depth] == b.0[depth])
        .collect();
    children.sort_by_cached_key(|child| {
        let step = child.first().map(|(module, _)| module.0[depth].clone());
        ModuleInstance(step.into_iter().collect()).to_string()
    });
    w.key("child_modules").array(|w| {
        for child in children {
            w.object(|w| {
                stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
                    write_module(w, child, depth + 1, write);
                });
            });
        }
    });
}

/// The members that name an instance.
pub(crate) fn write_instance_name(w: &mut JsonWriter<'_>, address: &str, addr: &InstanceAddr) {
    w.key("address").string(address);
    write_instance_parts(w, addr);
}

/// As [`write_instance_name`], without the address.
pub(crate) fn write_instance_parts(w: &mut JsonWriter<'_>, addr: &InstanceAddr) {
    let id = &addr.resource.resource;
    w.key("mode").string(id.mode.as_str());
    w.key("type").string(&id.type_name);
    w.key("name").string(&id.name);
    match &addr.key {
        InstanceKey::None => {}
        InstanceKey::Int(n) => w.key("index").uint(*n),
        InstanceKey::Str(key) => w.key("index").string(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_string;

    /// The documents of modules with one item each.
    fn check(modules: &[&str], expect: &str) {
        let mut groups = ModuleGroups::default();
        for module in modules {
            let addr: InstanceAddr = format!("{module}.a.b").parse().unwrap();
            groups.add(&addr.resource.module, ());
        }
        let json = to_string(|w| w.object(|w| groups.write(w, &|w, ()| w.null())));
        assert_eq!(json, expect);
    }

    #[test]
    fn siblings_are_in_the_order_of_their_addresses() {
        check(
            &["module.m[2]", "module.m[10]", "module.m[1]", "module.m-x"],
            concat!(
                r#"{"child_modules":[{"resources":[null],"address":"module.m-x"},"#,
                r#"{"resources":[null],"address":"module.m[10]"},"#,
                r#"{"resources":[null],"address":"module.m[1]"},"#,
                r#"{"resources":[null],"address":"module.m[2]"}]}"#
            ),
        );
    }

    #[test]
    fn modules_without_resources_hold_their_children() {
        check(
            &["module.a.module.l[0]", "module.a.module.l-x"],
            concat!(
                r#"{"child_modules":[{"address":"module.a","child_modules":["#,
                r#"{"resources":[null],"address":"module.a.module.l-x"},"#,
                r#"{"resources":[null],"address":"module.a.module.l[0]"}]}]}"#
            ),
        );
    }
}
