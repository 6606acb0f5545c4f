//! Measures where the time of a run goes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use muster_addr::ConfigResource;
use muster_plan::{Event, Plan};
use muster_planner::{Graph, Node};
use muster_render::{Kept, Order, Profile, Span};
use muster_run::Sink;
use muster_store::Journal;

use crate::session::Session;
use crate::view::View;

/// Listens to the events of a run.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    heard: Arc<Mutex<Heard>>,
    profile: Mutex<Profile>,
}

/// What the phase that goes on consists of so far.
#[derive(Debug)]
struct Heard {
    since: Instant,
    spans: Vec<Span>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            spans: Vec::new(),
        }
    }
}

impl Recorder {
    /// A sink that also listens. A phase begins.
    pub(crate) fn sink(&self, sink: Sink) -> Sink {
        self.begin();
        let heard = Arc::clone(&self.heard);
        Arc::new(move |event| {
            locked(&heard).event(&event);
            sink(event);
        })
    }

    /// A phase begins now.
    pub(crate) fn begin(&self) {
        *locked(&self.heard) = Heard::default();
    }

    /// Planning has ended.
    pub(crate) fn planned(&self, session: &Session) {
        self.end("plan", |spans| order_of_configuration(session, spans));
    }

    /// What blocks what when the plan is applied is told as well.
    pub(crate) fn chain(&self, plan: &Plan) {
        locked(&self.profile).chain(plan);
    }

    /// Applying has ended.
    pub(crate) fn applied(&self, plan: &Plan) {
        self.end("apply", |spans| Order::of_steps(plan, spans));
    }

    /// The state is stored. `snapshot` is how long that took, on the way and at the end.
    pub(crate) fn stored(&self, journal: Option<&Journal>, on_the_way: Duration, at_end: Duration) {
        let cost = journal.map(Journal::cost).unwrap_or_default();
        locked(&self.profile).kept(Kept {
            records: cost.records,
            bytes: cost.bytes,
            writes: cost.writes,
            writing: cost.writing,
            syncs: cost.syncs,
            syncing: cost.syncing,
            snapshot: on_the_way + at_end,
            on_the_way,
        });
    }

    fn end(&self, phase: &'static str, order: impl FnOnce(&[Span]) -> Order) {
        let heard = std::mem::take(&mut *locked(&self.heard));
        let total = heard.since.elapsed();
        let order = order(&heard.spans);
        locked(&self.profile).phase(phase, total, &heard.spans, &order);
    }

    /// Shows the phases that have ended.
    pub(crate) fn show(&self, view: &View) {
        let profile = locked(&self.profile);
        if !profile.is_empty() {
            view.tell(&profile.document());
            view.say(&profile.text(view.style()));
        }
    }
}

impl Heard {
    fn event(&mut self, event: &Event) {
        let (Event::Finished {
            addr,
            deposed,
            provider,
            operation,
            elapsed,
            ended,
            ..
        }
        | Event::Failed {
            addr,
            deposed,
            provider,
            operation,
            elapsed,
            ended,
            ..
        }) = event
        else {
            return;
        };
        let end = ended.saturating_duration_since(self.since);
        self.spans.push(Span {
            addr: addr.clone(),
            deposed: deposed.clone(),
            provider: provider.provider.clone(),
            operation: *operation,
            begin: end.saturating_sub(*elapsed),
            end,
        });
    }
}

/// Locked for a moment only, never while anything is awaited.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// What planning waits for: what the configuration of an object refers to.
fn order_of_configuration(session: &Session, spans: &[Span]) -> Order {
    let config = &session.config;
    // A configuration with a cycle was refused before anything was measured.
    let Ok(graph) = Graph::new(config, &BTreeSet::new()) else {
        return Order::default();
    };
    let resources = graph.nodes.iter().enumerate().filter_map(|(at, node)| {
        let Node::Resource(module, resource) = node else {
            return None;
        };
        let resource = ConfigResource {
            module: config.module(*module).path.clone(),
            resource: resource.clone(),
        };
        Some((resource, at))
    });
    let resources: HashMap<ConfigResource, usize> = resources.collect();
    let nodes = spans
        .iter()
        .map(|span| resources.get(&span.addr.resource.config()).copied());
    Order {
        nodes: nodes.collect(),
        needs: graph.needs,
    }
}
