//! Plain requests and answers as messages of the wire, seen from the provider's side.

use muster_lang::{Diagnostic, Diags, Severity};
use muster_provider::Deferred;
use muster_value::{Path, PathStep, Type, Value, from_msgpack, json_to_value, to_msgpack};
use muster_wire::tfplugin6 as wire;
use tonic::Status;
use wire::attribute_path::step::Selector;

/// Reads a value that must be there.
pub(super) fn decode(message: Option<wire::DynamicValue>, ty: &Type) -> Result<Value, Status> {
    match message {
        Some(message) if !message.msgpack.is_empty() => {
            from_msgpack(&message.msgpack, ty).map_err(|error| invalid(&error.path, &error.reason))
        }
        Some(message) if !message.json.is_empty() => {
            let json = serde_json::from_slice(&message.json)
                .map_err(|error| Status::invalid_argument(format!("not JSON: {error}")))?;
            json_to_value(&json, ty).map_err(|error| invalid(&error.path, &error.reason))
        }
        _ => Ok(Value::Null(ty.clone())),
    }
}

fn invalid(path: &Path, reason: &str) -> Status {
    Status::invalid_argument(format!("not a value of the schema, at {path}: {reason}"))
}

/// Writes a value.
pub(super) fn dynamic(value: &Value, ty: &Type) -> Result<Option<wire::DynamicValue>, Status> {
    // A failed call may answer with a bare null.
    let msgpack = match value.is_null() {
        true => to_msgpack(&Value::Null(ty.clone()), ty),
        false => to_msgpack(value, ty),
    };
    let msgpack = msgpack.map_err(|error| {
        Status::internal(format!(
            "the provider's answer does not fit its schema, at {}: {}",
            error.path, error.reason
        ))
    })?;
    Ok(Some(wire::DynamicValue {
        msgpack,
        json: Vec::new(),
    }))
}

/// Writes diagnostics.
pub(super) fn diags(diags: &Diags) -> Vec<wire::Diagnostic> {
    diags.iter().map(diagnostic).collect()
}

fn diagnostic(diagnostic: &Diagnostic) -> wire::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => wire::diagnostic::Severity::Error,
        Severity::Warning => wire::diagnostic::Severity::Warning,
    };
    wire::Diagnostic {
        severity: severity.into(),
        summary: diagnostic.summary.clone(),
        detail: diagnostic.detail.clone(),
        attribute: diagnostic
            .path
            .as_ref()
            .filter(|path| !path.is_root())
            .map(path),
    }
}

/// Writes a path.
pub(super) fn path(path: &Path) -> wire::AttributePath {
    let steps = path.0.iter().map(|step| {
        let selector = match step {
            PathStep::Attr(name) => Selector::AttributeName(name.to_string()),
            PathStep::Key(key) => Selector::ElementKeyString(key.to_string()),
            // An index that does not fit is beyond any list there can be.
            PathStep::Index(i) => Selector::ElementKeyInt(i64::try_from(*i).unwrap_or(i64::MAX)),
        };
        wire::attribute_path::Step {
            selector: Some(selector),
        }
    });
    wire::AttributePath {
        steps: steps.collect(),
    }
}

/// Writes why something is put off.
pub(super) fn deferred(deferred: Option<Deferred>) -> Option<wire::Deferred> {
    use wire::deferred::Reason;
    let reason = match deferred? {
        Deferred::Unknown => Reason::Unknown,
        Deferred::ResourceConfigUnknown => Reason::ResourceConfigUnknown,
        Deferred::ProviderConfigUnknown => Reason::ProviderConfigUnknown,
        Deferred::AbsentPrerequisite => Reason::AbsentPrereq,
    };
    Some(wire::Deferred {
        reason: reason.into(),
    })
}
