//! The version 4 state file.

mod file;
mod read;
mod write;

/// The field with the version of an identity.
const IDENTITY_VERSION: &str = "identity_schema_version";

pub use read::decode;
pub use write::{encode, encode_instance, encode_instance_onto, encode_pieces};
#[cfg(test)]
mod tests;
