//! Why an object cannot be imported to an address: nothing is configured there.

use muster_addr::{InstanceAddr, InstanceKey, shell_word};
use muster_eval::Expansion;
use muster_lang::{Diagnostic, Span};

use crate::Planner;

/// How many addresses a message lists.
const LISTED: usize = 20;

/// The configuration has nothing for an address, which an `import` block names if there is a
/// position.
pub(super) fn no_target(address: &str, span: Option<Span>) -> Diagnostic {
    let detail = format!(
        "There is no block for {address}, so the object would have no configuration. Write one, or have it written with -generate-config-out=FILE."
    );
    refused(detail, span)
}

fn refused(detail: String, span: Option<Span>) -> Diagnostic {
    Diagnostic::error("Configuration for import target does not exist", detail).at_opt(span)
}

impl Planner {
    /// Nothing is planned at an address, and at others that the same block names.
    pub(super) fn no_instance<'a>(
        &self,
        addr: &InstanceAddr,
        others: impl ExactSizeIterator<Item = &'a InstanceAddr>,
        span: Option<Span>,
    ) -> Diagnostic {
        let mut told = self.no_such_instance(addr, span);
        told.detail.push_str(&also_missing(others));
        told
    }

    /// Nothing is planned at an address: its resource may be there all the same.
    fn no_such_instance(&self, addr: &InstanceAddr, span: Option<Span>) -> Diagnostic {
        let resource = &addr.resource;
        let module = self.eval.config().find(&resource.module.path());
        if !module.is_some_and(|m| m.resources.contains_key(&resource.resource)) {
            return no_target(&addr.to_string(), span);
        }
        let Ok(Some(inst)) = self.eval.find_module(&resource.module) else {
            let detail = format!(
                "The configuration has no instance {} of this module: its count or for_each, or that of a module around it, has other keys.",
                resource.module
            );
            return refused(detail, span);
        };
        match self.eval.expand_resource(inst, &resource.resource) {
            Ok(expansion) => refused(lacks(addr, &expansion, span.is_none()), span),
            Err(_) => no_target(&addr.to_string(), span),
        }
    }
}

/// What else the same block names that is not there.
fn also_missing<'a>(others: impl ExactSizeIterator<Item = &'a InstanceAddr>) -> String {
    let count = others.len();
    if count == 0 {
        return String::new();
    }
    let listed: String = others
        .take(LISTED)
        .map(|addr| format!("\n  {addr}"))
        .collect();
    let targets = match count {
        1 => "1 more target that does not exist".to_owned(),
        n => format!("{n} more targets that do not exist"),
    };
    format!("\n\nThis block has {targets}:{listed}{}", rest(count))
}

/// The end of a list of so many.
fn rest(count: usize) -> String {
    match count.saturating_sub(LISTED) {
        0 => String::new(),
        n => format!("\n  and {n} more"),
    }
}

/// The first keys of an expansion, and how many there are.
fn first_keys(expansion: &Expansion) -> (Vec<InstanceKey>, usize) {
    match expansion {
        Expansion::Count(count) => {
            let keys = (0..*count).take(LISTED).map(InstanceKey::Int);
            (
                keys.collect(),
                usize::try_from(*count).unwrap_or(usize::MAX),
            )
        }
        Expansion::ForEach(entries) => {
            let keys = entries.keys().take(LISTED).cloned();
            (keys.map(InstanceKey::Str).collect(), entries.len())
        }
        Expansion::Single | Expansion::Unknown => (vec![InstanceKey::None], 1),
        Expansion::Disabled => (Vec::new(), 0),
    }
}

/// Which instances there are in place of one that is not there. For a shell, addresses are quoted.
fn lacks(addr: &InstanceAddr, expansion: &Expansion, for_shell: bool) -> String {
    let resource = &addr.resource;
    let argument = match expansion {
        Expansion::Single | Expansion::Unknown => {
            return format!(
                "{resource} has neither count nor for_each: it is one object, whose address has no key. Import it to {resource}."
            );
        }
        Expansion::Disabled => {
            return format!("{resource} has no instance, because its enabled is false.");
        }
        Expansion::Count(_) => "count",
        Expansion::ForEach(_) => "for_each",
    };
    let (keys, count) = first_keys(expansion);
    let wanted = match &addr.key {
        InstanceKey::None => String::new(),
        key => format!(", and none at {key}"),
    };
    if keys.is_empty() {
        return format!("{resource} has no instances at all: its {argument} gives none.");
    }
    let listed = keys.iter().map(|key| {
        let address = resource.instance(key.clone()).to_string();
        match for_shell {
            true => format!("\n  {}", shell_word(&address)),
            false => format!("\n  {address}"),
        }
    });
    let listed: String = listed.collect();
    let rest = rest(count);
    format!(
        "{resource} has an instance for each key of its {argument}{wanted}. Import to one of these, or change {argument} first:{listed}{rest}"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use muster_value::Value;

    use super::*;

    fn told(addr: &str, expansion: &Expansion, for_shell: bool) -> String {
        lacks(&addr.parse().unwrap(), expansion, for_shell)
    }

    fn for_each(keys: &[&str]) -> Expansion {
        let entries = keys.iter().map(|key| ((*key).into(), Value::NULL));
        Expansion::ForEach(Arc::new(entries.collect::<BTreeMap<_, _>>()))
    }

    #[test]
    fn instances_are_listed_as_they_are_written() {
        let check = |addr: &str, expansion: &Expansion, for_shell: bool, expect: &str| {
            assert_eq!(told(addr, expansion, for_shell), expect);
        };
        let two = for_each(&["x", "it's"]);
        check(
            "t.a[\"z\"]",
            &two,
            true,
            "t.a has an instance for each key of its for_each, and none at [\"z\"]. Import to one of these, or change for_each first:\n  't.a[\"it'\\''s\"]'\n  't.a[\"x\"]'",
        );
        check(
            "t.a",
            &two,
            false,
            "t.a has an instance for each key of its for_each. Import to one of these, or change for_each first:\n  t.a[\"it's\"]\n  t.a[\"x\"]",
        );
        check(
            "t.a[0]",
            &Expansion::Single,
            true,
            "t.a has neither count nor for_each: it is one object, whose address has no key. Import it to t.a.",
        );
        check(
            "module.m[1].t.a",
            &Expansion::Disabled,
            true,
            "module.m[1].t.a has no instance, because its enabled is false.",
        );
        check(
            "t.a[0]",
            &Expansion::Count(0),
            true,
            "t.a has no instances at all: its count gives none.",
        );
    }

    #[test]
    fn long_lists_end() {
        let all = told("t.a[99]", &Expansion::Count(50), true);
        assert!(all.ends_with("\n  't.a[19]'\n  and 30 more"), "{all}");
        let check = |count: i64, expect: &str| {
            let addrs = (0..count).map(|i| format!("t.a[{i}]").parse().unwrap());
            let addrs: Vec<InstanceAddr> = addrs.collect();
            let all = also_missing(addrs.iter());
            assert!(all.ends_with(expect), "{all}");
        };
        check(0, "");
        check(
            2,
            "has 2 more targets that do not exist:\n  t.a[0]\n  t.a[1]",
        );
        check(23, "\n  t.a[19]\n  and 3 more");
    }
}
