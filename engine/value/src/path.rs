use std::fmt;

use crate::Str;

/// One step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathStep {
    /// An attribute of an object.
    Attr(Str),
    /// An element of a list or tuple, counted from zero.
    Index(u64),
    /// An element of a map.
    Key(Str),
}

/// Where a part sits inside a value. A path never leads into a set: it stops at the set,
/// because set elements have no address of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<PathStep>);

impl Path {
    /// The value itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path one attribute further in.
    #[must_use]
    pub fn attr(&self, name: impl Into<Str>) -> Self {
        self.join(PathStep::Attr(name.into()))
    }

    /// The path one list index further in.
    #[must_use]
    pub fn index(&self, index: u64) -> Self {
        self.join(PathStep::Index(index))
    }

    /// The path one map key further in.
    #[must_use]
    pub fn key(&self, key: impl Into<Str>) -> Self {
        self.join(PathStep::Key(key.into()))
    }

    /// The path one step further in.
    #[must_use]
    pub fn join(&self, step: PathStep) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// Whether `self` is `prefix` or leads further in from it.
    pub fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// Whether there are no steps.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// Prints the path as an expression would reach it: `.tags["env"].list[0]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                PathStep::Attr(name) => write!(f, ".{name}")?,
                PathStep::Index(i) => write!(f, "[{i}]")?,
                PathStep::Key(k) => write!(f, "[{k:?}]")?,
            }
        }
        Ok(())
    }
}
