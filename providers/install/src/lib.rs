//! Finds, downloads, verifies, unpacks, caches and locks the packages of providers.

mod cache;
mod discovery;
mod ensure;
mod error;
mod fetch;
mod hash;
mod hosts;
mod http;
mod installer;
mod layout;
mod lock;
mod network_mirror;
mod openpgp;
mod other_platforms;
mod place;
mod platform;
mod registry;
mod source;
mod unpack;
mod verify;

pub use discovery::Discovery;
pub use error::{Failure, InstallError};
pub use hash::{Hash, hash_archive, hash_directory};
pub use hosts::{DEFAULT_HOST, DEFAULT_REGISTRY, Hosts};
pub use http::{Answer, Http, HttpError, HttpOptions, HttpReason, authority_of};
pub use installer::{Event, Installation, Installer, Listener, Request, Settings};
pub use layout::{archive_name, package_dir, program_in, providers_in, unpacked_versions};
pub use lock::{LOCK_FILE, LockError, LockFile, Locked};
pub use openpgp::{KeyId, PgpError};
pub use other_platforms::write_index;
pub use place::{place_directory, place_link, scratch};
pub use platform::Platform;
pub use source::{Method, MethodKind};
pub use unpack::UnpackError;
pub use verify::Authentication;
