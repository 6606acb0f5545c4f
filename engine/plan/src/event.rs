//! What happens in a run, as it happens.

use std::time::{Duration, Instant};

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_lang::Diagnostic;
use muster_snapshot::DeposedKey;
use muster_value::Value;

use crate::{Action, Str};

/// What is done to an object at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Its state is being read.
    Refresh,
    /// A data source is being read.
    Read,
    /// It is being made.
    Create,
    /// It is being changed.
    Update,
    /// It is being destroyed.
    Delete,
    /// It is being imported.
    Import,
    /// An ephemeral resource is being opened.
    Open,
    /// It is made to last longer.
    Renew,
    /// It is being closed.
    Close,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Work on an object has begun.
    Started {
        /// Which one.
        addr: InstanceAddr,
        /// One of its deposed objects.
        deposed: Option<DeposedKey>,
        /// The provider configuration that does it.
        provider: ProviderConfigAddr,
        /// What.
        operation: Operation,
        /// Part of this planned action; `NoOp` while planning.
        action: Action,
        /// An attribute people know the object by, `id` or `name`, and its value.
        id: Option<(Str, Str)>,
    },
    /// It has ended well.
    Finished {
        /// Which one.
        addr: InstanceAddr,
        /// One of its deposed objects.
        deposed: Option<DeposedKey>,
        /// The provider configuration that did it.
        provider: ProviderConfigAddr,
        /// What.
        operation: Operation,
        /// Part of this planned action.
        action: Action,
        /// How the object is known now.
        id: Option<(Str, Str)>,
        /// How long it took.
        elapsed: Duration,
        /// When it was over. It may be told of later.
        ended: Instant,
    },
    /// It has failed; the reason comes as a diagnostic of its own.
    Failed {
        /// Which one.
        addr: InstanceAddr,
        /// One of its deposed objects.
        deposed: Option<DeposedKey>,
        /// The provider configuration that did it.
        provider: ProviderConfigAddr,
        /// What.
        operation: Operation,
        /// Part of this planned action.
        action: Action,
        /// How long it took.
        elapsed: Duration,
        /// When it was over. It may be told of later.
        ended: Instant,
    },
    /// A provisioner is being run for an object.
    ProvisionStarted {
        /// Which one.
        addr: InstanceAddr,
        /// The provisioner: `local-exec`, `remote-exec` or `file`.
        provisioner: &'static str,
    },
    /// It has printed a line.
    ProvisionOutput {
        /// For which object.
        addr: InstanceAddr,
        /// The provisioner: `local-exec`, `remote-exec` or `file`.
        provisioner: &'static str,
        /// The line, without its end and the spaces before that.
        line: Str,
    },
    /// It has ended well.
    ProvisionFinished {
        /// For which object.
        addr: InstanceAddr,
        /// The provisioner: `local-exec`, `remote-exec` or `file`.
        provisioner: &'static str,
    },
    /// It has failed; where that matters, the reason comes as a diagnostic of its own.
    ProvisionFailed {
        /// For which object.
        addr: InstanceAddr,
        /// The provisioner: `local-exec`, `remote-exec` or `file`.
        provisioner: &'static str,
    },
    /// An ephemeral resource is not opened while planning, because its configuration is not known.
    Deferred {
        /// Which one.
        addr: InstanceAddr,
    },
    /// Something to tell the user now.
    Diagnostic(Diagnostic),
    /// The run was asked to stop and waits for calls in flight.
    Stopping,
}

/// An attribute people know an object by, and its value: `id`, else `name`, else the tag `Name`.
/// Nothing sensitive.
pub fn id_hint(object: &Value) -> Option<(Str, Str)> {
    if !object.marks().is_empty() {
        return None;
    }
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    for name in ["id", "name"] {
        if let Some(found) = text(object.get(name)) {
            return Some((name.into(), found));
        }
    }
    let tags = object.get("tags").filter(|t| t.marks().is_empty())?;
    text(tags.get("Name")).map(|found| ("tags.Name".into(), found))
}
