//! Schemas of plugins, kept on disk between runs under the checksum of the program.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tonic::codegen::Bytes;

/// Changes when the form of the files does.
const MAGIC: &[u8; 8] = b"MUSTERS3";

/// A folder of schemas.
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// The cache in a folder, which need not be there yet.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn path(&self, checksum: &str) -> PathBuf {
        self.folder.join(format!("{checksum}.schema"))
    }

    /// The schema of a program and the protocol version it speaks. A file that is not whole is
    /// no file.
    pub(crate) fn load(&self, checksum: &str) -> Option<(u32, Bytes)> {
        let bytes = Bytes::from(fs::read(self.path(checksum)).ok()?);
        let rest = bytes.strip_prefix(MAGIC)?;
        let (version, rest) = rest.split_first_chunk()?;
        let (sum, body) = rest.split_first_chunk()?;
        // Read on every run; a cryptographic sum would take longer than all else about a schema.
        (crc32fast::hash(body) == u32::from_be_bytes(*sum))
            .then(|| (u32::from_be_bytes(*version), bytes.slice_ref(body)))
    }

    /// Keeps a schema. It is a help and no more: that it cannot be kept is no error.
    pub(crate) fn store(&self, checksum: &str, version: u32, schema: &[u8]) {
        let _ = self.try_store(checksum, version, schema);
    }

    fn try_store(&self, checksum: &str, version: u32, schema: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(schema.len() + 16);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&crc32fast::hash(schema).to_be_bytes());
        bytes.extend_from_slice(schema);
        write(&self.path(checksum), &bytes)
    }
}

/// Writes a file of the cache in one go: readers see all of it or nothing.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(|_: File| ()).map_err(|e| e.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_files_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(&dir.path().join("deep"));
        assert!(cache.load("x").is_none());
        cache.store("x", 6, b"schema");
        assert_eq!(cache.load("x").unwrap(), (6, Bytes::from_static(b"schema")));
        let mut bytes = fs::read(cache.path("x")).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(cache.path("x"), &bytes).unwrap();
        assert!(cache.load("x").is_none());
        fs::write(cache.path("x"), b"").unwrap();
        assert!(cache.load("x").is_none());
    }
}
