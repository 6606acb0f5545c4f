//! Everything people and tools read: diagnostics, plans, states, outputs and progress, as text
//! and as JSON. Nothing here decides or does I/O; it draws what it is given.

mod diagnostics;
mod json;
mod style;

pub use diagnostics::DiagnosticRenderer;
pub use style::Style;
