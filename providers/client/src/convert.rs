//! Values, paths and diagnostics between the wire and the engine.

use muster_lang::{Diagnostic, Diags};
use muster_provider::{Deferred, ProviderError, RawState};
use muster_value::{Path, PathStep, Type, Value, from_msgpack, json_to_value, to_msgpack};
use muster_wire::tfplugin6 as wire;
use wire::attribute_path::step::Selector;

/// Writes a value of a type.
pub(crate) fn encode(
    value: &Value,
    ty: &Type,
    call: &'static str,
) -> Result<Option<wire::DynamicValue>, ProviderError> {
    let msgpack = to_msgpack(value, ty).map_err(|e| ProviderError::Invalid {
        call,
        reason: format!("the request does not fit the schema: {e}"),
    })?;
    Ok(Some(wire::DynamicValue {
        msgpack,
        json: Vec::new(),
    }))
}

/// Reads a value of a type; an absent one is null.
pub(crate) fn decode(
    message: Option<wire::DynamicValue>,
    ty: &Type,
    call: &'static str,
) -> Result<Value, ProviderError> {
    let invalid = |reason: String| ProviderError::Invalid { call, reason };
    match message {
        Some(m) if !m.msgpack.is_empty() => {
            from_msgpack(&m.msgpack, ty).map_err(|e| invalid(e.to_string()))
        }
        Some(m) if !m.json.is_empty() => {
            let json = serde_json::from_slice(&m.json).map_err(|e| invalid(e.to_string()))?;
            json_to_value(&json, ty).map_err(|e| invalid(e.to_string()))
        }
        _ => Ok(Value::Null(ty.clone())),
    }
}

/// A stored object as it is sent.
pub(crate) fn raw_state(raw: RawState) -> wire::RawState {
    match raw {
        RawState::Json(text) => wire::RawState {
            json: text.as_bytes().to_vec(),
            ..Default::default()
        },
        RawState::Flatmap(map) => wire::RawState {
            flatmap: map.into_iter().collect(),
            ..Default::default()
        },
    }
}

/// Reads diagnostics.
pub(crate) fn diags(messages: Vec<wire::Diagnostic>) -> Diags {
    Diags(messages.into_iter().map(diagnostic).collect())
}

fn diagnostic(message: wire::Diagnostic) -> Diagnostic {
    let path = message
        .attribute
        .as_ref()
        .map(path)
        .filter(|p| !p.is_root());
    let (summary, detail) = (message.summary.clone(), message.detail.clone());
    let made = match message.severity() {
        wire::diagnostic::Severity::Warning => Diagnostic::warning(summary, detail),
        wire::diagnostic::Severity::Error | wire::diagnostic::Severity::Invalid => {
            Diagnostic::error(summary, detail)
        }
    };
    Diagnostic { path, ..made }
}

/// Reads a path.
pub(crate) fn path(message: &wire::AttributePath) -> Path {
    let step = |step: &wire::attribute_path::Step| match step.selector.as_ref()? {
        Selector::AttributeName(name) => Some(PathStep::Attr(name.as_str().into())),
        Selector::ElementKeyString(key) => Some(PathStep::Key(key.as_str().into())),
        Selector::ElementKeyInt(i) => u64::try_from(*i).ok().map(PathStep::Index),
    };
    Path(message.steps.iter().filter_map(step).collect())
}

/// Reads why something is put off.
pub(crate) fn deferred(message: Option<wire::Deferred>) -> Option<Deferred> {
    use wire::deferred::Reason;
    Some(match message?.reason() {
        Reason::Unknown => Deferred::Unknown,
        Reason::ResourceConfigUnknown => Deferred::ResourceConfigUnknown,
        Reason::ProviderConfigUnknown => Deferred::ProviderConfigUnknown,
        Reason::AbsentPrereq => Deferred::AbsentPrerequisite,
    })
}
