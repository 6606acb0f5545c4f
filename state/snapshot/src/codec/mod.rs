//! The version 4 state file.

mod file;
mod read;
mod write;

pub use read::decode;
pub use write::encode;
pub(crate) use write::encode_body;
#[cfg(test)]
mod tests;
