//! Tests of a configuration as people and tools read them.

mod json;
mod junit;
#[cfg(test)]
mod tests;
mod text;

use muster_plan::{TestStatus, TestSummary};

pub use json::TestStream;
pub use junit::junit_xml;
pub use text::{TestOutput, TestText};

/// The last line: how many runs came to what.
pub fn test_summary(summary: &TestSummary) -> String {
    let word = match is_success(summary.status) {
        true => "Success!",
        false => "Failure!",
    };
    format!("{word}{}", counts(summary))
}

/// Whether everything that was run holds.
pub(crate) fn is_success(status: TestStatus) -> bool {
    !matches!(status, TestStatus::Fail | TestStatus::Error)
}

/// ` 1 passed, 0 failed.`, with what was left out.
fn counts(summary: &TestSummary) -> String {
    let failed = summary.failed + summary.errored;
    let skipped = match summary.skipped {
        0 => String::new(),
        n => format!(", {n} skipped"),
    };
    format!(" {} passed, {failed} failed{skipped}.", summary.passed)
}
