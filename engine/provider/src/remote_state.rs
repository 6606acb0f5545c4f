//! The data source `terraform_remote_state`: outputs of another configuration's state.

use std::collections::BTreeMap;

use muster_addr::Str;
use muster_lang::{Diagnostic, Diags};
use muster_schema::{Attribute, Block};
use muster_value::{Path, Type, Value};

use crate::Response;

/// Reads states that other configurations have stored.
pub trait RemoteStates: Send + Sync {
    /// The outputs of a state in a local file; `None` when there is no state. `path` and
    /// `workspace_dir` are as in `backend "local"`.
    ///
    /// # Errors
    /// What is wrong with the state, for people.
    fn local(
        &self,
        path: Option<&str>,
        workspace_dir: Option<&str>,
        workspace: &str,
    ) -> Result<Option<BTreeMap<Str, Value>>, String>;
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
pub(crate) fn validate(config: &Value) -> Diags {
    let mut diags = Diags::new();
    let known = |name: &str| {
        config
            .get(name)
            .filter(|v| v.is_wholly_known() && !v.is_null())
    };
    if let Some(backend) = known("backend").and_then(|v| v.as_str().cloned()) {
        match &*backend {
            "local" => {
                if let Some(settings) = known("config")
                    && let Err(reason) = local_settings(settings)
                {
                    let detail = format!("These are not settings of a local state: {reason}.");
                    diags.push(fault("config", "Invalid backend configuration", detail));
                }
            }
            other => {
                let detail = format!(
                    "States in a backend of type {other:?} cannot be read; only those in local files can."
                );
                diags.push(fault("backend", "Invalid backend configuration", detail));
            }
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
pub(crate) fn read(config: &Value, states: Option<&dyn RemoteStates>) -> Response {
    let diags = validate(config);
    let nothing = || Value::Null(block().implied_type());
    let answer = |value, diags| Response::State { value, diags };
    if diags.has_errors() {
        return answer(nothing(), diags);
    }
    let settings = config.get("config").filter(|v| !v.is_null());
    let (path, folder) = settings
        .and_then(|s| local_settings(s).ok())
        .unwrap_or_default();
    let workspace = config.get("workspace").and_then(Value::as_str);
    let workspace = workspace.map_or("default", |w| &**w);
    let read = match states {
        Some(states) => states.local(path.as_deref(), folder.as_deref(), workspace),
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

type LocalSettings = (Option<Str>, Option<Str>);

fn local_settings(settings: &Value) -> Result<LocalSettings, String> {
    let Some(entries) = settings.as_entries() else {
        return Err("an object is required".into());
    };
    let mut found = LocalSettings::default();
    for (name, value) in entries {
        let text = match value {
            Value::Null(_) => None,
            Value::String(text) => Some(text.clone()),
            _ => return Err(format!("\"{name}\" has to be a string")),
        };
        match &**name {
            "path" => found.0 = text,
            "workspace_dir" => found.1 = text,
            _ => return Err(format!("there is no setting \"{name}\"")),
        }
    }
    Ok(found)
}

fn fault(attribute: &str, summary: &str, detail: impl Into<String>) -> Diagnostic {
    let mut d = Diagnostic::error(summary, detail);
    d.path = Some(Path::root().attr(attribute));
    d
}
