//! Packages for other platforms than this one: their checksums for the lock file, and copies of
//! them for a mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muster_addr::ProviderAddr;
use muster_config::version::Version;

use crate::fetch::{Fetched, Wanted, blocking, fetch};
use crate::installer::{Event, Installer, Listener, hashes_of};
use crate::layout::{self, Place};
use crate::network_mirror::{Archive, Archives, Empty, Index};
use crate::place::scratch;
use crate::verify::Authentication;
use crate::{Hash, InstallError, Platform, archive_name, hash_archive};

impl Installer {
    /// The checksums to lock for a package: those of the release that its publisher signed, and
    /// the one of the package itself. `locked` are those that the lock file has; unlike in an
    /// installation, they do not have to fit.
    pub async fn checksums(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
        on: &Listener<'_>,
    ) -> Result<BTreeSet<Hash>, InstallError> {
        let scratch = tempfile::tempdir().map_err(InstallError::file(&std::env::temp_dir()))?;
        let fetched = self
            .fetch_for(addr, version, platform, scratch.path(), on)
            .await?;
        Ok(hashes_of(&fetched.contents, &fetched.verdict))
    }

    /// Puts the archive of a package into a directory that is then a filesystem mirror, and a
    /// network mirror when a web server offers it. An archive that is there and fits is kept.
    pub async fn mirror(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
        dir: &Path,
        on: &Listener<'_>,
    ) -> Result<Authentication, InstallError> {
        let root = dir.to_owned();
        let scratch = blocking(move || scratch(&root)).await?;
        let fetched = self
            .fetch_for(addr, version, platform, scratch.path(), on)
            .await?;
        let folder = layout::provider_dir(dir, addr);
        let to = folder.join(archive_name(addr, version, platform));
        let verdict = fetched.verdict.authentication;
        let Fetched { archive, .. } = fetched;
        let (path, _) = archive.ok_or_else(|| InstallError::NoPackage {
            addr: addr.clone(),
            version: version.clone(),
            platform: platform.clone(),
        })?;
        blocking(move || {
            std::fs::create_dir_all(&folder).map_err(InstallError::file(&folder))?;
            let moved = match path.starts_with(scratch.path()) {
                true => std::fs::rename(&path, &to),
                false => std::fs::copy(&path, &to).map(|_| ()),
            };
            moved.map_err(InstallError::file(&to))
        })
        .await?;
        Ok(verdict)
    }

    async fn fetch_for(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
        scratch: &Path,
        on: &Listener<'_>,
    ) -> Result<Fetched, InstallError> {
        on(Event::Fetching(
            addr.clone(),
            version.clone(),
            platform.clone(),
        ));
        let wanted = Wanted {
            addr: addr.clone(),
            version: version.clone(),
            platform: platform.clone(),
            locked: BTreeSet::new(),
        };
        let package = self.package(addr, version, platform).await?;
        let fetched = fetch(&self.http, &wanted, &package, scratch).await?;
        let authentication = fetched.verdict.authentication;
        on(Event::Fetched(
            addr.clone(),
            version.clone(),
            platform.clone(),
            authentication,
        ));
        Ok(fetched)
    }
}

/// Writes the lists that make a directory of archives a network mirror, for one provider.
pub fn write_index(dir: &Path, addr: &ProviderAddr) -> Result<(), InstallError> {
    let folder = layout::provider_dir(dir, addr);
    let mut versions: BTreeMap<String, Archives> = BTreeMap::new();
    for entry in layout::entries(dir, addr) {
        let Place::Packed(path) = entry.place else {
            continue;
        };
        let archives = versions.entry(entry.version.to_string()).or_default();
        archives
            .archives
            .insert(entry.platform.to_string(), describe(&path)?);
    }
    let index = Index {
        versions: versions.keys().map(|v| (v.clone(), Empty {})).collect(),
    };
    for (version, archives) in &versions {
        write_json(&folder.join(format!("{version}.json")), archives)?;
    }
    write_json(&folder.join("index.json"), &index)
}

/// An archive with both checksums.
fn describe(path: &Path) -> Result<Archive, InstallError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let scratch = tempfile::tempdir().map_err(InstallError::file(&std::env::temp_dir()))?;
    let dir = scratch.path().join("package");
    crate::unpack::unpack(path, &dir).map_err(|reason| InstallError::Unpack {
        package: name.to_string(),
        reason,
    })?;
    let contents = crate::hash_directory(&dir).map_err(InstallError::file(&dir))?;
    let archive = hash_archive(path).map_err(InstallError::file(path))?;
    Ok(Archive {
        hashes: vec![contents.to_string(), archive.to_string()],
        url: name.to_string(),
    })
}

fn write_json(path: &Path, data: &impl serde::Serialize) -> Result<(), InstallError> {
    let write = || {
        let mut text = serde_json::to_string_pretty(data)?;
        text.push('\n');
        std::fs::write(path, text)
    };
    write().map_err(InstallError::file(path))
}
