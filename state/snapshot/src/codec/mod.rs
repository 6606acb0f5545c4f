//! The version 4 state file.

mod file;
mod read;
mod write;

pub use read::decode;
pub use write::encode;
#[cfg(test)]
mod tests;
