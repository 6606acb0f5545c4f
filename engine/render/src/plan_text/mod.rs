//! A plan for people.

mod body;
mod lines;
mod value;

use muster_addr::Mode as ResourceMode;
use muster_plan::{Action, Change, Mode, OutputChange, Plan, Reason};
use muster_provider::Schemas;
use muster_value::{Path, Value};

use crate::Style;
use crate::style::{Paint, wrap};
use body::{At, draw_body};
use lines::{Lines, Sign};
use value::{Place, draw};

pub(crate) use value::quoted;

/// The whole plan: what changed outside, what will be done and why, and a summary.
pub fn plan_text(plan: &Plan, schemas: &Schemas, style: Style) -> String {
    let mut lines = Lines::new(style);
    let changes: Vec<&Change> = plan.changes.iter().filter(|c| is_shown(c)).collect();
    if plan.mode == Mode::RefreshOnly || !changes.is_empty() {
        drift(&mut lines, plan, schemas);
    }
    let outputs: Vec<_> = plan.outputs.iter().filter(|(_, o)| o.action != Action::NoOp).collect();
    if changes.is_empty() && outputs.is_empty() {
        nothing(&mut lines, plan);
        return lines.out;
    }
    if !changes.is_empty() {
        legend(&mut lines, &changes);
        for change in &changes {
            draw_change(&mut lines, change, schemas);
        }
        summary(&mut lines, plan);
    }
    if !outputs.is_empty() {
        draw_outputs(&mut lines, &outputs);
        if changes.is_empty() {
            let text = "\nYou can apply this plan to save these new output values to the state, without changing any real infrastructure.\n";
            lines.out.push_str(&wrap(text, style.width));
        }
    }
    lines.out
}

fn is_shown(change: &Change) -> bool {
    change.action != Action::NoOp || change.previous.is_some() || change.importing.is_some()
}

fn nothing(lines: &mut Lines, plan: &Plan) {
    let (title, text) = match plan.mode {
        Mode::Normal if !plan.drift.is_empty() => (
            "No changes. Your infrastructure still matches the configuration.",
            "muster has checked that the real objects still match the configuration; some have changed outside, in ways that it does not speak about. apply -refresh-only brings the state up to date.",
        ),
        Mode::Normal => (
            "No changes. Your infrastructure matches the configuration.",
            "muster has compared the real infrastructure with the configuration and found no differences, so no changes are needed.",
        ),
        Mode::Destroy => (
            "No changes. No objects need to be destroyed.",
            "Either nothing has been created yet, or everything was destroyed already.",
        ),
        Mode::RefreshOnly if !plan.drift.is_empty() => (
            "This is a refresh-only plan, so nothing of the above will be undone.",
            "Apply it to bring the state up to date with what was found.",
        ),
        Mode::RefreshOnly => (
            "No changes. Your infrastructure still matches the configuration.",
            "muster has checked that the real objects still match the state and found no differences.",
        ),
    };
    let style = lines.style;
    lines.out.push('\n');
    lines.out.push_str(&style.painted(Paint::Bold, title));
    lines.out.push_str("\n\n");
    lines.out.push_str(&wrap(text, style.width));
    lines.out.push('\n');
}

fn drift(lines: &mut Lines, plan: &Plan, schemas: &Schemas) {
    if plan.drift.is_empty() {
        return;
    }
    let style = lines.style;
    let title = style.painted(Paint::Bold, "Note:");
    lines.out.push_str(&format!("\n{title} Objects have changed outside of muster\n\n"));
    let text = "muster found these changes since the last apply; they may be the reason for some of what follows:";
    lines.out.push_str(&wrap(text, style.width));
    lines.out.push_str("\n\n");
    for change in &plan.drift {
        let what = if change.action == Action::Delete { "has been deleted" } else { "has changed" };
        header(lines, &format!("{} {what}", label(change)));
        object(lines, change, schemas);
    }
    lines.out.push('\n');
}

fn label(change: &Change) -> String {
    match &change.deposed {
        Some(key) => format!("{} (deposed object {key})", change.addr),
        None => change.addr.to_string(),
    }
}

fn header(lines: &mut Lines, text: &str) {
    let style = lines.style;
    lines.out.push_str(&format!("  {}\n", style.painted(Paint::Bold, &format!("# {text}"))));
}

fn legend(lines: &mut Lines, changes: &[&Change]) {
    let style = lines.style;
    let text = "\nmuster will perform the actions that are shown here with these symbols:\n";
    lines.out.push_str(&wrap(text, style.width));
    let has = |action: Action| changes.iter().any(|c| c.action == action);
    let entries = [
        (Action::Create, "create"),
        (Action::Update, "update in-place"),
        (Action::Delete, "destroy"),
        (Action::DeleteThenCreate, "destroy and then create replacement"),
        (Action::CreateThenDelete, "create replacement and then destroy"),
        (Action::Read, "read (data resources)"),
    ];
    for (action, what) in entries {
        if has(action) {
            lines.out.push_str(&format!("{} {what}\n", symbol(action).painted(style)));
        }
    }
    lines.out.push('\n');
}

fn symbol(action: Action) -> Sign {
    match action {
        Action::NoOp => Sign::Same,
        Action::Create => Sign::Add,
        Action::Read => Sign::Read,
        Action::Update => Sign::Change,
        Action::DeleteThenCreate => Sign::RemoveAdd,
        Action::CreateThenDelete => Sign::AddRemove,
        Action::Delete => Sign::Remove,
        Action::Forget => Sign::Forget,
    }
}

fn draw_change(lines: &mut Lines, change: &Change, schemas: &Schemas) {
    header(lines, &format!("{} {}", label(change), what(change)));
    for note in notes(change) {
        lines.out.push_str(&format!("  # ({note})\n"));
    }
    object(lines, change, schemas);
}

fn what(change: &Change) -> String {
    match change.action {
        Action::Create => "will be created".into(),
        Action::Read => "will be read during apply".into(),
        Action::Update => "will be updated in-place".into(),
        Action::Delete => "will be destroyed".into(),
        Action::Forget => "will no longer be managed by muster, but will not be destroyed".into(),
        Action::DeleteThenCreate | Action::CreateThenDelete => match change.reason {
            Reason::ReplaceBecauseTainted => "is tainted, so it must be replaced".into(),
            Reason::ReplaceByRequest => "will be replaced, as requested".into(),
            Reason::ReplaceByTriggers => "will be replaced due to changes in replace_triggered_by".into(),
            _ => "must be replaced".into(),
        },
        Action::NoOp => match (&change.previous, &change.importing) {
            (Some(previous), _) => format!("has moved to here from {previous}"),
            (None, Some(_)) => "will be imported".into(),
            (None, None) => "will stay as it is".into(),
        },
    }
}

/// The reasons in words.
fn notes(change: &Change) -> Vec<String> {
    let mut notes = Vec::new();
    let resource = &change.addr.resource;
    let key = change.addr.key.to_string();
    match change.reason {
        Reason::DeleteBecauseNoResourceConfig => {
            notes.push(format!("because {resource} is not in configuration"));
        }
        Reason::DeleteBecauseNoModule => {
            notes.push(format!("because {} is not in configuration", resource.module));
        }
        Reason::DeleteBecauseWrongRepetition => {
            notes.push("because resource uses another kind of repetition now".into());
        }
        Reason::DeleteBecauseCountIndex => {
            notes.push(format!("because index {key} is out of range for count"));
        }
        Reason::DeleteBecauseEachKey => {
            notes.push(format!("because key {key} is not in for_each map"));
        }
        Reason::DeleteBecauseNoMoveTarget => {
            notes.push("because it was moved to an address that is not in configuration".into());
        }
        Reason::ReadBecauseConfigUnknown => {
            notes.push("config refers to values not yet known".into());
        }
        Reason::ReadBecauseDependencyPending => {
            notes.push("depends on a resource or a module with changes pending".into());
        }
        _ => {}
    }
    if let (Some(previous), true) = (&change.previous, change.action != Action::NoOp) {
        notes.push(format!("moved from {previous}"));
    }
    if change.deposed.is_some() {
        notes.push("left over from a partially-failed replacement of this instance".into());
    }
    if let Some(id) = &change.importing {
        notes.push(format!("imported from {}", quoted(id)));
    }
    notes
}

fn object(lines: &mut Lines, change: &Change, schemas: &Schemas) {
    let id = &change.addr.resource.resource;
    let word = match id.mode {
        ResourceMode::Managed => "resource",
        ResourceMode::Data => "data",
        ResourceMode::Ephemeral => "ephemeral",
    };
    let sign = symbol(change.action);
    let title = format!("{word} {} {} {{", quoted(&id.type_name), quoted(&id.name));
    lines.out.push_str(&format!("{} {title}\n", sign.painted(lines.style)));
    if let Some(schema) = schemas.resource(&change.provider.provider, id.mode, &id.type_name) {
        let update = !change.before.is_null() && !change.after.is_null();
        let path = Path::root();
        let at = At { depth: 1, path: &path, forces: &change.replace_paths, update, top: true };
        let nothing = Value::NULL;
        let before = if change.action == Action::Read { &nothing } else { &change.before };
        draw_body(lines, &schema.block, at, before, &change.after);
    }
    lines.out.push_str("    }\n\n");
}

fn summary(lines: &mut Lines, plan: &Plan) {
    let counts = plan.counts();
    let mut parts = Vec::new();
    if counts.import > 0 {
        parts.push(format!("{} to import", counts.import));
    }
    parts.push(format!("{} to add", counts.add));
    parts.push(format!("{} to change", counts.change));
    parts.push(format!("{} to destroy", counts.destroy));
    if counts.forget > 0 {
        parts.push(format!("{} to forget", counts.forget));
    }
    let title = lines.style.painted(Paint::Bold, "Plan:");
    lines.out.push_str(&format!("{title} {}.\n", parts.join(", ")));
}

fn draw_outputs(lines: &mut Lines, outputs: &[(&muster_plan::Str, &OutputChange)]) {
    lines.out.push_str("\nChanges to Outputs:\n");
    let width = outputs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let path = Path::root();
    for (name, output) in outputs {
        let label = format!("{name:<width$} = ");
        let place = Place { label: &label, tail: "", depth: 0, path: &path, forces: &[] };
        let hide = |v: &Value| match output.sensitive && !v.is_null() {
            true => v.clone().mark(muster_value::Marks::SENSITIVE),
            false => v.clone(),
        };
        draw(lines, &place, &hide(&output.before), &hide(&output.after));
    }
}
