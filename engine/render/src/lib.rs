//! Everything people and tools read: diagnostics, plans, states, outputs and progress, as text
//! and as JSON. Nothing here decides or does I/O; it draws what it is given.

mod diagnostics;
mod diff;
mod functions;
mod generate;
mod json;
mod modules;
mod order;
mod outputs;
mod plan;
mod profile;
mod progress;
mod schemas;
mod state;
mod state_diff;
mod strings;
mod style;
mod testing;
mod why;

pub use diagnostics::DiagnosticRenderer;
pub use functions::functions_json;
pub use generate::resource_block;
pub use outputs::{OutputError, output_json, output_raw, outputs_json, outputs_text, value_text};
pub use plan::{PlanJson, plan_json, plan_text, write_plan_text};
pub use profile::{Kept, Order, Profile, Span};
pub use progress::{
    Progress, document, leveled, outputs_document, plan_stream, planned_changes, version_document,
};
pub use schemas::write_schemas_json;
pub use state::{instance_text, state_json, state_list, write_state_text};
pub use state_diff::StateDiff;
pub use style::Style;
pub use testing::{TestOutput, TestStream, TestText, junit_xml, test_summary};
pub use why::{why_json, why_text};
