//! Finds, downloads, verifies, unpacks, caches and locks the packages of providers.

mod hash;
mod layout;
mod lock;
mod openpgp;
mod platform;
mod unpack;

pub use hash::{Hash, hash_archive, hash_directory};
pub use layout::{archive_name, package_dir, program_in, providers_in};
pub use lock::{LOCK_FILE, LockError, LockFile, Locked};
pub use openpgp::{KeyId, PgpError};
pub use platform::Platform;
pub use unpack::UnpackError;
