use std::collections::BTreeSet;

use muster_addr::{AbsResource, ConfigResource};

/// What a run touches of a state: the extent of a lock that leaves the rest to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Resources that the run may change in the state. Nobody else may change them meanwhile, or
    /// rest on them.
    pub writes: BTreeSet<ConfigResource>,
    /// Resources that the changes are made from. Others may rest on them too.
    pub reads: BTreeSet<ConfigResource>,
}

impl Part {
    /// Nothing in particular: it only keeps away who locks everything.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A resource that keeps two runs from going on side by side.
    pub fn conflict<'a>(&'a self, other: &'a Self) -> Option<&'a ConfigResource> {
        let both = self.writes.intersection(&other.writes);
        let theirs = self.reads.intersection(&other.writes);
        let ours = self.writes.intersection(&other.reads);
        both.chain(theirs).chain(ours).next()
    }

    /// The first one of these resources that the part does not change.
    pub fn outside<'a>(
        &self,
        mut changed: impl Iterator<Item = &'a AbsResource>,
    ) -> Option<&'a AbsResource> {
        // They mostly come in the order of the part, so that the next one is at hand.
        let mut writes = self.writes.range::<ConfigResource, _>(..);
        changed.find(|addr| {
            if writes.next().is_some_and(|config| addr.is_of(config)) {
                return false;
            }
            writes = self.writes.range(addr.config()..);
            !writes.next().is_some_and(|config| addr.is_of(config))
        })
    }

    /// A resource of the part, changed ones first.
    pub fn first(&self) -> Option<&ConfigResource> {
        self.writes.first().or_else(|| self.reads.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_addr::InstanceAddr;

    /// `a b/c d`: changes `x.a` and `x.b`, and rests on `x.c` and `x.d`.
    fn part(text: &str) -> Part {
        let (writes, reads) = text.split_once('/').unwrap_or((text, ""));
        let set = |text: &str| {
            let names = text.split_whitespace();
            let parsed = names.map(|name| format!("x.{name}").parse().unwrap());
            parsed.collect()
        };
        Part {
            writes: set(writes),
            reads: set(reads),
        }
    }

    #[test]
    fn what_is_outside_is_found_in_any_order() {
        let part = part("b d e/a");
        let check = |names: &str, expect: Option<&str>| {
            let addrs: Vec<AbsResource> = names
                .split_whitespace()
                .map(|name| {
                    format!("x.{name}")
                        .parse::<InstanceAddr>()
                        .unwrap()
                        .resource
                })
                .collect();
            let found = part.outside(addrs.iter()).map(ToString::to_string);
            assert_eq!(found.as_deref(), expect, "{names}");
        };
        check("", None);
        check("b d e", None);
        check("d", None);
        check("e d b b d", None);
        check("b c d", Some("x.c"));
        check("f b", Some("x.f"));
        check("b d e f", Some("x.f"));
        check("a", Some("x.a"));
    }

    #[test]
    fn all_instances_of_a_module_have_what_it_declares() {
        let writes = [
            "x.b",
            "module.m.x.b",
            "module.m.data.x.c",
            "module.m.module.n.x.b",
        ];
        let part = Part {
            writes: writes.map(|text| text.parse().unwrap()).into(),
            reads: BTreeSet::new(),
        };
        let check = |addrs: &[&str], expect: Option<&str>| {
            let addr = |text: &&str| text.parse::<InstanceAddr>().unwrap().resource;
            let addrs: Vec<AbsResource> = addrs.iter().map(addr).collect();
            let found = part.outside(addrs.iter()).map(ToString::to_string);
            assert_eq!(found.as_deref(), expect, "{addrs:?}");
        };
        check(&["x.b", "module.m[0].x.b", "module.m[1].x.b"], None);
        check(&["module.m[\"k\"].module.n[2].x.b", "module.m.x.b"], None);
        check(
            &["module.m[0].data.x.c", "module.m[0].x.c"],
            Some("module.m[0].x.c"),
        );
        check(&["x.b", "data.x.b"], Some("data.x.b"));
        check(&["module.n.x.b"], Some("module.n.x.b"));
        check(&["module.m.module.m.x.b"], Some("module.m.module.m.x.b"));
        check(
            &["module.m.module.n.module.n.x.b"],
            Some("module.m.module.n.module.n.x.b"),
        );
    }

    #[test]
    fn what_one_changes_others_leave_alone() {
        let check = |a: &str, b: &str, expect: Option<&str>| {
            let (a, b) = (part(a), part(b));
            let found = |a: &Part, b: &Part| a.conflict(b).map(ToString::to_string);
            assert_eq!(found(&a, &b).as_deref(), expect);
            assert_eq!(found(&b, &a).as_deref(), expect);
        };
        check("a", "b", None);
        check("a b", "b c", Some("x.b"));
        check("a/c", "b/c", None);
        check("a/c", "c", Some("x.c"));
        check("a/c", "", None);
    }
}
