//! What happens, as it happens: lines for people, or documents for tools.

mod ephemeral;
mod provision;
mod stream;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use muster_addr::InstanceAddr;
use muster_plan::{Action, Event, Operation};
use serde_json::{Value as Json, json};

use crate::Style;
use crate::style::Paint;
use stream::resource;
pub use stream::{
    document, leveled, outputs_document, plan_stream, planned_changes, version_document,
};
pub(crate) use stream::{head, timestamp_seconds};

/// How often work that takes long is reported.
const INTERVAL: Duration = Duration::from_secs(10);

/// Tells of the events of a run. Diagnostics are drawn elsewhere.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    json: bool,
    open: BTreeMap<String, Open>,
}

/// Work that has begun.
#[derive(Debug)]
struct Open {
    work: Work,
    since: Instant,
    told: Duration,
}

/// What is done to which object.
#[derive(Clone, Debug)]
struct Work {
    addr: InstanceAddr,
    /// The address, with the key of a deposed object.
    name: String,
    operation: Operation,
    action: Action,
    id: Option<(String, String)>,
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
        self.event_at(event, Instant::now())
    }

    /// Lines on work that takes long; to be called now and then.
    pub fn tick(&mut self) -> Vec<String> {
        self.tick_at(Instant::now())
    }

    fn event_at(&mut self, event: &Event, now: Instant) -> Option<String> {
        let work = Work::of(event);
        match (event, work) {
            (Event::Started { .. }, Some(work)) => {
                let line = self.started(&work);
                let open = Open {
                    work: work.clone(),
                    since: now,
                    told: Duration::ZERO,
                };
                self.open.insert(work.name, open);
                line
            }
            (Event::Finished { elapsed, .. }, Some(work)) => {
                self.open.remove(&work.name);
                self.finished(&work, *elapsed)
            }
            (Event::Failed { elapsed, .. }, Some(work)) => {
                self.open.remove(&work.name);
                self.failed(&work, *elapsed)
            }
            (Event::Stopping, _) => {
                let text = "Stopping operation...";
                Some(match self.json {
                    true => document("log", text, "log", Json::Null),
                    false => self.style.painted(Paint::Bold, text),
                })
            }
            (Event::Deferred { addr }, _) => {
                // Terraform's stream has no document for this.
                let text = format!("{addr}: Configuration unknown, deferring...");
                (!self.json).then(|| self.style.painted(Paint::Bold, &text))
            }
            _ => provision::line(event, self.style, self.json),
        }
    }

    fn tick_at(&mut self, now: Instant) -> Vec<String> {
        let (style, json) = (self.style, self.json);
        let mut lines = Vec::new();
        for (name, open) in &mut self.open {
            let since = now.saturating_duration_since(open.since);
            let quiet = matches!(open.work.operation, Operation::Refresh | Operation::Import);
            if quiet || since < open.told + INTERVAL {
                continue;
            }
            open.told = Duration::from_secs(since.as_secs() / 10 * 10);
            let (doing, elapsed) = (words(open.work.operation).1, duration(open.told));
            lines.push(
                if json && ephemeral::action(open.work.operation).is_some() {
                    ephemeral::progress(&open.work, open.told)
                } else if json {
                    let mut hook = hook(&open.work);
                    hook["elapsed_seconds"] = open.told.as_secs().into();
                    let text = format!("{name}: Still {doing}... [{elapsed} elapsed]");
                    document("apply_progress", &text, "hook", hook)
                } else {
                    let id = open
                        .work
                        .id
                        .as_ref()
                        .map(|(key, value)| format!("{key}={value}, "));
                    let id = id.unwrap_or_default();
                    let text = format!("{name}: Still {doing}... [{id}{elapsed} elapsed]");
                    style.painted(Paint::Bold, &text)
                },
            );
        }
        lines
    }

    fn started(&self, work: &Work) -> Option<String> {
        let Work {
            name,
            operation,
            id,
            ..
        } = work;
        let is_import = *operation == Operation::Import;
        let begins = match work.operation {
            Operation::Import if work.action == Action::NoOp => "Preparing import",
            Operation::Read if self.json => "Refreshing",
            operation => words(operation).0,
        };
        let text = format!("{name}: {begins}...{}", suffix(id.as_ref()));
        if !self.json {
            return Some(self.style.painted(Paint::Bold, &text));
        }
        if ephemeral::action(*operation).is_some() {
            return Some(ephemeral::started(work));
        }
        let mut hook = hook(work);
        add_id(&mut hook, id.as_ref());
        let kind = match operation {
            Operation::Refresh => "refresh_start",
            _ => "apply_start",
        };
        (!is_import).then(|| document(kind, &text, "hook", hook))
    }

    fn finished(&self, work: &Work, elapsed: Duration) -> Option<String> {
        let Work {
            name,
            operation,
            id,
            ..
        } = work;
        // What is gone has no id any more.
        let id = id.as_ref().filter(|_| *operation != Operation::Delete);
        let (ended, id_text) = (words(*operation).2, suffix(id));
        let text = match operation {
            Operation::Refresh if !self.json => return None,
            Operation::Import if self.json || work.action == Action::NoOp => return None,
            Operation::Refresh | Operation::Import => format!("{name}: {ended} complete{id_text}"),
            Operation::Read if self.json => {
                format!(
                    "{name}: Refresh complete after {}{id_text}",
                    duration(elapsed)
                )
            }
            _ => format!(
                "{name}: {ended} complete after {}{id_text}",
                duration(elapsed)
            ),
        };
        if !self.json {
            return Some(self.style.painted(Paint::Bold, &text));
        }
        if ephemeral::action(*operation).is_some() {
            return Some(ephemeral::finished(work, elapsed));
        }
        let mut hook = hook(work);
        add_id(&mut hook, id);
        if *operation == Operation::Refresh {
            return Some(document("refresh_complete", &text, "hook", hook));
        }
        hook["elapsed_seconds"] = rounded(elapsed).into();
        Some(document("apply_complete", &text, "hook", hook))
    }

    /// People read the diagnostic, which says more. So do tools where nothing was to be changed.
    fn failed(&self, work: &Work, elapsed: Duration) -> Option<String> {
        let looks = matches!(
            work.operation,
            Operation::Read | Operation::Refresh | Operation::Import
        );
        if !self.json || looks {
            return None;
        }
        if ephemeral::action(work.operation).is_some() {
            return Some(ephemeral::failed(work, elapsed));
        }
        let (name, ended) = (&work.name, words(work.operation).2);
        let text = format!("{name}: {ended} errored after {}", duration(elapsed));
        let mut hook = hook(work);
        hook["elapsed_seconds"] = rounded(elapsed).into();
        Some(document("apply_errored", &text, "hook", hook))
    }
}

impl Work {
    fn of(event: &Event) -> Option<Self> {
        let (addr, deposed, operation, action) = match event {
            Event::Started {
                addr,
                deposed,
                operation,
                action,
                ..
            }
            | Event::Finished {
                addr,
                deposed,
                operation,
                action,
                ..
            }
            | Event::Failed {
                addr,
                deposed,
                operation,
                action,
                ..
            } => (addr, deposed, *operation, *action),
            _ => return None,
        };
        let id = match event {
            Event::Started { id, .. } | Event::Finished { id, .. } => id.as_ref(),
            _ => None,
        };
        let name = match deposed {
            Some(key) => format!("{addr} (deposed object {key})"),
            None => addr.to_string(),
        };
        let id = id.map(|(key, value)| (key.to_string(), value.to_string()));
        Some(Self {
            addr: addr.clone(),
            name,
            operation,
            action,
            id,
        })
    }
}

/// What a document says on an object and what is done to it.
fn hook(work: &Work) -> Json {
    let mut hook = json!({ "resource": resource(&work.addr) });
    let action = match work.operation {
        Operation::Refresh | Operation::Import => return hook,
        Operation::Read => "read",
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Open => "open",
        Operation::Renew => "renew",
        Operation::Close => "close",
    };
    hook["action"] = action.into();
    hook
}

fn add_id(hook: &mut Json, id: Option<&(String, String)>) {
    if let Some((key, value)) = id {
        hook["id_key"] = key.as_str().into();
        hook["id_value"] = value.as_str().into();
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
        Operation::Open => ("Opening", "opening", "Opening"),
        Operation::Renew => ("Renewing", "renewing", "Renewal"),
        Operation::Close => ("Closing", "closing", "Closing"),
    }
}

fn suffix(id: Option<&(String, String)>) -> String {
    id.map(|(key, value)| format!(" [{key}={value}]"))
        .unwrap_or_default()
}

/// Whole seconds, the nearest.
fn rounded(elapsed: Duration) -> u64 {
    elapsed.as_secs() + u64::from(elapsed.subsec_millis() >= 500)
}

fn duration(elapsed: Duration) -> String {
    let seconds = rounded(elapsed);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

#[cfg(test)]
mod tests;
