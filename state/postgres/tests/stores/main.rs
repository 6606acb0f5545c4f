//! Stores in real databases.

mod pg;
mod support;
mod terraform;
