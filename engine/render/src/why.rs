//! Why something is planned as it is, as a tree.

use std::fmt::Write as _;

use muster_lang::{Sources, Span};
use muster_plan::{Action, Reason};
use muster_value::{Marks, Value};
use muster_why::{Cause, Finding};
use serde_json::Value as Json;

use crate::Style;
use crate::json;
use crate::style::Paint;

/// How long a value may be to be shown on the line of its name.
const MOST_CHARS: usize = 60;

/// The tree for people: what it is about first, what it comes from below.
pub fn why_text(cause: &Cause, sources: &Sources, style: Style) -> String {
    let mut out = String::new();
    line(&mut out, "", cause, sources, style);
    tree(&mut out, "", &cause.causes, sources, style);
    out
}

fn tree(out: &mut String, indent: &str, causes: &[Cause], sources: &Sources, style: Style) {
    for (i, cause) in causes.iter().enumerate() {
        let (branch, below) = match i + 1 == causes.len() {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        line(out, &format!("{indent}{branch}"), cause, sources, style);
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            tree(
                out,
                &format!("{indent}{below}"),
                &cause.causes,
                sources,
                style,
            );
        });
    }
}

fn line(out: &mut String, indent: &str, cause: &Cause, sources: &Sources, style: Style) {
    let name = style.painted(Paint::Bold, &cause.name);
    let _ = write!(out, "{indent}{name}{}", finding(&cause.finding));
    if cause.repeated && !matches!(cause.finding, Finding::Provider) {
        out.push_str(", see above");
    }
    if let Some((file, line)) = cause.span.and_then(|span| place(span, sources)) {
        let _ = write!(
            out,
            "  {}",
            style.painted(Paint::Dim, &format!("{file}:{line}"))
        );
    }
    out.push('\n');
}

fn finding(finding: &Finding) -> String {
    match finding {
        Finding::Object(action, reason) => format!(" {}{}", verb(*action), because(*reason)),
        Finding::Attribute {
            before,
            after,
            forces_replacement,
        } => {
            let change = match (before.is_null(), before.same(after)) {
                (_, true) => format!(" = {}, unchanged", short(after)),
                (true, false) => format!(" = {}", short(after)),
                (false, false) => format!(": {} -> {}", short(before), short(after)),
            };
            let forced = if *forces_replacement {
                ", forces replacement"
            } else {
                ""
            };
            change + forced
        }
        Finding::Given(value) => format!(" = {}", short(value)),
        Finding::Named => String::new(),
        Finding::Provider => " decides".to_owned(),
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::NoOp => "is unchanged",
        Action::Create => "will be created",
        Action::Read => "will be read during apply",
        Action::Update => "will be updated in-place",
        Action::DeleteThenCreate => "must be replaced",
        Action::CreateThenDelete => "must be replaced, the new one first",
        Action::Delete => "will be destroyed",
        Action::Forget => "will be forgotten",
    }
}

fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::None => "",
        Reason::ReplaceBecauseTainted => ": it is tainted",
        Reason::ReplaceByRequest => ": -replace asks for it",
        Reason::ReplaceBecauseCannotUpdate => ": this cannot be changed in place",
        Reason::ReplaceByTriggers => ": something in replace_triggered_by changes",
        Reason::DeleteBecauseNoResourceConfig => ": the configuration has no such resource",
        Reason::DeleteBecauseWrongRepetition => ": count or for_each was added or removed",
        Reason::DeleteBecauseCountIndex => ": the index is beyond count",
        Reason::DeleteBecauseEachKey => ": the key is not in for_each",
        Reason::DeleteBecauseEnabledFalse => ": it is not enabled",
        Reason::DeleteBecauseNoModule => ": its module is not in the configuration",
        Reason::DeleteBecauseNoMoveTarget => ": it was moved to where nothing is",
        Reason::ReadBecauseConfigUnknown => ": its configuration is not known before",
        Reason::ReadBecauseDependencyPending => ": what it depends on changes",
        Reason::ReadBecauseCheckNested => ": a check uses it",
    }
}

/// A value on a few characters.
fn short(value: &Value) -> String {
    if value.marks_deep().contains(Marks::SENSITIVE) {
        return "(sensitive value)".to_owned();
    }
    if !value.is_known() {
        return "(known after apply)".to_owned();
    }
    let value = value.unmark_deep();
    if !value.is_wholly_known() {
        return "(partly known after apply)".to_owned();
    }
    let text = json::to_string(|w| w.value(&value));
    match text.chars().count() <= MOST_CHARS {
        true => text,
        false => text.chars().take(MOST_CHARS).chain(['…']).collect(),
    }
}

/// The file and line of a span.
fn place(span: Span, sources: &Sources) -> Option<(&str, usize)> {
    let file = sources.get(span.file)?;
    let before = file.text.get(..span.start as usize)?;
    Some((&file.name, before.matches('\n').count() + 1))
}

/// The tree for tools. Values are as in the JSON form of plans: sensitive ones are left out.
pub fn why_json(cause: &Cause, sources: &Sources) -> Json {
    let mut out = serde_json::json!({ "name": cause.name });
    match &cause.finding {
        Finding::Object(action, reason) => {
            out["kind"] = "object".into();
            out["action"] = word(*action).into();
            if let Some(reason) = reason.json_name() {
                out["action_reason"] = reason.into();
            }
        }
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
        Finding::Given(value) => {
            out["kind"] = "variable".into();
            put(&mut out, "value", value);
        }
        Finding::Named => out["kind"] = "named_value".into(),
        Finding::Provider => out["kind"] = "provider".into(),
    }
    if let Some((file, line)) = cause.span.and_then(|span| place(span, sources)) {
        out["filename"] = file.into();
        out["line"] = line.into();
    }
    if cause.repeated {
        out["repeated"] = true.into();
    }
    let causes = cause.causes.iter();
    let causes = stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
        causes.map(|c| why_json(c, sources)).collect()
    });
    out["causes"] = Json::Array(causes);
    out
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
