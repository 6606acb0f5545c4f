//! How far runs are when they are killed.

use super::lines::Progress;

/// How far a run was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// It had told of no work yet.
    #[default]
    Before,
    /// Work was begun, and nothing was done.
    Begun,
    /// So many tenths of the objects were done, rounded down, but not all of them.
    Tenths(usize),
    /// Everything was done, and the run was about to end.
    Done,
    /// It was over.
    Over,
}

impl Point {
    /// All that there are, in order.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let some = (0..10).map(Self::Tenths);
        let start = [Self::Before, Self::Begun].into_iter();
        start.chain(some).chain([Self::Done, Self::Over])
    }

    /// Of a run on so many objects.
    pub(super) fn of(progress: &Progress, objects: usize, is_over: bool) -> Self {
        match (progress.begun, progress.done) {
            _ if is_over => Self::Over,
            (0, _) => Self::Before,
            (_, 0) => Self::Begun,
            (_, done) if done >= objects => Self::Done,
            (_, done) => Self::Tenths(10 * done / objects),
        }
    }

    /// How it is called.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Before => "before the first call".to_owned(),
            Self::Begun => "first calls in flight".to_owned(),
            Self::Tenths(n) => format!("{} to {}% done", 10 * n, 10 * n + 10),
            Self::Done => "all done, at the end".to_owned(),
            Self::Over => "over already".to_owned(),
        }
    }
}
