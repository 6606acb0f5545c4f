//! What the planner and the applier want from the world.

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_config::{OnFailure, ProvisionerType};
use muster_provider::Request;
use muster_snapshot::DeposedKey;
use muster_value::Value;

use crate::{Action, Operation, Str};

/// What a state machine wants from the world.
#[derive(Clone, Debug)]
pub enum Question {
    /// A provider is to answer.
    Provider(Ask),
    /// A provisioner is to be run.
    Provisioner(Provision),
    /// Work on an object (none of its deposed ones) that an earlier question has begun does not
    /// go on. There is no answer to this.
    GivenUp(InstanceAddr),
}

/// A provisioner to be run. The answer is given back under its id.
#[derive(Clone, Debug)]
pub struct Provision {
    /// Names the question.
    pub id: u64,
    /// Which one.
    pub kind: ProvisionerType,
    /// Its arguments, an object of the type that belongs to `kind`; marked. What it prints is
    /// not shown when they are.
    pub arguments: Value,
    /// How a machine is reached, an object; null when there is no `connection`. Marked.
    pub connection: Value,
    /// Whether the work goes on when it fails.
    pub on_failure: OnFailure,
    /// The provider configuration that the object belongs to.
    pub provider: ProviderConfigAddr,
    /// The work that it is part of.
    pub shown: Shown,
}

/// Why a provisioner has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionFailure {
    /// In a word.
    pub summary: String,
    /// In a sentence.
    pub detail: String,
}

/// A question to a provider. The answer is given back under its id.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names the question.
    pub id: u64,
    /// Who is asked.
    pub provider: ProviderConfigAddr,
    /// What.
    pub request: Request,
    /// The object that it is about; `None` for a provider's own configuration and for questions
    /// about the configuration alone.
    pub object: Option<InstanceAddr>,
    /// What people should see of it; `None` for questions that are over in no time.
    pub shown: Option<Shown>,
}

/// Work on an object, as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Which one.
    pub addr: InstanceAddr,
    /// One of its deposed objects.
    pub deposed: Option<DeposedKey>,
    /// What is done.
    pub operation: Operation,
    /// Part of this planned action.
    pub action: Action,
    /// An attribute people know the object by.
    pub id: Option<(Str, Str)>,
    /// Which part of the work the question is.
    pub part: Part,
}

/// Which part of a piece of work a question is. Work begins with its first part and ends with
/// its last, or with one that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// More comes after it.
    First,
    /// There was something before and more comes after it.
    Middle,
    /// There was something before.
    Last,
}

impl Part {
    /// Whether work begins with it.
    pub fn begins(self) -> bool {
        matches!(self, Self::Whole | Self::First)
    }

    /// Whether work ends with it.
    pub fn ends(self) -> bool {
        matches!(self, Self::Whole | Self::Last)
    }

    /// The part that begins with this one or not, and ends with it or not.
    pub fn of(begins: bool, ends: bool) -> Self {
        match (begins, ends) {
            (true, true) => Self::Whole,
            (true, false) => Self::First,
            (false, false) => Self::Middle,
            (false, true) => Self::Last,
        }
    }
}
