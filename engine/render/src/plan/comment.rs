//! The lines above a change: what happens, and why.

use std::fmt::Write as _;

use muster_addr::InstanceKey;
use muster_plan::{Action, Change, Reason};
use muster_provider::{ImportBy, identity_text};

use crate::strings::quote;
use crate::style::{Paint, Style};

/// Lines with the keys of instances that are shown together.
const KEY_LINES: usize = 4;

/// The comment lines of a planned change.
pub(super) fn planned(change: &Change, style: Style) -> String {
    let mut out = String::new();
    let margin = if change.action == Action::Forget {
        " "
    } else {
        "  "
    };
    let mut line = |subject: &str, text: &str| {
        out.push_str(&style.painted(Paint::Bold, &format!("{margin}# {subject}")));
        let _ = writeln!(out, "{text}");
    };
    line(&subject(change), &headline(change, style));
    for note in notes(change, style, false) {
        let _ = writeln!(out, "{margin}# {note}");
    }
    out
}

/// The comment lines of changes that are shown together: what they have in common, then the keys
/// of their instances in lines of this width.
pub(super) fn grouped(changes: &[&Change], style: Style, width: usize) -> String {
    let Some(change) = changes.first() else {
        return String::new();
    };
    let margin = if change.action == Action::Forget {
        " "
    } else {
        "  "
    };
    let subject = format!("{margin}# {}", change.addr.resource);
    let mut out = style.painted(Paint::Bold, &subject);
    let _ = writeln!(
        out,
        ": each of {} instances{}",
        changes.len(),
        headline(change, style)
    );
    for note in notes(change, style, true) {
        let _ = writeln!(out, "{margin}# {note}");
    }
    for line in keys(changes, width.saturating_sub(margin.len() + 4)) {
        let _ = writeln!(out, "{margin}#   {line}");
    }
    out
}

/// The keys of instances in lines of at most this width, where a key fits into one. Not all of
/// them, when there are many.
fn keys(changes: &[&Change], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (told, change) in changes.iter().enumerate() {
        let key = change.addr.key.to_string();
        let comma = if told + 1 < changes.len() { "," } else { "" };
        let columns = |text: &str| text.chars().count();
        let last = lines.last().map_or(0, |line| columns(line));
        if last > 0 && last + 1 + columns(&key) + comma.len() > width {
            if lines.len() == KEY_LINES {
                lines.push(format!("and {} more", changes.len() - told));
                break;
            }
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let space = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{space}{key}{comma}");
        }
    }
    lines
}

/// The comment lines of a change that was made outside.
pub(super) fn drifted(change: &Change, style: Style) -> String {
    let what = match (change.action, &change.previous) {
        (Action::Delete, _) => " has been deleted".to_owned(),
        (Action::NoOp, Some(_)) => format!(" has moved to {}", change.addr),
        _ => " has changed".to_owned(),
    };
    let mut out = style.painted(Paint::Bold, &format!("  # {}", subject(change)));
    out.push_str(&what);
    out.push('\n');
    out
}

/// The address that the headline begins with.
fn subject(change: &Change) -> String {
    match (&change.deposed, &change.previous) {
        (Some(key), _) => format!("{} (deposed object {key})", change.addr),
        (None, Some(previous)) if change.action == Action::NoOp => previous.to_string(),
        _ => change.addr.to_string(),
    }
}

fn headline(change: &Change, style: Style) -> String {
    let strong = |text: &str| {
        let text = style.painted(Paint::Red, text);
        style.painted(Paint::Bold, &text)
    };
    match (change.action, change.reason) {
        (Action::NoOp, _) if change.previous.is_some() => format!(" has moved to {}", change.addr),
        (Action::NoOp, _) if change.importing.is_some() => " will be imported".to_owned(),
        (Action::NoOp, _) => " is unchanged".to_owned(),
        (Action::Create, _) => " will be created".to_owned(),
        (Action::Read, _) => " will be read during apply".to_owned(),
        (Action::Update, _) => " will be updated in-place".to_owned(),
        (Action::Delete, _) => format!(" will be {}", strong("destroyed")),
        (Action::Forget, _) => {
            " will no longer be managed by muster, but will not be destroyed".to_owned()
        }
        (_, Reason::ReplaceBecauseTainted) => {
            format!(" is tainted, so must be {}", strong("replaced"))
        }
        (_, Reason::ReplaceByRequest) => format!(" will be {}, as requested", strong("replaced")),
        (_, Reason::ReplaceByTriggers) => {
            format!(
                " will be {} due to changes in replace_triggered_by",
                strong("replaced")
            )
        }
        (Action::DeleteThenCreate | Action::CreateThenDelete, _) => {
            format!(" must be {}", strong("replaced"))
        }
    }
}

/// `many` when the change stands for some that differ in their keys.
fn notes(change: &Change, style: Style, many: bool) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(because(change, many).map(|text| format!("({text})")));
    if change.action == Action::Forget {
        notes.push("(destroy = false is set in the configuration)".to_owned());
    }
    if change.deposed.is_some() && change.action == Action::Delete {
        notes.push("(left over from a partially-failed replacement of this instance)".to_owned());
    }
    if let Some(previous) = change
        .previous
        .as_ref()
        .filter(|_| change.action != Action::NoOp)
    {
        notes.push(format!("(moved from {previous})"));
    }
    if change.generated_config.is_some() {
        notes.push("(config will be generated)".to_owned());
    }
    if let Some(by) = change.importing.as_ref() {
        let source = match by {
            ImportBy::Id(id) => quote(id),
            ImportBy::Identity(identity) => format!("identity {}", identity_text(identity)),
        };
        if change.action != Action::NoOp {
            notes.push(format!("(imported from {source})"));
        } else if change.previous.is_some() {
            notes.push(format!("(will be imported from {source})"));
        }
        if change.action.is_replace() {
            let warning = "Warning: this will destroy the imported resource";
            notes.push(style.painted(Paint::Yellow, warning));
        }
    }
    notes
}

/// Why, for the reasons that have a line of their own.
fn because(change: &Change, many: bool) -> Option<String> {
    let resource = &change.addr.resource;
    Some(match change.reason {
        Reason::DeleteBecauseNoResourceConfig if change.action == Action::Forget => return None,
        Reason::DeleteBecauseNoResourceConfig => {
            format!("because {} is not in configuration", resource.resource)
        }
        Reason::DeleteBecauseNoMoveTarget => match &change.previous {
            Some(previous) => format!(
                "because {previous} was moved to {}, which is not in configuration",
                change.addr
            ),
            None => format!("because {} is not in configuration", resource.resource),
        },
        Reason::DeleteBecauseNoModule => {
            format!("because {} is not in configuration", resource.module)
        }
        Reason::DeleteBecauseWrongRepetition => match change.addr.key {
            InstanceKey::None => "because resource uses count or for_each".to_owned(),
            InstanceKey::Int(_) => "because resource does not use count".to_owned(),
            InstanceKey::Str(_) => "because resource does not use for_each".to_owned(),
        },
        Reason::DeleteBecauseEnabledFalse => {
            format!("because {} is not enabled", resource.resource)
        }
        Reason::DeleteBecauseCountIndex if many => {
            "because these indexes are out of range for count".to_owned()
        }
        Reason::DeleteBecauseEachKey if many => {
            "because these keys are not in for_each map".to_owned()
        }
        Reason::DeleteBecauseCountIndex => {
            format!(
                "because index {} is out of range for count",
                change.addr.key
            )
        }
        Reason::DeleteBecauseEachKey => {
            format!("because key {} is not in for_each map", change.addr.key)
        }
        Reason::ReadBecauseConfigUnknown => "config refers to values not yet known".to_owned(),
        Reason::ReadBecauseDependencyPending => {
            "depends on a resource or a module with changes pending".to_owned()
        }
        Reason::ReadBecauseCheckNested => {
            "config will be reloaded to verify a check block".to_owned()
        }
        Reason::None
        | Reason::ReplaceBecauseTainted
        | Reason::ReplaceByRequest
        | Reason::ReplaceBecauseCannotUpdate
        | Reason::ReplaceByTriggers => return None,
    })
}
