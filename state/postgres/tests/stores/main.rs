//! Stores in real databases.

mod faults;
mod pg;
mod rows;
mod support;
mod terraform;
mod tls;
