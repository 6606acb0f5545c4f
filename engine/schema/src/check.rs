//! What a provider's answers must obey. Skeleton to be replaced.
use muster_value::{Path, Value};

use crate::Block;

/// One rule broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Which part.
    pub path: Path,
    /// What is wrong with it.
    pub reason: String,
}

/// The value has the schema's type.
pub fn check_conforms(block: &Block, value: &Value) -> Vec<SchemaError> {
    let _ = (block, value);
    Vec::new()
}

/// Write-only attributes are null.
pub fn check_write_only_null(block: &Block, value: &Value) -> Vec<SchemaError> {
    let _ = (block, value);
    Vec::new()
}

/// A planned value is one that the configuration and the prior state allow.
pub fn check_planned(
    block: &Block,
    prior: &Value,
    config: &Value,
    planned: &Value,
) -> Vec<SchemaError> {
    let _ = (block, prior, config, planned);
    Vec::new()
}

/// A result keeps what the plan promised.
pub fn check_applied(block: &Block, planned: &Value, actual: &Value) -> Vec<SchemaError> {
    let _ = (block, planned, actual);
    Vec::new()
}

/// Blocks as they must be in a state: null lists and sets become empty, null groups objects.
pub fn normalize_blocks(block: &Block, value: &Value) -> Value {
    let _ = block;
    value.clone()
}
