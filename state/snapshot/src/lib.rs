//! What a run remembers: resources, their instances and deposed objects, root outputs, a serial
//! number and a lineage; and the version 4 state file, byte for byte as Terraform writes it.
//!
//! Nothing here opens files, and attributes stay text until somebody asks for a value, so that
//! reading and writing cost the same per resource however many there are.

mod codec;
mod error;
mod json;
mod object;
mod snapshot;
mod tree;

pub use codec::{decode, encode, encode_instance, encode_instance_onto, encode_pieces};
pub use error::StateError;
pub use json::JsonText;
pub use object::{Attributes, DeposedKey, Identity, Object, Private, Status};
pub use snapshot::{Instance, OutputValue, Resource, Snapshot};

/// A shared, immutable string.
pub type Str = std::sync::Arc<str>;
