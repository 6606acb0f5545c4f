//! States in a bucket of Amazon S3, or of a service that speaks like it, with the layout and the
//! locks of Terraform's `s3` backend.

mod bridge;
mod bucket;
mod config;
mod endpoint;
mod fault;

mod keyring;
mod role;
mod service;
mod settings;
mod sts;
mod transport;
mod wire;
mod xml;

pub use settings::SETTINGS;
