//! Where the configuration says that states are kept.

mod change;
mod consent;
mod hash;
mod kinds;
mod migrate;
mod opened;
mod place;
mod record;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use change::{initialize, opened};
pub(crate) use kinds::Kind;
pub(crate) use opened::{Opened, journaled, kind_at};
pub(crate) use place::Place;
pub(crate) use record::recorded_files;
