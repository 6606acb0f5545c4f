//! Sees to it that a package is in its place: from there, from the cache or from its source.

use std::path::{Path, PathBuf};

use crate::cache::Slot;
use crate::fetch::{Fetched, Wanted, blocking, fetch};
use crate::installer::{Event, Installer, Listener};
use crate::place::{place_directory, place_link, scratch};
use crate::source::{Origin, Package};
use crate::verify::Verdict;
use crate::{Hash, InstallError, hash_directory, package_dir, program_in};

impl Installer {
    /// Sees to it that a package is in its place. Without a verdict it was there or in the cache,
    /// and is one of those in the lock file.
    pub(crate) async fn ensure(
        &self,
        wanted: &Wanted,
        dir: &Path,
        on: &Listener<'_>,
    ) -> Result<(Hash, Option<Verdict>), InstallError> {
        let (addr, version) = (wanted.addr.clone(), wanted.version.clone());
        let target = package_dir(dir, &addr, &version, &wanted.platform);
        if let Some(contents) = locked_in(&target, wanted).await? {
            on(Event::Present(addr, version));
            return Ok((contents, None));
        }
        let root = dir.to_owned();
        let slot = self
            .cache
            .as_deref()
            .map(|cache| Slot::new(cache, &addr, &version, &wanted.platform));
        if let Some(slot) = &slot
            && let Some(contents) = locked_in(&slot.dir, wanted).await?
        {
            on(Event::Shared(addr, version));
            let source = slot.dir.clone();
            blocking(move || place_link(&source, &target, scratch(&root)?.path())).await?;
            return Ok((contents, None));
        }
        on(Event::Installing(addr.clone(), version.clone()));
        let package = self.package(&addr, &version, &wanted.platform).await?;
        let (contents, verdict) = match (&package.origin, slot) {
            (Origin::Url { .. } | Origin::Archive(_), Some(slot)) => {
                self.through_cache(wanted, &package, slot, &target, &root)
                    .await?
            }
            _ => self.straight(wanted, &package, &target, root).await?,
        };
        on(Event::Installed(addr, version, verdict.authentication));
        Ok((contents, Some(verdict)))
    }

    async fn straight(
        &self,
        wanted: &Wanted,
        package: &Package,
        target: &Path,
        root: PathBuf,
    ) -> Result<(Hash, Verdict), InstallError> {
        let scratch = blocking(move || scratch(&root)).await?;
        let fetched = fetch(&self.http, wanted, package, scratch.path()).await?;
        let target = target.to_owned();
        blocking(move || {
            let Fetched {
                dir,
                contents,
                archive,
                verdict,
            } = fetched;
            match archive {
                Some(_) => place_directory(&dir, &target, scratch.path())?,
                None => place_link(&dir, &target, scratch.path())?,
            }
            Ok((contents, verdict))
        })
        .await
    }

    /// Puts a package into the cache, where it may be by now, and a link in its place.
    async fn through_cache(
        &self,
        wanted: &Wanted,
        package: &Package,
        slot: Slot,
        target: &Path,
        root: &Path,
    ) -> Result<(Hash, Verdict), InstallError> {
        let (waiting, looking) = (slot.clone(), slot.clone());
        let lock = blocking(move || waiting.lock()).await?;
        let cached = blocking(move || Ok(looking.get())).await?;
        let known = cached.and_then(|cached| {
            // One that does not pass the checks is not used, but replaced.
            let archive = cached.archive?;
            let verdict = wanted
                .check(package, Some(&archive), &cached.contents)
                .ok()?;
            Some((cached.contents, verdict))
        });
        let (contents, verdict) = match known {
            Some(known) => known,
            None => {
                let filling = slot.clone();
                let scratch = blocking(move || filling.scratch()).await?;
                let fetched = fetch(&self.http, wanted, package, scratch.path()).await?;
                let filling = slot.clone();
                blocking(move || {
                    let Fetched {
                        dir,
                        contents,
                        archive,
                        verdict,
                    } = fetched;
                    let (_, sum) = archive.ok_or(InstallError::Aborted)?;
                    filling.put(&dir, &contents, &sum, &scratch)?;
                    Ok((contents, verdict))
                })
                .await?
            }
        };
        drop(lock);
        let (target, root) = (target.to_owned(), root.to_owned());
        blocking(move || place_link(&slot.dir, &target, scratch(&root)?.path())).await?;
        Ok((contents, verdict))
    }
}

/// The checksum of the package in a directory, if it is one of those in the lock file.
async fn locked_in(dir: &Path, wanted: &Wanted) -> Result<Option<Hash>, InstallError> {
    if wanted.locked.is_empty() || program_in(dir, &wanted.addr).is_none() {
        return Ok(None);
    }
    let dir = dir.to_owned();
    let contents = blocking(move || hash_directory(&dir).map_err(InstallError::file(&dir))).await?;
    Ok(Some(contents).filter(|hash| wanted.locked.contains(hash)))
}
