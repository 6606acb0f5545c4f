//! Stores in real databases.

mod pg;
mod rows;
mod support;
mod terraform;
mod tls;
