//! What the planner and the applier want from the world.

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_provider::Request;
use muster_snapshot::DeposedKey;

use crate::{Action, Operation, Str};

/// A question to a provider. The answer is given back under its id.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names the question.
    pub id: u64,
    /// Who is asked.
    pub provider: ProviderConfigAddr,
    /// What.
    pub request: Request,
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
}
