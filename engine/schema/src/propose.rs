//! The proposed new state. Skeleton to be replaced.
use muster_value::Value;

use crate::Block;

/// Prior state and configuration merged: what the provider is asked to plan.
pub fn proposed_new(block: &Block, prior: &Value, config: &Value) -> Value {
    let _ = (block, prior);
    config.clone()
}

/// The configuration with every computed attribute that it leaves out unknown: what a data
/// source is before it can be read.
pub fn unknown_computed(block: &Block, config: &Value) -> Value {
    let _ = block;
    config.clone()
}
