//! Stores in real databases.

mod faults;
mod pg;
mod rows;
mod rows_locks;
mod support;
mod terraform;
mod tls;
