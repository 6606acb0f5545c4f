//! Finds, downloads, verifies, unpacks, caches and locks the packages of providers.

mod hash;
mod lock;
mod platform;

pub use hash::{Hash, hash_archive, hash_directory};
pub use lock::{LOCK_FILE, LockError, LockFile, Locked};
pub use platform::Platform;
