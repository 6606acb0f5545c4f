//! What happens to one object or output.

use std::sync::Arc;

use muster_addr::{ConfigResource, InstanceAddr, ProviderConfigAddr};
use muster_provider::ImportBy;
use muster_snapshot::DeposedKey;
use muster_value::{Path, Type, Value};

use crate::Str;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// A data source is read during apply.
    Read,
    /// It is changed in place.
    Update,
    /// It is destroyed, then a new one is made.
    DeleteThenCreate,
    /// A new one is made, then it is destroyed.
    CreateThenDelete,
    /// It is destroyed.
    Delete,
    /// It is dropped from the state and left alone.
    Forget,
}

impl Action {
    /// Whether the object gives way to a new one.
    pub fn is_replace(self) -> bool {
        matches!(self, Self::DeleteThenCreate | Self::CreateThenDelete)
    }
}

/// Why an action was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It needs no explanation.
    #[default]
    None,
    /// Replaced: the last creation failed half-way.
    ReplaceBecauseTainted,
    /// Replaced: asked for by `-replace`.
    ReplaceByRequest,
    /// Replaced: these attributes cannot be changed in place.
    ReplaceBecauseCannotUpdate,
    /// Replaced: something in `replace_triggered_by` changed.
    ReplaceByTriggers,
    /// Destroyed: the resource is not in the configuration.
    DeleteBecauseNoResourceConfig,
    /// Destroyed: the resource has neither `count` nor `for_each`, or another one than before.
    DeleteBecauseWrongRepetition,
    /// Destroyed: the index is beyond `count`.
    DeleteBecauseCountIndex,
    /// Destroyed: the key is not in `for_each`.
    DeleteBecauseEachKey,
    /// Destroyed: `enabled` is false.
    DeleteBecauseEnabledFalse,
    /// Destroyed: its module is not in the configuration.
    DeleteBecauseNoModule,
    /// Destroyed: it was moved to an address that does not exist.
    DeleteBecauseNoMoveTarget,
    /// Read during apply: its configuration is not known before.
    ReadBecauseConfigUnknown,
    /// Read during apply: something that it depends on changes.
    ReadBecauseDependencyPending,
    /// Read during apply: it belongs to a check.
    ReadBecauseCheckNested,
}

impl Reason {
    /// The name in the JSON form of plans; `None` for [`Reason::None`].
    pub fn json_name(self) -> Option<&'static str> {
        Some(match self {
            Self::None => return None,
            Self::ReplaceBecauseTainted => "replace_because_tainted",
            Self::ReplaceByRequest => "replace_by_request",
            Self::ReplaceBecauseCannotUpdate => "replace_because_cannot_update",
            Self::ReplaceByTriggers => "replace_by_triggers",
            Self::DeleteBecauseNoResourceConfig => "delete_because_no_resource_config",
            Self::DeleteBecauseWrongRepetition => "delete_because_wrong_repetition",
            Self::DeleteBecauseCountIndex => "delete_because_count_index",
            Self::DeleteBecauseEachKey => "delete_because_each_key",
            Self::DeleteBecauseEnabledFalse => "delete_because_enabled_false",
            Self::DeleteBecauseNoModule => "delete_because_no_module",
            Self::DeleteBecauseNoMoveTarget => "delete_because_no_move_target",
            Self::ReadBecauseConfigUnknown => "read_because_config_unknown",
            Self::ReadBecauseDependencyPending => "read_because_dependency_pending",
            Self::ReadBecauseCheckNested => "read_because_check_nested",
        })
    }
}

/// Key of a deposed object.
pub type Deposed = Option<DeposedKey>;

/// What happens to one resource instance.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which one.
    pub addr: InstanceAddr,
    /// Where it was before it was moved here.
    pub previous: Option<InstanceAddr>,
    /// The deposed object, if it is about one.
    pub deposed: Deposed,
    /// The provider configuration that does it.
    pub provider: ProviderConfigAddr,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The object now; null when there is none. Marked.
    pub before: Value,
    /// The object afterwards, unknown where only the apply can tell; null when there is none.
    /// Marked.
    pub after: Value,
    /// Paths that force a replacement.
    pub replace_paths: Vec<Path>,
    /// What the provider wants back when the change is applied.
    pub private: Arc<[u8]>,
    /// The object is brought under management, found by this.
    pub importing: Option<ImportBy>,
    /// The block of configuration that was written for the imported object.
    pub generated_config: Option<Str>,
    /// What the object depends on, to be stored with it. Sorted.
    pub dependencies: Arc<[ConfigResource]>,
    /// Its replacement is made first, whether asked for or forced by a dependent.
    pub create_before_destroy: bool,
    /// The creation takes up one that was interrupted: `private` goes to the provider when it
    /// plans once more, so that it finds what the first attempt has made.
    pub resumes: bool,
}

impl Change {
    /// Whether an apply has something to do for it: the object, or what is stored of it, changes.
    pub fn is_effective(&self) -> bool {
        self.action != Action::NoOp || self.importing.is_some() || self.previous.is_some()
    }
}

/// What happens to one output of the root module.
#[derive(Clone, Debug)]
pub struct OutputChange {
    /// NoOp, Create, Update or Delete.
    pub action: Action,
    /// Now; null when there is none. Marked.
    pub before: Value,
    /// Afterwards. Marked.
    pub after: Value,
    /// Whether it is declared sensitive.
    pub sensitive: bool,
}

/// An attribute that a change can be traced to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelevantAttribute {
    /// The resource; with a key when one instance of it is meant.
    pub resource: InstanceAddr,
    /// The attribute; the root for all of the object.
    pub path: Path,
}

/// What is left of a value where nothing is to be unknown: null takes the place of what is.
pub fn without_unknowns(value: &Value) -> Value {
    match value {
        Value::Unknown(u) => Value::Null(match &u.ty {
            Type::Dynamic => Type::Dynamic,
            ty => ty.clone(),
        }),
        known if known.is_wholly_known() => known.clone(),
        other => other.map_children(|_, child| without_unknowns(child)),
    }
}
