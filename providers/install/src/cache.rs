//! The plugin cache: a directory of unpacked packages that many working directories share.
//!
//! Its layout is Terraform's. Beside it, in `.muster`, stands a receipt for every package that
//! was put there by this crate: the checksum of the archive that it was unpacked from. With it a
//! package can be held against signed checksums again without another download. Packages are put
//! in under a lock each, so that many who need the same one download it once.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::Version;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::place::{place_directory, scratch};
use crate::{Hash, InstallError, Platform, hash_directory, package_dir, program_in};

/// The place of one package in a cache.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The package's own directory.
    pub dir: PathBuf,
    addr: ProviderAddr,
    /// The directory for what is not part of the layout.
    notes: PathBuf,
    key: String,
}

/// A package that is in a cache.
#[derive(Clone, Debug)]
pub(crate) struct Cached {
    pub contents: Hash,
    /// The checksum of the archive it was unpacked from, if that is known.
    pub archive: Option<[u8; 32]>,
}

#[derive(Deserialize, Serialize)]
struct Receipt {
    archive: String,
    contents: String,
}

impl Slot {
    pub(crate) fn new(
        cache: &Path,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
    ) -> Self {
        let key = format!("{addr}/{version}/{platform}");
        Self {
            dir: package_dir(cache, addr, version, platform),
            addr: addr.clone(),
            notes: cache.join(".muster"),
            key: key.replace(['/', ':'], "!"),
        }
    }

    /// Waits until nobody else puts this package in. The lock ends with the file.
    pub(crate) fn lock(&self) -> Result<File, InstallError> {
        let path = self.notes.join(format!("{}.lock", self.key));
        let open = || {
            std::fs::create_dir_all(&self.notes)?;
            let file = File::options().create(true).append(true).open(&path)?;
            match file.lock() {
                // Without locks two may download the same package, and nothing worse.
                Err(e) if e.kind() != io::ErrorKind::Unsupported => Err(e),
                _ => Ok(file),
            }
        };
        open().map_err(InstallError::file(&path))
    }

    /// What is in the cache.
    pub(crate) fn get(&self) -> Option<Cached> {
        program_in(&self.dir, &self.addr)?;
        let contents = hash_directory(&self.dir).ok()?;
        let receipt = std::fs::read(self.receipt()).ok();
        let receipt = receipt.and_then(|text| serde_json::from_slice::<Receipt>(&text).ok());
        let receipt = receipt.filter(|receipt| receipt.contents == contents.as_str());
        let archive = receipt.and_then(|r| crate::hash::parse_sha256(&r.archive));
        Some(Cached { contents, archive })
    }

    /// A directory for a package on its way into the cache.
    pub(crate) fn scratch(&self) -> Result<TempDir, InstallError> {
        scratch(&self.notes)
    }

    /// Puts a package in, unless it is there already.
    pub(crate) fn put(
        &self,
        from: &Path,
        contents: &Hash,
        archive: &[u8; 32],
        scratch: &TempDir,
    ) -> Result<(), InstallError> {
        let same = hash_directory(&self.dir).is_ok_and(|found| found == *contents);
        if !same {
            place_directory(from, &self.dir, scratch.path())?;
        }
        let receipt = Receipt {
            archive: crate::hash::hex(archive),
            contents: contents.to_string(),
        };
        let path = scratch.path().join("receipt");
        let write = || {
            std::fs::write(&path, serde_json::to_vec(&receipt)?)?;
            std::fs::rename(&path, self.receipt())
        };
        write().map_err(InstallError::file(&self.receipt()))
    }

    fn receipt(&self) -> PathBuf {
        self.notes.join(format!("{}.json", self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_for_unchanged_packages() {
        let cache = tempfile::tempdir().unwrap();
        let addr = ProviderAddr::new("a", "b");
        let slot = Slot::new(
            cache.path(),
            &addr,
            &Version::parse("1.0.0").unwrap(),
            &Platform::current(),
        );
        assert!(slot.get().is_none());
        let scratch = slot.scratch().unwrap();
        let package = scratch.path().join("package");
        std::fs::create_dir(&package).unwrap();
        std::fs::write(package.join("terraform-provider-b"), "1").unwrap();
        let contents = hash_directory(&package).unwrap();
        slot.put(&package, &contents, &[7; 32], &scratch).unwrap();
        let cached = slot.get().unwrap();
        assert_eq!((cached.contents, cached.archive), (contents, Some([7; 32])));
        std::fs::write(slot.dir.join("terraform-provider-b"), "2").unwrap();
        assert_eq!(slot.get().unwrap().archive, None);
    }
}
