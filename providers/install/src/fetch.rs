//! Gets a package: downloads it where it has to be, holds it against what is promised of it, and
//! unpacks it.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use muster_addr::ProviderAddr;
use muster_config::version::Version;

use crate::hash::sha256_of;
use crate::http::Http;
use crate::source::{Origin, Package};
use crate::unpack::unpack;
use crate::verify::{Authentication, Promise, Verdict};
use crate::{Hash, InstallError, Platform, hash_directory, program_in};

/// Longer ones are no provider.
const LONGEST_ARCHIVE: u64 = 2 * 1024 * 1024 * 1024;

/// Which package is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub addr: ProviderAddr,
    pub version: Version,
    pub platform: Platform,
    /// Checksums in the lock file; empty when it has none for this version.
    pub locked: BTreeSet<Hash>,
}

/// A package that passed all checks.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    /// Its files.
    pub dir: PathBuf,
    pub contents: Hash,
    /// The archive, and its checksum, if there is one.
    pub archive: Option<(PathBuf, [u8; 32])>,
    pub verdict: Verdict,
}

impl Wanted {
    /// Refuses a package that is none of those in the lock file.
    fn check_locked(
        &self,
        archive: Option<&[u8; 32]>,
        contents: &Hash,
    ) -> Result<(), InstallError> {
        let archive = archive.map(Hash::of_archive);
        let mut found = archive.iter().chain([contents]);
        if self.locked.is_empty() || found.any(|hash| self.locked.contains(hash)) {
            return Ok(());
        }
        Err(InstallError::NotLocked {
            addr: self.addr.clone(),
            version: self.version.clone(),
            platform: self.platform.clone(),
        })
    }

    /// All checks that are made of a package, with its archive if there was one.
    pub(crate) fn check(
        &self,
        package: &Package,
        archive: Option<&[u8; 32]>,
        contents: &Hash,
    ) -> Result<Verdict, InstallError> {
        let mut verdict = match archive {
            Some(sha256) => package.promise.check_archive(&package.name, sha256)?,
            None => Promise::None.check_archive(&package.name, &[0; 32])?,
        };
        package.promise.check_contents(&package.name, contents)?;
        self.check_locked(archive, contents)?;
        if verdict.authentication == Authentication::Unauthenticated && !self.locked.is_empty() {
            verdict.authentication = Authentication::Locked;
        }
        Ok(verdict)
    }
}

/// Gets a package. What has to be stored is stored in `scratch`.
pub(crate) async fn fetch(
    http: &Http,
    wanted: &Wanted,
    package: &Package,
    scratch: &Path,
) -> Result<Fetched, InstallError> {
    let archive = match &package.origin {
        Origin::Directory(_) => None,
        Origin::Archive(path) => {
            let path = path.clone();
            let read = path.clone();
            let sum = blocking(move || sum_of(&read)).await?;
            Some((path, sum))
        }
        Origin::Url { url, token } => {
            let path = scratch.join("archive.zip");
            let sum = http.download(url, token.as_deref(), &path, LONGEST_ARCHIVE);
            let sum = sum.await?;
            Some((path, sum))
        }
    };
    let (wanted, package, scratch) = (wanted.clone(), package.clone(), scratch.to_owned());
    blocking(move || open(&wanted, &package, archive, &scratch)).await
}

/// Unpacks and checks. Nothing is unpacked before what its source promised is checked.
fn open(
    wanted: &Wanted,
    package: &Package,
    archive: Option<(PathBuf, [u8; 32])>,
    scratch: &Path,
) -> Result<Fetched, InstallError> {
    let dir = match (&package.origin, &archive) {
        (Origin::Directory(dir), _) => dir.clone(),
        (_, Some((path, sha256))) => {
            package.promise.check_archive(&package.name, sha256)?;
            let dir = scratch.join("package");
            unpack(path, &dir).map_err(|reason| InstallError::Unpack {
                package: package.name.clone(),
                reason,
            })?;
            dir
        }
        (_, None) => return Err(InstallError::Aborted),
    };
    if program_in(&dir, &wanted.addr).is_none() {
        return Err(InstallError::NoProgram {
            addr: wanted.addr.clone(),
            package: package.name.clone(),
        });
    }
    let contents = hash_directory(&dir).map_err(InstallError::file(&dir))?;
    let verdict = wanted.check(package, archive.as_ref().map(|(_, sum)| sum), &contents)?;
    Ok(Fetched {
        dir,
        contents,
        archive,
        verdict,
    })
}

fn sum_of(path: &Path) -> Result<[u8; 32], InstallError> {
    let mut file = File::open(path).map_err(InstallError::file(path))?;
    sha256_of(&mut file).map_err(InstallError::file(path))
}

/// Does something that takes long, beside the tasks that wait for the network.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, InstallError> + Send + 'static,
) -> Result<T, InstallError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(InstallError::Aborted),
    }
}
