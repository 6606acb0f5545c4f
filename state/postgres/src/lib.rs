//! States in a PostgreSQL database: in the layout of Terraform's `pg` backend, so that both
//! engines take turns on one database, or in rows of their own for each resource instance, with
//! the history of every state.
//!
//! Calls block. Each connection has a thread with a small runtime of its own, so callers may be
//! inside another runtime or not.

mod address;
mod fault;
mod link;
pub mod pg;
pub mod rows;
mod settings;
mod tls;

pub use pg::PgBackend;
pub use rows::{RowsBackend, RowsStore};
