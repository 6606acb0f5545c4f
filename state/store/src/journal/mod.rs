//! What a run records while it is on, so that nothing it has received is lost when it is killed.
//!
//! Before each call that can change the world an [`Intent`] is on disk; as soon as the answer is
//! there the instance's objects follow. The state itself is written when the run ends. Whoever
//! opens the state next finds in the journal what a killed run has done, brings it into the
//! state, and knows which calls were never answered.
//!
//! A run appends; each record has a checksum. A journal that was cut off or damaged is good up to
//! the last record before that; what is cut is kept in a file of its own.

mod frame;
mod record;
mod replay;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use record::{Intent, IntentAction, RunInfo};
pub use store::{Journaled, Recovery};
pub use writer::Journal;
