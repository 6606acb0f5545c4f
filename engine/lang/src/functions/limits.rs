//! How much one call, or one expression, may make. What is made must stay in proportion to what
//! is written: a few words can ask for more than any machine holds.

use super::FunctionError;

/// How long a string may get.
pub(crate) const MOST_BYTES: usize = 1 << 27;

/// How many elements a collection may get, and all collections that one expression makes.
pub(crate) const MOST_ELEMENTS: usize = 1 << 23;

/// How deep collections may be nested in a text that is decoded, and in an expression.
pub(crate) const MOST_DEPTH: usize = 10_000;

/// How deep they may be nested where they leave the language, for plans, states and plugins. The
/// type of such a value is nested twice as deep in a state, and still has to be read again.
pub(crate) const MOST_STORED_DEPTH: usize = 400;

/// Refuses a string that would get too long.
pub(super) fn check_bytes(len: usize) -> Result<(), FunctionError> {
    if len > MOST_BYTES {
        let reason = format!("the result would be longer than {MOST_BYTES} bytes");
        return Err(reason.into());
    }
    Ok(())
}

/// Refuses a collection that would get too large.
pub(super) fn check_elements(count: usize) -> Result<(), FunctionError> {
    if count > MOST_ELEMENTS {
        let reason = format!("the result would have more than {MOST_ELEMENTS} elements");
        return Err(reason.into());
    }
    Ok(())
}
