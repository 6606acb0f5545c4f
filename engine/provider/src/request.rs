//! Requests and answers. Values are unmarked and have the type that the schema implies.

use std::fmt;

use muster_addr::{InstanceAddr, Str};
use muster_lang::Diags;
use muster_value::{Path, Value, value_to_json};

/// Bytes only the provider understands. Empty when there are none.
pub type Private = std::sync::Arc<[u8]>;

/// A question to a provider.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "fields are named and shaped as the protocol has them"
)]
pub enum Request {
    /// Check the provider's configuration. Answer: `Done`.
    ValidateProvider { config: Value },
    /// Take the configuration into use; comes before all calls below. Answer: `Done`.
    Configure { config: Value },
    /// Check a managed resource's configuration. Answer: `Done`.
    ValidateResource { type_name: Str, config: Value },
    /// Check a data source's configuration. Answer: `Done`.
    ValidateData { type_name: Str, config: Value },
    /// Check an ephemeral resource's configuration. Answer: `Done`.
    ValidateEphemeral { type_name: Str, config: Value },
    /// Bring a stored object to the current schema version. Answer: `State`.
    Upgrade {
        type_name: Str,
        version: u64,
        raw: RawState,
    },
    /// Look at the real object. Answer: `Read`.
    Read(Read),
    /// Plan a change. Answer: `Planned`.
    Plan(PlanRequest),
    /// Make a change. Answer: `Applied`.
    Apply(ApplyRequest),
    /// Bring a stored identity to the current version of its schema. Answer: `State`.
    UpgradeIdentity {
        type_name: Str,
        version: u64,
        json: Str,
    },
    /// Find an object that exists. Answer: `Imported`.
    Import { type_name: Str, by: ImportBy },
    /// Take over the state of another resource type. Answer: `Applied` (all but the rest).
    Move(Move),
    /// Read a data source. Answer: `State`.
    ReadData(ReadData),
    /// Open an ephemeral resource. Answer: `Opened`.
    Open { type_name: Str, config: Value },
    /// Renew one. Answer: `Opened` (its `value` is null).
    Renew { type_name: Str, private: Private },
    /// Close one. Answer: `Done`.
    Close { type_name: Str, private: Private },
    /// Call a function. Answer: `State`; an error of one argument has its index as path.
    CallFunction { name: Str, args: Vec<Value> },
}

impl Request {
    /// The protocol's name of the call, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ValidateProvider { .. } => "ValidateProviderConfig",
            Self::Configure { .. } => "ConfigureProvider",
            Self::ValidateResource { .. } => "ValidateResourceConfig",
            Self::ValidateData { .. } => "ValidateDataResourceConfig",
            Self::ValidateEphemeral { .. } => "ValidateEphemeralResourceConfig",
            Self::Upgrade { .. } => "UpgradeResourceState",
            Self::UpgradeIdentity { .. } => "UpgradeResourceIdentity",
            Self::Read(_) => "ReadResource",
            Self::Plan(_) => "PlanResourceChange",
            Self::Apply(_) => "ApplyResourceChange",
            Self::Import { .. } => "ImportResourceState",
            Self::Move(_) => "MoveResourceState",
            Self::ReadData(_) => "ReadDataSource",
            Self::Open { .. } => "OpenEphemeralResource",
            Self::Renew { .. } => "RenewEphemeralResource",
            Self::Close { .. } => "CloseEphemeralResource",
            Self::CallFunction { .. } => "CallFunction",
        }
    }

    /// Where `provider_meta` of the module goes, for calls that take it along.
    pub fn provider_meta_mut(&mut self) -> Option<&mut Value> {
        match self {
            Self::Read(call) => Some(&mut call.provider_meta),
            Self::Plan(call) => Some(&mut call.provider_meta),
            Self::Apply(call) => Some(&mut call.provider_meta),
            Self::ReadData(call) => Some(&mut call.provider_meta),
            _ => None,
        }
    }
}

/// A stored object as it is in the state file.
#[derive(Clone, Debug, PartialEq)]
pub enum RawState {
    /// JSON text.
    Json(Str),
    /// The flat form of state versions before 4.
    Flatmap(std::collections::BTreeMap<String, String>),
}

/// What an existing object is found by.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportBy {
    /// What its provider calls its id, in a form of the resource type's own.
    Id(Str),
    /// Its identity, as far as it is needed; wholly known, and without marks.
    Identity(Value),
}

impl ImportBy {
    /// The attribute that people know the object by, and its value: `("id", "i-1")`,
    /// `("identity", "name=web,region=here")`.
    pub fn hint(&self) -> (Str, Str) {
        match self {
            Self::Id(id) => ("id".into(), id.clone()),
            Self::Identity(identity) => ("identity".into(), identity_text(identity).into()),
        }
    }
}

impl fmt::Display for ImportBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "the id {id:?}"),
            Self::Identity(identity) => write!(f, "the identity {}", identity_text(identity)),
        }
    }
}

/// An identity in one line: `name=web,region=here`. What is null is left out.
pub fn identity_text(identity: &Value) -> String {
    let entries = identity.as_entries().into_iter().flatten();
    let given = entries.filter(|(_, value)| !value.is_null());
    let parts: Vec<String> = given
        .map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => match value_to_json(value, &value.ty()) {
                Ok(json) => format!("{name}={json}"),
                Err(_) => format!("{name}=?"),
            },
        })
        .collect();
    parts.join(",")
}

/// What [`Request::Move`] asks.
#[derive(Clone, Debug)]
pub struct Move {
    /// Address of the provider that the object has had so far.
    pub source_provider: String,
    /// Its resource type so far.
    pub source_type: Str,
    /// The version of the schema that it was stored with.
    pub source_version: u64,
    /// The object.
    pub raw: RawState,
    /// Its private bytes.
    pub source_private: Private,
    /// Its identity as JSON, and the version that it was stored with.
    pub source_identity: Option<(Str, u64)>,
    /// The resource type that it is to have.
    pub target_type: Str,
}

/// What [`Request::Read`] asks.
#[derive(Clone, Debug)]
pub struct Read {
    /// Resource type.
    pub type_name: Str,
    /// The object as last seen.
    pub current: Value,
    /// Its private bytes.
    pub private: Private,
    /// Its identity, if one is known.
    pub identity: Option<Value>,
    /// `provider_meta` of the module; null when there is none.
    pub provider_meta: Value,
}

/// What [`Request::Plan`] asks.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Resource type.
    pub type_name: Str,
    /// Null to create.
    pub prior: Value,
    /// Null to destroy.
    pub proposed: Value,
    /// Null to destroy.
    pub config: Value,
    /// Private bytes of the prior object.
    pub prior_private: Private,
    /// Identity of the prior object, if one is known.
    pub prior_identity: Option<Value>,
    /// `provider_meta` of the module; null when there is none.
    pub provider_meta: Value,
}

/// What [`Request::Apply`] asks.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    /// Resource type.
    pub type_name: Str,
    /// Null to create.
    pub prior: Value,
    /// Null to destroy.
    pub planned: Value,
    /// Null to destroy.
    pub config: Value,
    /// Private bytes of the plan.
    pub planned_private: Private,
    /// Identity of the plan; unknown where only the result can tell.
    pub planned_identity: Option<Value>,
    /// `provider_meta` of the module; null when there is none.
    pub provider_meta: Value,
}

/// What [`Request::ReadData`] asks.
#[derive(Clone, Debug)]
pub struct ReadData {
    /// Data source type.
    pub type_name: Str,
    /// Its configuration.
    pub config: Value,
    /// `provider_meta` of the module; null when there is none.
    pub provider_meta: Value,
    /// Where it is in the configuration, if that is known. Plugins are not told.
    pub address: Option<InstanceAddr>,
}

/// An answer. Diagnostics of the provider are part of it; they carry paths, not positions.
#[derive(Clone, Debug)]
#[expect(
    missing_docs,
    reason = "fields are named and shaped as the protocol has them"
)]
pub enum Response {
    /// Nothing but diagnostics.
    Done(Diags),
    /// A value.
    State { value: Value, diags: Diags },
    /// An object that was read; null when it is gone.
    Read {
        value: Value,
        private: Private,
        identity: Option<Value>,
        deferred: Option<Deferred>,
        diags: Diags,
    },
    /// A planned change.
    Planned(Planned),
    /// A change that was made, as far as it was.
    Applied(Applied),
    /// Objects found.
    Imported {
        objects: Vec<Imported>,
        diags: Diags,
    },
    /// An ephemeral resource.
    Opened(Opened),
}

/// Why a provider puts something off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deferred {
    /// No reason given.
    Unknown,
    /// The resource's configuration is not known enough.
    ResourceConfigUnknown,
    /// The provider's configuration is not known enough.
    ProviderConfigUnknown,
    /// Something it needs is not there yet.
    AbsentPrerequisite,
}

/// Answer to [`Request::Plan`].
#[derive(Clone, Debug)]
pub struct Planned {
    /// The planned object.
    pub value: Value,
    /// Changes at these paths need a replacement.
    pub requires_replace: Vec<Path>,
    /// To be handed to apply.
    pub private: Private,
    /// The identity that the object has or will have, unknown where only the result can tell;
    /// `None` for types without any.
    pub identity: Option<Value>,
    /// The provider cannot keep the rules of modern providers.
    pub legacy_type_system: bool,
    /// Put off.
    pub deferred: Option<Deferred>,
    /// Diagnostics.
    pub diags: Diags,
}

/// Answer to [`Request::Apply`].
#[derive(Clone, Debug)]
pub struct Applied {
    /// The object as it is now; null when it is gone or was never made.
    pub value: Value,
    /// To be stored.
    pub private: Private,
    /// Its identity, to be stored; `None` for types without any.
    pub identity: Option<Value>,
    /// The provider cannot keep the rules of modern providers.
    pub legacy_type_system: bool,
    /// Diagnostics.
    pub diags: Diags,
}

/// One object found by an import.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its resource type.
    pub type_name: Str,
    /// What is known of it.
    pub value: Value,
    /// To be stored.
    pub private: Private,
    /// Its identity; `None` for types without any.
    pub identity: Option<Value>,
}

/// Answer to [`Request::Open`].
#[derive(Clone, Debug)]
pub struct Opened {
    /// The result.
    pub value: Value,
    /// To be handed to renew and close.
    pub private: Private,
    /// When to renew, seconds since the epoch.
    pub renew_at: Option<i64>,
    /// Diagnostics.
    pub diags: Diags,
}

impl Response {
    /// The diagnostics of any answer.
    pub fn diags(&self) -> &Diags {
        match self {
            Self::Done(diags)
            | Self::State { diags, .. }
            | Self::Read { diags, .. }
            | Self::Imported { diags, .. } => diags,
            Self::Planned(p) => &p.diags,
            Self::Applied(a) => &a.diags,
            Self::Opened(o) => &o.diags,
        }
    }
}
