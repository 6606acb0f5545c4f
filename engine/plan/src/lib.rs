//! The plan and the events of a run, as data.
//!
//! A [`Plan`] says everything that an apply will do: the changes with their reasons, and the
//! steps with their order. Renderers, policies and reports read it; nothing in here decides,
//! draws or does I/O.

mod ask;
mod change;
mod checks;
mod codec;
mod event;
mod in_flight;
mod step;
mod testing;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use muster_addr::{ConfigResource, InstanceAddr, Target};
use muster_snapshot::Snapshot;
use muster_value::Value;

pub use ask::{Ask, Part, Provision, ProvisionFailure, Question, Shown};
pub use change::{
    Action, Change, Deposed, OutputChange, Reason, RelevantAttribute, without_unknowns,
};
pub use checks::{CheckResults, Checked, CheckedObject, ObjectChecks, Status};
pub use codec::{DecodeError, PlanFile};
pub use event::{Event, Operation, id_hint};
pub use in_flight::{
    InFlight, attribute_digest, digests, idempotency_token, import_ids, is_identity,
};
pub use step::{Step, StepId, StepKind};
pub use testing::{RunReport, Seen, TestEvent, TestStage, TestStatus, TestSummary};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;

/// What a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Make the world as the configuration says.
    #[default]
    Normal,
    /// Destroy everything in the state.
    Destroy,
    /// Only bring the state up to date with the world.
    RefreshOnly,
}

/// What an apply will do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What it is for.
    pub mode: Mode,
    /// When it was made, RFC 3339; also what `plantimestamp()` gives.
    pub timestamp: Str,
    /// Values of the root module's variables, converted and marked. Ephemeral ones are absent.
    pub variables: BTreeMap<Str, Value>,
    /// Those of them that were given, before they were converted.
    pub given: BTreeMap<Str, Value>,
    /// Resource instances, no-ops included, sorted by address.
    pub changes: Vec<Change>,
    /// What was found changed outside, sorted by address. The action tells what happened.
    pub drift: Vec<Change>,
    /// Outputs of the root module.
    pub outputs: BTreeMap<Str, OutputChange>,
    /// What apply does; a step comes after all steps that it waits for.
    pub steps: Vec<Step>,
    /// The state with everything that refreshing found.
    pub prior: Snapshot,
    /// The resources that are changed, and those that changes and outputs are made from: their
    /// stored state must be the same when the plan is applied.
    pub reads: BTreeSet<ConfigResource>,
    /// What the plan was limited to.
    pub targets: Vec<Target>,
    /// What the plan leaves alone.
    pub excludes: Vec<Target>,
    /// Attributes that unknown or changed values came from.
    pub relevant: Vec<RelevantAttribute>,
    /// Planning found errors: the plan is what was found until then and cannot be applied.
    pub errored: bool,
    /// What became of conditions.
    pub checks: CheckResults,
    /// Interrupted creations that nobody has to ask about any more once this plan is being
    /// applied, sorted: their objects are in `prior`, or there are none. Those that are resumed
    /// are not among them before their creation has begun anew.
    pub resolved: Vec<InstanceAddr>,
}

impl Plan {
    /// Whether people have limited the plan to a part of the configuration.
    pub fn is_limited(&self) -> bool {
        !self.targets.is_empty() || !self.excludes.is_empty()
    }

    /// Whether an apply would change anything: an object, an output or, in a refresh-only plan,
    /// the state.
    pub fn is_empty(&self) -> bool {
        let changes = self
            .changes
            .iter()
            .any(|c| c.action != Action::NoOp || c.importing.is_some());
        let outputs = self.outputs.values().any(|o| o.action != Action::NoOp);
        let mut drift = self.drift.iter();
        let drift = self.mode == Mode::RefreshOnly && drift.any(|c| c.action != Action::NoOp);
        !(changes || outputs || drift || self.changes.iter().any(|c| c.previous.is_some()))
    }

    /// How many objects are created, changed and destroyed: the figures of the summary line.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            counts.import += usize::from(change.importing.is_some());
            match change.action {
                Action::Create => counts.add += 1,
                Action::Update => counts.change += 1,
                Action::Delete => counts.destroy += 1,
                Action::DeleteThenCreate | Action::CreateThenDelete => {
                    counts.add += 1;
                    counts.destroy += 1;
                }
                Action::Forget => counts.forget += 1,
                Action::NoOp | Action::Read => {}
            }
        }
        counts
    }
}

/// Figures of the summary line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects created.
    pub add: usize,
    /// Objects changed in place.
    pub change: usize,
    /// Objects destroyed.
    pub destroy: usize,
    /// Objects imported.
    pub import: usize,
    /// Objects that are left alone from now on.
    pub forget: usize,
}
