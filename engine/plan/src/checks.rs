//! What became of the conditions of a configuration: of resources, outputs, variables and
//! `check` blocks.

use std::collections::BTreeMap;

use muster_addr::{ConfigResource, InstanceAddr, ModuleInstance, ModulePath};
use muster_lang::{Diagnostic, DiagnosticKind, Diags};
use serde::Deserialize;

use crate::Str;

/// Results by what has the conditions, as it stands in the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckResults(pub BTreeMap<Checked, BTreeMap<CheckedObject, ObjectChecks>>);

/// Something that has conditions, without instance keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Checked {
    /// A `check` block.
    Check(ModulePath, Str),
    /// An output.
    Output(ModulePath, Str),
    /// A resource or data source.
    Resource(ConfigResource),
    /// An input variable.
    Variable(ModulePath, Str),
}

/// One instance of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckedObject {
    /// Of a resource.
    Resource(InstanceAddr),
    /// Of anything else: the module instance that it is in.
    InModule(ModuleInstance),
}

/// The conditions of one object: those that are checked before it is made, and those after. Only
/// resources have both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectChecks {
    /// Conditions checked first.
    pub before: Status,
    /// Conditions checked last.
    pub after: Status,
}

/// What became of some conditions.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Status {
    /// All hold, or there are none.
    Pass,
    /// Nobody knows yet.
    #[default]
    Unknown,
    /// Some do not hold; their messages.
    Fail(Vec<Str>),
    /// Some could not be evaluated.
    Error,
}

impl Status {
    /// The word for it in plans and states.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Fail(_) => "fail",
            Self::Error => "error",
        }
    }

    /// What an evaluation came to: `None` when that is not known yet, and what was reported
    /// when something does not hold.
    pub fn of(outcome: Option<Result<(), &Diags>>) -> Self {
        let diags = match outcome {
            None => return Self::Unknown,
            Some(Ok(())) => return Self::Pass,
            Some(Err(diags)) => diags,
        };
        // What is reported about a condition that does not hold is its own message.
        let failed = |d: &Diagnostic| d.kind == DiagnosticKind::Condition;
        let errors: Vec<&Diagnostic> = diags.iter().filter(|d| d.is_error()).collect();
        // Without any, what is wrong was told elsewhere.
        match !errors.is_empty() && errors.iter().all(|d| failed(d)) {
            true => Self::Fail(errors.iter().map(|d| d.detail.as_str().into()).collect()),
            false => Self::Error,
        }
    }

    /// The result of a `check` block whose data source could not be read.
    pub fn unread(diags: &Diags) -> Self {
        let message = |d: &Diagnostic| -> Str {
            match d.detail.is_empty() {
                true => d.summary.as_str().into(),
                false => format!("{}: {}", d.summary, d.detail).into(),
            }
        };
        Self::Fail(diags.iter().filter(|d| d.is_error()).map(message).collect())
    }

    fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Error, _) | (_, Self::Error) => Self::Error,
            (Self::Fail(a), Self::Fail(b)) => Self::Fail(a.iter().chain(b).cloned().collect()),
            (failed @ Self::Fail(_), _) | (_, failed @ Self::Fail(_)) => failed.clone(),
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Pass, Self::Pass) => Self::Pass,
        }
    }
}

impl ObjectChecks {
    /// Both together.
    pub fn status(&self) -> Status {
        self.before.and(&self.after)
    }
}

impl Checked {
    /// The word for its kind in plans, and the one in states.
    pub fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Check(..) => ("check", "check"),
            Self::Output(..) => ("output_value", "output"),
            Self::Resource(_) => ("resource", "resource"),
            Self::Variable(..) => ("var", "var"),
        }
    }

    /// How it is called, with the module that it is in.
    fn shown(&self, module: &str) -> String {
        let dot = if module.is_empty() { "" } else { "." };
        match self {
            Self::Check(_, name) => format!("{module}{dot}check.{name}"),
            Self::Output(_, name) => format!("{module}{dot}output.{name}"),
            Self::Variable(_, name) => format!("{module}{dot}var.{name}"),
            Self::Resource(resource) => resource.to_string(),
        }
    }

    /// Its address.
    pub fn address(&self) -> String {
        match self {
            Self::Check(module, _) | Self::Output(module, _) | Self::Variable(module, _) => {
                self.shown(&module.to_string())
            }
            Self::Resource(_) => self.shown(""),
        }
    }

    /// The address of one of its objects.
    pub fn address_of(&self, object: &CheckedObject) -> String {
        match object {
            CheckedObject::Resource(addr) => addr.to_string(),
            CheckedObject::InModule(module) => self.shown(&module.to_string()),
        }
    }
}

impl CheckResults {
    /// Whether anything has conditions.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says that something has conditions, of which nothing is known yet.
    pub fn expect(&mut self, checked: Checked) {
        self.0.entry(checked).or_default();
    }

    /// The conditions of one object; unknown at first. `None` for what has no conditions.
    pub fn object(
        &mut self,
        checked: &Checked,
        object: CheckedObject,
    ) -> Option<&mut ObjectChecks> {
        Some(self.0.get_mut(checked)?.entry(object).or_default())
    }

    /// All objects of something together.
    pub fn status(objects: &BTreeMap<CheckedObject, ObjectChecks>) -> Status {
        let mut all = objects.values().map(ObjectChecks::status);
        let first = all.next().unwrap_or_default();
        all.fold(first, |whole, one| whole.and(&one))
    }

    /// The text of the state's `check_results`; `None` when nothing has conditions.
    pub fn to_state(&self) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let list = self.0.iter().map(|(checked, objects)| {
            let found: Vec<serde_json::Value> = objects
                .iter()
                .map(|(object, checks)| {
                    let status = checks.status();
                    let mut entry = serde_json::json!({
                        "object_addr": checked.address_of(object),
                        "status": status.name(),
                    });
                    if let Status::Fail(messages) = &status {
                        let messages: Vec<&str> = messages.iter().map(|m| &**m).collect();
                        entry["failure_messages"] = messages.into();
                    }
                    entry
                })
                .collect();
            serde_json::json!({
                "object_kind": checked.kind().1,
                "config_addr": checked.address(),
                "status": Self::status(objects).name(),
                "objects": if found.is_empty() { serde_json::Value::Null } else { found.into() },
            })
        });
        Some(serde_json::Value::from(list.collect::<Vec<_>>()).to_string())
    }

    /// What the `check_results` of a state say. What cannot be read is left out.
    pub fn from_state(text: &str) -> Self {
        let list: Vec<StoredCheck> = serde_json::from_str(text).unwrap_or_default();
        let mut results = Self::default();
        for stored in list {
            let Some(checked) = stored.checked() else {
                continue;
            };
            let objects = stored.objects.unwrap_or_default();
            let objects = objects.into_iter().filter_map(|object| {
                let address = checked.object_at(&object.object_addr)?;
                let checks = ObjectChecks {
                    before: object.status(),
                    after: Status::Pass,
                };
                Some((address, checks))
            });
            let objects = objects.collect();
            results.0.insert(checked, objects);
        }
        results
    }
}

/// One entry of the state's `check_results`.
#[derive(Deserialize)]
struct StoredCheck {
    object_kind: String,
    config_addr: String,
    objects: Option<Vec<StoredObject>>,
}

#[derive(Deserialize)]
struct StoredObject {
    object_addr: String,
    status: String,
    #[serde(default)]
    failure_messages: Vec<Str>,
}

impl StoredCheck {
    fn checked(&self) -> Option<Checked> {
        let address = &*self.config_addr;
        if self.object_kind == "resource" {
            return address.parse().ok().map(Checked::Resource);
        }
        let (module, name) = split_named(address, &self.object_kind)?;
        let (module, name) = (module.path(), name.into());
        match &*self.object_kind {
            "check" => Some(Checked::Check(module, name)),
            "output" => Some(Checked::Output(module, name)),
            "var" => Some(Checked::Variable(module, name)),
            _ => None,
        }
    }
}

impl StoredObject {
    fn status(&self) -> Status {
        match &*self.status {
            "pass" => Status::Pass,
            "fail" => Status::Fail(self.failure_messages.clone()),
            "error" => Status::Error,
            _ => Status::Unknown,
        }
    }
}

impl Checked {
    /// The object with an address; `None` if that is none of this.
    fn object_at(&self, address: &str) -> Option<CheckedObject> {
        if let Self::Resource(_) = self {
            return address.parse().ok().map(CheckedObject::Resource);
        }
        let (module, _) = split_named(address, self.kind().1)?;
        Some(CheckedObject::InModule(module))
    }
}

/// `MODULE.KIND.NAME`, where the root module has no name.
fn split_named<'a>(address: &'a str, kind: &str) -> Option<(ModuleInstance, &'a str)> {
    let (rest, name) = address.rsplit_once('.')?;
    let module = rest.strip_suffix(kind)?;
    let module = match module.strip_suffix('.') {
        Some(module) => module.parse().ok()?,
        None if module.is_empty() => ModuleInstance::root(),
        None => return None,
    };
    Some((module, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_fail_or_are_in_error() {
        let failed = Diagnostic::error("x", "no").of_kind(DiagnosticKind::Condition);
        let broken = Diagnostic::error("x failed", "broken");
        let warning = Diagnostic::warning("x", "beside");
        let check = |diags: &[&Diagnostic], expect: Status| {
            let diags = Diags(diags.iter().map(|d| (*d).clone()).collect());
            assert_eq!(Status::of(Some(Err(&diags))), expect, "{diags:?}");
        };
        check(&[&failed], Status::Fail(vec!["no".into()]));
        check(&[&failed, &warning], Status::Fail(vec!["no".into()]));
        check(&[&failed, &broken], Status::Error);
        check(&[&warning], Status::Error);
        check(&[], Status::Error);
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let mut results = CheckResults::default();
        let module: ModuleInstance = "module.a[\"x.check.y\"].module.b[0]"
            .parse()
            .expect("an address");
        let check = Checked::Check(module.path(), "c".into());
        let root = CheckedObject::InModule(ModuleInstance::root());
        let output = Checked::Output(ModulePath::root(), "o".into());
        let resource = Checked::Resource("module.a.t.r".parse().expect("an address"));
        let instance: InstanceAddr = "module.a[\"k\"].t.r[1]".parse().expect("an address");
        for (checked, object, status) in [
            (
                &check,
                CheckedObject::InModule(module),
                Status::Fail(vec!["no".into()]),
            ),
            (&output, root, Status::Pass),
            (&resource, CheckedObject::Resource(instance), Status::Error),
        ] {
            results.expect(checked.clone());
            let checks = results.object(checked, object).expect("it is expected");
            (checks.before, checks.after) = (status, Status::Pass);
        }
        results.expect(Checked::Variable(ModulePath::root(), "v".into()));
        let text = results.to_state().expect("there are conditions");
        assert_eq!(CheckResults::from_state(&text), results);
        assert_eq!(
            CheckResults::from_state("nonsense"),
            CheckResults::default()
        );
    }
}
