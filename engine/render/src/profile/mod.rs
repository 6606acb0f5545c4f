//! Where the time of a run went: its critical path, and the time of each operation of each
//! provider.

mod path;
mod steps;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use muster_addr::{InstanceAddr, ProviderAddr};
use muster_plan::{Operation, Plan};
use muster_snapshot::DeposedKey;
use serde_json::{Value as Json, json};

use crate::progress::document;
pub use path::Order;
use path::{Link, critical_path};
use steps::longest_chain;

/// Work on an object. Times are since the begin of its phase.
#[derive(Clone, Debug)]
pub struct Span {
    /// Which object.
    pub addr: InstanceAddr,
    /// One of its deposed objects.
    pub deposed: Option<DeposedKey>,
    /// The provider that did it.
    pub provider: ProviderAddr,
    /// What was done.
    pub operation: Operation,
    /// When it began.
    pub begin: Duration,
    /// When it ended.
    pub end: Duration,
}

impl Span {
    fn took(&self) -> Duration {
        self.end.saturating_sub(self.begin)
    }
}

/// A part of a run: planning or applying.
#[derive(Debug)]
struct Phase {
    name: &'static str,
    total: Duration,
    path: Vec<Link>,
}

/// Calls of one operation of one provider.
#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    count: u32,
    total: Duration,
    max: Duration,
}

impl Calls {
    fn mean(&self) -> Duration {
        self.total.checked_div(self.count).unwrap_or_default()
    }
}

/// What keeping the state has taken. All but the snapshot is a part of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many records the journal got.
    pub records: u64,
    /// How many bytes those are.
    pub bytes: u64,
    /// In how many pieces they were written.
    pub writes: u64,
    /// How long that took.
    pub writing: Duration,
    /// How often the disk was waited for.
    pub syncs: u64,
    /// How long that was; other work went on meanwhile.
    pub syncing: Duration,
    /// How long it took to store the state, on the way and after the last phase.
    pub snapshot: Duration,
    /// What of that was on the way.
    pub on_the_way: Duration,
}

impl Kept {
    fn total(&self) -> Duration {
        self.writing + self.syncing + self.snapshot
    }
}

/// Where the time of a run went.
#[derive(Debug, Default)]
pub struct Profile {
    phases: Vec<Phase>,
    kept: Option<Kept>,
    calls: BTreeMap<(String, &'static str), Calls>,
    /// The longest chain of steps of the plan, and how many steps there are.
    chain: Option<(Vec<steps::Named>, usize)>,
}

impl Profile {
    /// Adds a phase that has ended: `plan` or `apply`. `order` is of the same work.
    pub fn phase(&mut self, name: &'static str, total: Duration, spans: &[Span], order: &Order) {
        for span in spans {
            let provider = span.provider.for_display();
            let calls = self.calls.entry((provider, operation(span.operation)));
            let calls = calls.or_default();
            calls.count = calls.count.saturating_add(1);
            calls.total += span.took();
            calls.max = calls.max.max(span.took());
        }
        let path = critical_path(spans, order);
        self.phases.push(Phase { name, total, path });
    }

    /// Whether no phase has ended.
    pub fn is_empty(&self) -> bool {
        self.phases.is_empty()
    }

    /// Adds what keeping the state has taken.
    pub fn kept(&mut self, kept: Kept) {
        self.kept = Some(kept);
    }

    /// What part of the run that was: of all phases, and of storing the state at the end.
    fn share(&self, kept: &Kept) -> f64 {
        let phases: Duration = self.phases.iter().map(|phase| phase.total).sum();
        let run = phases + kept.snapshot.saturating_sub(kept.on_the_way);
        match run.is_zero() {
            true => 0.0,
            false => kept.total().as_secs_f64() / run.as_secs_f64(),
        }
    }

    /// Adds what blocks what when a plan is applied.
    pub fn chain(&mut self, plan: &Plan) {
        self.chain = Some(longest_chain(plan));
    }

    /// The document of the stream that `-json` gives, of the type `profile`.
    pub fn document(&self) -> String {
        let phases: Vec<Json> = self.phases.iter().map(phase_json).collect();
        let calls: Vec<Json> = self.calls.iter().map(calls_json).collect();
        let mut content = json!({ "phases": phases, "operations": calls });
        if let (Some((chain, steps)), Some(map)) = (&self.chain, content.as_object_mut()) {
            let links: Vec<Json> = chain
                .iter()
                .map(|step| json!({ "addr": step.addr, "operation": step.operation }))
                .collect();
            map.insert("longest_chain".into(), links.into());
            map.insert("steps".into(), (*steps).into());
        }
        if let (Some(kept), Some(map)) = (&self.kept, content.as_object_mut()) {
            map.insert("state".into(), kept_json(kept, self.share(kept)));
        }
        document("profile", &self.headline(), "profile", content)
    }

    /// How long each phase took.
    fn headline(&self) -> String {
        let phase = |phase: &Phase| format!("{} took {}", phase.name, seconds_text(phase.total));
        let phases: Vec<String> = self.phases.iter().map(phase).collect();
        format!("Profile: {}", phases.join(", "))
    }
}

fn phase_json(phase: &Phase) -> Json {
    let link = |link: &Link| {
        json!({
            "addr": link.addr,
            "operation": link.operation,
            "waited_seconds": seconds(link.waited),
            "seconds": seconds(link.took),
        })
    };
    json!({
        "phase": phase.name,
        "seconds": seconds(phase.total),
        "critical_path": phase.path.iter().map(link).collect::<Vec<_>>(),
        "rest_seconds": seconds(phase.rest()),
    })
}

fn calls_json(((provider, operation), calls): (&(String, &'static str), &Calls)) -> Json {
    json!({
        "provider": provider,
        "operation": operation,
        "calls": calls.count,
        "total_seconds": seconds(calls.total),
        "mean_seconds": seconds(calls.mean()),
        "max_seconds": seconds(calls.max),
    })
}

fn kept_json(kept: &Kept, share: f64) -> Json {
    json!({
        "journal_records": kept.records,
        "journal_bytes": kept.bytes,
        "journal_writes": kept.writes,
        "journal_seconds": seconds(kept.writing),
        "syncs": kept.syncs,
        "sync_seconds": seconds(kept.syncing),
        "snapshot_seconds": seconds(kept.snapshot),
        "share": (share * 1e4).round() / 1e4,
    })
}

impl Phase {
    /// The time after the critical path.
    fn rest(&self) -> Duration {
        let path = self.path.iter().map(|link| link.waited + link.took);
        self.total.saturating_sub(path.sum())
    }
}

/// Seconds, to the microsecond.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// Seconds for people, to the millisecond.
fn seconds_text(time: Duration) -> String {
    format!("{:.3}s", time.as_secs_f64())
}

/// The name of an operation.
fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::Refresh => "refresh",
        Operation::Read => "read",
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Delete => "delete",
        Operation::Import => "import",
        Operation::Open => "open",
        Operation::Renew => "renew",
        Operation::Close => "close",
    }
}

/// An object for people and tools.
fn name(addr: &InstanceAddr, deposed: Option<&DeposedKey>) -> String {
    match deposed {
        Some(key) => format!("{addr} (deposed object {key})"),
        None => addr.to_string(),
    }
}

#[cfg(test)]
mod tests;
