//! Addresses as `moved` blocks write them.

use muster_addr::{InstanceKey, ModulePath, ModuleStep, ResourceId};

use crate::Str;

/// What the key of a step may be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum KeyPattern {
    /// Any: it stays as it is.
    Any,
    /// This one.
    Exactly(InstanceKey),
}

impl KeyPattern {
    pub(super) fn matches(&self, key: &InstanceKey) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(own) => own == key,
        }
    }

    /// Whether some key suits both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exactly(a), Self::Exactly(b)) => a == b,
            _ => true,
        }
    }
}

/// Addresses of one side of a move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    pub(super) steps: Vec<(Str, KeyPattern)>,
    /// `None` when whole modules move.
    pub(super) resource: Option<(ResourceId, KeyPattern)>,
}

impl Pattern {
    /// The address without keys.
    pub(super) fn place(&self) -> (ModulePath, Option<&ResourceId>) {
        let names = self.steps.iter().map(|(name, _)| name.clone());
        (
            ModulePath(names.collect()),
            self.resource.as_ref().map(|(id, _)| id),
        )
    }

    /// Whether some address suits both.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.steps.len() == other.steps.len()
            && steps_overlap(&self.steps, &other.steps)
            && match (&self.resource, &other.resource) {
                (Some((a, own)), Some((b, their))) => a == b && own.overlaps(their),
                (None, None) => true,
                _ => false,
            }
    }

    /// Whether an address of this may lie inside a module of the other.
    pub(super) fn may_lie_in(&self, outer: &Self) -> bool {
        outer.resource.is_none()
            && outer.steps.len() <= self.steps.len()
            && (outer.steps.len() < self.steps.len() || self.resource.is_some())
            && steps_overlap(&self.steps[..outer.steps.len()], &outer.steps)
    }

    pub(super) fn matches_module(&self, module: &[ModuleStep]) -> bool {
        let pairs = self.steps.iter().zip(module);
        self.steps.len() <= module.len()
            && pairs
                .into_iter()
                .all(|((name, key), step)| *name == step.name && key.matches(&step.key))
    }

    /// The address as people write it.
    pub(super) fn shown(&self) -> String {
        let key = |key: &KeyPattern| match key {
            KeyPattern::Exactly(key) => key.to_string(),
            KeyPattern::Any => String::new(),
        };
        let mut parts: Vec<String> = self
            .steps
            .iter()
            .map(|(name, k)| format!("module.{name}{}", key(k)))
            .collect();
        if let Some((id, k)) = &self.resource {
            parts.push(format!("{id}{}", key(k)));
        }
        parts.join(".")
    }
}

/// The key that something with the key `old` gets.
pub(super) fn changed(pattern: &KeyPattern, old: &InstanceKey) -> InstanceKey {
    match pattern {
        KeyPattern::Any => old.clone(),
        KeyPattern::Exactly(key) => key.clone(),
    }
}

fn steps_overlap(a: &[(Str, KeyPattern)], b: &[(Str, KeyPattern)]) -> bool {
    a.iter()
        .zip(b)
        .all(|((name, own), (other, their))| name == other && own.overlaps(their))
}
