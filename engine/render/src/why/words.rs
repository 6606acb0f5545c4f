//! The words for the steps of an explanation.

use muster_plan::{Action, Reason};
use muster_value::{Marks, Value};
use muster_why::{Because, Cause, Fate, Finding};

use crate::json;

/// How long a value may be that stands alone behind a name.
const MOST_CHARS: usize = 60;

/// How long a value or an expression may be that shares a line with others.
const MOST_SHARED: usize = 40;

/// As many characters are shown before the first difference of long values.
const LEAD: usize = 8;

/// Whether a part of an object follows at once from what is done to the object.
pub(super) fn is_decided(part: &Cause, whole: &Cause) -> bool {
    let is_part = matches!(part.finding, Finding::Attribute { .. });
    let is_whole = matches!(whole.finding, Finding::Object(_) | Finding::Provider);
    is_part && is_whole && whole.object.is_some() && whole.object == part.object
}

/// What stands behind the name of the object that decides about a part.
pub(super) fn following(whole: &Cause) -> String {
    match &whole.finding {
        Finding::Object(fate) => format!(", as it {}", fate_of(whole, fate)),
        _ => ", which the provider decides".to_owned(),
    }
}

/// What stands behind a name, which has the expression.
pub(super) fn of(cause: &Cause, expr: Option<&str>) -> String {
    let more = match (&cause.finding, cause.more) {
        (_, 0) => String::new(),
        (Finding::Attribute { .. }, n) if is_computed(cause) => format!(" and {n} more attributes"),
        (_, n) => format!(" and {n} more"),
    };
    more + &match &cause.finding {
        Finding::Object(fate) => format!(" {}", fate_of(cause, fate)),
        Finding::Attribute {
            before,
            after,
            forces_replacement,
        } => {
            let forced = if *forces_replacement {
                ", forces replacement"
            } else {
                ""
            };
            change(before, after, expr) + forced
        }
        Finding::Output { after, .. } if cause.span.is_none() && after.is_null() => {
            " will be removed: the configuration has it no more".to_owned()
        }
        Finding::Output { before, after } => change(before, after, expr),
        Finding::Given { value, is_default } => {
            let default = if *is_default { ", the default" } else { "" };
            format!(" = {}{default}", short(value, MOST_CHARS))
        }
        Finding::Named | Finding::Repetition => expr
            .map(|expr| format!(" = {}", cut(&one_line(expr), MOST_CHARS)))
            .unwrap_or_default(),
        Finding::Provider => " decides".to_owned(),
        Finding::ChangedOutside => " was changed outside muster".to_owned(),
        Finding::Drift { stored, found } => {
            let (stored, found) = pair(stored, found, MOST_SHARED);
            format!(" was changed outside muster: {stored} -> {found}")
        }
        Finding::Read | Finding::ReadPart => {
            let were = if cause.more > 0 { "were" } else { "was" };
            format!(" {were} read while planning")
        }
        Finding::Several {
            instances,
            changing,
        } => format!(": {changing} of {instances} instances change"),
    }
}

fn is_computed(part: &Cause) -> bool {
    matches!(&*part.causes, [only] if matches!(only.finding, Finding::Provider))
}

/// A value before and after, and the expression that makes it what it is. What is a secret may be
/// one in the source already.
fn change(before: &Value, after: &Value, expr: Option<&str>) -> String {
    let is_secret = |value: &Value| value.marks_deep().contains(Marks::SENSITIVE);
    let expr = expr.filter(|_| !is_secret(before) && !is_secret(after));
    let expr = expr.map(|expr| cut(&one_line(expr), MOST_SHARED));
    let is_short = before.is_null() || before.same(after);
    let most = match (&expr, is_short) {
        (None, true) => MOST_CHARS,
        _ => MOST_SHARED,
    };
    let (old, new) = pair(before, after, most);
    // Of what is written as it is, the value says it all.
    let expr = expr.filter(|expr| *expr != new);
    let unchanged = if before.same(after) {
        ", unchanged"
    } else {
        ""
    };
    match (expr, is_short) {
        (None, true) => format!(" = {new}{unchanged}"),
        (None, false) => format!(": {old} -> {new}"),
        (Some(expr), true) => format!(" = {expr}: {new}{unchanged}"),
        (Some(expr), false) => format!(" = {expr}: {old} -> {new}"),
    }
}

/// What is done to an object, and why.
fn fate_of(cause: &Cause, fate: &Fate) -> String {
    let moved = match &fate.previous {
        Some(from) if fate.action != Action::NoOp => format!(", moved from {from}"),
        _ => String::new(),
    };
    let first = match &fate.first_for {
        Some(other) => format!(" because {other} has create_before_destroy"),
        None => String::new(),
    };
    format!(
        "{}{moved}{first}{}",
        verb(cause, fate),
        because(cause, fate)
    )
}

fn verb(cause: &Cause, fate: &Fate) -> String {
    let verb = match fate.action {
        Action::NoOp => return standing(cause, fate),
        Action::Create => "will be created",
        Action::Read => "will be read during apply",
        Action::Update if fate.is_import => "will be imported and updated in-place",
        Action::Update => "will be updated in-place",
        Action::DeleteThenCreate => "must be replaced",
        Action::CreateThenDelete => "must be replaced, the new one first",
        Action::Delete => "will be destroyed",
        Action::Forget => "will be forgotten",
    };
    verb.to_owned()
}

/// What there is to say of an object that stays as it is.
fn standing(cause: &Cause, fate: &Fate) -> String {
    match (&fate.previous, fate.because) {
        (_, Some(Because::DeletedOutside)) => "was deleted outside muster".to_owned(),
        (Some(from), _) => format!("will be moved here from {from}"),
        _ if fate.is_import => "will be imported".to_owned(),
        _ if cause.more > 0 => "are unchanged".to_owned(),
        _ => "is unchanged".to_owned(),
    }
}

fn because(cause: &Cause, fate: &Fate) -> &'static str {
    match fate.because {
        Some(Because::DeletedOutside) if fate.action == Action::NoOp => "",
        Some(Because::DeletedOutside) => ": it was deleted outside muster",
        Some(Because::New) => ": the state has no such object",
        Some(Because::DestroyMode) => ": -destroy asks for it",
        Some(Because::DestroyedWith) => ": it rests on what -destroy asks for",
        Some(Because::RemovedBlock) => ": a removed block says so",
        Some(Because::NoModuleInstance) => ": its module has no such instance",
        Some(Because::Deposed) => ": an earlier replacement left it",
        // The attributes below say so.
        None if fate.reason == Reason::ReplaceBecauseCannotUpdate && !cause.causes.is_empty() => "",
        None => reason(fate.reason),
    }
}

fn reason(reason: Reason) -> &'static str {
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

/// Two values on a few characters. Where these are the same, what differs is shown.
fn pair(before: &Value, after: &Value, most: usize) -> (String, String) {
    let (old, new) = (text(before), text(after));
    let shown = (cut(&old, most), cut(&new, most));
    if shown.0 != shown.1 || old == new {
        return shown;
    }
    let same = old.chars().zip(new.chars()).take_while(|(a, b)| a == b);
    let skipped = same.count().saturating_sub(LEAD);
    let from = |text: &str| {
        let rest: String = text.chars().skip(skipped).collect();
        format!("…{}", cut(&rest, most))
    };
    (from(&old), from(&new))
}

/// A value on a few characters.
fn short(value: &Value, most: usize) -> String {
    cut(&text(value), most)
}

/// A value, or what there is to say of it.
fn text(value: &Value) -> String {
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
    json::to_string(|w| w.value(&value))
}

/// The beginning of a text that is too long.
fn cut(text: &str, most: usize) -> String {
    match text.chars().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most).chain(['…']).collect(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        let check = |text: &str, expect: &str| assert_eq!(cut(&one_line(text), 3), expect);
        check("abc", "abc");
        check("a\n  b", "a b");
        check("äöüß", "äöü…");
        check("", "");
    }

    #[test]
    fn long_values_are_shown_where_they_differ() {
        let check = |before: &str, after: &str, expect: (&str, &str)| {
            let found = pair(&Value::string(before), &Value::string(after), 10);
            assert_eq!(found, (expect.0.to_owned(), expect.1.to_owned()));
        };
        check("a", "b", ("\"a\"", "\"b\""));
        check(
            "abcdefghijklmnopqrstuvwxyz",
            "abcdefghijklmnopqrstUVWXYZ",
            ("…mnopqrstuv…", "…mnopqrstUV…"),
        );
        check(
            "abcdefghijk",
            "abcdefghijkl",
            ("…defghijk\"", "…defghijkl\""),
        );
    }

    #[test]
    fn values_and_their_expressions() {
        let check = |before: Value, after: Value, expr: Option<&str>, expect: &str| {
            assert_eq!(change(&before, &after, expr), expect);
        };
        let text = |text: &str| Value::string(text);
        check(
            text("a"),
            text("b"),
            Some("local.b"),
            " = local.b: \"a\" -> \"b\"",
        );
        check(text("a"), text("b"), Some("\"b\""), ": \"a\" -> \"b\"");
        check(Value::NULL, text("b"), Some("local.b"), " = local.b: \"b\"");
        check(Value::NULL, text("b"), None, " = \"b\"");
        check(text("a"), text("a"), Some("\"a\""), " = \"a\", unchanged");
        let secret = text("s").mark(Marks::SENSITIVE);
        check(
            text("a"),
            secret,
            Some("\"s\""),
            ": \"a\" -> (sensitive value)",
        );
    }
}
