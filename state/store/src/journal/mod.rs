//! What a run records while it is on, so that nothing it has received is lost when it is killed.
//!
//! Before each call that can change the world an [`Intent`] is on disk; as soon as the answer is
//! there the instance's objects follow. The state itself is written when the run ends. Whoever
//! opens the state next finds in the journal what a killed run has done, brings it into the
//! state, and knows which calls were never answered.
//!
//! A run appends; each record has a checksum. A journal that was cut off is good up to the last
//! whole record; as it was, it is kept in a file of its own. One that is damaged in the middle is
//! refused until somebody says what is to become of it.

mod aside;
mod batch;
mod beside;
mod file;
mod frame;
mod open;
mod record;
pub(crate) use record::as_text;
mod replay;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use aside::SetAside;
pub(crate) use aside::keep;
pub use batch::Batch;
pub use record::{Intent, IntentAction, RunInfo};
pub use store::{Journaled, Recovery};
pub use writer::{Journal, JournalCost};
