//! An explanation for tools.

use muster_lang::Sources;
use muster_plan::Action;
use muster_value::{Marks, Value};
use muster_why::{Because, Cause, Fate, Finding};
use serde_json::Value as Json;

use super::lines::Lines;
use crate::json;

/// Deeper trees are printed without line breaks: most of the text would be indentation.
const MOST_DEPTH: usize = 500;

/// What printing a level of a tree takes of the stack at most, in bytes.
const LEVEL: usize = 2048;

/// The tree for tools, as a document. Values are as in the JSON form of plans: sensitive ones are
/// left out.
pub fn why_json(cause: &Cause, sources: &Sources) -> String {
    let depth = depth(cause);
    stacker::grow(1024 * 1024 + depth * LEVEL, || {
        let document = document(cause, &mut Lines::new(sources));
        match depth > MOST_DEPTH {
            true => document.to_string(),
            false => format!("{document:#}"),
        }
    })
}

fn depth(cause: &Cause) -> usize {
    let mut deepest = 0;
    let mut open = vec![(cause, 1)];
    while let Some((cause, depth)) = open.pop() {
        deepest = deepest.max(depth);
        open.extend(cause.causes.iter().map(|inner| (inner, depth + 1)));
    }
    deepest
}

fn document(cause: &Cause, lines: &mut Lines<'_>) -> Json {
    let mut out = serde_json::json!({ "name": cause.name });
    match &cause.finding {
        Finding::Object(fate) => object(&mut out, fate),
        Finding::Attribute {
            before,
            after,
            forces_replacement,
        } => {
            out["kind"] = "attribute".into();
            put(&mut out, "before", before);
            put(&mut out, "after", after);
            out["forces_replacement"] = (*forces_replacement).into();
        }
        Finding::Output { before, after } => {
            out["kind"] = "output".into();
            put(&mut out, "before", before);
            put(&mut out, "after", after);
        }
        Finding::Given { value, is_default } => {
            out["kind"] = "variable".into();
            put(&mut out, "value", value);
            out["is_default"] = (*is_default).into();
        }
        Finding::Named | Finding::Repetition => out["kind"] = "named_value".into(),
        Finding::Provider => out["kind"] = "provider".into(),
        Finding::ChangedOutside => out["kind"] = "changed_outside".into(),
        Finding::Drift { stored, found } => {
            out["kind"] = "changed_outside".into();
            put(&mut out, "before", stored);
            put(&mut out, "after", found);
        }
        Finding::Read | Finding::ReadPart => out["kind"] = "data_read".into(),
        Finding::Several {
            instances,
            changing,
        } => {
            out["kind"] = "instances".into();
            out["instances"] = (*instances).into();
            out["changing"] = (*changing).into();
        }
    }
    if let Some((file, line)) = cause.span.and_then(|span| lines.place(span)) {
        out["filename"] = file.into();
        out["line"] = line.into();
    }
    if cause.more > 0 {
        out["more"] = cause.more.into();
    }
    if cause.repeated {
        out["repeated"] = true.into();
    }
    let causes = stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        let causes = cause.causes.iter();
        causes.map(|inner| document(inner, lines)).collect()
    });
    out["causes"] = Json::Array(causes);
    out
}

fn object(out: &mut Json, fate: &Fate) {
    out["kind"] = "object".into();
    out["action"] = word(fate.action).into();
    if let Some(reason) = fate.reason.json_name() {
        out["action_reason"] = reason.into();
    }
    if let Some(because) = fate.because {
        out["because"] = match because {
            Because::New => "new",
            Because::DeletedOutside => "deleted_outside",
            Because::DestroyMode => "destroy_mode",
            Because::DestroyedWith => "destroyed_with_dependency",
            Because::RemovedBlock => "removed_block",
            Because::NoModuleInstance => "no_module_instance",
            Because::Deposed => "deposed",
        }
        .into();
    }
    if let Some(previous) = &fate.previous {
        out["previous_address"] = previous.to_string().into();
    }
    if fate.is_import {
        out["importing"] = true.into();
    }
    if let Some(other) = &fate.first_for {
        out["create_before_destroy_for"] = other.to_string().into();
    }
}

fn put(out: &mut Json, name: &str, value: &Value) {
    if value.marks_deep().contains(Marks::SENSITIVE) {
        out[format!("{name}_sensitive")] = true.into();
    } else if value.is_wholly_known() {
        let text = json::to_string(|w| w.value(&value.unmark_deep()));
        out[name] = serde_json::from_str(&text).unwrap_or(Json::Null);
    } else {
        out[format!("{name}_unknown")] = true.into();
    }
}

fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "no-op",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "delete",
        Action::Forget => "forget",
    }
}
