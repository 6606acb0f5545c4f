//! The `encryption` block: where keys come from and what is encrypted with them. Data only; see
//! the decoding of the `terraform` block for how it comes about.

use std::collections::BTreeMap;

use muster_lang::{Diags, RawExpr, Span};
use muster_value::Value;

use crate::{Str, constant};

/// `encryption`, in the root module and in the environment.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// `key_provider` blocks, by type and name.
    pub key_providers: BTreeMap<(Str, Str), EncryptionBlock>,
    /// `method` blocks, by type and name.
    pub methods: BTreeMap<(Str, Str), EncryptionBlock>,
    /// `state`
    pub state: Option<EncryptionTarget>,
    /// `plan`
    pub plan: Option<EncryptionTarget>,
    /// `default` in `remote_state_data_sources`.
    pub remote_default: Option<EncryptionTarget>,
    /// `remote_state_data_source` blocks by their names.
    pub remote: BTreeMap<Str, EncryptionTarget>,
    /// The block's header.
    pub span: Span,
}

/// A `key_provider` or a `method`.
#[derive(Clone, Debug)]
pub struct EncryptionBlock {
    /// Its arguments. Those of a block inside have the name of the block in front of theirs:
    /// `endpoints.kms`.
    pub settings: BTreeMap<Str, EncryptionSetting>,
    /// The block's header.
    pub span: Span,
}

/// An argument.
#[derive(Clone, Debug)]
pub struct EncryptionSetting {
    /// What it is.
    pub expr: RawExpr,
    /// `TYPE.NAME`, where the argument is a reference to a key provider or a method.
    pub refers_to: Option<(Str, Str)>,
    /// The value, if it is made of variables and local values, or why it has none.
    pub early: Option<Result<Value, Diags>>,
}

/// `state`, `plan`, `fallback` and so on.
#[derive(Clone, Debug)]
pub struct EncryptionTarget {
    /// `method`, by type and name.
    pub method: Option<(Str, Str)>,
    /// `enforced`
    pub enforced: bool,
    /// `fallback`
    pub fallback: Option<Box<EncryptionTarget>>,
    /// The block's header.
    pub span: Span,
}

impl EncryptionSetting {
    /// The value. It may be marked as sensitive, as it is not kept.
    ///
    /// # Errors
    /// It uses what is not known before anything is read or planned.
    pub fn value(&self) -> Result<Value, Diags> {
        match &self.early {
            Some(value) => value.clone(),
            None => constant(&self.expr),
        }
    }

    /// Where the value stands.
    pub fn span(&self) -> Span {
        self.expr.span()
    }
}

impl Encryption {
    pub(crate) fn new(span: Span) -> Self {
        Self {
            key_providers: BTreeMap::new(),
            methods: BTreeMap::new(),
            state: None,
            plan: None,
            remote_default: None,
            remote: BTreeMap::new(),
            span,
        }
    }

    /// With what is said elsewhere, which goes before what is said here: argument by argument.
    pub(crate) fn overridden_by(mut self, over: Self) -> Self {
        merge_blocks(&mut self.key_providers, over.key_providers);
        merge_blocks(&mut self.methods, over.methods);
        self.state = merge_targets(self.state, over.state);
        self.plan = merge_targets(self.plan, over.plan);
        self.remote_default = merge_targets(self.remote_default, over.remote_default);
        for (name, target) in over.remote {
            let merged = merge_targets(self.remote.remove(&name), Some(target));
            self.remote.extend(merged.map(|merged| (name, merged)));
        }
        self
    }

    /// Every argument of key providers and methods.
    pub(crate) fn settings_mut(&mut self) -> impl Iterator<Item = &mut EncryptionSetting> {
        let blocks = self.key_providers.values_mut();
        blocks
            .chain(self.methods.values_mut())
            .flat_map(|block| block.settings.values_mut())
    }
}

fn merge_blocks(
    base: &mut BTreeMap<(Str, Str), EncryptionBlock>,
    over: BTreeMap<(Str, Str), EncryptionBlock>,
) {
    for (addr, block) in over {
        match base.get_mut(&addr) {
            Some(base) => base.settings.extend(block.settings),
            None => {
                base.insert(addr, block);
            }
        }
    }
}

fn merge_targets(
    base: Option<EncryptionTarget>,
    over: Option<EncryptionTarget>,
) -> Option<EncryptionTarget> {
    match (base, over) {
        (Some(base), Some(over)) => Some(EncryptionTarget {
            method: over.method.or(base.method),
            // What the configuration demands cannot be taken back from outside.
            enforced: base.enforced || over.enforced,
            fallback: over.fallback.or(base.fallback),
            span: over.span,
        }),
        (base, over) => over.or(base),
    }
}
