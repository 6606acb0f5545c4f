//! The data source `terraform_remote_state`: outputs of another configuration's state.

use std::collections::BTreeMap;

use muster_addr::{InstanceAddr, Str};
use muster_lang::{Diagnostic, Diags};
use muster_schema::{Attribute, Block};
use muster_value::{Path, Type, Value};

use crate::{ReadData, Response};

/// Reads states that other configurations have stored.
pub trait RemoteStates: Send + Sync {
    /// Whether there are backends of this type with these settings, which are those of a
    /// `backend` block and wholly known. Nothing is opened.
    ///
    /// # Errors
    /// There are none.
    fn check(&self, backend: &str, settings: Option<&Value>) -> Result<(), BackendFault>;

    /// The outputs of a state; `None` when there is no state. `reader` is the data source that
    /// reads it, if that is known.
    ///
    /// # Errors
    /// What is wrong with the state, for people.
    fn outputs(
        &self,
        backend: &str,
        settings: Option<&Value>,
        workspace: &str,
        reader: Option<&InstanceAddr>,
    ) -> Result<Option<BTreeMap<Str, Value>>, String>;
}

/// Why there is no backend that states could be read from: for people, and without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendFault {
    /// There are none of the type.
    Type(String),
    /// The settings are not those of one of the type.
    Settings(String),
}

/// Its schema.
pub(crate) fn block() -> Block {
    let attribute = |ty| Attribute::new(ty);
    let optional = |ty| Attribute {
        optional: true,
        ..attribute(ty)
    };
    Block {
        attributes: [
            (
                "backend".into(),
                Attribute {
                    required: true,
                    ..attribute(Type::String)
                },
            ),
            ("config".into(), optional(Type::Dynamic)),
            ("defaults".into(), optional(Type::Dynamic)),
            (
                "outputs".into(),
                Attribute {
                    computed: true,
                    ..attribute(Type::Dynamic)
                },
            ),
            ("workspace".into(), optional(Type::String)),
        ]
        .into_iter()
        .collect(),
        ..Block::default()
    }
}

/// What is wrong with a configuration, as far as it is known.
pub(crate) fn validate(config: &Value, states: Option<&dyn RemoteStates>) -> Diags {
    let mut diags = Diags::new();
    let known = |name: &str| {
        config
            .get(name)
            .filter(|v| v.is_wholly_known() && !v.is_null())
    };
    let backend = known("backend").and_then(|v| v.as_str().cloned());
    if let (Some(states), Some(backend)) = (states, backend) {
        let (attribute, detail) = match states.check(&backend, known("config")) {
            Ok(()) => ("", String::new()),
            Err(BackendFault::Type(reason)) => ("backend", format!("{reason}.")),
            Err(BackendFault::Settings(reason)) => (
                "config",
                format!("These are not settings of a backend of type {backend:?}: {reason}."),
            ),
        };
        if !attribute.is_empty() {
            diags.push(fault(attribute, "Invalid backend configuration", detail));
        }
    }
    if let Some(defaults) = known("defaults")
        && defaults.as_entries().is_none()
    {
        let detail = "The defaults are an object: the value of each output that may be missing.";
        diags.push(fault("defaults", "Invalid default values", detail));
    }
    diags
}

/// Reads the outputs.
pub(crate) fn read(read: &ReadData, states: Option<&dyn RemoteStates>) -> Response {
    let config = &read.config;
    let diags = validate(config, states);
    let nothing = || Value::Null(block().implied_type());
    let answer = |value, diags| Response::State { value, diags };
    if diags.has_errors() {
        return answer(nothing(), diags);
    }
    let settings = config.get("config").filter(|v| !v.is_null());
    let backend = config.get("backend").and_then(Value::as_str);
    let backend = backend.map_or("", |b| &**b);
    let workspace = config.get("workspace").and_then(Value::as_str);
    let workspace = workspace.map_or("default", |w| &**w);
    let read = match states {
        Some(states) => states.outputs(backend, settings, workspace, read.address.as_ref()),
        None => Err("no states can be read here".into()),
    };
    match read {
        Ok(Some(found)) => {
            let mut outputs = match config.get("defaults").and_then(Value::as_entries) {
                Some(defaults) => defaults.clone(),
                None => BTreeMap::new(),
            };
            outputs.extend(found);
            let mut attributes = config.as_entries().cloned().unwrap_or_default();
            attributes.insert("outputs".into(), Value::object(outputs));
            answer(Value::object(attributes), Diags::new())
        }
        Ok(None) => {
            // Tools and people know these words.
            let detail = "No stored state was found for the given workspace in the given backend.";
            let d = Diagnostic::error("Unable to find remote state", detail);
            answer(nothing(), d.into())
        }
        Err(reason) => {
            let d = Diagnostic::error("Error loading state", format!("{reason}."));
            answer(nothing(), d.into())
        }
    }
}

fn fault(attribute: &str, summary: &str, detail: impl Into<String>) -> Diagnostic {
    let mut d = Diagnostic::error(summary, detail);
    d.path = Some(Path::root().attr(attribute));
    d
}
