//! Installs what a configuration needs: selects versions, then gets the packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::join_all;
use muster_addr::ProviderAddr;
use muster_config::version::{Constraints, Version};
use reqwest::Url;
use tokio::sync::Semaphore;

use crate::fetch::Wanted;
use crate::http::Http;
use crate::network_mirror::NetworkMirror;
use crate::registry::Registries;
use crate::source::{Package, Reach, Source};
use crate::verify::{Authentication, Verdict};
use crate::{
    Failure, Hash, Hosts, HttpOptions, InstallError, LockFile, Locked, Method, MethodKind, Platform,
};

/// So many packages are on their way at a time.
const AT_ONCE: usize = 8;

/// How providers are installed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where packages come from. The first that has a version is taken.
    pub methods: Vec<Method>,
    /// What is known of hosts.
    pub hosts: Hosts,
    /// How requests are made.
    pub http: HttpOptions,
    /// The platform to install for.
    pub platform: Platform,
    /// A directory of packages that are shared with other working directories.
    pub cache: Option<PathBuf>,
}

impl Default for Settings {
    /// From registries, for this platform.
    fn default() -> Self {
        Self {
            methods: vec![Method::all(MethodKind::Direct)],
            hosts: Hosts::default(),
            http: HttpOptions::default(),
            platform: Platform::current(),
            cache: None,
        }
    }
}

/// What is to be installed.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The providers, with all that is asked of their versions.
    pub wanted: &'a BTreeMap<ProviderAddr, Constraints>,
    /// What was selected before.
    pub lock: &'a LockFile,
    /// Whether newer versions are selected than those that are locked.
    pub upgrade: bool,
    /// Where packages are put, such as `.terraform/providers`.
    pub dir: &'a Path,
}

/// What was installed.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// What is selected now: exactly the providers that were asked for.
    pub lock: LockFile,
    /// Providers whose only checksum is the one of the package for this platform.
    pub incomplete: Vec<ProviderAddr>,
}

/// What happens. Events of different providers come in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The sources are asked for versions.
    Finding(ProviderAddr, Constraints),
    /// The version in the lock file is taken.
    Reusing(ProviderAddr),
    /// The package is there already.
    Present(ProviderAddr, Version),
    /// The package is taken from the cache.
    Shared(ProviderAddr, Version),
    /// A package is looked up, downloaded and checked.
    Installing(ProviderAddr, Version),
    /// It is in its place.
    Installed(ProviderAddr, Version, Authentication),
    /// A package for some platform is looked up, downloaded and checked.
    Fetching(ProviderAddr, Version, Platform),
    /// It was, and is what it should be.
    Fetched(ProviderAddr, Version, Platform, Authentication),
}

/// Is told of events.
pub type Listener<'a> = dyn Fn(Event) + Sync + 'a;

/// See the module.
#[derive(Debug)]
pub struct Installer {
    pub(crate) http: Http,
    sources: Vec<Source>,
    platform: Platform,
    pub(crate) cache: Option<PathBuf>,
}

impl Installer {
    /// An installer. Fails when a mirror's address is none.
    pub fn new(settings: Settings) -> Result<Self, InstallError> {
        let http = Http::new(settings.http)?;
        let hosts = Arc::new(settings.hosts);
        let registries = Arc::new(Registries::new(http.clone(), Arc::clone(&hosts)));
        let reach = |kind: &MethodKind| {
            Ok::<_, InstallError>(match kind {
                MethodKind::Direct => Reach::Registry(Arc::clone(&registries)),
                MethodKind::FilesystemMirror(dir) => Reach::Directory(dir.clone()),
                MethodKind::NetworkMirror(url) => Reach::Mirror(Box::new(NetworkMirror {
                    http: http.clone(),
                    hosts: Arc::clone(&hosts),
                    base: mirror_url(url)?,
                })),
            })
        };
        let sources: Result<_, InstallError> = settings
            .methods
            .into_iter()
            .map(|method| {
                let reach = reach(&method.kind)?;
                Ok(Source { method, reach })
            })
            .collect();
        Ok(Self {
            sources: sources?,
            http,
            platform: settings.platform,
            cache: settings.cache,
        })
    }

    /// Installs providers. Nothing but their packages is written; the caller saves the lock
    /// file. All that goes wrong is told.
    pub async fn install(
        &self,
        request: &Request<'_>,
        on: &Listener<'_>,
    ) -> Result<Installation, Vec<Failure>> {
        let selections = request.wanted.iter().map(|(addr, constraints)| async move {
            let locked = request
                .lock
                .providers
                .get(addr)
                .filter(|_| !request.upgrade);
            let selected = self.select(addr, constraints, locked, on).await;
            selected
                .map(|version| (addr, version))
                .map_err(|error| Failure {
                    addr: addr.clone(),
                    version: None,
                    error,
                })
        });
        let selected = all(join_all(selections).await)?;
        let at_once = &Semaphore::new(AT_ONCE);
        let installs = selected.into_iter().map(|(addr, version)| async move {
            let _permit = at_once.acquire().await;
            let installed = self.install_one(request, addr, version.clone(), on).await;
            installed
                .map(|(locked, incomplete)| (addr, locked, incomplete))
                .map_err(|error| Failure {
                    addr: addr.clone(),
                    version: Some(version),
                    error,
                })
        });
        let mut installation = Installation::default();
        for (addr, locked, incomplete) in all(join_all(installs).await)? {
            installation.lock.providers.insert(addr.clone(), locked);
            if incomplete {
                installation.incomplete.push(addr.clone());
            }
        }
        Ok(installation)
    }

    /// The version to use: the one that is locked, or else the newest that is allowed.
    pub async fn select(
        &self,
        addr: &ProviderAddr,
        constraints: &Constraints,
        locked: Option<&Locked>,
        on: &Listener<'_>,
    ) -> Result<Version, InstallError> {
        if let Some(locked) = locked {
            on(Event::Reusing(addr.clone()));
            if constraints.allow_provider(&locked.version) {
                return Ok(locked.version.clone());
            }
            return Err(InstallError::LockedOut {
                locked: locked.version.clone(),
                constraints: constraints.clone(),
            });
        }
        on(Event::Finding(addr.clone(), constraints.clone()));
        let mut available = self.versions(addr).await?;
        let newest = available
            .iter()
            .filter(|v| constraints.allow_provider(v))
            .max();
        newest.cloned().ok_or_else(|| {
            available.sort();
            available.dedup();
            InstallError::NoVersion {
                constraints: constraints.clone(),
                available,
            }
        })
    }

    /// All versions that any source has.
    async fn versions(&self, addr: &ProviderAddr) -> Result<Vec<Version>, InstallError> {
        let mut found = None;
        for source in self.sources_of(addr) {
            if let Some(versions) = source.versions(addr).await? {
                found.get_or_insert_with(Vec::new).extend(versions);
            }
        }
        found.ok_or_else(|| self.not_found(addr))
    }

    /// A package from the first source that has it.
    pub(crate) async fn package(
        &self,
        addr: &ProviderAddr,
        version: &Version,
        platform: &Platform,
    ) -> Result<Package, InstallError> {
        let mut error = None;
        for source in self.sources_of(addr) {
            match source.package(addr, version, platform).await {
                Ok(Some(package)) => return Ok(package),
                Ok(None) => {}
                Err(e) if e.is_absence() => error = Some(e),
                Err(e) => return Err(e),
            }
        }
        Err(error.unwrap_or_else(|| InstallError::NoPackage {
            addr: addr.clone(),
            version: version.clone(),
            platform: platform.clone(),
        }))
    }

    fn sources_of<'a>(&'a self, addr: &'a ProviderAddr) -> impl Iterator<Item = &'a Source> {
        self.sources
            .iter()
            .filter(|source| source.method.covers(addr))
    }

    fn not_found(&self, addr: &ProviderAddr) -> InstallError {
        InstallError::NotFound {
            addr: addr.clone(),
            places: self.sources_of(addr).map(|s| s.place(addr)).collect(),
        }
    }

    /// Installs a version, and tells what to lock and whether that is for this platform only.
    async fn install_one(
        &self,
        request: &Request<'_>,
        addr: &ProviderAddr,
        version: Version,
        on: &Listener<'_>,
    ) -> Result<(Locked, bool), InstallError> {
        let before = request
            .lock
            .providers
            .get(addr)
            .filter(|l| l.version == version);
        let wanted = Wanted {
            addr: addr.clone(),
            version,
            platform: self.platform.clone(),
            locked: before.map(|l| l.hashes.clone()).unwrap_or_default(),
        };
        let (contents, verdict) = self.ensure(&wanted, request.dir, on).await?;
        let complete =
            !wanted.locked.is_empty() || verdict.as_ref().is_some_and(|v| !v.hashes.is_empty());
        let mut hashes = wanted.locked;
        hashes.insert(contents);
        hashes.extend(verdict.into_iter().flat_map(|v| v.hashes));
        let locked = Locked {
            version: wanted.version,
            constraints: request.wanted.get(addr).cloned().unwrap_or_default(),
            hashes,
        };
        Ok((locked, !complete))
    }
}

/// All successes, or all failures.
fn all<T>(results: Vec<Result<T, Failure>>) -> Result<Vec<T>, Vec<Failure>> {
    let (done, failed): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    if failed.is_empty() {
        Ok(done.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(failed.into_iter().filter_map(Result::err).collect())
    }
}

fn mirror_url(text: &str) -> Result<Url, InstallError> {
    let slash = if text.ends_with('/') { "" } else { "/" };
    Url::parse(&format!("{text}{slash}")).map_err(|e| InstallError::Answer {
        url: text.to_owned(),
        reason: format!("a network mirror has an address with https ({e})"),
    })
}

/// Checksums, as lock files have them.
pub(crate) fn hashes_of(contents: &Hash, verdict: &Verdict) -> BTreeSet<Hash> {
    let mut hashes: BTreeSet<Hash> = verdict.hashes.iter().cloned().collect();
    hashes.insert(contents.clone());
    hashes
}
