//! Everything people and tools read: diagnostics, plans, states, outputs and progress, as text
//! and as JSON. Nothing here decides or does I/O; it draws what it is given.

mod diagnostics;
mod json;
mod progress;
mod style;

pub use diagnostics::DiagnosticRenderer;
pub use progress::{Progress, document};
pub use style::Style;
