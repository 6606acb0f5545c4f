//! States in a bucket of Amazon S3, or of a service that speaks like it, with the layout and the
//! locks of Terraform's `s3` backend, so that both can work on one state in turn.
//!
//! States are only written where nobody else has written since they were read, which the service
//! itself decides. Locks are objects that are only stored where there is none, items of a table
//! of DynamoDB, or both. A request whose answer was lost is sent again, and what it may have done
//! already is recognised.

mod backend;
mod bridge;
mod bucket;
mod config;
mod desk;
mod endpoint;
mod fault;
mod keyring;
mod lock;
mod role;
mod service;
mod settings;
mod store;
mod sts;
mod table;
mod transport;
mod wire;
mod xml;

pub use backend::S3Backend;
pub use settings::SETTINGS;

#[cfg(test)]
mod tests;
