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

    /// One of these resources that the part does not change.
    pub fn outside(&self, changed: BTreeSet<AbsResource>) -> Option<AbsResource> {
        changed.into_iter().find(|addr| !self.changes(addr))
    }

    /// Whether the part changes a resource.
    pub(crate) fn changes(&self, addr: &AbsResource) -> bool {
        self.writes.contains(&addr.config())
    }

    /// A resource of the part, changed ones first.
    pub fn first(&self) -> Option<&ConfigResource> {
        self.writes.first().or_else(|| self.reads.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
