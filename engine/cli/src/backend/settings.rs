//! The settings of a backend, as a block gives them and the command line of `init`.

use std::path::Path;
use std::sync::Arc;

use muster_config::constant;
use muster_lang::body::AttributeSchema;
use muster_lang::syntax::{parse_expression, parse_json, parse_native};
use muster_lang::{Attribute, Body, BodySchema, Diagnostic, Diags, Sources};
use muster_store::{Setting, SettingKind, Settings};
use muster_value::{Value, convert, value_to_json};

use super::kinds::{Kind, LOCAL, type_of};

/// Nothing is said about any setting.
pub(crate) fn none(settings: &[Setting]) -> Settings {
    let none = settings.iter();
    none.map(|s| (s.name.to_owned(), serde_json::Value::Null))
        .collect()
}

/// The settings that a body gives.
///
/// # Errors
/// It has others as well, or values that are not of their types.
pub(crate) fn of_body(
    kind: &Kind,
    body: &Body,
    value: impl Fn(&Attribute) -> Result<Value, Diags>,
) -> Result<Settings, Diags> {
    let attributes = kind.settings.iter().map(|s| AttributeSchema {
        name: s.name.into(),
        required: false,
    });
    let schema = BodySchema {
        attributes: attributes.collect(),
        ..BodySchema::default()
    };
    let (content, mut diags) = body.content(&schema);
    let mut found = Settings::new();
    for attribute in &content.attributes {
        let Some(setting) = kind.setting(&attribute.name) else {
            continue;
        };
        match value(attribute).and_then(|value| checked(kind, setting, attribute, &value)) {
            Ok(value) => drop(found.insert(setting.name.to_owned(), value)),
            Err(wrong) => diags.extend(wrong),
        }
    }
    match diags.has_errors() {
        true => Err(diags),
        false => Ok(found),
    }
}

fn checked(
    kind: &Kind,
    setting: &Setting,
    attribute: &Attribute,
    value: &Value,
) -> Result<serde_json::Value, Diags> {
    let wrong = |summary: &str, detail: String| -> Diags {
        Diagnostic::error(summary, detail)
            .at(attribute.expr.span())
            .into()
    };
    let name = setting.name;
    let value = converted(setting, value).map_err(|reason| {
        let detail = format!("The argument \"{name}\" is not right: {reason}.");
        wrong("Incorrect attribute value type", detail)
    })?;
    if let Some(summary) = empty_path(kind, name, &value) {
        let detail = format!("There is no path in \"{name}\". Leave it out for the usual one.");
        return Err(wrong(summary, detail));
    }
    Ok(value)
}

/// What is wrong with a path that is empty.
fn empty_path(kind: &Kind, name: &str, value: &serde_json::Value) -> Option<&'static str> {
    let is_empty = *kind == LOCAL && value.as_str() == Some("");
    is_empty.then_some(match name {
        "path" => "Invalid local state file path",
        _ => "Invalid local workspace directory path",
    })
}

/// A value as one of the type of a setting, or why it is none.
fn converted(setting: &Setting, value: &Value) -> Result<serde_json::Value, String> {
    let ty = type_of(&setting.kind);
    let value = convert(value, &ty).map_err(|error| match error.path.to_string() {
        path if path.is_empty() => error.reason,
        path => format!("{path}: {}", error.reason),
    })?;
    value_to_json(&value, &ty.without_optional()).map_err(|error| error.to_string())
}

/// The settings that an object gives, for readers of other states.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn of_object(kind: &Kind, value: &Value) -> Result<Settings, String> {
    let entries = value.as_entries().ok_or("an object is required")?;
    let mut found = Settings::new();
    for (name, value) in entries {
        let setting = kind.setting(name);
        let setting = setting.ok_or_else(|| format!("there is no setting \"{name}\""))?;
        let value = converted(setting, value).map_err(|reason| format!("\"{name}\": {reason}"))?;
        found.insert(setting.name.to_owned(), value);
    }
    Ok(found)
}

/// The settings that values of `-backend-config` give; later ones count.
///
/// # Errors
/// A file cannot be read, or a setting is not one of this kind of backend.
pub(crate) fn of_options(
    kind: &Kind,
    options: &[String],
    sources: &mut Sources,
) -> Result<Settings, Diags> {
    let mut found = Settings::new();
    let mut diags = Diags::new();
    for option in options.iter().filter(|option| !option.is_empty()) {
        let given = match option.split_once('=') {
            Some((name, text)) => of_text(kind, name.trim(), text, option, sources),
            None => of_file(kind, option, sources),
        };
        match given {
            Ok(settings) => found.extend(settings),
            Err(wrong) => diags.extend(wrong),
        }
    }
    match diags.has_errors() {
        true => Err(diags),
        false => Ok(found),
    }
}

fn of_text(
    kind: &Kind,
    name: &str,
    text: &str,
    option: &str,
    sources: &mut Sources,
) -> Result<Settings, Diags> {
    let Some(setting) = kind.setting(name) else {
        let detail = format!(
            "A backend of type \"{}\" has no argument \"{name}\", which -backend-config gives.",
            kind.name
        );
        let summary = "Invalid backend configuration argument";
        return Err(Diagnostic::error(summary, detail).into());
    };
    let value = match setting.kind {
        SettingKind::Text | SettingKind::Number | SettingKind::Bool => Value::from(text),
        // What is no text is an expression.
        _ => {
            let text: Arc<str> = text.into();
            let file = sources.add(format!("<-backend-config={name}>"), Arc::clone(&text));
            let (raw, diags) = parse_expression(file, &text);
            match diags.has_errors() {
                true => return Err(diags),
                false => constant(&raw)?,
            }
        }
    };
    let wrong = |reason: String| -> Diags {
        let shown = if setting.sensitive { name } else { option };
        let detail = format!("-backend-config={shown:?} is not right: {reason}.");
        Diagnostic::error("Invalid backend configuration value", detail).into()
    };
    let value = converted(setting, &value).map_err(wrong)?;
    if let Some(summary) = empty_path(kind, name, &value) {
        let detail = format!("There is no path in \"{name}\". Leave it out for the usual one.");
        return Err(Diagnostic::error(summary, detail).into());
    }
    Ok([(setting.name.to_owned(), value)].into_iter().collect())
}

fn of_file(kind: &Kind, path: &str, sources: &mut Sources) -> Result<Settings, Diags> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|error| -> Diags {
        let detail = format!("The file \"{path}\" of -backend-config cannot be read: {error}.");
        Diagnostic::error("Failed to read file", detail).into()
    })?;
    let text: Arc<str> = text.into();
    let file = sources.add(path, Arc::clone(&text));
    let (body, diags) = match path.ends_with(".json") {
        true => parse_json(file, &text),
        false => parse_native(file, &text),
    };
    match diags.has_errors() {
        true => Err(diags),
        false => of_body(kind, &body, |attribute| constant(&attribute.expr)),
    }
}
