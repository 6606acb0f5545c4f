//! Failures that a run expects.

use std::collections::{BTreeSet, HashMap, HashSet};

use muster_config::testing::{Expected, ExpectedObject};
use muster_config::{Check, Config};
use muster_lang::{Diagnostic, DiagnosticKind, Diags, Severity, Span};
use muster_plan::{Plan, Status};
use muster_snapshot::Snapshot;
use serde::Deserialize;

use crate::Str;

/// Addresses of objects with conditions that do not hold.
pub(crate) type Failed = BTreeSet<String>;

/// Where it is said that conditions do not hold, and what they are conditions of.
pub(crate) struct Conditions {
    by_place: HashMap<Span, Owner>,
    /// `check` blocks by the addresses of their data sources.
    by_data: HashMap<String, Owner>,
}

/// What has a condition.
#[derive(Clone, Debug)]
struct Owner {
    kind: Kind,
    /// Its name; of resources the address.
    name: Str,
    /// It is in the root module.
    root: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Variable,
    Output,
    Check,
    Resource,
}

impl Conditions {
    /// All conditions of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let mut all = HashMap::new();
        let mut by_data = HashMap::new();
        for (_, module) in config.iter() {
            let root = module.path.is_root();
            if root {
                // What is wrong with the value of one stands at its declaration.
                all.extend(module.variables.iter().map(|(name, variable)| {
                    let name = name.clone();
                    let kind = Kind::Variable;
                    (variable.span, Owner { kind, name, root })
                }));
            }
            let mut add = |kind, name: &Str, checks: &[Check]| {
                for check in checks {
                    let name = name.clone();
                    let at = check.condition.span();
                    all.insert(at, Owner { kind, name, root });
                }
            };
            for (name, output) in &module.outputs {
                add(Kind::Output, name, &output.preconditions);
            }
            for (name, block) in &module.checks {
                add(Kind::Check, name, &block.assertions);
                if let (Some(data), true) = (&block.data, root) {
                    let (name, kind) = (name.clone(), Kind::Check);
                    by_data.insert(data.to_string(), Owner { kind, name, root });
                }
            }
            for resource in module.resources.values() {
                let life = &resource.lifecycle;
                let address: Str = resource.id.to_string().into();
                add(Kind::Resource, &address, &life.preconditions);
                add(Kind::Resource, &address, &life.postconditions);
            }
        }
        let by_place = all;
        Self { by_place, by_data }
    }

    /// What a diagnostic says a condition of does not hold. What a data source in a `check` block
    /// has to say counts when that is among the failed ones.
    fn owner(&self, diagnostic: &Diagnostic, failed: &Failed) -> Option<&Owner> {
        let of_data = diagnostic
            .address
            .as_ref()
            .and_then(|a| self.by_data.get(&**a));
        let of_data = of_data.filter(|owner| failed.contains(&format!("check.{}", owner.name)));
        of_data.or_else(|| self.owner_of_place(diagnostic))
    }

    fn owner_of_place(&self, diagnostic: &Diagnostic) -> Option<&Owner> {
        let says_so = matches!(
            diagnostic.kind,
            DiagnosticKind::Condition | DiagnosticKind::Check
        );
        let owner = self.by_place.get(&diagnostic.subject?)?;
        says_so.then_some(owner)
    }

    /// Leaves out what check blocks have to say.
    pub(crate) fn without_checks(&self, diags: Diags, failed: &Failed) -> Diags {
        let of_check = |d: &Diagnostic| {
            let owner = self.owner(d, failed);
            owner.is_some_and(|o| o.kind == Kind::Check)
        };
        Diags(diags.into_iter().filter(|d| !of_check(d)).collect())
    }

    /// Whether a diagnostic is about one of the expected failures. Where one instance of several
    /// is meant, `failed` says whether it is among those that failed.
    fn matches(&self, diagnostic: &Diagnostic, expected: &Expected, failed: &Failed) -> bool {
        let Some(owner) = self.owner(diagnostic, failed).filter(|o| o.root) else {
            return false;
        };
        match (&expected.object, owner.kind) {
            (ExpectedObject::Variable(name), Kind::Variable)
            | (ExpectedObject::Output(name), Kind::Output)
            | (ExpectedObject::Check(name), Kind::Check) => *name == owner.name,
            (ExpectedObject::Resource(address), Kind::Resource) => {
                *address == owner.name
                    || is_instance(address, &owner.name) && failed.contains(&**address)
            }
            _ => false,
        }
    }

    /// Takes out what was expected, and adds what was and did not happen. Checks that do not
    /// hold although nobody expects it are errors in tests.
    pub(crate) fn settle(&self, diags: Diags, expected: &[Expected], failed: &Failed) -> Diags {
        let mut seen = vec![HashSet::new(); expected.len()];
        let mut kept = Diags::new();
        for mut diagnostic in diags {
            // An instance has each of its conditions once.
            let matching = expected.iter().zip(&seen).find(|(expected, seen)| {
                let single = is_one_instance(&expected.object);
                self.matches(&diagnostic, expected, failed)
                    && !(single && seen.contains(&diagnostic.subject))
            });
            if let Some((found, _)) = matching {
                // The same may be expected twice.
                let all = expected.iter().zip(&mut seen);
                all.filter(|(expected, _)| expected.object == found.object)
                    .for_each(|(_, seen)| _ = seen.insert(diagnostic.subject));
                continue;
            }
            if self
                .owner(&diagnostic, failed)
                .is_some_and(|o| o.kind == Kind::Check)
            {
                diagnostic.severity = Severity::Error;
            }
            kept.push(diagnostic);
        }
        let missing = expected.iter().zip(seen);
        let missing = missing.filter(|(_, seen)| seen.is_empty());
        for (expected, _) in missing {
            let name = name_of(&expected.object);
            let detail = format!("{name} was expected to fail, but it did not.");
            kept.push(Diagnostic::error("Missing expected failure", detail).at(expected.span));
        }
        kept
    }

    /// Says of expected failures in a plan that nothing can be applied because of them.
    pub(crate) fn explain(&self, diags: Diags, expected: &[Expected], failed: &Failed) -> Diags {
        let mut all = Diags::new();
        for diagnostic in diags {
            let mut all_expected = expected.iter();
            let matching = all_expected.find(|e| self.matches(&diagnostic, e, failed));
            if let (true, Some(expected)) = (diagnostic.is_error(), matching) {
                let name = name_of(&expected.object);
                let detail = format!(
                    "{name} was expected to fail and did so while planning, so that there was \
                     nothing to apply, and the run has failed. Use command = plan to expect a \
                     failure while planning."
                );
                let warning = Diagnostic::warning("Expected failure while planning", detail);
                all.push(warning.at(expected.span));
            }
            all.push(diagnostic);
        }
        all
    }
}

/// Whether an address is that of an instance of a resource.
fn is_instance(address: &str, resource: &str) -> bool {
    let rest = address.strip_prefix(resource);
    rest.is_some_and(|rest| rest.starts_with('['))
}

fn is_one_instance(object: &ExpectedObject) -> bool {
    matches!(object, ExpectedObject::Resource(address) if address.contains('['))
}

/// Addresses of the objects of a plan with conditions that do not hold.
pub(crate) fn failed_in_plan(plan: &Plan) -> Failed {
    let all = plan.checks.0.iter();
    let objects = all.flat_map(|(checked, objects)| {
        let failed = objects
            .iter()
            .filter(|(_, checks)| matches!(checks.status(), Status::Fail(_) | Status::Error));
        failed.map(|(object, _)| checked.address_of(object))
    });
    objects.collect()
}

/// The same of a state.
pub(crate) fn failed_in_state(state: &Snapshot) -> Failed {
    #[derive(Deserialize)]
    struct Results {
        objects: Option<Vec<Object>>,
    }
    #[derive(Deserialize)]
    struct Object {
        object_addr: String,
        status: String,
    }
    let Some(checks) = &state.checks else {
        return Failed::new();
    };
    let all: Vec<Results> = serde_json::from_str(checks.as_str()).unwrap_or_default();
    let objects = all
        .into_iter()
        .filter_map(|results| results.objects)
        .flatten();
    let failed = objects.filter(|o| matches!(&*o.status, "fail" | "error"));
    failed.map(|o| o.object_addr).collect()
}

fn name_of(object: &ExpectedObject) -> String {
    match object {
        ExpectedObject::Check(name) => format!("check.{name}"),
        ExpectedObject::Output(name) => format!("output.{name}"),
        ExpectedObject::Variable(name) => format!("var.{name}"),
        ExpectedObject::Resource(address) => address.to_string(),
    }
}
