//! What happens, as it happens: lines for people, or documents for tools.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use muster_addr::{InstanceAddr, InstanceKey};
use muster_plan::{Action, Change, Event, Operation, Plan};
use serde_json::{Value as Json, json};

use crate::Style;
use crate::style::Paint;

/// How often work that takes long is reported.
const INTERVAL: Duration = Duration::from_secs(10);

/// Tells of the events of a run. Diagnostics are drawn elsewhere.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    json: bool,
    open: BTreeMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    addr: InstanceAddr,
    operation: Operation,
    action: Action,
    id: Option<(String, String)>,
    since: Instant,
    told: Instant,
}

impl Progress {
    /// Nothing has happened yet. With `json`, every line is a document of the stream that
    /// `-json` gives.
    pub fn new(style: Style, json: bool) -> Self {
        Self {
            style,
            json,
            open: BTreeMap::new(),
        }
    }

    /// The line that an event is worth.
    pub fn event(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Started {
                addr,
                deposed,
                operation,
                action,
                id,
                ..
            } => {
                let name = name(addr, deposed.as_ref().map(|d| d.as_str()));
                let id = id.as_ref().map(|(k, v)| (k.to_string(), v.to_string()));
                let line = self.started(addr, &name, *operation, *action, id.as_ref());
                let now = Instant::now();
                let (addr, operation, action) = (addr.clone(), *operation, *action);
                let open = Open {
                    addr,
                    operation,
                    action,
                    id,
                    since: now,
                    told: now,
                };
                self.open.insert(name, open);
                Some(line)
            }
            Event::Finished {
                addr,
                deposed,
                operation,
                action,
                id,
                elapsed,
                ..
            } => {
                let name = name(addr, deposed.as_ref().map(|d| d.as_str()));
                self.open.remove(&name);
                let id = id.as_ref().map(|(k, v)| (k.to_string(), v.to_string()));
                self.finished(addr, &name, *operation, *action, id.as_ref(), *elapsed)
            }
            Event::Failed {
                addr,
                deposed,
                operation,
                action,
                elapsed,
                ..
            } => {
                let name = name(addr, deposed.as_ref().map(|d| d.as_str()));
                self.open.remove(&name);
                self.json
                    .then(|| self.errored(addr, &name, *operation, *action, *elapsed))
            }
            Event::Diagnostic(_) | Event::Stopping => None,
        }
    }

    /// Lines on work that takes long; to be called now and then.
    pub fn tick(&mut self) -> Vec<String> {
        let (style, json) = (self.style, self.json);
        let mut lines = Vec::new();
        for (name, open) in &mut self.open {
            if open.told.elapsed() < INTERVAL || open.operation == Operation::Refresh {
                continue;
            }
            open.told = Instant::now();
            let seconds = open.since.elapsed().as_secs() / 10 * 10;
            let id = suffix(open.id.as_ref());
            let doing = words(open.operation).1;
            let elapsed = duration(Duration::from_secs(seconds));
            let text = format!(
                "{name}: Still {doing}... [{}{elapsed} elapsed]",
                id_inside(&id)
            );
            lines.push(if json {
                let hook = json!({
                    "resource": resource(&open.addr),
                    "action": action_name(open.operation, open.action),
                    "elapsed_seconds": seconds,
                });
                document("apply_progress", &text, "hook", hook)
            } else {
                style.painted(Paint::Bold, &text)
            });
        }
        lines
    }

    fn started(
        &self,
        addr: &InstanceAddr,
        name: &str,
        operation: Operation,
        action: Action,
        id: Option<&(String, String)>,
    ) -> String {
        let text = format!("{name}: {}...{}", words(operation).0, suffix(id));
        if !self.json {
            return self.style.painted(Paint::Bold, &text);
        }
        let mut hook = json!({ "resource": resource(addr) });
        let kind = if operation == Operation::Refresh {
            "refresh_start"
        } else {
            "apply_start"
        };
        if operation != Operation::Refresh {
            hook["action"] = action_name(operation, action).into();
        }
        add_id(&mut hook, id);
        document(kind, &text, "hook", hook)
    }

    fn finished(
        &self,
        addr: &InstanceAddr,
        name: &str,
        operation: Operation,
        action: Action,
        id: Option<&(String, String)>,
        elapsed: Duration,
    ) -> Option<String> {
        if operation == Operation::Refresh && !self.json {
            return None;
        }
        let kept = if operation == Operation::Delete {
            None
        } else {
            id
        };
        let text = format!(
            "{name}: {} complete after {}{}",
            words(operation).2,
            duration(elapsed),
            suffix(kept)
        );
        if !self.json {
            return Some(self.style.painted(Paint::Bold, &text));
        }
        let mut hook = json!({ "resource": resource(addr) });
        if operation == Operation::Refresh {
            add_id(&mut hook, id);
            return Some(document("refresh_complete", &text, "hook", hook));
        }
        hook["action"] = action_name(operation, action).into();
        add_id(&mut hook, kept);
        hook["elapsed_seconds"] = elapsed.as_secs().into();
        Some(document("apply_complete", &text, "hook", hook))
    }

    fn errored(
        &self,
        addr: &InstanceAddr,
        name: &str,
        operation: Operation,
        action: Action,
        elapsed: Duration,
    ) -> String {
        let text = format!(
            "{name}: {} errored after {}",
            words(operation).2,
            duration(elapsed)
        );
        let hook = json!({
            "resource": resource(addr),
            "action": action_name(operation, action),
            "elapsed_seconds": elapsed.as_secs(),
        });
        document("apply_errored", &text, "hook", hook)
    }
}

/// One document of the stream that `-json` gives: `key` holds its content.
pub fn document(kind: &str, message: &str, key: &str, content: Json) -> String {
    leveled("info", kind, message, key, content)
}

/// As [`document`], of another level than `info`.
pub fn leveled(level: &str, kind: &str, message: &str, key: &str, content: Json) -> String {
    let mut map = serde_json::Map::new();
    map.insert("@level".into(), level.into());
    map.insert("@message".into(), message.into());
    map.insert("@module".into(), "terraform.ui".into());
    map.insert("type".into(), kind.into());
    map.insert(key.into(), content);
    Json::Object(map).to_string()
}

/// A plan in the stream: what was found changed, what is planned, and the summary.
pub fn plan_stream(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for change in &plan.drift {
        let text = format!(
            "{}: Drift detected ({})",
            change.addr,
            change_word(change.action)
        );
        lines.push(document(
            "resource_drift",
            &text,
            "change",
            change_json(change),
        ));
    }
    for change in plan.changes.iter().filter(|c| c.action != Action::NoOp) {
        let text = format!("{}: Plan to {}", change.addr, change_word(change.action));
        lines.push(document(
            "planned_change",
            &text,
            "change",
            change_json(change),
        ));
    }
    let c = plan.counts();
    let text = format!(
        "Plan: {} to add, {} to change, {} to destroy.",
        c.add, c.change, c.destroy
    );
    let changes = json!({
        "add": c.add, "change": c.change, "import": c.import, "remove": c.destroy, "operation": "plan",
    });
    lines.push(document("change_summary", &text, "changes", changes));
    lines
}

fn change_json(change: &Change) -> Json {
    let mut found = json!({
        "resource": resource(&change.addr),
        "action": change_word(change.action),
    });
    if let Some(previous) = &change.previous {
        found["previous_resource"] = resource(previous);
    }
    let reason = match change.reason.json_name() {
        // The stream has had shorter names for these from its beginning.
        Some("replace_because_tainted") => Some("tainted"),
        Some("replace_by_request") => Some("requested"),
        Some("replace_because_cannot_update") => Some("cannot_update"),
        other => other,
    };
    if let Some(reason) = reason {
        found["reason"] = reason.into();
    }
    found
}

fn change_word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "noop",
        Action::Create => "create",
        Action::Read => "read",
        Action::Update => "update",
        Action::DeleteThenCreate | Action::CreateThenDelete => "replace",
        Action::Delete => "delete",
        Action::Forget => "remove",
    }
}

fn name(addr: &InstanceAddr, deposed: Option<&str>) -> String {
    match deposed {
        Some(key) => format!("{addr} (deposed object {key})"),
        None => addr.to_string(),
    }
}

/// How an operation begins, goes on and ends.
fn words(operation: Operation) -> (&'static str, &'static str, &'static str) {
    match operation {
        Operation::Refresh => ("Refreshing state", "refreshing", "Refresh"),
        Operation::Read => ("Reading", "reading", "Read"),
        Operation::Create => ("Creating", "creating", "Creation"),
        Operation::Update => ("Modifying", "modifying", "Modifications"),
        Operation::Delete => ("Destroying", "destroying", "Destruction"),
        Operation::Import => ("Importing", "importing", "Import"),
    }
}

fn action_name(operation: Operation, _action: Action) -> &'static str {
    match operation {
        Operation::Refresh | Operation::Read => "read",
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Import => "import",
    }
}

fn suffix(id: Option<&(String, String)>) -> String {
    id.map(|(key, value)| format!(" [{key}={value}]"))
        .unwrap_or_default()
}

fn id_inside(suffix: &str) -> String {
    let inner = suffix.trim().trim_start_matches('[').trim_end_matches(']');
    if inner.is_empty() {
        String::new()
    } else {
        format!("{inner}, ")
    }
}

fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

fn add_id(hook: &mut Json, id: Option<&(String, String)>) {
    if let Some((key, value)) = id {
        hook["id_key"] = key.as_str().into();
        hook["id_value"] = value.as_str().into();
    }
}

/// An instance in parts.
pub(crate) fn resource(addr: &InstanceAddr) -> Json {
    let id = &addr.resource.resource;
    let whole = addr.to_string();
    let module = addr.resource.module.to_string();
    let local = match module.as_str() {
        "" => whole.as_str(),
        module => whole
            .strip_prefix(module)
            .map_or(&*whole, |rest| rest.trim_start_matches('.')),
    };
    let key = match &addr.key {
        InstanceKey::None => Json::Null,
        InstanceKey::Int(n) => (*n).into(),
        InstanceKey::Str(s) => s.to_string().into(),
    };
    json!({
        "addr": whole,
        "module": module,
        "resource": local,
        "implied_provider": id.implied_provider(),
        "resource_type": &*id.type_name,
        "resource_name": &*id.name,
        "resource_key": key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(operation: Operation) -> (Event, Event) {
        let addr: InstanceAddr = "module.m.a_b.c[\"k\"]".parse().unwrap();
        let provider: muster_addr::ProviderConfigAddr =
            "provider[\"example.com/x/y\"]".parse().unwrap();
        let action = Action::Create;
        let id = Some(("id".into(), "i-1".into()));
        let begin = Event::Started {
            addr: addr.clone(),
            deposed: None,
            provider: provider.clone(),
            operation,
            action,
            id: None,
        };
        let elapsed = Duration::from_secs(61);
        let end = Event::Finished {
            addr,
            deposed: None,
            provider,
            operation,
            action,
            id,
            elapsed,
        };
        (begin, end)
    }

    fn check(operation: Operation, begin: &str, end: Option<&str>) {
        let mut progress = Progress::new(Style::PLAIN, false);
        let (first, last) = events(operation);
        assert_eq!(progress.event(&first).as_deref(), Some(begin));
        assert_eq!(progress.event(&last).as_deref(), end);
        assert!(progress.tick().is_empty());
    }

    #[test]
    fn lines_for_people() {
        let create = "module.m.a_b.c[\"k\"]: Creating...";
        let created = "module.m.a_b.c[\"k\"]: Creation complete after 1m1s [id=i-1]";
        check(Operation::Create, create, Some(created));
        check(
            Operation::Refresh,
            "module.m.a_b.c[\"k\"]: Refreshing state...",
            None,
        );
        let gone = "module.m.a_b.c[\"k\"]: Destruction complete after 1m1s";
        check(
            Operation::Delete,
            "module.m.a_b.c[\"k\"]: Destroying...",
            Some(gone),
        );
    }

    #[test]
    fn documents_for_tools() {
        let mut progress = Progress::new(Style::PLAIN, true);
        let (first, last) = events(Operation::Update);
        let begin: Json = serde_json::from_str(&progress.event(&first).unwrap()).unwrap();
        assert_eq!(begin["type"], "apply_start");
        assert_eq!(begin["hook"]["resource"]["resource"], "a_b.c[\"k\"]");
        assert_eq!(begin["hook"]["resource"]["resource_key"], "k");
        let end: Json = serde_json::from_str(&progress.event(&last).unwrap()).unwrap();
        assert_eq!(end["type"], "apply_complete");
        assert_eq!(end["hook"]["elapsed_seconds"], 61);
    }
}
